/* SPDX-License-Identifier: Apache-2.0 */
#include "out_leases.h"

#include "table.h"
#include "term.h"

#include "common/json.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_MAX 4096
#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static const char *text_at(const struct jr *at, const char *key)
{
	return jr_str_opt(at, key, TEXT_MAX, "");
}

static enum term_mark mark_of(const char *state)
{
	if (!strcmp(state, "own") || !strcmp(state, "used"))
		return TERM_GOOD;
	return strcmp(state, "refused") ? TERM_WARN : TERM_BAD;
}

/* How long it lives without a renewal; only our own lease's life is known. */
static const char *life_text(char buf[static 32], const struct jr *lease)
{
	uint32_t ttl_s = jr_u32_opt(lease, "ttl", 0, UINT32_MAX, 0);

	if (jr_bool_opt(lease, "reserved", false))
		return "for ever";
	if (!ttl_s)
		return "";
	snprintf(buf, 32, "%" PRIu32 " s", ttl_s);
	return buf;
}

static void put_row(struct table *table, const struct jr *lease)
{
	const char *state = jr_str(lease, "state", TEXT_MAX), *reason = text_at(lease, "reason");
	char judged[2 * TEXT_MAX], life[32];

	if (!state)
		state = "";
	snprintf(judged, sizeof(judged), "%.64s%s%.4000s", state, *reason ? ": " : "", reason);

	const struct table_cell cells[] = {
		{ text_at(lease, "network"), TERM_PLAIN },
		{ text_at(lease, "key"), TERM_PLAIN },
		{ text_at(lease, "name"), TERM_PLAIN },
		{ text_at(lease, *text_at(lease, "publicIP") ? "publicIP" : "publicIPv6"),
		  TERM_PLAIN },
		{ life_text(life, lease), TERM_PLAIN },
		{ judged, mark_of(state) },
	};

	table_row(table, cells);
}

void out_leases(const struct out_to *to, const struct jr *leases)
{
	static const char *const heads[] = {
		"NETWORK", "KEY", "NODE", "PUBLIC IP", "LIVES", "STATE"
	};
	struct table table = { .heads = heads, .len = LEN(heads) };
	struct jr at;

	if (jr_len(leases) == 0) {
		fputs("no leases\n", to->file);
		return;
	}
	for (size_t i = 0; jr_each(leases, &i, &at);)
		put_row(&table, &at);
	table_print(&table, to->file, to->colour);
	for (size_t i = 0; jr_each(leases, &i, &at);)
		put_row(&table, &at);
}

static void put_done(const struct out_to *to, const struct jr *done, const char *what)
{
	static const char *const names[] = { "name", "node", "publicIP", "publicIPv6" };
	const char *whose = "";

	for (size_t i = 0; i < LEN(names) && !*whose; i++)
		whose = text_at(done, names[i]);
	term_put(to->file, text_at(done, "key"), 0);
	fputs(what, to->file);
	term_put(to->file, *whose ? whose : "a node without a name", 0);
	fputc('\n', to->file);
}

void out_reserved(const struct out_to *to, const struct jr *done)
{
	put_done(to, done, " is reserved for ");
}

void out_released(const struct out_to *to, const struct jr *done)
{
	put_done(to, done, " is released; it was that of ");
}

void out_removed(const struct out_to *to, const struct jr *done)
{
	static const char *const names[] = { "networks", "devices", "routes", "rules", "files" };
	const char *between = "removed: ";

	for (size_t i = 0; i < LEN(names); i++) {
		if (!jr_has(done, names[i]))
			continue;
		fprintf(to->file, "%s%" PRIu32 " %s", between,
			jr_u32(done, names[i], 0, UINT32_MAX), names[i]);
		between = ", ";
	}
	fputc('\n', to->file);
}
