/* SPDX-License-Identifier: Apache-2.0 */
#include "neigh.h"

#include "err.h"
#include "nl.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>

static struct nl_msg *message(uint16_t type, uint16_t flags, const struct ndmsg *info)
{
	return nl_message(type, flags, info, sizeof(*info), 48);
}

struct nl_msg *neigh_add_message(uint32_t index, const struct ipaddr *addr, const struct mac *mac)
{
	const struct ndmsg info = {
		.ndm_family = addr->family,
		.ndm_ifindex = (int)index,
		.ndm_state = NUD_PERMANENT,
	};
	struct nl_msg *msg = message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &info);

	nl_put_addr(msg, NDA_DST, addr);
	nl_put(msg, NDA_LLADDR, mac, sizeof(*mac));
	return msg;
}

struct nl_msg *neigh_del_message(uint32_t index, const struct ipaddr *addr)
{
	const struct ndmsg info = { .ndm_family = addr->family, .ndm_ifindex = (int)index };
	struct nl_msg *msg = message(RTM_DELNEIGH, 0, &info);

	nl_put_addr(msg, NDA_DST, addr);
	return msg;
}

/*
 * One state for two halves that read it differently. The bridge takes NUD_PERMANENT for an
 * address of its own, and NUD_NOARP for a static entry. The vxlan device refuses what is
 * neither PERMANENT nor REACHABLE, and never ages what is NOARP. So these two together
 * are static in both (br_fdb_add, vxlan_fdb_add and vxlan_cleanup of the kernel).
 */
#define FDB_STATE (NUD_NOARP | NUD_REACHABLE)

struct nl_msg *neigh_fdb_add_message(uint32_t index, const struct mac *mac,
				     const struct ipaddr *vtep)
{
	const struct ndmsg info = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)index,
		.ndm_state = FDB_STATE,
		.ndm_flags = NTF_SELF | NTF_MASTER | NTF_STICKY,
	};
	struct nl_msg *msg = message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &info);

	nl_put(msg, NDA_LLADDR, mac, sizeof(*mac));
	nl_put_addr(msg, NDA_DST, vtep);
	return msg;
}

struct nl_msg *neigh_fdb_port_message(uint32_t index, const struct mac *mac)
{
	const struct ndmsg info = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)index,
		.ndm_state = NUD_NOARP,
		.ndm_flags = NTF_MASTER,
	};
	struct nl_msg *msg = message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &info);

	nl_put(msg, NDA_LLADDR, mac, sizeof(*mac));
	return msg;
}

struct nl_msg *neigh_fdb_del_message(const struct neigh_fdb *fdb)
{
	const struct ndmsg info = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)fdb->index,
		.ndm_flags = fdb->bridge ? NTF_MASTER : NTF_SELF,
	};
	struct nl_msg *msg = message(RTM_DELNEIGH, 0, &info);

	nl_put(msg, NDA_LLADDR, &fdb->mac, sizeof(fdb->mac));
	nl_put_addr(msg, NDA_DST, &fdb->vtep);
	return msg;
}

int neigh_parse(const struct nlmsghdr *header, struct neigh *neigh_out, struct err *err)
{
	const struct ndmsg *info = nlmsg_data(header);
	struct nlattr *table[NDA_MAX + 1];
	struct neigh neigh = { 0 };

	if (nl_attributes(header, sizeof(*info), table, NDA_MAX, NULL, err))
		return -1;
	if (info->ndm_family == AF_BRIDGE)
		return 0;
	if (nl_addr(table[NDA_DST], &neigh.addr, err))
		return -1;
	/* An entry that nobody has answered for has no MAC. */
	if (table[NDA_LLADDR] && nla_len(table[NDA_LLADDR]) == sizeof(neigh.mac))
		memcpy(&neigh.mac, nla_data(table[NDA_LLADDR]), sizeof(neigh.mac));
	neigh.index = (uint32_t)info->ndm_ifindex;
	neigh.state = info->ndm_state;
	*neigh_out = neigh;
	return 1;
}

int neigh_fdb_parse(const struct nlmsghdr *header, struct neigh_fdb *fdb_out, struct err *err)
{
	const struct ndmsg *info = nlmsg_data(header);
	struct nlattr *table[NDA_MAX + 1];
	struct neigh_fdb fdb = { 0 };

	if (nl_attributes(header, sizeof(*info), table, NDA_MAX, NULL, err))
		return -1;
	/* A bridge with a default VLAN keeps a copy of every entry for it. */
	if (info->ndm_family != AF_BRIDGE || table[NDA_VLAN])
		return 0;
	fdb.index = (uint32_t)info->ndm_ifindex;
	if (!table[NDA_LLADDR] || nla_len(table[NDA_LLADDR]) != sizeof(fdb.mac))
		return err_set(err, ERR_DECODE, "FDB entry of device %u without a MAC", fdb.index);
	if (nl_addr(table[NDA_DST], &fdb.vtep, err))
		return -1;
	memcpy(&fdb.mac, nla_data(table[NDA_LLADDR]), sizeof(fdb.mac));
	fdb.bridge = table[NDA_MASTER] != NULL;
	fdb.sticky = (info->ndm_flags & NTF_STICKY) != 0;
	fdb.state = info->ndm_state;
	*fdb_out = fdb;
	return 1;
}

struct each {
	uint32_t index;
	uint8_t family; /* AF_BRIDGE: the FDB */
	neigh_visit_fn *visit;
	neigh_fdb_visit_fn *visit_fdb;
	void (*restart)(void *ctx);
	void *ctx;
};

static struct nl_msg *each_build(void *ctx)
{
	const struct each *each = ctx;
	const bool fdb = each->family == AF_BRIDGE;
	/* One and the same filter, but the kernel wants it in two different places. */
	const struct ndmsg info = {
		.ndm_family = each->family,
		.ndm_ifindex = fdb ? (int)each->index : 0,
	};
	struct nl_msg *msg = message(RTM_GETNEIGH, 0, &info);

	if (!fdb)
		nl_put_u32(msg, NDA_IFINDEX, each->index);
	return msg;
}

static int each_visit(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct each *each = ctx;
	struct neigh_fdb fdb;
	struct neigh neigh;
	int parsed;

	if (each->family == AF_BRIDGE) {
		parsed = neigh_fdb_parse(header, &fdb, err);
		if (parsed <= 0 || fdb.index != each->index)
			return parsed < 0 ? -1 : 0;
		return each->visit_fdb(each->ctx, &fdb, err);
	}
	parsed = neigh_parse(header, &neigh, err);
	if (parsed <= 0 || neigh.index != each->index || neigh.addr.family != each->family)
		return parsed < 0 ? -1 : 0;
	return each->visit(each->ctx, &neigh, err);
}

static int run(struct nl *nl, struct each *each, const char *kind, struct err *err)
{
	char what[64];
	const struct nl_dump dump = {
		.what = what,
		.build = each_build,
		.visit = each_visit,
		.restart = each->restart,
		.restart_ctx = each->ctx,
		.ctx = each,
	};

	snprintf(what, sizeof(what), "list %s of device %u", kind, each->index);
	return nl_dump_all(nl, &dump, err);
}

int neigh_each(struct nl *nl, uint32_t index, uint8_t family, neigh_visit_fn *visit,
	       void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = {
		.index = index, .family = family, .visit = visit, .restart = restart, .ctx = ctx
	};

	return run(nl, &each, "neighbours", err);
}

int neigh_fdb_each(struct nl *nl, uint32_t index, neigh_fdb_visit_fn *visit,
		   void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = {
		.index = index,
		.family = AF_BRIDGE,
		.visit_fdb = visit,
		.restart = restart,
		.ctx = ctx,
	};

	return run(nl, &each, "FDB entries", err);
}
