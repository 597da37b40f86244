/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/seen.h"

#include "common/auto.h"
#include "common/err.h"

#include <string.h>

/* The port that has a MAC, in this selection. */
struct holder {
	struct mac mac;
	uint32_t port; /* HOLDER_ATTACHED: a container that weft attached */
};

#define HOLDER_ATTACHED UINT32_MAX

VEC_DEFINE(holders, struct holder);

/* The state of seen_select. */
struct selection {
	const struct seen_source *source;
	const struct prefix *network;
	struct endpoints *locals;
	struct holders holders; /* sorted by MAC, each MAC once */
	struct macs remote;     /* announced by other nodes; sorted */
	uint32_t port;          /* the present one, */
	size_t of_port;         /* and the number of its endpoints */
	size_t selected;
	struct seen_counts counts;
};

static void selection_free(struct selection *selection)
{
	holders_free(&selection->holders);
	macs_free(&selection->remote);
}
AUTO_DEFINE_VALUE(selection, struct selection, selection_free);

/* The MAC is the first member of a holder. */
static int mac_order(const void *a, const void *b)
{
	return mac_cmp(a, b);
}

static const struct holder *find_holder(const struct selection *selection, const struct mac *mac)
{
	const struct holder key = { .mac = *mac };

	return vec_find(selection->holders.at, selection->holders.len, sizeof(key), mac_order,
			&key);
}

/* Keeps the first one. */
static bool add_holder(struct selection *selection, const struct mac *mac, uint32_t port)
{
	const struct holder holder = { *mac, port };
	struct holders *holders = &selection->holders;

	if (find_holder(selection, mac))
		return true;
	if (!holders_push(holders, &holder))
		return false;
	vec_insert(holders->at, holders->len - 1, sizeof(holder), mac_order, &holder, 1);
	return true;
}

static bool is_own(const struct selection *selection, const struct endpoint *endpoint)
{
	return !strcmp(endpoint->node, selection->source->node);
}

/*
 * A MAC that this node announces, too, is not among them: it was announced here first. A vanished
 * endpoint still counts: its node may be restarting, and no other node may take the MAC meanwhile.
 */
static bool collect_remote(struct selection *selection)
{
	const struct endpoints *endpoints = selection->source->endpoints;
	AUTO(macs) struct macs own = { .len = 0 };
	struct macs *remote = &selection->remote;
	size_t len = 0;

	for (size_t i = 0; i < endpoints->len; i++) {
		const struct endpoint *endpoint = &endpoints->at[i];

		if (!macs_push(is_own(selection, endpoint) ? &own : remote, &endpoint->mac))
			return false;
	}
	vec_sort(own.at, own.len, sizeof(*own.at), mac_order);
	vec_sort(remote->at, remote->len, sizeof(*remote->at), mac_order);
	for (size_t i = 0; i < remote->len; i++)
		if (!vec_find(own.at, own.len, sizeof(*own.at), mac_order, &remote->at[i]))
			remote->at[len++] = remote->at[i];
	remote->len = len;
	return true;
}

static bool is_remote(const struct selection *selection, const struct mac *mac)
{
	return vec_find(selection->remote.at, selection->remote.len, sizeof(*mac), mac_order, mac);
}

/*
 * Container programs derive a MAC from the container's IPv4 address: docker and podman 02:42 and
 * the address, weft and other CNI plugins 0a:58 and the address. The ranges then determine whose
 * MAC it is, also before its node announces it.
 */
enum owner { OWNER_UNKNOWN, OWNER_THIS_NODE, OWNER_OTHER_NODE };

static enum owner owner_of(const struct selection *selection, const struct mac *mac)
{
	const struct prefix *network = &selection->network[FAMILY_V4];
	const struct prefix *range = &selection->source->range[FAMILY_V4];
	const bool docker = mac->octet[0] == 0x02 && mac->octet[1] == 0x42;
	struct ipaddr addr;
	struct err unused;

	if ((!docker && !mac_is_derived(mac)) || !prefix_is_set(network) ||
	    ipaddr_from_wire(mac->octet + 2, 4, &addr, &unused) < 0 || !prefix_has(network, &addr))
		return OWNER_UNKNOWN;
	return prefix_is_set(range) && prefix_has(range, &addr) ? OWNER_THIS_NODE :
								  OWNER_OTHER_NODE;
}

static bool may_hold(const struct selection *selection, const struct mac *mac)
{
	const enum owner owner = owner_of(selection, mac);

	return owner == OWNER_THIS_NODE || (owner == OWNER_UNKNOWN && !is_remote(selection, mac));
}

/* The attached containers and the bridge come first. */
static bool collect_holders(struct selection *selection)
{
	const struct seens *seens = selection->source->seens;

	for (size_t i = 0; i < selection->locals->len; i++)
		if (!add_holder(selection, &selection->locals->at[i].mac, HOLDER_ATTACHED))
			return false;
	for (size_t i = 0; i < seens->len; i++)
		if (!seens->at[i].port && !add_holder(selection, &seens->at[i].mac, 0))
			return false;
	for (size_t i = 0; i < seens->len; i++)
		if (seens->at[i].port && may_hold(selection, &seens->at[i].mac) &&
		    !add_holder(selection, &seens->at[i].mac, seens->at[i].port))
			return false;
	return true;
}

/*
 * Of the bridge's own addresses, those that are not announced are not counted: each node may have
 * them.
 */
static bool select_one(struct selection *selection, const struct seen *seen)
{
	const enum family f = ipaddr_family(&seen->addr);
	const struct holder *holder = find_holder(selection, &seen->mac);
	const struct endpoint endpoint = {
		.addr = seen->addr, .mac = seen->mac, .port = seen->port, .seen = true
	};

	if (!ipaddr_is_set(&seen->addr) || !prefix_is_set(&selection->network[f]) ||
	    !prefix_has(&selection->network[f], &seen->addr))
		return true;
	if (seen->port != selection->port)
		selection->of_port = 0;
	selection->port = seen->port;
	if (!prefix_is_set(&selection->source->range[f]) ||
	    !prefix_has(&selection->source->range[f], &seen->addr)) {
		if (seen->port && !selection->counts.outside++)
			selection->counts.outside_example = seen->addr;
		return true;
	}
	if (!mac_is_unicast(&seen->mac) || !holder || holder->port != seen->port ||
	    endpoints_find(selection->locals, &seen->addr)) {
		selection->counts.conflicts += seen->port != 0;
		return true;
	}
	if (selection->of_port == SEEN_PORT_MAX || selection->selected == SEEN_MAX) {
		selection->counts.limited++;
		return true;
	}
	selection->of_port++;
	selection->selected++;
	return endpoints_put(selection->locals, &endpoint);
}

bool seen_select(const struct seen_source *source, const struct prefix network[static FAMILIES],
		 struct endpoints *locals, struct macs *macs_out, struct seen_counts *counts_out)
{
	AUTO(selection)
	struct selection selection = {
		.source = source,
		.network = network,
		.locals = locals,
	};

	macs_clear(macs_out);
	if (!collect_remote(&selection) || !collect_holders(&selection))
		return false;
	for (size_t i = 0; i < source->seens->len; i++)
		if (!select_one(&selection, &source->seens->at[i]))
			return false;
	for (size_t i = 0; i < selection.holders.len; i++)
		if (!macs_push(macs_out, &selection.holders.at[i].mac))
			return false;
	*counts_out = selection.counts;
	return true;
}
