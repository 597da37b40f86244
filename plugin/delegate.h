/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a delegated plugin (CNI 1.1.0, "Plugin Delegation") with the same configuration and
 * environment except CNI_COMMAND. Its standard error is inherited, its standard output captured.
 * The child inherits no other descriptor, and is never started inside a container's namespace.
 *
 * weft is no IPAM plugin. An ipam.type that leads back to weft would start processes without end:
 * by name or file it is refused here, and through another plugin by delegate_check_nesting.
 */
#pragma once

#include "common/fs.h"

struct err;

/*
 * Searches the directories of cni_path ("a:b"; NULL: none) for an executable file named type.
 * Returns 1 found; 0 absent, weft itself, or not a name (err is set with ERR_DELEGATE or
 * ERR_CONFIG, too); -1 failed.
 */
int delegate_find(const char *cni_path, const char *type, char path_out[static FS_PATH_SIZE],
		  struct err *err);

/*
 * Runs the plugin and waits. *output_out is its standard output ("" if empty), malloc'ed and the
 * caller's. Returns 0, or -1 with ERR_DELEGATE and the plugin's own message and code; its codes 50
 * and 51 become ERR_UNAVAILABLE and ERR_LIMITED.
 */
int delegate_run(const char *path, const char *verb, const char *config, char **output_out,
		 struct err *err);

/*
 * Checks that this process was not started, directly or not, by a plugin that weft runs: that
 * plugin's weft waits for it. Returns 0, or -1 with ERR_CONFIG.
 */
int delegate_check_nesting(struct err *err);
