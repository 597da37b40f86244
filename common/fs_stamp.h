/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata by which a change of a file's content, or of the file behind a path, is detected
 * without reading the file. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct stat;

/* Of all zero bytes: no file. */
struct fs_stamp {
	uint64_t device, inode, size, modified_ns, changed_ns;
};

/* Returns the stamp of a file from stat(2). */
struct fs_stamp fs_stamp(const struct stat *info);
bool fs_stamp_equal(const struct fs_stamp *a, const struct fs_stamp *b);
