/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that would hold the loop up for long, done in a child process: it sees all as it was when
 * it began, changes nothing of it, and tells one number or an error. For writing what is large, and
 * waiting for the disk.
 */
#pragma once

#include <stdint.h>

struct err;
struct loop;

struct offload;

struct offload_job {
	/* In the child, which has no descriptor but the standard ones. 0 / -1. */
	int (*work)(void *ctx, uint64_t *number_out, struct err *err);
	/* In the loop, once, unless freed before. err NULL: it succeeded with this number. */
	void (*done)(void *ctx, uint64_t number, const struct err *err);
	void *ctx;
};

/* ERR_IO, ERR_NOMEM. The offload is freed by offload_free, also after done, and within it. */
int offload_start(struct loop *loop, const struct offload_job *job, struct offload **offload_out,
		  struct err *err);
/* Ends the child, if it still works. NULL is allowed. */
void offload_free(struct offload *offload);
