/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_backoff.h"

#include "common/err.h"
#include "common/jitter.h"
#include "daemon/store/kube/kube_client.h"

#include <errno.h>

#define FIRST_MS 100
#define MAX_MS 30000
#define TEMPORARY_MAX_MS 2000
#define RETRY_AFTER_MAX_S 300
#define STARTING_MS 15000
/* 403s between which the server failed otherwise, with more time between them, are not in a row. */
#define DENIED_APART_MS (2 * MAX_MS)

void kube_backoff_init(struct kube_backoff *backoff)
{
	*backoff = (struct kube_backoff){ .retry = { .first_ms = FIRST_MS, .max_ms = MAX_MS } };
}

void kube_backoff_free(struct kube_backoff *backoff)
{
	kube_denieds_free(&backoff->denied);
}

static struct kube_denied *find(const struct kube_backoff *backoff, const char *server)
{
	for (size_t i = 0; i < backoff->denied.len; i++)
		if (backoff->denied.at[i].server == server)
			return &backoff->denied.at[i];
	return NULL;
}

/* Other servers may fail between two 403s, also those behind the same address. */
static void count_denied(struct kube_backoff *backoff, const char *server, uint64_t now_ms)
{
	struct kube_denied *denied = find(backoff, server);
	const struct kube_denied first = { server, now_ms, now_ms, false };

	if (!denied) {
		retry_reset(&backoff->retry);
		(void)!kube_denieds_push(&backoff->denied, &first);
	} else if (denied->interrupted && now_ms - denied->last_ms > DENIED_APART_MS) {
		retry_reset(&backoff->retry);
		*denied = first;
	} else {
		denied->last_ms = now_ms;
		denied->interrupted = false;
	}
}

static void count_other(struct kube_backoff *backoff, const char *server)
{
	struct kube_denied *denied = find(backoff, server);

	if (denied)
		denied->interrupted = true;
}

uint64_t kube_backoff_fail(struct kube_backoff *backoff, const char *server, const struct err *why,
			   uint32_t retry_after_s, uint64_t now_ms)
{
	const uint64_t wait_s = retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s :
								    RETRY_AFTER_MAX_S;
	uint64_t delay_ms;

	if (why->sys_errno == EACCES)
		count_denied(backoff, server, now_ms);
	else
		count_other(backoff, server);
	backoff->retry.max_ms = kube_client_is_temporary(why) ||
						kube_backoff_is_starting(backoff, server, why,
									 now_ms) ?
					TEMPORARY_MAX_MS :
					MAX_MS;
	delay_ms = retry_next_ms(&backoff->retry);
	return delay_ms > 1000 * wait_s ? delay_ms : jitter_ms(1000 * wait_s);
}

bool kube_backoff_is_starting(const struct kube_backoff *backoff, const char *server,
			      const struct err *why, uint64_t now_ms)
{
	const struct kube_denied *denied = find(backoff, server);

	return why->sys_errno == EACCES && denied && now_ms - denied->first_ms < STARTING_MS;
}

void kube_backoff_permit(struct kube_backoff *backoff)
{
	kube_denieds_clear(&backoff->denied);
}
