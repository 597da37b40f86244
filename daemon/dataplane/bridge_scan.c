/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/bridge_scan.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/nl.h"
#include "daemon/dataplane/tap_scan.h"
#include "ipam/veth.h"

#include <errno.h>
#include <string.h>

VEC_DEFINE(veths, struct link);
VEC_DEFINE(taps, uint32_t);

#define FORWARDING 3 /* BR_STATE_FORWARDING */
#define LOWER_UP                                                                                   \
	0x10000 /* IFF_LOWER_UP of linux/if.h, which conflicts with net/if.h: there is a machine */

AUTO_DEFINE_VALUE(bridge_scan, struct bridge_scan, bridge_scan_free);

void bridge_scan_free(struct bridge_scan *scan)
{
	seens_free(&scan->seens);
	seens_free(&scan->earlier);
}

/* ---- The ports --------------------------------------------------------------------------- */

struct gather {
	const struct bridge_scan_want *want;
	uint32_t bridge; /* index */
	struct veths veths;
	struct taps taps; /* indexes */
};

static void gather_free(struct gather *gather)
{
	taps_free(&gather->taps);
	veths_free(&gather->veths);
}
AUTO_DEFINE_VALUE(gather, struct gather, gather_free);

static int collect_port(void *ctx, const struct link *link, struct err *err)
{
	struct gather *gather = ctx;

	if (link->master == gather->bridge && link->kind == LINK_KIND_TAP && link->is_port &&
	    link->port.state == FORWARDING && link->flags & LOWER_UP)
		return taps_push(&gather->taps, &link->index) ?
			       0 :
			       err_nomem(err, "the bridge's ports");
	if (link->master != gather->bridge || link->kind != LINK_KIND_VETH ||
	    link->peer_netns < 0 || veth_is_of_network(link, gather->want->network))
		return 0;
	return veths_push(&gather->veths, link) ? 0 : err_nomem(err, "the bridge's ports");
}

static void reset_ports(void *ctx)
{
	struct gather *gather = ctx;

	veths_clear(&gather->veths);
	taps_clear(&gather->taps);
}

static int tap_order(const void *a, const void *b)
{
	const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static int index_order(const void *a, const void *b)
{
	const struct link *left = a, *right = b;

	return (left->index > right->index) - (left->index < right->index);
}

/* ---- Their addresses --------------------------------------------------------------------- */

/* One port, or the bridge. */
struct read {
	const struct bridge_scan_want *want;
	struct bridge_scan *scan;
	uint32_t port;
	struct mac mac;
	size_t start;           /* of the family, in scan->seens */
	size_t inside, outside; /* addresses of it that were read, of the range and others */
};

/* A container's addresses outside the range must not displace those in it. */
#define READ_MAX (SEEN_PORT_MAX + 1)

static int on_address(void *ctx, const struct addr *addr, struct err *err)
{
	struct read *read = ctx;
	const enum family f = ipaddr_family(&addr->prefix.addr);
	const struct prefix *network = &read->want->networks[f], *range = &read->want->range[f];
	const struct seen seen = { read->port, read->mac, addr->prefix.addr };
	size_t *count;

	if (!prefix_is_set(network) || !prefix_has(network, &addr->prefix.addr))
		return 0;
	count = prefix_is_set(range) && prefix_has(range, &addr->prefix.addr) ? &read->inside :
										&read->outside;
	if (*count == READ_MAX)
		return 0;
	(*count)++;
	return seens_push(&read->scan->seens, &seen) ? 0 : err_nomem(err, "the addresses");
}

static void reset_addresses(void *ctx)
{
	struct read *read = ctx;

	read->scan->seens.len = read->start;
	read->inside = read->outside = 0;
}

/* netns -1: this one. The MAC is recorded without an address, too. */
static int read_addresses(struct nl *nl, struct read *read, int32_t netns, uint32_t index,
			  struct err *err)
{
	static const uint8_t families[FAMILIES] = { AF_INET, AF_INET6 };
	const struct seen alone = { .port = read->port, .mac = read->mac };

	if (!seens_push(&read->scan->seens, &alone))
		return err_nomem(err, "the addresses");
	for (enum family f = 0; f < FAMILIES; f++) {
		read->start = read->scan->seens.len;
		read->inside = read->outside = 0;
		if (!prefix_is_set(&read->want->networks[f]))
			continue;
		if ((netns < 0 ? addr_each(nl, index, families[f], on_address, reset_addresses,
					   read, err) :
				 addr_each_in(nl, netns, index, families[f], on_address,
					      reset_addresses, read, err)) < 0)
			return -1;
	}
	return 0;
}

static bool is_gone(const struct err *err)
{
	return err->sys_errno == ENODEV || err->sys_errno == EINVAL || err->sys_errno == ENOENT;
}

/*
 * A container shapes the replies about its own device: a list of names that is too long, addresses
 * that change all the time. That must not end the scan of the others.
 */
static bool is_fatal(const struct err *err)
{
	return err->code == ERR_NOMEM || err->sys_errno == ETIMEDOUT || err->sys_errno == EBADF ||
	       err->sys_errno == ENOTCONN;
}

/* peers: the socket for requests about containers; NULL: not open, also after one that failed. */
static int read_port(struct nl **peers, const struct bridge_scan_want *want,
		     const struct link *veth, struct bridge_scan *scan, struct err *err)
{
	struct read read = { .want = want, .scan = scan, .port = veth->index };
	const size_t before = scan->seens.len;
	struct link peer;
	int found;

	if (!*peers && nl_open(peers, err) < 0)
		return -1;
	found = link_get_peer(*peers, veth, &peer, err);
	if (found == 0)
		return 0;
	if (found > 0) {
		read.mac = peer.mac;
		scan->ports++;
		if (read_addresses(*peers, &read, veth->peer_netns, peer.index, err) == 0)
			return 0;
	}
	nl_free(take_ptr(*peers));
	scan->seens.len = before;
	if (is_fatal(err))
		return -1;
	scan->unreadable += !is_gone(err);
	*err = ERR_INIT;
	return 0;
}

static int read_ports(const struct bridge_scan_want *want, const struct veths *veths,
		      struct bridge_scan *scan, struct err *err)
{
	AUTO(nl) struct nl *peers = NULL;

	for (size_t i = 0; i < veths->len; i++)
		if (read_port(&peers, want, &veths->at[i], scan, err) < 0)
			return -1;
	return 0;
}

static int read_bridge(struct nl *nl, const struct bridge_scan_want *want,
		       const struct link *bridge, struct bridge_scan *scan, struct err *err)
{
	struct read read = { .want = want, .scan = scan, .mac = bridge->mac };

	if (read_addresses(nl, &read, -1, bridge->index, err) == 0)
		return 0;
	if (!is_gone(err))
		return -1;
	*err = ERR_INIT;
	return 0;
}

/* before: of the scan before */
static int read_taps(struct nl *nl, const struct bridge_scan_want *want,
		     const struct gather *gather, const struct seens *before,
		     struct bridge_scan *scan, struct err *err)
{
	const struct tap_scan_source source = {
		.bridge = gather->bridge,
		.taps = gather->taps.at,
		.len = gather->taps.len,
		.networks = want->networks,
		.range = want->range,
		.before = before,
		.by_port = &scan->taps_by_port,
	};

	scan->ports += gather->taps.len;
	return tap_scan(nl, &source, &scan->seens, err);
}

int bridge_scan(struct nl *nl, const struct bridge_scan_want *want, struct bridge_scan *scan,
		struct err *err)
{
	AUTO(gather) struct gather gather = { .want = want };
	AUTO(bridge_scan) struct bridge_scan next = { .taps_by_port = scan->taps_by_port };
	struct link bridge = { .index = 0 };
	int found = link_get(nl, want->bridge, &bridge, err);

	if (found < 0)
		return -1;
	gather.bridge = bridge.index;
	if (found && bridge.kind == LINK_KIND_BRIDGE) {
		if (link_each(nl, collect_port, reset_ports, &gather, err) < 0 ||
		    read_bridge(nl, want, &bridge, &next, err) < 0)
			return -1;
		vec_sort(gather.veths.at, gather.veths.len, sizeof(*gather.veths.at), index_order);
		vec_sort(gather.taps.at, gather.taps.len, sizeof(*gather.taps.at), tap_order);
	}
	if (read_ports(want, &gather.veths, &next, err) < 0 ||
	    read_taps(nl, want, &gather, scan->seens.len ? &scan->seens : &scan->earlier, &next,
		      err) < 0)
		return -1;
	bridge_scan_free(scan);
	*scan = next;
	next = (struct bridge_scan){ .ports = 0 };
	return 0;
}
