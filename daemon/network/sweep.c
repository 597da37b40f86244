/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/sweep.h"

#include "common/err.h"
#include "common/jitter.h"
#include "common/log.h"
#include "common/netlink/link.h"
#include "common/netlink/netns.h"
#include "daemon/io/loop.h"
#include "ipam/attachment.h"
#include "ipam/release.h"
#include "ipam/veth.h"

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

bool sweep_is_orphaned(const struct sweep_facts *facts)
{
	if (facts->has_veth || facts->record == SWEEP_RECORD_DAMAGED)
		return false;
	if (facts->record == SWEEP_RECORD_EMPTY)
		return true;
	return !facts->delegated && facts->netns == SWEEP_NETNS_GONE;
}

/* record_out is set if facts_out->record is SWEEP_RECORD_READ. */
static int read_facts(const struct round *round, const struct attachment_lock *lock,
		      struct sweep_facts *facts_out, struct attachment *record_out, struct err *err)
{
	const struct veth veth = veth_of_record(lock->name);
	struct sweep_facts facts = { .netns = SWEEP_NETNS_UNKNOWN };
	struct attachment record;
	struct link link;
	int found = veth_find(round->nl, &veth, &link, err);

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
		log_warn("attachment record cannot be read, skipping it", "network", round->network,
			 "record", lock->name, "error", err->text);
	if (found > 0) {
		int same = netns_leads_to(record.netns, &record.netns_id);

		facts.delegated = *record.ipam;
		facts.netns = same > 0  ? SWEEP_NETNS_SAME :
			      same == 0 ? SWEEP_NETNS_GONE :
					  SWEEP_NETNS_UNKNOWN;
		*record_out = record;
	}
	*facts_out = facts;
	return 0;
}

/* Returns 1 when it was orphaned and is released, 0 when not, or when it is locked; -1. */
static int sweep_one(const struct round *round, const char name[static ATTACHMENT_NAME_SIZE],
		     struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct attachment record = { .address_len = 0 };
	char pod[POD_TEXT_SIZE];
	struct sweep_facts facts;
	int found = attachment_lock_record(round->run_dir, round->network, name, false, &lock, err);

	if (found <= 0)
		return found;
	if (read_facts(round, &lock, &facts, &record, err) < 0)
		return -1;
	if (!sweep_is_orphaned(&facts))
		return 0;
	if (release_record(&lock, err) == 0) {
		log_info("container ended without DEL, addresses released", "network",
			 round->network, "record", name, "container", record.container_id, "pod",
			 pod_text(&record.pod, pod));
		return 1;
	}
	return err->code == ERR_AGAIN ? 0 : -1; /* the pool is in use: the next sweep retries */
}

static int visit(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *unused)
{
	struct round *round = ctx;
	struct err err = ERR_INIT;
	int ended = sweep_one(round, name, &err);

	(void)unused;
	if (ended < 0)
		log_warn("cannot check attachment", "network", round->network, "record", name,
			 "error", err.text);
	round->ended += ended > 0;
	return 0;
}

size_t sweep_once(struct nl *nl, const char *run_dir, const char *network)
{
	struct round round = { .nl = nl, .run_dir = run_dir, .network = network };
	struct err err = ERR_INIT;

	if (attachment_each(run_dir, network, visit, &round, &err) < 0)
		log_warn("cannot list attachments", "network", network, "error", err.text);
	return round.ended;
}

static void on_timer(void *ctx)
{
	struct sweep *sweep = ctx;

	(void)sweep_once(sweep->nl, sweep->run_dir, sweep->network);
	loop_timer_start(sweep->timer, jitter_ms(INTERVAL_MS));
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
