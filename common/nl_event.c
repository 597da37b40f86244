/* SPDX-License-Identifier: Apache-2.0 */
/* Listening to what the kernel tells of its own accord. */
#include "nl.h"

#include "err.h"
#include "nl_private.h"

#include <errno.h>
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

int nl_fd(const struct nl *nl)
{
	return nl->fd;
}

uint32_t nl_port(const struct nl *nl)
{
	struct sockaddr_nl own = { .nl_pid = 0 };
	socklen_t size = sizeof(own);

	(void)getsockname(nl->fd, (struct sockaddr *)&own, &size);
	return own.nl_pid;
}

int nl_drain(struct nl *nl, nl_visit_fn *visit, void *ctx, bool *lost_out, struct err *err)
{
	bool lost = false;
	int error;

	while ((error = nl_read(nl, MSG_DONTWAIT)) != EAGAIN) {
		const struct nlmsghdr *header;

		if (error == ENOBUFS || error == EMSGSIZE)
			lost = true;
		else if (error)
			return err_sys(err, ERR_KERNEL, error, "netlink events");
		while ((header = nl_unread(nl))) {
			if (header->nlmsg_type >= NLMSG_MIN_TYPE && visit &&
			    visit(ctx, header, err))
				return -1;
		}
	}
	*lost_out = lost;
	return 0;
}
