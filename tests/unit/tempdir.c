/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tempdir.h"

#include <dirent.h>

char tempdir_path[64];

int tempdir = -1;

int tempdir_make(void **state)
{
	(void)state;
	snprintf(tempdir_path, sizeof(tempdir_path), "/tmp/weft-test.XXXXXX");
	if (!mkdtemp(tempdir_path))
		return -1;
	tempdir = open(tempdir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tempdir < 0 ? -1 : 0;
}

static bool tempdir_is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Removes the contents of the directory, and closes it. */
static void tempdir_empty(int fd)
{
	DIR *entries = fdopendir(fd);
	struct dirent *entry;

	while ((entry = readdir(entries))) {
		if (!tempdir_is_entry(entry) || unlinkat(dirfd(entries), entry->d_name, 0) == 0)
			continue;
		tempdir_empty(openat(dirfd(entries), entry->d_name, O_RDONLY | O_DIRECTORY));
		unlinkat(dirfd(entries), entry->d_name, AT_REMOVEDIR);
	}
	closedir(entries);
}

int tempdir_remove(void **state)
{
	(void)state;
	tempdir_empty(tempdir);
	return rmdir(tempdir_path);
}

size_t tempdir_count(const char *path)
{
	DIR *entries = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(entries)))
		count += tempdir_is_entry(entry);
	closedir(entries);
	return count;
}
