/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/pool.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "common/state.h"

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

/* 1 opened, 0 there is no such directory, -1 failed. */
static int pool_open(const struct attachment_lock *lock, bool make, struct pool *pool,
		     struct err *err)
{
	int stem = snprintf(pool->target, sizeof(pool->target), "../../" STATE_ATTACHMENTS "/%s/",
			    lock->key->network);

	pool->stem_len = (size_t)stem;
	snprintf(pool->target + stem, sizeof(pool->target) - (size_t)stem, "%s", lock->name);
	return state_open_dir(lock->run_dir, STATE_IPAM, lock->key->network, make, &pool->dir_fd,
			      err);
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

static int choose(const struct pool *pool, const struct range *range, const struct ipaddr *last,
		  struct ipaddr *addr_out, struct err *err)
{
	char subnet[PREFIX_TEXT_SIZE], name[IPADDR_TEXT_SIZE];
	uint64_t size = range_size(range), unknown = 0;
	struct ipaddr addr = *last;
	enum holder holder;

	for (uint64_t i = 0; i < size; i++) {
		addr = range_next(range, &addr);
		if (look(pool, ipaddr_text(&addr, name), &holder, err) < 0)
			return -1;
		if (holder == HOLDER_NONE) {
			*addr_out = addr;
			return 0;
		}
		if (holder == HOLDER_UNKNOWN) {
			log_warn("address entry is not weft's, not given", "address", name);
			unknown++;
		}
	}
	err_set(err, ERR_POOL_FULL, "no free address in %s: all %" PRIu64 " are in use",
		prefix_text(&range->subnet, subnet), size);
	return unknown ? err_details(err, "%" PRIu64 " of the entries are not weft's", unknown) :
			 -1;
}

/* ---- The last addresses given ------------------------------------------------------------ */

#define LAST_SIZE (2 * IPADDR_TEXT_SIZE)

struct last {
	struct ipaddr addrs[ATTACHMENT_ADDRESSES];
};

static struct last read_last(int lock_fd)
{
	struct last last = { { { .family = AF_UNSPEC } } };
	char text[LAST_SIZE] = "", *rest = text;
	ssize_t size = pread(lock_fd, text, sizeof(text) - 1, 0);
	struct err unused = ERR_INIT;
	char *line;

	text[size > 0 ? size : 0] = '\0';
	for (size_t i = 0; i < ATTACHMENT_ADDRESSES && (line = strsep(&rest, "\n")); i++)
		(void)ipaddr_parse(line, &last.addrs[i], &unused);
	return last;
}

/* Best effort: what is lost is the order in which addresses come back. */
static void write_last(int lock_fd, const struct attachment *record)
{
	char text[LAST_SIZE] = "", addr[IPADDR_TEXT_SIZE];
	size_t len = 0;

	for (size_t i = 0; i < record->address_len; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\n",
					ipaddr_text(&record->addresses[i], addr));
	if (pwrite(lock_fd, text, len, 0) != (ssize_t)len || ftruncate(lock_fd, (off_t)len) < 0)
		log_warn("cannot note the last address given", "error", strerrorname_np(errno));
}

/* ---- Taking and giving back --------------------------------------------------------------- */

static int take(const struct pool *pool, const struct ipaddr *addr, struct err *err)
{
	char name[IPADDR_TEXT_SIZE];

	if (symlinkat(pool->target, pool->dir_fd, ipaddr_text(addr, name)) < 0)
		return err_sys(err, ERR_IO, errno, "cannot take address %s", name);
	return 0;
}

int pool_take(const struct attachment_lock *lock, const struct range ranges[], size_t range_len,
	      struct attachment *record, struct err *err)
{
	AUTO_POOL struct pool pool = { .dir_fd = -1 };
	AUTO_CLOSE int lock_fd = -1;
	struct last last;

	if (pool_open(lock, true, &pool, err) < 0 ||
	    fs_lock(pool.dir_fd, LOCK_FILE, &lock_fd, err) < 0)
		return -1;
	last = read_last(lock_fd);
	for (size_t i = 0; i < range_len; i++) {
		if (choose(&pool, &ranges[i], &last.addrs[i], &record->addresses[i], err) < 0)
			return -1;
	}
	record->address_len = range_len;
	if (attachment_write(lock, record, err) < 0)
		return -1;
	for (size_t i = 0; i < range_len; i++) {
		if (take(&pool, &record->addresses[i], err) < 0)
			return -1;
	}
	write_last(lock_fd, record);
	return 0;
}

static int release(const struct pool *pool, const char *name, struct err *err)
{
	enum holder holder;

	if (look(pool, name, &holder, err) < 0)
		return -1;
	return holder == HOLDER_SELF && fs_unlink(pool->dir_fd, name, err) < 0 ? -1 : 0;
}

int pool_release(const struct attachment_lock *lock, const struct attachment *record,
		 struct err *err)
{
	AUTO_POOL struct pool pool = { .dir_fd = -1 };
	char name[IPADDR_TEXT_SIZE];
	int found = pool_open(lock, false, &pool, err);

	for (size_t i = 0; found > 0 && i < record->address_len; i++) {
		if (release(&pool, ipaddr_text(&record->addresses[i], name), err) < 0)
			return -1;
	}
	return found < 0 ? -1 : 0;
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
	int found = pool_open(lock, false, &pool, err);
	const struct dirent *entry;
	int result = 0;
	DIR *dir;

	if (found <= 0)
		return found;
	dir = list(&pool, err);
	if (!dir)
		return -1;
	while (result == 0 && (entry = readdir(dir)))
		result = release(&pool, entry->d_name, err);
	closedir(dir);
	return result;
}

int pool_holds(const struct attachment_lock *lock, const struct ipaddr *addr, struct err *err)
{
	AUTO_POOL struct pool pool = { .dir_fd = -1 };
	int found = pool_open(lock, false, &pool, err);
	char name[IPADDR_TEXT_SIZE];
	enum holder holder;

	if (found <= 0)
		return found;
	if (look(&pool, ipaddr_text(addr, name), &holder, err) < 0)
		return -1;
	return holder == HOLDER_SELF;
}
