/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netlink/netns.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#ifndef NS_GET_NSTYPE
#error "linux/nsfs.h without NS_GET_NSTYPE: headers of Linux 4.11 or later are needed"
#endif

/* Whether the errno means that the path is absent. */
static bool is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ESRCH;
}

/*
 * The path is untrusted (it may come from an old record), and opening a device or a FIFO has side
 * effects. So O_PATH and the file system type come first, then the open through that descriptor.
 * 1 opened, 0 not nsfs, -1 with errno.
 */
static int open_nsfs(const char *path, int *fd_out)
{
	AUTO(close) int there = open(path, O_PATH | O_CLOEXEC);
	char self[64];
	struct statfs fs;
	int fd;

	if (there < 0 || fstatfs(there, &fs) < 0)
		return -1;
	if (fs.f_type != NSFS_MAGIC)
		return 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", there);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	*fd_out = fd;
	return 1;
}

/*
 * 1 / 0 / -1 with errno. An emulator that does not know the request returns ENOSYS (qemu-user):
 * setns(2) checks the type, too.
 */
static int is_network(int fd)
{
	int type = ioctl(fd, NS_GET_NSTYPE);

	if (type < 0)
		return errno == ENOSYS ? 1 : -1;
	return type == CLONE_NEWNET;
}

int netns_open(const char *path, int *fd_out, struct err *err)
{
	AUTO(close) int fd = -1;
	int found = open_nsfs(path, &fd);

	if (found > 0)
		found = is_network(fd);
	if (found < 0) {
		err_sys(err, ERR_NETNS, errno, "network namespace %s", path);
		return is_absence(err->sys_errno) ? 0 : -1;
	}
	if (!found) {
		err_set(err, ERR_NETNS, "%s is not a network namespace", path);
		return 0;
	}
	*fd_out = take_fd(&fd);
	return 1;
}

int netns_open_self(int *fd_out, struct err *err)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_NETNS, errno, "cannot open /proc/thread-self/ns/net");
	*fd_out = fd;
	return 0;
}

int netns_identify(int fd, struct netns_id *id_out, struct err *err)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return err_sys(err, ERR_NETNS, errno, "cannot identify a network namespace");
	id_out->device = stat.st_dev;
	id_out->inode = stat.st_ino;
	return 0;
}

bool netns_same(const struct netns_id *a, const struct netns_id *b)
{
	return a->device == b->device && a->inode == b->inode;
}

int netns_leads_to(const char *path, const struct netns_id *id)
{
	AUTO(close) int fd = -1;
	struct err unused = ERR_INIT;
	struct netns_id there;
	int found = netns_open(path, &fd, &unused);

	if (found <= 0)
		return found;
	return netns_identify(fd, &there, &unused) < 0 ? -1 : netns_same(&there, id);
}

int netns_run(int fd, int home, int (*fn)(void *ctx, struct err *err), void *ctx, struct err *err)
{
	int result;

	if (setns(fd, CLONE_NEWNET))
		return err_sys(err, ERR_NETNS, errno, "cannot enter a network namespace");
	result = fn(ctx, err);
	if (setns(home, CLONE_NEWNET)) {
		log_error("cannot return to the original network namespace", "error",
			  strerrorname_np(errno));
		abort();
	}
	return result;
}
