/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_items.h"

#include "common/array.h"
#include "common/err.h"
#include "tests/unit/samples.h"

#include <stdio.h>
#include <string.h>

struct found {
	char text[512]; /* the items, each in parentheses */
	unsigned items, wanted;
};

static bool on_item(void *ctx, const char *text, size_t size)
{
	struct found *found = ctx;
	size_t len = strlen(found->text);

	assert_int_equal(text[size], '\0');
	snprintf(found->text + len, sizeof(found->text) - len, "(%s)", text);
	return ++found->items != found->wanted;
}

/* Adds the list in pieces of this size. */
static int add(const char *list, size_t piece, struct found *found, char metadata[static 64],
	       struct err *err)
{
	struct kube_items items = { .max = 40, .item = on_item, .ctx = found };
	size_t size = strlen(list);
	int rc = 1;

	for (size_t i = 0; rc > 0 && i < size; i += piece)
		rc = kube_items_add(&items, list + i, piece < size - i ? piece : size - i, err);
	if (rc > 0)
		rc = kube_items_end(&items, err);
	snprintf(metadata, 64, "%s", items.metadata ? items.metadata : "");
	kube_items_free(&items);
	return rc;
}

static void a_list_is_divided_wherever_it_is_cut(void **state)
{
	static const struct {
		const char *list, *items, *metadata;
	} cases[] = {
		{ "{\"kind\":\"List\",\"metadata\":{\"continue\":\"x\"},\"items\":[{\"a\":1},"
		  "{\"b\":[{\"c\":\"}]\\\"{\"}]}]}\n",
		  "({\"a\":1})({\"b\":[{\"c\":\"}]\\\"{\"}]})", "{\"continue\":\"x\"}" },
		{ " { \"items\" : [ ] , \"metadata\" : { } } ", "", "{ }" },
		{ "{\"items\":null,\"metadata\":{}}", "", "{}" },
		{ "{\"kind\":\"items\",\"x\":[{\"a\":1}],\"y\":{\"items\":[{}]},\"metadata\":{}}",
		  "", "{}" },
		{ "{\"metadata\":{\"items\":[{}]},\"items\":[{\"items\":[{}],\"metadata\":{}}]}",
		  "({\"items\":[{}],\"metadata\":{}})", "{\"items\":[{}]}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (size_t piece = 1; piece <= 200; piece += piece < 4 ? 1 : 49) {
			struct found found = { .items = 0 };
			struct err err = ERR_INIT;
			char metadata[64];

			if (add(cases[i].list, piece, &found, metadata, &err) < 0)
				fail_msg("%s: %s", cases[i].list, err.text);
			assert_string_equal(found.text, cases[i].items);
			assert_string_equal(metadata, cases[i].metadata);
		}
	}
}

static void what_is_no_complete_list_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "", "incomplete" },
		{ "x", "not a list" },
		{ "[]", "not a list" },
		{ "{\"items\":[{\"a\":1}", "incomplete" },
		{ "{\"metadata\":{},\"items\":[}]", "not a list" },
		{ "{\"metadata\":{}}}", "not a list" },
		{ "{\"metadata\":{}}{}", "not a list" },
		{ "{\"items\":[{}]}", "no metadata" },
		{ "{\"items\":[{\"a\":\"1234567890123456789012345678901234567890\"}]}",
		  "larger than 40 bytes" },
		{ "{\"items\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		  "not a list" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct found found = { .items = 0 };
		struct err err = ERR_INIT;
		char metadata[64];

		if (add(cases[i][0], 7, &found, metadata, &err) == 0)
			fail_msg("accepted: %s", cases[i][0]);
		assert_says(err.text, cases[i][1]);
	}
}

static void the_list_ends_when_its_reader_has_failed(void **state)
{
	struct found found = { .wanted = 1 };
	struct err err = ERR_INIT;
	char metadata[64];

	(void)state;
	assert_int_equal(add("{\"items\":[{},{}],\"metadata\":{}}", 100, &found, metadata, &err),
			 0);
	assert_string_equal(found.text, "({})");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_divided_wherever_it_is_cut),
		cmocka_unit_test(what_is_no_complete_list_is_refused),
		cmocka_unit_test(the_list_ends_when_its_reader_has_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
