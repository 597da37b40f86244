/* SPDX-License-Identifier: Apache-2.0 */
#include "sweep.h"

#include "common/err.h"
#include "common/link.h"
#include "common/log.h"
#include "common/netns.h"
#include "ipam/attachment.h"
#include "ipam/release.h"
#include "ipam/veth.h"
#include "loop.h"
#include "sweep_judge.h"

#include <stdlib.h>

#define INTERVAL_MS (180ULL * 1000)

struct sweep {
	struct nl *nl;
	const char *run_dir, *network;
	struct loop_event *timer;
};

/* One sweep under way. */
struct round {
	struct nl *nl;
	const char *run_dir, *network;
	size_t ended;
};

static int look(const struct round *round, const struct attachment_lock *lock,
		struct sweep_facts *facts_out, struct err *err)
{
	const struct veth veth = veth_of_record(lock->name);
	struct sweep_facts facts = { .netns = SWEEP_NETNS_UNKNOWN };
	struct attachment record;
	struct link link;
	int found = link_get(round->nl, veth.name, &link, err);

	if (found < 0)
		return -1;
	facts.has_veth = found > 0;
	found = attachment_read(lock, &record, err);
	if (found < 0 && err->code != ERR_STATE)
		return -1;
	facts.record = found < 0  ? SWEEP_RECORD_DAMAGED :
		       found == 0 ? SWEEP_RECORD_EMPTY :
				    SWEEP_RECORD_READ;
	if (found < 0)
		log_warn("attachment's record cannot be read, left alone", "error", err->text);
	if (found > 0) {
		int same = netns_leads_to(record.netns, &record.netns_id);

		facts.delegated = *record.ipam;
		facts.netns = same > 0  ? SWEEP_NETNS_SAME :
			      same == 0 ? SWEEP_NETNS_GONE :
					  SWEEP_NETNS_UNKNOWN;
	}
	*facts_out = facts;
	return 0;
}

/* 1 it was dead, and is ended; 0 it is not, or somebody works on it; -1. */
static int sweep_one(const struct round *round, const char name[static ATTACHMENT_NAME_SIZE],
		     struct err *err)
{
	AUTO_ATTACHMENT_LOCK struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct sweep_facts facts;
	int found = attachment_lock_record(round->run_dir, round->network, name, false, &lock, err);

	if (found <= 0)
		return found;
	if (look(round, &lock, &facts, err) < 0)
		return -1;
	if (!sweep_is_dead(&facts))
		return 0;
	return release_record(&lock, err) < 0 ? -1 : 1;
}

static int visit(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *unused)
{
	struct round *round = ctx;
	struct err err = ERR_INIT;
	int ended = sweep_one(round, name, &err);

	(void)unused;
	if (ended < 0)
		log_warn("attachment was not looked at", "record", name, "error", err.text);
	if (ended > 0) {
		log_info("container died without DEL, its addresses are free", "network",
			 round->network, "record", name);
		round->ended++;
	}
	return 0;
}

size_t sweep_once(struct nl *nl, const char *run_dir, const char *network)
{
	struct round round = { .nl = nl, .run_dir = run_dir, .network = network };
	struct err err = ERR_INIT;

	if (attachment_each(run_dir, network, visit, &round, &err) < 0)
		log_warn("attachments cannot be listed", "error", err.text);
	return round.ended;
}

static void on_timer(void *ctx)
{
	struct sweep *sweep = ctx;

	(void)sweep_once(sweep->nl, sweep->run_dir, sweep->network);
	loop_timer_start(sweep->timer, loop_backoff_ms(0, INTERVAL_MS, INTERVAL_MS));
}

int sweep_new(struct loop *loop, struct nl *nl, const char *run_dir, const char *network,
	      struct sweep **sweep_out, struct err *err)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));

	if (!sweep)
		return err_nomem(err, "the sweep");
	*sweep = (struct sweep){ .nl = nl, .run_dir = run_dir, .network = network };
	sweep->timer = loop_timer(loop, on_timer, sweep);
	if (!sweep->timer) {
		free(sweep);
		return err_nomem(err, "the sweep");
	}
	loop_timer_start(sweep->timer, 0);
	*sweep_out = sweep;
	return 0;
}

void sweep_free(struct sweep *sweep)
{
	if (!sweep)
		return;
	loop_event_free(sweep->timer);
	free(sweep);
}
