/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/systemd_files.h"

#include "ctl/conf_files.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VALUE_MAX 512
#define LINE_SIZE 1024
#define BLANKS " \t\r"

/* ---- Conditions -------------------------------------------------------------------------- */

/* All patterns of one key, of all lines and drop-ins: an empty value removes the former ones. */
struct patterns {
	bool any, positive, met, vetoed;
};

/*
 * The keys of [Match] whose values are known of a virtual device. The others are those of hardware.
 */
enum match_key { MATCH_NAME, MATCH_DRIVER, MATCH_TYPE, MATCH_KIND, MATCH_HARDWARE, MATCH_KEYS };

/* Those that depend on the machine or on a property. */
static const char *const unsure_keys[] = { "Property",   "Host",          "Virtualization",
					   "MACAddress", "KernelVersion", "KernelCommandLine",
					   "Credential", "Architecture",  "Firmware" };

struct conf {
	enum systemd_kind kind;
	const struct systemd_device *device;
	bool in_match, in_link, broken;
	struct patterns match[MATCH_KEYS];
	bool permanent; /* PermanentMACAddress=, which a virtual device does not have */
	bool unsure[ARRAY_LEN(unsure_keys)];
	bool named, keeps, has_mac, has_policy, unmanaged;
};

/* own: NULL: the device has no such value. "!" before the first pattern inverts all of the line. */
static void add_patterns(struct patterns *patterns, const char *value, const char *own, size_t max)
{
	const bool inverted = value[0] == '!';

	if (!*value) {
		*patterns = (struct patterns){ .any = false };
		return;
	}
	for (const char *at = value + inverted; *at;) {
		const size_t len = strcspn(at, BLANKS);
		char pattern[VALUE_MAX];
		bool found;

		snprintf(pattern, sizeof(pattern), "%.*s", (int)len, at);
		found = own && fnmatch(pattern, own, 0) == 0;
		at += len;
		at += strspn(at, BLANKS);
		if (len == 0 || len > max)
			continue;
		patterns->any = true;
		patterns->positive |= !inverted;
		patterns->met |= found && !inverted;
		patterns->vetoed |= found && inverted;
	}
}

static bool is_met(const struct patterns *patterns)
{
	return !patterns->any || (!patterns->vetoed && (patterns->met || !patterns->positive));
}

static void read_condition(struct conf *conf, const char *key, const char *value)
{
	const struct systemd_device *device = conf->device;
	const bool is_veth = strcmp(device->kind, "veth") == 0;
	const bool is_link = conf->kind == SYSTEMD_LINK;
	static const char *const hardware[] = { "Path", "WLANInterfaceType", "SSID", "BSSID" };

	/* systemd ignores a pattern that is too long for a name; .network also matches altnames. */
	if (!strcmp(key, is_link ? "OriginalName" : "Name"))
		add_patterns(&conf->match[MATCH_NAME], value, device->name,
			     is_link ? IF_NAMESIZE - 1 : 127);
	else if (!strcmp(key, "Driver"))
		add_patterns(&conf->match[MATCH_DRIVER], value, device->kind, VALUE_MAX);
	else if (!strcmp(key, "Kind"))
		add_patterns(&conf->match[MATCH_KIND], value, device->kind, VALUE_MAX);
	else if (!strcmp(key, "Type"))
		add_patterns(&conf->match[MATCH_TYPE], value, is_veth ? "ether" : device->kind,
			     VALUE_MAX);
	else if (!strcmp(key, "PermanentMACAddress"))
		conf->permanent = *value != '\0';
	for (size_t i = 0; i < ARRAY_LEN(hardware); i++)
		if (!strcmp(key, hardware[i]))
			add_patterns(&conf->match[MATCH_HARDWARE], value, NULL, VALUE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(unsure_keys); i++)
		if (!strcmp(key, unsure_keys[i]))
			conf->unsure[i] = *value != '\0';
}

/* ---- Files ------------------------------------------------------------------------------- */

/* As systemd's parse_boolean(). A value that is none is ignored. */
static void read_boolean(const char *value, bool *to)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (!strcasecmp(value, yes[i]) || !strcasecmp(value, no[i]))
			*to = !strcasecmp(value, yes[i]);
}

static void read_setting(struct conf *conf, const char *key, const char *value)
{
	if (!strcmp(key, "Name"))
		conf->named = *value != '\0';
	else if (!strcmp(key, "NamePolicy"))
		conf->keeps = strstr(value, "keep") != NULL;
	else if (!strcmp(key, "MACAddress"))
		conf->has_mac = *value != '\0';
	else if (!strcmp(key, "MACAddressPolicy"))
		conf->has_policy = !strcmp(value, "persistent") || !strcmp(value, "random");
	else if (!strcmp(key, "Unmanaged"))
		read_boolean(value, &conf->unmanaged);
}

/* One line, without its end and continued. It is changed. */
static void read_line(struct conf *conf, char *text)
{
	char *value;
	size_t len;

	text += strspn(text, BLANKS);
	for (len = strlen(text); len && strchr(BLANKS, text[len - 1]); len--)
		text[len - 1] = '\0';
	if (text[0] == '[') {
		conf->broken |= text[len - 1] != ']';
		conf->in_match = !strcmp(text, "[Match]");
		conf->in_link = !strcmp(text, "[Link]");
		return;
	}
	value = strchr(text, '=');
	if (!value)
		return;
	for (char *end = value; end > text && isblank((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	*value++ = '\0';
	value += strspn(value, BLANKS);
	if (conf->in_match)
		read_condition(conf, text, value);
	else if (conf->in_link)
		read_setting(conf, text, value);
}

/* A backslash at the end continues a line in the next one that is no comment. */
static void read_text(struct conf *conf, const char *text)
{
	char line[LINE_SIZE];
	size_t used = 0;

	while (*text) {
		const size_t len = strcspn(text, "\n");
		const char *first = text + strspn(text, BLANKS);
		bool more = false;

		if (*first != '#' && *first != ';') {
			const int room = (int)(sizeof(line) - used);

			snprintf(line + used, (size_t)room, "%.*s", (int)len, text);
			used += strlen(line + used);
			more = used && line[used - 1] == '\\';
			if (more)
				line[used - 1] = ' ';
			else
				read_line(conf, line);
			used = more ? used : 0;
		}
		text += len;
		text += *text == '\n';
	}
	if (used)
		read_line(conf, line);
}

/* A file without a condition is not used; neither is one with a malformed section. */
static bool matches(const struct conf *conf, bool *sure_out)
{
	bool any = false, unsure = false;

	for (size_t i = 0; i < MATCH_KEYS; i++) {
		if (!is_met(&conf->match[i]))
			return false;
		any |= conf->match[i].any;
	}
	for (size_t i = 0; i < ARRAY_LEN(unsure_keys); i++)
		unsure |= conf->unsure[i];
	if (conf->broken || conf->permanent || (!any && !unsure))
		return false;
	*sure_out = !unsure;
	return true;
}

bool systemd_link_matches(const char *text, const struct systemd_device *device, bool *sure_out,
			  unsigned *effects_out)
{
	struct conf conf = { .kind = SYSTEMD_LINK, .device = device };

	read_text(&conf, text);
	if (!matches(&conf, sure_out))
		return false;
	*effects_out = (conf.named && !conf.keeps ? SYSTEMD_RENAMES : 0u) |
		       (conf.has_mac && !conf.has_policy ? SYSTEMD_SETS_MAC : 0u);
	return true;
}

bool systemd_network_matches(const char *text, const struct systemd_device *device, bool *sure_out,
			     unsigned *effects_out)
{
	struct conf conf = { .kind = SYSTEMD_NETWORK, .device = device };

	read_text(&conf, text);
	if (!matches(&conf, sure_out))
		return false;
	*effects_out = conf.unmanaged ? 0u : SYSTEMD_MANAGES;
	return true;
}

/* ---- Directories ------------------------------------------------------------------------- */

static const char *const dirs[] = { "/etc/systemd/network",           "/run/systemd/network",
				    "/usr/local/lib/systemd/network", "/usr/lib/systemd/network",
				    "/lib/systemd/network",           NULL };

/* Sets *applied if no later file is applied to the device. */
static int check_file(const struct systemd_finding *file, const char *text, enum systemd_kind kind,
		      const struct systemd_device *device, bool *applied,
		      struct systemd_findings *findings, struct err *err)
{
	struct systemd_finding finding = *file;
	bool matched = kind == SYSTEMD_LINK ?
			       systemd_link_matches(text, device, &finding.sure, &finding.effects) :
			       systemd_network_matches(text, device, &finding.sure,
						       &finding.effects);

	if (!matched)
		return 0;
	*applied = finding.sure;
	snprintf(finding.device, sizeof(finding.device), "%s", device->name);
	if (finding.effects && !systemd_findings_push(findings, &finding))
		return err_nomem(err, "systemd's files");
	return 0;
}

int systemd_files_check(const char *root, enum systemd_kind kind,
			const struct systemd_device devices[], size_t len,
			struct systemd_findings *findings, struct err *err)
{
	AUTO(conf_files) struct conf_files files = { .len = 0 };
	AUTO(free) bool *applied = calloc(len + 1, sizeof(*applied));

	if (!applied)
		return err_nomem(err, "systemd's files");
	if (conf_files_list(root, dirs, NULL, kind == SYSTEMD_LINK ? ".link" : ".network", &files,
			    err) < 0)
		return -1;
	for (size_t i = 0; i < files.len; i++) {
		struct systemd_finding file = { .line = 0 };
		AUTO(free) char *text = NULL;

		snprintf(file.file, sizeof(file.file), "%s", files.at[i].path);
		if (conf_files_merge(root, dirs, &files.at[i], &text, &file.dropin, err) < 0)
			return -1;
		for (size_t d = 0; text && d < len; d++)
			if (!applied[d] && check_file(&file, text, kind, &devices[d], &applied[d],
						      findings, err) < 0)
				return -1;
	}
	return 0;
}

const char *systemd_finding_text(const struct systemd_finding *finding,
				 char buf[static SYSTEMD_TEXT_SIZE])
{
	static const char *const verbs[][2] = {
		[SYSTEMD_RENAMES] = { "can rename", "renames" },
		[SYSTEMD_SETS_MAC] = { "can set the MAC of", "sets the MAC of" },
		[SYSTEMD_RENAMES | SYSTEMD_SETS_MAC] = { "can rename, and set the MAC of,",
							 "renames, and sets the MAC of," },
		[SYSTEMD_MANAGES] = { "can make systemd-networkd manage",
				      "makes systemd-networkd manage" },
	};
	char line[16] = "";

	if (finding->line)
		snprintf(line, sizeof(line), ":%u", finding->line);
	snprintf(buf, SYSTEMD_TEXT_SIZE, "%.400s%s%s %s", finding->file, line,
		 finding->dropin ? " with its drop-ins" : "",
		 verbs[finding->effects][finding->sure]);
	return buf;
}
