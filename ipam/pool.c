/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/pool.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/state.h"
#include "ipam/order.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOCK_FILE "lock"
#define TARGET_SIZE (sizeof("../../" STATE_ATTACHMENTS "//") + STATE_NETWORK_NAME_SIZE + 16)

/* What an address's entry says. */
enum holder { HOLDER_NONE, HOLDER_SELF, HOLDER_OTHER, HOLDER_UNKNOWN };

/* The open directory, and what an entry of this network looks like. */
struct pool {
	int dir_fd;
	char target[TARGET_SIZE]; /* of this attachment's entries */
	size_t stem_len;          /* the part of target that all entries have in common */
};

#define AUTO_POOL __attribute__((cleanup(pool_close)))

static void pool_close(struct pool *pool)
{
	if (pool->dir_fd >= 0)
		close(pool->dir_fd);
}

/* 1 opened, 0 there is no such directory, -1 failed. record: the name of the attachment's. */
static int pool_open(const char *run_dir, const char *network, const char *record, bool make,
		     struct pool *pool, struct err *err)
{
	int stem = snprintf(pool->target, sizeof(pool->target), "../../" STATE_ATTACHMENTS "/%s/",
			    network);

	pool->stem_len = (size_t)stem;
	snprintf(pool->target + stem, sizeof(pool->target) - (size_t)stem, "%s", record);
	return state_open_dir(run_dir, STATE_IPAM, network, make, &pool->dir_fd, err);
}

static int pool_open_for(const struct attachment_lock *lock, bool make, struct pool *pool,
			 struct err *err)
{
	return pool_open(lock->run_dir, lock->network, lock->name, make, pool, err);
}

/* 0 with the holder in *holder_out, or -1. */
static int look(const struct pool *pool, const char *name, enum holder *holder_out, struct err *err)
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

/* What a walk over entries has met. */
struct walk {
	const struct pool *pool;
	const struct range_set *set;
	uint64_t unknown;
};

/* 1 free, 0 not, -1. */
static int is_free(struct walk *walk, const struct ipaddr *addr, struct err *err)
{
	char name[IPADDR_TEXT_SIZE];
	enum holder holder;

	if (look(walk->pool, ipaddr_text(addr, name), &holder, err) < 0)
		return -1;
	if (holder == HOLDER_UNKNOWN) {
		log_warn("address entry is not weft's, not given", "address", name);
		walk->unknown++;
	}
	return holder == HOLDER_NONE;
}

/* The lowest free one above from. 1 / 0 / -1. */
static int choose_above(struct walk *walk, const struct ipaddr *from, struct ipaddr *addr_out,
			struct err *err)
{
	struct ipaddr addr = *from;
	int answer = 0;

	while (answer == 0 && range_set_next(walk->set, &addr, &addr))
		answer = is_free(walk, &addr, err);
	if (answer > 0)
		*addr_out = addr;
	return answer;
}

/* The one that rests longest; those that are in use were asked for by name. 1 / 0 / -1. */
static int choose_rested(struct walk *walk, struct order *order, struct ipaddr *addr_out,
			 struct err *err)
{
	int answer = 0;

	for (uint64_t n = order->head; answer == 0 && n < order->tail; n++) {
		struct ipaddr addr;

		if (!order_at(order, n, &addr)) {
			if (n == order->head)
				order->head++;
			continue;
		}
		if (!range_set_has(walk->set, &addr))
			continue;
		answer = is_free(walk, &addr, err);
		if (answer >= 0)
			order_drop(order, n);
		if (answer > 0)
			*addr_out = addr;
	}
	return answer;
}

static int say_full(const struct walk *walk, struct err *err)
{
	char text[RANGE_TEXT_SIZE];

	err_set(err, ERR_POOL_FULL, "no free address in %s: all %" PRIu64 " are in use",
		range_set_text(walk->set, text), range_set_size(walk->set));
	return walk->unknown ? err_details(err, "%" PRIu64 " of the entries are not weft's",
					   walk->unknown) :
			       -1;
}

static int choose(const struct pool *pool, const struct range_set *set, struct order *order,
		  struct ipaddr *addr_out, struct err *err)
{
	const struct ipaddr none = { .family = AF_UNSPEC };
	struct walk walk = { .pool = pool, .set = set };
	struct ipaddr addr;
	int found = choose_above(&walk, &order->last, &addr, err);

	if (found == 0) {
		found = choose_rested(&walk, order, addr_out, err);
		if (found != 0)
			return found < 0 ? -1 : 0;
		walk.unknown = 0; /* the walk from the start meets them again */
		found = choose_above(&walk, &none, &addr, err);
	}
	if (found <= 0)
		return found < 0 ? -1 : say_full(&walk, err);
	order->last = addr;
	*addr_out = addr;
	return 0;
}

static int choose_wanted(const struct pool *pool, const struct ipaddr *wanted, struct err *err)
{
	struct walk walk = { .pool = pool };
	char text[IPADDR_TEXT_SIZE];
	int answer = is_free(&walk, wanted, err);

	if (answer == 0)
		return err_set(err, ERR_ADDRESS, "address %s, which was asked for, is in use",
			       ipaddr_text(wanted, text));
	return answer < 0 ? -1 : 0;
}

/* ---- Taking and giving back --------------------------------------------------------------- */

static int take(const struct pool *pool, const struct ipaddr *addr, struct err *err)
{
	char name[IPADDR_TEXT_SIZE];

	if (symlinkat(pool->target, pool->dir_fd, ipaddr_text(addr, name)) < 0)
		return err_sys(err, ERR_IO, errno, "cannot take address %s", name);
	return 0;
}

int pool_take(const struct attachment_lock *lock, const struct pool_choice choices[], size_t len,
	      struct attachment *record, struct err *err)
{
	AUTO_POOL struct pool pool = { .dir_fd = -1 };
	struct order orders[ATTACHMENT_ADDRESSES];
	AUTO_CLOSE int lock_fd = -1;

	if (pool_open_for(lock, true, &pool, err) < 0 ||
	    fs_lock(pool.dir_fd, LOCK_FILE, &lock_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		const struct ipaddr *wanted = &choices[i].wanted;

		record->addresses[i] = *wanted;
		orders[i] = order_read(lock_fd, false, choices[i].set.at[0].first.family);
		if ((ipaddr_is_set(wanted) ? choose_wanted(&pool, wanted, err) :
					     choose(&pool, &choices[i].set, &orders[i],
						    &record->addresses[i], err)) < 0)
			return -1;
	}
	record->address_len = len;
	if (attachment_write(lock, record, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (take(&pool, &record->addresses[i], err) < 0)
			return -1;
		order_write(&orders[i]);
	}
	return 0;
}

int pool_check_room(const char *run_dir, const char *network, const struct range_set *set,
		    struct err *err)
{
	static const char nobody[ATTACHMENT_NAME_SIZE] = "0000000000000000";
	AUTO_POOL struct pool pool = { .dir_fd = -1 };
	AUTO_CLOSE int lock_fd = -1;
	int found = pool_open(run_dir, network, nobody, false, &pool, err);
	struct ipaddr unused;
	struct order order;

	if (found <= 0)
		return found;
	lock_fd = openat(pool.dir_fd, LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	order = order_read(lock_fd, true, set->at[0].first.family);
	return choose(&pool, set, &order, &unused, err);
}

/* Under the pool's lock: the order is noted before the address is free. */
static int release(const struct pool *pool, int lock_fd, const struct ipaddr *addr, struct err *err)
{
	char name[IPADDR_TEXT_SIZE];
	enum holder holder;
	struct order order;

	if (look(pool, ipaddr_text(addr, name), &holder, err) < 0)
		return -1;
	if (holder != HOLDER_SELF)
		return 0;
	order = order_read(lock_fd, false, addr->family);
	order_append(&order, addr);
	order_write(&order);
	return fs_unlink(pool->dir_fd, name, err) < 0 ? -1 : 0;
}

int pool_release(const struct attachment_lock *lock, const struct attachment *record,
		 struct err *err)
{
	AUTO_POOL struct pool pool = { .dir_fd = -1 };
	AUTO_CLOSE int lock_fd = -1;
	int found = pool_open_for(lock, false, &pool, err);

	if (found <= 0 || record->address_len == 0)
		return found < 0 ? -1 : 0;
	if (fs_lock(pool.dir_fd, LOCK_FILE, &lock_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < record->address_len; i++) {
		if (release(&pool, lock_fd, &record->addresses[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A stream of its own on the pool's directory; NULL with the error set. */
static DIR *list(const struct pool *pool, struct err *err)
{
	AUTO_CLOSE int fd = openat(pool->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		err_sys(err, ERR_IO, errno, "cannot list the addresses in use");
		return NULL;
	}
	(void)take_fd(&fd); /* the stream's now */
	return dir;
}

int pool_release_all(const struct attachment_lock *lock, struct err *err)
{
	AUTO_POOL struct pool pool = { .dir_fd = -1 };
	AUTO_CLOSE int lock_fd = -1;
	int found = pool_open_for(lock, false, &pool, err);
	const struct dirent *entry;
	int result = 0;
	DIR *dir;

	if (found <= 0)
		return found;
	if (fs_lock(pool.dir_fd, LOCK_FILE, &lock_fd, err) < 0)
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
	AUTO_POOL struct pool pool = { .dir_fd = -1 };
	int found = pool_open_for(lock, false, &pool, err);
	char name[IPADDR_TEXT_SIZE];
	enum holder holder;

	if (found <= 0)
		return found;
	if (look(&pool, ipaddr_text(addr, name), &holder, err) < 0)
		return -1;
	return holder == HOLDER_SELF;
}
