/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/tls_files.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "daemon/io/http.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void file_free(struct tls_file *file)
{
	if (file->data)
		explicit_bzero(file->data, file->size);
	free(file->data);
	file->data = NULL;
}

static void free_contents(struct tls_files *files)
{
	for (size_t i = 0; i < TLS_FILES; i++)
		file_free(&files->file[i]);
}
AUTO_DEFINE_VALUE(tls_files, struct tls_files, free_contents);

void tls_files_free(struct tls_files *files)
{
	free_contents(files);
	for (size_t i = 0; i < TLS_FILES; i++) {
		free(take_ptr(files->file[i].path));
		free(take_ptr(files->file[i].option));
	}
}

static bool has_changed(const struct tls_file *file)
{
	struct fs_stamp now;
	struct stat info;

	if (!file->path)
		return false;
	if (stat(file->path, &info) < 0)
		return true;
	now = fs_stamp(&info);
	return !fs_stamp_equal(&now, &file->stamp);
}

/* The process may have dropped root's privileges: the error names the user who needs access. */
static int cannot_read(const char *path, int sys_errno, struct err *err)
{
	const struct passwd *user = getpwuid(geteuid());

	if (sys_errno != EACCES && sys_errno != EPERM)
		return err_sys(err, ERR_IO, sys_errno, "%s", path);
	err_set(err, ERR_IO, "%s: %s: the user %s must be able to read it", path,
		strerror(sys_errno), user ? user->pw_name : "of this process");
	err->sys_errno = sys_errno;
	return -1;
}

static int read_file(struct tls_file *file, const char *path, struct err *err)
{
	AUTO(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;

	if (fd < 0 || fstat(fd, &info) < 0)
		return cannot_read(path, errno, err);
	if (!S_ISREG(info.st_mode))
		return err_set(err, ERR_CONFIG, "%s: not a regular file", path);
	if (fs_read_fd(fd, path, TLS_FILE_MAX, &file->data, &file->size, err) < 0)
		return -1;
	/* As a file is that has just been truncated to be written again. */
	if (!file->size)
		return err_set(err, ERR_CONFIG, "%s: empty file", path);
	file->stamp = fs_stamp(&info);
	return 0;
}

/* All of them, or nothing. */
static int read_all(struct tls_files *files, struct err *err)
{
	AUTO(tls_files) struct tls_files new = { .generation = 0 };

	for (size_t i = 0; i < TLS_FILES; i++)
		if (files->file[i].path && read_file(&new.file[i], files->file[i].path, err) < 0)
			return err_wrap(err, "%s", files->file[i].option);
	for (size_t i = 0; i < TLS_FILES; i++) {
		if (!files->file[i].path)
			continue;
		file_free(&files->file[i]);
		new.file[i].path = files->file[i].path;
		new.file[i].option = files->file[i].option;
		files->file[i] = new.file[i];
		new.file[i].data = NULL;
	}
	files->generation++;
	return 0;
}

int tls_files_open(struct tls_files *files, const struct http_file *const source[TLS_FILES],
		   struct err *err)
{
	for (size_t i = 0; i < TLS_FILES; i++) {
		const struct http_file *from = source[i];

		files->file[i].path = from->path ? strdup(from->path) : NULL;
		files->file[i].option = strdup(from->option);
		files->file[i].data = from->data ? strdup(from->data) : NULL;
		files->file[i].size = from->data ? strlen(from->data) : 0;
		if ((from->path && !files->file[i].path) || !files->file[i].option ||
		    (from->data && !files->file[i].data))
			return err_nomem(err, "the TLS files");
	}
	return read_all(files, err);
}

int tls_files_refresh(struct tls_files *files, struct err *err)
{
	bool changed = false;

	for (size_t i = 0; i < TLS_FILES; i++)
		changed = changed || has_changed(&files->file[i]);
	if (!changed)
		return 0;
	return read_all(files, err) < 0 ? -1 : 1;
}
