/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_table.h"

#include "common/hash.h"

#include <string.h>

/*
 * The time of which missed turns are made up for: more than a timer is late, so that the number of
 * probes of an interval does not depend on it.
 */
#define BACKLOG_US (3 * (uint64_t)PROBE_BURST_US)

const char *const probe_state_name[PROBE_STATES] = {
	[PROBE_DISABLED] = "disabled",  [PROBE_DIRECT] = "direct",
	[PROBE_PENDING] = "pending",    [PROBE_ANSWERING] = "answering",
	[PROBE_SILENT_PEER] = "silent",
};

static int target_cmp(const void *a, const void *b)
{
	const struct probe_target *left = a, *right = b;

	return ipaddr_cmp(&left->gateway, &right->gateway);
}

void probe_table_free(struct probe_table *table)
{
	probe_targets_free(&table->targets);
	probe_order_free(&table->order);
}

/* ---- The order --------------------------------------------------------------------------- */

static uint64_t place_of(const struct ipaddr *own, const struct ipaddr *gateway)
{
	return hash_add(hash_add(HASH_INIT, own->be, sizeof(own->be)), gateway->be,
			sizeof(gateway->be));
}

/* An element of the order while it is sorted. */
struct placed {
	uint64_t place;
	uint32_t index;
};

static int placed_cmp(const void *a, const void *b)
{
	const struct placed *left = a, *right = b;

	if (left->place != right->place)
		return left->place < right->place ? -1 : 1;
	return left->index < right->index ? -1 : left->index > right->index;
}

static bool is_probed(const struct probe_target *target)
{
	return target->answers && !target->direct;
}

static bool make_order(const struct probe_targets *targets, struct probe_order *order)
{
	struct placed *placed = calloc(targets->len + 1, sizeof(*placed));
	size_t len = 0;

	if (!placed || !probe_order_reserve(order, targets->len)) {
		free(placed);
		return false;
	}
	for (size_t i = 0; i < targets->len; i++)
		if (is_probed(&targets->at[i]))
			placed[len++] = (struct placed){ targets->at[i].place, (uint32_t)i };
	vec_sort(placed, len, sizeof(*placed), placed_cmp);
	for (size_t i = 0; i < len; i++)
		order->at[i] = placed[i].index;
	order->len = len;
	free(placed);
	return true;
}

/* The first one whose place follows that of the last target that had its turn. */
static size_t find_next(const struct probe_targets *targets, const struct probe_order *order,
			uint64_t last)
{
	size_t i = 0;

	while (i < order->len && targets->at[order->at[i]].place <= last)
		i++;
	return i < order->len ? i : 0;
}

/* ---- Targets ----------------------------------------------------------------------------- */

/* Sets what the caller does not set, with the measurements of the same target before. */
static void keep_measurements(const struct probe_table *table, struct probe_target *target,
			      const struct ipaddr own[static FAMILIES])
{
	const struct probe_target *before = vec_find(table->targets.at, table->targets.len,
						     sizeof(*target), target_cmp, target);
	struct probe_target now = {
		.gateway = target->gateway,
		.answers = target->answers,
		.direct = target->direct,
		.rtt_us = PROBE_NO_RTT,
		.mean_us = PROBE_NO_RTT,
	};

	if (before && is_probed(before) && is_probed(target)) {
		now = *before;
	} else {
		now.place = place_of(&own[ipaddr_family(&target->gateway)], &target->gateway);
	}
	*target = now;
}

bool probe_table_set(struct probe_table *table, struct probe_targets *wanted,
		     const struct ipaddr own[static FAMILIES], uint64_t now_us)
{
	struct probe_order order = { .len = 0 };
	uint64_t last = 0;

	vec_sort(wanted->at, wanted->len, sizeof(*wanted->at), target_cmp);
	for (size_t i = 0; i < wanted->len; i++)
		keep_measurements(table, &wanted->at[i], own);
	if (!make_order(wanted, &order)) {
		probe_order_free(&order);
		return false;
	}
	if (table->order.len)
		last = table->targets
			       .at[table->order
					   .at[(table->next ? table->next : table->order.len) - 1]]
			       .place;
	else
		table->next_us = now_us;
	probe_table_free(table);
	table->targets = *wanted;
	table->order = order;
	table->next = find_next(&table->targets, &table->order, last);
	*wanted = (struct probe_targets){ .len = 0 };
	return true;
}

struct probe_target *probe_table_find(const struct probe_table *table, const struct ipaddr *gateway)
{
	const struct probe_target key = { .gateway = *gateway };

	return vec_find(table->targets.at, table->targets.len, sizeof(key), target_cmp, &key);
}

size_t probe_table_after(const struct probe_table *table, const struct ipaddr *gateway)
{
	const struct probe_target key = { .gateway = *gateway };
	size_t at = vec_place(table->targets.at, table->targets.len, sizeof(key), target_cmp, &key);

	if (at < table->targets.len && ipaddr_equal(&table->targets.at[at].gateway, gateway))
		at++;
	return at;
}

/* ---- Schedule ---------------------------------------------------------------------------- */

static void record_outcome(struct probe_table *table, struct probe_target *target, bool lost)
{
	target->waiting = false;
	target->losses = target->losses << 1 | lost;
	if (target->recent < PROBE_RECENT)
		target->recent++;
	table->sent++;
	table->lost += lost;
}

uint64_t probe_table_step_us(const struct probe_table *table)
{
	return table->order.len ? table->interval_us / table->order.len : UINT64_MAX;
}

struct probe_target *probe_table_take_due(struct probe_table *table, uint64_t now_us)
{
	struct probe_target *target;

	if (!table->order.len || now_us < table->next_us)
		return NULL;
	target = &table->targets.at[table->order.at[table->next]];
	table->next = (table->next + 1) % table->order.len;
	table->next_us += probe_table_step_us(table);
	/* What was missed before, while the process was stopped for example, is not made up for. */
	if (now_us > table->next_us + BACKLOG_US)
		table->next_us = now_us - BACKLOG_US;
	if (target->waiting)
		record_outcome(table, target, true);
	return target;
}

uint64_t probe_table_wait_us(const struct probe_table *table, uint64_t now_us)
{
	if (!table->order.len)
		return UINT64_MAX;
	return table->next_us > now_us ? table->next_us - now_us : 0;
}

void probe_table_sent(struct probe_target *target, uint64_t nonce, uint64_t now_us)
{
	target->waiting = true;
	target->nonce = nonce;
	target->sent_us = now_us;
}

bool probe_table_replied(struct probe_table *table, struct probe_target *target, uint64_t nonce,
			 uint32_t rtt_us, uint64_t now_us)
{
	if (!target->waiting || target->nonce != nonce ||
	    now_us - target->sent_us > PROBE_TIMEOUT_US)
		return false;
	record_outcome(table, target, false);
	target->mean_us = target->mean_us == PROBE_NO_RTT ?
				  rtt_us :
				  (uint32_t)(((uint64_t)target->mean_us * 7 + rtt_us) / 8);
	target->rtt_us = rtt_us;
	target->replied_us = now_us;
	histogram_add(&table->rtt, rtt_us);
	return true;
}

/* ---- View -------------------------------------------------------------------------------- */

static uint32_t count_bits(uint64_t bits)
{
	return (uint32_t)__builtin_popcountll(bits);
}

static enum probe_state state_of(const struct probe_target *target, uint64_t losses, uint32_t sent)
{
	const uint64_t last = ((uint64_t)1 << PROBE_SILENT) - 1;

	if (target->direct)
		return PROBE_DIRECT;
	if (!target->answers)
		return PROBE_DISABLED;
	if (sent < PROBE_SILENT && count_bits(losses) == sent)
		return PROBE_PENDING;
	return (losses & last) == last ? PROBE_SILENT_PEER : PROBE_ANSWERING;
}

struct probe_view probe_view(const struct probe_target *target, uint64_t now_us)
{
	const bool over = target->waiting && now_us - target->sent_us > PROBE_TIMEOUT_US;
	const uint64_t losses = over ? target->losses << 1 | 1 : target->losses;
	const uint32_t sent = target->recent + (over && target->recent < PROBE_RECENT ? 1U : 0U);

	return (struct probe_view){
		.state = state_of(target, losses, sent),
		.sent = sent,
		.lost = count_bits(losses),
		.rtt_us = target->rtt_us,
		.mean_us = target->mean_us,
		.age_us = target->replied_us ? now_us - target->replied_us : UINT64_MAX,
	};
}
