/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftd's options, merged into one struct. Precedence: command line, environment
 * (WEFTD_<OPTION>), the file that --config names, defaults. Pure: the caller reads the file and
 * passes its text and a function that returns environment variables.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/log.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct err;

#define OPTIONS_ENDPOINTS 16
#define OPTIONS_NETWORKS 16
#define OPTIONS_IFACES 16

VEC_DEFINE(options_texts, char *);

/* The values of a repeatable option. */
struct options_list {
	const char *at[OPTIONS_IFACES + 1]; /* NULL-terminated */
	size_t len;
	bool replace; /* parser state: the next value comes from another source */
};

struct options {
	const char *store_file;                      /* path of the file store; NULL: another */
	bool kubernetes;                             /* the store is Kubernetes' API */
	bool subnet_mgr;                             /* because of --kube-subnet-mgr */
	const char *endpoint[OPTIONS_ENDPOINTS + 1]; /* NULL-terminated */
	const char *etcd_prefix;
	const char *network[OPTIONS_NETWORKS]; /* in the given order; at least one */
	size_t network_len;
	bool all_networks;    /* those that the store has, instead of network, which is empty */
	bool network_replace; /* parser state: the next network comes from another source */
	/* PEM files; NULL: not set. Certificate and key are set together. */
	const char *etcd_cafile, *etcd_certfile, *etcd_keyfile;
	/* A user name is set together with exactly one of the other two, or all are NULL. */
	const char *etcd_username, *etcd_password, *etcd_password_file;
	const char *etcd_proxy; /* URL; NULL: none */
	/* NULL-terminated; instead of kubeconfig's. */
	const char *kube_server[OPTIONS_ENDPOINTS + 1];
	const char *kubeconfig;  /* NULL: a pod's service account */
	const char *kube_prefix; /* of flannel's annotations */
	const char *netconf;     /* path of net-conf.json */
	bool kube_condition;     /* the Node's condition NetworkUnavailable is set */
	/* The uplink, in the order of preference; all empty: of the default route. */
	struct options_list iface;         /* names, addresses, or "IPV4,IPV6" */
	struct options_list iface_regex;   /* POSIX extended regular expressions */
	struct ipaddr iface_can_reach;     /* the interface of the route to it; unset: not set */
	struct ipaddr public_ip[FAMILIES]; /* unset: the uplink's address */
	const char *subnet_file;
	bool install_cni;
	const char *cni_bin_dir, *cni_conf_dir; /* of install_cni */
	const char *sysctl_dir;                 /* instead of /proc/sys */
	bool ip_masq, forward_rules, tunnel_guard;
	bool fast_path; /* where the network's configuration and the kernel permit it */
	const char *run_dir;
	const char *state_dir;
	const char *config;       /* path; NULL: not set */
	const char *node_name;    /* NULL: host name */
	const char *user;         /* user to run as; NULL: the current user */
	struct ipaddr healthz_ip; /* of the HTTP server; always set */
	uint16_t healthz_port;    /* 0: no HTTP server */
	bool probe;               /* measure the paths to the peers */
	uint32_t probe_interval_s;
	enum log_level log_level;
	enum log_format log_format;
	struct options_texts texts; /* owns the strings above that are not in argv */
};

#define OPTIONS_CONFIG_DEFAULT "/etc/weft/weftd.json"

enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_REMOVE_RULES };

/* What main needs before it can read the configuration file. */
struct options_scan {
	enum options_action action; /* of the first option that has one */
	const char *config;         /* --config or WEFTD_CONFIG; NULL: not set */
};

/*
 * Scans the command line up to the first wrong option, which options_parse reports. Cannot fail,
 * so --help and --version work with a broken environment or file.
 */
struct options_scan options_scan(int argc, char *const argv[],
				 const char *(*environment)(const char *name));

/* The configuration file, already read. */
struct options_file {
	const char *path; /* for error messages */
	const char *text;
	size_t size;
};

/*
 * Parses everything. file may be NULL; argv must outlive the result. Returns 0, or -1 with
 * ERR_CONFIG or ERR_DECODE, whose text names the option, the value and what is allowed. The caller
 * calls options_free in both cases. Not reentrant: uses getopt_long_only(3).
 */
int options_parse(int argc, char *const argv[], const char *(*environment)(const char *name),
		  const struct options_file *file, struct options *options_out, struct err *err);
void options_free(struct options *options);

/*
 * Overwrites the value of --etcd-password in argv, which ps(1) shows to all users. Returns whether
 * there was one.
 */
bool options_hide_password(int argc, char *const argv[]);

/* Prints the text of --help. */
void options_help(FILE *file);
