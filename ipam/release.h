/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes an attachment's record away, and with it what the record holds. For whoever ends an
 * attachment: DEL, GC, the daemon's sweep; its device must be gone by then, because an address
 * that is given back may be another's at once.
 */
#pragma once

struct attachment_lock;
struct err;

/*
 * Gives back what the record names; where it names nothing (it is empty or damaged, which is
 * logged), all that leads to it; then removes it. A record that is another attachment's is
 * left alone, with a warning. ERR_IO.
 */
int release_record(const struct attachment_lock *lock, struct err *err);
