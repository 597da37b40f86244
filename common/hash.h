/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FNV-1a of 64 bits (draft-eastlake-fnv): spreads names over numbers, the same on every
 * machine and for ever. Not for what an adversary must not be able to collide. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The hash of nothing, which others start from. */
#define HASH_INIT UINT64_C(0xcbf29ce484222325)

/* The hash of what hash is of, followed by these bytes. */
uint64_t hash_add(uint64_t hash, const void *data, size_t size);
