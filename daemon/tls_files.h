/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of TLS: the CA to trust, a certificate and its key, in PEM. Read whole, looked at
 * as far as one can without cryptography, and read again when they have changed on the disk.
 * Used by http.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct err;

enum tls_kind { TLS_CA, TLS_CERT, TLS_KEY, TLS_FILES };

struct tls_file {
	char *path; /* NULL: none is used */
	char *text;
	size_t size;
	/* As it was when it was read: another file, or another content, differs in one of these. */
	ino_t inode;
	off_t length;
	struct timespec modified, changed;
};

struct tls_files {
	struct tls_file file[TLS_FILES];
	uint64_t generation; /* how often they were read */
};

#define TLS_FILE_MAX (1024 * 1024)

/*
 * Reads those whose path is not NULL. An error names flag and file: ERR_CONFIG for a
 * content that cannot be it, ERR_IO with sys_errno where it cannot be read.
 */
int tls_files_open(struct tls_files *files, const char *const path[TLS_FILES], struct err *err);
void tls_files_free(struct tls_files *files);
/*
 * Reads all of them again if one has changed. 1: it did. 0: none has. -1: one cannot be
 * used, and what was read before stands; a later call tries again.
 */
int tls_files_refresh(struct tls_files *files, struct err *err);

/* Whether the text can be what it is to be: ERR_CONFIG says why not. Pure. */
int tls_files_check(enum tls_kind kind, const char *text, size_t size, struct err *err);
