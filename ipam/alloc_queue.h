/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which a pool assigns the addresses of one family: ascending from the last one, and
 * at the end of the range the released ones, oldest first, so that an address is reused as late as
 * possible. The queue is only a hint: the pool's entries alone decide which addresses are in use,
 * and damage affects nothing but the queue. It lies in the pool's lock file and is accessed by the
 * pool, which holds the lock.
 *
 *   offset 0    128 bytes  "10.5.1.9 3 17 1024\n"  IPv4: the highest address assigned so far;
 *                                                  queue of records 3 to 16, in a ring of
 *                                                  1024
 *   offset 128  128 bytes                          the same for IPv6
 *   offset 256 + 48 * (n % ring + (0 IPv4, 65536 IPv6))
 *                48 bytes  "10.5.1.7\n"            the n-th released address; zeros: removed
 *                                                  from the middle
 *
 * A full ring is doubled, up to the addresses of a /16. The file is sparse between the families.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

#define ALLOC_QUEUE_MIN 1024
/* In a ring of this size, a further address replaces the oldest, which is then assigned last. */
#define ALLOC_QUEUE_MAX 65536

struct alloc_queue {
	int fd;         /* -1: no file; the queue is empty */
	bool read_only; /* changes stay in memory */
	uint8_t family;
	struct ipaddr last;
	uint64_t head, tail;
	uint64_t ring;
};

/* Reads the queue of one family from the file. Missing or damaged data yields an empty queue. */
struct alloc_queue alloc_queue_read(int fd, bool read_only, uint8_t family);

/* Writes last, head, tail and ring. Best effort: a failure is logged. */
void alloc_queue_write(const struct alloc_queue *queue);

/* The n-th record, head <= n < tail. Returns false if it has been removed. */
bool alloc_queue_at(const struct alloc_queue *queue, uint64_t n, struct ipaddr *addr_out);

/* Removes the n-th record. */
void alloc_queue_drop(struct alloc_queue *queue, uint64_t n);

/*
 * Appends a released address. Does nothing if the address lies above last, or is the newest record
 * already: a release that was interrupted is repeated.
 */
void alloc_queue_append(struct alloc_queue *queue, const struct ipaddr *addr);
