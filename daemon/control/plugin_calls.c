/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/plugin_calls.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define FILE_MODE 0600
#define RECORDS 256

static int open_file(int dir_fd, int *fd_out, struct err *err)
{
	const int how = O_RDONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	AUTO(close) int fd = openat(dir_fd, CALL_LOG_FILE, how, FILE_MODE);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, ERR_IO, errno, "cannot open %s", CALL_LOG_FILE);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_IO, "%s is not a regular file", CALL_LOG_FILE);
	*fd_out = take_fd(&fd);
	return 0;
}

int plugin_calls_open(struct plugin_calls *calls, const char *run_dir, struct err *err)
{
	int found = fs_open_dir(run_dir, false, &calls->dir_fd, err);

	if (found == 0)
		return err_set(err, ERR_IO, "%s does not exist", run_dir);
	if (found < 0 || open_file(calls->dir_fd, &calls->fd, err) < 0)
		return err_wrap(err, "%s", run_dir);
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Adds the records from the offset on. Returns the offset of the next ones. */
static off_t read_records(struct plugin_calls *calls, int fd, off_t offset)
{
	struct call_record records[RECORDS];
	ssize_t size;

	while (fd >= 0 && offset < CALL_LOG_MAX &&
	       (size = pread(fd, records, sizeof(records), offset)) > 0) {
		size_t len = (size_t)size / sizeof(records[0]);

		for (size_t i = 0; i < len; i++) {
			if (!call_record_is_valid(&records[i]))
				continue;
			calls->count[records[i].verb][records[i].outcome]++;
			histogram_add(&calls->took[records[i].verb], records[i].took_us);
		}
		offset += (off_t)(len * sizeof(records[0]));
		if (!len)
			break;
	}
	return offset;
}

/* A plugin that has opened the former file still appends to it. */
static void replace(struct plugin_calls *calls)
{
	struct err unused;
	int fd = -1;

	if (fs_write(calls->dir_fd, CALL_LOG_FILE, FILE_MODE, "", 0, FS_REPLACE, &unused) < 0 ||
	    open_file(calls->dir_fd, &fd, &unused) < 0)
		return;
	close_fd(&calls->former_fd);
	calls->former_fd = calls->fd;
	calls->former_offset = calls->offset;
	calls->fd = fd;
	calls->offset = 0;
}

void plugin_calls_read(struct plugin_calls *calls)
{
	calls->former_offset = read_records(calls, calls->former_fd, calls->former_offset);
	calls->offset = read_records(calls, calls->fd, calls->offset);
	if (calls->fd >= 0 && calls->offset >= PLUGIN_CALLS_REPLACE)
		replace(calls);
}

/*
 * What has been counted is removed: the next weftd starts at zero and counts what comes from now
 * on.
 */
void plugin_calls_close(struct plugin_calls *calls)
{
	if (calls->fd >= 0) {
		plugin_calls_read(calls);
		if (calls->offset)
			replace(calls);
	}
	close_fd(&calls->former_fd);
	close_fd(&calls->fd);
	close_fd(&calls->dir_fd);
}

void plugin_calls_disable(const char *run_dir)
{
	AUTO(close) int dir_fd = -1;
	struct err unused;

	if (fs_open_dir(run_dir, false, &dir_fd, &unused) > 0)
		fs_unlink(dir_fd, CALL_LOG_FILE, &unused);
}
