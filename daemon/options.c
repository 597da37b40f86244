/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "common/err.h"
#include "common/json.h"
#include "options_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define FILE_SIZE_MAX (64 << 10)
#define VALUE_SIZE_MAX 4096

/* Where a value came from, for errors: --iface, WEFTD_IFACE or the file's key "iface". */
enum source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

char *options_keep(struct options *options, const char *text)
{
	char *copy = strdup(text);

	if (copy && options_texts_push(&options->texts, &copy))
		return copy;
	free(copy);
	return NULL;
}

static const struct options_flag *find_flag(const char *name, size_t len)
{
	for (size_t i = 0; options_flags[i].name; i++)
		if (strlen(options_flags[i].name) == len &&
		    !strncmp(options_flags[i].name, name, len))
			return &options_flags[i];
	return NULL;
}

static const char *environment_name(const struct options_flag *flag, char buf[static 64])
{
	size_t len = (size_t)snprintf(buf, 64, "WEFTD_%s", flag->name);

	for (size_t i = 0; i < len; i++)
		buf[i] = buf[i] == '-' ? '_' : (char)toupper((unsigned char)buf[i]);
	return buf;
}

static int set_from(struct options *options, const struct options_flag *flag, const char *value,
		    enum source source, struct err *err)
{
	char name[64];

	if (flag->set(options, value, err) == 0)
		return 0;
	if (source == SOURCE_ENVIRONMENT)
		return err_wrap(err, "%s", environment_name(flag, name));
	return err_wrap(err, "%s%s", source == SOURCE_FLAG ? "--" : "key ", flag->name);
}

static bool is_switch(const struct options_flag *flag)
{
	return flag->meaning && !strcmp(flag->meaning, OPTIONS_SWITCH);
}

/* One word of the command line and perhaps the next: how many it used, or -1. */
static int take_flag(const char *word, const char *next, const struct options_flag **flag_out,
		     const char **value_out, struct err *err)
{
	const char *name = word + (word[0] == '-') + (word[0] == '-' && word[1] == '-');
	size_t len = strcspn(name, "=");
	const struct options_flag *flag;

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
	if (is_switch(flag) && (!next || (strcmp(next, "true") && strcmp(next, "false")))) {
		*value_out = "true";
		return 1;
	}
	if (!next)
		return err_set(err, ERR_CONFIG, "--%s needs a value: %s", flag->name,
			       flag->meaning);
	*value_out = next;
	return 2;
}

static int read_flags(struct options *options, int argc, char *const argv[], struct err *err)
{
	options->network_anew = true;
	for (int i = 1; i < argc;) {
		const struct options_flag *flag;
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
	options->network_anew = true;
	for (size_t i = 0; options_flags[i].name; i++) {
		char name[64];
		const char *value;

		if (!options_flags[i].meaning)
			continue;
		value = environment(environment_name(&options_flags[i], name));
		if (value && *value &&
		    set_from(options, &options_flags[i], value, SOURCE_ENVIRONMENT, err) < 0)
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
	options->network_anew = true;
	for (size_t i = 0; jr_each(&root, &i, &member);) {
		const struct options_flag *flag = find_flag(member.key, strlen(member.key));
		const char *value = jr_str(&root, member.key, VALUE_SIZE_MAX);

		if (jr_done(json, ERR_CONFIG, err) < 0)
			return -1;
		if (!flag || !flag->meaning || flag->names_file)
			return err_set(err, ERR_CONFIG,
				       "%s: unknown key \"%s\" (its keys are weftd's flags)",
				       file->path, member.key);
		value = options_keep(options, value); /* it must outlive the document */
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
		const struct options_flag *flag = NULL;
		const char *value = NULL;
		int used = take_flag(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &flag, &value,
				     &ignored);

		if (used < 0)
			break;
		if (flag->names_file)
			first.config = value;
		first.action = flag->action;
		i += used;
	}
	if (first.config && !*first.config)
		first.config = NULL;
	return first;
}

/* What one value alone cannot tell. */
static int check_together(const struct options *options, struct err *err)
{
	bool password = options->etcd_password || options->etcd_password_file;

	if (options->etcd_certfile && !options->etcd_keyfile)
		return err_set(err, ERR_CONFIG,
			       "--etcd-certfile %s needs --etcd-keyfile, the certificate's key",
			       options->etcd_certfile);
	if (options->etcd_keyfile && !options->etcd_certfile)
		return err_set(err, ERR_CONFIG,
			       "--etcd-keyfile %s needs --etcd-certfile, the key's certificate",
			       options->etcd_keyfile);
	if (options->etcd_password && options->etcd_password_file)
		return err_set(err, ERR_CONFIG,
			       "both --etcd-password and --etcd-password-file are given: one has "
			       "to go");
	if (options->etcd_username && !password)
		return err_set(err, ERR_CONFIG,
			       "--etcd-username %s needs a password: --etcd-password-file FILE, or "
			       "WEFTD_ETCD_PASSWORD in the environment",
			       options->etcd_username);
	if (!options->etcd_username && password)
		return err_set(err, ERR_CONFIG, "%s is given without --etcd-username",
			       options->etcd_password ? "--etcd-password" : "--etcd-password-file");
	return 0;
}

int options_parse(int argc, char *const argv[], const char *(*environment)(const char *name),
		  const struct options_file *file, struct options *options_out, struct err *err)
{
	memset(options_out, 0, sizeof(*options_out));
	for (size_t i = 0; options_flags[i].name; i++)
		if (options_flags[i].fallback &&
		    options_flags[i].set(options_out, options_flags[i].fallback, err) < 0)
			return err_wrap(err, "default of --%s", options_flags[i].name);
	if (read_file(options_out, file, err) < 0 ||
	    read_environment(options_out, environment, err) < 0)
		return -1;
	if (read_flags(options_out, argc, argv, err) < 0)
		return -1;
	return check_together(options_out, err);
}

bool options_hide_password(int argc, char *const argv[])
{
	const struct options_flag *flag = NULL;
	struct err ignored;
	const char *value;
	bool found = false;
	char *last;
	int used;

	for (int i = 1; i < argc; i += used) {
		used = take_flag(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &flag, &value,
				 &ignored);
		if (used < 0)
			break;
		if (!value || strcmp(flag->name, "etcd-password") != 0)
			continue;
		last = argv[i + used - 1];
		memset(last + (value - last), 'x', strlen(value));
		found = true;
	}
	return found;
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->texts.len; i++)
		free(options->texts.at[i]);
	options_texts_free(&options->texts);
}

const char *options_help(void)
{
	static char text[8192];
	size_t len = (size_t)snprintf(text, sizeof(text),
				      "weftd: joins this host's containers to those of other hosts "
				      "over VXLAN\n\nUsage: weftd [flags]\n\n");

	for (size_t i = 0; options_flags[i].name && len < sizeof(text); i++) {
		const struct options_flag *flag = &options_flags[i];
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
