/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A temporary directory for a test that writes files: TEMPDIR_TEST(test) in the list of tests
 * creates it before the test and removes it with its contents afterwards.
 */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char tempdir_path[64];
extern int tempdir;

int tempdir_make(void **state);
int tempdir_remove(void **state);

/* Returns the number of entries of a directory, including names that begin with a dot. */
size_t tempdir_count(const char *path);

#define TEMPDIR_TEST(test) cmocka_unit_test_setup_teardown(test, tempdir_make, tempdir_remove)
