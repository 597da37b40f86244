/* SPDX-License-Identifier: Apache-2.0 */
#include "addr.h"

#include "err.h"
#include "nl.h"

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

	/* Both: IFA_ADDRESS alone would be the far end of a point-to-point link (IPv4). */
	nl_put_addr(msg, IFA_LOCAL, &prefix->addr);
	nl_put_addr(msg, IFA_ADDRESS, &prefix->addr);
	return msg;
}

struct nl_msg *addr_add_message(uint32_t index, const struct prefix *prefix)
{
	struct nl_msg *msg = message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, index, prefix);

	/* IPv4 has no detection to be kept from. */
	if (prefix->addr.family == AF_INET6)
		nl_put_u32(msg, IFA_FLAGS, IFA_F_NODAD);
	return msg;
}

/* 1 done, 0 the kernel answered as where there is nothing to do, -1 failed. */
static int settle(int status, int nothing, int nothing_either, struct err *err)
{
	if (status == 0)
		return 1;
	if (err->sys_errno != nothing && err->sys_errno != nothing_either)
		return -1;
	*err = ERR_INIT;
	return 0;
}

int addr_ensure(struct nl *nl, uint32_t index, const struct prefix *prefix, struct err *err)
{
	char text[PREFIX_TEXT_SIZE], what[96];

	snprintf(what, sizeof(what), "add address %s to device %u", prefix_text(prefix, text),
		 index);
	return settle(nl_request(nl, addr_add_message(index, prefix), what, err), EEXIST, EEXIST,
		      err);
}

int addr_del(struct nl *nl, uint32_t index, const struct prefix *prefix, struct err *err)
{
	char text[PREFIX_TEXT_SIZE], what[96];

	snprintf(what, sizeof(what), "delete address %s of device %u", prefix_text(prefix, text),
		 index);
	return settle(nl_request(nl, message(RTM_DELADDR, 0, index, prefix), what, err),
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
	/* Asked for every family, the kernel answers with more than the two. */
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
	uint32_t index;
	uint8_t family;
	addr_visit_fn *visit;
	void *ctx;
};

static struct nl_msg *each_build(void *ctx)
{
	const struct each *each = ctx;
	const struct ifaddrmsg info = { .ifa_family = each->family, .ifa_index = each->index };

	return nl_message(RTM_GETADDR, 0, &info, sizeof(info), 0);
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

int addr_each(struct nl *nl, uint32_t index, uint8_t family, addr_visit_fn *visit,
	      void (*restart)(void *ctx), void *ctx, struct err *err)
{
	struct each each = { index, family, visit, ctx };
	char what[64];
	const struct nl_dump dump = {
		.what = what,
		.build = each_build,
		.visit = each_visit,
		.ctx = &each,
		.restart = restart,
		.restart_ctx = ctx,
	};

	snprintf(what, sizeof(what), "list addresses of device %u", index);
	return nl_dump_all(nl, &dump, err);
}
