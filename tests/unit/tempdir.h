/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of its own for a test that writes files: TEMPDIR_TEST(test) in the
 * list of tests makes it before and removes it, with all that is in it, after.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char tempdir_path[64];
static int tempdir = -1;

static inline int tempdir_make(void **state)
{
	(void)state;
	snprintf(tempdir_path, sizeof(tempdir_path), "/tmp/weft-test.XXXXXX");
	if (!mkdtemp(tempdir_path))
		return -1;
	tempdir = open(tempdir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return tempdir < 0 ? -1 : 0;
}

static inline bool tempdir_is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Removes what the directory holds, and closes it. */
static inline void tempdir_empty(int fd)
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

static inline int tempdir_remove(void **state)
{
	(void)state;
	tempdir_empty(tempdir);
	return rmdir(tempdir_path);
}

/* How many entries a directory has, those with a dot in front too. */
static inline size_t tempdir_count(const char *path)
{
	DIR *entries = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(entries)))
		count += tempdir_is_entry(entry);
	closedir(entries);
	return count;
}

#define TEMPDIR_TEST(test) cmocka_unit_test_setup_teardown(test, tempdir_make, tempdir_remove)
