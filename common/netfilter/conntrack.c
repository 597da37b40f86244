/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netfilter/conntrack.h"

#include "common/netlink/nl.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <sys/socket.h>

static struct nl_msg *build(void *ctx)
{
	const struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	struct nl_msg *msg = nl_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0, &header,
					sizeof(header), 2 * (size_t)nla_total_size(4));

	(void)ctx;
	nl_put_u32(msg, CTA_STATUS, htonl(IPS_OFFLOAD));
	nl_put_u32(msg, CTA_STATUS_MASK, htonl(IPS_OFFLOAD));
	return msg;
}

static int visit(void *ctx, const struct nlmsghdr *header, struct err *err)
{
	static const struct nla_policy policy[CTA_MAX + 1] = { [CTA_STATUS] = { .type = NLA_U32 } };
	struct nlattr *at[CTA_MAX + 1];
	size_t *count = ctx;

	if (nl_attributes(header, sizeof(struct nfgenmsg), at, CTA_MAX, policy, err) < 0)
		return -1;
	*count += (ntohl(nl_u32(at[CTA_STATUS])) & IPS_OFFLOAD) != 0;
	return 0;
}

static void restart(void *ctx)
{
	size_t *count = ctx;

	*count = 0;
}

int conntrack_count_offloaded(struct nl *nl, size_t *count_out, struct err *err)
{
	size_t count = 0;
	const struct nl_dump dump = {
		.what = "list connections in flow tables",
		.build = build,
		.visit = visit,
		.restart = restart,
		.ctx = &count,
	};

	if (nl_dump_all(nl, &dump, err) < 0)
		return -1;
	*count_out = count;
	return 0;
}
