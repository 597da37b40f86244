/* SPDX-License-Identifier: Apache-2.0 */
#include "common/fs_stamp.h"

#include <sys/stat.h>

static uint64_t as_ns(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

struct fs_stamp fs_stamp(const struct stat *info)
{
	return (struct fs_stamp){
		.device = info->st_dev,
		.inode = info->st_ino,
		.size = (uint64_t)info->st_size,
		.modified_ns = as_ns(&info->st_mtim),
		.changed_ns = as_ns(&info->st_ctim),
	};
}

bool fs_stamp_equal(const struct fs_stamp *a, const struct fs_stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}
