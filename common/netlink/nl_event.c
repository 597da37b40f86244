/* SPDX-License-Identifier: Apache-2.0 */
/* Event subscriptions of a netlink socket. */
#include "common/netlink/nl.h"

#include "common/array.h"
#include "common/err.h"
#include "common/netlink/nl_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <sys/socket.h>

int nl_listen(struct nl *nl, const unsigned groups[], struct err *err)
{
	for (; *groups; groups++) {
		if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, groups,
			       sizeof(*groups)))
			return err_sys(err, ERR_KERNEL, errno, "netlink group %u", *groups);
	}
	return 0;
}

/* A filter loads numbers as big-endian; netlink headers are in host order. */
int nl_filter_neigh_events(struct nl *nl, uint32_t index, struct err *err)
{
	enum {
		TYPE = offsetof(struct nlmsghdr, nlmsg_type),
		FAMILY = NLMSG_HDRLEN + offsetof(struct ndmsg, ndm_family),
		INDEX = NLMSG_HDRLEN + offsetof(struct ndmsg, ndm_ifindex)
	};
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, TYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWNEIGH), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELNEIGH), 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FAMILY),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_BRIDGE, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, INDEX),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(index), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = { ARRAY_LEN(code), code };
	int rc;

	if (index)
		rc = setsockopt(nl->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
	else
		rc = setsockopt(nl->fd, SOL_SOCKET, SO_DETACH_FILTER, &index, sizeof(index));
	if (rc < 0 && (index || errno != ENOENT))
		return err_sys(err, ERR_KERNEL, errno, "cannot set a filter of netlink events");
	return 0;
}

void nl_set_buffer(struct nl *nl, int size)
{
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

int nl_fd(const struct nl *nl)
{
	return nl->fd;
}

uint32_t nl_portid(const struct nl *nl)
{
	struct sockaddr_nl own = { .nl_pid = 0 };
	socklen_t size = sizeof(own);

	(void)getsockname(nl->fd, (struct sockaddr *)&own, &size);
	return own.nl_pid;
}

int nl_read_events(struct nl *nl, nl_visit_fn *visit, void *ctx, bool *lost_out, struct err *err)
{
	bool lost = false;
	int error;

	while ((error = nl_read(nl, MSG_DONTWAIT)) != EAGAIN) {
		const struct nlmsghdr *header;

		if (error == ENOBUFS || error == EMSGSIZE)
			lost = true;
		else if (error)
			return err_sys(err, ERR_KERNEL, error, "cannot read netlink events");
		while ((header = nl_next_message(nl))) {
			if (header->nlmsg_type >= NLMSG_MIN_TYPE && visit &&
			    visit(ctx, header, err))
				return -1;
		}
	}
	*lost_out = lost;
	return 0;
}
