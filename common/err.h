/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object. Every fallible function takes one as its last parameter, owned by the caller.
 * It is set once, where the failure occurs, with the offending value; callers add context only;
 * the top level of a program prints it. Setting an error never allocates and never fails.
 *
 * Convention for all of weft: functions return 0 for success, -1 for failure with err set; look-ups
 * return 1 found, 0 absent, -1 failed. Outputs are unchanged on failure.
 */
#pragma once

enum err_code {
	ERR_NONE = 0,
	/* Codes that the CNI specification reserves (CNI 1.1.0, "Error"). */
	ERR_VERSION,           /* 1: incompatible CNI version */
	ERR_FIELD,             /* 2: unsupported field; the text has key and value */
	ERR_UNKNOWN_CONTAINER, /* 3 */
	ERR_ENV,               /* 4: missing or invalid CNI_* variable */
	ERR_IO,                /* 5 */
	ERR_DECODE,            /* 6: malformed content */
	ERR_CONFIG,            /* 7: invalid configuration */
	ERR_NETNS,             /* 8: unusable as the container's namespace */
	ERR_AGAIN,             /* 11: try again later */
	ERR_UNAVAILABLE,       /* 50: the plugin cannot serve ADD */
	ERR_LIMITED,           /* 51: and existing containers have limited connectivity */
	/* weft's own, from 100 on; listed in weft(8). */
	ERR_KERNEL,    /* 100: the kernel rejected a netlink request or sysctl */
	ERR_POOL_FULL, /* 101: no free address in the node's subnet */
	ERR_ADDRESS,   /* 102: a requested address is not available */
	ERR_ATTACHED,  /* 103: the attachment already exists */
	ERR_STATE,     /* 104: a state file is missing or damaged */
	ERR_STORE,     /* 105: the store rejected a request or is unreachable */
	ERR_CHECK,     /* 106: CHECK found a difference */
	ERR_DELEGATE,  /* 107: a delegated plugin failed */
	ERR_NOMEM,     /* 108 */
	ERR_INTERNAL,  /* 109: a defect in weft */
	ERR_CODES      /* number of codes */
};

#define ERR_TEXT_SIZE 512
#define ERR_DETAILS_SIZE 256

struct err {
	enum err_code code;
	int sys_errno; /* errno of the failure; 0: none */
	char text[ERR_TEXT_SIZE];
	char details[ERR_DETAILS_SIZE]; /* CNI "details"; "": none */
};

/* The initial value of every struct err. */
#define ERR_INIT ((struct err){ .code = ERR_NONE })

/*
 * Declares a struct err that is only read after a failure, in a function that runs for each of many
 * keys: the compiler does not clear it (Makefile, -ftrivial-auto-var-init).
 */
#define ERR_UNSET __attribute__((uninitialized))

/* Sets code and text. Always returns -1, for use in a return statement. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set, and appends ": " and strerror(sys_errno), a positive errno. */
int err_sys(struct err *err, enum err_code code, int sys_errno, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Prepends context and ": " to the text. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the details of an error that has been set. Always returns -1. */
int err_details(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets ERR_NOMEM, naming what was being allocated. Always returns -1. */
int err_nomem(struct err *err, const char *what);

/*
 * Makes the -1 visible to compilers and analyzers, which would otherwise follow failed paths to
 * uninitialized outputs.
 */
static inline int err_failed(int always_minus_one)
{
	(void)always_minus_one;
	return -1;
}
#define err_set(...) err_failed(err_set(__VA_ARGS__))
#define err_sys(...) err_failed(err_sys(__VA_ARGS__))
#define err_wrap(...) err_failed(err_wrap(__VA_ARGS__))
#define err_details(...) err_failed(err_details(__VA_ARGS__))
#define err_nomem(...) err_failed(err_nomem(__VA_ARGS__))

#define ERR_SHOW_SIZE 64
/*
 * Escapes untrusted text for an error: control characters and invalid UTF-8 as \x1b; truncated at
 * about 60 bytes, with "..." appended. Returns buf.
 */
const char *err_show_text(char buf[static ERR_SHOW_SIZE], const char *text);
/*
 * As err_show_text, in a buffer that is valid to the end of the block: err_set(err, ERR_ENV,
 * "\"%s\"", ERR_SHOW(text)).
 */
#define ERR_SHOW(text) err_show_text((char[ERR_SHOW_SIZE]){ 0 }, text)

/* Returns the number of code in a CNI error document (CNI 1.1.0, "Error"). */
unsigned err_cni_code(enum err_code code);
