/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of this node that are in use: one entry each, made and removed at once
 * with one system call, so that it is there whole or not at all. Called by the plugin, with
 * the attachment's lock held. Never reads the directory but after damage.
 *
 *   RUN/ipam/NETWORK/10.5.1.7 -> ../../attachments/NETWORK/0f3a5c7e91b2d486
 *   RUN/ipam/NETWORK/lock     held while an address is chosen or given back; in it the order in
 *                             which they are given (ipam/order.h)
 *
 * To choose takes the same time however many are in use: the next one that was never given, or
 * the one that was given back first. Only where these memories fail (all is in use, a
 * crash, another range) are the entries walked through.
 *
 * The order of things makes a crash harmless: an ADD writes the addresses that it has chosen
 * into the attachment's record, then takes them; whoever releases them removes what the record
 * names *and* what leads back to the record, then the record.
 */
#pragma once

#include "ipam/attachment.h"
#include "ipam/range.h"

#include <stddef.h>

struct err;

/* What is chosen from: for each address the ranges, and the one that was asked for, if any. */
struct pool_choice {
	struct range_set set;
	struct ipaddr wanted; /* unset: any; else one of the set */
};

/*
 * Chooses an address for each choice, writes the record with them, and takes them; *record
 * holds all else already and gets the addresses. Entries that are not ours (a file, a foreign
 * link) are stepped over and logged. ERR_POOL_FULL names the ranges, ERR_ADDRESS an
 * address that was asked for and is in use. After a failure the record may stand: the caller
 * releases.
 */
int pool_take(const struct attachment_lock *lock, const struct pool_choice choices[], size_t len,
	      struct attachment *record, struct err *err);

/* Whether an address could be chosen now, without any lock: 0, or -1 with ERR_POOL_FULL. */
int pool_check_room(const char *run_dir, const char *network, const struct range_set *set,
		    struct err *err);

/* Gives back those of the record's addresses that are this attachment's, and no others. */
int pool_release(const struct attachment_lock *lock, const struct attachment *record,
		 struct err *err);

/* The same for a record that cannot be read: looks at every entry. */
int pool_release_all(const struct attachment_lock *lock, struct err *err);

/* Whether the address is this attachment's. 1 / 0 / -1. */
int pool_holds(const struct attachment_lock *lock, const struct ipaddr *addr, struct err *err);
