/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/addr.h"

#include "common/err.h"
#include "common/netlink/nl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>

static struct nl_msg *message(uint16_t type, uint16_t flags, uint32_t index,
			      const struct prefix *prefix)
{
	const struct ifaddrmsg info = {
		.ifa_family = prefix->addr.family,
		.ifa_prefixlen = prefix->len,
		.ifa_index = index,
	};
	struct nl_msg *msg = nl_message(type, flags, &info, sizeof(info), 64);

	/* Both: IFA_ADDRESS alone would be the peer of a point-to-point link (IPv4). */
	nl_put_addr(msg, IFA_LOCAL, &prefix->addr);
	nl_put_addr(msg, IFA_ADDRESS, &prefix->addr);
	return msg;
}

struct nl_msg *addr_add_message(uint32_t index, const struct prefix *prefix)
{
	struct nl_msg *msg = message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, prefix);

	/* IPv4 has no duplicate address detection. */
	if (prefix->addr.family == AF_INET6)
		nl_put_u32(msg, IFA_FLAGS, IFA_F_NODAD);
	return msg;
}

/* Maps either errno to "nothing to do". 1 done, 0 nothing to do, -1 failed. */
static int ignore_errno(int status, int errno_a, int errno_b, struct err *err)
{
	if (status == 0)
		return 1;
	if (err->sys_errno != errno_a && err->sys_errno != errno_b)
		return -1;
	*err = ERR_INIT;
	return 0;
}

int addr_ensure(struct nl *nl, uint32_t index, const struct prefix *prefix, struct err *err)
{
	char text[PREFIX_TEXT_SIZE], what[96];

	snprintf(what, sizeof(what), "add address %s to device %u", prefix_text(prefix, text),
		 index);
	return ignore_errno(nl_request(nl, addr_add_message(index, prefix), what, err), EEXIST,
			    EEXIST, err);
}

int addr_del(struct nl *nl, uint32_t index, const struct prefix *prefix, struct err *err)
{
	char text[PREFIX_TEXT_SIZE], what[96];

	snprintf(what, sizeof(what), "delete address %s of device %u", prefix_text(prefix, text),
		 index);
	return ignore_errno(nl_request(nl, message(RTM_DELADDR, 0, index, prefix), what, err),
			    EADDRNOTAVAIL, ENODEV, err);
}

int addr_parse(const struct nlmsghdr *header, struct addr *addr_out, struct err *err)
{
	static const struct nla_policy policy[IFA_MAX + 1] = {
		[IFA_FLAGS] = { .type = NLA_U32 },
	};
	const struct ifaddrmsg *info = nlmsg_data(header);
	struct nlattr *table[IFA_MAX + 1];
	struct addr addr = { 0 };

	if (nl_attributes(header, sizeof(*info), table, IFA_MAX, policy, err))
		return -1;
	/* A dump of AF_UNSPEC returns further families. */
	if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6)
		return 0;
	if (nl_addr(table[IFA_LOCAL] ? table[IFA_LOCAL] : table[IFA_ADDRESS], &addr.prefix.addr,
		    err))
		return -1;
	addr.prefix.len = info->ifa_prefixlen;
	addr.index = info->ifa_index;
	addr.scope = info->ifa_scope;
	addr.flags = table[IFA_FLAGS] ? nl_u32(table[IFA_FLAGS]) : info->ifa_flags;
	*addr_out = addr;
	return 1;
}

struct each {
	int32_t netns; /* -1: the socket's */
	uint32_t index;
	uint8_t family;
	addr_visit_fn *visit;
	void *ctx;
};

static struct nl_msg *each_build(void *ctx)
{
	const struct each *each = ctx;
	const struct ifaddrmsg info = { .ifa_family = each->family, .ifa_index = each->index };
	struct nl_msg *msg = nl_message(RTM_GETADDR, 0, &info, sizeof(info), 8);

	if (each->netns >= 0)
		nl_put_u32(msg, IFA_TARGET_NETNSID, (uint32_t)each->netns);
	return msg;
}

static int each_visit(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	const struct each *each = ctx;
	struct addr addr;
	int parsed = addr_parse(header, &addr, err);

	if (parsed <= 0 || (each->index && addr.index != each->index))
		return parsed < 0 ? -1 : 0;
	return each->visit(each->ctx, &addr, err);
}

static int each_addr(struct nl *nl, struct each *each, size_t max, void (*restart)(void *ctx),
		     struct err *err)
{
	char what[64];
	const struct nl_dump dump = {
		.what = what,
		.build = each_build,
		.visit = each_visit,
		.ctx = each,
		.restart = restart,
		.restart_ctx = each->ctx,
		.max = max,
		.shared = each->netns < 0 && !each->index,
	};

	snprintf(what, sizeof(what), "list addresses of device %u", each->index);
	return nl_dump_all(nl, &dump, err);
}

int addr_each(struct nl *nl, uint32_t index, uint8_t family, addr_visit_fn *visit,
	      void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = { -1, index, family, visit, ctx };

	return each_addr(nl, &each, 0, restart, err);
}

int addr_each_in(struct nl *nl, int32_t netns, uint32_t index, uint8_t family, addr_visit_fn *visit,
		 void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = { netns, index, family, visit, ctx };

	return each_addr(nl, &each, ADDR_EACH_IN_MAX, restart, err);
}
