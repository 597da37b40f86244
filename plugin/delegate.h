/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs another plugin for what weft leaves to it (CNI 1.1.0, "Plugin Delegation"): with the
 * same configuration and environment but for CNI_COMMAND, its standard error passed on, its
 * standard output taken. The child has no other descriptor of ours, and is never started
 * while we are in a container's namespace.
 */
#pragma once

#include "common/fs.h"

struct err;

/*
 * Looks for an executable file of that name in the directories of cni_path ("a:b"; NULL: none).
 * 1 found, 0 absent (err says so too), -1: the name has a slash (ERR_CONFIG).
 */
int delegate_find(const char *cni_path, const char *type, char path_out[static FS_PATH_SIZE],
		  struct err *err);

/*
 * Runs it and waits. *answer_out is what it wrote, malloc'ed, the caller's, "" when nothing.
 * ERR_DELEGATE with its own message and code; where it answers 50 or 51, those.
 */
int delegate_run(const char *path, const char *verb, const char *config, char **answer_out,
		 struct err *err);
