/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/secret_files.h"

#include "common/log.h"

#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+@%:,"

void secret_files_add(struct secret_files *files, const char *option, const char *path)
{
	if (path && files->len < SECRET_FILES_MAX)
		files->at[files->len++] = (struct secret_file){ option, path };
}

/* The group that must be able to read the file once others cannot; NULL: no change is needed. */
static const struct group *needed_group(const struct stat *info)
{
	if (geteuid() == 0 || info->st_uid == geteuid() || info->st_gid == getegid())
		return NULL;
	return getgrgid(getegid());
}

bool secret_file_is_exposed(const struct secret_file *file,
			    char remedy_out[static SECRET_REMEDY_SIZE])
{
	const char *quote = strspn(file->path, PLAIN) == strlen(file->path) ? "" : "'";
	const struct group *group;
	struct stat info;

	if (stat(file->path, &info) < 0 || !(info.st_mode & (S_IROTH | S_IWOTH)))
		return false;
	group = needed_group(&info);
	if (group)
		snprintf(remedy_out, SECRET_REMEDY_SIZE,
			 "chgrp %.64s %s%.256s%s && chmod g=r,o= %s%.256s%s", group->gr_name, quote,
			 file->path, quote, quote, file->path, quote);
	else
		snprintf(remedy_out, SECRET_REMEDY_SIZE, "chmod o= %s%.256s%s", quote, file->path,
			 quote);
	return true;
}

void secret_files_warn(const struct secret_files *files)
{
	char remedy[SECRET_REMEDY_SIZE];

	for (size_t i = 0; i < files->len; i++)
		if (secret_file_is_exposed(&files->at[i], remedy))
			log_warn("other users can read a file with a secret", "option",
				 files->at[i].option, "file", files->at[i].path, "remedy", remedy);
}
