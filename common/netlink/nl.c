/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/nl.h"

#include "common/err.h"
#include "common/netlink/nl_socket.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#define REPLY_TIMEOUT_S 10
#define DUMP_TRIES 20
#define DUMP_TRIES_BOUNDED 3

static int open_protocol(int protocol, struct nl **nl_out, struct err *err)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const struct timeval timeout = { .tv_sec = REPLY_TIMEOUT_S };
	const int on = 1;
	AUTO(close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	struct nl *nl;

	if (fd < 0)
		return err_sys(err, ERR_KERNEL, errno, "cannot open a netlink socket");
	/*
	 * Optional. A kernel that lacks one of these sends no error texts, longer replies, or
	 * unfiltered dumps; the readers accept all of that.
	 */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	/* A connected socket receives messages from the kernel only, not from other processes. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)))
		return err_sys(err, ERR_KERNEL, errno, "cannot open a netlink socket");
	nl = malloc(sizeof(*nl));
	if (!nl)
		return err_nomem(err, "a netlink socket");
	nl->fd = take_fd(&fd);
	nl->seq = 1;
	nl->at = nl->end = 0;
	nl->cache = NULL;
	*nl_out = nl;
	return 0;
}

int nl_open(struct nl **nl_out, struct err *err)
{
	return open_protocol(NETLINK_ROUTE, nl_out, err);
}

int nl_open_netfilter(struct nl **nl_out, struct err *err)
{
	return open_protocol(NETLINK_NETFILTER, nl_out, err);
}

void nl_free(struct nl *nl)
{
	if (!nl)
		return;
	nl_shared_free(nl->cache);
	close(nl->fd);
	free(nl);
}

/* 1 found, 0 no such device, -1 failed. */
static int query_device(const struct nl *nl, unsigned long what, const char *name,
			struct ifreq *request, struct err *err)
{
	if (strlen(name) >= sizeof(request->ifr_name))
		return 0;
	*request = (struct ifreq){ .ifr_ifindex = 0 };
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
	if (ioctl(nl->fd, what, request) == 0)
		return 1;
	if (errno == ENODEV)
		return 0;
	return err_sys(err, ERR_KERNEL, errno, "query device %s", name);
}

int nl_device_index(const struct nl *nl, const char *name, uint32_t *index_out, struct err *err)
{
	struct ifreq request;
	int found = query_device(nl, SIOCGIFINDEX, name, &request, err);

	if (found > 0)
		*index_out = (uint32_t)request.ifr_ifindex;
	return found;
}

int nl_device_flags(const struct nl *nl, const char *name, uint32_t *flags_out, struct err *err)
{
	struct ifreq request;
	int found = query_device(nl, SIOCGIFFLAGS, name, &request, err);

	if (found > 0)
		*flags_out = (uint16_t)request.ifr_flags;
	return found;
}

int nl_write(struct nl *nl, const void *messages, size_t size)
{
	ssize_t sent;

	do
		sent = send(nl->fd, messages, size, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? errno : 0;
}

int nl_read(struct nl *nl, int flags)
{
	ssize_t size;

	nl->at = nl->end = 0;
	/* MSG_TRUNC returns the true size of a datagram that does not fit. */
	do
		size = recv(nl->fd, nl->data, sizeof(nl->data), flags | MSG_TRUNC);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return errno == EAGAIN && !(flags & MSG_DONTWAIT) ? ETIMEDOUT : errno;
	if ((size_t)size > sizeof(nl->data))
		return EMSGSIZE;
	nl->end = (size_t)size;
	return 0;
}

const struct nlmsghdr *nl_next_message(struct nl *nl)
{
	const struct nlmsghdr *header = (const void *)(nl->data + nl->at);
	size_t left = nl->end - nl->at;
	size_t step;

	if (left < sizeof(*header) || header->nlmsg_len < sizeof(*header) ||
	    header->nlmsg_len > left)
		return NULL;
	step = NLMSG_ALIGN((size_t)header->nlmsg_len);
	nl->at += step < left ? step : left;
	return header;
}

int nl_next_reply(struct nl *nl, uint32_t first, uint32_t count, int flags,
		  const struct nlmsghdr **header_out)
{
	for (;;) {
		const struct nlmsghdr *header = nl_next_message(nl);
		int error;

		if (header && header->nlmsg_seq - first < count) {
			*header_out = header;
			return 0;
		}
		error = header ? 0 : nl_read(nl, flags);
		if (error)
			return error;
	}
}

void nl_ack_read(const struct nlmsghdr *header, struct nl_ack *ack_out)
{
	static const struct nla_policy policy[NLMSGERR_ATTR_MAX + 1] = {
		[NLMSGERR_ATTR_MSG] = { .type = NLA_STRING },
		[NLMSGERR_ATTR_OFFS] = { .type = NLA_U32 },
	};
	struct nlattr *table[NLMSGERR_ATTR_MAX + 1];
	const struct nlmsgerr *body = (const void *)((const char *)header + NLMSG_HDRLEN);
	size_t size = header->nlmsg_type == NLMSG_DONE ? sizeof(body->error) : sizeof(*body);
	struct err unused = ERR_INIT;

	ack_out->text[0] = '\0';
	if (header->nlmsg_len < NLMSG_LENGTH(size)) {
		/* Only the end of a dump may lack an error code. */
		ack_out->sys_errno = header->nlmsg_type == NLMSG_DONE ? 0 : EPROTO;
		return;
	}
	ack_out->sys_errno = -body->error;
	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	/* The request precedes the attributes unless NETLINK_CAP_ACK is in effect. */
	if (header->nlmsg_type == NLMSG_ERROR && !(header->nlmsg_flags & NLM_F_CAPPED))
		size += NLMSG_ALIGN((size_t)body->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (nl_attributes(header, size, table, NLMSGERR_ATTR_MAX, policy, &unused))
		return;
	if (table[NLMSGERR_ATTR_MSG])
		nla_strlcpy(ack_out->text, table[NLMSGERR_ATTR_MSG], NL_TEXT_SIZE);
	if (table[NLMSGERR_ATTR_OFFS]) {
		size_t len = strlen(ack_out->text);

		snprintf(ack_out->text + len, NL_TEXT_SIZE - len, "%sat byte %u of the request",
			 len ? ", " : "", nl_u32(table[NLMSGERR_ATTR_OFFS]));
	}
}

int nl_ack_error(struct err *err, const char *what, const struct nl_ack *ack)
{
	if (ack->text[0])
		return err_sys(err, ERR_KERNEL, ack->sys_errno, "%s: %s", what, ack->text);
	return err_sys(err, ERR_KERNEL, ack->sys_errno, "%s", what);
}

/* Adds flags to a request, numbers and sends it. Frees it. */
static int send_request(struct nl *nl, struct nl_msg *msg, uint16_t flags, const char *what,
			uint32_t *seq_out, struct err *err)
{
	AUTO(nlmsg) struct nl_msg *owned = msg;
	struct nlmsghdr *header;
	int error;

	if (!owned)
		return err_nomem(err, what);
	header = nlmsg_hdr(owned);
	header->nlmsg_flags |= flags;
	header->nlmsg_seq = nl->seq++;
	error = nl_write(nl, header, header->nlmsg_len);
	if (error)
		return err_sys(err, ERR_KERNEL, error, "%s: request not sent", what);
	*seq_out = header->nlmsg_seq;
	return 0;
}

static int set_no_reply(struct err *err, const char *what, int error)
{
	return err_sys(err, ERR_KERNEL, error, "%s: no reply from the kernel", what);
}

int nl_request(struct nl *nl, struct nl_msg *msg, const char *what, struct err *err)
{
	const struct nlmsghdr *header;
	struct nl_ack ack;
	uint32_t seq;

	nl_shared_clear(nl); /* a change, whatever its outcome */
	if (send_request(nl, msg, NLM_F_ACK, what, &seq, err))
		return -1;
	do {
		int error = nl_next_reply(nl, seq, 1, 0, &header);

		if (error)
			return set_no_reply(err, what, error);
	} while (header->nlmsg_type != NLMSG_ERROR);
	nl_ack_read(header, &ack);
	return ack.sys_errno ? nl_ack_error(err, what, &ack) : 0;
}

int nl_query(struct nl *nl, struct nl_msg *msg, const char *what, nl_visit_fn *visit, void *ctx,
	     struct err *err)
{
	const struct nlmsghdr *header;
	struct nl_ack ack;
	uint32_t seq;
	int error;

	if (send_request(nl, msg, 0, what, &seq, err))
		return -1;
	error = nl_next_reply(nl, seq, 1, 0, &header);
	if (error)
		return set_no_reply(err, what, error);
	if (header->nlmsg_type != NLMSG_ERROR)
		return visit(ctx, header, err) ? -1 : 1;
	nl_ack_read(header, &ack);
	if (ack.sys_errno == ENODEV || ack.sys_errno == ENOENT || ack.sys_errno == ESRCH)
		return 0;
	return nl_ack_error(err, what, &ack);
}

/*
 * One try. A dump is read to its end also after a failed visit: the kernel rejects the socket's
 * next dump (EBUSY) while one is in progress. *again_out: the dump was interrupted, so that the
 * objects visited are no consistent snapshot.
 */
static int dump_once(struct nl *nl, const struct nl_dump *dump, bool *again_out, struct err *err)
{
	const struct nlmsghdr *header;
	struct nl_ack ack;
	unsigned overruns = 0;
	bool again = false;
	size_t messages = 0;
	uint32_t seq;
	int result = 0;

	if (send_request(nl, dump->build(dump->ctx), NLM_F_DUMP, dump->what, &seq, err))
		return -1;
	for (;;) {
		int error = nl_next_reply(nl, seq, 1, 0, &header);

		if (error == ENOBUFS && ++overruns < DUMP_TRIES) {
			again = true;
			continue;
		}
		if (error)
			return set_no_reply(err, dump->what, error);
		if (header->nlmsg_flags & NLM_F_DUMP_INTR)
			again = true;
		if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
			break;
		if (dump->max && ++messages > dump->max)
			return err_set(err, ERR_AGAIN, "%s: more than %zu", dump->what, dump->max);
		if (result == 0 && !again)
			result = dump->visit(dump->ctx, header, err);
	}
	nl_ack_read(header, &ack);
	if (result)
		return -1;
	if (ack.sys_errno)
		return nl_ack_error(err, dump->what, &ack);
	*again_out = again;
	return 0;
}

int nl_dump_kernel(struct nl *nl, const struct nl_dump *dump, struct err *err)
{
	const unsigned max = dump->max ? DUMP_TRIES_BOUNDED : DUMP_TRIES;

	for (unsigned tries = 0; tries < max; tries++) {
		bool again = false;

		if (tries > 0 && dump->restart)
			dump->restart(dump->restart_ctx ? dump->restart_ctx : dump->ctx);
		if (dump_once(nl, dump, &again, err))
			return -1;
		if (!again)
			return 0;
	}
	return err_set(err, ERR_AGAIN, "%s: dump interrupted by changes %u times in a row",
		       dump->what, max);
}

int nl_dump_all(struct nl *nl, const struct nl_dump *dump, struct err *err)
{
	return nl->cache && dump->shared ? nl_shared_dump(nl, dump, err) :
					   nl_dump_kernel(nl, dump, err);
}
