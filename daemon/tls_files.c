/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM (RFC 7468): any text, with blocks of this form in it.
 *
 *   -----BEGIN CERTIFICATE-----
 *   base64, in lines
 *   -----END CERTIFICATE-----
 *
 * A key's label ends with "PRIVATE KEY": alone (PKCS #8), or behind RSA or EC; behind ENCRYPTED,
 * or with a line "Proc-Type: 4,ENCRYPTED" in it, it is of no use without a passphrase.
 */
#include "tls_files.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const flag_of[TLS_FILES] = {
	[TLS_CA] = "etcd-cafile",
	[TLS_CERT] = "etcd-certfile",
	[TLS_KEY] = "etcd-keyfile",
};

/* ---- What a file can be -------------------------------------------------- */

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"

struct block {
	const char *label, *body;
	size_t label_len, body_size;
};

/* The first block from at on; where the text behind it begins, or NULL: there is none. */
static const char *next_block(const char *at, struct block *block)
{
	const char *begin = strstr(at, BEGIN), *end;

	if (!begin)
		return NULL;
	block->label = begin + strlen(BEGIN);
	end = strstr(block->label, DASHES);
	if (!end)
		return NULL;
	block->label_len = (size_t)(end - block->label);
	block->body = end + strlen(DASHES);
	end = strstr(block->body, END);
	if (!end)
		return NULL;
	block->body_size = (size_t)(end - block->body);
	end += strlen(END);
	/* Cut off in its last line, it is not whole either. */
	if (strncmp(end, block->label, block->label_len) != 0 ||
	    strncmp(end + block->label_len, DASHES, strlen(DASHES)) != 0)
		return NULL;
	return end + block->label_len + strlen(DASHES);
}

static bool ends_with(const struct block *block, const char *end)
{
	size_t len = strlen(end);

	return block->label_len >= len && !memcmp(block->label + block->label_len - len, end, len);
}

static bool has(const struct block *block, const char *text)
{
	return memmem(block->body, block->body_size, text, strlen(text));
}

/* Whether anything is in it: not the smallest key is as small. */
static bool is_full(const struct block *block)
{
	size_t letters = 0;

	for (size_t i = 0; i < block->body_size; i++)
		letters += !strchr(" \t\r\n", block->body[i]);
	return letters >= 16;
}

static bool is_encrypted(const struct block *block)
{
	return ends_with(block, "ENCRYPTED PRIVATE KEY") || has(block, "4,ENCRYPTED");
}

int tls_files_check(enum tls_kind kind, const char *text, size_t size, struct err *err)
{
	const char *want = kind == TLS_KEY ? "PRIVATE KEY" : "CERTIFICATE";
	struct block block;

	if (memchr(text, '\0', size))
		return err_set(err, ERR_CONFIG,
			       "is not PEM: it has bytes that no text has (DER can be converted: "
			       "openssl %s -inform DER)",
			       kind == TLS_KEY ? "pkey" : "x509");
	while ((text = next_block(text, &block))) {
		if (!ends_with(&block, want) || !is_full(&block))
			continue;
		if (kind == TLS_KEY && is_encrypted(&block))
			return err_set(err, ERR_CONFIG,
				       "is encrypted, and weftd has nobody to ask for the "
				       "passphrase: use a key without one (openssl pkey), that "
				       "only weftd's user can read");
		return 0;
	}
	return err_set(err, ERR_CONFIG, "has no whole %s in PEM (\"" BEGIN "%s" DASHES "\")",
		       kind == TLS_KEY ? "private key" : "certificate", want);
}

/* ---- Reading ------------------------------------------------------------- */

static void file_free(struct tls_file *file)
{
	if (file->text)
		explicit_bzero(file->text, file->size);
	free(file->text);
	file->text = NULL;
}

static void free_texts(struct tls_files *files)
{
	for (size_t i = 0; i < TLS_FILES; i++)
		file_free(&files->file[i]);
}

void tls_files_free(struct tls_files *files)
{
	free_texts(files);
	for (size_t i = 0; i < TLS_FILES; i++) {
		free(files->file[i].path);
		files->file[i].path = NULL;
	}
}

static void remember(struct tls_file *file, const struct stat *st)
{
	file->inode = st->st_ino;
	file->length = st->st_size;
	file->modified = st->st_mtim;
	file->changed = st->st_ctim;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool has_changed(const struct tls_file *file)
{
	struct stat st;

	return !file->path || stat(file->path, &st) < 0 ?
		       file->path && file->inode :
		       st.st_ino != file->inode || st.st_size != file->length ||
			       !is_same_time(&st.st_mtim, &file->modified) ||
			       !is_same_time(&st.st_ctim, &file->changed);
}

/* weftd need not be root: whom the file must be readable by is worth a word. */
static int cannot_read(const char *path, int sys_errno, struct err *err)
{
	const struct passwd *user = getpwuid(geteuid());

	if (sys_errno != EACCES && sys_errno != EPERM)
		return err_sys(err, ERR_IO, sys_errno, "%s", path);
	err_set(err, ERR_IO, "%s: %s: weftd runs as the user %s, who must be able to read it", path,
		strerror(sys_errno), user ? user->pw_name : "that --user names");
	err->sys_errno = sys_errno;
	return -1;
}

static int read_file(struct tls_file *file, enum tls_kind kind, const char *path, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return cannot_read(path, errno, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "%s: is not a file", path);
	if (fs_read_fd(fd, path, TLS_FILE_MAX, &file->text, &file->size, err) < 0)
		return -1;
	if (tls_files_check(kind, file->text, file->size, err) < 0)
		return err_wrap(err, "%s", path);
	remember(file, &st);
	return 0;
}

/* All of them, or nothing. */
static int read_all(struct tls_files *files, struct err *err)
{
	__attribute__((cleanup(free_texts))) struct tls_files new = { .generation = 0 };

	for (size_t i = 0; i < TLS_FILES; i++)
		if (files->file[i].path &&
		    read_file(&new.file[i], (enum tls_kind)i, files->file[i].path, err) < 0)
			return err_wrap(err, "--%s", flag_of[i]);
	for (size_t i = 0; i < TLS_FILES; i++) {
		file_free(&files->file[i]);
		new.file[i].path = files->file[i].path;
		files->file[i] = new.file[i];
		new.file[i].text = NULL;
	}
	files->generation++;
	return 0;
}

int tls_files_open(struct tls_files *files, const char *const path[TLS_FILES], struct err *err)
{
	for (size_t i = 0; i < TLS_FILES; i++) {
		files->file[i].path = path[i] ? strdup(path[i]) : NULL;
		if (path[i] && !files->file[i].path)
			return err_nomem(err, "the certificates");
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
