/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files in several directories, as systemd and udev read them: all names in one
 * order, whatever the directory; a file takes the place of those with its name in the directories
 * after its own.
 */
#pragma once

#include "common/fs.h"
#include "common/vec.h"

#include <limits.h>
#include <stdbool.h>

struct err;

struct conf_file {
	char name[NAME_MAX + 1];
	char path[FS_PATH_SIZE]; /* without root */
};
VEC_DEFINE(conf_files, struct conf_file);

/*
 * Appends the files whose names end with suffix (".conf"), in the order of their names. dirs ends
 * with NULL. below: a directory in each of dirs, or NULL. All are below root ("" for this machine).
 * Absent directories are empty. Returns 0, or -1 with ERR_NOMEM.
 */
int conf_files_list(const char *root, const char *const *dirs, const char *below,
		    const char *suffix, struct conf_files *files, struct err *err);

/*
 * Returns the file's text, the caller's. NULL: unreadable, empty, or masked by a link to /dev/null.
 */
char *conf_files_read(const char *root, const struct conf_file *file);

/*
 * Sets *text_out to the file's text, the caller's, followed by those of its drop-ins (NAME.d/x.conf
 * in each of dirs), each after a line "[]" that ends the section before. NULL: as for
 * conf_files_read; its drop-ins are without effect. *dropin_out: whether there was a drop-in with
 * text. Returns 0, or -1 with ERR_NOMEM.
 */
int conf_files_merge(const char *root, const char *const *dirs, const struct conf_file *file,
		     char **text_out, bool *dropin_out, struct err *err);
