/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/alloc_queue.h"

#include "common/err.h"
#include "common/log.h"
#include "common/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define HEAD_SIZE 128
#define RECORD_SIZE 48
#define FAMILIES 2

static unsigned place_of(const struct alloc_queue *queue)
{
	return queue->family == AF_INET6 ? 1 : 0;
}

static off_t record_offset(const struct alloc_queue *queue, uint64_t n)
{
	return (off_t)(FAMILIES * HEAD_SIZE +
		       RECORD_SIZE * (n % queue->ring + ALLOC_QUEUE_MAX * place_of(queue)));
}

static void put(const struct alloc_queue *queue, const char *text, size_t size, off_t offset)
{
	if (queue->read_only)
		return;
	if (pwrite(queue->fd, text, size, offset) != (ssize_t)size)
		log_warn("cannot write the allocation queue", "error", strerrorname_np(errno));
}

static bool parse(const char *text, uint8_t family, struct ipaddr *addr_out)
{
	struct err unused = ERR_INIT;
	struct ipaddr addr;

	if (ipaddr_parse(text, &addr, &unused) < 0 || addr.family != family)
		return false;
	*addr_out = addr;
	return true;
}

struct alloc_queue alloc_queue_read(int fd, bool read_only, uint8_t family)
{
	struct alloc_queue queue = {
		.fd = fd, .read_only = read_only, .family = family, .ring = ALLOC_QUEUE_MIN
	};
	char text[HEAD_SIZE] = "", *rest = NULL;
	const char *last, *head_text, *tail_text, *ring_text;
	struct err unused = ERR_INIT;
	uint64_t head, tail, ring;

	if (fd < 0 || pread(fd, text, sizeof(text) - 1, place_of(&queue) * HEAD_SIZE) <= 0)
		return queue;
	last = strtok_r(text, " \n", &rest);
	head_text = strtok_r(NULL, " \n", &rest);
	tail_text = strtok_r(NULL, " \n", &rest);
	ring_text = strtok_r(NULL, " \n", &rest);
	/* Larger numbers are damage, and incrementing them could overflow. */
	if (ring_text && parse_u64(head_text, 0, INT64_MAX, &head, &unused) == 0 &&
	    parse_u64(tail_text, head, INT64_MAX, &tail, &unused) == 0 &&
	    parse_u64(ring_text, ALLOC_QUEUE_MIN, ALLOC_QUEUE_MAX, &ring, &unused) == 0 &&
	    ALLOC_QUEUE_MAX % ring == 0 && tail - head <= ring) {
		queue.head = head;
		queue.tail = tail;
		queue.ring = ring;
	}
	if (last)
		(void)parse(last, family, &queue.last);
	return queue;
}

void alloc_queue_write(const struct alloc_queue *queue)
{
	char text[HEAD_SIZE] = "", last[IPADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		 ipaddr_is_set(&queue->last) ? ipaddr_text(&queue->last, last) : "-", queue->head,
		 queue->tail, queue->ring);
	put(queue, text, sizeof(text), place_of(queue) * HEAD_SIZE);
}

bool alloc_queue_at(const struct alloc_queue *queue, uint64_t n, struct ipaddr *addr_out)
{
	char text[RECORD_SIZE] = "";

	if (pread(queue->fd, text, sizeof(text) - 1, record_offset(queue, n)) <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return parse(text, queue->family, addr_out);
}

void alloc_queue_drop(struct alloc_queue *queue, uint64_t n)
{
	static const char blank[RECORD_SIZE];

	if (n == queue->head)
		queue->head++;
	else
		put(queue, blank, sizeof(blank), record_offset(queue, n));
}

/*
 * Doubles the ring. Its second half becomes a copy of the first, so that each record is at the
 * position of its number in the old and the new ring: being killed here is harmless.
 */
static bool grow(struct alloc_queue *queue)
{
	static char records[256 * RECORD_SIZE];
	const off_t from = record_offset(queue, 0);
	const off_t size = (off_t)(queue->ring * RECORD_SIZE);
	ssize_t got;

	if (queue->ring == ALLOC_QUEUE_MAX)
		return false;
	for (off_t at = 0; at < size; at += got) {
		got = pread(queue->fd, records, sizeof(records), from + at);
		if (got <= 0)
			return false;
		got = at + got > size ? size - at : got;
		if (pwrite(queue->fd, records, (size_t)got, from + size + at) != got)
			return false;
	}
	queue->ring *= 2;
	return true;
}

void alloc_queue_append(struct alloc_queue *queue, const struct ipaddr *addr)
{
	char text[RECORD_SIZE] = "", shown[IPADDR_TEXT_SIZE];
	struct ipaddr end;

	if (!ipaddr_is_set(&queue->last) || ipaddr_cmp(addr, &queue->last) > 0)
		return;
	if (queue->tail > queue->head && alloc_queue_at(queue, queue->tail - 1, &end) &&
	    ipaddr_equal(&end, addr))
		return;
	if (queue->tail - queue->head == queue->ring && !grow(queue))
		queue->head++;
	snprintf(text, sizeof(text), "%s\n", ipaddr_text(addr, shown));
	put(queue, text, sizeof(text), record_offset(queue, queue->tail));
	queue->tail++;
}
