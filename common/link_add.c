/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making devices. Each is made by one message that leaves nothing to be set later but the
 * alias and the flags of a bridge's port: the kernel takes both only for a device that exists,
 * and takes them together.
 */
#include "link.h"

#include "err.h"
#include "link_private.h"
#include "nl.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#define WHAT_SIZE 64

/* What every new device has in common. */
struct birth {
	const char *kind;
	const char *name;
	const char *alias;
	const struct mac *mac;
	uint32_t mtu;
	uint32_t master;              /* 0: none */
	const struct link_port *port; /* NULL: as the bridge has it for new ones */
};

/* The message up to the attributes of the kind, for which room is left. */
static struct nl_msg *birth_message(const struct birth *birth, size_t room)
{
	const struct ifinfomsg info = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct nl_msg *msg = nl_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info),
					128 + room);

	nl_put_text(msg, IFLA_IFNAME, birth->name);
	nl_put(msg, IFLA_ADDRESS, birth->mac, sizeof(*birth->mac));
	nl_put_u32(msg, IFLA_MTU, birth->mtu);
	if (birth->master)
		nl_put_u32(msg, IFLA_MASTER, birth->master);
	return msg;
}

static struct nl_msg *by_name_message(uint16_t type, const char *name, size_t room)
{
	const struct ifinfomsg info = { 0 };
	struct nl_msg *msg = nl_message(type, 0, &info, sizeof(info), 32 + room);

	nl_put_text(msg, IFLA_IFNAME, name);
	return msg;
}

/* What the first message could not say. */
static struct nl_msg *rest_message(const struct birth *birth)
{
	struct nl_msg *msg = by_name_message(RTM_NEWLINK, birth->name, strlen(birth->alias) + 160);
	struct nlattr *info, *data;

	nl_put(msg, IFLA_IFALIAS, birth->alias, strlen(birth->alias));
	if (!birth->port)
		return msg;
	info = nl_nest(msg, IFLA_LINKINFO, NULL, 0);
	nl_put_text(msg, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nl_nest(msg, IFLA_INFO_SLAVE_DATA, NULL, 0);
	link_put_port(msg, birth->port);
	nl_nest_end(msg, data);
	nl_nest_end(msg, info);
	return msg;
}

/*
 * Makes the device and gives it its alias; one that cannot have it is removed again. By name,
 * which is surely the new device: the first message fails when the name was taken.
 */
static int give_birth(struct nl *nl, const struct birth *birth, struct nl_msg *msg, struct err *err)
{
	char what[WHAT_SIZE];
	struct err unused = ERR_INIT;

	snprintf(what, sizeof(what), "create %s %s", birth->kind, birth->name);
	if (nl_request(nl, msg, what, err))
		return -1;
	snprintf(what, sizeof(what), "set alias%s of %s", birth->port ? " and port flags" : "",
		 birth->name);
	if (nl_request(nl, rest_message(birth), what, err) == 0)
		return 0;
	(void)nl_request(nl, by_name_message(RTM_DELLINK, birth->name, 0), "", &unused);
	return -1;
}

/* IFLA_LINKINFO with its kind, and its data opened; both are closed by info_end. */
struct info {
	struct nlattr *outer, *data;
};

static struct info info_start(struct nl_msg *msg, const char *kind)
{
	struct info info = { .outer = nl_nest(msg, IFLA_LINKINFO, NULL, 0) };

	nl_put_text(msg, IFLA_INFO_KIND, kind);
	info.data = nl_nest(msg, IFLA_INFO_DATA, NULL, 0);
	return info;
}

static void info_end(struct nl_msg *msg, const struct info *info)
{
	nl_nest_end(msg, info->data);
	nl_nest_end(msg, info->outer);
}

int link_add_bridge(struct nl *nl, const char *name, const struct mac *mac, uint32_t mtu,
		    const char *alias, struct err *err)
{
	const struct birth birth = {
		.kind = "bridge", .name = name, .alias = alias, .mac = mac, .mtu = mtu
	};
	struct nl_msg *msg = birth_message(&birth, 64);
	const struct info info = info_start(msg, birth.kind);

	/*
	 * VLANs are never filtered here; but with a default one the kernel keeps a second copy
	 * of every FDB entry for it.
	 */
	nl_put_u16(msg, IFLA_BR_VLAN_DEFAULT_PVID, 0);
	info_end(msg, &info);
	return give_birth(nl, &birth, msg, err);
}

int link_add_vxlan(struct nl *nl, const struct link_add_vxlan *want, struct err *err)
{
	const struct link_vxlan *vxlan = &want->vxlan;
	const struct birth birth = {
		.kind = "vxlan",
		.name = want->name,
		.alias = want->alias,
		.mac = &want->mac,
		.mtu = want->mtu,
		.master = want->master,
	};
	struct nl_msg *msg = birth_message(&birth, 192);
	const struct info info = info_start(msg, birth.kind);
	int local = vxlan->local.family == AF_INET6 ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL;

	nl_put_u32(msg, IFLA_VXLAN_ID, vxlan->vni);
	nl_put_u16(msg, IFLA_VXLAN_PORT, htobe16(vxlan->port));
	nl_put_addr(msg, local, &vxlan->local);
	nl_put_u8(msg, IFLA_VXLAN_LEARNING, vxlan->learning);
	nl_put_u8(msg, IFLA_VXLAN_UDP_CSUM, vxlan->udp_csum);
	nl_put_u8(msg, IFLA_VXLAN_UDP_ZERO_CSUM6_TX, vxlan->udp_zero_csum6_tx);
	nl_put_u8(msg, IFLA_VXLAN_UDP_ZERO_CSUM6_RX, vxlan->udp_zero_csum6_rx);
	if (vxlan->gbp)
		nl_put(msg, IFLA_VXLAN_GBP, NULL, 0);
	if (vxlan->lower)
		nl_put_u32(msg, IFLA_VXLAN_LINK, vxlan->lower);
	info_end(msg, &info);
	return give_birth(nl, &birth, msg, err);
}

/*
 * One queue a side. The kernel's default is one for each processor it could ever have, and
 * four sysfs objects for each of those: a third of the time on a machine with two. A veth has
 * no queueing discipline and takes no lock to transmit, so that more serve XDP alone.
 */
static void put_one_queue(struct nl_msg *msg)
{
	nl_put_u32(msg, IFLA_NUM_TX_QUEUES, 1);
	nl_put_u32(msg, IFLA_NUM_RX_QUEUES, 1);
}

int link_add_veth(struct nl *nl, const struct link_add_veth *want, struct err *err)
{
	const struct ifinfomsg peer_down = { 0 };
	const struct birth birth = {
		.kind = "veth",
		.name = want->name,
		.alias = want->alias,
		.mac = &want->mac,
		.mtu = want->mtu,
		.master = want->master,
		.port = want->port,
	};
	struct nl_msg *msg = birth_message(&birth, 256);
	struct nlattr *peer;
	struct info info;

	put_one_queue(msg);
	info = info_start(msg, birth.kind);
	peer = nl_nest(msg, VETH_INFO_PEER, &peer_down, sizeof(peer_down));
	nl_put_text(msg, IFLA_IFNAME, want->peer_name);
	put_one_queue(msg);
	nl_put(msg, IFLA_ADDRESS, &want->peer_mac, sizeof(want->peer_mac));
	nl_put_u32(msg, IFLA_MTU, want->mtu);
	nl_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)want->peer_netns);
	nl_nest_end(msg, peer);
	info_end(msg, &info);
	return give_birth(nl, &birth, msg, err);
}
