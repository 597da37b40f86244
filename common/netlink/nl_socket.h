/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The netlink socket below requests: raw send and receive, and acknowledgements. For modules that
 * frame exchanges of their own (nl.c, nl_batch.c, nl_event.c, netfilter's nl_transaction.c) and for
 * tests.
 */
#pragma once

#include "common/netlink/nl.h"

#include <linux/netlink.h>
#include <netlink/msg.h>
#include <stdalign.h>

/* The kernel fills at most 32 KiB per read of a dump; other replies are far smaller. */
#define NL_DATA_SIZE ((size_t)32 * 1024)

struct nl_shared;

struct nl {
	int fd;
	struct nl_shared *cache; /* NULL: dumps are not shared */
	uint32_t seq;            /* of the next request */
	size_t at, end;          /* unread part of the received datagram */
	alignas(struct nlmsghdr) char data[NL_DATA_SIZE];
};

/* Senders own the message that they are passed. */
AUTO_DEFINE(nlmsg, struct nl_msg, nlmsg_free);

#define NL_TEXT_SIZE 192

/* The content of NLMSG_ERROR or NLMSG_DONE. */
struct nl_ack {
	int sys_errno; /* positive; 0: acknowledged */
	char text[NL_TEXT_SIZE];
};

/* Parses an NLMSG_ERROR or NLMSG_DONE message; a malformed one yields EPROTO. */
void nl_ack_read(const struct nlmsghdr *header, struct nl_ack *ack_out);

/* Sets err (ERR_KERNEL) from what, the ack's text and its errno. Always returns -1. */
int nl_ack_error(struct err *err, const char *what, const struct nl_ack *ack);

/* As nl_dump_all, always from the kernel. */
int nl_dump_kernel(struct nl *nl, const struct nl_dump *dump, struct err *err);
/* As nl_dump_all, from a copy or with one; nl has a cache. */
int nl_shared_dump(struct nl *nl, const struct nl_dump *dump, struct err *err);
/* NULL is allowed. */
void nl_shared_free(struct nl_shared *cache);

/* Sends complete messages. Returns 0, or a positive errno. */
int nl_write(struct nl *nl, const void *messages, size_t size);

/*
 * Reads one datagram, discarding the rest of the previous one. flags: 0 or MSG_DONTWAIT. Returns 0,
 * or a positive errno: ETIMEDOUT after 10 s, EAGAIN with MSG_DONTWAIT when there is none, EMSGSIZE
 * when it did not fit.
 */
int nl_read(struct nl *nl, int flags);

/* Returns the next message of the datagram, or NULL at its end. */
const struct nlmsghdr *nl_next_message(struct nl *nl);

/*
 * Gets the next message that replies to one of the count requests numbered from first; replies to
 * abandoned requests are skipped. Returns 0, or a positive errno as nl_read.
 */
int nl_next_reply(struct nl *nl, uint32_t first, uint32_t count, int flags,
		  const struct nlmsghdr **header_out);
