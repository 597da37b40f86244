/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses in use on this node: one symbolic link each, created and removed atomically by one
 * system call. Called with the attachment's lock held. Lists the directory only for a damaged
 * record.
 *
 *   RUN/ipam/NETWORK/10.5.1.7 -> ../../attachments/NETWORK/0f3a5c7e91b2d486
 *   RUN/ipam/NETWORK/lock     held while an address is chosen or released; contains the order of
 *                             assignment (ipam/alloc_queue.h)
 *
 * Choosing takes constant time: the next address that was never assigned, or the one released
 * longest ago. Only if the queue has no usable address (pool full, damaged queue, other range) are
 * the addresses tried one by one.
 *
 * The sequence makes a crash harmless: ADD writes the chosen addresses into the attachment's record
 * before it acquires them; a release removes those entries of the record's addresses that lead
 * back to the record, then the record.
 */
#pragma once

#include "ipam/attachment.h"
#include "ipam/range.h"

#include <stddef.h>

struct err;

/* Where one address is chosen from. */
struct pool_choice {
	struct range_set set;
	/*
	 * Requested address, within set, or in an L2 network in another node's range; unset: any.
	 */
	struct ipaddr wanted;
};

/*
 * The addresses that host-local has reserved in host_local_dir (host_local.h; NULL: none) are not
 * chosen.
 */

/*
 * Chooses one address per choice, writes the record with them, and acquires them. *record gets the
 * addresses; its other members are set by the caller. Entries not created by weft are skipped and
 * logged. Returns 0, or -1: ERR_POOL_FULL names the ranges, ERR_ADDRESS a requested address that
 * is in use, ERR_AGAIN if the pool's lock is still held elsewhere after lock->wait_ms. After a
 * failure the record may be left: the caller calls pool_release.
 */
int pool_acquire(const struct attachment_lock *lock, const struct pool_choice choices[], size_t len,
		 const char *host_local_dir, struct attachment *record, struct err *err);

/* Whether an address is free, without taking a lock. Returns 0, or -1 with ERR_POOL_FULL. */
int pool_check_free(const char *run_dir, const char *network, const struct range_set *set,
		    const char *host_local_dir, struct err *err);

/*
 * As pool_check_free, and the address that would be chosen next. An absent pool has all addresses
 * free.
 */
int pool_next(const char *run_dir, const char *network, const struct range_set *set,
	      const char *host_local_dir, struct ipaddr *next_out, struct err *err);

/*
 * Visits every address in use, unordered, without a lock. record: the name of the attachment's
 * record; NULL: the entry was not created by weft. A visit that returns -1 ends it. Returns 0 or
 * -1.
 */
typedef int pool_visit_fn(void *ctx, const struct ipaddr *addr, const char *record,
			  struct err *err);
int pool_each(const char *run_dir, const char *network, pool_visit_fn *visit, void *ctx,
	      struct err *err);

/*
 * The number of free addresses of the set that were in use: they are assigned last. Returns 0 or
 * -1.
 */
int pool_released(const char *run_dir, const char *network, const struct range_set *set,
		  uint64_t *count_out, struct err *err);

/*
 * Counts the addresses in use by family, without a lock, by listing the directory. Returns 0 or -1.
 */
int pool_count(const char *run_dir, const char *network, size_t used_out[static FAMILIES],
	       struct err *err);

/*
 * Releases those of the record's addresses that this attachment holds. If the pool's lock is still
 * held elsewhere after lock->wait_ms, they are released without it and not queued; with wait_ms 0,
 * ERR_AGAIN. Returns 0 or -1.
 */
int pool_release(const struct attachment_lock *lock, const struct attachment *record,
		 struct err *err);

/*
 * As pool_release, for every address whose link points to the record, for one that cannot be read.
 */
int pool_release_all(const struct attachment_lock *lock, struct err *err);

/* Whether this attachment holds the address. Returns 1, 0, or -1 failed. */
int pool_holds(const struct attachment_lock *lock, const struct ipaddr *addr, struct err *err);
