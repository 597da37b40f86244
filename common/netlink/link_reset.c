/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/link_reset.h"

#include "common/err.h"
#include "common/netlink/link.h"
#include "common/netlink/nl.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <stdio.h>

#define ROOM 64 /* for the attributes of each message */

/* Sends msg; property names what it changes, for errors. */
static int change(struct nl *nl, struct nl_msg *msg, uint32_t index, const char *property,
		  struct err *err)
{
	char what[64];

	snprintf(what, sizeof(what), "reset %s of device %u", property, index);
	return nl_request(nl, msg, what, err);
}

/*
 * A message with IFLA_LINKINFO, whose IFLA_INFO_DATA is open. RTM_SETLINK ignores the attributes of
 * the kind.
 */
struct kind_message {
	struct nl_msg *msg;
	struct nlattr *info, *data;
};

static struct kind_message start(uint32_t index, const char *kind)
{
	const struct ifinfomsg header = { .ifi_index = (int)index };
	struct kind_message message = {
		.msg = nl_message(RTM_NEWLINK, 0, &header, sizeof(header), ROOM),
	};

	message.info = nl_nest(message.msg, IFLA_LINKINFO, NULL, 0);
	nl_put_text(message.msg, IFLA_INFO_KIND, kind);
	message.data = nl_nest(message.msg, IFLA_INFO_DATA, NULL, 0);
	return message;
}

static struct nl_msg *end(const struct kind_message *message)
{
	nl_nest_end(message->msg, message->data);
	nl_nest_end(message->msg, message->info);
	return message->msg;
}

/* A kernel without VLAN filtering refuses the attribute, whatever its value. */
int link_reset_bridge(struct nl *nl, const struct link *link, struct err *err)
{
	const struct kind_message message = start(link->index, "bridge");

	if (link->stp)
		nl_put_u32(message.msg, IFLA_BR_STP_STATE, 0);
	if (link->vlan_filtering)
		nl_put_u8(message.msg, IFLA_BR_VLAN_FILTERING, 0);
	return change(nl, end(&message), link->index, "STP and VLAN filtering", err);
}

int link_reset_learned_max(struct nl *nl, uint32_t index, uint32_t max, struct err *err)
{
	const struct kind_message message = start(index, "bridge");

	nl_put_u32(message.msg, LINK_FDB_MAX_LEARNED, max);
	return change(nl, end(&message), index, "limit of learned MACs", err);
}

int link_reset_ttl(struct nl *nl, uint32_t index, struct err *err)
{
	const struct kind_message message = start(index, "vxlan");

	nl_put_u8(message.msg, IFLA_VXLAN_TTL, 0);
	return change(nl, end(&message), index, "TTL", err);
}

int link_reset_port_state(struct nl *nl, uint32_t index, struct err *err)
{
	const struct ifinfomsg header = { .ifi_family = AF_BRIDGE, .ifi_index = (int)index };
	struct nl_msg *msg = nl_message(RTM_SETLINK, 0, &header, sizeof(header), ROOM);
	struct nlattr *nest = nl_nest(msg, IFLA_PROTINFO, NULL, 0);

	nl_put_u8(msg, IFLA_BRPORT_STATE, LINK_STATE_FORWARDING);
	nl_nest_end(msg, nest);
	return change(nl, msg, index, "state", err);
}

int link_reset_arp(struct nl *nl, uint32_t index, struct err *err)
{
	const struct ifinfomsg header = { .ifi_index = (int)index, .ifi_change = IFF_NOARP };

	return change(nl, nl_message(RTM_SETLINK, 0, &header, sizeof(header), 0), index, "ARP",
		      err);
}

int link_reset_proto_down(struct nl *nl, uint32_t index, struct err *err)
{
	const struct ifinfomsg header = { .ifi_index = (int)index };
	struct nl_msg *msg = nl_message(RTM_SETLINK, 0, &header, sizeof(header), ROOM);

	nl_put_u8(msg, IFLA_PROTO_DOWN, 0);
	return change(nl, msg, index, "protodown", err);
}

static int set_name(struct nl *nl, uint32_t index, const char *name, struct err *err)
{
	const struct ifinfomsg header = { .ifi_index = (int)index };
	struct nl_msg *msg = nl_message(RTM_SETLINK, 0, &header, sizeof(header), ROOM);

	nl_put_text(msg, IFLA_IFNAME, name);
	return change(nl, msg, index, "name", err);
}

int link_reset_name(struct nl *nl, uint32_t index, const char *name, struct err *err)
{
	if (set_name(nl, index, name, err) == 0)
		return 0;
	if (err->sys_errno != EBUSY || link_set_up(nl, index, false, err) < 0)
		return -1;
	*err = ERR_INIT;
	return set_name(nl, index, name, err);
}
