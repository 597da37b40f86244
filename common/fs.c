/* SPDX-License-Identifier: Apache-2.0 */
#include "fs.h"

#include "auto.h"
#include "err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_FIRST 4096 /* bytes that most of our files fit into */
#define TEMP_TRIES 16
#define TEMP_ADDED_MIN (sizeof("..1.01234567.tmp") - 1) /* to a name, by temp_open */
#define DIR_MODE 0755

int fs_read_fd(int fd, const char *name, size_t max, char **data_out, size_t *size_out,
	       struct err *err)
{
	AUTO_FREE char *data = NULL;
	size_t room = 0, size = 0;
	ssize_t got;

	do {
		if (size == room) {
			char *grown;

			/* One byte above max, so that a file of just max bytes meets its end. */
			room = room ? room * 2 : READ_FIRST;
			room = room > max ? max + 1 : room;
			grown = realloc(data, room + 1);
			if (!grown)
				return err_nomem(err, name);
			data = grown;
		}
		do
			got = read(fd, data + size, room - size);
		while (got < 0 && errno == EINTR);
		if (got < 0)
			return err_sys(err, ERR_IO, errno, "cannot read %s", name);
		size += (size_t)got;
		if (size > max)
			return err_set(err, ERR_IO, "%s is larger than %zu bytes", name, max);
	} while (got > 0);
	data[size] = '\0';
	*data_out = take_ptr(data);
	*size_out = size;
	return 0;
}

/* 1 opened, 0 absent, -1 failed. */
static int open_regular(int dir_fd, const char *path, int *fd_out, struct err *err)
{
	/* A FIFO in the file's place must not make us wait for its writer. */
	AUTO_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s is not a regular file", path);
	*fd_out = take_fd(&fd);
	return 1;
}

int fs_read(int dir_fd, const char *path, size_t max, char **data_out, size_t *size_out,
	    struct err *err)
{
	AUTO_CLOSE int fd = -1;
	int found = open_regular(dir_fd, path, &fd, err);

	if (found <= 0)
		return found;
	return fs_read_fd(fd, path, max, data_out, size_out, err) < 0 ? -1 : 1;
}

int fs_read_head(int dir_fd, const char *path, char *buf, size_t size, size_t *len_out,
		 struct err *err)
{
	AUTO_CLOSE int fd = -1;
	int found = open_regular(dir_fd, path, &fd, err);
	ssize_t got;

	if (found <= 0)
		return found;
	do
		got = read(fd, buf, size);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", path);
	*len_out = (size_t)got;
	return 1;
}

int fs_write_fd(int fd, const char *name, const void *data, size_t size, struct err *err)
{
	const char *from = data;

	while (size) {
		ssize_t put = write(fd, from, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_sys(err, ERR_IO, errno, "cannot write %s", name);
		from += put;
		size -= (size_t)put;
	}
	return 0;
}

/* A path's directory part, with its slash; empty when it has none. */
static int dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

/*
 * Makes a file beside path, under a name that begins with a dot, so that no
 * reader of the directory takes it for content, and that a process with our
 * number in another PID namespace does not choose as well.
 */
static int temp_open(int dir_fd, const char *path, char temp[static FS_PATH_SIZE], int *fd_out,
		     struct err *err)
{
	int dir = dir_len(path);

	for (int i = 0; i < TEMP_TRIES; i++) {
		uint32_t random;
		int len, fd;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return err_sys(err, ERR_IO, errno, "cannot get random bytes");
		len = snprintf(temp, FS_PATH_SIZE, "%.*s.%s.%d.%08" PRIx32 ".tmp", dir, path,
			       path + dir, (int)getpid(), random);
		if (len >= FS_PATH_SIZE)
			return err_sys(err, ERR_IO, ENAMETOOLONG, "cannot write %s", path);
		fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0) {
			*fd_out = fd;
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return err_sys(err, ERR_IO, errno, "cannot write %s", path);
}

/* The mode to give, and the owner given: of what is in its place, else as it comes. */
static mode_t be_like(int dir_fd, const char *path, int fd, mode_t mode)
{
	struct stat there;

	if (fstatat(dir_fd, path, &there, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(there.st_mode))
		return mode;
	/* Only root may give a file away; the group alone is better than nothing. */
	if (fchown(fd, there.st_uid, there.st_gid) < 0 && fchown(fd, (uid_t)-1, there.st_gid) < 0)
		return mode;
	return there.st_mode & 0777;
}

static int temp_fill(int fd, const char *path, mode_t mode, const void *data, size_t size,
		     unsigned how, struct err *err)
{
	if (fs_write_fd(fd, path, data, size, err) < 0)
		return -1;
	if (fchmod(fd, mode) < 0 || ((how & FS_DURABLE) && fsync(fd) < 0))
		return err_sys(err, ERR_IO, errno, "cannot write %s", path);
	return 0;
}

/* Gives the temporary file its name. It is gone then, or, after a failure, still there. */
static int temp_place(int dir_fd, const char *temp, const char *path, unsigned how, struct err *err)
{
	if (how & FS_NEW) {
		if (linkat(dir_fd, temp, dir_fd, path, 0) < 0)
			return err_sys(err, ERR_IO, errno, "cannot make %s", path);
		unlinkat(dir_fd, temp, 0);
		return 0;
	}
	if (renameat(dir_fd, temp, dir_fd, path) < 0)
		return err_sys(err, ERR_IO, errno, "cannot replace %s", path);
	return 0;
}

static int sync_dir_of(int dir_fd, const char *path, struct err *err)
{
	char dir[FS_PATH_SIZE];
	int len = dir_len(path);

	snprintf(dir, sizeof(dir), "%.*s", len ? len : 1, len ? path : ".");

	AUTO_CLOSE int fd = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, ERR_IO, errno, "cannot sync the directory of %s", path);
	return 0;
}

int fs_write(int dir_fd, const char *path, mode_t mode, const void *data, size_t size, unsigned how,
	     struct err *err)
{
	AUTO_CLOSE int fd = -1;
	char temp[FS_PATH_SIZE];

	if (temp_open(dir_fd, path, temp, &fd, err) < 0)
		return -1;
	if (how & FS_LIKE)
		mode = be_like(dir_fd, path, fd, mode);
	if (temp_fill(fd, path, mode, data, size, how, err) < 0 ||
	    temp_place(dir_fd, temp, path, how, err) < 0) {
		unlinkat(dir_fd, temp, 0);
		return -1;
	}
	return how & FS_DURABLE ? sync_dir_of(dir_fd, path, err) : 0;
}

/*
 * The length of the name that temp_open made this one of, ".<name>.<pid>.<8 hex digits>.tmp";
 * 0: it did not.
 */
static size_t temp_of(const char *name)
{
	static const char end[] = ".tmp";
	size_t len = strlen(name), digits = 0;

	if (name[0] != '.' || len < TEMP_ADDED_MIN || strcmp(name + len - strlen(end), end) != 0)
		return 0;
	len -= strlen(end) + 8;
	if (strspn(name + len, "0123456789abcdef") != 8 || name[--len] != '.')
		return 0;
	while (digits < len && name[len - 1 - digits] >= '0' && name[len - 1 - digits] <= '9')
		digits++;
	len -= digits;
	/* Two dots, and a name between them. */
	return digits && len > 2 && name[len - 1] == '.' ? len - 2 : 0;
}

static bool is_temp_of(const char *name, const char *of)
{
	size_t len = temp_of(name);

	return len && (!of || (strlen(of) == len && !strncmp(name + 1, of, len)));
}

/* of: the name whose leftovers alone are meant; NULL: of any. */
static int sweep(const char *dir_path, const char *of, struct err *err)
{
	DIR *dir = opendir(dir_path);
	const struct dirent *entry;
	int result = 0;

	if (!dir && errno == ENOENT)
		return 0;
	if (!dir)
		return err_sys(err, ERR_IO, errno, "cannot list %s", dir_path);
	while (result == 0 && (entry = readdir(dir)))
		if (is_temp_of(entry->d_name, of) && fs_unlink(dirfd(dir), entry->d_name, err) < 0)
			result = err_wrap(err, "%s", dir_path);
	closedir(dir);
	return result;
}

int fs_sweep(const char *dir_path, struct err *err)
{
	return sweep(dir_path, NULL, err);
}

int fs_sweep_file(const char *path, struct err *err)
{
	char dir[FS_PATH_SIZE];
	int len = dir_len(path);

	snprintf(dir, sizeof(dir), "%.*s", len ? len : 1, len ? path : ".");
	return sweep(dir, path + len, err);
}

int fs_mkdir(const char *path, mode_t mode, struct err *err)
{
	char part[FS_PATH_SIZE];
	struct stat st;

	if ((size_t)snprintf(part, sizeof(part), "%s", path) >= sizeof(part))
		return err_sys(err, ERR_IO, ENAMETOOLONG, "cannot make directory %s", path);
	for (char *end = part; *end; end++) {
		if (*end != '/' || end == part)
			continue;
		*end = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_sys(err, ERR_IO, errno, "cannot make directory %s", part);
		*end = '/';
	}
	if (mkdir(part, mode) < 0 && errno != EEXIST)
		return err_sys(err, ERR_IO, errno, "cannot make directory %s", path);
	if (stat(path, &st) < 0)
		return err_sys(err, ERR_IO, errno, "cannot use directory %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_sys(err, ERR_IO, ENOTDIR, "cannot make directory %s", path);
	return 0;
}

int fs_open_dir(const char *path, bool make, int *fd_out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* It is there but for the first time, and making it looks at every part of the path. */
	if (fd < 0 && errno == ENOENT && make) {
		if (fs_mkdir(path, DIR_MODE, err) < 0)
			return -1;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot open directory %s", path);
	*fd_out = fd;
	return 0;
}

/*
 * Hands what we, as root, have made over to the owner of the directory that it lies in. Best
 * effort: without CAP_CHOWN it stays ours.
 */
static void give_to_owner_of(int dir_fd, int fd)
{
	const uid_t us = geteuid();
	struct stat dir, made;

	if (us != 0 || fstat(dir_fd, &dir) < 0 || dir.st_uid == us || fstat(fd, &made) < 0 ||
	    made.st_uid != us)
		return;
	(void)!fchown(fd, dir.st_uid, dir.st_gid);
}

int fs_open_dir_in(int dir_fd, const char *name, bool make, int *fd_out, struct err *err)
{
	const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	int fd = openat(dir_fd, name, how);

	if (fd < 0 && errno == ENOENT) {
		if (!make)
			return 0;
		if (mkdirat(dir_fd, name, DIR_MODE) < 0 && errno != EEXIST)
			return err_sys(err, ERR_IO, errno, "cannot make directory %s", name);
		fd = openat(dir_fd, name, how);
	}
	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot open directory %s", name);
	if (make)
		give_to_owner_of(dir_fd, fd);
	*fd_out = fd;
	return 1;
}

int fs_unlink(int dir_fd, const char *path, struct err *err)
{
	if (unlinkat(dir_fd, path, 0) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return err_sys(err, ERR_IO, errno, "cannot remove %s", path);
}

/*
 * Opens a file to lock it, and makes it where it is absent. The directory's owner may be less
 * than we are, and have put there what would lead us elsewhere or hold us up: a link of either
 * kind, a FIFO. 0 / -1; -1 in *fd_out: it came or went between two calls.
 */
static int open_lock(int dir_fd, const char *path, int *fd_out, struct stat *is_out,
		     struct err *err)
{
	const int how = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	AUTO_CLOSE int fd = openat(dir_fd, path, how);

	if (fd < 0 && errno == ENOENT) {
		fd = openat(dir_fd, path, how | O_CREAT | O_EXCL, 0600);
		if (fd < 0 && errno == EEXIST)
			return 0;
		if (fd >= 0)
			give_to_owner_of(dir_fd, fd);
	}
	if (fd < 0 || fstat(fd, is_out) < 0)
		return err_sys(err, ERR_IO, errno, "cannot lock %s", path);
	if (!S_ISREG(is_out->st_mode) || is_out->st_nlink > 1)
		return err_set(err, ERR_IO, "cannot lock %s: not a regular file with one name",
			       path);
	*fd_out = take_fd(&fd);
	return 0;
}

/* Whether path still names the file that was opened. 1 / 0 / -1. */
static int still_names(int dir_fd, const char *path, const struct stat *locked, struct err *err)
{
	struct stat named;

	if (fstatat(dir_fd, path, &named, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, ERR_IO, errno, "cannot lock %s", path);
	}
	return locked->st_dev == named.st_dev && locked->st_ino == named.st_ino;
}

/* operation as in flock(2). 1 locked, 0 it would have to wait, -1 failed. */
static int take_lock(int dir_fd, const char *path, int operation, int *fd_out, struct err *err)
{
	for (;;) {
		AUTO_CLOSE int fd = -1;
		struct stat is;
		int named;

		if (open_lock(dir_fd, path, &fd, &is, err) < 0)
			return -1;
		if (fd < 0)
			continue;
		while (flock(fd, operation) < 0) {
			if (errno == EWOULDBLOCK)
				return 0;
			if (errno != EINTR)
				return err_sys(err, ERR_IO, errno, "cannot lock %s", path);
		}
		named = still_names(dir_fd, path, &is, err);
		if (named < 0)
			return -1;
		if (named) {
			*fd_out = take_fd(&fd);
			return 1;
		}
	}
}

int fs_lock(int dir_fd, const char *path, int *fd_out, struct err *err)
{
	return take_lock(dir_fd, path, LOCK_EX, fd_out, err) < 0 ? -1 : 0;
}

int fs_try_lock(int dir_fd, const char *path, int *fd_out, struct err *err)
{
	return take_lock(dir_fd, path, LOCK_EX | LOCK_NB, fd_out, err);
}

int fs_join(char buf[static FS_PATH_SIZE], const char *a, const char *b, struct err *err)
{
	size_t len = strlen(a);
	const char *slash = len && a[len - 1] == '/' ? "" : "/";

	if (snprintf(buf, FS_PATH_SIZE, "%s%s%s", a, slash, b) >= FS_PATH_SIZE)
		return err_set(err, ERR_CONFIG, "the path \"%s/%s\" is longer than %d bytes",
			       ERR_SHOW(a), ERR_SHOW(b), FS_PATH_SIZE - 1);
	return 0;
}
