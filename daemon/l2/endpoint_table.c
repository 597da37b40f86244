/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/endpoint_table.h"

#include "common/err.h"
#include "daemon/store/store.h"

void endpoint_table_free(struct endpoint_table *table)
{
	endpoints_free(&table->current);
	endpoints_free(&table->listed);
}

/* ---- Lists ------------------------------------------------------------------------------- */

void endpoint_table_list_begin(struct endpoint_table *table)
{
	endpoints_clear(&table->listed);
	table->listing = true;
}

void endpoint_table_list_failed(struct endpoint_table *table)
{
	endpoints_free(&table->listed);
	table->listing = false;
}

struct merge {
	struct endpoints merged;
	size_t vanished;
	uint64_t due_ms;
};

static bool merge(void *ctx, const void *current, const void *listed)
{
	struct merge *merge = ctx;
	struct endpoint endpoint = *(const struct endpoint *)(listed ? listed : current);

	if (!listed && !endpoint.vanished)
		endpoint.due_ms = merge->due_ms;
	endpoint.vanished = !listed;
	merge->vanished += endpoint.vanished;
	return endpoints_push(&merge->merged, &endpoint);
}

bool endpoint_table_list_end(struct endpoint_table *table, uint64_t due_ms)
{
	struct endpoints *listed = &table->listed;
	struct merge merge_state = { .due_ms = due_ms };
	size_t len = 0;

	table->listing = false;
	vec_sort(listed->at, listed->len, sizeof(*listed->at), endpoint_cmp);
	for (size_t i = 0; i < listed->len; i++)
		if (!len || endpoint_cmp(&listed->at[len - 1], &listed->at[i]) != 0)
			listed->at[len++] = listed->at[i];
	listed->len = len;
	if (!endpoints_reserve(&merge_state.merged, table->current.len + len) ||
	    !vec_merge(table->current.at, table->current.len, listed->at, len, sizeof(*listed->at),
		       endpoint_cmp, merge, &merge_state)) {
		endpoints_free(&merge_state.merged);
		endpoints_free(listed);
		return false;
	}
	endpoint_table_free(table);
	table->current = merge_state.merged;
	table->vanished = merge_state.vanished;
	table->known = true;
	return true;
}

/* ---- Entries ----------------------------------------------------------------------------- */

/* The key exists, although its value is invalid: it has not vanished. */
static void keep_previous(struct endpoint_table *table, const struct store_entry *entry)
{
	const struct endpoint *there;
	struct ipaddr addr;
	struct err unused;

	if (!table->listing || endpoint_parse_key(entry->key, &addr, &unused) < 0)
		return;
	there = endpoints_find(&table->current, &addr);
	if (there)
		(void)endpoints_push(&table->listed, there);
}

bool endpoint_table_put_own(struct endpoint_table *table, const struct endpoint *endpoint)
{
	const struct endpoint *there = endpoints_find(&table->current, &endpoint->addr);

	if (there && there->mod_revision > endpoint->mod_revision)
		return true;
	table->vanished -= there && there->vanished;
	return endpoints_put(&table->current, endpoint);
}

int endpoint_table_put(struct endpoint_table *table, const struct store_entry *entry,
		       struct err *err)
{
	struct endpoint endpoint;
	bool good;

	if (endpoint_parse(entry, &endpoint, err) < 0) {
		keep_previous(table, entry);
		return -1;
	}
	good = table->listing ? endpoints_push(&table->listed, &endpoint) :
				endpoint_table_put_own(table, &endpoint);
	return good ? 0 : err_nomem(err, "the endpoints");
}

void endpoint_table_delete(struct endpoint_table *table, const char *key, uint64_t mod_revision,
			   uint64_t due_ms)
{
	struct endpoint *there;
	struct ipaddr addr;
	struct err unused;

	if (endpoint_parse_key(key, &addr, &unused) < 0)
		return;
	there = endpoints_find(&table->current, &addr);
	if (!there || there->vanished || there->mod_revision > mod_revision)
		return;
	there->vanished = true;
	there->due_ms = due_ms;
	there->mod_revision = mod_revision;
	table->vanished++;
}

size_t endpoint_table_drop_vanished(struct endpoint_table *table, uint64_t now_ms,
				    uint64_t again_ms,
				    bool (*keep)(void *ctx, const struct endpoint *endpoint),
				    void *ctx)
{
	struct endpoints *current = &table->current;
	size_t len = 0, before = current->len;

	if (!table->vanished)
		return 0;
	for (size_t i = 0; i < before; i++) {
		struct endpoint *endpoint = &current->at[i];

		if (endpoint->vanished && endpoint->due_ms <= now_ms) {
			if (!keep || !keep(ctx, endpoint))
				continue;
			endpoint->due_ms = again_ms;
		}
		current->at[len++] = *endpoint;
	}
	current->len = len;
	table->vanished -= before - len;
	return before - len;
}

uint64_t endpoint_table_next_due(const struct endpoint_table *table)
{
	uint64_t next_ms = UINT64_MAX;

	for (size_t i = 0; table->vanished && i < table->current.len; i++) {
		const struct endpoint *endpoint = &table->current.at[i];

		if (endpoint->vanished && endpoint->due_ms < next_ms)
			next_ms = endpoint->due_ms;
	}
	return next_ms;
}
