/* SPDX-License-Identifier: Apache-2.0 */
#include "options_private.h"

#include "common/err.h"
#include "common/parse.h"
#include "common/state.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* What --config itself names is read by the caller; here it is only kept. */
static int set_config(struct options *options, const char *value, struct err *err)
{
	(void)err;
	options->config = value;
	return 0;
}

static int set_store(struct options *options, const char *value, struct err *err)
{
	const char *path = strncmp(value, "file:", 5) ? NULL : value + 5;

	if (strcmp(value, "etcd") && (!path || path[0] != '/' || strlen(path) >= PATH_MAX))
		return err_set(err, ERR_CONFIG,
			       "\"%.200s\" is neither etcd nor file: and an absolute path", value);
	options->store_file = path;
	return 0;
}

static int check_endpoint(const char *url, struct err *err)
{
	const char *host = strncmp(url, "http://", 7) ? NULL : url + 7;

	if (!strncmp(url, "https://", 8))
		host = url + 8;
	if (!host || !*host || strpbrk(host, "/?#@ \t"))
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is not of the form http://HOST:PORT or https://HOST:PORT",
			       url);
	return 0;
}

static int set_endpoints(struct options *options, const char *value, struct err *err)
{
	char *rest = options_keep(options, value), *part;
	size_t len = 0;

	if (!rest)
		return err_nomem(err, "the endpoints");
	while ((part = strsep(&rest, ","))) {
		size_t end = strlen(part);

		while (end && part[end - 1] == '/')
			part[--end] = '\0';
		if (check_endpoint(part, err) < 0)
			return -1;
		if (len == OPTIONS_ENDPOINTS)
			return err_set(err, ERR_CONFIG, "more than %d endpoints",
				       OPTIONS_ENDPOINTS);
		options->endpoint[len++] = part;
	}
	options->endpoint[len] = NULL;
	return 0;
}

#define PREFIX_MAX 256 /* bytes */

static int set_prefix(struct options *options, const char *value, struct err *err)
{
	size_t len = strlen(value);

	if (value[0] != '/' || len < 2 || value[len - 1] == '/')
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is not a path that begins, and does not end, with '/'",
			       value);
	if (len > PREFIX_MAX)
		return err_set(err, ERR_CONFIG, "it has %zu bytes, and may have %d", len,
			       PREFIX_MAX);
	options->etcd_prefix = value;
	return 0;
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
			return err_set(err, ERR_CONFIG, "\"%s\" is named twice", name);
	if (options->network_len == OPTIONS_NETWORKS)
		return err_set(err, ERR_CONFIG, "more than %d networks", OPTIONS_NETWORKS);
	options->network[options->network_len++] = name;
	return 0;
}

/* Adds to those of the same source, in place of those of another. */
static int set_networks(struct options *options, const char *value, struct err *err)
{
	char *rest = options_keep(options, value), *part;

	if (!rest)
		return err_nomem(err, "the networks");
	if (options->network_anew)
		options->network_len = 0;
	options->network_anew = false;
	while ((part = strsep(&rest, ",")))
		if (add_network(options, part, err) < 0)
			return -1;
	return 0;
}

static int set_path(const char **slot, const char *value, struct err *err)
{
	if (value[0] != '/')
		return err_set(err, ERR_CONFIG, "\"%s\" is not an absolute path", value);
	*slot = value;
	return 0;
}

/* An empty value is as none: a unit file's variable that is not filled in. */
static int set_optional_path(const char **slot, const char *value, struct err *err)
{
	*slot = NULL;
	return *value ? set_path(slot, value, err) : 0;
}

static int set_cafile(struct options *options, const char *value, struct err *err)
{
	return set_optional_path(&options->etcd_cafile, value, err);
}

static int set_certfile(struct options *options, const char *value, struct err *err)
{
	return set_optional_path(&options->etcd_certfile, value, err);
}

static int set_keyfile(struct options *options, const char *value, struct err *err)
{
	return set_optional_path(&options->etcd_keyfile, value, err);
}

static int set_username(struct options *options, const char *value, struct err *err)
{
	const char *colon = strchr(value, ':');

	if (colon)
		return err_set(err, ERR_CONFIG,
			       "\"%.*s:...\" is not a name alone: the password goes into "
			       "--etcd-password-file",
			       (int)(colon - value), value);
	options->etcd_username = *value ? value : NULL;
	return 0;
}

/* Its value is nothing for an error's text. */
static int set_password(struct options *options, const char *value, struct err *err)
{
	options->etcd_password = *value ? options_keep(options, value) : NULL;
	return *value && !options->etcd_password ? err_nomem(err, "the password") : 0;
}

static int set_password_file(struct options *options, const char *value, struct err *err)
{
	return set_optional_path(&options->etcd_password_file, value, err);
}

static int set_proxy(struct options *options, const char *value, struct err *err)
{
	static const char *const schemes[] = { "http://", "https://", "socks5://", "socks5h://" };

	options->etcd_proxy = *value ? value : NULL;
	if (!*value)
		return 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t len = strlen(schemes[i]);

		if (!strncmp(value, schemes[i], len) && value[len] &&
		    !strpbrk(value + len, "/?#@ \t"))
			return 0;
	}
	return err_set(err, ERR_CONFIG,
		       "\"%s\" is not of the form http://HOST:PORT, or with https, socks5 or "
		       "socks5h in http's place",
		       value);
}

static int set_iface(struct options *options, const char *value, struct err *err)
{
	struct ipaddr addr;

	options->iface = *value ? value : NULL;
	if (strlen(value) >= 16 && ipaddr_parse(value, &addr, err) < 0)
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is neither an interface's name nor its address", value);
	return 0;
}

static int set_public(struct options *options, enum family family, const char *value,
		      struct err *err)
{
	static const uint8_t families[FAMILIES] = { AF_INET, AF_INET6 };
	struct ipaddr addr = { .family = AF_UNSPEC };

	if (*value && (ipaddr_parse(value, &addr, err) < 0 || addr.family != families[family] ||
		       ipaddr_is_special(&addr)))
		return err_set(err, ERR_CONFIG, "\"%s\" is not an %s address that a host can have",
			       value, family == FAMILY_V4 ? "IPv4" : "IPv6");
	options->public_ip[family] = addr;
	return 0;
}

static int set_public_ip(struct options *options, const char *value, struct err *err)
{
	return set_public(options, FAMILY_V4, value, err);
}

static int set_public_ipv6(struct options *options, const char *value, struct err *err)
{
	return set_public(options, FAMILY_V6, value, err);
}

static int set_subnet_file(struct options *options, const char *value, struct err *err)
{
	return set_path(&options->subnet_file, value, err);
}

static int set_bool(bool *slot, const char *value, struct err *err)
{
	if (parse_bool(value, slot, err) < 0)
		return err_set(err, ERR_CONFIG, "\"%s\" is not true or false", value);
	return 0;
}

static int set_ip_masq(struct options *options, const char *value, struct err *err)
{
	return set_bool(&options->ip_masq, value, err);
}

static int set_forward_rules(struct options *options, const char *value, struct err *err)
{
	return set_bool(&options->forward_rules, value, err);
}

static int set_tunnel_guard(struct options *options, const char *value, struct err *err)
{
	return set_bool(&options->tunnel_guard, value, err);
}

static int set_run_dir(struct options *options, const char *value, struct err *err)
{
	return set_path(&options->run_dir, value, err);
}

static int set_state_dir(struct options *options, const char *value, struct err *err)
{
	return set_path(&options->state_dir, value, err);
}

static int set_node_name(struct options *options, const char *value, struct err *err)
{
	if (strlen(value) > 253)
		return err_set(err, ERR_CONFIG, "\"%.60s\"... is longer than 253 bytes", value);
	for (const char *c = value; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
			return err_set(
				err, ERR_CONFIG,
				"\"%s\" has other characters than letters, digits, '-', '.', '_'",
				value);
	options->node_name = *value ? value : NULL;
	return 0;
}

static int set_user(struct options *options, const char *value, struct err *err)
{
	(void)err;
	options->user = *value ? value : NULL;
	return 0;
}

static int set_log_format(struct options *options, const char *value, struct err *err)
{
	if (strcmp(value, "text") && strcmp(value, "json"))
		return err_set(err, ERR_CONFIG, "\"%s\" is not text or json", value);
	options->log_format = *value == 'j' ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
	return 0;
}

static int set_log_level(struct options *options, const char *value, struct err *err)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(value, names[i])) {
			options->log_level = (enum log_level)i;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG, "\"%s\" is not error, warn, info or debug", value);
}

static int set_verbose(struct options *options, const char *value, struct err *err)
{
	(void)value;
	return set_log_level(options, "debug", err);
}

/* --help and --version are for options_look. */
static int set_nothing(struct options *options, const char *value, struct err *err)
{
	(void)options, (void)value, (void)err;
	return 0;
}

/* In the order of --help. The names that flannel has are flannel's. */
const struct options_flag options_flags[] = {
	{ "store", "etcd|file:PATH", "etcd", set_store, "where configuration and leases are kept",
	  OPTIONS_RUN, false },
	{ "etcd-endpoints", "URL[,URL...]", "http://127.0.0.1:2379", set_endpoints,
	  "etcd's members", OPTIONS_RUN, false },
	{ "etcd-prefix", "PATH", "/coreos.com/network", set_prefix,
	  "where the network lies in etcd", OPTIONS_RUN, false },
	{ "network", "NAME[,NAME...]", "default", set_networks,
	  "the networks of this node; can be repeated", OPTIONS_RUN, false },
	{ "etcd-cafile", "FILE", "", set_cafile,
	  "who signs etcd's certificates (default: whom the system trusts)", OPTIONS_RUN, false },
	{ "etcd-certfile", "FILE", "", set_certfile, "weftd's own certificate", OPTIONS_RUN,
	  false },
	{ "etcd-keyfile", "FILE", "", set_keyfile, "its key", OPTIONS_RUN, false },
	{ "etcd-username", "NAME", "", set_username, "as whom to speak to an etcd with users",
	  OPTIONS_RUN, false },
	{ "etcd-password", "TEXT", "", set_password,
	  "better: etcd-password-file, or this in the environment", OPTIONS_RUN, false },
	{ "etcd-password-file", "FILE", "", set_password_file, "its first line is the password",
	  OPTIONS_RUN, false },
	{ "etcd-proxy", "URL", "", set_proxy,
	  "by which proxy to reach etcd; the environment's are not used", OPTIONS_RUN, false },
	{ "iface", "NAME|ADDRESS", "", set_iface, "the uplink (default: of the IPv4 default route)",
	  OPTIONS_RUN, false },
	{ "public-ip", "ADDRESS", "", set_public_ip,
	  "the address that peers send to (default: the uplink's)", OPTIONS_RUN, false },
	{ "public-ipv6", "ADDRESS", "", set_public_ipv6,
	  "the same for IPv6, where the tunnel goes over it", OPTIONS_RUN, false },
	{ "subnet-file", "FILE", "/run/flannel/subnet.env", set_subnet_file,
	  "where to write the subnet, in flannel's format", OPTIONS_RUN, false },
	{ "ip-masq", OPTIONS_SWITCH, "false", set_ip_masq,
	  "give packets that leave the containers' networks the node's address", OPTIONS_RUN,
	  false },
	{ "iptables-forward-rules", OPTIONS_SWITCH, "true", set_forward_rules,
	  "accept what is forwarded from and to containers, also in iptables", OPTIONS_RUN, false },
	{ "tunnel-guard", OPTIONS_SWITCH, "true", set_tunnel_guard,
	  "take packets of the tunnel from other nodes only", OPTIONS_RUN, false },
	{ "run-dir", "DIR", STATE_RUN_DIR, set_run_dir, "what lives until the next boot",
	  OPTIONS_RUN, false },
	{ "state-dir", "DIR", STATE_DIR, set_state_dir, "what lives longer", OPTIONS_RUN, false },
	{ "config", "FILE", NULL, set_config,
	  "JSON with these flags as keys (default: " OPTIONS_CONFIG_DEFAULT ", if there)",
	  OPTIONS_RUN, true },
	{ "node-name", "NAME", "", set_node_name, "the name shown to people (default: the host's)",
	  OPTIONS_RUN, false },
	{ "user", "NAME", "", set_user,
	  "run as this user, with CAP_NET_ADMIN only (default: who started it)", OPTIONS_RUN,
	  false },
	{ "log-format", "text|json", "text", set_log_format, "how a line of the log is written",
	  OPTIONS_RUN, false },
	{ "log-level", "error|warn|info|debug", "info", set_log_level, "what is logged",
	  OPTIONS_RUN, false },
	{ "v", NULL, NULL, set_verbose, "the same as --log-level debug", OPTIONS_RUN, false },
	{ "remove-rules", NULL, NULL, set_nothing,
	  "take weft's packet rules away, while no weftd runs, and end", OPTIONS_REMOVE_RULES,
	  false },
	{ "version", NULL, NULL, set_nothing, "print the version and end", OPTIONS_VERSION, false },
	{ "help", NULL, NULL, set_nothing, "print this and end", OPTIONS_HELP, false },
	{ NULL, NULL, NULL, NULL, NULL, OPTIONS_RUN, false },
};
