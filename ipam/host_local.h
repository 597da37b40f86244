/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses that the IPAM plugin host-local has assigned, for flannel's and other containers
 * that still run on this node. Read-only. A reservation is a regular file DIR/NETWORK/ADDRESS; the
 * directory is host-local's dataDir, by default HOST_LOCAL_DIR. Other files there are ignored.
 */
#pragma once

#include "common/auto.h"
#include "common/vec.h"

#include <limits.h>
#include <stdbool.h>

struct err;
struct ipaddr;

#define HOST_LOCAL_DIR "/var/lib/cni/networks"

struct host_local_network {
	char name[NAME_MAX + 1];
};

VEC_DEFINE(host_local_networks, struct host_local_network);

struct host_local {
	int dir_fd; /* -1: there is no directory */
	struct host_local_networks networks;
};

#define HOST_LOCAL_INIT ((struct host_local){ .dir_fd = -1 })

/*
 * Opens the directory and lists its networks. An absent one costs one failed open and has no
 * addresses. data_dir NULL: the same. Returns 0, or -1 with ERR_IO or ERR_NOMEM.
 */
int host_local_open(const char *data_dir, struct host_local *host_local_out, struct err *err);

/* HOST_LOCAL_INIT is allowed. */
void host_local_close(struct host_local *host_local);
AUTO_DEFINE_VALUE(host_local, struct host_local, host_local_close);

/* Returns whether the address is reserved in one of the networks. */
bool host_local_has(const struct host_local *host_local, const struct ipaddr *addr);
