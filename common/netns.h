/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces: open one by path, know which it is, enter and leave it.
 * Single-threaded programs only: setns(2) moves the calling thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

/* Which namespace it is, whatever path led to it; inodes are reused after it is gone. */
struct netns_id {
	uint64_t device;
	uint64_t inode;
};

/*
 * Opens path, once it is known to be a namespace (nsfs), checks that it is one of the network
 * (NS_GET_NSTYPE) and answers a descriptor of the caller's. Anything else that lies there is not opened. 1 opened; 0 nothing usable is there any more: it
 * is absent, or no namespace (a left-over regular file), *fd_out untouched and err set with
 * ERR_NETNS for callers to whom that is a fault; -1 failed otherwise.
 */
int netns_open(const char *path, int *fd_out, struct err *err);

/* The namespace of the calling thread. */
int netns_open_self(int *fd_out, struct err *err);

int netns_identify(int fd, struct netns_id *id_out, struct err *err);
bool netns_same(const struct netns_id *a, const struct netns_id *b);

/*
 * Whether the path still leads to that namespace: a path like /proc/PID/ns/net comes to lead to
 * another's. 1 it does, 0 it leads to another or to nothing, -1 it cannot be told.
 */
int netns_leads_to(const char *path, const struct netns_id *id);

/*
 * Runs fn inside the namespace fd and comes back to home (from netns_open_self)
 * whatever fn answered. Not being able to come back ends the program: nothing
 * it could do from there on would be right.
 */
int netns_run(int fd, int home, int (*fn)(void *ctx, struct err *err), void *ctx, struct err *err);
