/* SPDX-License-Identifier: Apache-2.0 */
#include "link.h"

#include "err.h"
#include "nl.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

static bool on_unless_told(const struct nlattr *attr)
{
	return !attr || nl_u8(attr);
}

/*
 * Absent, an attribute of a port means what a bridge did before the kernel had it: it learned
 * and flooded, and did nothing else of these.
 */
static void parse_port(struct nlattr *const table[], struct link_port *port_out)
{
	*port_out = (struct link_port){
		.learning = on_unless_told(table[IFLA_BRPORT_LEARNING]),
		.flood = on_unless_told(table[IFLA_BRPORT_UNICAST_FLOOD]),
		.mcast_flood = on_unless_told(table[IFLA_BRPORT_MCAST_FLOOD]),
		.bcast_flood = on_unless_told(table[IFLA_BRPORT_BCAST_FLOOD]),
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
		[IFLA_VXLAN_PORT] = { .type = NLA_U16 },
		[IFLA_VXLAN_LEARNING] = { .type = NLA_U8 },
		[IFLA_VXLAN_UDP_CSUM] = { .type = NLA_U8 },
		[IFLA_VXLAN_UDP_ZERO_CSUM6_TX] = { .type = NLA_U8 },
		[IFLA_VXLAN_UDP_ZERO_CSUM6_RX] = { .type = NLA_U8 },
	};
	struct nlattr *table[IFLA_VXLAN_MAX + 1];
	const struct nlattr *local;

	if (nl_nested(data, table, IFLA_VXLAN_MAX, policy, err))
		return -1;
	local = table[IFLA_VXLAN_LOCAL] ? table[IFLA_VXLAN_LOCAL] : table[IFLA_VXLAN_LOCAL6];
	if (nl_addr(local, &vxlan->local, err))
		return -1;
	vxlan->vni = nl_u32(table[IFLA_VXLAN_ID]);
	vxlan->lower = nl_u32(table[IFLA_VXLAN_LINK]);
	if (table[IFLA_VXLAN_PORT])
		vxlan->port = be16toh(nla_get_u16(table[IFLA_VXLAN_PORT]));
	vxlan->learning = nl_u8(table[IFLA_VXLAN_LEARNING]);
	vxlan->gbp = table[IFLA_VXLAN_GBP] != NULL; /* a flag: there or not */
	vxlan->udp_csum = nl_u8(table[IFLA_VXLAN_UDP_CSUM]);
	vxlan->udp_zero_csum6_tx = nl_u8(table[IFLA_VXLAN_UDP_ZERO_CSUM6_TX]);
	vxlan->udp_zero_csum6_rx = nl_u8(table[IFLA_VXLAN_UDP_ZERO_CSUM6_RX]);
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
	if (link->kind == LINK_KIND_VXLAN && parse_vxlan(info[IFLA_INFO_DATA], &link->vxlan, err))
		return -1;
	return parse_slave(info, link, err);
}

int link_parse(const struct nlmsghdr *header, struct link *link_out, struct err *err)
{
	static const struct nla_policy policy[IFLA_MAX + 1] = {
		[IFLA_IFNAME] = { .type = NLA_STRING },  [IFLA_MTU] = { .type = NLA_U32 },
		[IFLA_LINK] = { .type = NLA_U32 },       [IFLA_MASTER] = { .type = NLA_U32 },
		[IFLA_IFALIAS] = { .type = NLA_STRING },
	};
	const struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *table[IFLA_MAX + 1];
	struct link link = { 0 };

	if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK)
		return err_set(err, ERR_DECODE, "netlink message of type %u is not about a device",
			       header->nlmsg_type);
	if (nl_attributes(header, sizeof(*info), table, IFLA_MAX, policy, err))
		return -1;
	link.index = (uint32_t)info->ifi_index;
	link.flags = info->ifi_flags;
	link.family = info->ifi_family;
	link.mtu = nl_u32(table[IFLA_MTU]);
	link.master = nl_u32(table[IFLA_MASTER]);
	link.peer = nl_u32(table[IFLA_LINK]);
	if (table[IFLA_IFNAME])
		nla_strlcpy(link.name, table[IFLA_IFNAME], sizeof(link.name));
	if (table[IFLA_IFALIAS])
		nla_strlcpy(link.alias, table[IFLA_IFALIAS], sizeof(link.alias));
	if (table[IFLA_ADDRESS] && nla_len(table[IFLA_ADDRESS]) == sizeof(link.mac))
		memcpy(&link.mac, nla_data(table[IFLA_ADDRESS]), sizeof(link.mac));
	if (parse_info(table[IFLA_LINKINFO], &link, err))
		return -1;
	*link_out = link;
	return 0;
}

/* Asks for one device by index or by name, or, with neither, for all in a dump. */
static struct nl_msg *get_message(uint32_t index, const char *name)
{
	const struct ifinfomsg info = { .ifi_index = (int)index };
	struct nl_msg *msg = nl_message(RTM_GETLINK, 0, &info, sizeof(info), 64);

	if (name)
		nl_put_text(msg, IFLA_IFNAME, name);
	/* Statistics are half of an answer, and the kernel sums them up over all processors. */
	nl_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return msg;
}

static int take_link(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	return link_parse(header, ctx, err);
}

int link_get(struct nl *nl, const char *name, struct link *link_out, struct err *err)
{
	char what[64];

	/* A longer name is no device's, and must not overrun the message's room. */
	if (strlen(name) >= IF_NAMESIZE)
		return 0;
	snprintf(what, sizeof(what), "get device %s", name);
	return nl_query(nl, get_message(0, name), what, take_link, link_out, err);
}

int link_get_index(struct nl *nl, uint32_t index, struct link *link_out, struct err *err)
{
	char what[64];

	snprintf(what, sizeof(what), "get device %u", index);
	return nl_query(nl, get_message(index, NULL), what, take_link, link_out, err);
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
	};

	return nl_dump_all(nl, &dump, err);
}
