/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"

#include "common/array.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/parse.h"
#include "common/state.h"
#include "daemon/options_check.h"

#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define FILE_SIZE_MAX (64 << 10)
#define VALUE_SIZE_MAX 4096
#define PREFIX_SIZE_MAX 256
#define NODE_NAME_MAX 253
#define PROBE_INTERVAL_MAX_S 3600
#define TRY_HELP ". Try 'weftd --help'."

/* Copies text; valid until options_free. NULL: out of memory. */
static char *keep(struct options *options, const char *text)
{
	char *copy = strdup(text);

	if (copy && options_texts_push(&options->texts, &copy))
		return copy;
	free(copy);
	return NULL;
}

/* Lists that the next source sets replace those of the previous one. */
static void begin_source(struct options *options)
{
	options->network_replace = true;
	options->iface.replace = true;
	options->iface_regex.replace = true;
}

/* ---- Values ------------------------------------------------------------------------------ */

/* Checks value and stores it at slot, the member of options that belongs to the option. */
typedef int set_fn(struct options *options, void *slot, const char *value, struct err *err);

/* An empty value counts as not set: a unit file may leave a variable empty. */
static int set_text(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)options, (void)err;
	*(const char **)slot = *value ? value : NULL;
	return 0;
}

static int set_path(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)options;
	if (value[0] != '/')
		return err_set(err, ERR_CONFIG, "\"%s\" is not an absolute path", value);
	*(const char **)slot = value;
	return 0;
}

static int set_optional_path(struct options *options, void *slot, const char *value,
			     struct err *err)
{
	return (*value ? set_path : set_text)(options, slot, value, err);
}

static int set_bool(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)options;
	if (parse_bool(value, slot, err) < 0)
		return err_set(err, ERR_CONFIG, "\"%s\" is not true or false", value);
	return 0;
}

static int set_fast_path(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)slot;
	if (strcmp(value, "auto") && strcmp(value, "off"))
		return err_set(err, ERR_CONFIG, "\"%s\" is not auto or off", value);
	options->fast_path = !strcmp(value, "auto");
	return 0;
}

static int set_store(struct options *options, void *slot, const char *value, struct err *err)
{
	const char *path = strncmp(value, "file:", 5) ? NULL : value + 5;

	options->kubernetes = !strcmp(value, "kubernetes");
	if (!options->kubernetes && strcmp(value, "etcd") &&
	    (!path || path[0] != '/' || strlen(path) >= PATH_MAX))
		return err_set(
			err, ERR_CONFIG,
			"\"%.200s\" is neither etcd, nor kubernetes, nor file: followed by an "
			"absolute path",
			value);
	options->subnet_mgr = false;
	return set_text(options, slot, path ? path : "", err);
}

static int set_endpoints(struct options *options, void *slot, const char *value, struct err *err)
{
	char *rest = keep(options, value), *part;
	const char **endpoint = slot;
	size_t len = 0;

	if (!rest)
		return err_nomem(err, "the endpoints");
	while ((part = strsep(&rest, ","))) {
		const char *host = strstr(part, "://");
		size_t end = strlen(part), first = host ? (size_t)(host - part) + 3 : 0;

		while (end > first && part[end - 1] == '/')
			part[--end] = '\0';
		if (options_check_endpoint(part, err) < 0)
			return -1;
		if (len == OPTIONS_ENDPOINTS)
			return err_set(err, ERR_CONFIG, "more than %d endpoints",
				       OPTIONS_ENDPOINTS);
		endpoint[len++] = part;
	}
	endpoint[len] = NULL;
	return 0;
}

static int set_servers(struct options *options, void *slot, const char *value, struct err *err)
{
	*(const char **)slot = NULL;
	return *value ? set_endpoints(options, slot, value, err) : 0;
}

/*
 * flannel's option. Later options and sources can choose another store, or none but the default one
 * by false, which keeps a store that --store has chosen.
 */
static int set_subnet_mgr(struct options *options, void *slot, const char *value, struct err *err)
{
	bool kubernetes = false;

	if (set_bool(options, &kubernetes, value, err) < 0)
		return -1;
	if (!kubernetes && !options->subnet_mgr)
		return 0;
	if (set_store(options, slot, kubernetes ? "kubernetes" : "etcd", err) < 0)
		return -1;
	options->subnet_mgr = kubernetes;
	return 0;
}

static int set_prefix(struct options *options, void *slot, const char *value, struct err *err)
{
	size_t len = strlen(value);

	if (value[0] != '/' || len < 2 || value[len - 1] == '/')
		return err_set(err, ERR_CONFIG,
			       "\"%s\" must begin with \"/\" and must not end with it", value);
	if (len > PREFIX_SIZE_MAX)
		return err_set(err, ERR_CONFIG, "%zu bytes, the limit is %d", len, PREFIX_SIZE_MAX);
	return set_text(options, slot, value, err);
}

static int add_network(struct options *options, const char *name, struct err *err)
{
	if (parse_network_name(name, err) < 0)
		return -1;
	if (strlen(name) >= STATE_NETWORK_NAME_SIZE)
		return err_set(err, ERR_CONFIG, "\"%.70s\" is longer than %d bytes", name,
			       STATE_NETWORK_NAME_SIZE - 1);
	for (size_t i = 0; i < options->network_len; i++)
		if (!strcmp(options->network[i], name))
			return err_set(err, ERR_CONFIG, "duplicate network \"%s\"", name);
	if (options->network_len == OPTIONS_NETWORKS)
		return err_set(err, ERR_CONFIG, "more than %d networks", OPTIONS_NETWORKS);
	options->network[options->network_len++] = name;
	return 0;
}

/* Appends to the networks of the same source and replaces those of another source. */
static int set_networks(struct options *options, void *slot, const char *value, struct err *err)
{
	char *rest = keep(options, value), *part;

	(void)slot;
	if (!rest)
		return err_nomem(err, "the networks");
	if (options->network_replace) {
		options->network_len = 0;
		options->all_networks = false;
	}
	options->network_replace = false;
	if (options->all_networks || (!strcmp(value, "*") && options->network_len))
		return err_set(err, ERR_CONFIG, "\"*\" excludes other networks");
	options->all_networks = !strcmp(value, "*");
	if (options->all_networks)
		return 0;
	while ((part = strsep(&rest, ",")))
		if (add_network(options, part, err) < 0)
			return -1;
	return 0;
}

static int set_username(struct options *options, void *slot, const char *value, struct err *err)
{
	const char *colon = strchr(value, ':');

	if (colon)
		return err_set(err, ERR_CONFIG,
			       "\"%.*s:...\" contains a password: use --etcd-password-file",
			       (int)(colon - value), value);
	return set_text(options, slot, value, err);
}

/* Error messages must not contain the value. */
static int set_password(struct options *options, void *slot, const char *value, struct err *err)
{
	/* A copy, because options_hide_password overwrites the one in argv. */
	const char *copy = *value ? keep(options, value) : "";

	if (!copy)
		return err_nomem(err, "the password");
	return set_text(options, slot, copy, err);
}

static int set_proxy(struct options *options, void *slot, const char *value, struct err *err)
{
	set_text(options, slot, value, err);
	return *value ? options_check_proxy(value, err) : 0;
}

/* Appends to the values of the same source and replaces those of another source. */
static int add_value(struct options_list *list, const char *value, struct err *err)
{
	if (list->replace)
		list->len = 0;
	list->replace = false;
	if (list->len == OPTIONS_IFACES)
		return err_set(err, ERR_CONFIG, "more than %d values", OPTIONS_IFACES);
	if (*value)
		list->at[list->len++] = value;
	list->at[list->len] = NULL;
	return 0;
}

static int set_iface(struct options *options, void *slot, const char *value, struct err *err)
{
	struct ipaddr addr;

	(void)options;
	if (strchr(value, ',')) {
		if (options_check_pair(value, err) < 0)
			return -1;
	} else if (strlen(value) >= IFNAMSIZ && ipaddr_parse(value, &addr, err) < 0) {
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is neither an interface name nor an IP address", value);
	}
	return add_value(slot, value, err);
}

static int set_regex(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)options;
	if (*value && options_check_regex(value, err) < 0)
		return -1;
	return add_value(slot, value, err);
}

static int set_can_reach(struct options *options, void *slot, const char *value, struct err *err)
{
	struct ipaddr addr = { .family = AF_UNSPEC };

	(void)options;
	if (*value && (ipaddr_parse(value, &addr, err) < 0 || ipaddr_is_special(&addr)))
		return err_set(err, ERR_CONFIG, "\"%s\" is not a unicast IP address", value);
	*(struct ipaddr *)slot = addr;
	return 0;
}

static int set_public_ip(struct options *options, void *slot, const char *value, struct err *err)
{
	bool v6 = slot == &options->public_ip[FAMILY_V6];
	struct ipaddr addr = { .family = AF_UNSPEC };

	if (*value && (ipaddr_parse(value, &addr, err) < 0 ||
		       addr.family != (v6 ? AF_INET6 : AF_INET) || ipaddr_is_special(&addr)))
		return err_set(err, ERR_CONFIG, "\"%s\" is not a unicast %s address", value,
			       v6 ? "IPv6" : "IPv4");
	*(struct ipaddr *)slot = addr;
	return 0;
}

static int set_healthz_ip(struct options *options, void *slot, const char *value, struct err *err)
{
	struct ipaddr addr;

	(void)options;
	if (ipaddr_parse(value, &addr, err) < 0)
		return err_set(err, ERR_CONFIG, "\"%.64s\" is not an IP address", value);
	*(struct ipaddr *)slot = addr;
	return 0;
}

static int set_port(struct options *options, void *slot, const char *value, struct err *err)
{
	uint32_t port;

	(void)options;
	if (parse_u32(value, 0, UINT16_MAX, &port, err) < 0)
		return err_set(err, ERR_CONFIG, "\"%.64s\" is not a port: 0 to %d", value,
			       UINT16_MAX);
	*(uint16_t *)slot = (uint16_t)port;
	return 0;
}

static int set_probe_interval(struct options *options, void *slot, const char *value,
			      struct err *err)
{
	(void)options;
	if (parse_u32(value, 1, PROBE_INTERVAL_MAX_S, slot, err) < 0)
		return err_set(err, ERR_CONFIG, "\"%.64s\" is not a number of seconds: 1 to %d",
			       value, PROBE_INTERVAL_MAX_S);
	return 0;
}

static int set_node_name(struct options *options, void *slot, const char *value, struct err *err)
{
	if (strlen(value) > NODE_NAME_MAX)
		return err_set(err, ERR_CONFIG, "\"%.60s\"... is longer than %d bytes", value,
			       NODE_NAME_MAX);
	for (const char *c = value; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
			return err_set(err, ERR_CONFIG,
				       "\"%s\" may only contain letters, digits, '-', '.', '_'",
				       value);
	return set_text(options, slot, value, err);
}

static int set_log_format(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)slot;
	if (strcmp(value, "text") && strcmp(value, "json"))
		return err_set(err, ERR_CONFIG, "\"%s\" is not text or json", value);
	options->log_format = *value == 'j' ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
	return 0;
}

static int set_log_level(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)slot;
	for (enum log_level level = 0; level < LOG_LEVELS; level++) {
		if (!strcmp(value, log_level_name[level])) {
			options->log_level = level;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG, "\"%s\" is not error, warn, info or debug", value);
}

static int set_verbose(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)value;
	return set_log_level(options, slot, log_level_name[LOG_LEVEL_DEBUG], err);
}

/* For options that only have an action, which options_scan returns. */
static int set_nothing(struct options *options, void *slot, const char *value, struct err *err)
{
	(void)options, (void)slot, (void)value, (void)err;
	return 0;
}

/* ---- The table --------------------------------------------------------------------------- */

struct entry {
	const char *name;  /* on the command line, in the environment and in the file */
	const char *value; /* placeholder in --help; NULL: the option takes no value */
	const char *fallback;
	const char *help;
	set_fn *set;
	size_t slot;
	enum options_action action;
};

/* The value of a boolean option, which may be omitted: --ip-masq, --ip-masq=false. */
static const char boolean[] = "true|false";

#define SLOT(member) offsetof(struct options, member)
#define SYSTEM_CAS "(default: system CAs)"

/* In the order of --help. Options that flannel has too keep flannel's names. */
static const struct entry entries[] = {
	{ "store", "etcd|kubernetes|file:PATH", "etcd", "store of configuration and leases",
	  set_store, SLOT(store_file), OPTIONS_RUN },
	{ "etcd-endpoints", "URL[,URL...]", "http://127.0.0.1:2379", "etcd endpoints",
	  set_endpoints, SLOT(endpoint), OPTIONS_RUN },
	{ "etcd-prefix", "PATH", "/coreos.com/network", "etcd key prefix", set_prefix,
	  SLOT(etcd_prefix), OPTIONS_RUN },
	{ "network", "NAME[,NAME...]", "default", "networks of this node, or *: all; repeatable",
	  set_networks, SLOT(network), OPTIONS_RUN },
	{ "etcd-cafile", "FILE", "", "CA bundle that verifies etcd's certificate " SYSTEM_CAS,
	  set_optional_path, SLOT(etcd_cafile), OPTIONS_RUN },
	{ "etcd-certfile", "FILE", "", "client certificate for etcd", set_optional_path,
	  SLOT(etcd_certfile), OPTIONS_RUN },
	{ "etcd-keyfile", "FILE", "", "private key of the client certificate", set_optional_path,
	  SLOT(etcd_keyfile), OPTIONS_RUN },
	{ "etcd-username", "NAME", "", "etcd user name", set_username, SLOT(etcd_username),
	  OPTIONS_RUN },
	{ "etcd-password", "TEXT", "", "etcd password; prefer --etcd-password-file", set_password,
	  SLOT(etcd_password), OPTIONS_RUN },
	{ "etcd-password-file", "FILE", "", "file whose first line is the etcd password",
	  set_optional_path, SLOT(etcd_password_file), OPTIONS_RUN },
	{ "etcd-proxy", "URL", "", "proxy for etcd; the environment's proxy variables are ignored",
	  set_proxy, SLOT(etcd_proxy), OPTIONS_RUN },
	{ "kube-subnet-mgr", boolean, "false", "same as --store kubernetes", set_subnet_mgr,
	  SLOT(store_file), OPTIONS_RUN },
	{ "kube-api-url", "URL[,URL...]", "", "API servers (default: kubeconfig's, or the pod's)",
	  set_servers, SLOT(kube_server), OPTIONS_RUN },
	{ "kubeconfig-file", "FILE", "", "kubeconfig (default: the pod's service account)",
	  set_optional_path, SLOT(kubeconfig), OPTIONS_RUN },
	{ "kube-annotation-prefix", "PREFIX", "flannel.alpha.coreos.com",
	  "prefix of flannel's annotations", set_text, SLOT(kube_prefix), OPTIONS_RUN },
	{ "net-config-path", "FILE", "/etc/kube-flannel/net-conf.json",
	  "network configuration of the Kubernetes store", set_path, SLOT(netconf), OPTIONS_RUN },
	{ "set-node-network-unavailable", boolean, "true",
	  "set the Node's condition NetworkUnavailable to False", set_bool, SLOT(kube_condition),
	  OPTIONS_RUN },
	{ "iface", "NAME|ADDRESS|IPV4,IPV6", "",
	  "uplink; repeatable, the first that exists (default: by the default route)", set_iface,
	  SLOT(iface), OPTIONS_RUN },
	{ "iface-regex", "REGEX", "",
	  "uplink whose address or name matches; repeatable, after --iface", set_regex,
	  SLOT(iface_regex), OPTIONS_RUN },
	{ "iface-can-reach", "ADDRESS", "", "uplink: interface of the route to the address",
	  set_can_reach, SLOT(iface_can_reach), OPTIONS_RUN },
	{ "public-ip", "ADDRESS", "", "IPv4 address that peers send to (default: the uplink's)",
	  set_public_ip, SLOT(public_ip[FAMILY_V4]), OPTIONS_RUN },
	{ "public-ipv6", "ADDRESS", "", "IPv6 address that peers send to (default: the uplink's)",
	  set_public_ip, SLOT(public_ip[FAMILY_V6]), OPTIONS_RUN },
	{ "subnet-file", "FILE", "/run/flannel/subnet.env", "subnet file in flannel's format",
	  set_path, SLOT(subnet_file), OPTIONS_RUN },
	{ "install-cni", boolean, "false",
	  "put plugin and configuration into the node's CNI directories", set_bool,
	  SLOT(install_cni), OPTIONS_RUN },
	{ "cni-bin-dir", "DIR", "/opt/cni/bin", "CNI plugins of the node, for --install-cni",
	  set_path, SLOT(cni_bin_dir), OPTIONS_RUN },
	{ "cni-conf-dir", "DIR", "/etc/cni/net.d", "CNI configurations, for --install-cni",
	  set_path, SLOT(cni_conf_dir), OPTIONS_RUN },
	{ "ip-masq", boolean, "false", "masquerade packets that leave the containers' networks",
	  set_bool, SLOT(ip_masq), OPTIONS_RUN },
	{ "iptables-forward-rules", boolean, "true",
	  "accept forwarded container traffic, also in iptables chains", set_bool,
	  SLOT(forward_rules), OPTIONS_RUN },
	{ "tunnel-guard", boolean, "true", "accept VXLAN packets from peers only", set_bool,
	  SLOT(tunnel_guard), OPTIONS_RUN },
	{ "fast-path", "auto|off", "auto", "let established flows bypass the bridge", set_fast_path,
	  SLOT(fast_path), OPTIONS_RUN },
	{ "run-dir", "DIR", STATE_RUN_DIR, "runtime state directory", set_path, SLOT(run_dir),
	  OPTIONS_RUN },
	{ "state-dir", "DIR", STATE_DIR, "persistent state directory", set_path, SLOT(state_dir),
	  OPTIONS_RUN },
	{ "sysctl-dir", "DIR", "/proc/sys", "where sysctls are read and written", set_path,
	  SLOT(sysctl_dir), OPTIONS_RUN },
	{ "config", "FILE", NULL,
	  "JSON file with these options (default: " OPTIONS_CONFIG_DEFAULT ", if present)",
	  set_text, SLOT(config), OPTIONS_RUN },
	{ "node-name", "NAME", "", "node name (default: host name)", set_node_name, SLOT(node_name),
	  OPTIONS_RUN },
	{ "user", "NAME", "", "user to run as, with CAP_NET_ADMIN only (default: current user)",
	  set_text, SLOT(user), OPTIONS_RUN },
	{ "healthz-ip", "ADDRESS", "0.0.0.0", "address of the HTTP server of --healthz-port",
	  set_healthz_ip, SLOT(healthz_ip), OPTIONS_RUN },
	{ "healthz-port", "PORT", "0", "port of /healthz, /readyz and /metrics; 0: none", set_port,
	  SLOT(healthz_port), OPTIONS_RUN },
	{ "probe", boolean, "false", "measure loss and round-trip time to each peer", set_bool,
	  SLOT(probe), OPTIONS_RUN },
	{ "probe-interval", "SECONDS", "10", "time between two probes of a peer, for --probe",
	  set_probe_interval, SLOT(probe_interval_s), OPTIONS_RUN },
	{ "log-format", "text|json", "text", "log format", set_log_format, SLOT(log_format),
	  OPTIONS_RUN },
	{ "log-level", "error|warn|info|debug", "info", "log level", set_log_level, SLOT(log_level),
	  OPTIONS_RUN },
	{ "v", NULL, NULL, "same as --log-level debug", set_verbose, SLOT(log_level), OPTIONS_RUN },
	{ "remove-rules", NULL, NULL, "remove weft's packet rules and exit; stop weftd first",
	  set_nothing, 0, OPTIONS_REMOVE_RULES },
	{ "version", NULL, NULL, "print the version and exit", set_nothing, 0, OPTIONS_VERSION },
	{ "help", NULL, NULL, "print this help and exit", set_nothing, 0, OPTIONS_HELP },
};

#define ENTRIES (ARRAY_LEN(entries))

static int set(struct options *options, const struct entry *entry, const char *value,
	       struct err *err)
{
	return entry->set(options, (char *)options + entry->slot, value, err);
}

/* Whether the option may be a key of the file that it names itself. */
static bool names_file(const struct entry *entry)
{
	return entry->slot == SLOT(config);
}

/* ---- Command line ------------------------------------------------------------------------ */

#define VAL_FIRST 256 /* above every character, which getopt returns for errors */

static void start_arguments(void)
{
	optind = 0; /* glibc: forget what an earlier walk left */
	opterr = 0;
}

static void fill_long_options(struct option long_options[static ENTRIES + 1])
{
	for (size_t i = 0; i < ENTRIES; i++) {
		int takes = entries[i].value == boolean ? optional_argument :
			    entries[i].value            ? required_argument :
							  no_argument;

		long_options[i] = (struct option){ entries[i].name, takes, NULL,
						   VAL_FIRST + (int)i };
	}
	long_options[ENTRIES] = (struct option){ NULL, 0, NULL, 0 };
}

static int unknown_option(const char *word, struct err *err)
{
	char name[ERR_SHOW_SIZE];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	return err_set(err, ERR_CONFIG, "unknown option '%s'" TRY_HELP, ERR_SHOW(name));
}

/* Refuses abbreviations, which a later version could make ambiguous. */
static bool is_whole_name(const char *word, const char *name)
{
	const char *typed = word + 1 + (word[1] == '-');
	size_t len = strcspn(typed, "=");

	return strlen(name) == len && !strncmp(name, typed, len);
}

/* The next option and its value. Returns 1, 0 at the end, or -1 with err set. */
static int next_argument(int argc, char *const argv[], const struct entry **entry_out,
			 const char **value_out, struct err *err)
{
	struct option long_options[ENTRIES + 1];
	const struct entry *entry;
	const char *word;
	int val;

	if (argc < 2 || optind >= argc)
		return 0;
	word = argv[optind ? optind : 1];
	fill_long_options(long_options);
	val = getopt_long_only(argc, argv, "+:", long_options, NULL);
	if (val == -1 && optind < argc)
		return err_set(err, ERR_CONFIG, "unexpected argument '%s'" TRY_HELP,
			       ERR_SHOW(argv[optind]));
	if (val == -1)
		return 0;
	if (val < VAL_FIRST && optopt < VAL_FIRST)
		return unknown_option(word, err);
	entry = &entries[(val < VAL_FIRST ? optopt : val) - VAL_FIRST];
	if (!is_whole_name(word, entry->name))
		return unknown_option(word, err);
	if (val == ':')
		return err_set(err, ERR_CONFIG, "--%s requires a value: %s", entry->name,
			       entry->value);
	if (val == '?')
		return err_set(err, ERR_CONFIG, "--%s takes no value", entry->name);
	*entry_out = entry;
	*value_out = optarg;
	if (entry->value != boolean || optarg)
		return 1;
	/* getopt(3) leaves "false" of "--ip-masq false" to its caller. */
	*value_out = "true";
	if (optind < argc && (!strcmp(argv[optind], "true") || !strcmp(argv[optind], "false")))
		*value_out = argv[optind++];
	return 1;
}

static int read_arguments(struct options *options, int argc, char *const argv[], struct err *err)
{
	const struct entry *entry;
	const char *value;
	int rc;

	begin_source(options);
	start_arguments();
	while ((rc = next_argument(argc, argv, &entry, &value, err)) > 0)
		if (set(options, entry, value, err) < 0)
			return err_wrap(err, "--%s", entry->name);
	return rc;
}

struct options_scan options_scan(int argc, char *const argv[],
				 const char *(*environment)(const char *name))
{
	struct options_scan scan = { OPTIONS_RUN, environment("WEFTD_CONFIG") };
	const struct entry *entry;
	const char *value;
	struct err ignored;

	start_arguments();
	while (scan.action == OPTIONS_RUN &&
	       next_argument(argc, argv, &entry, &value, &ignored) > 0) {
		if (names_file(entry))
			scan.config = value;
		scan.action = entry->action;
	}
	if (scan.config && !*scan.config)
		scan.config = NULL;
	return scan;
}

bool options_hide_password(int argc, char *const argv[])
{
	const struct entry *entry;
	const char *value;
	struct err ignored;
	bool found = false;

	start_arguments();
	while (next_argument(argc, argv, &entry, &value, &ignored) > 0) {
		if (entry->set != set_password)
			continue;
		memset(optarg, 'x', strlen(optarg));
		found = true;
	}
	return found;
}

/* ---- Environment, file, defaults --------------------------------------------------------- */

static const char *environment_name(const struct entry *entry, char buf[static 64])
{
	size_t len = (size_t)snprintf(buf, 64, "WEFTD_%s", entry->name);

	for (size_t i = 0; i < len; i++)
		buf[i] = buf[i] == '-' ? '_' : (char)toupper((unsigned char)buf[i]);
	return buf;
}

static int read_environment(struct options *options, const char *(*environment)(const char *name),
			    struct err *err)
{
	begin_source(options);
	for (size_t i = 0; i < ENTRIES; i++) {
		char name[64];
		const char *value;

		if (!entries[i].value)
			continue;
		value = environment(environment_name(&entries[i], name));
		if (value && *value && set(options, &entries[i], value, err) < 0)
			return err_wrap(err, "%s", name);
	}
	return 0;
}

static const struct entry *find_key(const char *key)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (!strcmp(entries[i].name, key) && entries[i].value && !names_file(&entries[i]))
			return &entries[i];
	return NULL;
}

static int read_members(struct options *options, const struct options_file *file, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct jr document, root, member;

	if (json_parse(file->text, file->size, FILE_SIZE_MAX, JSON_STRICT, file->path, &json, err) <
	    0)
		return -1;
	document = jr_root(json);
	root = jr_obj(&document, NULL);
	begin_source(options);
	for (size_t i = 0; jr_each(&root, &i, &member);) {
		const struct entry *entry = find_key(member.key);
		const char *value = jr_str(&root, member.key, VALUE_SIZE_MAX);

		if (jr_done(json, ERR_CONFIG, err) < 0)
			return -1;
		if (!entry)
			return err_set(err, ERR_CONFIG,
				       "%s: unknown key \"%s\" (keys are option names)", file->path,
				       member.key);
		value = keep(options, value); /* it must outlive the document */
		if (!value)
			return err_nomem(err, "the configuration");
		if (set(options, entry, value, err) < 0)
			return err_wrap(err, "%s: key %s", file->path, entry->name);
	}
	return jr_done(json, ERR_CONFIG, err);
}

/* Checks that concern more than one option. */
static int check_together(const struct options *options, struct err *err)
{
	bool password = options->etcd_password || options->etcd_password_file;

	if (options->kubernetes && options->all_networks)
		return err_set(err, ERR_CONFIG,
			       "--network *: --store kubernetes has one network, \"default\"");
	if (options->kubernetes &&
	    (options->network_len > 1 || strcmp(options->network[0], "default") != 0))
		return err_set(err, ERR_CONFIG,
			       "--network %s: --store kubernetes has one network, \"default\"",
			       options->network[options->network_len - 1]);
	if (options->kubernetes && !options->kube_prefix)
		return err_set(err, ERR_CONFIG, "--kube-annotation-prefix must not be empty");
	if (ipaddr_is_set(&options->iface_can_reach) &&
	    (options->iface.len || options->iface_regex.len))
		return err_set(err, ERR_CONFIG, "--iface-can-reach and %s exclude each other",
			       options->iface.len ? "--iface" : "--iface-regex");
	if (options->etcd_certfile && !options->etcd_keyfile)
		return err_set(err, ERR_CONFIG, "--etcd-certfile %s requires --etcd-keyfile",
			       options->etcd_certfile);
	if (options->etcd_keyfile && !options->etcd_certfile)
		return err_set(err, ERR_CONFIG, "--etcd-keyfile %s requires --etcd-certfile",
			       options->etcd_keyfile);
	if (options->etcd_password && options->etcd_password_file)
		return err_set(err, ERR_CONFIG,
			       "--etcd-password and --etcd-password-file exclude each other");
	if (options->etcd_username && !password)
		return err_set(err, ERR_CONFIG,
			       "--etcd-username %s requires --etcd-password-file, or "
			       "WEFTD_ETCD_PASSWORD in the environment",
			       options->etcd_username);
	if (!options->etcd_username && password)
		return err_set(err, ERR_CONFIG, "%s requires --etcd-username",
			       options->etcd_password ? "--etcd-password" : "--etcd-password-file");
	return 0;
}

int options_parse(int argc, char *const argv[], const char *(*environment)(const char *name),
		  const struct options_file *file, struct options *options_out, struct err *err)
{
	memset(options_out, 0, sizeof(*options_out));
	for (size_t i = 0; i < ENTRIES; i++)
		if (entries[i].fallback &&
		    set(options_out, &entries[i], entries[i].fallback, err) < 0)
			return err_wrap(err, "default of --%s", entries[i].name);
	if (file && read_members(options_out, file, err) < 0)
		return err_wrap(err, "configuration file");
	if (read_environment(options_out, environment, err) < 0 ||
	    read_arguments(options_out, argc, argv, err) < 0)
		return -1;
	return check_together(options_out, err);
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->texts.len; i++)
		free(options->texts.at[i]);
	options_texts_free(&options->texts);
}

/* ---- Help -------------------------------------------------------------------------------- */

/* "--run-dir DIR", "--ip-masq[=true|false]", "-v". */
static void usage(const struct entry *entry, char buf[static 64])
{
	snprintf(buf, 64, "%s%s%s%s%s", entry->name[1] ? "--" : "-", entry->name,
		 entry->value == boolean ? "[=" :
		 entry->value            ? " " :
					   "",
		 entry->value ? entry->value : "", entry->value == boolean ? "]" : "");
}

void options_help(FILE *file)
{
	fputs("weftd: node daemon of the weft overlay network\n\nUsage: weftd [OPTION...]\n\n",
	      file);
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *entry = &entries[i];
		bool has_default = entry->fallback && *entry->fallback;
		char head[64];

		usage(entry, head);
		fprintf(file, "  %-37s %s%s%s%s\n", head, entry->help,
			has_default ? " (default: " : "", has_default ? entry->fallback : "",
			has_default ? ")" : "");
	}
	fputs("\nOptions may start with one dash or two. Every option with a value can also be set "
	      "by\n"
	      "WEFTD_<OPTION> in the environment (WEFTD_RUN_DIR) or by its name in the file of "
	      "--config.\n"
	      "The command line overrides the environment, the environment overrides the file.\n"
	      "See weftd(8).\n",
	      file);
}
