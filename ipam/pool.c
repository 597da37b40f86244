/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/pool.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/fs_lock.h"
#include "common/log.h"
#include "common/state.h"
#include "ipam/alloc_queue.h"
#include "ipam/host_local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCK_FILE "lock"
#define TARGET_SIZE (sizeof("../../" STATE_ATTACHMENTS "//") + STATE_NETWORK_NAME_SIZE + 16)

/* The attachment that an address's entry leads to. */
enum holder { HOLDER_NONE, HOLDER_SELF, HOLDER_OTHER, HOLDER_UNKNOWN };

/* The open directory, and the form of its entries. */
struct pool {
	int dir_fd;
	char target[TARGET_SIZE]; /* of this attachment's entries */
	size_t stem_len;          /* of the part of target that all entries share */
	struct host_local host_local;
};

#define POOL_INIT ((struct pool){ .dir_fd = -1, .host_local = HOST_LOCAL_INIT })

static void pool_close(struct pool *pool)
{
	host_local_close(&pool->host_local);
	if (pool->dir_fd >= 0)
		close(pool->dir_fd);
}
AUTO_DEFINE_VALUE(pool, struct pool, pool_close);

/* record: its name. 1 opened, 0 no such directory, -1 failed. */
static int pool_open(const char *run_dir, const char *network, const char *record, bool make,
		     struct pool *pool, struct err *err)
{
	int stem = snprintf(pool->target, sizeof(pool->target), "../../" STATE_ATTACHMENTS "/%s/",
			    network);

	pool->stem_len = (size_t)stem;
	snprintf(pool->target + stem, sizeof(pool->target) - (size_t)stem, "%s", record);
	return state_open_dir(run_dir, STATE_IPAM, network, make, &pool->dir_fd, err);
}

static int take_lock(const struct pool *pool, const struct attachment_lock *lock, int *fd_out,
		     struct err *err)
{
	if (fs_lock(pool->dir_fd, LOCK_FILE, lock->wait_ms, fd_out, err) < 0)
		return err_wrap(err, "%s/" STATE_IPAM "/%s", lock->run_dir, lock->network);
	return 0;
}

/*
 * To release addresses. After a wait without success, *fd_out stays -1: entries are removed one by
 * one and only by the holder of their attachment, so the lock is required for the queue alone.
 */
static int take_release_lock(const struct pool *pool, const struct attachment_lock *lock,
			     int *fd_out, struct err *err)
{
	if (take_lock(pool, lock, fd_out, err) == 0)
		return 0;
	if (err->code != ERR_AGAIN || lock->wait_ms == 0)
		return -1;
	log_warn("releasing addresses without the pool's lock; they are assigned again last",
		 "error", err->text);
	return 0;
}

static int pool_open_for(const struct attachment_lock *lock, bool make, struct pool *pool,
			 struct err *err)
{
	return pool_open(lock->run_dir, lock->network, lock->name, make, pool, err);
}

/* 0 / -1. */
static int read_holder(const struct pool *pool, const char *name, enum holder *holder_out,
		       struct err *err)
{
	char target[TARGET_SIZE];
	ssize_t size = readlinkat(pool->dir_fd, name, target, sizeof(target) - 1);

	if (size < 0 && errno != ENOENT && errno != EINVAL)
		return err_sys(err, ERR_IO, errno, "cannot read the entry of address %s", name);
	if (size < 0) {
		*holder_out = errno == ENOENT ? HOLDER_NONE : HOLDER_UNKNOWN;
		return 0;
	}
	target[size] = '\0';
	if (strcmp(target, pool->target) == 0)
		*holder_out = HOLDER_SELF;
	else if (strlen(target) == strlen(pool->target) &&
		 strncmp(target, pool->target, pool->stem_len) == 0)
		*holder_out = HOLDER_OTHER;
	else
		*holder_out = HOLDER_UNKNOWN;
	return 0;
}

/* ---- Choosing ----------------------------------------------------------------------------- */

/* A walk over candidate addresses. */
struct walk {
	const struct pool *pool;
	const struct range_set *set;
	uint64_t unknown;  /* entries not created by weft */
	uint64_t reserved; /* by host-local */
};

/* 1 free, 0 not, -1. */
static int is_free(struct walk *walk, const struct ipaddr *addr, struct err *err)
{
	char name[IPADDR_TEXT_SIZE];
	enum holder holder;

	if (read_holder(walk->pool, ipaddr_text(addr, name), &holder, err) < 0)
		return -1;
	if (holder == HOLDER_UNKNOWN) {
		log_warn("address entry not created by weft, address skipped", "address", name);
		walk->unknown++;
	}
	if (holder != HOLDER_NONE || !host_local_has(&walk->pool->host_local, addr))
		return holder == HOLDER_NONE;
	walk->reserved++;
	return 0;
}

/* The lowest free address above from. 1 / 0 / -1. */
static int choose_above(struct walk *walk, const struct ipaddr *from, struct ipaddr *addr_out,
			struct err *err)
{
	struct ipaddr addr = *from;
	int found = 0;

	while (found == 0 && range_set_next(walk->set, &addr, &addr))
		found = is_free(walk, &addr, err);
	if (found > 0)
		*addr_out = addr;
	return found;
}

/* The address released longest ago; those in use again were requested by name. 1 / 0 / -1. */
static int choose_released(struct walk *walk, struct alloc_queue *queue, struct ipaddr *addr_out,
			   struct err *err)
{
	int found = 0;

	for (uint64_t n = queue->head; found == 0 && n < queue->tail; n++) {
		struct ipaddr addr;

		if (!alloc_queue_at(queue, n, &addr)) {
			if (n == queue->head)
				queue->head++;
			continue;
		}
		if (!range_set_has(walk->set, &addr))
			continue;
		found = is_free(walk, &addr, err);
		if (found >= 0)
			alloc_queue_drop(queue, n);
		if (found > 0)
			*addr_out = addr;
	}
	return found;
}

static int set_full_error(const struct walk *walk, struct err *err)
{
	char text[RANGE_TEXT_SIZE];

	err_set(err, ERR_POOL_FULL, "no free address in %s: all %" PRIu64 " are in use",
		range_set_text(walk->set, text), range_set_size(walk->set));
	if (walk->unknown || walk->reserved)
		return err_details(err,
				   "%" PRIu64 " entries not created by weft, %" PRIu64
				   " reservations of host-local",
				   walk->unknown, walk->reserved);
	return -1;
}

static int choose(const struct pool *pool, const struct range_set *set, struct alloc_queue *queue,
		  struct ipaddr *addr_out, struct err *err)
{
	const struct ipaddr none = { .family = AF_UNSPEC };
	struct walk walk = { .pool = pool, .set = set };
	struct ipaddr addr;
	int found = choose_above(&walk, &queue->last, &addr, err);

	if (found == 0) {
		found = choose_released(&walk, queue, addr_out, err);
		if (found != 0)
			return found < 0 ? -1 : 0;
		walk.unknown = walk.reserved = 0; /* counted again from the start */
		found = choose_above(&walk, &none, &addr, err);
	}
	if (found <= 0)
		return found < 0 ? -1 : set_full_error(&walk, err);
	queue->last = addr;
	*addr_out = addr;
	return 0;
}

static int choose_wanted(const struct pool *pool, const struct ipaddr *wanted, struct err *err)
{
	struct walk walk = { .pool = pool };
	char text[IPADDR_TEXT_SIZE];
	int available = is_free(&walk, wanted, err);

	if (available == 0)
		return err_set(err, ERR_ADDRESS, "requested address %s is in use",
			       ipaddr_text(wanted, text));
	return available < 0 ? -1 : 0;
}

/* ---- Acquiring and releasing -------------------------------------------------------------- */

static int acquire(const struct pool *pool, const struct ipaddr *addr, struct err *err)
{
	char name[IPADDR_TEXT_SIZE];

	if (symlinkat(pool->target, pool->dir_fd, ipaddr_text(addr, name)) < 0)
		return err_sys(err, ERR_IO, errno, "cannot acquire address %s", name);
	return 0;
}

int pool_acquire(const struct attachment_lock *lock, const struct pool_choice choices[], size_t len,
		 const char *host_local_dir, struct attachment *record, struct err *err)
{
	AUTO(pool) struct pool pool = POOL_INIT;
	struct alloc_queue queues[ATTACHMENT_ADDRESSES];
	AUTO(close) int lock_fd = -1;

	if (pool_open_for(lock, true, &pool, err) < 0 ||
	    host_local_open(host_local_dir, &pool.host_local, err) < 0 ||
	    take_lock(&pool, lock, &lock_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		const struct ipaddr *wanted = &choices[i].wanted;

		record->addresses[i] = *wanted;
		queues[i] = alloc_queue_read(lock_fd, false, choices[i].set.at[0].first.family);
		if ((ipaddr_is_set(wanted) ? choose_wanted(&pool, wanted, err) :
					     choose(&pool, &choices[i].set, &queues[i],
						    &record->addresses[i], err)) < 0)
			return -1;
	}
	record->address_len = len;
	attachment_derive_mac(record);
	if (attachment_write(lock, record, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (acquire(&pool, &record->addresses[i], err) < 0)
			return -1;
		alloc_queue_write(&queues[i]);
	}
	return 0;
}

/* A pool that is only read: its directory, and the queue of the set's family. 1 / 0 / -1. */
static int open_to_read(const char *run_dir, const char *network, const struct range_set *set,
			struct pool *pool, int *lock_fd, struct alloc_queue *queue, struct err *err)
{
	static const char no_record[ATTACHMENT_NAME_SIZE] = "0000000000000000";
	struct err ignored = ERR_INIT;
	int found = pool_open(run_dir, network, no_record, false, pool, err);

	if (found > 0)
		/* Absent or unreadable: an empty queue. */
		(void)fs_open(pool->dir_fd, LOCK_FILE, lock_fd, &ignored);
	if (found >= 0)
		*queue = alloc_queue_read(*lock_fd, true, set->at[0].first.family);
	return found;
}

int pool_next(const char *run_dir, const char *network, const struct range_set *set,
	      const char *host_local_dir, struct ipaddr *next_out, struct err *err)
{
	const struct ipaddr none = { .family = AF_UNSPEC };
	AUTO(pool) struct pool pool = POOL_INIT;
	AUTO(close) int lock_fd = -1;
	struct alloc_queue queue;
	int found = open_to_read(run_dir, network, set, &pool, &lock_fd, &queue, err);

	if (found == 0)
		(void)range_set_next(set, &none, next_out);
	if (found <= 0)
		return found;
	if (host_local_open(host_local_dir, &pool.host_local, err) < 0)
		return -1;
	return choose(&pool, set, &queue, next_out, err);
}

int pool_check_free(const char *run_dir, const char *network, const struct range_set *set,
		    const char *host_local_dir, struct err *err)
{
	struct ipaddr unused;

	return pool_next(run_dir, network, set, host_local_dir, &unused, err);
}

int pool_released(const char *run_dir, const char *network, const struct range_set *set,
		  uint64_t *count_out, struct err *err)
{
	AUTO(pool) struct pool pool = POOL_INIT;
	AUTO(close) int lock_fd = -1;
	struct walk walk = { .pool = &pool, .set = set };
	struct alloc_queue queue;
	int found = open_to_read(run_dir, network, set, &pool, &lock_fd, &queue, err);
	uint64_t count = 0;

	if (found < 0)
		return -1;
	for (uint64_t n = queue.head; found && n < queue.tail; n++) {
		struct ipaddr addr;
		int is;

		if (!alloc_queue_at(&queue, n, &addr) || !range_set_has(set, &addr))
			continue;
		is = is_free(&walk, &addr, err);
		if (is < 0)
			return -1;
		count += (uint64_t)is;
	}
	*count_out = count;
	return 0;
}

int pool_count(const char *run_dir, const char *network, size_t used_out[static FAMILIES],
	       struct err *err)
{
	size_t used[FAMILIES] = { 0 };
	AUTO(close) int dir_fd = -1;
	int found = state_open_dir(run_dir, STATE_IPAM, network, false, &dir_fd, err);
	const struct dirent *entry;
	struct err unused;
	struct ipaddr addr;
	DIR *dir;

	if (found < 0)
		return -1;
	dir = found ? fs_list(&dir_fd, network, err) : NULL;
	if (found && !dir)
		return -1;
	while (dir && (entry = readdir(dir)))
		if (ipaddr_parse(entry->d_name, &addr, &unused) == 0)
			used[ipaddr_family(&addr)]++;
	if (dir)
		closedir(dir);
	memcpy(used_out, used, sizeof(used));
	return 0;
}

/* lock_fd: of the pool, or -1. The queue is written before the address becomes free. */
static int release(const struct pool *pool, int lock_fd, const struct ipaddr *addr, struct err *err)
{
	char name[IPADDR_TEXT_SIZE];
	enum holder holder;
	struct alloc_queue queue;

	if (read_holder(pool, ipaddr_text(addr, name), &holder, err) < 0)
		return -1;
	if (holder != HOLDER_SELF)
		return 0;
	if (lock_fd >= 0) {
		queue = alloc_queue_read(lock_fd, false, addr->family);
		alloc_queue_append(&queue, addr);
		alloc_queue_write(&queue);
	}
	return fs_unlink(pool->dir_fd, name, err) < 0 ? -1 : 0;
}

int pool_release(const struct attachment_lock *lock, const struct attachment *record,
		 struct err *err)
{
	AUTO(pool) struct pool pool = POOL_INIT;
	AUTO(close) int lock_fd = -1;
	int found = pool_open_for(lock, false, &pool, err);

	if (found <= 0 || record->address_len == 0)
		return found < 0 ? -1 : 0;
	if (take_release_lock(&pool, lock, &lock_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < record->address_len; i++) {
		if (release(&pool, lock_fd, &record->addresses[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A directory stream of the pool, the caller's; NULL with err set. */
static DIR *list(const struct pool *pool, struct err *err)
{
	int fd = openat(pool->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		err_sys(err, ERR_IO, errno, "cannot list the addresses in use");
		return NULL;
	}
	return fs_list(&fd, "the addresses in use", err);
}

/* The record that an entry leads to; NULL: the entry is gone or not created by weft. */
static const char *record_of(const struct pool *pool, const char *name,
			     char target[static TARGET_SIZE], bool *gone_out)
{
	ssize_t size = readlinkat(pool->dir_fd, name, target, TARGET_SIZE - 1);

	*gone_out = size < 0 && errno == ENOENT;
	if (size < 0)
		return NULL;
	target[size] = '\0';
	if (strlen(target) != strlen(pool->target) ||
	    strncmp(target, pool->target, pool->stem_len) != 0)
		return NULL;
	return target + pool->stem_len;
}

int pool_each(const char *run_dir, const char *network, pool_visit_fn *visit, void *ctx,
	      struct err *err)
{
	static const char no_record[ATTACHMENT_NAME_SIZE] = "0000000000000000";
	AUTO(pool) struct pool pool = POOL_INIT;
	int found = pool_open(run_dir, network, no_record, false, &pool, err);
	const struct dirent *entry;
	int result = 0;
	DIR *dir;

	if (found <= 0)
		return found;
	dir = list(&pool, err);
	if (!dir)
		return -1;
	while (result == 0 && (entry = readdir(dir))) {
		char target[TARGET_SIZE];
		struct err unused = ERR_INIT;
		struct ipaddr addr;
		const char *record;
		bool gone;

		if (ipaddr_parse(entry->d_name, &addr, &unused) < 0)
			continue;
		record = record_of(&pool, entry->d_name, target, &gone);
		if (!gone)
			result = visit(ctx, &addr, record, err);
	}
	closedir(dir);
	return result;
}

int pool_release_all(const struct attachment_lock *lock, struct err *err)
{
	AUTO(pool) struct pool pool = POOL_INIT;
	AUTO(close) int lock_fd = -1;
	int found = pool_open_for(lock, false, &pool, err);
	const struct dirent *entry;
	int result = 0;
	DIR *dir;

	if (found <= 0)
		return found;
	if (take_release_lock(&pool, lock, &lock_fd, err) < 0)
		return -1;
	dir = list(&pool, err);
	if (!dir)
		return -1;
	while (result == 0 && (entry = readdir(dir))) {
		struct err unused = ERR_INIT;
		struct ipaddr addr;

		if (ipaddr_parse(entry->d_name, &addr, &unused) == 0)
			result = release(&pool, lock_fd, &addr, err);
	}
	closedir(dir);
	return result;
}

int pool_holds(const struct attachment_lock *lock, const struct ipaddr *addr, struct err *err)
{
	AUTO(pool) struct pool pool = POOL_INIT;
	int found = pool_open_for(lock, false, &pool, err);
	char name[IPADDR_TEXT_SIZE];
	enum holder holder;

	if (found <= 0)
		return found;
	if (read_holder(&pool, ipaddr_text(addr, name), &holder, err) < 0)
		return -1;
	return holder == HOLDER_SELF;
}
