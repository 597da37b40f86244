/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/event_list.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/vec.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX LOG_JSON_SIZE

struct line {
	const char *text;
	size_t size;
};
VEC_DEFINE(lines, struct line);

struct stamp {
	uint64_t seconds;
	uint32_t milliseconds;
};

/* "2026-11-29T12:00:00.123Z", as log_json writes it. */
static bool read_stamp(const char *text, struct stamp *stamp_out)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	struct tm utc = { .tm_isdst = 0 };
	time_t seconds;

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	if (strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) != text + 19)
		return false;
	seconds = timegm(&utc);
	if (seconds < 0)
		return false;
	stamp_out->seconds = (uint64_t)seconds;
	stamp_out->milliseconds = 0;
	for (size_t i = 20; i < 23; i++)
		stamp_out->milliseconds = 10 * stamp_out->milliseconds + (uint32_t)(text[i] - '0');
	return true;
}

static bool is_level(const char *level)
{
	static const char *const levels[] = { "error", "warn", "info" };

	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (strcmp(levels[i], level) == 0)
			return true;
	return false;
}

static bool is_detail(const char *key)
{
	static const char *const others[] = { "time", "level", "event", "network" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (strcmp(others[i], key) == 0)
			return false;
	return true;
}

/* As weft's programs write them: others could look like more than a key in the text output. */
static bool is_key(const char *key)
{
	return *key && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key);
}

/* Checks the whole line, and reads it. The result points into the document. */
static bool read_event(const struct jr *root, struct stamp *stamp_out, const char **network_out)
{
	struct err unused = ERR_INIT;
	struct jr member;

	for (size_t i = 0; jr_each(root, &i, &member);) {
		if (!member.key || !is_key(member.key))
			return false;
		jr_str(&member, NULL, TEXT_MAX);
	}
	*network_out = jr_str_opt(root, "network", TEXT_MAX, "");
	return is_level(jr_str(root, "level", TEXT_MAX)) && *jr_str(root, "event", TEXT_MAX) &&
	       read_stamp(jr_str(root, "time", TEXT_MAX), stamp_out) &&
	       jr_done(root->json, ERR_DECODE, &unused) == 0;
}

static bool parse(const struct line *line, struct json **json_out)
{
	struct err unused = ERR_INIT;

	return json_parse(line->text, line->size, LOG_JSON_SIZE, JSON_STRICT, "event", json_out,
			  &unused) == 0;
}

enum line_kind { LINE_DAMAGED, LINE_OTHER, LINE_SELECTED };

static enum line_kind classify(const struct line *line, const char *network)
{
	AUTO(json) struct json *json = NULL;
	const char *of = "";
	struct stamp stamp;
	struct jr root;

	if (!parse(line, &json))
		return LINE_DAMAGED;
	root = jr_root(json);
	if (!read_event(&root, &stamp, &of))
		return LINE_DAMAGED;
	return network && strcmp(network, of) != 0 ? LINE_OTHER : LINE_SELECTED;
}

static void add(const struct line *line, struct jb_at list)
{
	AUTO(json) struct json *json = NULL;
	struct jb_at at, details;
	struct jr root, member;
	const char *network;
	struct stamp stamp;

	if (!parse(line, &json))
		return;
	root = jr_root(json);
	if (!read_event(&root, &stamp, &network))
		return;
	at = jb_obj(list, NULL);
	jb_count(at, "time", stamp.seconds);
	jb_count(at, "milliseconds", stamp.milliseconds);
	jb_str(at, "level", jr_str(&root, "level", TEXT_MAX));
	jb_str(at, "event", jr_str(&root, "event", TEXT_MAX));
	jb_str(at, "network", network);
	details = jb_obj(at, "details");
	for (size_t i = 0; jr_each(&root, &i, &member);)
		if (is_detail(member.key))
			jb_str(details, member.key, jr_str(&member, NULL, TEXT_MAX));
}

/* Adds the selected lines, the last one first, until there are enough. */
static bool select_lines(const char *text, size_t size, const struct event_selection *selection,
			 struct lines *lines, size_t *damaged)
{
	while (size && lines->len < selection->max) {
		const char *newline = memrchr(text, '\n', size);
		const char *begin = newline ? newline + 1 : text;
		struct line line = { begin, (size_t)(text + size - begin) };

		size = newline ? (size_t)(newline - text) : 0;
		if (!line.size)
			continue;
		switch (classify(&line, selection->network)) {
		case LINE_DAMAGED:
			++*damaged;
			break;
		case LINE_SELECTED:
			if (!lines_push(lines, &line))
				return false;
			break;
		case LINE_OTHER:
		default:
			break;
		}
	}
	return true;
}

int event_list(const struct event_texts *texts, const struct event_selection *selection,
	       struct jb_at list, size_t *damaged_out, struct err *err)
{
	AUTO(lines) struct lines lines = { .len = 0 };
	size_t damaged = 0;

	for (size_t i = ARRAY_LEN(texts->text); i-- > 0;)
		if (texts->text[i] &&
		    !select_lines(texts->text[i], texts->size[i], selection, &lines, &damaged))
			return err_nomem(err, "the events");
	for (size_t i = lines.len; i-- > 0;)
		add(&lines.at[i], list);
	*damaged_out = damaged;
	return 0;
}
