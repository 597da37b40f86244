/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/desired.h"

#include "common/auto.h"
#include "common/err.h"
#include "daemon/dataplane/displaced.h"
#include "daemon/l2/l2.h"
#include "daemon/l2/remote.h"
#include "daemon/network/lease_changes.h"
#include "daemon/network/underlay.h"
#include "ipam/config.h"
#include "ipam/subnet.h"

#include <string.h>

#define HIGHEST_LOCAL 0xfe /* first octet of a unicast MAC that is administered locally */

/*
 * The gateway of an L2 network has the same address and MAC on every node, so that a container can
 * move. Its MAC is derived like a container's.
 */
static void want_gateway(const struct config *config, enum family f, struct device_want *want)
{
	const struct ipaddr *gateway = &config->gateway[f];

	if (!ipaddr_is_set(gateway))
		return;
	want->gateway[f] = (struct prefix){ *gateway, config->pool[f].network.len };
	if (mac_is_zero(&want->bridge_mac))
		want->bridge_mac = mac_of_address(gateway);
}

struct device_want desired_device(const char *name, const struct config *config,
				  const struct underlay *underlay, struct mac vtep_mac,
				  const struct prefix subnet[static FAMILIES],
				  const struct displaced *displaced)
{
	struct device_want want = {
		.network = name,
		.vni = config->vni,
		.port = config->port,
		.mtu = underlay_mtu(underlay, config),
		.learning = config_learns(config),
		.gbp = config->gbp,
		.bridged = config->mode == CONFIG_L2,
		.nd_only = !config->bridge[0] && config_has(config, FAMILY_V6) &&
			   !config_is_routed(config, FAMILY_V6),
		.existing = config->bridge[0] ? config->bridge : NULL,
		.unknown = config->mode == CONFIG_L2 && config_learns(config),
		.floods = config->flood != CONFIG_FLOOD_NONE,
		.group = config->group,
		.lower = ipaddr_is_set(&config->group) ? underlay->uplink.index : 0,
		.uplink = config->bridge[0] ? underlay->uplink.index : 0,
		.mac = vtep_mac,
	};

	/* A bridge takes the lowest MAC of its ports, if its program set none. */
	if (want.existing)
		want.mac.octet[0] = HIGHEST_LOCAL;
	for (enum family f = 0; f < FAMILIES; f++) {
		if (underlay->outer[f])
			want.local[f] = underlay->uplink.address[f];
		if (!prefix_is_set(&subnet[f]) ||
		    (f == FAMILY_V6 && !underlay_has_ipv6(underlay, config)))
			continue;
		if (want.bridged)
			want_gateway(config, f, &want);
		else
			want.gateway[f] = (struct prefix){ subnet_gateway(&subnet[f]),
							   subnet[f].len };
	}
	if (displaced) {
		want.extra = displaced->gateway;
		want.extra_len = displaced->gateway_len;
	}
	return want;
}

/* The usable ones of these leases. */
static int filter(const struct desired_source *source, const struct leases *leases,
		  struct leases *usable_out, struct peers_counts *counts_out, struct err *err)
{
	if (!peers_filter(leases, source->config, source->self, usable_out, counts_out, NULL, NULL))
		return err_nomem(err, "the peers");
	return 0;
}

/* Adds what has come and subtracts what was before. */
static void count_changed(struct desired_counts *counts, const struct desired_state *desired,
			  const struct peers_counts *before, const struct peers_counts *now)
{
	if (!counts)
		return;
	counts->usable += desired->peers.len - desired->before.len;
	for (size_t i = 0; i < PEER_REFUSALS; i++)
		counts->refused[i] += now->refused[i] - before->refused[i];
}

static int filter_all(struct desired_source *source, struct desired_state *desired, struct err *err)
{
	struct desired_counts *counts = source->counts;
	struct peers_counts now;

	if (filter(source, source->leases, &desired->peers, &now, err) < 0)
		return -1;
	source->clash = now.clashes > 0;
	if (counts) {
		counts->usable = desired->peers.len;
		memcpy(counts->refused, now.refused, sizeof(counts->refused));
	}
	return 0;
}

/* *clash_out: two of them are in conflict, and the lists are of no use. */
static int build_changed(const struct desired_source *source, struct desired_state *desired,
			 bool *clash_out, struct err *err)
{
	AUTO(leases) struct leases before = { .len = 0 };
	AUTO(leases) struct leases now = { .len = 0 };
	struct peers_counts count_before, count_now;

	if (!lease_changes_collect(source->changes, source->leases, &before, &now))
		return err_nomem(err, "the peers");
	if (filter(source, &before, &desired->before, &count_before, err) < 0 ||
	    filter(source, &now, &desired->peers, &count_now, err) < 0)
		return -1;
	*clash_out = count_before.clashes || count_now.clashes;
	if (!*clash_out)
		count_changed(source->counts, desired, &count_before, &count_now);
	return 0;
}

/*
 * Where nothing is announced, each peer may have containers. Its one outer family is that of the
 * network.
 */
static int find_destinations(const struct desired_source *source, struct desired_state *desired,
			     struct err *err)
{
	for (size_t i = 0; i < desired->peers.len; i++) {
		for (enum family f = 0; f < FAMILIES; f++) {
			const struct remote remote = { .vtep = desired->peers.at[i].public_ip[f] };

			if (source->self->outer[f] && ipaddr_is_set(&remote.vtep) &&
			    !remotes_push(&desired->remotes, &remote))
				return err_nomem(err, "the peers");
		}
	}
	return 0;
}

static int build_bridged(struct desired_source *source, struct desired_state *desired,
			 struct err *err)
{
	struct remote_source remotes = {
		.config = source->config,
		.endpoints = source->l2->endpoints,
		.peers = &desired->peers,
		.locals = source->l2->locals,
		.reserved = source->l2->reserved,
		.node = source->self->node,
		.vtep_mac = source->self->vtep_mac,
	};
	struct remote_counts unused;

	desired->listed = DESIRED_PEERS_ALL;
	desired->remotes_known = source->l2->known;
	if (filter_all(source, desired, err) < 0)
		return -1;
	if (!config_announces(source->config))
		return find_destinations(source, desired, err);
	memcpy(remotes.outer, source->self->outer, sizeof(remotes.outer));
	return remotes_find(&remotes, &desired->remotes, &unused) ? 0 :
								    err_nomem(err, "the endpoints");
}

int desired_build_peers(struct desired_source *source, enum desired_peers wanted,
			struct desired_state *desired, struct err *err)
{
	bool clash = false;

	desired->listed = wanted;
	desired->bridged = source->l2 != NULL;
	if (wanted == DESIRED_PEERS_SAME)
		return 0;
	if (source->l2)
		return build_bridged(source, desired, err);
	if (wanted == DESIRED_PEERS_CHANGED && !source->changes->all && !source->clash) {
		if (build_changed(source, desired, &clash, err) < 0)
			return -1;
		if (!clash)
			return 0;
	}
	desired_state_free(desired);
	desired->listed = DESIRED_PEERS_ALL;
	return filter_all(source, desired, err);
}
