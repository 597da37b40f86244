/* SPDX-License-Identifier: Apache-2.0 */
#include "legacy_kernel.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

#define TABLE "filter"
#define NAMES_SIZE 1024 /* some six names of 32 bytes */
#define LOCK "/run/xtables.lock"
#define LOCK_TRIES 10
#define LOCK_PAUSE_MS 10
#define TRIES 5 /* while others change the table, too */

/* What is said of one family's is true of the other's. */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo) &&
		       offsetof(struct ipt_get_entries, entrytable) ==
			       offsetof(struct ip6t_get_entries, entrytable) &&
		       offsetof(struct ipt_replace, entries) ==
			       offsetof(struct ip6t_replace, entries) &&
		       NF_INET_NUMHOOKS == LEGACY_HOOKS,
	       "one form for both");

static const struct {
	const char *names;
	int domain, level;
	int info, entries, replace, counters, match;
} families[FAMILIES] = {
	[FAMILY_V4] = { "/proc/net/ip_tables_names", AF_INET, IPPROTO_IP, IPT_SO_GET_INFO,
			IPT_SO_GET_ENTRIES, IPT_SO_SET_REPLACE, IPT_SO_SET_ADD_COUNTERS,
			IPT_SO_GET_REVISION_MATCH },
	[FAMILY_V6] = { "/proc/net/ip6_tables_names", AF_INET6, IPPROTO_IPV6, IP6T_SO_GET_INFO,
			IP6T_SO_GET_ENTRIES, IP6T_SO_SET_REPLACE, IP6T_SO_SET_ADD_COUNTERS,
			IP6T_SO_GET_REVISION_MATCH },
};

enum answer { UNKNOWN, YES, NO };

struct legacy {
	int names_fd[FAMILIES], lock_fd; /* -1: not open */
	enum answer comment[FAMILIES];   /* does the kernel know that match? */
};

/* ---- Sight ------------------------------------------------------------------------------- */

static void open_names(struct legacy *legacy, enum family f)
{
	if (legacy->names_fd[f] < 0)
		legacy->names_fd[f] = open(families[f].names, O_RDONLY | O_CLOEXEC);
}

/* Never makes it: iptables does so with the mode that it wants. */
static void open_lock(struct legacy *legacy)
{
	if (legacy->lock_fd < 0)
		legacy->lock_fd = open(LOCK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

int legacy_open(struct legacy **legacy_out, struct err *err)
{
	struct legacy *legacy = calloc(1, sizeof(*legacy));

	if (!legacy)
		return err_nomem(err, "iptables-legacy");
	legacy->lock_fd = -1;
	for (enum family f = 0; f < FAMILIES; f++) {
		legacy->names_fd[f] = -1;
		open_names(legacy, f);
	}
	open_lock(legacy);
	*legacy_out = legacy;
	return 0;
}

void legacy_free(struct legacy *legacy)
{
	if (!legacy)
		return;
	for (enum family f = 0; f < FAMILIES; f++)
		auto_close(&legacy->names_fd[f]);
	auto_close(&legacy->lock_fd);
	free(legacy);
}

/* -1: not open, or open to what is no more, as a module that was unloaded and came back. */
static ssize_t read_names(const struct legacy *legacy, enum family f, char text[static NAMES_SIZE])
{
	int fd = legacy->names_fd[f];

	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return read(fd, text, NAMES_SIZE - 1);
}

enum legacy_sight legacy_sight(struct legacy *legacy, enum family f)
{
	char text[NAMES_SIZE], *rest = NULL;
	ssize_t size = read_names(legacy, f, text);

	if (size < 0) {
		auto_close(&legacy->names_fd[f]);
		legacy->names_fd[f] = -1;
		open_names(legacy, f);
		/* Without the module there is no file, and no table. */
		if (legacy->names_fd[f] < 0)
			return errno == ENOENT ? LEGACY_ABSENT : LEGACY_UNSEEN;
		size = read_names(legacy, f, text);
	}
	if (size < 0)
		return LEGACY_UNSEEN;
	text[size] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (!strcmp(line, TABLE))
			return LEGACY_THERE;
	return LEGACY_ABSENT;
}

/* ---- Reading ----------------------------------------------------------------------------- */

static int failed(enum family f, const char *what, struct err *err)
{
	int number = errno;

	return err_sys(err, number == EAGAIN ? ERR_AGAIN : ERR_KERNEL, number, "%s %s of %s", what,
		       TABLE, legacy_name(f));
}

/* Any UDP socket will do, which CAP_NET_RAW is not needed for. */
static int open_socket(enum family f, int *fd_out, struct err *err)
{
	int fd = socket(families[f].domain, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return failed(f, "ask for", err);
	*fd_out = fd;
	return 0;
}

/* A kernel that does not know it looks for a module each time: once is enough. */
static bool knows_comment(struct legacy *legacy, int fd, enum family f)
{
	struct xt_get_revision revision = { .name = "comment" };
	socklen_t size = sizeof(revision);

	if (legacy->comment[f] == UNKNOWN)
		legacy->comment[f] = getsockopt(fd, families[f].level, families[f].match, &revision,
						&size) == 0 ?
					     YES :
					     NO;
	return legacy->comment[f] == YES;
}

static int read_entries(int fd, enum family f, struct legacy_table *table, struct err *err)
{
	size_t head = offsetof(struct ipt_get_entries, entrytable);
	AUTO_FREE struct ipt_get_entries *get = calloc(1, sizeof(*get) + table->size);
	socklen_t size = (socklen_t)(head + table->size);

	table->entries = malloc(table->size);
	if (!get || !table->entries)
		return err_nomem(err, legacy_name(f));
	memcpy(get->name, TABLE, sizeof(TABLE));
	get->size = table->size;
	if (getsockopt(fd, families[f].level, families[f].entries, get, &size) < 0)
		return failed(f, "read", err);
	if (size != head + table->size)
		return err_set(err, ERR_DECODE, "%s %s: %u bytes were told of %u", legacy_name(f),
			       TABLE, (unsigned)size, (unsigned)table->size);
	memcpy(table->entries, get->entrytable, table->size);
	return 0;
}

static int read_table(int fd, enum family f, struct legacy_table *table_out, struct err *err)
{
	struct ipt_getinfo info = { .name = TABLE };
	struct legacy_table table = { .family = f };
	socklen_t size = sizeof(info);

	if (getsockopt(fd, families[f].level, families[f].info, &info, &size) < 0)
		return failed(f, "ask for", err);
	if (!info.size || info.size > LEGACY_SIZE_MAX)
		return err_set(err, ERR_DECODE, "%s %s: %u bytes", legacy_name(f), TABLE,
			       info.size);
	table.valid_hooks = info.valid_hooks;
	table.len = info.num_entries;
	table.size = info.size;
	memcpy(table.hook_entry, info.hook_entry, sizeof(table.hook_entry));
	memcpy(table.underflow, info.underflow, sizeof(table.underflow));
	if (read_entries(fd, f, &table, err) < 0) {
		legacy_table_free(&table);
		return -1;
	}
	*table_out = table;
	return 0;
}

#define AUTO_TABLE __attribute__((cleanup(legacy_table_free)))
#define AUTO_CHANGE __attribute__((cleanup(legacy_change_free)))

static int find(int fd, enum family f, const struct legacy_want *want, struct legacy_table *table,
		struct legacy_view *view_out, struct err *err)
{
	for (int i = 0; read_table(fd, f, table, err) < 0; i++)
		if (err->code != ERR_AGAIN || i == TRIES)
			return -1;
	return legacy_look(table, want, view_out, err);
}

int legacy_find(struct legacy *legacy, enum family f, const struct legacy_want *want,
		struct legacy_view *view_out, struct err *err)
{
	AUTO_TABLE struct legacy_table table = { .entries = NULL };
	struct legacy_want asked = *want;
	AUTO_CLOSE int fd = -1;

	if (open_socket(f, &fd, err) < 0)
		return -1;
	asked.comment = knows_comment(legacy, fd, f);
	return find(fd, f, &asked, &table, view_out, err);
}

/* ---- Replacing --------------------------------------------------------------------------- */

/* As iptables does: the kernel tells what was counted up to the exchange, and is told it again. */
static int restore(int fd, enum family f, const struct legacy_change *change,
		   const struct xt_counters *before, struct err *err)
{
	size_t size = change->table.len * sizeof(*before);
	AUTO_FREE struct xt_counters_info *info = calloc(1, sizeof(*info) + size);

	if (!info)
		return err_nomem(err, legacy_name(f));
	memcpy(info->name, TABLE, sizeof(TABLE));
	info->num_counters = change->table.len;
	for (uint32_t i = 0; i < change->table.len; i++)
		if (change->from[i] != LEGACY_NONE)
			info->counters[i] = before[change->from[i]];
	if (setsockopt(fd, families[f].level, families[f].counters, info,
		       (socklen_t)(sizeof(*info) + size)) < 0)
		return failed(f, "restore counters in", err);
	return 0;
}

static int replace(int fd, enum family f, const struct legacy_table *have,
		   const struct legacy_change *change, struct err *err)
{
	const struct legacy_table *table = &change->table;
	AUTO_FREE struct xt_counters *before = calloc(have->len, sizeof(*before));
	AUTO_FREE struct ipt_replace *replace = calloc(1, sizeof(*replace) + table->size);
	size_t head = offsetof(struct ipt_replace, entries);

	if (!before || !replace)
		return err_nomem(err, legacy_name(f));
	memcpy(replace->name, TABLE, sizeof(TABLE));
	replace->valid_hooks = table->valid_hooks;
	replace->num_entries = table->len;
	replace->size = table->size;
	memcpy(replace->hook_entry, table->hook_entry, sizeof(replace->hook_entry));
	memcpy(replace->underflow, table->underflow, sizeof(replace->underflow));
	replace->num_counters = have->len;
	replace->counters = before;
	memcpy(replace->entries, table->entries, table->size);
	if (setsockopt(fd, families[f].level, families[f].replace, replace,
		       (socklen_t)(head + table->size)) < 0)
		return failed(f, "change", err);
	return restore(fd, f, change, before, err);
}

/* A node without the lock's file, or where we may not open it: the kernel sees most races. */
static int take_lock(struct legacy *legacy, int *locked_out, struct err *err)
{
	open_lock(legacy);
	if (legacy->lock_fd < 0)
		return 0;
	for (int i = 0; flock(legacy->lock_fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, ERR_IO, errno, LOCK);
		if (i == LOCK_TRIES)
			return err_set(err, ERR_AGAIN,
				       LOCK " is held by somebody who changes iptables-legacy");
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	*locked_out = legacy->lock_fd;
	return 0;
}

static void unlock(const int *fd)
{
	if (*fd >= 0)
		flock(*fd, LOCK_UN);
}

/* One try. What was read before the lock was ours may have changed. */
static int bring(int fd, enum family f, const struct legacy_want *want,
		 struct legacy_view *view_out, struct err *err)
{
	AUTO_TABLE struct legacy_table table = { .entries = NULL };
	AUTO_CHANGE struct legacy_change change = { .from = NULL };

	if (find(fd, f, want, &table, view_out, err) < 0)
		return -1;
	if (view_out->same)
		return 0;
	if (legacy_change(&table, want, &change, err) < 0)
		return -1;
	return replace(fd, f, &table, &change, err);
}

int legacy_set(struct legacy *legacy, enum family f, const struct legacy_want *want,
	       struct legacy_view *view_out, struct err *err)
{
	__attribute__((cleanup(unlock))) int locked = -1;
	AUTO_TABLE struct legacy_table table = { .entries = NULL };
	struct legacy_want asked = *want;
	struct legacy_view view;
	AUTO_CLOSE int fd = -1;

	if (open_socket(f, &fd, err) < 0)
		return -1;
	asked.comment = knows_comment(legacy, fd, f);
	if (find(fd, f, &asked, &table, &view, err) < 0)
		return -1;
	if (!view.same) {
		if (take_lock(legacy, &locked, err) < 0)
			return -1;
		/* EAGAIN: it came to have another number of rules meanwhile. */
		for (int i = 0; bring(fd, f, &asked, &view, err) < 0; i++)
			if (err->code != ERR_AGAIN || i == TRIES)
				return -1;
	}
	*view_out = view;
	return 0;
}
