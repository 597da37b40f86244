/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network was when the store told of it last, on disk: a node that boots without the
 * store brings its data path up from it. Written rarely, read once.
 *
 *   STATE/networks/NAME.json
 *   {"version":1,"restored":true,"seen":{"cluster":"9","revision":"4711","term":"2"},
 *   "config":"<the configuration's text>","subnets":{
 *   "10.5.2.0-24":{"PublicIP":..},
 *   ..}}                                            keys and values as in the store (peer.h)
 *
 * restored and seen are left out where they say nothing. They stand in the first line, which is
 * read alone, however large the rest is.
 */
#pragma once

#include "store.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct known;
struct peers;

struct lastgood_head {
	struct store_point seen; /* where the store's history was then, or earlier */
	bool restored; /* the store was, and may lack some of the peers, which were to stay */
};

/*
 * Writes it, durably, where more than seen differs from what *written is the hash of, and
 * remembers the new one there; 0: of nothing. What cannot be read as a peer is left out, and
 * what has vanished unless the store was restored. 0 / -1.
 */
int lastgood_write(const char *state_dir, const char *name, const struct lastgood_head *head,
		   const char *config, const struct peers *peers, uint64_t *written,
		   struct err *err);

/* 1 read, 0 there is none, -1 it cannot be read (ERR_STATE). */
int lastgood_read_head(const char *state_dir, const char *name, struct lastgood_head *head_out,
		       struct err *err);

/*
 * Reads the configuration's text, malloc'ed, the caller's, and tells known of the peers as
 * of a list. 1 read, 0 there is none, -1 it cannot be read (ERR_STATE), and known is as before.
 */
int lastgood_read(const char *state_dir, const char *name, char **config_out, struct known *known,
		  struct err *err);
