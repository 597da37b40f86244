/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collection of rows, of nodes that this file plays: in which order, and what is left at its
 * end.
 */
#include "daemon/probe/probe_collect.h"

#include "common/err.h"
#include "common/ipaddr.h"
#include "daemon/io/loop.h"
#include "daemon/probe/probe.h"
#include "daemon/probe/probe_message.h"
#include "daemon/probe/probe_row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define NODES 60
#define PARTS 10  /* of a row, of one target each */
#define STOPPED 7 /* a node that does not reply */
#define UNSET 3   /* a node whose row is not requested */

/* ---- The nodes -------------------------------------------------------------------------- */

/* The clock, and the timer of the collection. */
struct loop_event {
	loop_timer_fn *fn;
	void *ctx;
	uint64_t due_ms; /* 0: not started */
};
static struct loop_event only;
static uint64_t now_ms;

/* The requests that have not been replied to. */
static struct {
	struct ipaddr to[NODES];
	struct probe_message request[NODES];
	size_t len;
	uint64_t nonce;
} net;

static probe_network_reply_fn *on_reply;
static void *on_reply_ctx;

uint64_t loop_now_ms(void)
{
	return now_ms;
}

struct loop_event *loop_timer(struct loop *loop, loop_timer_fn *fn, void *ctx)
{
	(void)loop;
	only = (struct loop_event){ .fn = fn, .ctx = ctx };
	return &only;
}

void loop_timer_start(struct loop_event *timer, uint64_t delay_ms)
{
	timer->due_ms = now_ms + delay_ms;
}

void loop_event_free(struct loop_event *event)
{
	event->due_ms = 0;
}

struct probe_network *probe_find(const struct probe *probe, const char *network)
{
	(void)probe, (void)network;
	return (struct probe_network *)&net;
}

const char *probe_network_name(const struct probe_network *network)
{
	(void)network;
	return "default";
}

void probe_on_reply(struct probe *probe, enum probe_kind kind, probe_network_reply_fn *fn,
		    void *ctx)
{
	(void)probe;
	assert_int_equal(kind, PROBE_ROW_REPLY);
	on_reply = fn;
	on_reply_ctx = ctx;
}

bool probe_network_send(struct probe_network *network, const struct ipaddr *to,
			struct probe_message *message)
{
	(void)network;
	message->nonce = ++net.nonce;
	assert_true(net.len < NODES);
	net.to[net.len] = *to;
	net.request[net.len++] = *message;
	return true;
}

static struct ipaddr gateway_of(size_t node)
{
	const uint8_t wire[4] = { 10, 5, (uint8_t)node, 1 };
	struct ipaddr gateway;
	struct err unused;

	assert_int_equal(ipaddr_from_wire(wire, sizeof(wire), &gateway, &unused), 0);
	return gateway;
}

/*
 * The part that follows the request: one target, 10.5.0.n, which follows the address in the
 * request.
 */
static void reply_to(const struct ipaddr *from, const struct probe_message *request)
{
	struct probe_message reply = { .kind = PROBE_ROW_REPLY, .nonce = request->nonce };
	const uint8_t part = (uint8_t)(request->payload[4] + 1);
	const uint8_t payload[] = { 4, part < PARTS, 10, 5, 0, part, 1, 0, 0, 0, 0, 9, 0, 0 };

	if (from->be[14] == STOPPED)
		return;
	memcpy(reply.payload, payload, sizeof(payload));
	reply.payload_size = sizeof(payload);
	assert_true(on_reply(on_reply_ctx, (struct probe_network *)&net, from, &reply));
}

/* ---- The owner -------------------------------------------------------------------------- */

struct owner {
	size_t entries, max;
	size_t of_node[NODES];
	bool finished;
};

static bool on_entry(void *ctx, size_t node, const struct probe_row_entry *entry)
{
	struct owner *owner = ctx;

	assert_int_equal(entry->rtt_us, 9);
	owner->of_node[node]++;
	return ++owner->entries < owner->max;
}

static void on_finished(void *ctx)
{
	struct owner *owner = ctx;

	assert_false(owner->finished);
	owner->finished = true;
}

/* A millisecond passes; replies take up to one. */
static void pass_time(const struct owner *owner)
{
	now_ms++;
	for (size_t i = 0; i < net.len && owner->entries < owner->max; i++)
		reply_to(&net.to[i], &net.request[i]);
	net.len = 0;
	if (only.due_ms && only.due_ms <= now_ms) {
		only.due_ms = 0;
		only.fn(only.ctx);
	}
}

static struct probe_collect *collect_all(struct owner *owner)
{
	static const struct probe_collect_owner functions = { on_entry, on_finished };
	struct ipaddr gateways[NODES];
	struct probe_collect *collect = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < NODES; i++)
		gateways[i] = gateway_of(i);
	gateways[UNSET] = (struct ipaddr){ .family = AF_UNSPEC };
	net.len = 0;
	now_ms = 1000;
	assert_int_equal(probe_collect_new(NULL, NULL, "default", gateways, NODES, &functions,
					   owner, &collect, &err),
			 0);
	while (!owner->finished) {
		assert_true(now_ms <= 1000 + PROBE_COLLECT_MS + 100);
		pass_time(owner);
	}
	return collect;
}

/* ---- Tests ------------------------------------------------------------------------------ */

static void rows_of_all_nodes_that_reply_are_complete(void **state)
{
	struct owner owner = { .max = SIZE_MAX };
	struct probe_collect *collect = collect_all(&owner);

	(void)state;
	for (size_t i = 0; i < NODES; i++) {
		const bool replies = i != STOPPED && i != UNSET;

		assert_int_equal(probe_collect_is_complete(collect, i), replies);
		assert_int_equal(owner.of_node[i], replies ? PARTS : 0);
	}
	assert_int_equal(probe_collect_requested(collect), NODES - 1);
	probe_collect_free(collect);
}

/* If all rows had an equal share, none would be complete when half of the parts have arrived. */
static void rows_are_completed_one_after_the_other(void **state)
{
	struct owner owner = { .max = NODES * PARTS / 2 };
	struct probe_collect *collect = collect_all(&owner);
	size_t complete = 0;

	(void)state;
	assert_int_equal(owner.entries, owner.max);
	for (size_t i = 0; i < NODES; i++)
		complete += probe_collect_is_complete(collect, i);
	assert_true(complete > 0);
	assert_true(complete < NODES - 2);
	assert_true(probe_collect_is_complete(collect, 0));
	assert_false(probe_collect_is_complete(collect, NODES - 1));
	assert_int_equal(probe_collect_requested(collect), complete);
	probe_collect_free(collect);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_all_nodes_that_reply_are_complete),
		cmocka_unit_test(rows_are_completed_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
