/* SPDX-License-Identifier: Apache-2.0 */
#include "caps.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"

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

#define DIR_MODE 0755
#define DEPTH 2 /* RUN/attachments/NETWORK */

static void free_caps(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

#define AUTO_CAPS __attribute__((cleanup(free_caps)))

static void close_dir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* ---- Directories ------------------------------------------------------------------------- */

static int give(int dir_fd, const char *name, const struct passwd *user, struct err *err)
{
	if (fchownat(dir_fd, name, user->pw_uid, user->pw_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, ERR_IO, errno, "cannot hand %s over to %s", name,
			       user->pw_name);
	return 0;
}

static int give_entries(DIR *dir, unsigned depth, const struct passwd *user, struct err *err);

/*
 * The directory, the regular files in it, and directories in it down to that depth. Whoever had
 * them before may have been anybody: no link leads out of them.
 */
static int give_dir(int parent_fd, const char *name, unsigned depth, const struct passwd *user,
		    struct err *err)
{
	AUTO_CLOSE int fd = openat(parent_fd, name,
				   O_RDONLY | O_DIRECTORY | O_CLOEXEC |
					   (parent_fd == AT_FDCWD ? 0 : O_NOFOLLOW));
	__attribute__((cleanup(close_dir))) DIR *dir = NULL;

	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot read %s", name);
	if (fchown(fd, user->pw_uid, user->pw_gid) < 0)
		return err_sys(err, ERR_IO, errno, "cannot hand %s over to %s", name,
			       user->pw_name);
	dir = fdopendir(fd);
	if (!dir)
		return err_nomem(err, name);
	(void)take_fd(&fd); /* the stream's now */
	return give_entries(dir, depth, user, err) < 0 ? err_wrap(err, "%s", name) : 0;
}

static int give_entries(DIR *dir, unsigned depth, const struct passwd *user, struct err *err)
{
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		struct stat there;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), entry->d_name, &there, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(there.st_mode) && there.st_nlink == 1 &&
		    give(dirfd(dir), entry->d_name, user, err) < 0)
			return -1;
		if (S_ISDIR(there.st_mode) && depth > 0 &&
		    give_dir(dirfd(dir), entry->d_name, depth - 1, user, err) < 0)
			return -1;
	}
	return 0;
}

static int hand_over(const char *path, const struct passwd *user, struct err *err)
{
	if (fs_mkdir(path, DIR_MODE, err) < 0)
		return -1;
	return give_dir(AT_FDCWD, path, DEPTH, user, err);
}

/* ---- Capabilities ------------------------------------------------------------------------ */

static int failed(struct err *err, const char *step)
{
	return err_sys(err, ERR_IO, errno, "privileges cannot be dropped: %s", step);
}

/* What nobody after this can have, whatever is executed. */
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
	AUTO_CAPS cap_t caps = cap_init();

	if (!caps || cap_set_flag(caps, CAP_PERMITTED, 1, &kept, CAP_SET) < 0 ||
	    cap_set_flag(caps, CAP_EFFECTIVE, 1, &kept, CAP_SET) < 0 || cap_set_proc(caps) < 0)
		return failed(err, "capabilities");
	return 0;
}

/* Whether CAP_NET_ADMIN is in effect, and in only_out whether it is alone. */
static int look(bool *there_out, bool *only_out, struct err *err)
{
	AUTO_CAPS cap_t caps = cap_get_proc();
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

	if (look(&there, &only, err) < 0)
		return -1;
	if (!there || !only || getuid() != user->pw_uid || geteuid() != user->pw_uid ||
	    getgid() != user->pw_gid || setuid(0) == 0) {
		errno = EPERM;
		return failed(err, "the kernel has not done so");
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
		return err_set(err, ERR_CONFIG, "--user: there is no user \"%s\"", user);
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

	if (look(&there, &only, err) < 0)
		return -1;
	if (!there)
		return err_set(err, ERR_CONFIG,
			       "the capability CAP_NET_ADMIN is missing: start weftd as root, or "
			       "give it that one");
	return 0;
}
