/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subnets of all reported keys, each with the name of its Node, in which overlaps are found.
 * Used by kube_table.c. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kube_subnet {
	struct prefix prefix;
	const char *name; /* the owner's; must outlive it */
};
VEC_DEFINE(kube_subnets, struct kube_subnet);

struct kube_keys {
	struct kube_subnets subnets; /* sorted by address, length and name */
	uint32_t by_len[129];        /* how many of them have this length */
};

void kube_keys_free(struct kube_keys *keys);

/* key: of kube_key; "" has no subnet. Returns false if out of memory: nothing is added then. */
bool kube_keys_add(struct kube_keys *keys, const char *key, const char *name);
void kube_keys_remove(struct kube_keys *keys, const char *key, const char *name);

/*
 * Returns the name of a Node that has a subnet which contains one of key, equals it or lies in it,
 * and which accept permits; else NULL.
 */
const char *kube_keys_find(const struct kube_keys *keys, const char *key,
			   bool (*accept)(void *ctx, const char *name), void *ctx);
/* Returns whether a subnet of a and one of b overlap. */
bool kube_keys_overlap(const char *a, const char *b);
