/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store that is a file (store_file_doc.h), for clusters without etcd, labs and tests. It
 * is read whole when it changes, and the difference is told; what cannot be read or parsed
 * changes nothing, and is told as a store that is not reached. A key is put by writing the
 * whole file anew, under a lock on "PATH.lock" and by rename, after a look whether
 * the key is still what was read: so several weftd, on one machine or on one shared file system,
 * can take their subnets from one file. A put of what stands there already writes nothing, so
 * that a file which may not be written serves, too.
 *
 * Leases in a file do not end: grant answers 0, and every key is a reservation.
 *
 * Reading and writing block for as long as the file system does.
 */
#pragma once

#include "store.h"

struct err;
struct loop;

struct store_file_options {
	const char *path;    /* absolute; copied */
	const char *network; /* "default", or one of "networks"; copied */
};

/*
 * loop and listener outlive the store. The store is not freed inside a callback of its
 * listener; all its other operations may be used there.
 */
int store_file_new(struct loop *loop, const struct store_file_options *options,
		   const struct store_listener *listener, void *ctx, struct store **store_out,
		   struct err *err);
