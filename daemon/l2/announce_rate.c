/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/announce_rate.h"

void announce_rate_free(struct announce_rate *rate)
{
	announce_buckets_free(&rate->ports);
}

/* A bucket that is full is as one that does not exist. */
static void drop_full(struct announce_buckets *buckets, uint64_t now_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < buckets->len; i++)
		if (buckets->at[i].full_ms > now_ms)
			buckets->at[kept++] = buckets->at[i];
	buckets->len = kept;
}

/* Returns NULL if out of memory. */
static struct announce_bucket *bucket_of(struct announce_buckets *buckets, uint32_t port)
{
	const struct announce_bucket added = { .port = port };

	for (size_t i = 0; i < buckets->len; i++)
		if (buckets->at[i].port == port)
			return &buckets->at[i];
	return announce_buckets_push(buckets, &added) ? &buckets->at[buckets->len - 1] : NULL;
}

/* Each token that is missing takes token_ms until the bucket is full. */
static bool has_token(const struct announce_bucket *bucket, uint64_t burst, uint64_t token_ms,
		      uint64_t now_ms)
{
	return bucket->full_ms <= now_ms || bucket->full_ms - now_ms + token_ms <= burst * token_ms;
}

static void take_token(struct announce_bucket *bucket, uint64_t token_ms, uint64_t now_ms)
{
	bucket->full_ms = (bucket->full_ms > now_ms ? bucket->full_ms : now_ms) + token_ms;
}

/*
 * Takes a token of the port and one of all ports. Returns false, and takes none, if one is missing.
 */
static bool take_tokens(struct announce_rate *rate, uint32_t port, uint64_t now_ms)
{
	struct announce_bucket *bucket = bucket_of(&rate->ports, port);

	if (!bucket || !has_token(bucket, ANNOUNCE_PORT_BURST, ANNOUNCE_PORT_MS, now_ms) ||
	    !has_token(&rate->all, ANNOUNCE_BURST, ANNOUNCE_MS, now_ms))
		return false;
	take_token(bucket, ANNOUNCE_PORT_MS, now_ms);
	take_token(&rate->all, ANNOUNCE_MS, now_ms);
	return true;
}

static bool is_change(const struct local_endpoints *before, const struct endpoint *endpoint)
{
	const struct local_endpoint *old = announce_find(before, &endpoint->addr);

	return !old || mac_cmp(&old->endpoint.mac, &endpoint->mac);
}

size_t announce_rate_apply(struct announce_rate *rate, const struct local_endpoints *before,
			   struct endpoints *locals, uint64_t now_ms)
{
	size_t kept = 0, held;

	drop_full(&rate->ports, now_ms);
	for (size_t i = 0; i < locals->len; i++) {
		const struct endpoint *endpoint = &locals->at[i];

		if (!endpoint->seen || !is_change(before, endpoint) ||
		    take_tokens(rate, endpoint->port, now_ms))
			locals->at[kept++] = *endpoint;
	}
	held = locals->len - kept;
	locals->len = kept;
	rate->held += held;
	return held;
}
