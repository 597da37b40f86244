/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network was when the store told of it last, on disk: a node that boots without the
 * store brings its data path up from it. Written rarely, read once.
 *
 *   STATE/networks/NAME.json
 *   {"version":1,"config":"<the configuration's text>","subnets":{
 *   "10.5.2.0-24":{"PublicIP":..},
 *   ..}}                                            keys and values as in the store (peer.h)
 */
#pragma once

#include <stdint.h>

struct err;
struct known;
struct peers;

/*
 * Writes it, durably, where it differs from what *written is the hash of, and remembers the new
 * one there; 0: of nothing. What cannot be read as a peer is left out. 0 / -1.
 */
int lastgood_write(const char *state_dir, const char *name, const char *config,
		   const struct peers *peers, uint64_t *written, struct err *err);

/*
 * Reads the configuration's text, malloc'ed, the caller's, and tells known of the peers as
 * of a list. 1 read, 0 there is none, -1 it cannot be read (ERR_STATE), and known is as before.
 */
int lastgood_read(const char *state_dir, const char *name, char **config_out, struct known *known,
		  struct err *err);
