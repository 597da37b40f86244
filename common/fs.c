/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_FIRST 4096 /* bytes; most files are smaller */
#define TEMP_TRIES 16
#define TEMP_ADDED_MIN (sizeof("..1.01234567.tmp") - 1) /* added to a name by temp_open */

int fs_read_fd(int fd, const char *name, size_t max, char **data_out, size_t *size_out,
	       struct err *err)
{
	AUTO(free) char *data = NULL;
	size_t room = 0, size = 0;
	ssize_t got;

	do {
		if (size == room) {
			char *grown;

			/* One byte above max, to detect the end of a file of max bytes. */
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

/* Whether the file has several names and belongs to another user than the directory. */
static bool is_foreign(int dir_fd, const struct stat *file)
{
	struct stat dir;

	return file->st_nlink > 1 && (fstat(dir_fd, &dir) < 0 || dir.st_uid != file->st_uid);
}

int fs_open(int dir_fd, const char *path, int *fd_out, struct err *err)
{
	/* O_NONBLOCK: a FIFO at path must not block. */
	const int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	AUTO(close)
	int fd = dir_fd == AT_FDCWD ? open(path, how) : fs_open_beneath(dir_fd, path, how);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno == ELOOP && dir_fd != AT_FDCWD)
		return err_set(err, ERR_IO, "cannot open %s: it is or contains a symbolic link",
			       path);
	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s is not a regular file", path);
	if (dir_fd != AT_FDCWD && is_foreign(dir_fd, &st))
		return err_set(err, ERR_IO, "%s is another name of another user's file", path);
	*fd_out = take_fd(&fd);
	return 1;
}

int fs_read(int dir_fd, const char *path, size_t max, char **data_out, size_t *size_out,
	    struct err *err)
{
	AUTO(close) int fd = -1;
	int found = fs_open(dir_fd, path, &fd, err);

	if (found <= 0)
		return found;
	return fs_read_fd(fd, path, max, data_out, size_out, err) < 0 ? -1 : 1;
}

int fs_read_head(int dir_fd, const char *path, char *buf, size_t size, size_t *len_out,
		 struct err *err)
{
	AUTO(close) int fd = -1;
	int found = fs_open(dir_fd, path, &fd, err);
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

/* The length of a path's directory part, with its slash; 0: none. */
static int dir_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

/*
 * Creates a temporary file beside path. Its name begins with a dot, so that readers of the
 * directory skip it, and is random: a process in another PID namespace may have the same PID.
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

/*
 * Copies the owner of the existing file at path to fd. Returns the mode to set: its mode, or mode.
 */
static mode_t copy_owner(int dir_fd, const char *path, int fd, mode_t mode)
{
	struct stat there;

	if (fstatat(dir_fd, path, &there, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(there.st_mode))
		return mode;
	/* Only root may change the owner; the group alone may be permitted. */
	if (fchown(fd, there.st_uid, there.st_gid) < 0 && fchown(fd, (uid_t)-1, there.st_gid) < 0)
		return mode;
	return there.st_mode & 0777;
}

/* What root writes into the directory of an unprivileged daemon must belong to it. */
static void adopt(int dir_fd, int fd)
{
	struct stat made;

	if (dir_fd != AT_FDCWD && fstat(fd, &made) == 0)
		fs_adopt(dir_fd, fd, &made);
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

/* Gives the temporary file its final name. After a failure, it still exists. */
static int temp_place(int dir_fd, const char *temp, const char *path, unsigned how, struct err *err)
{
	if (how & FS_NEW) {
		if (linkat(dir_fd, temp, dir_fd, path, 0) < 0)
			return err_sys(err, ERR_IO, errno, "cannot create %s", path);
		unlinkat(dir_fd, temp, 0);
		return 0;
	}
	if (renameat(dir_fd, temp, dir_fd, path) < 0)
		return err_sys(err, ERR_IO, errno, "cannot replace %s", path);
	return 0;
}

static int fsync_dir_of(int dir_fd, const char *path, struct err *err)
{
	char dir[FS_PATH_SIZE];
	int len = dir_len(path);

	snprintf(dir, sizeof(dir), "%.*s", len ? len : 1, len ? path : ".");

	AUTO(close) int fd = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_sys(err, ERR_IO, errno, "cannot sync the directory of %s", path);
	return 0;
}

int fs_write(int dir_fd, const char *path, mode_t mode, const void *data, size_t size, unsigned how,
	     struct err *err)
{
	AUTO(close) int fd = -1;
	char temp[FS_PATH_SIZE];

	if (temp_open(dir_fd, path, temp, &fd, err) < 0)
		return -1;
	adopt(dir_fd, fd);
	if (how & FS_LIKE)
		mode = copy_owner(dir_fd, path, fd, mode);
	if (temp_fill(fd, path, mode, data, size, how, err) < 0 ||
	    temp_place(dir_fd, temp, path, how, err) < 0) {
		unlinkat(dir_fd, temp, 0);
		return -1;
	}
	return how & FS_DURABLE ? fsync_dir_of(dir_fd, path, err) : 0;
}

/*
 * The length of <name> in a name made by temp_open, ".<name>.<pid>.<8 hex digits>.tmp"; 0 for other
 * names.
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
	/* Two dots with a name between them. */
	return digits && len > 2 && name[len - 1] == '.' ? len - 2 : 0;
}

static bool is_temp_of(const char *name, const char *of)
{
	size_t len = temp_of(name);

	return len && (!of || (strlen(of) == len && !strncmp(name + 1, of, len)));
}

/*
 * of: sweep the temporary files of this name only; NULL: of all. Takes dir_fd over. 0 / -1.
 */
static int sweep(int *dir_fd, const char *dir_path, const char *of, struct err *err)
{
	DIR *dir = fs_list(dir_fd, dir_path, err);
	const struct dirent *entry;
	int result = 0;

	if (!dir)
		return -1;
	while (result == 0 && (entry = readdir(dir)))
		if (is_temp_of(entry->d_name, of) && fs_unlink(dirfd(dir), entry->d_name, err) < 0)
			result = err_wrap(err, "%s", dir_path);
	closedir(dir);
	return result;
}

int fs_sweep(const char *dir_path, const char *below, struct err *err)
{
	int fd = -1;
	int found = below ? fs_open_subdir(dir_path, below, false, &fd, err) :
			    fs_open_dir(dir_path, false, &fd, err);

	return found > 0 ? sweep(&fd, dir_path, NULL, err) : found;
}

int fs_sweep_file(const char *path, struct err *err)
{
	const char *name = NULL;
	int fd = -1;
	int found = fs_open_parent(path, false, &fd, &name, err);

	return found > 0 ? sweep(&fd, path, name, err) : found;
}

int fs_unlink(int dir_fd, const char *path, struct err *err)
{
	if (unlinkat(dir_fd, path, 0) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return err_sys(err, ERR_IO, errno, "cannot remove %s", path);
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
