/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peers that should stand, for a pass: all of them, or those whose leases have changed.
 * While no two peers clash, what becomes of one follows from its own lease, so that a few
 * changes among many are judged as quickly as a few.
 */
#include "common/log.h"
#include "direct.h"
#include "network_private.h"

#include <string.h>

#define CHANGES_MAX 256 /* beyond that, all are as quickly looked at */

static struct network_change *find_change(struct network_changes *changes,
					  const struct prefix subnet[static FAMILIES])
{
	for (size_t i = 0; i < changes->list.len; i++) {
		struct network_change *change = &changes->list.at[i];

		if (prefix_equal(&change->subnet[FAMILY_V4], &subnet[FAMILY_V4]) &&
		    prefix_equal(&change->subnet[FAMILY_V6], &subnet[FAMILY_V6]))
			return change;
	}
	return NULL;
}

/* What was known before the first of several changes is what the last pass saw. */
void network_lease_changes(struct network *network, const struct prefix subnet[static FAMILIES])
{
	const struct peer *was = peers_find(&network->known.now.peers, subnet);
	struct network_changes *changes = &network->changes;
	struct network_change change = { .was_known = was };

	if (changes->all || find_change(changes, subnet))
		return;
	memcpy(change.subnet, subnet, sizeof(change.subnet));
	if (was)
		change.was = *was;
	if (changes->list.len == CHANGES_MAX || !network_change_list_push(&changes->list, &change))
		changes->all = true;
}

static void changes_clear(struct network_changes *changes)
{
	network_change_list_free(&changes->list);
	changes->all = false;
}

/* The usable ones of these leases, on the way that they are reached; whether any clash. */
static int judge(const struct network *network, const struct peers *leases, struct peers *usable,
		 bool *clash_out, struct err *err)
{
	const struct peer_self self = network_self(network);
	size_t clashes;

	if (!peers_judge(leases, &network->config, &self, usable, &clashes, NULL, NULL))
		return err_nomem(err, "the peers");
	*clash_out = clashes > 0;
	if (!network->config.direct_routing)
		return 0;
	if (direct_mark(network->env.nl, network->uplink.index, usable, err) < 0)
		return err_wrap(err, "routes to peers cannot be asked for");
	return 0;
}

/* The leases that changed, as they were and as they are. */
static int gather(const struct network *network, struct peers *was, struct peers *now,
		  struct err *err)
{
	const struct network_change_list *list = &network->changes.list;

	for (size_t i = 0; i < list->len; i++) {
		const struct network_change *change = &list->at[i];
		const struct peer *there = peers_find(&network->known.now.peers, change->subnet);

		if ((change->was_known && !peers_put(was, &change->was)) ||
		    (there && !peers_put(now, there)))
			return err_nomem(err, "the peers");
	}
	return 0;
}

#define AUTO_PEERS __attribute__((cleanup(peers_free)))

/* *apart_out: nothing stood against judging them alone. */
static int judge_changed(const struct network *network, struct sync_peers *out, bool *apart_out,
			 struct err *err)
{
	AUTO_PEERS struct peers was = { .len = 0 };
	AUTO_PEERS struct peers now = { .len = 0 };
	bool clashed = false, clashes = false;

	*apart_out = !network->changes.all && !network->clashes;
	if (!*apart_out)
		return 0;
	if (gather(network, &was, &now, err) < 0 ||
	    judge(network, &was, &out->was, &clashed, err) < 0 ||
	    judge(network, &now, &out->now, &clashes, err) < 0)
		return -1;
	*apart_out = !clashed && !clashes;
	return 0;
}

int network_peers(void *ctx, bool all, struct sync_peers *peers_out, struct err *err)
{
	struct network *network = ctx;
	bool apart = false;
	int rc = 0;

	if (!all)
		rc = judge_changed(network, peers_out, &apart, err);
	peers_out->all = !apart;
	if (rc == 0 && !apart) {
		peers_clear(&peers_out->was);
		rc = judge(network, &network->known.now.peers, &peers_out->now, &network->clashes,
			   err);
	}
	if (rc == 0)
		network_tell_rules(network, peers_out);
	changes_clear(&network->changes);
	network->changes.all = rc < 0; /* they are not known any more */
	return rc;
}
