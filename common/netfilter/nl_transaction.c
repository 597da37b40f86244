/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transaction is one send, with these answers:
 *
 *   message       seq     flags   answer
 *   BATCH_BEGIN   n       -       NLMSG_ERROR if the transaction as a whole fails
 *   1st           n + 1   -       NLMSG_ERROR if it fails
 *   ...
 *   last          n + k   ACK     NLMSG_ERROR always, unless the whole fails
 *   BATCH_END     n + k + 1
 *
 * All answers are queued when send(2) returns.
 */
#include "common/netfilter/nl_transaction.h"

#include "common/err.h"
#include "common/netlink/nl.h"
#include "common/netlink/nl_socket.h"
#include "common/vec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#define TRANSACTION_SIZE_MAX ((size_t)16 << 20)

VEC_DEFINE(tags, uint64_t);

struct nl_transaction {
	struct nl *nl;
	uint16_t subsystem;
	struct tags tags; /* of the requests, in order */
	char *at;
	size_t size, cap;
	size_t last; /* offset of the last request */
};

static bool reserve(struct nl_transaction *transaction, size_t more)
{
	size_t cap = transaction->cap ? transaction->cap : 4096;
	char *at;

	while (cap < transaction->size + more && cap < TRANSACTION_SIZE_MAX)
		cap *= 2;
	if (transaction->size + more > cap)
		return false;
	if (cap == transaction->cap)
		return true;
	at = realloc(transaction->at, cap);
	if (!at)
		return false;
	transaction->at = at;
	transaction->cap = cap;
	return true;
}

static void append(struct nl_transaction *transaction, const struct nlmsghdr *header)
{
	size_t size = NLMSG_ALIGN((size_t)header->nlmsg_len);

	memset(transaction->at + transaction->size, 0, size);
	memcpy(transaction->at + transaction->size, header, header->nlmsg_len);
	transaction->last = transaction->size;
	transaction->size += size;
}

/* generation 0: none. */
static bool append_edge(struct nl_transaction *transaction, uint16_t type, uint32_t generation)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg body;
		struct nlattr attr;
		uint32_t generation;
	} edge = {
		{ .nlmsg_len = sizeof(edge), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST },
		{ .nfgen_family = AF_UNSPEC,
		  .version = NFNETLINK_V0,
		  .res_id = htons(transaction->subsystem) },
		{ .nla_len = sizeof(struct nlattr) + sizeof(uint32_t),
		  .nla_type = NFNL_BATCH_GENID },
		htonl(generation),
	};

	if (!generation)
		edge.header.nlmsg_len -= edge.attr.nla_len;
	if (!reserve(transaction, NLMSG_ALIGN(sizeof(edge))))
		return false;
	append(transaction, &edge.header);
	return true;
}

int nl_transaction_open(struct nl *nl, uint16_t subsystem, uint32_t generation,
			struct nl_transaction **transaction_out, struct err *err)
{
	struct nl_transaction *transaction = calloc(1, sizeof(*transaction));

	if (transaction) {
		transaction->nl = nl;
		transaction->subsystem = subsystem;
	}
	if (!transaction || !append_edge(transaction, NFNL_MSG_BATCH_BEGIN, generation)) {
		nl_transaction_close(transaction);
		return err_nomem(err, "a netfilter transaction");
	}
	*transaction_out = transaction;
	return 0;
}

void nl_transaction_close(struct nl_transaction *transaction)
{
	if (!transaction)
		return;
	tags_free(&transaction->tags);
	free(transaction->at);
	free(transaction);
}

int nl_transaction_add(struct nl_transaction *transaction, struct nl_msg *msg, uint64_t tag,
		       struct err *err)
{
	AUTO(nlmsg) struct nl_msg *owned = msg;

	if (!owned || !reserve(transaction, NLMSG_ALIGN((size_t)nlmsg_hdr(owned)->nlmsg_len)) ||
	    !tags_push(&transaction->tags, &tag))
		return err_nomem(err, "a netfilter request");
	append(transaction, nlmsg_hdr(owned));
	return 0;
}

static void set_sequence_numbers(struct nl_transaction *transaction, uint32_t first)
{
	struct nlmsghdr *last = (void *)(transaction->at + transaction->last);

	last->nlmsg_flags |= NLM_F_ACK;
	for (size_t at = 0; at < transaction->size;) {
		struct nlmsghdr *header = (void *)(transaction->at + at);

		header->nlmsg_seq = first++;
		at += NLMSG_ALIGN((size_t)header->nlmsg_len);
	}
}

/* The kernel accepts a send only if it fits into half of the send buffer. */
static void make_room(const struct nl_transaction *transaction)
{
	int size = (int)(transaction->size + 4096);

	(void)setsockopt(transaction->nl->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

/* Reads every answer. Reports the first error in the order of the requests. */
static int read_outcome(struct nl_transaction *transaction, uint32_t first, const char *what,
			uint64_t *tag_out, struct err *err)
{
	uint32_t count = (uint32_t)transaction->tags.len + 2, failed = count;
	struct nl_ack ack, worst = { .sys_errno = 0 };
	const struct nlmsghdr *header;
	bool done = false;
	int error;

	while ((error = nl_next_reply(transaction->nl, first, count, MSG_DONTWAIT, &header)) == 0) {
		uint32_t i = header->nlmsg_seq - first;

		if (header->nlmsg_type != NLMSG_ERROR)
			continue;
		nl_ack_read(header, &ack);
		done = done || i + 2 == count;
		if (!ack.sys_errno || i >= failed)
			continue;
		failed = i;
		worst = ack;
	}
	*tag_out = NL_TRANSACTION_WHOLE;
	if (failed > 0 && failed + 1 < count)
		*tag_out = transaction->tags.at[failed - 1];
	if (failed < count)
		return nl_ack_error(err, what, &worst);
	/* Without an answer to the last request the outcome is unknown. */
	return done ? 0 : err_sys(err, ERR_KERNEL, error, "%s: no answer from the kernel", what);
}

int nl_transaction_commit(struct nl_transaction *transaction, const char *what, uint64_t *tag_out,
			  struct err *err)
{
	size_t size = transaction->size, last = transaction->last;
	struct nl *nl = transaction->nl;
	uint32_t first = nl->seq;
	int error;

	*tag_out = NL_TRANSACTION_WHOLE;
	if (!transaction->tags.len)
		return 0;
	if (!append_edge(transaction, NFNL_MSG_BATCH_END, 0))
		return err_nomem(err, "a netfilter transaction");
	transaction->last = last;
	set_sequence_numbers(transaction, first);
	nl->seq += (uint32_t)transaction->tags.len + 2;
	make_room(transaction);
	error = nl_write(nl, transaction->at, transaction->size);
	transaction->size = size;
	if (error)
		return err_sys(err, ERR_KERNEL, error, "%s: transaction not sent", what);
	return read_outcome(transaction, first, what, tag_out, err);
}
