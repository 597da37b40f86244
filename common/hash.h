/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FNV-1a of 64 bits (draft-eastlake-fnv): maps names to numbers, identically on all machines and in
 * all versions. Not collision resistant against an adversary. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The hash of zero bytes, the initial value. */
#define HASH_INIT UINT64_C(0xcbf29ce484222325)

/* Returns hash extended by size bytes of data. */
uint64_t hash_add(uint64_t hash, const void *data, size_t size);
