/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/udev_files.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (256 << 10)
#define VALUE_MAX 512
#define KEY_MAX 64

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* ---- systemd.link(5) --------------------------------------------------------------------- */

/* Patterns separated by blanks; "!" before the first one: any name but these. */
static bool has_match(const char *patterns, const char *name)
{
	const bool inverted = patterns[0] == '!';
	char pattern[VALUE_MAX];
	bool found = false;

	for (const char *at = patterns + inverted; *at && !found;) {
		const size_t len = strcspn(at, " \t");

		snprintf(pattern, sizeof(pattern), "%.*s", (int)len, at);
		found = len > 0 && fnmatch(pattern, name, 0) == 0;
		at += len;
		at += strspn(at, " \t");
	}
	return found != inverted;
}

struct link_file {
	const struct udev_device *device;
	bool in_match, in_link;
	bool any, refused, unsure; /* conditions: one was met, one was not, one is not evaluated */
	bool named, keeps, has_mac;
};

static void read_condition(struct link_file *file, const char *key, const char *value)
{
	const struct udev_device *device = file->device;
	const char *type = strcmp(device->kind, "veth") == 0 ? "ether" : device->kind;
	const char *own = NULL;

	if (!strcmp(key, "OriginalName"))
		own = device->name;
	else if (!strcmp(key, "Driver") || !strcmp(key, "Kind"))
		own = device->kind;
	else if (!strcmp(key, "Type"))
		own = type;
	file->any = true;
	/* Path and permanent MAC are those of a device of a bus. */
	if (!strcmp(key, "Path") || !strcmp(key, "PermanentMACAddress") ||
	    (own && !has_match(value, own)))
		file->refused = true;
	else if (!own)
		file->unsure = true;
}

static void read_setting(struct link_file *file, const char *key, const char *value)
{
	if (!strcmp(key, "Name"))
		file->named = true;
	else if (!strcmp(key, "NamePolicy"))
		file->keeps = strstr(value, "keep") != NULL;
	else if (!strcmp(key, "MACAddress"))
		file->has_mac = true;
}

/* One line, without its end. */
static void read_line(struct link_file *file, const char *line, size_t len)
{
	char text[KEY_MAX + VALUE_MAX], *value;

	line += strspn(line, " \t");
	snprintf(text, sizeof(text), "%.*s", (int)len, line);
	text[strcspn(text, "\r\n")] = '\0';
	if (text[0] == '[') {
		file->in_match = starts_with(text, "[Match]");
		file->in_link = starts_with(text, "[Link]");
		return;
	}
	value = strchr(text, '=');
	if (text[0] == '#' || text[0] == ';' || !value)
		return;
	for (char *end = value; end > text && isblank((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	*value++ = '\0';
	value += strspn(value, " \t");
	for (size_t size = strlen(value); size && isblank((unsigned char)value[size - 1]); size--)
		value[size - 1] = '\0';
	if (!*value)
		return;
	if (file->in_match)
		read_condition(file, text, value);
	else if (file->in_link)
		read_setting(file, text, value);
}

bool udev_link_matches(const char *text, const struct udev_device *device, bool *sure_out,
		       unsigned *effects_out)
{
	struct link_file file = { .device = device };

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		read_line(&file, line, strcspn(line, "\n"));
	}
	/* A file without a condition is not used. */
	if (!file.any || file.refused)
		return false;
	*sure_out = !file.unsure;
	*effects_out = (file.named && !file.keeps ? UDEV_RENAMES : 0u) |
		       (file.has_mac ? UDEV_SETS_MAC : 0u);
	return true;
}

/* ---- udev(7) ------------------------------------------------------------------------------- */

struct token {
	char key[KEY_MAX], op[4], value[VALUE_MAX];
};

/* Reads the next KEY OP "VALUE". Returns the rest, or NULL at the end or at an error. */
static const char *read_token(const char *at, struct token *token)
{
	size_t len;

	at += strspn(at, " \t,");
	len = strcspn(at, "=!+-:\"");
	snprintf(token->key, sizeof(token->key), "%.*s", (int)len, at);
	at += len;
	for (len = strlen(token->key); len && isblank((unsigned char)token->key[len - 1]); len--)
		token->key[len - 1] = '\0';
	len = strspn(at, "=!+-:");
	snprintf(token->op, sizeof(token->op), "%.*s", (int)len, at);
	at += len;
	at += strspn(at, " \te");
	if (!token->key[0] || !token->op[0] || *at != '"')
		return NULL;
	len = strcspn(++at, "\"");
	snprintf(token->value, sizeof(token->value), "%.*s", (int)len, at);
	at += len;
	return *at == '"' ? at + 1 : NULL;
}

/* Alternatives are separated by "|". */
static bool is_one_of(const char *patterns, const char *name)
{
	char pattern[VALUE_MAX];

	for (const char *at = patterns;; at++) {
		const size_t len = strcspn(at, "|");

		snprintf(pattern, sizeof(pattern), "%.*s", (int)len, at);
		if (fnmatch(pattern, name, 0) == 0)
			return true;
		at += len;
		if (!*at)
			return false;
	}
}

static bool is_met(const struct token *token, const struct udev_device *device)
{
	const char *own = NULL;
	bool met;

	if (!strcmp(token->key, "KERNEL") || !strcmp(token->key, "KERNELS"))
		own = device->name;
	else if (!strcmp(token->key, "SUBSYSTEM") || !strcmp(token->key, "SUBSYSTEMS"))
		own = "net";
	if (own)
		met = is_one_of(token->value, own);
	else if (!strcmp(token->key, "ACTION"))
		met = is_one_of(token->value, "add") || is_one_of(token->value, "move");
	else if (!strcmp(token->key, "DRIVERS"))
		met = token->value[0] == '\0'; /* of the device of a bus, which there is not */
	else if (!strcmp(token->key, "ATTR{address}") || !strcmp(token->key, "ATTRS{address}"))
		met = !strcmp(token->value, "*") || !strcmp(token->value, "?*");
	else
		return true;
	return met == (token->op[0] == '=');
}

static unsigned effects_of(const struct token *token)
{
	const char *value = token->value;

	if (!strcmp(token->key, "NAME"))
		return strcmp(value, "%k") && strcmp(value, "$kernel") && *value ? UDEV_RENAMES : 0;
	if (!starts_with(token->key, "RUN") && !starts_with(token->key, "PROGRAM") &&
	    !starts_with(token->key, "IMPORT{program}"))
		return 0;
	return (strstr(value, " address ") || strstr(value, " hw ") || strstr(value, "macchanger") ?
			UDEV_SETS_MAC :
			0u) |
	       (strstr(value, "link") && strstr(value, " name ") ? UDEV_RENAMES : 0u);
}

static unsigned rule_effects(const char *rule, const struct udev_device *device)
{
	struct token token = { .key = "" };
	unsigned effects = 0;

	for (const char *at = rule; (at = read_token(at, &token));) {
		const bool condition = !strcmp(token.op, "==") || !strcmp(token.op, "!=");

		if (condition && !is_met(&token, device))
			return 0;
		/* "PROGRAM==" also runs it. */
		effects |= condition && starts_with(token.key, "NAME") ? 0 : effects_of(&token);
	}
	return effects;
}

unsigned udev_rules_effects(const char *text, const struct udev_device *device, unsigned *line_out)
{
	AUTO(free) char *rule = malloc(strlen(text) + 1);
	unsigned line = 1;

	for (const char *at = text; rule && *at;) {
		const unsigned first = line;
		size_t len = 0;
		unsigned effects;

		/* A backslash at the end continues a rule in the next line. */
		for (; *at && *at != '\n'; at++) {
			if (at[0] == '\\' && at[1] == '\n') {
				at++;
				line++;
				continue;
			}
			rule[len++] = *at;
		}
		at += *at == '\n';
		line++;
		rule[len] = '\0';
		if (rule[strspn(rule, " \t")] == '#')
			continue;
		effects = rule_effects(rule, device);
		if (!effects)
			continue;
		*line_out = first;
		return effects;
	}
	return 0;
}

/* ---- Directories ----------------------------------------------------------------------------- */

/* A file in a former directory takes the place of those with its name in the others. */
static const char *const link_dirs[] = { "/etc/systemd/network", "/run/systemd/network",
					 "/usr/local/lib/systemd/network",
					 "/usr/lib/systemd/network", "/lib/systemd/network" };
static const char *const rules_dirs[] = { "/etc/udev/rules.d", "/run/udev/rules.d",
					  "/usr/local/lib/udev/rules.d" };

struct name {
	char text[NAME_MAX + 1];
	const char *dir;
};
VEC_DEFINE(names, struct name);

static int compare(const void *a, const void *b)
{
	const struct name *l = a, *r = b;

	return strcmp(l->text, r->text);
}

static int add_name(struct names *names, const char *text, const char *dir, struct err *err)
{
	struct name name = { .dir = dir };

	for (size_t i = 0; i < names->len; i++)
		if (!strcmp(names->at[i].text, text))
			return 0;
	snprintf(name.text, sizeof(name.text), "%s", text);
	return names_push(names, &name) ? 0 : err_nomem(err, "udev's files");
}

static int list(const char *root, const char *const dirs[], size_t len, const char *suffix,
		struct names *names, struct err *err)
{
	for (size_t i = 0; i < len; i++) {
		char path[FS_PATH_SIZE];
		const struct dirent *entry;
		DIR *dir;
		int rc = 0;

		snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
		dir = opendir(path);
		while (dir && rc == 0 && (entry = readdir(dir))) {
			const char *end = strrchr(entry->d_name, '.');

			if (end && end != entry->d_name && !strcmp(end, suffix))
				rc = add_name(names, entry->d_name, dirs[i], err);
		}
		if (dir)
			closedir(dir);
		if (rc < 0)
			return -1;
	}
	vec_sort(names->at, names->len, sizeof(*names->at), compare);
	return 0;
}

/* NULL: unreadable, empty or, as a link to /dev/null, masked. */
static char *text_of(const char *root, const struct name *name, char path[static FS_PATH_SIZE])
{
	struct err ignored = ERR_INIT;
	char *text = NULL;
	size_t size;

	snprintf(path, FS_PATH_SIZE, "%s%s/%s", root, name->dir, name->text);
	return fs_read(AT_FDCWD, path, FILE_MAX, &text, &size, &ignored) == 1 ? text : NULL;
}

static int add(struct udev_findings *findings, const struct udev_finding *finding, struct err *err)
{
	return udev_findings_push(findings, finding) ? 0 : err_nomem(err, "udev's files");
}

/* The first file that matches is applied, and no other. */
static int check_links(const char *root, const struct names *names,
		       const struct udev_device *device, struct udev_findings *findings,
		       struct err *err)
{
	for (size_t i = 0; i < names->len; i++) {
		struct udev_finding finding = { .line = 0 };
		AUTO(free) char *text = text_of(root, &names->at[i], finding.file);

		if (!text || !udev_link_matches(text, device, &finding.sure, &finding.effects))
			continue;
		memcpy(finding.device, device->name, sizeof(finding.device));
		if (finding.effects && add(findings, &finding, err) < 0)
			return -1;
		if (finding.sure)
			return 0;
	}
	return 0;
}

static int check_rules(const char *root, const struct names *names,
		       const struct udev_device *device, struct udev_findings *findings,
		       struct err *err)
{
	for (size_t i = 0; i < names->len; i++) {
		struct udev_finding finding = { .sure = false };
		AUTO(free) char *text = text_of(root, &names->at[i], finding.file);

		finding.effects = text ? udev_rules_effects(text, device, &finding.line) : 0;
		memcpy(finding.device, device->name, sizeof(finding.device));
		if (finding.effects && add(findings, &finding, err) < 0)
			return -1;
	}
	return 0;
}

int udev_files_check(const char *root, const struct udev_device devices[], size_t len,
		     struct udev_findings *findings, struct err *err)
{
	AUTO(names) struct names links = { .len = 0 }, rules = { .len = 0 };

	if (list(root, link_dirs, ARRAY_LEN(link_dirs), ".link", &links, err) < 0 ||
	    list(root, rules_dirs, ARRAY_LEN(rules_dirs), ".rules", &rules, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (check_links(root, &links, &devices[i], findings, err) < 0 ||
		    check_rules(root, &rules, &devices[i], findings, err) < 0)
			return -1;
	return 0;
}
