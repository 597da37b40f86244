/* SPDX-License-Identifier: Apache-2.0 */
#include "common/vec.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

VEC_DEFINE(numbers, int);

static int by_value(const void *a, const void *b)
{
	const int *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void grows_by_pushing(void **state)
{
	struct numbers vec = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(numbers_push(&vec, &i));
	assert_int_equal(vec.len, 1000);
	assert_true(vec.cap >= 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(vec.at[i], i);
	numbers_clear(&vec);
	assert_int_equal(vec.len, 0);
	assert_non_null(vec.at);
	numbers_free(&vec);
	assert_null(vec.at);
	assert_int_equal(vec.cap, 0);
	numbers_free(&vec);
}

static void reserves_space_at_once(void **state)
{
	struct numbers vec = { 0 };
	const int *at;

	(void)state;
	assert_true(numbers_reserve(&vec, 0));
	assert_null(vec.at);
	assert_true(numbers_reserve(&vec, 1000));
	assert_int_equal(vec.len, 0);
	assert_int_equal(vec.cap, 1000);
	at = vec.at;
	for (int i = 0; i < 1000; i++)
		assert_true(numbers_push(&vec, &i));
	assert_ptr_equal(vec.at, at);
	assert_true(numbers_reserve(&vec, 10)); /* the capacity is sufficient already */
	assert_false(numbers_reserve(&vec, VEC_MAX + 1));
	assert_int_equal(vec.cap, 1000);
	assert_int_equal(vec.at[999], 999);
	numbers_free(&vec);
}

/* A vector of one large element takes little more memory than the element. */
static void starts_with_few_large_elements(void **state)
{
	static const struct {
		size_t size, cap;
	} cases[] = { { 1, 16 },  { 8, 16 },  { 32, 16 }, { 33, 15 },
		      { 256, 2 }, { 512, 1 }, { 4000, 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		void *items = NULL;
		size_t cap = 0;

		assert_true(vec_grow(&items, 0, &cap, cases[i].size, VEC_MAX));
		assert_int_equal(cap, cases[i].cap);
		assert_true(vec_grow(&items, cap, &cap, cases[i].size, VEC_MAX));
		assert_int_equal(cap, 2 * cases[i].cap);
		free(items);
	}
}

static void grows_no_further_than_max(void **state)
{
	void *items = NULL;
	size_t cap = 0;

	(void)state;
	for (size_t len = 0; len < 20; len++)
		assert_true(vec_grow(&items, len, &cap, 8, 20));
	assert_int_equal(cap, 20);
	assert_false(vec_grow(&items, 20, &cap, 8, 20));
	assert_int_equal(cap, 20);
	free(items);
}

/* Makes malloc return NULL under the address sanitizer instead of ending the program. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void a_failed_growth_changes_nothing(void **state)
{
	void *items = NULL;
	size_t cap = 0;

	(void)state;
	assert_false(vec_grow(&items, 0, &cap, SIZE_MAX / 4, 20));
	assert_null(items);
	assert_int_equal(cap, 0);
}

/* Every way to remove some of 1 to 6, and to insert some of them again. */
static void takes_out_and_puts_in(void **state)
{
	(void)state;
	for (unsigned from = 0; from < 64; from++) {
		for (unsigned mask = 0; mask < 64; mask++) {
			int items[8], gone[6], added[6];
			size_t len = 0, gone_len = 0, added_len = 0;

			for (int n = 0; n < 6; n++) {
				if (from >> n & 1)
					items[len++] = n;
				if (mask >> n & 1)
					gone[gone_len++] = n;
				if (mask >> n & 1 && from >> n & 1)
					added[added_len++] = n;
			}
			len = vec_remove(items, len, sizeof(int), by_value, gone, gone_len);
			assert_int_equal(len, __builtin_popcount(from & ~mask));
			for (size_t i = 0; i < len; i++)
				assert_true(~mask & from & 1U << items[i]);
			len = vec_insert(items, len, sizeof(int), by_value, added, added_len);
			assert_int_equal(len, __builtin_popcount(from));
			for (size_t i = 1; i < len; i++)
				assert_true(items[i - 1] < items[i]);
		}
	}
}

static void finds_a_place(void **state)
{
	const int items[] = { 1, 3, 5 }, keys[] = { 0, 1, 2, 5, 6 };
	const size_t places[] = { 0, 0, 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(vec_place(items, 3, sizeof(int), by_value, &keys[i]), places[i]);
	assert_int_equal(vec_place(NULL, 0, sizeof(int), by_value, &keys[0]), 0);
}

static void sorts_and_finds(void **state)
{
	int items[] = { 5, 3, 9, 1 }, key = 9, missing = 4;

	(void)state;
	vec_sort(items, 4, sizeof(int), by_value);
	for (int i = 0; i < 3; i++)
		assert_true(items[i] < items[i + 1]);
	assert_ptr_equal(vec_find(items, 4, sizeof(int), by_value, &key), &items[3]);
	assert_null(vec_find(items, 4, sizeof(int), by_value, &missing));
	assert_null(vec_find(NULL, 0, sizeof(int), by_value, &key));
	vec_sort(NULL, 0, sizeof(int), by_value);
}

struct walk {
	char text[128];
	size_t stop_after;
};

static bool note(void *ctx, const void *a, const void *b)
{
	struct walk *walk = ctx;
	const int *left = a, *right = b;
	size_t len = strlen(walk->text);

	snprintf(walk->text + len, sizeof(walk->text) - len, "%s%d ",
		 left && right ? "=" :
		 left          ? "-" :
				 "+",
		 left ? *left : *right);
	return --walk->stop_after > 0;
}

static void merges_in_linear_time(void **state)
{
	static const struct {
		int a[4];
		size_t a_len;
		int b[4];
		size_t b_len;
		const char *walk;
	} cases[] = {
		{ { 0 }, 0, { 0 }, 0, "" },
		{ { 1, 2 }, 2, { 0 }, 0, "-1 -2 " },
		{ { 0 }, 0, { 1, 2 }, 2, "+1 +2 " },
		{ { 1, 2 }, 2, { 1, 2 }, 2, "=1 =2 " },
		{ { 1, 3, 5 }, 3, { 2, 3, 6, 7 }, 4, "-1 +2 =3 -5 +6 +7 " },
		{ { 8, 9 }, 2, { 1 }, 1, "+1 -8 -9 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct walk walk = { .stop_after = 100 };

		assert_true(vec_merge(cases[i].a, cases[i].a_len, cases[i].b, cases[i].b_len,
				      sizeof(int), by_value, note, &walk));
		assert_string_equal(walk.text, cases[i].walk);
	}
}

static void a_merge_stops_if_the_callback_fails(void **state)
{
	const int a[] = { 1, 3 }, b[] = { 2, 3 };
	struct walk walk = { .stop_after = 2 };

	(void)state;
	assert_false(vec_merge(a, 2, b, 2, sizeof(int), by_value, note, &walk));
	assert_string_equal(walk.text, "-1 +2 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_by_pushing),
		cmocka_unit_test(reserves_space_at_once),
		cmocka_unit_test(starts_with_few_large_elements),
		cmocka_unit_test(grows_no_further_than_max),
		cmocka_unit_test(a_failed_growth_changes_nothing),
		cmocka_unit_test(takes_out_and_puts_in),
		cmocka_unit_test(finds_a_place),
		cmocka_unit_test(sorts_and_finds),
		cmocka_unit_test(merges_in_linear_time),
		cmocka_unit_test(a_merge_stops_if_the_callback_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
