/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One send of the batch and its replies:
 *
 *   request   seq       flags    reply
 *   1st       n         -        none, or NLMSG_ERROR with seq n
 *   2nd       n + 1     -        none, or NLMSG_ERROR with seq n + 1
 *   ...
 *   last      n + 63    ACK      always NLMSG_ERROR: its outcome, and the end
 *
 * The kernel processes the requests in order before send(2) returns, and reports failures also
 * without NLM_F_ACK. So a request without a reply succeeded if a later one has a reply.
 */
#include "common/netlink/nl.h"

#include "common/err.h"
#include "common/netlink/nl_socket.h"

#include <errno.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

/* Larger sends are no faster, and 64 errors with texts fit into the default receive buffer. */
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
	alignas(struct nlmsghdr) char pending[BATCH_SIZE];
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
	batch->last = (void *)(batch->pending + batch->size);
	memcpy(batch->last, header, header->nlmsg_len);
	batch->last->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
	batch->size += size;
	batch->tags[batch->len++] = tag;
	return batch->len == BATCH_LEN ? nl_batch_flush(batch, err) : 0;
}

/* Numbers the pending requests, requests one ACK, sends them. */
static int send_pending(struct nl_batch *batch, uint32_t first)
{
	size_t at = 0;

	for (uint32_t i = 0; i < batch->len; i++) {
		struct nlmsghdr *header = (void *)(batch->pending + at);

		header->nlmsg_seq = first + i;
		at += NLMSG_ALIGN((size_t)header->nlmsg_len);
	}
	batch->last->nlmsg_flags |= NLM_F_ACK;
	return nl_write(batch->nl, batch->pending, batch->size);
}

static void read_outcomes(struct nl_batch *batch, uint32_t first, uint32_t count)
{
	uint32_t known = 0; /* number of known outcomes */
	int lost = 0;

	while (known < count) {
		const struct nlmsghdr *header;
		struct nl_ack ack;
		int error = nl_next_reply(batch->nl, first, count, lost ? MSG_DONTWAIT : 0,
					  &header);

		if (error && lost)
			break;
		if (error) {
			/* Replies received before the loss are still queued; no more will come. */
			lost = error;
			continue;
		}
		if (header->nlmsg_type != NLMSG_ERROR)
			continue;
		known = header->nlmsg_seq - first + 1;
		nl_ack_read(header, &ack);
		if (ack.sys_errno)
			batch->failed(batch->ctx, batch->tags[known - 1], ack.sys_errno, ack.text);
	}
	for (; known < count; known++)
		batch->failed(batch->ctx, batch->tags[known], lost, "the kernel's reply was lost");
}

int nl_batch_flush(struct nl_batch *batch, struct err *err)
{
	uint32_t first = batch->nl->seq;
	uint32_t count = batch->len;
	int error;

	if (count)
		nl_shared_clear(batch->nl);
	error = count ? send_pending(batch, first) : 0;
	batch->len = 0;
	batch->size = 0;
	if (error)
		return err_sys(err, ERR_KERNEL, error, "send of %u netlink requests", count);
	batch->nl->seq += count;
	read_outcomes(batch, first, count);
	return 0;
}
