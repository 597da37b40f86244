/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One send of the batch and its answers:
 *
 *   request   seq       flags    answer
 *   1st       n         -        none, or NLMSG_ERROR with seq n
 *   2nd       n + 1     -        none, or NLMSG_ERROR with seq n + 1
 *   ...
 *   last      n + 63    ACK      always NLMSG_ERROR: its own outcome, and the end
 *
 * The kernel works through a send before send(2) returns, in order, and reports a
 * failure whether it was asked for an answer or not. So a request before the last answered
 * one that has no answer itself was done.
 */
#include "nl.h"

#include "err.h"
#include "nl_private.h"

#include <errno.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

/* More a send gains nothing; and this many refusals with texts fit into the default receive buffer. */
#define BATCH_LEN 64
#define BATCH_SIZE ((size_t)16 * 1024)

struct nl_batch {
	struct nl *nl;
	nl_failed_fn *failed;
	void *ctx;
	uint32_t len;
	size_t size;
	struct nlmsghdr *last;
	uint64_t tags[BATCH_LEN];
	alignas(struct nlmsghdr) char waiting[BATCH_SIZE];
};

int nl_batch_open(struct nl *nl, nl_failed_fn *failed, void *ctx, struct nl_batch **batch_out,
		  struct err *err)
{
	struct nl_batch *batch = malloc(sizeof(*batch));

	if (!batch)
		return err_nomem(err, "netlink batch");
	batch->nl = nl;
	batch->failed = failed;
	batch->ctx = ctx;
	batch->len = 0;
	batch->size = 0;
	batch->last = NULL;
	*batch_out = batch;
	return 0;
}

void nl_batch_close(struct nl_batch *batch)
{
	free(batch);
}

int nl_batch_add(struct nl_batch *batch, struct nl_msg *msg, uint64_t tag, struct err *err)
{
	AUTO(nlmsg) struct nl_msg *owned = msg;
	const struct nlmsghdr *header;
	size_t size;

	if (!owned)
		return err_nomem(err, "netlink request");
	header = nlmsg_hdr(owned);
	size = NLMSG_ALIGN((size_t)header->nlmsg_len);
	if (size > BATCH_SIZE)
		return err_set(err, ERR_INTERNAL, "netlink request of %zu bytes, at most %zu fit",
			       size, BATCH_SIZE);
	if (batch->size + size > BATCH_SIZE && nl_batch_flush(batch, err))
		return -1;
	batch->last = (void *)(batch->waiting + batch->size);
	memcpy(batch->last, header, header->nlmsg_len);
	batch->last->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
	batch->size += size;
	batch->tags[batch->len++] = tag;
	return batch->len == BATCH_LEN ? nl_batch_flush(batch, err) : 0;
}

/* Numbers what is waiting, asks for one answer, sends it. */
static int send_waiting(struct nl_batch *batch, uint32_t first)
{
	size_t at = 0;

	for (uint32_t i = 0; i < batch->len; i++) {
		struct nlmsghdr *header = (void *)(batch->waiting + at);

		header->nlmsg_seq = first + i;
		at += NLMSG_ALIGN((size_t)header->nlmsg_len);
	}
	batch->last->nlmsg_flags |= NLM_F_ACK;
	return nl_write(batch->nl, batch->waiting, batch->size);
}

static void read_outcomes(struct nl_batch *batch, uint32_t first, uint32_t count)
{
	uint32_t known = 0; /* the outcomes of this many are known */
	int lost = 0;

	while (known < count) {
		const struct nlmsghdr *header;
		struct nl_verdict verdict;
		int error = nl_next(batch->nl, first, count, lost ? MSG_DONTWAIT : 0, &header);

		if (error && lost)
			break;
		if (error) {
			/* Answers from before the loss still lie there, but none will come. */
			lost = error;
			continue;
		}
		if (header->nlmsg_type != NLMSG_ERROR)
			continue;
		known = header->nlmsg_seq - first + 1;
		nl_verdict_read(header, &verdict);
		if (verdict.sys_errno)
			batch->failed(batch->ctx, batch->tags[known - 1], verdict.sys_errno,
				      verdict.text);
	}
	for (; known < count; known++)
		batch->failed(batch->ctx, batch->tags[known], lost, "the kernel's answer was lost");
}

int nl_batch_flush(struct nl_batch *batch, struct err *err)
{
	uint32_t first = batch->nl->seq;
	uint32_t count = batch->len;
	int error = count ? send_waiting(batch, first) : 0;

	batch->len = 0;
	batch->size = 0;
	if (error)
		return err_sys(err, ERR_KERNEL, error, "send of %u netlink requests", count);
	batch->nl->seq += count;
	read_outcomes(batch, first, count);
	return 0;
}
