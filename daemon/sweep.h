/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives back what attachments hold whose containers have died without a DEL: at the start and
 * then every few minutes, so that runtimes without GC do not leak addresses. By what is
 * seen on this node alone, never by what a runtime or the store says; an attachment that an
 * ADD or DEL holds the lock of is left for the next time.
 */
#pragma once

#include <stddef.h>

struct err;
struct loop;
struct nl;

struct sweep;

/* Starts it. run_dir and network are borrowed. ERR_NOMEM. */
int sweep_new(struct loop *loop, struct nl *nl, const char *run_dir, const char *network,
	      struct sweep **sweep_out, struct err *err);
/* NULL is allowed. */
void sweep_free(struct sweep *sweep);

/* One sweep, now; how many attachments were ended. What fails is logged. For sweep.c and tests. */
size_t sweep_once(struct nl *nl, const char *run_dir, const char *network);
