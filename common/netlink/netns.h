/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces: open by path, identify, run a function inside. Single-threaded programs only:
 * setns(2) moves the calling thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

/* Identifies a namespace independently of its path. Inode numbers are reused. */
struct netns_id {
	uint64_t device;
	uint64_t inode;
};

/*
 * Opens the network namespace at path (nsfs, NS_GET_NSTYPE). Other files are not opened. Returns 1
 * opened, the descriptor is the caller's; 0 the path is absent or not a network namespace (a
 * left-over regular file), with ERR_NETNS in err for callers that treat this as a failure; -1
 * failed.
 */
int netns_open(const char *path, int *fd_out, struct err *err);

/* Opens the namespace of the calling thread. Returns 0, or -1 with ERR_NETNS. */
int netns_open_self(int *fd_out, struct err *err);

/* Identifies the namespace of a descriptor. Returns 0, or -1 with ERR_NETNS. */
int netns_identify(int fd, struct netns_id *id_out, struct err *err);
bool netns_same(const struct netns_id *a, const struct netns_id *b);

/*
 * Whether path leads to that namespace; a path like /proc/PID/ns/net may lead to another one once
 * PID has been reused. Returns 1 yes, 0 another one or none, -1 unknown.
 */
int netns_leads_to(const char *path, const struct netns_id *id);

/*
 * Runs fn inside the namespace fd, returns to home (from netns_open_self) and returns fn's result,
 * or -1 with ERR_NETNS. Aborts the program if it cannot return: all further steps would be applied
 * to the wrong namespace.
 */
int netns_run(int fd, int home, int (*fn)(void *ctx, struct err *err), void *ctx, struct err *err);
