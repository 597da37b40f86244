/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/neigh.h"

#include "common/err.h"
#include "common/netlink/nl.h"

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

static struct nl_msg *add_message(const struct neigh *neigh, uint16_t state)
{
	const struct ndmsg info = {
		.ndm_family = neigh->addr.family,
		.ndm_ifindex = (int)neigh->index,
		.ndm_state = state,
	};
	struct nl_msg *msg = message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &info);

	nl_put_addr(msg, NDA_DST, &neigh->addr);
	nl_put(msg, NDA_LLADDR, &neigh->mac, sizeof(neigh->mac));
	if (neigh->protocol)
		nl_put_u8(msg, NDA_PROTOCOL, neigh->protocol);
	return msg;
}

struct nl_msg *neigh_add_message(const struct neigh *neigh)
{
	return add_message(neigh, NUD_PERMANENT);
}

struct nl_msg *neigh_stale_message(uint32_t index, const struct ipaddr *addr, const struct mac *mac)
{
	const struct neigh neigh = { .addr = *addr, .mac = *mac, .index = index };

	return add_message(&neigh, NUD_STALE);
}

struct nl_msg *neigh_del_message(uint32_t index, const struct ipaddr *addr)
{
	const struct ndmsg info = { .ndm_family = addr->family, .ndm_ifindex = (int)index };
	struct nl_msg *msg = message(RTM_DELNEIGH, 0, &info);

	nl_put_addr(msg, NDA_DST, addr);
	return msg;
}

/*
 * A state that is static in both FDBs. The bridge takes NUD_PERMANENT for a local address and
 * NUD_NOARP for a static entry. The vxlan device rejects entries that are neither PERMANENT nor
 * REACHABLE, and never ages NOARP ones (br_fdb_add, vxlan_fdb_add, vxlan_cleanup of the kernel).
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

struct nl_msg *neigh_flood_add_message(const struct neigh_fdb *fdb)
{
	const struct ndmsg info = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)fdb->index,
		.ndm_state = FDB_STATE,
		.ndm_flags = NTF_SELF,
	};
	const struct mac zero = { .octet = { 0 } };
	struct nl_msg *msg = message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, &info);

	nl_put(msg, NDA_LLADDR, &zero, sizeof(zero));
	nl_put_addr(msg, NDA_DST, &fdb->vtep);
	if (fdb->via)
		nl_put_u32(msg, NDA_IFINDEX, fdb->via);
	return msg;
}

struct nl_msg *neigh_fdb_port_message(uint32_t index, const struct mac *mac)
{
	const struct ndmsg info = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)index,
		.ndm_state = NUD_NOARP,
		.ndm_flags = NTF_MASTER | NTF_STICKY,
	};
	struct nl_msg *msg = message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &info);

	nl_put(msg, NDA_LLADDR, mac, sizeof(*mac));
	return msg;
}

struct nl_msg *neigh_fdb_local_message(uint32_t bridge, const struct mac *mac)
{
	const struct ndmsg info = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)bridge,
		.ndm_state = NUD_PERMANENT,
		.ndm_flags = NTF_SELF,
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
	if (fdb->via)
		nl_put_u32(msg, NDA_IFINDEX, fdb->via);
	return msg;
}

int neigh_parse(const struct nlmsghdr *header, struct neigh *neigh_out, struct err *err)
{
	const struct ndmsg *info = nlmsg_data(header);
	static const struct nla_policy policy[NDA_MAX + 1] = {
		[NDA_PROTOCOL] = { .type = NLA_U8 },
	};
	struct nlattr *table[NDA_MAX + 1];
	struct neigh neigh = { 0 };

	if (nl_attributes(header, sizeof(*info), table, NDA_MAX, policy, err))
		return -1;
	if (info->ndm_family == AF_BRIDGE)
		return 0;
	if (nl_addr(table[NDA_DST], &neigh.addr, err))
		return -1;
	/* An unresolved entry has no MAC. */
	if (table[NDA_LLADDR] && nla_len(table[NDA_LLADDR]) == sizeof(neigh.mac))
		memcpy(&neigh.mac, nla_data(table[NDA_LLADDR]), sizeof(neigh.mac));
	neigh.index = (uint32_t)info->ndm_ifindex;
	neigh.state = info->ndm_state;
	neigh.protocol = nl_u8(table[NDA_PROTOCOL]);
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
	/* A bridge with a default VLAN keeps a copy of every entry for that VLAN. */
	if (info->ndm_family != AF_BRIDGE || table[NDA_VLAN])
		return 0;
	fdb.index = (uint32_t)info->ndm_ifindex;
	if (!table[NDA_LLADDR] || nla_len(table[NDA_LLADDR]) != sizeof(fdb.mac))
		return err_set(err, ERR_DECODE, "FDB entry of device %u without a MAC", fdb.index);
	if (nl_addr(table[NDA_DST], &fdb.vtep, err))
		return -1;
	memcpy(&fdb.mac, nla_data(table[NDA_LLADDR]), sizeof(fdb.mac));
	fdb.bridge = table[NDA_MASTER] != NULL;
	fdb.master = nl_u32(table[NDA_MASTER]);
	fdb.via = nl_u32(table[NDA_IFINDEX]);
	fdb.sticky = (info->ndm_flags & NTF_STICKY) != 0;
	fdb.state = info->ndm_state;
	*fdb_out = fdb;
	return 1;
}

struct each {
	uint32_t index;
	uint32_t bridge; /* 0, or with index 0 the bridge whose ports' FDB entries are visited */
	uint8_t family;  /* AF_BRIDGE: the FDB */
	neigh_visit_fn *visit;
	neigh_fdb_visit_fn *visit_fdb;
	void (*restart)(void *ctx);
	void *ctx;
	size_t max; /* of nl_dump */
};

static struct nl_msg *each_build(void *ctx)
{
	const struct each *each = ctx;
	const bool fdb = each->family == AF_BRIDGE;
	/*
	 * The kernel reads the device filter from the header for AF_BRIDGE, else from NDA_IFINDEX.
	 */
	const struct ndmsg info = {
		.ndm_family = each->family,
		.ndm_ifindex = fdb ? (int)each->index : 0,
	};
	struct nl_msg *msg = message(RTM_GETNEIGH, 0, &info);

	if (!fdb && each->index)
		nl_put_u32(msg, NDA_IFINDEX, each->index);
	if (each->bridge)
		nl_put_u32(msg, NDA_MASTER, each->bridge);
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
		if (parsed <= 0 ||
		    (each->bridge ? fdb.master != each->bridge : fdb.index != each->index))
			return parsed < 0 ? -1 : 0;
		return each->visit_fdb(each->ctx, &fdb, err);
	}
	parsed = neigh_parse(header, &neigh, err);
	if (parsed <= 0 || (each->index && neigh.index != each->index) ||
	    neigh.addr.family != each->family)
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
		.max = each->max,
	};

	snprintf(what, sizeof(what), "list %s of device %u", kind,
		 each->bridge ? each->bridge : each->index);
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
	return neigh_fdb_each_max(nl, index, 0, visit, restart, ctx, err);
}

int neigh_fdb_each_max(struct nl *nl, uint32_t index, size_t max, neigh_fdb_visit_fn *visit,
		       void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = {
		.index = index,
		.family = AF_BRIDGE,
		.visit_fdb = visit,
		.restart = restart,
		.ctx = ctx,
		.max = max,
	};

	return run(nl, &each, "FDB entries", err);
}

int neigh_fdb_each_port_max(struct nl *nl, uint32_t bridge, size_t max, neigh_fdb_visit_fn *visit,
			    void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = {
		.bridge = bridge,
		.family = AF_BRIDGE,
		.visit_fdb = visit,
		.restart = restart,
		.ctx = ctx,
		.max = max,
	};

	return run(nl, &each, "FDB entries", err);
}

static int on_fdb(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	return neigh_fdb_parse(header, ctx, err) < 0 ? -1 : 0;
}

/* flag: NTF_MASTER, the bridge's FDB; NTF_SELF, the vxlan device's. */
static int get_fdb(struct nl *nl, uint32_t port, uint8_t flag, const struct mac *mac,
		   struct neigh_fdb *fdb_out, struct err *err)
{
	const struct ndmsg info = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = (int)port,
		.ndm_flags = flag,
	};
	struct nl_msg *msg = message(RTM_GETNEIGH, 0, &info);
	struct neigh_fdb fdb = { .index = 0 };
	char what[64];
	int found;

	snprintf(what, sizeof(what), "get the FDB entry of a MAC on port %u", port);
	nl_put(msg, NDA_LLADDR, mac, sizeof(*mac));
	found = nl_query(nl, msg, what, on_fdb, &fdb, err);
	if (found > 0)
		*fdb_out = fdb;
	return found;
}

int neigh_fdb_get(struct nl *nl, uint32_t port, const struct mac *mac, struct neigh_fdb *fdb_out,
		  struct err *err)
{
	return get_fdb(nl, port, NTF_MASTER, mac, fdb_out, err);
}

int neigh_vxlan_get(struct nl *nl, uint32_t vxlan, const struct mac *mac, struct neigh_fdb *fdb_out,
		    struct err *err)
{
	return get_fdb(nl, vxlan, NTF_SELF, mac, fdb_out, err);
}

int neigh_bridge_get(struct nl *nl, uint32_t bridge, const struct mac *mac,
		     struct neigh_fdb *fdb_out, struct err *err)
{
	return get_fdb(nl, bridge, NTF_SELF, mac, fdb_out, err);
}

static int on_neigh(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	return neigh_parse(header, ctx, err) < 0 ? -1 : 0;
}

int neigh_get(struct nl *nl, uint32_t index, const struct ipaddr *addr, struct neigh *neigh_out,
	      struct err *err)
{
	const struct ndmsg info = { .ndm_family = addr->family, .ndm_ifindex = (int)index };
	struct nl_msg *msg = message(RTM_GETNEIGH, 0, &info);
	struct neigh neigh = { .index = 0 };
	char text[IPADDR_TEXT_SIZE], what[96];
	int found;

	snprintf(what, sizeof(what), "get the neighbour %s of device %u", ipaddr_text(addr, text),
		 index);
	nl_put_addr(msg, NDA_DST, addr);
	found = nl_query(nl, msg, what, on_neigh, &neigh, err);
	if (found > 0)
		*neigh_out = neigh;
	return found;
}
