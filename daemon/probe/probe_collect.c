/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_collect.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/ipaddr.h"
#include "common/state.h"
#include "daemon/io/loop.h"
#include "daemon/probe/probe.h"
#include "daemon/probe/probe_message.h"
#include "daemon/probe/probe_row.h"

#include <stdio.h>
#include <string.h>

#define TICK_MS 5
#define REQUESTS_PER_TICK 8
#define TRY_MS 400
#define TRIES 3

enum row_state {
	ROW_WANTED, /* the next request has not been sent */
	ROW_REQUESTED,
	ROW_COMPLETE,
	ROW_FAILED,
};

struct row {
	struct ipaddr gateway, after; /* the row continues after this address */
	enum row_state state;
	unsigned tries;
	uint64_t nonce, sent_ms;
};

struct probe_collect {
	struct probe *probe;
	char network[STATE_NETWORK_NAME_SIZE];
	struct loop_event *timer;
	uint64_t began_ms;
	const struct probe_collect_owner *owner;
	void *ctx;
	struct row *rows;
	size_t len, open; /* open: neither complete nor failed */
	bool full;        /* the owner wants no more */
	size_t first;     /* row that is open; those before it are not */
};

static void close_row(struct probe_collect *collect, struct row *row, enum row_state state)
{
	row->state = state;
	collect->open--;
}

/* Sends the next request of the row, or gives it up. Returns whether one was sent. */
static bool request_row(struct probe_collect *collect, struct probe_network *net, struct row *row)
{
	struct probe_message request = { .kind = PROBE_ROW_REQUEST };

	if (row->tries++ == TRIES) {
		close_row(collect, row, ROW_FAILED);
		return false;
	}
	probe_row_request(&row->after, &request);
	/* One that could not be sent is tried again like one that was lost. */
	(void)probe_network_send(net, &row->gateway, &request);
	row->nonce = request.nonce;
	row->sent_ms = loop_now_ms();
	row->state = ROW_REQUESTED;
	return true;
}

static bool is_due(const struct row *row, uint64_t now_ms)
{
	return row->state == ROW_WANTED ||
	       (row->state == ROW_REQUESTED && now_ms - row->sent_ms >= TRY_MS);
}

/*
 * The requests of a tick go to the first rows that are due, so that rows are completed one after
 * the other. If all had a share, none would be complete at the deadline.
 */
static void request_rows(struct probe_collect *collect, struct probe_network *net, uint64_t now_ms)
{
	unsigned sent = 0;

	while (collect->first < collect->len && collect->rows[collect->first].state >= ROW_COMPLETE)
		collect->first++;
	for (size_t i = collect->first; i < collect->len && sent < REQUESTS_PER_TICK; i++)
		if (is_due(&collect->rows[i], now_ms))
			sent += request_row(collect, net, &collect->rows[i]);
}

static void on_timer(void *ctx)
{
	struct probe_collect *collect = ctx;
	struct probe_network *net = probe_find(collect->probe, collect->network);
	const uint64_t now_ms = loop_now_ms();

	if (net)
		request_rows(collect, net, now_ms);
	if (net && collect->open && !collect->full && now_ms - collect->began_ms < PROBE_COLLECT_MS)
		loop_timer_start(collect->timer, TICK_MS);
	else
		collect->owner->finished(collect->ctx);
}

/* The row that a reply belongs to, while it is passed on. */
struct delivery {
	struct probe_collect *collect;
	size_t node;
	bool wanted;
};

static void deliver(void *ctx, const struct probe_row_entry *entry)
{
	struct delivery *to = ctx;

	if (to->wanted)
		to->wanted = to->collect->owner->entry(to->collect->ctx, to->node, entry);
}

static struct row *find_row(const struct probe_collect *collect, const struct ipaddr *gateway)
{
	for (size_t i = 0; i < collect->len; i++)
		if (ipaddr_equal(&collect->rows[i].gateway, gateway))
			return &collect->rows[i];
	return NULL;
}

static bool on_reply(void *ctx, const struct probe_network *net, const struct ipaddr *from,
		     const struct probe_message *reply)
{
	struct probe_collect *collect = ctx;
	struct row *row = find_row(collect, from);
	struct delivery to = { .collect = collect, .wanted = true };
	struct ipaddr last;
	bool more;

	if (collect->full || !row || row->state != ROW_REQUESTED || row->nonce != reply->nonce ||
	    strcmp(probe_network_name(net), collect->network) != 0)
		return false;
	to.node = (size_t)(row - collect->rows);
	if (probe_row_read(reply, &row->after, deliver, &to, &more, &last) < 0) {
		close_row(collect, row, ROW_FAILED);
		return false;
	}
	row->after = last;
	row->tries = 0;
	row->state = ROW_WANTED;
	collect->full = !to.wanted;
	if (to.wanted && !more)
		close_row(collect, row, ROW_COMPLETE);
	return true;
}

static int make_rows(struct probe_collect *collect, const struct ipaddr *gateways, size_t len,
		     struct err *err)
{
	collect->rows = calloc(len ? len : 1, sizeof(*collect->rows));
	if (!collect->rows)
		return err_nomem(err, "the rows");
	collect->len = len;
	for (size_t i = 0; i < len; i++) {
		struct row *row = &collect->rows[i];

		row->gateway = gateways[i];
		row->after = (struct ipaddr){ .family = gateways[i].family };
		row->state = ipaddr_is_set(&gateways[i]) ? ROW_WANTED : ROW_FAILED;
		collect->open += row->state == ROW_WANTED;
	}
	return 0;
}

AUTO_DEFINE(probe_collect, struct probe_collect, probe_collect_free);

int probe_collect_new(struct loop *loop, struct probe *probe, const char *network,
		      const struct ipaddr *gateways, size_t len,
		      const struct probe_collect_owner *owner, void *ctx,
		      struct probe_collect **collect_out, struct err *err)
{
	AUTO(probe_collect) struct probe_collect *collect = calloc(1, sizeof(*collect));

	if (!collect)
		return err_nomem(err, "the rows");
	collect->probe = probe;
	collect->owner = owner;
	collect->ctx = ctx;
	collect->began_ms = loop_now_ms();
	snprintf(collect->network, sizeof(collect->network), "%s", network);
	collect->timer = loop_timer(loop, on_timer, collect);
	if (!collect->timer)
		return err_nomem(err, "the rows");
	if (make_rows(collect, gateways, len, err) < 0)
		return -1;
	probe_on_reply(probe, PROBE_ROW_REPLY, on_reply, collect);
	loop_timer_start(collect->timer, 0);
	*collect_out = take_ptr(collect);
	return 0;
}

void probe_collect_free(struct probe_collect *collect)
{
	if (!collect)
		return;
	probe_on_reply(collect->probe, PROBE_ROW_REPLY, NULL, NULL);
	loop_event_free(collect->timer);
	free(collect->rows);
	free(collect);
}

bool probe_collect_is_complete(const struct probe_collect *collect, size_t node)
{
	return collect->rows[node].state == ROW_COMPLETE;
}

size_t probe_collect_requested(const struct probe_collect *collect)
{
	size_t requested = 0;

	for (size_t i = 0; i < collect->len; i++) {
		const struct row *row = &collect->rows[i];

		requested += row->sent_ms && (!collect->full || row->state >= ROW_COMPLETE);
	}
	return requested;
}
