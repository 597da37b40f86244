/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed vectors and the merge walk over two sorted ones.
 *
 * VEC_DEFINE(leases, struct lease) makes `struct leases { struct lease *at; size_t len, cap; }`
 * with leases_push, leases_reserve, leases_shrink, leases_clear, leases_free and AUTO(leases). A
 * vector of all zero bytes is empty and valid. Elements are copied by assignment; a vector does not
 * free what its elements own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef int vec_cmp_fn(const void *a, const void *b);

/*
 * Ensures room for one more element of size bytes in *items, doubling *cap up to max elements. The
 * first allocation is of 512 bytes or less, unless one element is larger.
 * Returns false, and changes nothing, when out of memory or at the limit.
 */
bool vec_grow(void **items, size_t len, size_t *cap, size_t size, size_t max);

/*
 * Ensures room for exactly len elements, for vectors of known size. Returns as vec_grow.
 */
bool vec_reserve(void **items, size_t len, size_t *cap, size_t size, size_t max);

/* Returns the memory behind the first len elements. Fails without an effect. */
void vec_shrink(void **items, size_t len, size_t *cap, size_t size);

/*
 * Merges two arrays sorted by cmp, without duplicates: calls visit for every element of the union
 * in order, with (a, NULL) if only a contains it, (NULL, b) if only b does, (a, b) if both do.
 * Stops when visit returns false. Returns whether the merge completed.
 */
typedef bool vec_merge_fn(void *ctx, const void *a, const void *b);
bool vec_merge(const void *a, size_t a_len, const void *b, size_t b_len, size_t size,
	       vec_cmp_fn *cmp, vec_merge_fn *visit, void *ctx);

/* Returns the element equal to key in a sorted array, or NULL. */
void *vec_find(const void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *key);

/*
 * Returns the index of the first element not less than key in a sorted array; len if there is none.
 */
size_t vec_place(const void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *key);

/*
 * vec_remove removes from a sorted array the elements equal to one of gone; vec_insert inserts
 * those of added, which must not equal existing ones. gone and added are sorted; the array must
 * have room. Every element moves at most once per call. Return the new length.
 */
size_t vec_remove(void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *gone,
		  size_t gone_len);
size_t vec_insert(void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *added,
		  size_t added_len);

/* Sorts an array by cmp; NULL items with len 0 are allowed. */
void vec_sort(void *items, size_t len, size_t size, vec_cmp_fn *cmp);

#define VEC_MAX ((size_t)1 << 20) /* limit of elements */

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
	static inline void name##_shrink(struct name *vec)                                         \
	{                                                                                          \
		void *items = vec->at;                                                             \
                                                                                                   \
		vec_shrink(&items, vec->len, &vec->cap, sizeof(type));                             \
		vec->at = items;                                                                   \
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
	static inline void auto_##name(struct name *vec)                                           \
	{                                                                                          \
		name##_free(vec);                                                                  \
	}                                                                                          \
	struct name##_wants_a_semicolon
