/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error object. Every fallible function takes one as its last parameter,
 * owned by the caller. It is set once, where the fault happens, with the value
 * that was at fault; callers on the way up only add context; nobody but a
 * program's top level prints it. Setting one never allocates and never fails.
 *
 * Convention for all of weft: 0 is success and -1 failure with the error set;
 * look-ups answer 1 found, 0 absent, -1 failed. Outputs are untouched on
 * failure.
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
	ERR_DECODE,            /* 6: bytes that are not what they should be */
	ERR_CONFIG,            /* 7: well formed, but not a valid configuration */
	ERR_NETNS,             /* 8: not usable as the container's namespace */
	ERR_AGAIN,             /* 11: try again later */
	ERR_UNAVAILABLE,       /* 50: ADD cannot be served */
	ERR_LIMITED,           /* 51: nor do existing containers work fully */
	/* Ours, from 100 on; listed in weft(8). */
	ERR_KERNEL,    /* 100: the kernel refused a netlink request or sysctl */
	ERR_POOL_FULL, /* 101: no free address in the node's subnet */
	ERR_ADDRESS,   /* 102: a requested address cannot be had */
	ERR_ATTACHED,  /* 103: the attachment exists already */
	ERR_STATE,     /* 104: a state file of ours is missing or damaged */
	ERR_STORE,     /* 105: the store refused or cannot be reached */
	ERR_CHECK,     /* 106: CHECK found something missing or changed */
	ERR_DELEGATE,  /* 107: a delegated plugin failed */
	ERR_NOMEM,     /* 108 */
	ERR_INTERNAL,  /* 109: a defect in weft */
	ERR_CODES      /* how many there are */
};

#define ERR_TEXT_SIZE 512
#define ERR_DETAILS_SIZE 256

struct err {
	enum err_code code;
	int sys_errno; /* errno behind the fault, 0 where there is none */
	char text[ERR_TEXT_SIZE];
	char details[ERR_DETAILS_SIZE]; /* CNI "details"; empty when there are none */
};

/* An error with nothing in it; every struct err starts as this. */
#define ERR_INIT ((struct err){ .code = ERR_NONE })

/* Sets code and text. Always returns -1, so that a caller can return it. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set, and appends ": " and the name of sys_errno, a positive errno. */
int err_sys(struct err *err, enum err_code code, int sys_errno, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts context and ": " in front of the text that is there. Always returns -1. */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the details of an error that is already set. Always returns -1. */
int err_details(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Out of memory while making what. Always returns -1. */
int err_nomem(struct err *err, const char *what);

/*
 * Their -1 where compilers and analyzers see it: they then know that a path ends
 * there, and do not follow it to outputs that were never set.
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
 * A foreign text as an error may show it: control bytes and bytes that are not
 * UTF-8 as \x1b, cut at some 60 bytes with "..." in place of the rest. Answers buf.
 */
const char *err_show_text(char buf[static ERR_SHOW_SIZE], const char *text);
/* The same, living to the end of the block: err_set(err, ERR_ENV, "\"%s\"", ERR_SHOW(text)). */
#define ERR_SHOW(text) err_show_text((char[ERR_SHOW_SIZE]){ 0 }, text)

/* The number that stands for code in a CNI error document (CNI 1.1.0, "Error"). */
unsigned err_cni_code(enum err_code code);
