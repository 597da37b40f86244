/* SPDX-License-Identifier: Apache-2.0 */
#include "common/vec.h"

#include <stdint.h>
#include <sys/mman.h>

/* The first allocation: this many elements, in at most this many bytes unless one is larger. */
#define FIRST_LEN 16
#define FIRST_SIZE 512
#define PAGE 4096
#define LARGE ((size_t)128 * 1024)

bool vec_grow(void **items, size_t len, size_t *cap, size_t size, size_t max)
{
	size_t want;
	void *grown;

	if (len < *cap)
		return true;
	if (len >= max)
		return false;
	want = *cap * 2;
	if (!want)
		want = size < FIRST_SIZE / FIRST_LEN ? FIRST_LEN : FIRST_SIZE / size;
	if (!want)
		want = 1;
	if (want > max)
		want = max;
	grown = reallocarray(*items, want, size);
	if (!grown)
		return false;
	*items = grown;
	*cap = want;
	return true;
}

/*
 * Populates the pages of a large allocation in one call: faulting them in one by one takes several
 * times as long. Kernels before 5.14 return an error, which is harmless.
 */
static void fault_in(void *items, size_t size)
{
	size_t before = (PAGE - (uintptr_t)items % PAGE) %
			PAGE; /* bytes up to the first page boundary */

	if (size >= LARGE)
		(void)madvise((char *)items + before, (size - before) / PAGE * PAGE,
			      MADV_POPULATE_WRITE);
}

bool vec_reserve(void **items, size_t len, size_t *cap, size_t size, size_t max)
{
	void *grown;

	if (len <= *cap)
		return true;
	if (len > max)
		return false;
	grown = reallocarray(*items, len, size);
	if (!grown)
		return false;
	fault_in(grown, len * size);
	*items = grown;
	*cap = len;
	return true;
}

void vec_shrink(void **items, size_t len, size_t *cap, size_t size)
{
	void *shrunk = len && len < *cap ? reallocarray(*items, len, size) : NULL;

	if (!shrunk)
		return;
	*items = shrunk;
	*cap = len;
}

bool vec_merge(const void *a, size_t a_len, const void *b, size_t b_len, size_t size,
	       vec_cmp_fn *cmp, vec_merge_fn *visit, void *ctx)
{
	const uint8_t *left = a, *right = b;
	size_t i = 0, j = 0;

	while (i < a_len || j < b_len) {
		const void *l = i < a_len ? left + i * size : NULL;
		const void *r = j < b_len ? right + j * size : NULL;
		int order = !l ? 1 : !r ? -1 : cmp(l, r);

		if (!visit(ctx, order <= 0 ? l : NULL, order >= 0 ? r : NULL))
			return false;
		i += order <= 0;
		j += order >= 0;
	}
	return true;
}

void *vec_find(const void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *key)
{
	return len ? bsearch(key, items, len, size, cmp) : NULL;
}

size_t vec_place(const void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *key)
{
	const uint8_t *at = items;
	size_t low = 0, high = len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (cmp(at + middle * size, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t vec_remove(void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *gone,
		  size_t gone_len)
{
	const uint8_t *key = gone;
	uint8_t *at = items;
	size_t kept = 0, seen = 0;

	/* The elements between two removed ones move as one block. */
	for (size_t i = 0; i < gone_len && seen < len; i++, key += size) {
		size_t place = seen + vec_place(at + seen * size, len - seen, size, cmp, key);

		memmove(at + kept * size, at + seen * size, (place - seen) * size);
		kept += place - seen;
		seen = place + (place < len && cmp(at + place * size, key) == 0);
	}
	if (len > seen)
		memmove(at + kept * size, at + seen * size, (len - seen) * size);
	return kept + len - seen;
}

size_t vec_insert(void *items, size_t len, size_t size, vec_cmp_fn *cmp, const void *added,
		  size_t added_len)
{
	const uint8_t *from = added;
	uint8_t *at = items;
	size_t rest = len;

	/* Backwards, so that every element moves once, to its final place. */
	for (size_t i = added_len; i-- > 0;) {
		size_t place = vec_place(at, rest, size, cmp, from + i * size);

		memmove(at + (place + i + 1) * size, at + place * size, (rest - place) * size);
		memcpy(at + (place + i) * size, from + i * size, size);
		rest = place;
	}
	return len + added_len;
}

void vec_sort(void *items, size_t len, size_t size, vec_cmp_fn *cmp)
{
	const uint8_t *at = items;
	size_t i = 1;

	/* Sorted input, which is frequent, costs one iteration. */
	while (i < len && cmp(at + (i - 1) * size, at + i * size) <= 0)
		i++;
	if (i < len)
		qsort(items, len, size, cmp);
}
