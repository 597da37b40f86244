/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs_lock.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LOCK_MODE 0600
#define LOCKS_MAX (4 << 20) /* of /proc/locks: about 60,000 locks */
#define STAT_MAX 4096       /* of /proc/PID/stat */
#define TICK_MS 100

/* ---- The holder --------------------------------------------------------------------------- */

/* The fields of a line of /proc/locks, in its order; a waiter has "->" in place of the kind. */
enum field { NUMBER, KIND, MODE, ACCESS, PID, PLACE, FIELDS };

/* Splits "7: FLOCK  ADVISORY  WRITE 4711 00:1a:5678 0 EOF". Returns whether it has all fields. */
static bool split(char *line, const char *field_out[static FIELDS])
{
	char *rest = NULL, *next = strtok_r(line, " ", &rest);

	for (size_t i = 0; i < FIELDS; i++) {
		if (!next)
			return false;
		field_out[i] = next;
		next = strtok_r(NULL, " ", &rest);
	}
	return true;
}

/* The PID of the flock(2) holder in the text of /proc/locks; 0: none. */
static int find_holder(char *text, const struct stat *file)
{
	char place[64], *rest = NULL;
	struct err unused;
	uint32_t pid;

	snprintf(place, sizeof(place), "%02x:%02x:%" PRIu64, major(file->st_dev),
		 minor(file->st_dev), (uint64_t)file->st_ino);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *field[FIELDS];

		if (split(line, field) && !strcmp(field[KIND], "FLOCK") &&
		    !strcmp(field[PLACE], place) &&
		    parse_u32(field[PID], 1, INT_MAX, &pid, &unused) == 0)
			return (int)pid;
	}
	return 0;
}

/* Formats the process's name and whether it is stopped. */
static void describe(int pid, char buf[static FS_LOCK_HOLDER_SIZE])
{
	AUTO(free) char *text = NULL;
	const char *name, *end;
	struct err unused = ERR_INIT;
	char path[32];
	size_t size;

	/* A lock that fork(2) shared has the PID of the process that took it. */
	snprintf(buf, FS_LOCK_HOLDER_SIZE, "a child of process %d", pid);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (fs_read(AT_FDCWD, path, STAT_MAX, &text, &size, &unused) <= 0)
		return;
	/* "4711 (weftd) T 1 ..": the name may contain anything. */
	name = strchr(text, '(');
	end = strrchr(text, ')');
	if (name && end && name < end)
		snprintf(buf, FS_LOCK_HOLDER_SIZE, "process %d (%.*s%s)", pid,
			 (int)(end - name - 1), name + 1,
			 strncmp(end, ") T", 3) == 0 || strncmp(end, ") t", 3) == 0 ? ", stopped" :
										      "");
}

/* 0: none, or not listed. */
static int holder_pid(const struct stat *file)
{
	AUTO(free) char *text = NULL;
	struct err unused = ERR_INIT;
	size_t size;

	if (fs_read(AT_FDCWD, "/proc/locks", LOCKS_MAX, &text, &size, &unused) <= 0)
		return 0;
	return find_holder(text, file);
}

bool fs_is_locked(int dir_fd, const char *path)
{
	struct stat file;

	return fstatat(dir_fd, path, &file, AT_SYMLINK_NOFOLLOW) == 0 && holder_pid(&file) > 0;
}

static const char *holder_of(const struct stat *file, char buf[static FS_LOCK_HOLDER_SIZE])
{
	int pid = holder_pid(file);

	snprintf(buf, FS_LOCK_HOLDER_SIZE, "another process");
	if (pid > 0)
		describe(pid, buf);
	return buf;
}

const char *fs_lock_holder(int dir_fd, const char *path, char buf[static FS_LOCK_HOLDER_SIZE])
{
	struct stat file = { .st_ino = 0 };

	(void)fstatat(dir_fd, path, &file, AT_SYMLINK_NOFOLLOW);
	return holder_of(&file, buf);
}

/* ---- Waiting ------------------------------------------------------------------------------ */

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct timeval timeval_of(unsigned ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
}

static void on_alarm(int number)
{
	(void)number;
}

/*
 * flock(2) wakes the waiters in order, which polling would not. The signal interrupts it at the
 * deadline, and again in case it came just before the call.
 */
static int flock_until(int fd, uint64_t deadline_ms)
{
	const struct sigaction wake = { .sa_handler = on_alarm }; /* without SA_RESTART */
	const uint64_t now = now_ms();
	const struct itimerval off = { .it_value = { .tv_sec = 0 } };
	const struct itimerval on = {
		.it_value = timeval_of(deadline_ms > now ? (unsigned)(deadline_ms - now) : 1),
		.it_interval = timeval_of(TICK_MS),
	};
	struct sigaction before;
	sigset_t alarm, mask;
	int rc;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigaction(SIGALRM, &wake, &before);
	sigprocmask(SIG_UNBLOCK, &alarm, &mask);
	setitimer(ITIMER_REAL, &on, NULL);
	do
		rc = flock(fd, LOCK_EX);
	while (rc < 0 && errno == EINTR && now_ms() < deadline_ms);
	if (rc < 0 && errno == EINTR)
		errno = EWOULDBLOCK;
	rc = rc < 0 ? errno : 0;
	setitimer(ITIMER_REAL, &off, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGALRM, &before, NULL);
	return rc;
}

/* ---- Locking ------------------------------------------------------------------------------ */

struct request {
	int dir_fd;
	const char *path;
	bool create;
	unsigned wait_ms;
	uint64_t deadline_ms; /* 0: has not waited yet */
};

/*
 * Opens a lock file. The directory's owner may be less privileged than this process and untrusted:
 * symbolic links, hard links and FIFOs are rejected. Returns 1, 0 absent, -1; *fd_out stays -1 if
 * the file appeared between two calls.
 */
static int open_lock(const struct request *request, int *fd_out, struct stat *is_out,
		     struct err *err)
{
	const int how = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	AUTO(close) int fd = openat(request->dir_fd, request->path, how);

	if (fd < 0 && errno == ENOENT) {
		if (!request->create)
			return 0;
		fd = openat(request->dir_fd, request->path, how | O_CREAT | O_EXCL, LOCK_MODE);
		if (fd < 0 && errno == EEXIST)
			return 1;
	}
	if (fd < 0 || fstat(fd, is_out) < 0)
		return err_sys(err, ERR_IO, errno, "cannot lock %s", request->path);
	if (!S_ISREG(is_out->st_mode) || is_out->st_nlink > 1)
		return err_set(err, ERR_IO, "cannot lock %s: not a regular file with one name",
			       request->path);
	/*
	 * New, or its creator was killed before this. A file with content may belong to another
	 * user.
	 */
	if (is_out->st_size == 0)
		fs_adopt(request->dir_fd, fd, is_out);
	*fd_out = take_fd(&fd);
	return 1;
}

/* Whether path still names the file that was opened. 1 / 0 / -1. */
static int still_names(const struct request *request, const struct stat *locked, struct err *err)
{
	struct stat named;

	if (fstatat(request->dir_fd, request->path, &named, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, ERR_IO, errno, "cannot lock %s", request->path);
	}
	return locked->st_dev == named.st_dev && locked->st_ino == named.st_ino;
}

/* 1 locked, 0 held elsewhere, -1 failed. */
static int lock_fd(struct request *request, int fd, struct err *err)
{
	int error;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		error = errno;
		if (error == EWOULDBLOCK && request->wait_ms) {
			if (!request->deadline_ms)
				request->deadline_ms = now_ms() + request->wait_ms;
			error = flock_until(fd, request->deadline_ms);
		}
		if (error == EWOULDBLOCK)
			return 0;
		if (error)
			return err_sys(err, ERR_IO, error, "cannot lock %s", request->path);
		return 1;
	}
	return 1;
}

enum outcome { LOCKED, ABSENT, HELD, FAILED };

static enum outcome acquire(struct request *request, int *fd_out, struct stat *is_out,
			    struct err *err)
{
	for (;;) {
		AUTO(close) int fd = -1;
		int rc = open_lock(request, &fd, is_out, err);

		if (rc <= 0)
			return rc < 0 ? FAILED : ABSENT;
		if (fd < 0)
			continue;
		rc = lock_fd(request, fd, err);
		if (rc <= 0)
			return rc < 0 ? FAILED : HELD;
		rc = still_names(request, is_out, err);
		if (rc < 0)
			return FAILED;
		if (rc) {
			*fd_out = take_fd(&fd);
			return LOCKED;
		}
	}
}

/* 1 locked, 0 absent, -1. */
static int lock(struct request *request, int *fd_out, struct err *err)
{
	char holder[FS_LOCK_HOLDER_SIZE];
	struct stat is;

	switch (acquire(request, fd_out, &is, err)) {
	case LOCKED:
		return 1;
	case ABSENT:
		return 0;
	case HELD:
		return err_set(err, ERR_AGAIN, "%s is locked by %s; try again later", request->path,
			       holder_of(&is, holder));
	case FAILED:
		break;
	}
	return -1;
}

int fs_lock(int dir_fd, const char *path, unsigned wait_ms, int *fd_out, struct err *err)
{
	struct request request = { dir_fd, path, true, wait_ms, 0 };

	return lock(&request, fd_out, err) < 0 ? -1 : 0;
}

int fs_lock_existing(int dir_fd, const char *path, unsigned wait_ms, int *fd_out, struct err *err)
{
	struct request request = { dir_fd, path, false, wait_ms, 0 };

	return lock(&request, fd_out, err);
}

int fs_try_lock(int dir_fd, const char *path, int *fd_out, struct err *err)
{
	struct request request = { dir_fd, path, true, 0, 0 };
	struct stat is;

	switch (acquire(&request, fd_out, &is, err)) {
	case LOCKED:
		return 1;
	case HELD:
		return 0;
	case ABSENT:
	case FAILED:
		break;
	}
	return -1;
}
