/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the netlink layer (nl.c, nl_batch.c, nl_event.c) share, and what
 * their test takes hold of: the socket, how an answer is read, how a refusal is told.
 * Nobody else includes this.
 */
#pragma once

#include "nl.h"

#include <linux/netlink.h>
#include <netlink/msg.h>
#include <stdalign.h>

/* The kernel fills at most 32 KiB of one read with a dump; a single answer is far smaller. */
#define NL_ANSWER_SIZE ((size_t)32 * 1024)

struct nl {
	int fd;
	uint32_t seq;   /* of the next request */
	size_t at, end; /* what has been received but not been looked at yet */
	alignas(struct nlmsghdr) char answer[NL_ANSWER_SIZE];
};

/* Every sender frees what it is given. */
AUTO_DEFINE(nlmsg, struct nl_msg, nlmsg_free);

#define NL_TEXT_SIZE 192

/* What NLMSG_ERROR or NLMSG_DONE say. */
struct nl_verdict {
	int sys_errno; /* positive; 0: acknowledged */
	char text[NL_TEXT_SIZE];
};

void nl_verdict_read(const struct nlmsghdr *header, struct nl_verdict *verdict_out);

/* Sets err: what, the verdict's text, its errno. Always answers -1. */
int nl_refused(struct err *err, const char *what, const struct nl_verdict *verdict);

/* Sends whole messages as they are. 0, or a positive errno. */
int nl_write(struct nl *nl, const void *messages, size_t size);

/*
 * Reads one datagram, forgetting what is left of the one before. flags: 0 or
 * MSG_DONTWAIT. 0, or a positive errno: ETIMEDOUT after 10 s, EAGAIN when there is
 * nothing and nobody wants to wait, EMSGSIZE when it did not fit.
 */
int nl_read(struct nl *nl, int flags);

/* The next message of the datagram that has been read, NULL at its end. */
const struct nlmsghdr *nl_unread(struct nl *nl);

/*
 * The next message that answers one of the count requests numbered from first; answers to
 * requests that were given up are passed over. 0, or a positive errno, as nl_read.
 */
int nl_next(struct nl *nl, uint32_t first, uint32_t count, int flags,
	    const struct nlmsghdr **header_out);
