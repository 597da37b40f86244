/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/caps.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH 2 /* RUN/attachments/NETWORK */

static void free_caps(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}
AUTO_DEFINE_VALUE(caps, cap_t, free_caps);

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
AUTO_DEFINE_VALUE(dir, DIR *, close_dir);

/* ---- Directories ------------------------------------------------------------------------- */

static int own(int fd, const char *name, const struct passwd *user, struct err *err)
{
	if (fchownat(fd, "", user->pw_uid, user->pw_gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, ERR_IO, errno, "cannot change the owner of %s to %s", name,
			       user->pw_name);
	return 0;
}

/*
 * Whether a file belongs in its directory: with one name, and of the directory's previous owner.
 * The owner of a directory can place hard links to files of other users there.
 */
static bool is_of_dir(const struct stat *file, const struct stat *dir)
{
	return file->st_nlink == 1 && (file->st_uid == dir->st_uid ||
				       /* an interrupted fs_lock by the plugin */
				       (file->st_uid == 0 && file->st_size == 0));
}

static int own_dir(int fd, const char *name, unsigned depth, const struct passwd *user,
		   struct err *err);

/* A regular file, or a directory that is not too deep; others are left alone. */
static int own_entry(int dir_fd, const char *name, const struct stat *dir, unsigned depth,
		     const struct passwd *user, struct err *err)
{
	AUTO(close) int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat there;

	if (fd < 0 || fstat(fd, &there) < 0)
		return 0; /* removed meanwhile */
	if (S_ISREG(there.st_mode) && is_of_dir(&there, dir))
		return own(fd, name, user, err);
	if (!S_ISDIR(there.st_mode) || depth == 0)
		return 0;
	auto_close(&fd);
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", name);
	return own_dir(take_fd(&fd), name, depth - 1, user, err);
}

/*
 * The directory, its regular files, and subdirectories down to depth. The previous owner is not
 * trusted: the owner is changed by descriptor, and links are not followed. Takes fd over.
 */
static int own_dir(int fd, const char *name, unsigned depth, const struct passwd *user,
		   struct err *err)
{
	AUTO(dir) DIR *dir = fs_list(&fd, name, err);
	const struct dirent *entry;
	struct stat before;

	if (!dir)
		return -1;
	if (fstat(dirfd(dir), &before) < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", name);
	if (own(dirfd(dir), name, user, err) < 0)
		return -1;
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (own_entry(dirfd(dir), entry->d_name, &before, depth, user, err) < 0)
			return err_wrap(err, "%s", name);
	}
	return 0;
}

static int hand_over(const char *path, const struct passwd *user, struct err *err)
{
	int fd = -1;

	if (fs_open_dir(path, true, &fd, err) < 0)
		return -1;
	return own_dir(fd, path, DEPTH, user, err);
}

/* ---- Capabilities ------------------------------------------------------------------------ */

static int failed(struct err *err, const char *step)
{
	return err_sys(err, ERR_IO, errno, "cannot drop privileges: %s", step);
}

/* Limits the capabilities of executed programs. */
static int bound(struct err *err)
{
	for (cap_value_t cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (cap != CAP_NET_ADMIN && cap_get_bound(cap) > 0 && cap_drop_bound(cap) < 0)
			return failed(err, "bounding set");
	return 0;
}

static int keep_one(struct err *err)
{
	static const cap_value_t kept = CAP_NET_ADMIN;
	AUTO(caps) cap_t caps = cap_init();

	if (!caps || cap_set_flag(caps, CAP_PERMITTED, 1, &kept, CAP_SET) < 0 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, 1, &kept, CAP_SET) < 0 || cap_set_proc(caps) < 0)
		return failed(err, "capabilities");
	return 0;
}

/* Returns in there_out whether CAP_NET_ADMIN is effective, in only_out whether no other is. */
static int read_caps(bool *there_out, bool *only_out, struct err *err)
{
	AUTO(caps) cap_t caps = cap_get_proc();
	cap_flag_value_t value;

	if (!caps)
		return failed(err, "capabilities");
	*there_out = false;
	*only_out = true;
	for (cap_value_t cap = 0; cap_get_flag(caps, cap, CAP_EFFECTIVE, &value) == 0; cap++) {
		if (cap == CAP_NET_ADMIN)
			*there_out = value == CAP_SET;
		else if (value == CAP_SET)
			*only_out = false;
	}
	return 0;
}

static int verify(const struct passwd *user, struct err *err)
{
	bool there, only;

	if (read_caps(&there, &only, err) < 0)
		return -1;
	if (!there || !only || getuid() != user->pw_uid || geteuid() != user->pw_uid ||
	    getgid() != user->pw_gid || setuid(0) == 0) {
		errno = EPERM;
		return failed(err, "the kernel did not apply it");
	}
	return 0;
}

static int become(const struct passwd *user, struct err *err)
{
	if (bound(err) < 0)
		return -1;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return failed(err, user->pw_name);
	if (keep_one(err) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return failed(err, "no new privileges");
	return verify(user, err);
}

int caps_become(const char *user, const char *const dirs[], size_t len, struct err *err)
{
	const struct passwd *entry = getpwnam(user);

	if (!entry)
		return err_set(err, ERR_CONFIG, "--user: unknown user \"%s\"", user);
	if (geteuid() != 0)
		return err_set(err, ERR_CONFIG, "--user: only root can become %s", user);
	for (size_t i = 0; i < len; i++)
		if (hand_over(dirs[i], entry, err) < 0)
			return -1;
	return become(entry, err);
}

int caps_check(struct err *err)
{
	bool there, only;

	if (read_caps(&there, &only, err) < 0)
		return -1;
	if (!there)
		return err_set(
			err, ERR_CONFIG,
			"CAP_NET_ADMIN is missing: start weftd as root or with that capability");
	return 0;
}
