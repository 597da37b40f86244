/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftd's options: flags, then the environment (WEFTD_<FLAG>), then the file
 * given by --config, then defaults, into one struct. Pure: the file's text and
 * the environment are handed in. Nothing else reads an option.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/log.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

#define OPTIONS_ENDPOINTS 16
#define OPTIONS_NETWORKS 16

VEC_DEFINE(options_texts, char *);

struct options {
	const char *store_file;                      /* the file that is the store; NULL: etcd is */
	const char *endpoint[OPTIONS_ENDPOINTS + 1]; /* NULL-ended */
	const char *etcd_prefix;
	const char *network[OPTIONS_NETWORKS]; /* in their order; at least one */
	size_t network_len;
	bool network_anew; /* the next one that is named is the first of its source */
	/* Of TLS, PEM; NULL: none was named. Certificate and key come together. */
	const char *etcd_cafile, *etcd_certfile, *etcd_keyfile;
	/* NULL: etcd has no users. With a name one of the other two, and without it none. */
	const char *etcd_username, *etcd_password, *etcd_password_file;
	const char *etcd_proxy; /* URL; NULL: none */
	const char *iface;      /* name or address of the uplink; NULL: by the default route */
	struct ipaddr public_ip[FAMILIES]; /* unset: the uplink's address */
	const char *subnet_file;
	bool ip_masq, forward_rules, tunnel_guard;
	const char *run_dir;
	const char *state_dir;
	const char *config;    /* path; NULL: none was named */
	const char *node_name; /* NULL: the host's name */
	const char *user;      /* to run as; NULL: whoever started it */
	enum log_level log_level;
	enum log_format log_format;
	struct options_texts texts; /* what the strings above point to, but for argv's */
};

#define OPTIONS_CONFIG_DEFAULT "/etc/weft/weftd.json"

enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_REMOVE_RULES };

/* What has to be known before anything else is read. */
struct options_first {
	enum options_action action; /* of --help and --version the first */
	const char *config;         /* the file that flags or environment name; NULL: none */
};

/*
 * A first walk over the flags, up to one that is wrong, which options_parse then names. It
 * cannot fail: help and version are there whatever is wrong with file and environment.
 */
struct options_first options_look(int argc, char *const argv[],
				  const char *(*environment)(const char *name));

/* The configuration file, already read. */
struct options_file {
	const char *path; /* for errors */
	const char *text;
	size_t size;
};

/*
 * Parses everything. file may be NULL. argv must outlive
 * the result. ERR_CONFIG names flag, value and what is allowed. options_free frees what
 * the result owns, also after a failure.
 */
int options_parse(int argc, char *const argv[], const char *(*environment)(const char *name),
		  const struct options_file *file, struct options *options_out, struct err *err);
void options_free(struct options *options);

/*
 * Overwrites what --etcd-password has on the command line, which everybody on the machine can
 * read (ps). Whether there was one.
 */
bool options_hide_password(int argc, char *const argv[]);

/* The text of --help, a line per flag. */
const char *options_help(void);
