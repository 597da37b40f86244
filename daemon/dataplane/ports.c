/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/dataplane/ports.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/netlink/link_reset.h"
#include "common/netlink/neigh.h"
#include "common/netlink/nl.h"
#include "common/netlink/sysctl.h"
#include "daemon/dataplane/device.h"
#include "daemon/dataplane/device_sysctls.h"
#include "ipam/veth.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <stdio.h>
#include <string.h>

/* A container's veth, or a device of a previous configuration, in the dump. */
struct host_end {
	uint32_t index, mtu, master, group;
	bool up, running, ipv6;
	struct link_port flags; /* meaningful for a port */
	char name[IF_NAMESIZE];
	char record[ATTACHMENT_NAME_SIZE]; /* "": cannot be derived */
	/* As at the last scan, or read from the record: */
	struct attachment_port port;
	struct ipaddr addresses[ATTACHMENT_ADDRESSES];
	size_t address_len;
	bool unread;
};

VEC_DEFINE(host_ends, struct host_end);

/* The result of a dump of all devices. */
struct gather {
	const struct ports_want *want;
	struct host_ends veths;
	struct host_ends old; /* previous bridges and vxlan devices of the network */
};

static void gather_free(struct gather *gather)
{
	host_ends_free(&gather->veths);
	host_ends_free(&gather->old);
}
AUTO_DEFINE_VALUE(gather, struct gather, gather_free);

static int collect_veth(void *ctx, const struct link *link, struct err *err)
{
	struct gather *gather = ctx;
	struct host_end veth = {
		.index = link->index,
		.mtu = link->mtu,
		.master = link->master,
		.group = link->group,
		.up = link->flags & IFF_UP,
		.running = link->flags & IFF_RUNNING,
		.ipv6 = link->ipv6,
		.flags = link->port,
	};

	const struct ports_want *want = gather->want;
	bool old = link->index != want->bridge && link->index != want->vxlan[FAMILY_V4] &&
		   link->index != want->vxlan[FAMILY_V6] && device_is_ours(link, want->network);

	if (!old && !veth_is_of_network(link, want->network))
		return 0;
	if (!old)
		(void)veth_record(link, want->network, veth.record);
	memcpy(veth.name, link->name, sizeof(veth.name));
	return host_ends_push(old ? &gather->old : &gather->veths, &veth) ?
		       0 :
		       err_nomem(err, "the bridge's ports");
}

static void reset_veths(void *ctx)
{
	struct gather *gather = ctx;

	host_ends_clear(&gather->veths);
	host_ends_clear(&gather->old);
}

static bool is_old(const struct gather *gather, uint32_t index)
{
	for (size_t i = 0; i < gather->old.len; i++)
		if (gather->old.at[i].index == index)
			return true;
	return false;
}

/* ---- Flags -------------------------------------------------------------------------------- */

static int compare_index(const void *a, const void *b)
{
	const struct port *left = a, *right = b;

	return left->index < right->index ? -1 : left->index > right->index;
}

static const struct port *find_seen(const struct ports *seen, uint32_t index)
{
	const struct port key = { .index = index };

	return vec_find(seen->at, seen->len, sizeof(key), compare_index, &key);
}

/*
 * Sets port to what ADD set, if the record has it. Read once for each device: it does not change.
 */
static void read_port(const struct ports_want *want, const struct port *last, struct host_end *veth)
{
	struct attachment record;
	struct err err = ERR_INIT;
	int found = 0;

	if (last && !last->unread) {
		veth->port = last->attached;
		memcpy(veth->addresses, last->addresses, sizeof(veth->addresses));
		veth->address_len = last->address_len;
		return;
	}
	if (want->run_dir && *veth->record)
		found = attachment_read_unlocked(want->run_dir, want->network, veth->record,
						 &record, &err);
	veth->unread = found < 0;
	if (veth->unread && !last)
		log_warn("cannot read the attachment record of a port, its flags are not restored",
			 "network", want->network, "device", veth->name, "error", err.text);
	if (found <= 0)
		return;
	veth->port = record.port;
	memcpy(veth->addresses, record.addresses, sizeof(veth->addresses));
	veth->address_len = record.address_len;
}

/* Flags of a port that has left the bridge: the last ones, else those of a new port. */
static struct link_port last_flags(const struct port *seen)
{
	const struct attachment_port unknown = { .hairpin = true };

	return seen ? seen->flags : veth_port(&unknown);
}

/* Replaces all flags, and keeps the state. */
static struct link_port recorded_flags(const struct attachment_port *port, struct link_port flags)
{
	struct link_port want = veth_port(port);

	want.state = flags.state;
	return want;
}

static int enslave(struct nl *nl, const struct gather *gather, const struct ports *seen,
		   struct host_end *veth, struct err *err)
{
	const struct ports_want *want = gather->want;

	if (veth->master == want->bridge || (veth->master && !is_old(gather, veth->master)))
		return 0;
	if (!veth->master)
		veth->flags = last_flags(find_seen(seen, veth->index));
	if (veth->port.known)
		veth->flags = recorded_flags(&veth->port, veth->flags);
	log_info("container veth attached to the bridge again", "network", want->network, "device",
		 veth->name);
	veth->master = want->bridge;
	if (link_set_master(nl, veth->index, want->bridge, err) < 0)
		return -1;
	return link_set_port(nl, veth->index, &veth->flags, err) < 0 ? -1 : 1;
}

static int correct_flags(struct nl *nl, const char *network, struct host_end *veth, struct err *err)
{
	const char *flag = veth->port.known ? veth_port_difference(&veth->port, &veth->flags) :
					      NULL;

	if (!flag)
		return 0;
	log_info("flags of a container's bridge port restored", "network", network, "device",
		 veth->name, "flag", flag);
	veth->flags = recorded_flags(&veth->port, veth->flags);
	return link_set_port(nl, veth->index, &veth->flags, err) < 0 ? -1 : 1;
}

/*
 * A port that was one before and has a carrier forwards: the bridge has no spanning tree. It stays
 * as it is on a bridge of another program.
 */
static int correct_state(struct nl *nl, const struct gather *gather, struct host_end *veth,
			 struct err *err)
{
	if (gather->want->existing || !veth->running || veth->flags.state == LINK_STATE_FORWARDING)
		return 0;
	log_info("state of a container's bridge port restored", "network", gather->want->network,
		 "device", veth->name);
	veth->flags.state = LINK_STATE_FORWARDING;
	return link_reset_port_state(nl, veth->index, err) < 0 ? -1 : 1;
}

/* Whether the entry is that of another locked port with the same MAC, which keeps it. */
static bool is_shared(const struct gather *gather, const struct host_end *veth,
		      const struct neigh_fdb *fdb)
{
	for (size_t i = 0; i < gather->veths.len; i++) {
		const struct host_end *other = &gather->veths.at[i];

		if (other->index == fdb->index)
			return other != veth && other->port.locked &&
			       mac_cmp(&other->port.mac, &veth->port.mac) == 0;
	}
	return false;
}

/* The static FDB entry, without which a locked port drops everything. */
static int correct_fdb(struct nl *nl, const struct gather *gather, const struct host_end *veth,
		       struct err *err)
{
	struct neigh_fdb fdb;
	int found;

	if (!veth->port.locked)
		return 0;
	found = neigh_fdb_get(nl, veth->index, &veth->port.mac, &fdb, err);
	if (found < 0)
		return -1;
	if (found && ((fdb.index == veth->index && fdb.state & NUD_NOARP && fdb.sticky) ||
		      is_shared(gather, veth, &fdb)))
		return 0;
	log_info("forwarding entry of a container's locked bridge port restored", "network",
		 gather->want->network, "device", veth->name);
	return nl_request(nl, neigh_fdb_port_message(veth->index, &veth->port.mac),
			  "add a container's MAC to the bridge", err) < 0 ?
		       -1 :
		       1;
}

/* ---- The device --------------------------------------------------------------------------- */

/*
 * The host end is no interface of the host: with IPv6, the host would accept router advertisements
 * from the container, in frames to a group address that the bridge passes to the port itself.
 * A failure does not stop the others: /proc/sys may be read-only.
 */
static int disable_ipv6(const struct host_end *veth, struct device_sysctls *refused)
{
	char path[64];
	struct err err = ERR_INIT;

	if (!veth->ipv6)
		return 0;
	snprintf(path, sizeof(path), "net/ipv6/conf/%s/disable_ipv6", veth->name);
	if (sysctl_set(path, "1", &err) == 0)
		return 1;
	if (err.sys_errno != ENOENT)
		device_sysctls_refuse(refused, path, "1", &err);
	return 0;
}

static uint32_t mtu_of(const struct ports_want *want, const struct host_end *veth)
{
	return veth->mtu == want->mtu_before || veth->mtu > want->mtu ? want->mtu : veth->mtu;
}

/* MTU, group, and IFF_UP. Returns 1 if something was changed, 0 if not, -1 on failure. */
static int correct_link(struct nl *nl, const struct ports_want *want, const struct host_end *veth,
			struct err *err)
{
	int changed = 0;

	if (mtu_of(want, veth) != veth->mtu) {
		if (link_set_mtu(nl, veth->index, mtu_of(want, veth), err) < 0)
			return -1;
		changed = 1;
	}
	if (veth->group != LINK_GROUP_WEFT) {
		if (link_set_group(nl, veth->index, LINK_GROUP_WEFT, err) < 0)
			return -1;
		changed = 1;
	}
	if (!veth->up) {
		if (link_set_up(nl, veth->index, true, err) < 0)
			return -1;
		changed = 1;
	}
	return changed;
}

/*
 * Returns 1 if something was changed, 0 if not, -1 on failure. The port is locked before it is up.
 */
static int correct_veth(struct nl *nl, const struct gather *gather, const struct ports *seen,
			struct host_end *veth, struct device_sysctls *refused, struct err *err)
{
	int disabled, enslaved, flags, fdb, state, link;

	read_port(gather->want, find_seen(seen, veth->index), veth);
	disabled = disable_ipv6(veth, refused);
	if (disabled)
		nl_shared_clear(nl); /* no event reports it */
	enslaved = enslave(nl, gather, seen, veth, err);
	if (enslaved < 0)
		return -1;
	if (veth->master != gather->want->bridge)
		return disabled;
	flags = correct_flags(nl, gather->want->network, veth, err);
	fdb = flags < 0 ? -1 : correct_fdb(nl, gather, veth, err);
	state = fdb < 0 ? -1 : enslaved ? 0 : correct_state(nl, gather, veth, err);
	link = state < 0 ? -1 : correct_link(nl, gather->want, veth, err);
	return link < 0 ? -1 : disabled | enslaved | flags | fdb | state | link;
}

static bool record_ports(const struct ports_want *want, const struct host_ends *veths,
			 struct ports *seen)
{
	ports_clear(seen);
	for (size_t i = 0; i < veths->len; i++) {
		const struct host_end *veth = &veths->at[i];
		struct port port = {
			.index = veth->index,
			.flags = veth->flags,
			.attached = veth->port,
			.unread = veth->unread,
			.address_len = veth->address_len,
		};

		memcpy(port.name, veth->name, sizeof(port.name));
		memcpy(port.addresses, veth->addresses, sizeof(port.addresses));
		if (veth->master == want->bridge && !ports_push(seen, &port))
			return false;
	}
	vec_sort(seen->at, seen->len, sizeof(*seen->at), compare_index);
	return true;
}

static int remove_old(struct nl *nl, const char *network, const struct host_ends *old,
		      bool *changed, struct err *err)
{
	for (size_t i = 0; i < old->len; i++) {
		log_info("device of a previous configuration removed", "network", network, "device",
			 old->at[i].name);
		if (link_del(nl, old->at[i].index, err) < 0)
			return -1;
		*changed = true;
	}
	return 0;
}

/* The container ended during the call. */
static bool is_gone(const struct err *err)
{
	return err->sys_errno == ENODEV || err->sys_errno == EINVAL || err->sys_errno == ENETDOWN;
}

int ports_ensure(struct nl *nl, const struct ports_want *want, struct ports *seen,
		 struct device_sysctls *refused, bool *changed_out, struct err *err)
{
	AUTO(gather) struct gather gather = { .want = want };
	bool changed = false, failed = false;

	if (link_each(nl, collect_veth, reset_veths, &gather, err) < 0)
		return -1;
	for (size_t i = 0; i < gather.veths.len; i++) {
		struct err error = ERR_INIT;
		int rc = correct_veth(nl, &gather, seen, &gather.veths.at[i], refused, &error);

		changed |= rc > 0;
		if (rc >= 0 || failed || is_gone(&error))
			continue;
		failed = true;
		*err = error;
	}
	if (!record_ports(want, &gather.veths, seen))
		return err_nomem(err, "the bridge's ports");
	/* A port that could not be moved would lose its flags together with the bridge. */
	if (failed || remove_old(nl, want->network, &gather.old, &changed, err) < 0)
		return -1;
	*changed_out = changed;
	return 0;
}
