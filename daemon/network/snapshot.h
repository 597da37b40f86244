/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network's configuration and leases as they were read from the store last, on disk: a node
 * that boots without the store starts its data path from them. Written rarely, read once.
 *
 *   STATE/networks/NAME.json
 *   {"version":1,"restored":true,"seen":{"cluster":"9","revision":"4711","term":"2"},
 *   "config":"<the configuration's text>","subnets":{
 *   "10.5.2.0-24":{"PublicIP":..},
 *   ..}}                                            keys and values as in the store (lease.h)
 *
 * restored and seen are left out when false or zero. They are in the first line, which is read
 * alone, however large the rest is.
 */
#pragma once

#include "daemon/store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct lease_table;
struct leases;

struct snapshot_head {
	struct store_point seen; /* the point in the store's history then, or earlier */
	/* Written in the grace period of a restored store, which may lack some of the leases. */
	bool restored;
};

/*
 * Writes the snapshot durably, if more than seen differs from the one that *written is the hash
 * of (0: none), and sets *written. Leases that cannot be used are left out, and vanished ones
 * too unless head->restored. Returns 0 or -1.
 */
int snapshot_write(const char *state_dir, const char *name, const struct snapshot_head *head,
		   const char *config, const struct leases *leases, uint64_t *written,
		   struct err *err);

/* Returns 1 when read, 0 when there is none, -1 when it cannot be read (ERR_STATE). */
int snapshot_read_head(const char *state_dir, const char *name, struct snapshot_head *head_out,
		       struct err *err);

/*
 * Reads the configuration's text, malloc'ed, the caller's, and puts the leases into table, as a
 * complete list. Returns 1 when read, 0 when there is none, -1 when it cannot be read
 * (ERR_STATE): table is as before then.
 */
int snapshot_read(const char *state_dir, const char *name, char **config_out,
		  struct lease_table *table, struct err *err);
