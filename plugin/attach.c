/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/attach.h"

#include "common/array.h"
#include "common/err.h"
#include "common/log.h"
#include "common/netlink/addr.h"
#include "common/netlink/link.h"
#include "common/netlink/neigh.h"
#include "common/netlink/netns.h"
#include "common/netlink/nl.h"
#include "common/netlink/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOPBACK_INDEX 1 /* in every namespace (LOOPBACK_IFINDEX) */
#define FORWARDING_TIMEOUT_MS 2000
#define FORWARDING_STEP_MAX_MS 20

/* ---- The veth pair ------------------------------------------------------------------------ */

/* One of the pair's names is in use: removes the device if it is a leftover of this attachment. */
static int remove_leftover(struct nl *host, const struct attach *attach, struct err *err)
{
	struct link link;
	int found = veth_find(host, attach->veth, &link, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_ATTACHED,
			       "interface %s already exists in the container's network namespace",
			       attach->ifname);
	if (!veth_is(attach->veth, &link))
		return err_set(
			err, ERR_KERNEL,
			"device %s already exists and belongs to another owner (alias \"%s\")",
			link.name, ERR_SHOW(link.alias));
	return link_del(host, link.index, err) < 0 ? -1 : 0;
}

static int make_pair(struct nl *host, const struct attach *attach, struct err *err)
{
	const struct link_port port = veth_port(attach->port);
	const struct link_add_veth want = {
		.name = attach->veth->name,
		.master = attach->bridge,
		.mtu = attach->mtu,
		.mac = attach->veth->mac,
		.alias = attach->veth->alias,
		.port = &port,
		.peer_name = attach->ifname,
		.peer_mac = attach->port->mac,
		.peer_netns = attach->netns,
	};

	if (link_add_veth(host, &want, err) == 0)
		return 0;
	if (err->sys_errno != EEXIST || remove_leftover(host, attach, err) < 0)
		return -1;
	if (link_add_veth(host, &want, err) == 0)
		return 0;
	return err->sys_errno == EEXIST ? remove_leftover(host, attach, err) : -1;
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
 * Set before the interface comes up: IPv6 may be disabled in the namespace; duplicate address
 * detection would delay the link-local address; ndisc_notify makes link_set_mac send the
 * unsolicited advertisement (RFC 4861 section 7.2.6), as link_up_announcing_message does for
 * IPv4; and IPv6 addresses must survive a link going down, as IPv4 addresses do. Where /proc/sys is
 * read-only, the container is attached without what is not essential.
 */
static int prepare_v6(void *ctx, struct err *err)
{
	static const struct {
		const char *name, *value;
		bool essential; /* without it, no IPv6 address can be added */
	} settings[] = {
		{ "disable_ipv6", "0", true },
		{ "accept_dad", "0", false },
		{ "ndisc_notify", "1", false },
		{ "keep_addr_on_down", "1", false },
	};
	const char *ifname = ctx;

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		char path[96];

		snprintf(path, sizeof(path), "net/ipv6/conf/%s/%s", ifname, settings[i].name);
		if (sysctl_ensure(path, settings[i].value, err) >= 0)
			continue;
		if (settings[i].essential)
			return err_wrap(err, "in the container");
		log_warn("cannot set a sysctl in the container", "error", err->text);
	}
	return 0;
}

/* The tag of a request in the batch: its step, and the index of the address or route. */
enum step { STEP_LOOPBACK, STEP_UP, STEP_ADDRESS, STEP_ROUTE };

#define TAG(step, i) ((uint64_t)(step) << 32 | (i))

struct setup {
	const struct attach *attach;
	struct err *err; /* error of the first failed request */
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

/* All in one send: the kernel processes the requests in order. */
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

/*
 * The host end is no interface of the host: with IPv6, the host would accept router advertisements
 * from the container, in frames to a group address that the bridge passes to the port itself.
 * Before there is a carrier. A failure is no reason to refuse the container: /proc/sys may be
 * read-only.
 */
static void disable_ipv6(const struct veth *veth)
{
	char path[64];
	struct err err = ERR_INIT;

	snprintf(path, sizeof(path), "net/ipv6/conf/%s/disable_ipv6", veth->name);
	/* ENOENT: the kernel has no IPv6. */
	if (sysctl_set(path, "1", &err) < 0 && err.sys_errno != ENOENT)
		log_warn("IPv6 stays enabled on the host end of the veth: the container can send "
			 "router advertisements to the host",
			 "error", err.text);
}

/* Adds the static FDB entry of a locked port. */
static int add_port_mac(struct nl *host, const struct attach *attach, uint32_t index,
			struct err *err)
{
	if (!attach->port->locked)
		return 0;
	return nl_request(host, neigh_fdb_port_message(index, &attach->port->mac),
			  "add the container's MAC to the bridge", err);
}

/* A kernel that lacks a flag ignores it in the request that sets it. */
static int check_port(const struct attach *attach, const struct link_port *have, struct err *err)
{
	const char *flag = veth_port_difference(attach->port, have);

	if (!flag)
		return 0;
	if (attach->port->locked && !have->locked)
		return err_set(err, ERR_KERNEL,
			       "the kernel does not support macSpoofCheck (locked bridge ports, "
			       "Linux 5.18 or later): port %s is not locked",
			       attach->veth->name);
	return err_set(err, ERR_KERNEL, "flag %s of bridge port %s could not be set", flag,
		       attach->veth->name);
}

/*
 * Since Linux 6.8 the query itself makes the port forward; older kernels take up to 40 ms to
 * notice the carrier of the container's side.
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
			return err_set(err, ERR_UNAVAILABLE,
				       "device %s is no longer a port of the bridge",
				       attach->veth->name);
		if (check_port(attach, &link.port, err) < 0)
			return -1;
		if (link.port.state == BR_STATE_FORWARDING)
			return 0;
		if (waited_ms >= FORWARDING_TIMEOUT_MS)
			return err_set(err, ERR_KERNEL,
				       "bridge port %s is not forwarding after %u ms: state %u",
				       attach->veth->name, waited_ms, link.port.state);
		if (waited_ms > 0 && step_ms * 2 <= FORWARDING_STEP_MAX_MS)
			step_ms *= 2;
		pause = (struct timespec){ .tv_nsec = (long)step_ms * 1000000 };
		nanosleep(&pause, NULL);
	}
}

/* ---- Creation ----------------------------------------------------------------------------- */

static int index_of(const struct nl *nl, const char *name, uint32_t *index_out, struct err *err)
{
	int found = nl_device_index(nl, name, index_out, err);

	if (found == 0)
		return err_set(err, ERR_KERNEL, "device %s is gone", name);
	return found < 0 ? -1 : 0;
}

static int configure(struct nl *host, struct nl *container, const struct attach *attach,
		     struct err *err)
{
	uint32_t index, peer;

	disable_ipv6(attach->veth);
	if (index_of(host, attach->veth->name, &index, err) < 0 ||
	    index_of(container, attach->ifname, &peer, err) < 0)
		return -1;
	if (has_v6(attach) && netns_run(attach->netns, attach->home, prepare_v6,
					(void *)(uintptr_t)attach->ifname, err) < 0)
		return -1;
	/* The port is locked before it has a carrier. */
	if (add_port_mac(host, attach, index, err) < 0 ||
	    set_up(container, attach, peer, err) < 0 ||
	    wait_forwarding(host, attach, index, err) < 0)
		return -1;
	/*
	 * Announces the addresses. Only now that the port forwards: before, the bridge would drop
	 * the announcement, and neighbour caches would stay stale.
	 */
	return link_set_mac(container, peer, &attach->port->mac, err);
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

/* ---- Removal ------------------------------------------------------------------------------ */

/*
 * The kernel acknowledges RTM_DELLINK when the device has been freed, some 20 ms after it was
 * unlisted (rcu_barrier in netdev_run_todo), but sends the RTM_DELLINK event after 1 ms. So a
 * child sends the request, and the parent waits for the event:
 *
 *   parent                     child                 kernel
 *     | subscribe, fork         |                      |
 *     |------------------------>| RTM_DELLINK          |
 *     |                         |--------------------->| unlists the pair
 *     | event RTM_DELLINK       |                      |
 *     |<-----------------------------------------------|
 *     | returns                 |                      | waits for RCU, frees
 *                               | ack                  |
 *                               |<---------------------|
 *                               | ends
 *
 * The child reports its outcome through a pipe, in case it comes before the event.
 */
/* The outcome, which the child writes to the pipe. */
struct outcome {
	int result;
	struct err err;
};

/* The descriptor that the child keeps, beside the standard ones. */
#define OUTCOME_FD 3

/*
 * Closes everything but the pipe: the standard streams, whose end of file the runtime waits for,
 * and the locks, which would be held until this process exits.
 */
static void close_inherited(int pipe)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < OUTCOME_FD; fd++)
		dup2(null, fd);
	if (pipe != OUTCOME_FD)
		dup2(pipe, OUTCOME_FD);
	close_range(OUTCOME_FD + 1, ~0U, 0);
	signal(SIGPIPE, SIG_IGN);
}

static _Noreturn void delete_in_child(uint32_t index, int pipe)
{
	struct outcome outcome = { .result = -1, .err = ERR_INIT };
	struct nl *nl = NULL;

	close_inherited(pipe);
	if (nl_open(&nl, &outcome.err) == 0)
		outcome.result = link_del(nl, index, &outcome.err);
	(void)!write(OUTCOME_FD, &outcome, sizeof(outcome));
	_exit(0);
}

/* The device whose removal is awaited. */
struct wait {
	uint32_t index;
	bool gone;
};

static int on_event(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	struct wait *wait = ctx;
	struct link link;

	if (header->nlmsg_type != RTM_DELLINK)
		return 0;
	if (link_parse(header, &link, err) < 0)
		return -1;
	/* Leaving the bridge is reported first, by a message of the same type (AF_BRIDGE). */
	if (link.index == wait->index && link.family == AF_UNSPEC)
		wait->gone = true;
	return 0;
}

/* After lost events. */
static int query_device(struct nl *host, struct wait *wait, struct err *err)
{
	struct link link;
	int found = link_get_index(host, wait->index, &link, err);

	if (found == 0)
		wait->gone = true;
	return found < 0 ? -1 : 0;
}

static int read_outcome(int pipe, struct wait *wait, struct err *err)
{
	struct outcome outcome;
	ssize_t size;

	do
		size = read(pipe, &outcome, sizeof(outcome));
	while (size < 0 && errno == EINTR);
	if (size != sizeof(outcome))
		return err_set(err, ERR_KERNEL, "the child deleting device %u was killed",
			       wait->index);
	if (outcome.result < 0) {
		*err = outcome.err;
		return -1;
	}
	wait->gone = true;
	return 0;
}

static int wait_removed(struct nl *host, struct nl *events, int pipe, uint32_t index,
			struct err *err)
{
	struct wait wait = { .index = index };
	struct pollfd fds[] = { { .fd = nl_fd(events), .events = POLLIN },
				{ .fd = pipe, .events = POLLIN } };

	while (!wait.gone) {
		bool lost = false;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_sys(err, ERR_KERNEL, errno, "wait for the removal of device %u",
				       index);
		if (nl_read_events(events, on_event, &wait, &lost, err) < 0 ||
		    (lost && query_device(host, &wait, err) < 0))
			return -1;
		if (!wait.gone && fds[1].revents && read_outcome(pipe, &wait, err) < 0)
			return -1;
	}
	return 0;
}

static int remove_index(struct nl *host, uint32_t index, struct err *err)
{
	const unsigned groups[] = { RTNLGRP_LINK, 0 };
	AUTO(nl) struct nl *events = NULL;
	int pipes[2], result;
	pid_t pid;

	if (nl_open(&events, err) < 0 || nl_listen(events, groups, err) < 0)
		return -1;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, ERR_IO, errno, "cannot create a pipe to a child process");

	AUTO(close) int from = pipes[0];
	AUTO(close) int to = pipes[1];

	pid = fork();
	if (pid < 0)
		return link_del(host, index, err) < 0 ? -1 : 0; /* slower, but complete */
	if (pid == 0)
		delete_in_child(index, to);
	close(take_fd(&to));
	result = wait_removed(host, events, from, index, err);
	(void)waitpid(pid, NULL, WNOHANG);
	return result;
}

int attach_remove(struct nl *host, const struct veth *veth, struct err *err)
{
	struct link link;
	int found = veth_find(host, veth, &link, err);

	if (found <= 0)
		return found;
	if (!veth_is(veth, &link)) {
		log_warn("device not created by weft, left alone", "device", link.name, "alias",
			 link.alias);
		return 0;
	}
	return remove_index(host, link.index, err) < 0 ? -1 : 1;
}
