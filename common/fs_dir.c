/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs_dir.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIR_MODE 0755
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define LINKS_MAX 40 /* as the kernel's limit */

static int open_error(const char *path, int sys_errno, struct err *err)
{
	return err_sys(err, ERR_IO, sys_errno, "cannot open directory %s", path);
}

/*
 * openat2(2) since Linux 5.6. Older kernels return ENOSYS, seccomp filters that do not know it
 * EPERM: *unsupported_out.
 */
static int open_resolving(int dir_fd, const char *path, int flags, unsigned resolve,
			  bool *unsupported_out)
{
	const struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC, .resolve = resolve };
	int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

	*unsupported_out = fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN);
	return fd;
}

/*
 * Copies the first component of *path, which is advanced past it and its slashes. Returns its
 * length; 0: no more, or too long.
 */
static size_t next_component(const char **path, char name[static FS_PATH_SIZE])
{
	size_t len;

	*path += strspn(*path, "/");
	len = strcspn(*path, "/");
	if (len >= FS_PATH_SIZE)
		return 0;
	memcpy(name, *path, len);
	name[len] = '\0';
	*path += len;
	*path += strspn(*path, "/");
	return len;
}

/* ---- Below a directory -------------------------------------------------------------------- */

/* A link is ELOOP, as with openat2(2): openat(2) returns ENOTDIR for one with O_DIRECTORY. */
static int open_nofollow(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 && errno == ENOTDIR) {
		bool link = fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			    S_ISLNK(st.st_mode);

		errno = link ? ELOOP : ENOTDIR;
	}
	return fd;
}

static int open_stepwise(int dir_fd, const char *path, int flags)
{
	AUTO(close) int above = -1;
	char name[FS_PATH_SIZE];

	for (;;) {
		int fd, from = above < 0 ? dir_fd : above;

		if (!next_component(&path, name)) {
			errno = ENOENT;
			return -1;
		}
		if (!*path)
			return open_nofollow(from, name, flags);
		fd = open_nofollow(from, name, O_PATH | O_DIRECTORY);
		if (fd < 0)
			return -1;
		auto_close(&above);
		above = fd;
	}
}

int fs_open_beneath(int dir_fd, const char *path, int flags)
{
	bool unsupported = true;
	int fd = -1;

	if (!strchr(path, '/'))
		return open_nofollow(dir_fd, path, flags);
	/* Without O_NOFOLLOW, which would make a link at the end ENOTDIR, too. */
	fd = open_resolving(dir_fd, path, flags, RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
			    &unsupported);
	return unsupported ? open_stepwise(dir_fd, path, flags) : fd;
}

void fs_adopt(int dir_fd, int fd, const struct stat *made)
{
	struct stat dir;

	if (made->st_uid == 0 && fstat(dir_fd, &dir) == 0 && dir.st_uid != 0)
		(void)!fchown(fd, dir.st_uid, dir.st_gid);
}

/* 1 / -1. */
static int make_beneath(int dir_fd, const char *path, int *fd_out, struct err *err)
{
	const char *rest = path;
	AUTO(close) int above = -1;
	char name[FS_PATH_SIZE];

	while (next_component(&rest, name)) {
		int fd, from = above < 0 ? dir_fd : above;
		struct stat made;

		if (mkdirat(from, name, DIR_MODE) < 0 && errno != EEXIST)
			return err_sys(err, ERR_IO, errno, "cannot create directory %s", path);
		fd = open_nofollow(from, name, DIR_FLAGS);
		if (fd < 0)
			return open_error(path, errno, err);
		if (fstat(fd, &made) == 0)
			fs_adopt(from, fd, &made);
		auto_close(&above);
		above = fd;
	}
	*fd_out = take_fd(&above);
	return 1;
}

/* Whether fd is a directory of root below one that is not: an interrupted make_beneath. */
static bool is_unadopted(int dir_fd, int fd)
{
	struct stat made, dir;

	return fstat(fd, &made) == 0 && made.st_uid == 0 && fstat(dir_fd, &dir) == 0 &&
	       dir.st_uid != 0;
}

int fs_open_dir_in(int dir_fd, const char *path, bool make, int *fd_out, struct err *err)
{
	AUTO(close) int fd = fs_open_beneath(dir_fd, path, DIR_FLAGS);

	if (fd < 0 && errno == ENOENT)
		return make ? make_beneath(dir_fd, path, fd_out, err) : 0;
	if (fd < 0)
		return open_error(path, errno, err);
	if (make && is_unadopted(dir_fd, fd))
		return make_beneath(dir_fd, path, fd_out, err);
	*fd_out = take_fd(&fd);
	return 1;
}

/* ---- By path ------------------------------------------------------------------------------ */

/* A path that is resolved component by component. */
struct walk {
	const char *path; /* for errors */
	bool make;
	int fd;                  /* the directory reached so far */
	char rest[FS_PATH_SIZE]; /* what remains to be resolved */
	unsigned links;
};

static void walk_close(struct walk *walk)
{
	auto_close(&walk->fd);
}
AUTO_DEFINE_VALUE(walk, struct walk, walk_close);

static int move_to(struct walk *walk, int fd)
{
	auto_close(&walk->fd);
	walk->fd = fd;
	return fd < 0 ? -1 : 0;
}

static int start_at(struct walk *walk, const char *path)
{
	return move_to(walk, open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Only root can have made a link of root in a directory of root that no other user may change. */
static bool is_trusted(const struct walk *walk, const struct stat *link)
{
	struct stat dir;

	if (geteuid() != 0)
		return true;
	return link->st_uid == 0 && fstat(walk->fd, &dir) == 0 && dir.st_uid == 0 &&
	       (!(dir.st_mode & (S_IWGRP | S_IWOTH)) || (dir.st_mode & S_ISVTX));
}

/* Puts the link's target in front of the rest. */
static int follow(struct walk *walk, int link_fd, const struct stat *link, struct err *err)
{
	char target[FS_PATH_SIZE], joined[FS_PATH_SIZE];
	ssize_t len;

	if (!is_trusted(walk, link))
		return err_set(err, ERR_IO,
			       "cannot open directory %s: it contains a symbolic link that a user "
			       "other than root can change",
			       walk->path);
	len = readlinkat(link_fd, "", target, sizeof(target) - 1);
	if (len < 0 || ++walk->links > LINKS_MAX)
		return open_error(walk->path, len < 0 ? errno : ELOOP, err);
	target[len] = '\0';
	if (fs_join(joined, target, walk->rest, err) < 0)
		return -1;
	memcpy(walk->rest, joined, sizeof(joined));
	if (*target == '/' && start_at(walk, target) < 0)
		return open_error(walk->path, errno, err);
	return 0;
}

/* Opens one component, created if absent and wanted. Returns 1, 0 absent, -1. */
static int open_component(const struct walk *walk, const char *name, int *fd_out, struct err *err)
{
	const int how = O_PATH | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(walk->fd, name, how);

	if (fd < 0 && errno == ENOENT && walk->make) {
		if (mkdirat(walk->fd, name, DIR_MODE) < 0 && errno != EEXIST)
			return err_sys(err, ERR_IO, errno, "cannot create directory %s",
				       walk->path);
		fd = openat(walk->fd, name, how);
	}
	if (fd < 0)
		return errno == ENOENT && !walk->make ? 0 : open_error(walk->path, errno, err);
	*fd_out = fd;
	return 1;
}

/* 1, 0 absent, -1. */
static int step(struct walk *walk, const char *name, struct err *err)
{
	AUTO(close) int fd = -1;
	struct stat is;
	int found = open_component(walk, name, &fd, err);

	if (found <= 0)
		return found;
	if (fstat(fd, &is) < 0)
		return open_error(walk->path, errno, err);
	if (S_ISLNK(is.st_mode))
		return follow(walk, fd, &is, err) < 0 ? -1 : 1;
	if (!S_ISDIR(is.st_mode))
		return open_error(walk->path, ENOTDIR, err);
	(void)move_to(walk, take_fd(&fd));
	return 1;
}

/* Checks each symbolic link. 1, 0 absent, -1. */
static int open_walking(const char *path, bool make, int *fd_out, struct err *err)
{
	AUTO(walk) struct walk walk = { .path = path, .make = make, .fd = -1 };
	char name[FS_PATH_SIZE];

	if (!*path || snprintf(walk.rest, sizeof(walk.rest), "%s", path) >= FS_PATH_SIZE)
		return open_error(path, *path ? ENAMETOOLONG : ENOENT, err);
	if (start_at(&walk, path) < 0)
		return open_error(path, errno, err);
	for (;;) {
		const char *rest = walk.rest;
		size_t len = next_component(&rest, name);
		int found;

		if (len == 0)
			break;
		memmove(walk.rest, rest, strlen(rest) + 1);
		found = step(&walk, name, err);
		if (found <= 0)
			return found;
	}
	*fd_out = openat(walk.fd, ".", DIR_FLAGS);
	return *fd_out < 0 ? open_error(path, errno, err) : 1;
}

int fs_open_dir(const char *path, bool make, int *fd_out, struct err *err)
{
	bool unsupported;
	int fd = open_resolving(AT_FDCWD, path, DIR_FLAGS, RESOLVE_NO_SYMLINKS, &unsupported);

	if (fd < 0 && (unsupported || errno == ELOOP || (errno == ENOENT && make)))
		return open_walking(path, make, fd_out, err);
	if (fd < 0)
		return errno == ENOENT ? 0 : open_error(path, errno, err);
	*fd_out = fd;
	return 1;
}

int fs_open_subdir(const char *path, const char *below, bool make, int *fd_out, struct err *err)
{
	AUTO(close) int fd = -1;
	int found = fs_open_dir(path, make, &fd, err);

	if (found <= 0)
		return found;
	found = fs_open_dir_in(fd, below, make, fd_out, err);
	return found < 0 ? err_wrap(err, "%s", path) : found;
}

int fs_open_parent(const char *path, bool make, int *fd_out, const char **name_out, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char dir[FS_PATH_SIZE];
	int found;

	if (snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		     slash ? path : ".") >= FS_PATH_SIZE)
		return open_error(path, ENAMETOOLONG, err);
	found = fs_open_dir(dir, make, fd_out, err);
	if (found > 0)
		*name_out = slash ? slash + 1 : path;
	return found;
}

DIR *fs_list(int *fd, const char *name, struct err *err)
{
	DIR *dir = fdopendir(*fd);

	if (dir)
		(void)take_fd(fd); /* owned by the stream */
	else
		err_sys(err, ERR_IO, errno, "cannot list %s", name);
	auto_close(fd);
	*fd = -1;
	return dir;
}
