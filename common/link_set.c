/* SPDX-License-Identifier: Apache-2.0 */
/* Changing and deleting devices, all by index. */
#include "link.h"

#include "err.h"
#include "link_private.h"
#include "nl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

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

/* Sends msg, of which property names what it changes. */
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

int link_set_alias(struct nl *nl, uint32_t index, const char *alias, struct err *err)
{
	struct nl_msg *msg = set_message(index, AF_UNSPEC, strlen(alias) + 8);

	nl_put(msg, IFLA_IFALIAS, alias, strlen(alias));
	return change(nl, msg, index, "alias", err);
}

void link_put_port(struct nl_msg *msg, const struct link_port *port)
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

int link_set_port(struct nl *nl, uint32_t index, const struct link_port *port, struct err *err)
{
	struct nl_msg *msg = set_message(index, AF_BRIDGE, 128);
	struct nlattr *nest = nl_nest(msg, IFLA_PROTINFO, NULL, 0);

	link_put_port(msg, port);
	nl_nest_end(msg, nest);
	return change(nl, msg, index, "bridge port flags", err);
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
