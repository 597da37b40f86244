/* SPDX-License-Identifier: Apache-2.0 */
#include "vec.h"

#include <stdint.h>

bool vec_grow(void **items, size_t len, size_t *cap, size_t size, size_t max)
{
	size_t want;
	void *grown;

	if (len < *cap)
		return true;
	if (len >= max)
		return false;
	want = *cap ? *cap * 2 : 16;
	if (want > max)
		want = max;
	grown = reallocarray(*items, want, size);
	if (!grown)
		return false;
	*items = grown;
	*cap = want;
	return true;
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

void vec_sort(void *items, size_t len, size_t size, vec_cmp_fn *cmp)
{
	if (len > 1)
		qsort(items, len, size, cmp);
}
