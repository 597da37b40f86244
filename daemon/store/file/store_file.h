/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a file (store_file_doc.h), for clusters without etcd, labs and tests. The file is
 * read whole when it changes, and the difference is reported. A file that cannot be read or parsed
 * changes nothing and is reported as a store that is not reached. A put locks "PATH.lock", reads
 * the file, checks its conditions and renames a new file over the old one: several weftd, on one
 * machine or on a shared file system, can acquire subnets from one file. A put that changes nothing
 * does not write, so that the file can be read-only.
 *
 * Leases in a file do not expire: grant returns 0, and every key is a reservation.
 *
 * Reading and writing block on the file system.
 */
#pragma once

#include "daemon/store/store.h"

#include <stdbool.h>

struct err;
struct loop;

struct store_file_options {
	const char *path;    /* absolute; copied */
	const char *network; /* "default", or one of "networks"; copied */
	bool l2_endpoints;   /* the keys are those of "endpoints" instead of "subnets" */
};

/*
 * loop and listener must outlive the store. Within a callback of the listener all operations but
 * free are allowed. Returns 0, or -1 with ERR_NOMEM or ERR_IO.
 */
int store_file_new(struct loop *loop, const struct store_file_options *options,
		   const struct store_listener *listener, void *ctx, struct store **store_out,
		   struct err *err);
