/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removes an attachment's record after releasing its addresses. Called by DEL, GC and weftd's
 * sweep. The attachment's device must be gone: a released address may be assigned again at once.
 */
#pragma once

struct attachment;
struct attachment_key;
struct attachment_lock;
struct err;

/*
 * Locks an attachment that is to be released, as attachment_lock_existing. A record that another
 * program has removed, or replaced by what is no file, is created again, empty, if addresses lead
 * to it: otherwise they would stay in use. Returns 1 locked, 0 nothing to release, -1 failed.
 */
int release_lock(const char *run_dir, const struct attachment_key *key,
		 struct attachment_lock *lock_out, struct err *err);

/* Removes the packet rules of macSpoofCheck, if any; a failure is logged. */
void release_spoof_check(const struct attachment *record);

/*
 * Removes the packet rules of macSpoofCheck, releases the record's addresses (all entries that lead
 * to the record if it is empty or, with a warning, damaged), then removes it. The record of another
 * attachment with the same hash is left alone, with a warning. Returns 0, or -1 with ERR_IO.
 */
int release_record(const struct attachment_lock *lock, struct err *err);
