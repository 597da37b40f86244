/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/attach.h"

#include "common/addr.h"
#include "common/err.h"
#include "common/link.h"
#include "common/neigh.h"
#include "common/netns.h"
#include "common/nl.h"
#include "common/sysctl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <stdio.h>
#include <time.h>

#define LOOPBACK_INDEX 1 /* in every namespace (LOOPBACK_IFINDEX) */
#define FORWARDING_TIMEOUT_MS 2000
#define FORWARDING_STEP_MAX_MS 20

/* ---- The pair ----------------------------------------------------------------------------- */

/* One of the pair's names is taken: makes room where our own leftover has it. */
static int clear_the_way(struct nl *host, const struct attach *attach, struct err *err)
{
	struct link link;
	int found = link_get(host, attach->veth->name, &link, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_ATTACHED,
			       "interface %s is in the container's network namespace already",
			       attach->ifname);
	if (!veth_is(attach->veth, &link))
		return err_set(
			err, ERR_KERNEL,
			"device %s exists already, and it is not this container's (alias \"%s\")",
			link.name, ERR_SHOW(link.alias));
	return link_del(host, link.index, err) < 0 ? -1 : 0;
}

/*
 * A locked port takes frames from those MACs alone that the bridge knows behind it, and with
 * learning off that is the one of the static entry (bridge(8), "locked").
 */
static struct link_port port_of(const struct attach *attach)
{
	struct link_port port = LINK_PORT_NEW;

	port.hairpin = attach->hairpin;
	port.isolated = attach->isolated;
	if (attach->spoof_check) {
		port.locked = true;
		port.learning = false;
	}
	return port;
}

static int make_pair(struct nl *host, const struct attach *attach, struct err *err)
{
	const struct link_port port = port_of(attach);
	const struct link_add_veth want = {
		.name = attach->veth->name,
		.master = attach->bridge,
		.mtu = attach->mtu,
		.mac = attach->veth->mac,
		.alias = attach->veth->alias,
		.port = &port,
		.peer_name = attach->ifname,
		.peer_mac = attach->mac,
		.peer_netns = attach->netns,
	};

	if (link_add_veth(host, &want, err) == 0)
		return 0;
	if (err->sys_errno != EEXIST || clear_the_way(host, attach, err) < 0)
		return -1;
	if (link_add_veth(host, &want, err) == 0)
		return 0;
	return err->sys_errno == EEXIST ? clear_the_way(host, attach, err) : -1;
}

/* ---- The container's side ----------------------------------------------------------------- */

static bool has_v6(const struct attach *attach)
{
	for (size_t i = 0; i < attach->address_len; i++)
		if (attach->addresses[i].addr.family == AF_INET6)
			return true;
	return false;
}

/*
 * Before the interface comes up: IPv6 may be disabled there; nobody shall wait for the search
 * for doubles of its link-local address; and the advertisement (RFC 4861 section 7.2.6) is to
 * be sent when link_set_mac is called, as link_up_announcing_message does for IPv4. An
 * address shall stay when the interface goes down, as those of IPv4 do.
 */
static int prepare_v6(void *ctx, struct err *err)
{
	static const char *const values[][2] = {
		{ "disable_ipv6", "0" },
		{ "accept_dad", "0" },
		{ "ndisc_notify", "1" },
		{ "keep_addr_on_down", "1" },
	};
	const char *ifname = ctx;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char path[96];

		snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", ifname, values[i][0]);
		if (sysctl_ensure(path, values[i][1], err) < 0)
			return err_wrap(err, "in the container");
	}
	return 0;
}

/* What a request of the batch was to do, as its tag: one of these, and the number of which. */
enum step { STEP_LOOPBACK, STEP_UP, STEP_ADDRESS, STEP_ROUTE };

#define TAG(step, i) ((uint64_t)(step) << 32 | (i))

struct setup {
	const struct attach *attach;
	struct err *err; /* of the first request that failed */
	bool failed;
};

static void setup_failed(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	struct setup *setup = ctx;
	const struct attach *attach = setup->attach;
	const uint32_t i = (uint32_t)tag;
	char object[PREFIX_TEXT_SIZE] = "";
	static const char *const actions[] = {
		[STEP_LOOPBACK] = "set lo up",
		[STEP_UP] = "set the interface up",
		[STEP_ADDRESS] = "add address ",
		[STEP_ROUTE] = "add route ",
	};

	if (setup->failed)
		return;
	setup->failed = true;
	if (tag >> 32 == STEP_ADDRESS)
		prefix_text(&attach->addresses[i], object);
	else if (tag >> 32 == STEP_ROUTE)
		prefix_text(&attach->routes[i].dst, object);
	err_sys(setup->err, ERR_KERNEL, sys_errno, "in the container: %s%s (%s)%s%s",
		actions[tag >> 32], object, attach->ifname, *text ? ": " : "", text);
}

/* Everything in one send: the kernel goes through it in order. */
static int set_up(struct nl *container, const struct attach *attach, uint32_t index,
		  struct err *err)
{
	struct setup setup = { .attach = attach, .err = err };
	AUTO(nl_batch) struct nl_batch *batch = NULL;
	int result;

	if (nl_batch_open(container, setup_failed, &setup, &batch, err) < 0)
		return -1;
	result = nl_batch_add(batch, link_up_message(LOOPBACK_INDEX), TAG(STEP_LOOPBACK, 0), err);
	if (result == 0)
		result = nl_batch_add(batch, link_up_announcing_message(index), TAG(STEP_UP, 0),
				      err);
	for (size_t i = 0; result == 0 && i < attach->address_len; i++)
		result = nl_batch_add(batch, addr_add_message(index, &attach->addresses[i]),
				      TAG(STEP_ADDRESS, i), err);
	for (size_t i = 0; result == 0 && i < attach->route_len; i++) {
		struct route route = attach->routes[i];

		route.index = index;
		result = nl_batch_add(batch, route_append_message(&route), TAG(STEP_ROUTE, i), err);
	}
	if (result == 0)
		result = nl_batch_flush(batch, err);
	return result < 0 || setup.failed ? -1 : 0;
}

static int open_socket(void *ctx, struct err *err)
{
	return nl_open(ctx, err);
}

/* ---- The bridge's side -------------------------------------------------------------------- */

/* The one MAC behind a locked port. */
static int set_mac_behind(struct nl *host, const struct attach *attach, uint32_t index,
			  struct err *err)
{
	if (!attach->spoof_check)
		return 0;
	return nl_request(host, neigh_fdb_port_message(index, &attach->mac),
			  "add the container's MAC to the bridge", err);
}

/*
 * Since Linux 6.8 to ask is enough to have the port forwarding; before, the kernel takes up
 * to 40 ms to notice that the container's side is up.
 */
static int wait_forwarding(struct nl *host, const struct attach *attach, uint32_t index,
			   struct err *err)
{
	unsigned step_ms = 1;

	for (unsigned waited_ms = 0;; waited_ms += step_ms) {
		struct timespec pause;
		struct link link;
		int found = link_get_index(host, index, &link, err);

		if (found < 0)
			return -1;
		if (!found || !link.is_port)
			return err_set(err, ERR_KERNEL,
				       "device %s is no longer a port of the bridge",
				       attach->veth->name);
		if (link.port.state == BR_STATE_FORWARDING)
			return 0;
		if (waited_ms >= FORWARDING_TIMEOUT_MS)
			return err_set(err, ERR_KERNEL,
				       "bridge port %s does not forward after %u ms: state %u",
				       attach->veth->name, waited_ms, link.port.state);
		if (waited_ms > 0 && step_ms * 2 <= FORWARDING_STEP_MAX_MS)
			step_ms *= 2;
		pause = (struct timespec){ .tv_nsec = (long)step_ms * 1000000 };
		nanosleep(&pause, NULL);
	}
}

/* ---- Both --------------------------------------------------------------------------------- */

static int index_of(const struct nl *nl, const char *name, uint32_t *index_out, struct err *err)
{
	int found = nl_device_index(nl, name, index_out, err);

	if (found == 0)
		return err_set(err, ERR_KERNEL, "device %s has gone", name);
	return found < 0 ? -1 : 0;
}

static int configure(struct nl *host, struct nl *container, const struct attach *attach,
		     struct err *err)
{
	uint32_t index, peer;

	if (index_of(host, attach->veth->name, &index, err) < 0 ||
	    index_of(container, attach->ifname, &peer, err) < 0)
		return -1;
	if (has_v6(attach) && netns_run(attach->netns, attach->home, prepare_v6,
					(void *)(uintptr_t)attach->ifname, err) < 0)
		return -1;
	/* The port's rules come before its carrier. */
	if (set_mac_behind(host, attach, index, err) < 0 ||
	    set_up(container, attach, peer, err) < 0 ||
	    wait_forwarding(host, attach, index, err) < 0)
		return -1;
	/* Not before the port forwards: the bridge would drop it, and caches would stay stale. */
	return link_set_mac(container, peer, &attach->mac, err);
}

int attach_make(struct nl *host, const struct attach *attach, struct err *err)
{
	AUTO(nl) struct nl *container = NULL;
	struct err unused = ERR_INIT;

	if (netns_run(attach->netns, attach->home, open_socket, &container, err) < 0 ||
	    make_pair(host, attach, err) < 0)
		return -1;
	if (configure(host, container, attach, err) == 0)
		return 0;
	(void)attach_remove(host, attach->veth, &unused);
	return -1;
}
