/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a failed request to an API server is repeated. An API server that has just started denies
 * everything until it has read its roles, so a 403 counts as temporary at first. Pure but for the
 * jitter; the caller owns the timer. Used by store_kube.c.
 */
#pragma once

#include "common/retry.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

/* The 403s in a row of one API server. */
struct kube_denied {
	const char *server;
	uint64_t first_ms, last_ms;
	bool interrupted; /* it has failed otherwise since the last one */
};
VEC_DEFINE(kube_denieds, struct kube_denied);

struct kube_backoff {
	struct retry retry;
	struct kube_denieds denied; /* of the servers with a 403 since everything was permitted */
};

void kube_backoff_init(struct kube_backoff *backoff);
void kube_backoff_free(struct kube_backoff *backoff);

/*
 * Counts a failed attempt; now_ms: CLOCK_MONOTONIC. retry_after_s: as the response requests; 0:
 * not. server is compared by address, and must outlive backoff. Returns the delay before the next
 * attempt in ms. The first 403 in a row starts the backoff again.
 */
uint64_t kube_backoff_fail(struct kube_backoff *backoff, const char *server, const struct err *why,
			   uint32_t retry_after_s, uint64_t now_ms);
/*
 * Returns whether the error, which was counted, is a 403 of an API server that may be starting.
 * Without memory it is not.
 */
bool kube_backoff_is_starting(const struct kube_backoff *backoff, const char *server,
			      const struct err *why, uint64_t now_ms);
/* Everything was permitted: the next 403 is the first one. */
void kube_backoff_permit(struct kube_backoff *backoff);
