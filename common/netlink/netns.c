/* SPDX-License-Identifier: Apache-2.0 */
#include "netns.h"

#include "auto.h"
#include "err.h"
#include "log.h"

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

/* The errnos that say that nothing which could be opened lies at a path. */
static bool is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ESRCH;
}

/*
 * What lies at a path is somebody else's affair, a record's of long ago, say: to open a device may
 * do something, and a FIFO's writer notices. So it is looked at first, and then opened by
 * what was looked at.
 */
static int open_nsfs(const char *path, int *fd_out)
{
	AUTO_CLOSE int there = open(path, O_PATH | O_CLOEXEC);
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

int netns_open(const char *path, int *fd_out, struct err *err)
{
	AUTO_CLOSE int fd = -1;
	int found = open_nsfs(path, &fd);

	if (found < 0) {
		err_sys(err, ERR_NETNS, errno, "network namespace %s", path);
		return is_absence(err->sys_errno) ? 0 : -1;
	}
	if (!found || ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
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
		return err_sys(err, ERR_NETNS, errno, "/proc/thread-self/ns/net");
	*fd_out = fd;
	return 0;
}

int netns_identify(int fd, struct netns_id *id_out, struct err *err)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return err_sys(err, ERR_NETNS, errno, "identify a network namespace");
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
	AUTO_CLOSE int fd = -1;
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
		return err_sys(err, ERR_NETNS, errno, "enter a network namespace");
	result = fn(ctx, err);
	if (setns(home, CLONE_NEWNET)) {
		log_error("cannot return to the network namespace that was left", "error",
			  strerrorname_np(errno));
		abort();
	}
	return result;
}
