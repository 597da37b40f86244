/* SPDX-License-Identifier: Apache-2.0 */
#include "common/event_file.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MODE 0600
#define READ_MAX (2 * EVENT_FILE_FULL)                                  /* bytes of one file */
#define REPEATED_TAIL ((EVENT_FILE_REPEATED + 1) * (LOG_JSON_SIZE + 2)) /* bytes */

/* ---- Writing ----------------------------------------------------------------------------- */

static bool is_plain(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

/*
 * A directory's owner other than root can link another user's file into it, whose other name is
 * then removed.
 */
static bool is_of_owner(int dir_fd, int fd)
{
	struct stat dir, st;

	return fstat(dir_fd, &dir) == 0 && fstat(fd, &st) == 0 &&
	       (dir.st_uid == 0 || st.st_uid == dir.st_uid);
}

/* exclusive: O_EXCL, for a new file, whose owner is this process; or 0. */
static int try_open(int dir_fd, int exclusive, int *fd_out)
{
	/* O_NONBLOCK: a FIFO without a reader must not block. */
	const int how = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			O_CLOEXEC;
	AUTO(close) int fd = openat(dir_fd, EVENT_FILE, how | exclusive, FILE_MODE);

	if (fd < 0 || !is_plain(fd) || (!exclusive && !is_of_owner(dir_fd, fd)))
		return -1;
	*fd_out = take_fd(&fd);
	return 0;
}

int event_file_open(int dir_fd, int *fd_out, struct err *err)
{
	if (try_open(dir_fd, 0, fd_out) == 0)
		return 0;
	if (fs_unlink(dir_fd, EVENT_FILE, err) < 0)
		return -1;
	errno = 0;
	if (try_open(dir_fd, O_EXCL, fd_out) == 0)
		return 0;
	return err_sys(err, ERR_IO, errno ? errno : EINVAL, "cannot open %s", EVENT_FILE);
}

int event_file_replace(int dir_fd, int *fd, struct err *err)
{
	int opened = -1;

	if (renameat(dir_fd, EVENT_FILE, dir_fd, EVENT_FILE_FORMER) < 0 && errno != ENOENT)
		return err_sys(err, ERR_IO, errno, "cannot rename %s", EVENT_FILE);
	if (event_file_open(dir_fd, &opened, err) < 0)
		return -1;
	close(*fd);
	*fd = opened;
	return 0;
}

int event_file_replace_grown(int dir_fd, int *fd, struct err *err)
{
	struct stat st;

	if (fstat(*fd, &st) < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", EVENT_FILE);
	return st.st_size < EVENT_FILE_REPLACE ? 0 : event_file_replace(dir_fd, fd, err);
}

void event_file_append(int fd, const char *json, size_t size)
{
	char record[LOG_JSON_SIZE + 2];
	struct stat st;

	if (size > LOG_JSON_SIZE || fstat(fd, &st) < 0 || st.st_size >= EVENT_FILE_FULL)
		return;
	record[0] = '\n';
	memcpy(record + 1, json, size);
	record[size + 1] = '\n';
	(void)!write(fd, record, size + 2);
}

/* Opens the file for the plugin. Returns the descriptor, -1: the file is not as it must be. */
static int open_in(const char *run_dir, int access)
{
	const int how = access | O_APPEND | O_NONBLOCK | O_NOCTTY;
	AUTO(close) int dir_fd = -1;
	AUTO(close) int fd = -1;
	struct err unused;

	if (fs_open_dir(run_dir, false, &dir_fd, &unused) <= 0)
		return -1;
	fd = fs_open_beneath(dir_fd, EVENT_FILE, how);
	return fd >= 0 && is_plain(fd) && is_of_owner(dir_fd, fd) ? take_fd(&fd) : -1;
}

void event_file_append_in(const char *run_dir, const char *json, size_t size)
{
	AUTO(close) int fd = open_in(run_dir, O_WRONLY);

	if (fd >= 0)
		event_file_append(fd, json, size);
}

/*
 * The lines of text that begin with the first bytes of json, up to the minute, and have the event.
 */
static size_t count_repeated(const char *text, size_t size, const char *event, const char *json)
{
	static const char minute[] = "{\"time\":\"0000-00-00T00:00";
	char name[64];
	const size_t name_size = (size_t)snprintf(name, sizeof(name), "\"event\":\"%s\"", event);
	size_t count = 0;

	while (size) {
		const char *newline = memchr(text, '\n', size);
		const size_t len = newline ? (size_t)(newline - text) : size;

		if (len >= sizeof(minute) - 1 && memcmp(text, json, sizeof(minute) - 1) == 0 &&
		    memmem(text, len, name, name_size))
			count++;
		text += len + (newline != NULL);
		size -= len + (newline != NULL);
	}
	return count;
}

/* Whether the end of the file has as many records as may be there. */
static bool is_repeated(int fd, const char *event, const char *json)
{
	AUTO(free) char *text = malloc(REPEATED_TAIL);
	struct stat st;
	ssize_t got;

	if (!text || fstat(fd, &st) < 0)
		return true;
	got = pread(fd, text, REPEATED_TAIL,
		    st.st_size > REPEATED_TAIL ? st.st_size - REPEATED_TAIL : 0);
	return got < 0 || count_repeated(text, (size_t)got, event, json) >= EVENT_FILE_REPEATED;
}

void event_file_append_repeated_in(const char *run_dir, const char *event, const char *json,
				   size_t size)
{
	AUTO(close) int fd = open_in(run_dir, O_RDWR);

	if (fd >= 0 && !is_repeated(fd, event, json))
		event_file_append(fd, json, size);
}

/* ---- Reading ----------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void event_file_reader_close(struct event_file_reader *reader)
{
	close_fd(&reader->fd);
	close_fd(&reader->dir_fd);
}

/* The writers are weftd, which owns the directory, and root. */
static int check_owner(int dir_fd, int fd, const char *name, struct err *err)
{
	struct stat dir, st;

	if (fstat(dir_fd, &dir) < 0 || fstat(fd, &st) < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", name);
	if (st.st_uid != 0 && st.st_uid != dir.st_uid)
		return err_set(err, ERR_IO, "%s belongs to another user", name);
	return 0;
}

/* Returns 1 opened, 0 absent, -1 failed. */
static int open_file(int dir_fd, const char *name, int *fd_out, struct err *err)
{
	AUTO(close) int fd = -1;
	int found = fs_open(dir_fd, name, &fd, err);

	if (found <= 0)
		return found;
	if (check_owner(dir_fd, fd, name, err) < 0)
		return -1;
	*fd_out = take_fd(&fd);
	return 1;
}

static int open_current(struct event_file_reader *reader, struct err *err)
{
	reader->offset = 0;
	reader->ending = false;
	return open_file(reader->dir_fd, EVENT_FILE, &reader->fd, err) < 0 ? -1 : 0;
}

int event_file_reader_open(struct event_file_reader *reader, const char *run_dir, struct err *err)
{
	int found = fs_open_dir(run_dir, false, &reader->dir_fd, err);

	if (found == 0)
		return err_set(err, ERR_IO, "%s does not exist", run_dir);
	return found < 0 ? -1 : open_current(reader, err);
}

/*
 * Reads from *offset to the end, but at most READ_MAX bytes, which are the last ones: *offset is
 * then moved to the first of them.
 */
static int read_from(int fd, const char *name, off_t *offset, char **text_out, size_t *size_out,
		     struct err *err)
{
	AUTO(free) char *text = NULL;
	struct stat st;
	size_t size;
	ssize_t got;

	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", name);
	if (st.st_size - *offset > READ_MAX)
		*offset = st.st_size - READ_MAX;
	size = st.st_size > *offset ? (size_t)(st.st_size - *offset) : 0;
	text = malloc(size + 1);
	if (!text)
		return err_nomem(err, name);
	got = pread(fd, text, size, *offset);
	if (got < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", name);
	text[got] = '\0';
	*size_out = (size_t)got;
	*text_out = take_ptr(text);
	return 0;
}

static bool is_same(int fd, int other)
{
	struct stat st, of;

	return fd >= 0 && fstat(fd, &st) == 0 && fstat(other, &of) == 0 && st.st_ino == of.st_ino &&
	       st.st_dev == of.st_dev;
}

int event_file_read_former(const struct event_file_reader *reader, char **text_out,
			   size_t *size_out, struct err *err)
{
	AUTO(close) int fd = -1;
	int found = open_file(reader->dir_fd, EVENT_FILE_FORMER, &fd, err);
	off_t start = 0;

	if (found <= 0)
		return found;
	if (is_same(reader->fd, fd))
		return 0;
	return read_from(fd, EVENT_FILE_FORMER, &start, text_out, size_out, err) < 0 ? -1 : 1;
}

/* Without the beginning of a line that is being written. */
static size_t whole_lines(const char *text, size_t size)
{
	const char *end = memrchr(text, '\n', size);

	return end ? (size_t)(end - text) + 1 : 0;
}

/* Whether the name leads to another file than the one that is open. */
static bool is_replaced(const struct event_file_reader *reader)
{
	struct stat named, opened;

	return fstatat(reader->dir_fd, EVENT_FILE, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
	       fstat(reader->fd, &opened) < 0 || named.st_ino != opened.st_ino ||
	       named.st_dev != opened.st_dev;
}

/* Reads the complete lines behind the offset. */
static int read_lines(struct event_file_reader *reader, char **text_out, size_t *size_out,
		      struct err *err)
{
	AUTO(free) char *text = NULL;
	off_t start = reader->offset;
	size_t size = 0, whole;

	if (read_from(reader->fd, EVENT_FILE, &start, &text, &size, err) < 0)
		return -1;
	whole = whole_lines(text, size);
	/* What is longer than READ_MAX without a newline is no record. */
	reader->offset = start + (off_t)(whole || size < READ_MAX ? whole : size);
	text[whole] = '\0';
	*size_out = whole;
	*text_out = take_ptr(text);
	return 1;
}

int event_file_read(struct event_file_reader *reader, char **text_out, size_t *size_out,
		    struct err *err)
{
	bool replaced;
	int found;

	if (reader->fd < 0 && open_current(reader, err) < 0)
		return -1;
	if (reader->fd < 0)
		return 0;
	replaced = is_replaced(reader);
	found = read_lines(reader, text_out, size_out, err);
	if (found < 0)
		return -1;
	/* A plugin may have opened the file before it was renamed, and append afterwards. */
	if (replaced && reader->ending && !*size_out)
		close_fd(&reader->fd);
	reader->ending = replaced && !*size_out;
	return found;
}
