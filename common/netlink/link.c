/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/link.h"

#include "common/err.h"
#include "common/netlink/nl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* ---- Parsing and queries ------------------------------------------------------------------- */

static bool default_on(const struct nlattr *attr)
{
	return !attr || nl_u8(attr);
}

/*
 * An absent attribute means the behaviour of kernels that lack it: learning and flooding on, all
 * others off.
 */
static void parse_port(struct nlattr *const table[], struct link_port *port_out)
{
	*port_out = (struct link_port){
		.learning = default_on(table[IFLA_BRPORT_LEARNING]),
		.flood = default_on(table[IFLA_BRPORT_UNICAST_FLOOD]),
		.mcast_flood = default_on(table[IFLA_BRPORT_MCAST_FLOOD]),
		.bcast_flood = default_on(table[IFLA_BRPORT_BCAST_FLOOD]),
		.hairpin = nl_u8(table[IFLA_BRPORT_MODE]),
		.isolated = nl_u8(table[IFLA_BRPORT_ISOLATED]),
		.locked = nl_u8(table[IFLA_BRPORT_LOCKED]),
		.neigh_suppress = nl_u8(table[IFLA_BRPORT_NEIGH_SUPPRESS]),
		.state = nl_u8(table[IFLA_BRPORT_STATE]),
	};
}

static int parse_slave(struct nlattr *const info[], struct link *link, struct err *err)
{
	static const struct nla_policy policy[IFLA_BRPORT_MAX + 1] = {
		[IFLA_BRPORT_STATE] = { .type = NLA_U8 },
		[IFLA_BRPORT_MODE] = { .type = NLA_U8 },
		[IFLA_BRPORT_LEARNING] = { .type = NLA_U8 },
		[IFLA_BRPORT_UNICAST_FLOOD] = { .type = NLA_U8 },
		[IFLA_BRPORT_MCAST_FLOOD] = { .type = NLA_U8 },
		[IFLA_BRPORT_BCAST_FLOOD] = { .type = NLA_U8 },
		[IFLA_BRPORT_ISOLATED] = { .type = NLA_U8 },
		[IFLA_BRPORT_LOCKED] = { .type = NLA_U8 },
		[IFLA_BRPORT_NEIGH_SUPPRESS] = { .type = NLA_U8 },
	};
	struct nlattr *table[IFLA_BRPORT_MAX + 1];

	if (!info[IFLA_INFO_SLAVE_KIND] ||
	    strcmp(nla_get_string(info[IFLA_INFO_SLAVE_KIND]), "bridge") != 0)
		return 0;
	if (nl_nested(info[IFLA_INFO_SLAVE_DATA], table, IFLA_BRPORT_MAX, policy, err))
		return -1;
	link->is_port = true;
	parse_port(table, &link->port);
	return 0;
}

static int parse_vxlan(const struct nlattr *data, struct link_vxlan *vxlan, struct err *err)
{
	static const struct nla_policy policy[IFLA_VXLAN_MAX + 1] = {
		[IFLA_VXLAN_ID] = { .type = NLA_U32 },
		[IFLA_VXLAN_LINK] = { .type = NLA_U32 },
		[IFLA_VXLAN_LIMIT] = { .type = NLA_U32 },
		[IFLA_VXLAN_PORT] = { .type = NLA_U16 },
		[IFLA_VXLAN_TTL] = { .type = NLA_U8 },
		[IFLA_VXLAN_LEARNING] = { .type = NLA_U8 },
		[IFLA_VXLAN_UDP_CSUM] = { .type = NLA_U8 },
		[IFLA_VXLAN_UDP_ZERO_CSUM6_TX] = { .type = NLA_U8 },
		[IFLA_VXLAN_UDP_ZERO_CSUM6_RX] = { .type = NLA_U8 },
	};
	struct nlattr *table[IFLA_VXLAN_MAX + 1];
	const struct nlattr *local, *group;

	if (nl_nested(data, table, IFLA_VXLAN_MAX, policy, err))
		return -1;
	local = table[IFLA_VXLAN_LOCAL] ? table[IFLA_VXLAN_LOCAL] : table[IFLA_VXLAN_LOCAL6];
	group = table[IFLA_VXLAN_GROUP] ? table[IFLA_VXLAN_GROUP] : table[IFLA_VXLAN_GROUP6];
	if (nl_addr(local, &vxlan->local, err) || nl_addr(group, &vxlan->group, err))
		return -1;
	vxlan->limit = nl_u32(table[IFLA_VXLAN_LIMIT]);
	vxlan->vni = nl_u32(table[IFLA_VXLAN_ID]);
	vxlan->lower = nl_u32(table[IFLA_VXLAN_LINK]);
	if (table[IFLA_VXLAN_PORT])
		vxlan->port = be16toh(nla_get_u16(table[IFLA_VXLAN_PORT]));
	vxlan->ttl = nl_u8(table[IFLA_VXLAN_TTL]);
	vxlan->learning = nl_u8(table[IFLA_VXLAN_LEARNING]);
	vxlan->gbp = table[IFLA_VXLAN_GBP] != NULL; /* a flag attribute */
	vxlan->udp_csum = nl_u8(table[IFLA_VXLAN_UDP_CSUM]);
	vxlan->udp_zero_csum6_tx = nl_u8(table[IFLA_VXLAN_UDP_ZERO_CSUM6_TX]);
	vxlan->udp_zero_csum6_rx = nl_u8(table[IFLA_VXLAN_UDP_ZERO_CSUM6_RX]);
	return 0;
}

static int parse_bridge(const struct nlattr *data, struct link *link, struct err *err)
{
	static const struct nla_policy policy[LINK_FDB_MAX_LEARNED + 1] = {
		[LINK_FDB_MAX_LEARNED] = { .type = NLA_U32 },
		[IFLA_BR_STP_STATE] = { .type = NLA_U32 },
		[IFLA_BR_VLAN_FILTERING] = { .type = NLA_U8 },
	};
	struct nlattr *table[LINK_FDB_MAX_LEARNED + 1];

	if (nl_nested(data, table, LINK_FDB_MAX_LEARNED, policy, err))
		return -1;
	link->has_learned_max = table[LINK_FDB_MAX_LEARNED];
	link->learned_max = nl_u32(table[LINK_FDB_MAX_LEARNED]);
	link->stp = nl_u32(table[IFLA_BR_STP_STATE]);
	link->vlan_filtering = nl_u8(table[IFLA_BR_VLAN_FILTERING]);
	return 0;
}

static int parse_info(const struct nlattr *nest, struct link *link, struct err *err)
{
	static const struct nla_policy policy[IFLA_INFO_MAX + 1] = {
		[IFLA_INFO_KIND] = { .type = NLA_STRING },
		[IFLA_INFO_SLAVE_KIND] = { .type = NLA_STRING },
	};
	struct nlattr *info[IFLA_INFO_MAX + 1];
	const char *kind;

	if (nl_nested(nest, info, IFLA_INFO_MAX, policy, err))
		return -1;
	kind = info[IFLA_INFO_KIND] ? nla_get_string(info[IFLA_INFO_KIND]) : "";
	if (strcmp(kind, "bridge") == 0)
		link->kind = LINK_KIND_BRIDGE;
	else if (strcmp(kind, "veth") == 0)
		link->kind = LINK_KIND_VETH;
	else if (strcmp(kind, "vxlan") == 0)
		link->kind = LINK_KIND_VXLAN;
	else if (strcmp(kind, "tun") == 0)
		link->kind = LINK_KIND_TAP;
	if (link->kind == LINK_KIND_BRIDGE && parse_bridge(info[IFLA_INFO_DATA], link, err))
		return -1;
	if (link->kind == LINK_KIND_VXLAN && parse_vxlan(info[IFLA_INFO_DATA], &link->vxlan, err))
		return -1;
	return parse_slave(info, link, err);
}

/* IFLA_INET6_CONF is an array of int, indexed by DEVCONF_*. Absent for a device without IPv6. */
static int parse_ipv6(const struct nlattr *spec, bool *ipv6_out, struct err *err)
{
	struct nlattr *families[AF_INET6 + 1], *inet6[IFLA_INET6_MAX + 1];
	int32_t disabled;

	if (nl_nested(spec, families, AF_INET6, NULL, err) ||
	    nl_nested(families[AF_INET6], inet6, IFLA_INET6_MAX, NULL, err))
		return -1;
	if (!inet6[IFLA_INET6_CONF] ||
	    nla_len(inet6[IFLA_INET6_CONF]) < (int)((DEVCONF_DISABLE_IPV6 + 1) * sizeof(disabled)))
		return 0;
	memcpy(&disabled,
	       (const char *)nla_data(inet6[IFLA_INET6_CONF]) +
		       DEVCONF_DISABLE_IPV6 * sizeof(disabled),
	       sizeof(disabled));
	*ipv6_out = !disabled;
	return 0;
}

int link_parse(const struct nlmsghdr *header, struct link *link_out, struct err *err)
{
	static const struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING },    [IFLA_MTU] = { .type = NLA_U32 },
		[IFLA_LINK] = { .type = NLA_U32 },         [IFLA_MASTER] = { .type = NLA_U32 },
		[IFLA_IFALIAS] = { .type = NLA_STRING },   [IFLA_GROUP] = { .type = NLA_U32 },
		[IFLA_LINK_NETNSID] = { .type = NLA_U32 }, [IFLA_PROTO_DOWN] = { .type = NLA_U8 },
	};
	const struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *table[IFLA_MAX + 1];
	struct link link = { .peer_netns = -1 };

	if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK)
		return err_set(err, ERR_DECODE,
			       "netlink message of type %u does not describe a device",
			       header->nlmsg_type);
	if (nl_attributes(header, sizeof(*info), table, IFLA_MAX, policy, err))
		return -1;
	link.index = (uint32_t)info->ifi_index;
	link.flags = info->ifi_flags;
	link.family = info->ifi_family;
	link.mtu = nl_u32(table[IFLA_MTU]);
	link.master = nl_u32(table[IFLA_MASTER]);
	link.group = nl_u32(table[IFLA_GROUP]);
	link.proto_down = nl_u8(table[IFLA_PROTO_DOWN]);
	link.peer = nl_u32(table[IFLA_LINK]);
	link.lower = table[IFLA_LINK_NETNSID] ? 0 : link.peer;
	if (table[IFLA_LINK_NETNSID])
		link.peer_netns = (int32_t)nl_u32(table[IFLA_LINK_NETNSID]);
	if (table[IFLA_IFNAME])
		nla_strlcpy(link.name, table[IFLA_IFNAME], sizeof(link.name));
	if (table[IFLA_IFALIAS])
		nla_strlcpy(link.alias, table[IFLA_IFALIAS], sizeof(link.alias));
	if (table[IFLA_ADDRESS] && nla_len(table[IFLA_ADDRESS]) == sizeof(link.mac))
		memcpy(&link.mac, nla_data(table[IFLA_ADDRESS]), sizeof(link.mac));
	if (parse_info(table[IFLA_LINKINFO], &link, err))
		return -1;
	/* In a message of AF_BRIDGE, the attribute contains VLANs. */
	if (link.family == AF_UNSPEC && parse_ipv6(table[IFLA_AF_SPEC], &link.ipv6, err))
		return -1;
	*link_out = link;
	return 0;
}

int link_parse_netconf(const struct nlmsghdr *header, int32_t *index_out, struct err *err)
{
	static const struct nla_policy policy[NETCONFA_MAX + 1] = {
		[NETCONFA_IFINDEX] = { .type = NLA_U32 },
	};
	struct nlattr *table[NETCONFA_MAX + 1];

	if (nl_attributes(header, sizeof(struct netconfmsg), table, NETCONFA_MAX, policy, err))
		return -1;
	if (!table[NETCONFA_IFINDEX])
		return err_set(err, ERR_DECODE, "a change of settings names no device");
	*index_out = (int32_t)nl_u32(table[NETCONFA_IFINDEX]);
	return 0;
}

/* Requests one device by index or name, or, with neither, all in a dump. */
static struct nl_msg *get_message(uint32_t index, const char *name)
{
	const struct ifinfomsg info = { .ifi_index = (int)index };
	struct nl_msg *msg = nl_message(RTM_GETLINK, 0, &info, sizeof(info), 64);

	if (name)
		nl_put_text(msg, IFLA_IFNAME, name);
	/* Statistics are half of a reply, and the kernel sums them over all processors. */
	nl_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return msg;
}

static int on_link(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	return link_parse(header, ctx, err);
}

int link_get(struct nl *nl, const char *name, struct link *link_out, struct err *err)
{
	char what[64];

	/* No device has a longer name, and it would not fit into the message. */
	if (strlen(name) >= IF_NAMESIZE)
		return 0;
	snprintf(what, sizeof(what), "get device %s", name);
	return nl_query(nl, get_message(0, name), what, on_link, link_out, err);
}

int link_get_index(struct nl *nl, uint32_t index, struct link *link_out, struct err *err)
{
	char what[64];

	snprintf(what, sizeof(what), "get device %u", index);
	return nl_query(nl, get_message(index, NULL), what, on_link, link_out, err);
}

int link_get_peer(struct nl *nl, const struct link *veth, struct link *peer_out, struct err *err)
{
	struct nl_msg *msg = get_message(veth->peer, NULL);
	struct link peer;
	char what[64];
	int found;

	snprintf(what, sizeof(what), "get the other end of %s", veth->name);
	nl_put_u32(msg, IFLA_TARGET_NETNSID, (uint32_t)veth->peer_netns);
	found = nl_query(nl, msg, what, on_link, &peer, err);
	if (found < 0 && err->sys_errno == EINVAL) { /* the namespace is gone */
		*err = ERR_INIT;
		return 0;
	}
	/* The id may be another namespace's meanwhile. */
	if (found > 0 && (peer.kind != LINK_KIND_VETH || peer.peer != veth->index))
		return 0;
	if (found > 0)
		*peer_out = peer;
	return found;
}

static int on_stats(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	static const struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_STATS64] = { .minlen = offsetof(struct rtnl_link_stats64, multicast) },
	};
	const struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *table[IFLA_MAX + 1];
	struct rtnl_link_stats64 stats = { 0 };
	size_t size;

	if (nl_attributes(header, sizeof(*info), table, IFLA_MAX, policy, err))
		return -1;
	if (!table[IFLA_STATS64])
		return err_set(err, ERR_DECODE, "the kernel sent no statistics of device %d",
			       info->ifi_index);
	size = (size_t)nla_len(table[IFLA_STATS64]);
	memcpy(&stats, nla_data(table[IFLA_STATS64]), size < sizeof(stats) ? size : sizeof(stats));
	*(struct link_stats *)ctx = (struct link_stats){
		.up = (info->ifi_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING),
		.rx_packets = stats.rx_packets,
		.tx_packets = stats.tx_packets,
		.rx_bytes = stats.rx_bytes,
		.tx_bytes = stats.tx_bytes,
		.rx_errors = stats.rx_errors,
		.tx_errors = stats.tx_errors,
		.rx_dropped = stats.rx_dropped,
		.tx_dropped = stats.tx_dropped,
	};
	return 0;
}

static int query_stats(struct nl *nl, uint32_t index, const char *name, const char *what,
		       struct link_stats *stats_out, struct err *err)
{
	const struct ifinfomsg info = { .ifi_index = (int)index };
	struct nl_msg *msg = nl_message(RTM_GETLINK, 0, &info, sizeof(info), 32);

	if (name)
		nl_put_text(msg, IFLA_IFNAME, name);
	return nl_query(nl, msg, what, on_stats, stats_out, err);
}

int link_get_stats(struct nl *nl, const char *name, struct link_stats *stats_out, struct err *err)
{
	char what[64];

	if (strlen(name) >= IF_NAMESIZE)
		return 0;
	snprintf(what, sizeof(what), "get statistics of device %s", name);
	return query_stats(nl, 0, name, what, stats_out, err);
}

int link_get_stats_index(struct nl *nl, uint32_t index, struct link_stats *stats_out,
			 struct err *err)
{
	char what[64];

	snprintf(what, sizeof(what), "get statistics of device %u", index);
	return query_stats(nl, index, NULL, what, stats_out, err);
}

struct each {
	link_visit_fn *visit;
	void *ctx;
};

static struct nl_msg *each_build(void *ctx)
{
	(void)ctx;
	return get_message(0, NULL);
}

static int each_visit(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct each *each = ctx;
	struct link link;

	return link_parse(header, &link, err) || each->visit(each->ctx, &link, err) ? -1 : 0;
}

static int each_parse(const struct nlmsghdr *header, void *object_out, struct err *err)
{
	return link_parse(header, object_out, err);
}

static int each_visit_object(void *ctx, const void *object, struct err *err)
{
	const struct each *each = ctx;

	return each->visit(each->ctx, object, err);
}

int link_each(struct nl *nl, link_visit_fn *visit, void (*restart)(void *ctx), void *ctx,
	      struct err *err)
{
	struct each each = { visit, ctx };
	const struct nl_dump dump = {
		.what = "list devices",
		.build = each_build,
		.visit = each_visit,
		.ctx = &each,
		.restart = restart,
		.restart_ctx = ctx,
		.shared = true,
		.object_size = sizeof(struct link),
		.parse = each_parse,
		.visit_object = each_visit_object,
	};

	return nl_dump_all(nl, &dump, err);
}

/* ---- Creation ------------------------------------------------------------------------------ */

/*
 * One message creates a device completely, except for the alias and the flags of a bridge port:
 * the kernel accepts both only for an existing device, and both in one further message.
 */

/*
 * Appends all flags of a port (IFLA_BRPORT_*) to the nested attribute that the caller has opened.
 */
static void put_port(struct nl_msg *msg, const struct link_port *port)
{
	nl_put_u8(msg, IFLA_BRPORT_LEARNING, port->learning);
	nl_put_u8(msg, IFLA_BRPORT_UNICAST_FLOOD, port->flood);
	nl_put_u8(msg, IFLA_BRPORT_MCAST_FLOOD, port->mcast_flood);
	nl_put_u8(msg, IFLA_BRPORT_BCAST_FLOOD, port->bcast_flood);
	nl_put_u8(msg, IFLA_BRPORT_MODE, port->hairpin);
	nl_put_u8(msg, IFLA_BRPORT_ISOLATED, port->isolated);
	nl_put_u8(msg, IFLA_BRPORT_LOCKED, port->locked);
	nl_put_u8(msg, IFLA_BRPORT_NEIGH_SUPPRESS, port->neigh_suppress);
}

/* The members common to all kinds of new devices. */
struct new_link {
	const char *kind;
	const char *name;
	const char *alias;
	const struct mac *mac;
	uint32_t mtu;
	uint32_t master;              /* 0: none */
	const struct link_port *port; /* NULL: the bridge's defaults */
};

/* The message without the attributes of the kind; room is left for them. */
static struct nl_msg *add_message(const struct new_link *link, size_t room)
{
	const struct ifinfomsg info = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	struct nl_msg *msg = nl_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info),
					136 + room);

	nl_put_text(msg, IFLA_IFNAME, link->name);
	nl_put(msg, IFLA_ADDRESS, link->mac, sizeof(*link->mac));
	nl_put_u32(msg, IFLA_MTU, link->mtu);
	nl_put_u32(msg, IFLA_GROUP, LINK_GROUP_WEFT);
	if (link->master)
		nl_put_u32(msg, IFLA_MASTER, link->master);
	return msg;
}

static struct nl_msg *by_name_message(uint16_t type, const char *name, size_t room)
{
	const struct ifinfomsg info = { 0 };
	struct nl_msg *msg = nl_message(type, 0, &info, sizeof(info), 32 + room);

	nl_put_text(msg, IFLA_IFNAME, name);
	return msg;
}

/* The second message: alias and port flags. */
static struct nl_msg *alias_message(const struct new_link *link)
{
	struct nl_msg *msg = by_name_message(RTM_NEWLINK, link->name, strlen(link->alias) + 160);
	struct nlattr *info, *data;

	nl_put(msg, IFLA_IFALIAS, link->alias, strlen(link->alias));
	if (!link->port)
		return msg;
	info = nl_nest(msg, IFLA_LINKINFO, NULL, 0);
	nl_put_text(msg, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nl_nest(msg, IFLA_INFO_SLAVE_DATA, NULL, 0);
	put_port(msg, link->port);
	nl_nest_end(msg, data);
	nl_nest_end(msg, info);
	return msg;
}

/* The kernel loads a module by itself only where it may, and has this kind of device at all. */
static int explain_kind(const char *kind, struct err *err)
{
	if (err->sys_errno != EOPNOTSUPP)
		return -1;
	return err_wrap(err, "the kernel has no %s devices, load the module: modprobe %s", kind,
			kind);
}

/*
 * Creates the device and sets its alias; if that fails, deletes it again. The name identifies the
 * new device: the first message fails if the name is in use.
 */
static int add_link(struct nl *nl, const struct new_link *link, struct nl_msg *msg, struct err *err)
{
	char what[64];
	struct err unused = ERR_INIT;

	snprintf(what, sizeof(what), "create %s %s", link->kind, link->name);
	if (nl_request(nl, msg, what, err))
		return explain_kind(link->kind, err);
	snprintf(what, sizeof(what), "set alias%s of %s", link->port ? " and port flags" : "",
		 link->name);
	if (nl_request(nl, alias_message(link), what, err) == 0)
		return 0;
	(void)nl_request(nl, by_name_message(RTM_DELLINK, link->name, 0), "", &unused);
	return -1;
}

/* IFLA_LINKINFO with its kind and opened data; info_end closes both. */
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
	const struct new_link link = {
		.kind = "bridge", .name = name, .alias = alias, .mac = mac, .mtu = mtu
	};
	struct nl_msg *msg = add_message(&link, 64);
	const struct info info = info_start(msg, link.kind);

	/*
	 * VLAN filtering is off; with a default VLAN the kernel would keep a second copy of
	 * every FDB entry.
	 */
	nl_put_u16(msg, IFLA_BR_VLAN_DEFAULT_PVID, 0);
	info_end(msg, &info);
	return add_link(nl, &link, msg, err);
}

int link_add_vxlan(struct nl *nl, const struct link_add_vxlan *want, struct err *err)
{
	const struct link_vxlan *vxlan = &want->vxlan;
	const struct new_link link = {
		.kind = "vxlan",
		.name = want->name,
		.alias = want->alias,
		.mac = &want->mac,
		.mtu = want->mtu,
		.master = want->master,
	};
	struct nl_msg *msg = add_message(&link, 192);
	const struct info info = info_start(msg, link.kind);
	int local = vxlan->local.family == AF_INET6 ? IFLA_VXLAN_LOCAL6 : IFLA_VXLAN_LOCAL;
	int group = vxlan->group.family == AF_INET6 ? IFLA_VXLAN_GROUP6 : IFLA_VXLAN_GROUP;

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
	if (vxlan->limit)
		nl_put_u32(msg, IFLA_VXLAN_LIMIT, vxlan->limit);
	if (ipaddr_is_set(&vxlan->group))
		nl_put_addr(msg, group, &vxlan->group);
	info_end(msg, &info);
	return add_link(nl, &link, msg, err);
}

/*
 * One queue per side. The kernel's default is one per possible processor, with four sysfs objects
 * each: a third of the creation time on a machine with two. A veth has no queueing discipline and
 * transmits without a lock, so further queues would serve XDP only.
 */
static void put_one_queue(struct nl_msg *msg)
{
	nl_put_u32(msg, IFLA_NUM_TX_QUEUES, 1);
	nl_put_u32(msg, IFLA_NUM_RX_QUEUES, 1);
}

int link_add_veth(struct nl *nl, const struct link_add_veth *want, struct err *err)
{
	const struct ifinfomsg peer_down = { 0 };
	const struct new_link link = {
		.kind = "veth",
		.name = want->name,
		.alias = want->alias,
		.mac = &want->mac,
		.mtu = want->mtu,
		.master = want->master,
		.port = want->port,
	};
	struct nl_msg *msg = add_message(&link, 256);
	struct nlattr *peer;
	struct info info;

	put_one_queue(msg);
	info = info_start(msg, link.kind);
	peer = nl_nest(msg, VETH_INFO_PEER, &peer_down, sizeof(peer_down));
	nl_put_text(msg, IFLA_IFNAME, want->peer_name);
	put_one_queue(msg);
	nl_put(msg, IFLA_ADDRESS, &want->peer_mac, sizeof(want->peer_mac));
	nl_put_u32(msg, IFLA_MTU, want->mtu);
	nl_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)want->peer_netns);
	nl_nest_end(msg, peer);
	info_end(msg, &info);
	return add_link(nl, &link, msg, err);
}

/* ---- Changes ------------------------------------------------------------------------------- */

static struct nl_msg *set_message(uint32_t index, uint8_t family, size_t room)
{
	const struct ifinfomsg info = { .ifi_family = family, .ifi_index = (int)index };

	return nl_message(RTM_SETLINK, 0, &info, sizeof(info), room);
}

static struct nl_msg *flags_message(uint32_t index, unsigned flags, size_t room)
{
	const struct ifinfomsg info = { .ifi_index = (int)index,
					.ifi_flags = flags,
					.ifi_change = IFF_UP };

	return nl_message(RTM_SETLINK, 0, &info, sizeof(info), room);
}

/* Sends msg; property names what it changes, for errors. */
static int change(struct nl *nl, struct nl_msg *msg, uint32_t index, const char *property,
		  struct err *err)
{
	char what[64];

	snprintf(what, sizeof(what), "set %s of device %u", property, index);
	return nl_request(nl, msg, what, err);
}

struct nl_msg *link_up_message(uint32_t index)
{
	return flags_message(index, IFF_UP, 0);
}

struct nl_msg *link_up_announcing_message(uint32_t index)
{
	struct nl_msg *msg = flags_message(index, IFF_UP, 32);
	struct nlattr *spec = nl_nest(msg, IFLA_AF_SPEC, NULL, 0);
	struct nlattr *inet = nl_nest(msg, AF_INET, NULL, 0);
	struct nlattr *conf = nl_nest(msg, IFLA_INET_CONF, NULL, 0);

	nl_put_u32(msg, IPV4_DEVCONF_ARP_NOTIFY, 1);
	nl_nest_end(msg, conf);
	nl_nest_end(msg, inet);
	nl_nest_end(msg, spec);
	return msg;
}

int link_set_up(struct nl *nl, uint32_t index, bool up, struct err *err)
{
	return change(nl, flags_message(index, up ? IFF_UP : 0, 0), index, "up or down", err);
}

int link_set_mtu(struct nl *nl, uint32_t index, uint32_t mtu, struct err *err)
{
	struct nl_msg *msg = set_message(index, AF_UNSPEC, 8);

	nl_put_u32(msg, IFLA_MTU, mtu);
	return change(nl, msg, index, "MTU", err);
}

int link_set_mac(struct nl *nl, uint32_t index, const struct mac *mac, struct err *err)
{
	struct nl_msg *msg = set_message(index, AF_UNSPEC, 12);

	nl_put(msg, IFLA_ADDRESS, mac, sizeof(*mac));
	return change(nl, msg, index, "MAC", err);
}

int link_set_master(struct nl *nl, uint32_t index, uint32_t master, struct err *err)
{
	struct nl_msg *msg = set_message(index, AF_UNSPEC, 8);

	nl_put_u32(msg, IFLA_MASTER, master);
	return change(nl, msg, index, "master", err);
}

int link_set_group(struct nl *nl, uint32_t index, uint32_t group, struct err *err)
{
	struct nl_msg *msg = set_message(index, AF_UNSPEC, 8);

	nl_put_u32(msg, IFLA_GROUP, group);
	return change(nl, msg, index, "group", err);
}

int link_set_alias(struct nl *nl, uint32_t index, const char *alias, struct err *err)
{
	struct nl_msg *msg = set_message(index, AF_UNSPEC, strlen(alias) + 8);

	nl_put(msg, IFLA_IFALIAS, alias, strlen(alias));
	return change(nl, msg, index, "alias", err);
}

/* flush: learned FDB entries are removed. port: NULL: flags are kept. */
static struct nl_msg *port_message(uint32_t index, const struct link_port *port, bool flush)
{
	struct nl_msg *msg = set_message(index, AF_BRIDGE, 128);
	struct nlattr *nest = nl_nest(msg, IFLA_PROTINFO, NULL, 0);

	if (port)
		put_port(msg, port);
	if (flush)
		nl_put(msg, IFLA_BRPORT_FLUSH, NULL, 0);
	nl_nest_end(msg, nest);
	return msg;
}

int link_set_port(struct nl *nl, uint32_t index, const struct link_port *port, struct err *err)
{
	return change(nl, port_message(index, port, port->locked), index, "bridge port flags", err);
}

static struct nl_msg *move_message(const struct link_move *move)
{
	struct nl_msg *msg = flags_message(move->index, IFF_UP, strlen(move->alias) + 64);

	nl_put_text(msg, IFLA_IFNAME, move->name);
	if (!mac_is_zero(&move->mac))
		nl_put(msg, IFLA_ADDRESS, &move->mac, sizeof(move->mac));
	nl_put(msg, IFLA_IFALIAS, move->alias, strlen(move->alias));
	nl_put_u32(msg, IFLA_GROUP, move->group);
	nl_put_u32(msg, IFLA_MASTER, move->master);
	return msg;
}

/* Keeps the first failure of a batch. */
static void keep_failure(void *ctx, uint64_t tag, int sys_errno, const char *text)
{
	struct err *first = ctx;
	static const char *const what[] = { "set name and bridge", "set bridge port flags",
					    "remove learned FDB entries" };

	if (first->code == ERR_NONE)
		err_sys(first, ERR_KERNEL, sys_errno, "%s%s%s", what[tag], *text ? ": " : "", text);
}

int link_move(struct nl *nl, const struct link_move *move, struct err *err)
{
	AUTO(nl_batch) struct nl_batch *batch = NULL;
	struct err first = ERR_INIT;

	if (nl_batch_open(nl, keep_failure, &first, &batch, err) < 0 ||
	    nl_batch_add(batch, move_message(move), 0, err) < 0 ||
	    (move->port &&
	     nl_batch_add(batch, port_message(move->index, move->port, false), 1, err) < 0) ||
	    (move->flush &&
	     nl_batch_add(batch, port_message(move->flush, NULL, true), 2, err) < 0) ||
	    nl_batch_flush(batch, err) < 0)
		return -1;
	if (first.code == ERR_NONE)
		return 0;
	*err = first;
	return err_wrap(err, "device %u", move->index);
}

int link_del(struct nl *nl, uint32_t index, struct err *err)
{
	const struct ifinfomsg info = { .ifi_index = (int)index };
	char what[64];

	snprintf(what, sizeof(what), "delete device %u", index);
	if (nl_request(nl, nl_message(RTM_DELLINK, 0, &info, sizeof(info), 0), what, err) == 0)
		return 1;
	if (err->sys_errno != ENODEV)
		return -1;
	*err = ERR_INIT;
	return 0;
}
