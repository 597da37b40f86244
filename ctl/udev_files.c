/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/udev_files.h"

#include "ctl/conf_files.h"

#include "common/auto.h"
#include "common/err.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 512
#define KEY_MAX 64

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
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

static bool is_met(const struct token *token, const struct systemd_device *device)
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
		return strcmp(value, "%k") && strcmp(value, "$kernel") && *value ? SYSTEMD_RENAMES :
										   0;
	if (!starts_with(token->key, "RUN") && !starts_with(token->key, "PROGRAM") &&
	    !starts_with(token->key, "IMPORT{program}"))
		return 0;
	return (strstr(value, " address ") || strstr(value, " hw ") || strstr(value, "macchanger") ?
			SYSTEMD_SETS_MAC :
			0u) |
	       (strstr(value, "link") && strstr(value, " name ") ? SYSTEMD_RENAMES : 0u);
}

static unsigned rule_effects(const char *rule, const struct systemd_device *device)
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

unsigned udev_rules_effects(const char *text, const struct systemd_device *device,
			    unsigned *line_out)
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

static const char *const rules_dirs[] = { "/etc/udev/rules.d", "/run/udev/rules.d",
					  "/usr/local/lib/udev/rules.d", NULL };

int udev_files_check(const char *root, const struct systemd_device devices[], size_t len,
		     struct systemd_findings *findings, struct err *err)
{
	AUTO(conf_files) struct conf_files files = { .len = 0 };

	if (systemd_files_check(root, SYSTEMD_LINK, devices, len, findings, err) < 0 ||
	    conf_files_list(root, rules_dirs, NULL, ".rules", &files, err) < 0)
		return -1;
	for (size_t i = 0; i < files.len; i++) {
		AUTO(free) char *text = conf_files_read(root, &files.at[i]);

		for (size_t d = 0; text && d < len; d++) {
			struct systemd_finding finding = { .sure = false };

			finding.effects = udev_rules_effects(text, &devices[d], &finding.line);
			snprintf(finding.file, sizeof(finding.file), "%s", files.at[i].path);
			snprintf(finding.device, sizeof(finding.device), "%s", devices[d].name);
			if (finding.effects && !systemd_findings_push(findings, &finding))
				return err_nomem(err, "udev's files");
		}
	}
	return 0;
}
