/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS files: CA bundle, client certificate and its private key, in PEM. They are read into
 * memory, and read again when stat(2) shows a change. Their content is not parsed: libcurl does
 * that at the next handshake, and its error names what is wrong with it. Used by http.
 */
#pragma once

#include "common/fs_stamp.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct http_file;

enum tls_kind { TLS_CA, TLS_CERT, TLS_KEY, TLS_FILES };

struct tls_file {
	char *path;            /* NULL: not configured, or configured by its content */
	char *option;          /* that configured it, "--etcd-cafile"; for errors */
	char *data;            /* NUL-terminated; NULL: not configured */
	size_t size;           /* of data, without the NUL */
	struct fs_stamp stamp; /* of the file that data was read from */
};

struct tls_files {
	struct tls_file file[TLS_FILES];
	uint64_t generation; /* number of times that the files were read */
};

#define TLS_FILE_MAX (1024 * 1024) /* bytes */

/*
 * Reads the files whose path is not NULL; all members of source are copied. Blocks on the file
 * system. Errors name option and file: ERR_CONFIG for what is not a regular file or is empty,
 * ERR_IO with sys_errno for what cannot be read. tls_files_free is due after a failure, too.
 */
int tls_files_open(struct tls_files *files, const struct http_file *const source[TLS_FILES],
		   struct err *err);
/* Frees and erases the contents. An all-zero struct is allowed. */
void tls_files_free(struct tls_files *files);
/*
 * Reads all files again if one of them has changed. Returns 1 if they were read, 0 if none has
 * changed, -1 if one cannot be read: the previous contents of all files are kept then, and the
 * next call tries again.
 */
int tls_files_refresh(struct tls_files *files, struct err *err);
