/* SPDX-License-Identifier: Apache-2.0 */
#include "netns.h"

#include "auto.h"
#include "err.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#ifndef NS_GET_NSTYPE
#error "linux/nsfs.h without NS_GET_NSTYPE: headers of Linux 4.11 or later are needed"
#endif

/* The errnos that say that nothing which could be opened lies at a path. */
static bool is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ESRCH || error == ENXIO;
}

int netns_open(const char *path, int *fd_out, struct err *err)
{
	/* O_NONBLOCK: a FIFO left in the place of the namespace would hold us up for ever. */
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		err_sys(err, ERR_NETNS, errno, "network namespace %s", path);
		return is_absence(err->sys_errno) ? 0 : -1;
	}
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
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
