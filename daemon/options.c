/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "common/err.h"
#include "common/json.h"
#include "common/state.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define FILE_SIZE_MAX (64 << 10)
#define VALUE_SIZE_MAX 4096

/* Where a value came from, for errors: --iface, WEFTD_IFACE or the file's key "iface". */
enum source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

struct flag {
	const char *name;
	const char *meaning; /* of its value; NULL: it takes none */
	const char *fallback;
	int (*set)(struct options *options, const char *value, struct err *err);
	const char *help;
	enum options_action action; /* what it asks for instead of running */
};

/* A copy that lives as long as the options; NULL: out of memory. */
static char *keep(struct options *options, const char *text)
{
	char *copy = strdup(text);

	if (copy && options_texts_push(&options->texts, &copy))
		return copy;
	free(copy);
	return NULL;
}

/* What --config itself names is read by the caller; here it is only kept. */
static int set_config(struct options *options, const char *value, struct err *err)
{
	(void)err;
	options->config = value;
	return 0;
}

static int check_endpoint(const char *url, struct err *err)
{
	const char *host = strncmp(url, "http://", 7) ? NULL : url + 7;

	if (!strncmp(url, "https://", 8))
		host = url + 8;
	if (!host || !*host || strpbrk(host, "/?#@ \t"))
		return err_set(err, ERR_CONFIG, "\"%s\" is not of the form http://HOST:PORT", url);
	return 0;
}

static int set_endpoints(struct options *options, const char *value, struct err *err)
{
	char *rest = keep(options, value), *part;
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

static int set_prefix(struct options *options, const char *value, struct err *err)
{
	size_t len = strlen(value);

	if (value[0] != '/' || len < 2 || value[len - 1] == '/')
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is not a path that begins, and does not end, with '/'",
			       value);
	options->etcd_prefix = value;
	return 0;
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

static int set_public_ip(struct options *options, const char *value, struct err *err)
{
	struct ipaddr addr = { .family = AF_UNSPEC };

	if (*value && (ipaddr_parse(value, &addr, err) < 0 || addr.family != AF_INET ||
		       ipaddr_is_special(&addr)))
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is not an IPv4 address that a host can have", value);
	options->public_ip = addr;
	return 0;
}

static int set_path(const char **slot, const char *value, struct err *err)
{
	if (value[0] != '/')
		return err_set(err, ERR_CONFIG, "\"%s\" is not an absolute path", value);
	*slot = value;
	return 0;
}

static int set_subnet_file(struct options *options, const char *value, struct err *err)
{
	return set_path(&options->subnet_file, value, err);
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
static const struct flag flags[] = {
	{ "etcd-endpoints", "URL[,URL...]", "http://127.0.0.1:2379", set_endpoints,
	  "etcd's members", OPTIONS_RUN },
	{ "etcd-prefix", "PATH", "/coreos.com/network", set_prefix,
	  "where the network lies in etcd", OPTIONS_RUN },
	{ "iface", "NAME|ADDRESS", "", set_iface, "the uplink (default: of the IPv4 default route)",
	  OPTIONS_RUN },
	{ "public-ip", "ADDRESS", "", set_public_ip,
	  "the address that peers send to (default: the uplink's)", OPTIONS_RUN },
	{ "subnet-file", "FILE", "/run/flannel/subnet.env", set_subnet_file,
	  "where to write the subnet, in flannel's format", OPTIONS_RUN },
	{ "run-dir", "DIR", STATE_RUN_DIR, set_run_dir, "what lives until the next boot",
	  OPTIONS_RUN },
	{ "state-dir", "DIR", STATE_DIR, set_state_dir, "what lives longer", OPTIONS_RUN },
	{ "config", "FILE", NULL, set_config,
	  "JSON with these flags as keys (default: " OPTIONS_CONFIG_DEFAULT ", if there)",
	  OPTIONS_RUN },
	{ "node-name", "NAME", "", set_node_name, "the name shown to people (default: the host's)",
	  OPTIONS_RUN },
	{ "user", "NAME", "", set_user,
	  "run as this user, with CAP_NET_ADMIN only (default: who started it)", OPTIONS_RUN },
	{ "log-format", "text|json", "text", set_log_format, "how a line of the log is written",
	  OPTIONS_RUN },
	{ "log-level", "error|warn|info|debug", "info", set_log_level, "what is logged",
	  OPTIONS_RUN },
	{ "v", NULL, NULL, set_verbose, "the same as --log-level debug", OPTIONS_RUN },
	{ "version", NULL, NULL, set_nothing, "print the version and end", OPTIONS_VERSION },
	{ "help", NULL, NULL, set_nothing, "print this and end", OPTIONS_HELP },
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

static const struct flag *find_flag(const char *name, size_t len)
{
	for (size_t i = 0; i < FLAGS; i++)
		if (strlen(flags[i].name) == len && !strncmp(flags[i].name, name, len))
			return &flags[i];
	return NULL;
}

static const char *environment_name(const struct flag *flag, char buf[static 64])
{
	size_t len = (size_t)snprintf(buf, 64, "WEFTD_%s", flag->name);

	for (size_t i = 0; i < len; i++)
		buf[i] = buf[i] == '-' ? '_' : (char)toupper((unsigned char)buf[i]);
	return buf;
}

static int set_from(struct options *options, const struct flag *flag, const char *value,
		    enum source source, struct err *err)
{
	char name[64];

	if (flag->set(options, value, err) == 0)
		return 0;
	if (source == SOURCE_ENVIRONMENT)
		return err_wrap(err, "%s", environment_name(flag, name));
	return err_wrap(err, "%s%s", source == SOURCE_FLAG ? "--" : "key ", flag->name);
}

/* One word of the command line and perhaps the next: how many it used, or -1. */
static int take_flag(const char *word, const char *next, const struct flag **flag_out,
		     const char **value_out, struct err *err)
{
	const char *name = word + (word[0] == '-') + (word[0] == '-' && word[1] == '-');
	size_t len = strcspn(name, "=");
	const struct flag *flag;

	if (name == word)
		return err_set(err, ERR_CONFIG,
			       "\"%s\" is not a flag, and weftd takes no other words", word);
	flag = find_flag(name, len);
	if (!flag)
		return err_set(err, ERR_CONFIG, "unknown flag %.*s (see weftd --help)",
			       (int)(len + (size_t)(name - word)), word);
	*flag_out = flag;
	*value_out = name[len] ? name + len + 1 : NULL;
	if (!flag->meaning && *value_out)
		return err_set(err, ERR_CONFIG, "--%s takes no value", flag->name);
	if (!flag->meaning || *value_out)
		return 1;
	if (!next)
		return err_set(err, ERR_CONFIG, "--%s needs a value: %s", flag->name,
			       flag->meaning);
	*value_out = next;
	return 2;
}

static int read_flags(struct options *options, int argc, char *const argv[], struct err *err)
{
	for (int i = 1; i < argc;) {
		const struct flag *flag;
		const char *value;
		int used = take_flag(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &flag, &value,
				     err);

		if (used < 0 || set_from(options, flag, value, SOURCE_FLAG, err) < 0)
			return -1;
		i += used;
	}
	return 0;
}

static int read_environment(struct options *options, const char *(*environment)(const char *name),
			    struct err *err)
{
	for (size_t i = 0; i < FLAGS; i++) {
		char name[64];
		const char *value;

		if (!flags[i].meaning)
			continue;
		value = environment(environment_name(&flags[i], name));
		if (value && *value &&
		    set_from(options, &flags[i], value, SOURCE_ENVIRONMENT, err) < 0)
			return -1;
	}
	return 0;
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
	for (size_t i = 0; jr_each(&root, &i, &member);) {
		const struct flag *flag = find_flag(member.key, strlen(member.key));
		const char *value = jr_str(&root, member.key, VALUE_SIZE_MAX);

		if (jr_done(json, ERR_CONFIG, err) < 0)
			return -1;
		if (!flag || !flag->meaning || flag->set == set_config)
			return err_set(err, ERR_CONFIG,
				       "%s: unknown key \"%s\" (its keys are weftd's flags)",
				       file->path, member.key);
		value = keep(options, value); /* it must outlive the document */
		if (!value)
			return err_nomem(err, "the configuration");
		if (set_from(options, flag, value, SOURCE_FILE, err) < 0)
			return err_wrap(err, "%s", file->path);
	}
	return jr_done(json, ERR_CONFIG, err);
}

static int read_file(struct options *options, const struct options_file *file, struct err *err)
{
	if (file && read_members(options, file, err) < 0)
		return err_wrap(err, "configuration file");
	return 0;
}

struct options_first options_look(int argc, char *const argv[],
				  const char *(*environment)(const char *name))
{
	struct options_first first = { OPTIONS_RUN, environment("WEFTD_CONFIG") };
	struct err ignored;

	for (int i = 1; i < argc && first.action == OPTIONS_RUN;) {
		const struct flag *flag = NULL;
		const char *value = NULL;
		int used = take_flag(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &flag, &value,
				     &ignored);

		if (used < 0)
			break;
		if (flag->set == set_config)
			first.config = value;
		first.action = flag->action;
		i += used;
	}
	if (first.config && !*first.config)
		first.config = NULL;
	return first;
}

int options_parse(int argc, char *const argv[], const char *(*environment)(const char *name),
		  const struct options_file *file, struct options *options_out, struct err *err)
{
	memset(options_out, 0, sizeof(*options_out));
	for (size_t i = 0; i < FLAGS; i++)
		if (flags[i].fallback && flags[i].set(options_out, flags[i].fallback, err) < 0)
			return err_wrap(err, "default of --%s", flags[i].name);
	if (read_file(options_out, file, err) < 0 ||
	    read_environment(options_out, environment, err) < 0)
		return -1;
	return read_flags(options_out, argc, argv, err);
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->texts.len; i++)
		free(options->texts.at[i]);
	options_texts_free(&options->texts);
}

const char *options_help(void)
{
	static char text[4096];
	size_t len = (size_t)snprintf(text, sizeof(text),
				      "weftd: joins this host's containers to those of other hosts "
				      "over VXLAN\n\nUsage: weftd [flags]\n\n");

	for (size_t i = 0; i < FLAGS && len < sizeof(text); i++) {
		const struct flag *flag = &flags[i];
		char head[64];

		snprintf(head, sizeof(head), "--%s%s%s", flag->name, flag->meaning ? " " : "",
			 flag->meaning ? flag->meaning : "");
		len += (size_t)snprintf(text + len, sizeof(text) - len, "  %-36s %s%s%s%s\n", head,
					flag->help, flag->fallback && *flag->fallback ? " (" : "",
					flag->fallback ? flag->fallback : "",
					flag->fallback && *flag->fallback ? ")" : "");
	}
	if (len < sizeof(text))
		snprintf(
			text + len, sizeof(text) - len,
			"\nEach flag with a value can be set by WEFTD_<FLAG> in the environment, too.\n"
			"A flag wins over the environment, the environment over the file. See weftd(8).\n");
	return text;
}
