/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a job that would block the loop in a child process: the child has a copy of the process's
 * memory as of the start and reports one number or an error. For large writes and fsync(2).
 */
#pragma once

#include <stdint.h>

struct err;
struct loop;

struct offload;

struct offload_job {
	/* Runs in the child, with the standard descriptors only. Returns 0 / -1. */
	int (*work)(void *ctx, uint64_t *number_out, struct err *err);
	/* Called from the loop, once, unless freed before. err NULL: success, with number. */
	void (*done)(void *ctx, uint64_t number, const struct err *err);
	void *ctx;
};

/*
 * Forks the child. Does not block. Returns 0, or -1 with ERR_IO or ERR_NOMEM. The caller frees the
 * offload by offload_free, also after done; that may be within done.
 */
int offload_start(struct loop *loop, const struct offload_job *job, struct offload **offload_out,
		  struct err *err);
/* Kills the child if it is still running, and reaps it. NULL is allowed. */
void offload_free(struct offload *offload);
