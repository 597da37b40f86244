/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files with passwords and keys that every user of the node can read or write: reported in log,
 * status and doctor, with the command. weftd uses them as they are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SECRET_FILES_MAX 8
#define SECRET_REMEDY_SIZE 640

/* The files that are configured; borrowed texts. */
struct secret_files {
	size_t len;
	struct secret_file {
		const char *option; /* "--etcd-password-file" */
		const char *path;
	} at[SECRET_FILES_MAX];
	/* The file of the file store (--store), secret only while it has a ProbeKey; NULL: none. */
	const char *store_file;
};

/* Adds a file. path NULL: none. Ignored beyond SECRET_FILES_MAX. */
void secret_files_add(struct secret_files *files, const char *option, const char *path);

/*
 * Returns whether other users can read or write the file, with the command that changes it and
 * keeps it readable for this process.
 */
bool secret_file_is_exposed(const struct secret_file *file,
			    char remedy_out[static SECRET_REMEDY_SIZE]);

/* Logs a warning for each exposed file. */
void secret_files_warn(const struct secret_files *files);
