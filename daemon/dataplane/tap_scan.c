/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/tap_scan.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/netlink/neigh.h"
#include "common/netlink/nl.h"
#include "common/netlink/route.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#define FDB_MAX 1024 /* entries of a port that are read */
#define ONE_MAX 2048 /* of the bridge, if they are read at once */
#define BY_PORT 16   /* scans by port after a bridge had more */
#define USABLE (NUD_PERMANENT | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

VEC_DEFINE(neighs, struct neigh);

/* The state of tap_scan. */
struct scan {
	const struct tap_scan_source *source;
	uint32_t tap;          /* the present one; 0: all */
	size_t start;          /* its first machine, or the first entry of the present family */
	struct seens machines; /* MACs without addresses */
	struct neighs neighs;  /* of the bridge, but those of weft */
};

static void scan_free(struct scan *scan)
{
	seens_free(&scan->machines);
	neighs_free(&scan->neighs);
}
AUTO_DEFINE_VALUE(scan, struct scan, scan_free);

/* ---- MACs -------------------------------------------------------------------------------- */

static const struct seen *find_machine(const struct scan *scan, const struct mac *mac)
{
	for (size_t i = 0; i < scan->machines.len; i++)
		if (!mac_cmp(&scan->machines.at[i].mac, mac))
			return &scan->machines.at[i];
	return NULL;
}

static int add_machine(struct scan *scan, uint32_t port, const struct mac *mac, struct err *err)
{
	const struct seen machine = { .port = port, .mac = *mac }, *at = scan->machines.at;
	size_t of_port = 0;

	for (size_t i = 0; at && i < scan->machines.len; i++)
		of_port += at[i].port == port;
	if (of_port == TAP_SCAN_MACS_MAX || find_machine(scan, mac))
		return 0;
	return seens_push(&scan->machines, &machine) ? 0 : err_nomem(err, "the bridge's machines");
}

static bool is_tap(const struct tap_scan_source *source, uint32_t port)
{
	for (size_t i = 0; i < source->len; i++)
		if (source->taps[i] == port)
			return true;
	return false;
}

/* NUD_PERMANENT: the MAC of the tap itself. */
static int on_fdb(void *ctx, const struct neigh_fdb *fdb, struct err *err)
{
	struct scan *scan = ctx;

	if (!fdb->bridge || fdb->state & NUD_PERMANENT || !mac_is_unicast(&fdb->mac))
		return 0;
	if (scan->tap ? scan->machines.len - scan->start == TAP_SCAN_MACS_MAX :
			!is_tap(scan->source, fdb->index))
		return 0;
	return add_machine(scan, fdb->index, &fdb->mac, err);
}

static void reset_machines(void *ctx)
{
	struct scan *scan = ctx;

	scan->machines.len = scan->start;
}

/* A machine that has sent nothing for minutes is no longer in the bridge's FDB. */
static int add_silent(struct nl *nl, struct scan *scan, struct err *err)
{
	const struct seens *before = scan->source->before;

	for (size_t i = 0; i < before->len; i++) {
		const struct seen *seen = &before->at[i];
		struct neigh_fdb fdb;
		int found;

		if (!is_tap(scan->source, seen->port) || find_machine(scan, &seen->mac))
			continue;
		found = neigh_fdb_get(nl, seen->port, &seen->mac, &fdb, err);
		if (found < 0 && err->sys_errno == EINVAL) {
			*err = ERR_INIT; /* the tap has left the bridge since its list was read */
			continue;
		}
		if (found < 0)
			return -1;
		if (!found && add_machine(scan, seen->port, &seen->mac, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * A list was not read to its end, or failed. A machine can send from hundreds of thousands of MACs,
 * which the kernel needs a second to list. *fdb is the socket; NULL afterwards.
 */
static int end_list(struct nl **fdb, struct err *err)
{
	nl_free(take_ptr(*fdb));
	if (err->code != ERR_AGAIN)
		return -1;
	*err = ERR_INIT;
	return 0;
}

/* *fdb is the socket; NULL: not open. */
static int read_port(struct nl **fdb, struct scan *scan, struct err *err)
{
	if (!*fdb && nl_open(fdb, err) < 0)
		return -1;
	if (neigh_fdb_each_max(*fdb, scan->tap, FDB_MAX, on_fdb, reset_machines, scan, err) == 0)
		return 0;
	return end_list(fdb, err);
}

static int read_by_port(struct nl **fdb, struct scan *scan, struct err *err)
{
	for (size_t i = 0; i < scan->source->len; i++) {
		scan->tap = scan->source->taps[i];
		scan->start = scan->machines.len;
		if (read_port(fdb, scan, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * One list costs a twentieth of one per tap, unless the bridge has thousands of remote containers:
 * then it is abandoned, and not tried again by the next scans. Returns 1 read, 0 not, -1 failed.
 */
static int read_at_once(struct nl **fdb, struct scan *scan, struct err *err)
{
	if (*scan->source->by_port) {
		--*scan->source->by_port;
		return 0;
	}
	if (nl_open(fdb, err) < 0)
		return -1;
	if (neigh_fdb_each_port_max(*fdb, scan->source->bridge, ONE_MAX, on_fdb, reset_machines,
				    scan, err) == 0)
		return 1;
	*scan->source->by_port = BY_PORT;
	seens_clear(&scan->machines);
	return end_list(fdb, err);
}

static int read_machines(struct nl *nl, struct scan *scan, struct err *err)
{
	AUTO(nl) struct nl *fdb = NULL;
	int read = read_at_once(&fdb, scan, err);

	if (read < 0 || (!read && read_by_port(&fdb, scan, err) < 0))
		return -1;
	return add_silent(nl, scan, err);
}

/* ---- Addresses --------------------------------------------------------------------------- */

/* weft's entries are those of remote containers. */
static int on_neigh(void *ctx, const struct neigh *neigh, struct err *err)
{
	struct scan *scan = ctx;
	const struct prefix *network = &scan->source->networks[ipaddr_family(&neigh->addr)];

	if (neigh->protocol == ROUTE_PROTOCOL || !prefix_has(network, &neigh->addr))
		return 0;
	return neighs_push(&scan->neighs, neigh) ? 0 : err_nomem(err, "the bridge's neighbours");
}

static void reset_neighs(void *ctx)
{
	struct scan *scan = ctx;

	scan->neighs.len = scan->start;
}

static int read_neighs(struct nl *nl, struct scan *scan, struct err *err)
{
	static const uint8_t families[FAMILIES] = { AF_INET, AF_INET6 };

	for (enum family f = 0; f < FAMILIES; f++) {
		scan->start = scan->neighs.len;
		if (prefix_is_set(&scan->source->networks[f]) &&
		    neigh_each(nl, scan->source->bridge, families[f], on_neigh, reset_neighs, scan,
			       err) < 0)
			return -1;
	}
	return 0;
}

static bool has_neigh(const struct scan *scan, const struct ipaddr *addr)
{
	for (size_t i = 0; i < scan->neighs.len; i++)
		if (ipaddr_equal(&scan->neighs.at[i].addr, addr))
			return true;
	return false;
}

static bool push_address(struct seens *seens, const struct seen *machine, const struct ipaddr *addr)
{
	const struct seen seen = { machine->port, machine->mac, *addr };

	return seens_push(seens, &seen);
}

static bool select_addresses(const struct scan *scan, struct seens *seens)
{
	const struct seens *before = scan->source->before;

	for (size_t i = 0; i < scan->neighs.len; i++) {
		const struct neigh *neigh = &scan->neighs.at[i];
		const struct seen *machine = find_machine(scan, &neigh->mac);

		if (machine && neigh->state & USABLE && !push_address(seens, machine, &neigh->addr))
			return false;
	}
	for (size_t i = 0; i < before->len; i++) {
		const struct seen *seen = &before->at[i];
		const struct seen *machine = find_machine(scan, &seen->mac);

		if (machine && (!seen->port || machine->port == seen->port) &&
		    ipaddr_is_set(&seen->addr) && !has_neigh(scan, &seen->addr) &&
		    !push_address(seens, machine, &seen->addr))
			return false;
	}
	return true;
}

/* The order of the ports; a MAC alone comes first. */
static int seen_order(const void *a, const void *b)
{
	const struct seen *left = a, *right = b;
	int order = (left->port > right->port) - (left->port < right->port);

	if (!order)
		order = mac_cmp(&left->mac, &right->mac);
	return order ? order : ipaddr_cmp(&left->addr, &right->addr);
}

/*
 * Returns the number of the entries that remain. What was read before stays: without a limit, a
 * machine that sends from one address after the other would add to the result with each scan.
 */
static size_t limit_addresses(const struct prefix *range, struct seen *seens, size_t len)
{
	size_t counts[FAMILIES][2] = { { 0 } }, kept = 0;
	uint32_t port = 0;

	for (size_t i = 0; i < len; i++) {
		const struct seen seen = seens[i];
		const enum family f = ipaddr_family(&seen.addr);
		size_t *count;

		if (seen.port != port)
			memset(counts, 0, sizeof(counts));
		port = seen.port;
		if (ipaddr_is_set(&seen.addr)) {
			count = &counts[f][prefix_is_set(&range[f]) &&
					   prefix_has(&range[f], &seen.addr)];
			if (*count == TAP_SCAN_ADDRESSES_MAX)
				continue;
			(*count)++;
		}
		seens[kept++] = seen;
	}
	return kept;
}

int tap_scan(struct nl *nl, const struct tap_scan_source *source, struct seens *seens,
	     struct err *err)
{
	AUTO(scan) struct scan scan = { .source = source };
	const size_t first = seens->len;

	if (!source->len)
		return 0;
	if (read_machines(nl, &scan, err) < 0 || read_neighs(nl, &scan, err) < 0)
		return -1;
	for (size_t i = 0; i < scan.machines.len; i++)
		if (!seens_push(seens, &scan.machines.at[i]))
			return err_nomem(err, "the addresses");
	if (!select_addresses(&scan, seens))
		return err_nomem(err, "the addresses");
	vec_sort(seens->at + first, seens->len - first, sizeof(*seens->at), seen_order);
	seens->len = first + limit_addresses(source->range, seens->at + first, seens->len - first);
	return 0;
}
