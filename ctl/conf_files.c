/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/conf_files.h"

#include "common/auto.h"
#include "common/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX (256 << 10)
#define SUBJECT "configuration files"
/* The empty line ends a last line that a backslash continues. */
#define SEPARATOR "\n\n[]\n"

static int compare(const void *a, const void *b)
{
	const struct conf_file *l = a, *r = b;

	return strcmp(l->name, r->name);
}

/* A name that begins with a dot is hidden. */
static bool has_suffix(const char *name, const char *suffix)
{
	const size_t len = strlen(name), size = strlen(suffix);

	return *name != '.' && len > size && !strcmp(name + len - size, suffix);
}

static int add_file(struct conf_files *files, const char *dir, const char *name, struct err *err)
{
	struct conf_file file = { .name = "" };

	for (size_t i = 0; i < files->len; i++)
		if (!strcmp(files->at[i].name, name))
			return 0;
	snprintf(file.name, sizeof(file.name), "%s", name);
	if (snprintf(file.path, sizeof(file.path), "%s/%s", dir, name) >= (int)sizeof(file.path))
		return 0;
	return conf_files_push(files, &file) ? 0 : err_nomem(err, SUBJECT);
}

int conf_files_list(const char *root, const char *const *dirs, const char *below,
		    const char *suffix, struct conf_files *files, struct err *err)
{
	for (; *dirs; dirs++) {
		char path[FS_PATH_SIZE];
		const struct dirent *entry;
		DIR *dir;
		int rc = 0;

		snprintf(path, sizeof(path), "%s%s%s%s", root, *dirs, below ? "/" : "",
			 below ? below : "");
		dir = opendir(path);
		while (dir && rc == 0 && (entry = readdir(dir)))
			if (has_suffix(entry->d_name, suffix))
				rc = add_file(files, path + strlen(root), entry->d_name, err);
		if (dir)
			closedir(dir);
		if (rc < 0)
			return -1;
	}
	vec_sort(files->at, files->len, sizeof(*files->at), compare);
	return 0;
}

char *conf_files_read(const char *root, const struct conf_file *file)
{
	struct err ignored = ERR_INIT;
	char path[FS_PATH_SIZE];
	AUTO(free) char *text = NULL;
	size_t size;

	if (snprintf(path, sizeof(path), "%s%s", root, file->path) >= (int)sizeof(path) ||
	    fs_read(AT_FDCWD, path, FILE_SIZE_MAX, &text, &size, &ignored) != 1 || size == 0)
		return NULL;
	return take_ptr(text);
}

static int append(char **text, const char *more, struct err *err)
{
	const size_t len = strlen(*text), size = strlen(more);
	char *grown = realloc(*text, len + sizeof(SEPARATOR) + size);

	if (!grown)
		return err_nomem(err, SUBJECT);
	memcpy(grown + len, SEPARATOR, sizeof(SEPARATOR) - 1);
	memcpy(grown + len + sizeof(SEPARATOR) - 1, more, size + 1);
	*text = grown;
	return 0;
}

int conf_files_merge(const char *root, const char *const *dirs, const struct conf_file *file,
		     char **text_out, bool *dropin_out, struct err *err)
{
	AUTO(conf_files) struct conf_files dropins = { .len = 0 };
	AUTO(free) char *text = conf_files_read(root, file);
	char below[sizeof(file->name) + sizeof(".d")];
	bool any = false;

	snprintf(below, sizeof(below), "%s.d", file->name);
	if (text && conf_files_list(root, dirs, below, ".conf", &dropins, err) < 0)
		return -1;
	for (size_t i = 0; i < dropins.len; i++) {
		AUTO(free) char *more = conf_files_read(root, &dropins.at[i]);

		if (more && append(&text, more, err) < 0)
			return -1;
		any |= more != NULL;
	}
	*text_out = take_ptr(text);
	*dropin_out = any;
	return 0;
}
