/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed vectors and the merge walk over two sorted ones.
 *
 * VEC_DEFINE(peers, struct peer) makes `struct peers { struct peer *at; size_t
 * len, cap; }` with peers_push, peers_reserve, peers_clear and peers_free. A vector of all
 * zero bytes is empty and valid. Elements are copied by assignment; a vector
 * does not free what its elements own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef int vec_cmp_fn(const void *a, const void *b);

/*
 * Makes room for one more element of size bytes in *items, doubling *cap up to
 * max elements. False when memory or the limit is exhausted; nothing changes then.
 */
bool vec_grow(void **items, size_t len, size_t *cap, size_t size, size_t max);

/*
 * Makes room for len elements in all, and no more than that: what is known to be large is better
 * made once than doubled into. False as vec_grow says.
 */
bool vec_reserve(void **items, size_t len, size_t *cap, size_t size, size_t max);

/*
 * Walks two arrays sorted by cmp, with no duplicates in either, in one pass and
 * calls visit for every element of the union in order: (a, NULL) where only a
 * has it, (NULL, b) where only b has it, (a, b) where both do. Stops early when
 * visit answers false; answers whether the walk came to its end.
 */
typedef bool vec_merge_fn(void *ctx, const void *a, const void *b);
bool vec_merge(const void *a, size_t a_len, const void *b, size_t b_len, size_t size,
	       vec_cmp_fn *cmp, vec_merge_fn *visit, void *ctx);

/* The element that cmp calls equal to key in a sorted array, or NULL. */
void *vec_find(const void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *key);

/* The index of the first element that is not less than key in a sorted array; len: there is none. */
size_t vec_place(const void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *key);

/*
 * Takes out of a sorted array what equals an element of gone, and puts those of added, which
 * equal none that is left, where they belong; both are sorted, too, and the array has room. Every
 * element moves at most twice. Answers the new length.
 */
size_t vec_take(void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *gone,
		size_t gone_len);
size_t vec_insert(void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *added,
		  size_t added_len);

/* Sorts an array by cmp; NULL items with len 0 are allowed. */
void vec_sort(void *items, size_t len, size_t size, vec_cmp_fn *cmp);

#define VEC_MAX ((size_t)1 << 20) /* no collection of ours is meant to grow beyond this */

#define VEC_DEFINE(name, type)                                                                     \
	struct name {                                                                              \
		type *at;                                                                          \
		size_t len, cap;                                                                   \
	};                                                                                         \
	static inline bool name##_push(struct name *vec, type const *item)                         \
	{                                                                                          \
		void *items = vec->at;                                                             \
                                                                                                   \
		if (!vec_grow(&items, vec->len, &vec->cap, sizeof(type), VEC_MAX))                 \
			return false;                                                              \
		vec->at = items;                                                                   \
		vec->at[vec->len++] = *item;                                                       \
		return true;                                                                       \
	}                                                                                          \
	static inline bool name##_reserve(struct name *vec, size_t len)                            \
	{                                                                                          \
		void *items = vec->at;                                                             \
		bool good = vec_reserve(&items, len, &vec->cap, sizeof(type), VEC_MAX);            \
                                                                                                   \
		vec->at = items;                                                                   \
		return good;                                                                       \
	}                                                                                          \
	static inline void name##_clear(struct name *vec)                                          \
	{                                                                                          \
		vec->len = 0;                                                                      \
	}                                                                                          \
	static inline void name##_free(struct name *vec)                                           \
	{                                                                                          \
		free(vec->at);                                                                     \
		memset(vec, 0, sizeof(*vec));                                                      \
	}                                                                                          \
	struct name##_wants_a_semicolon
