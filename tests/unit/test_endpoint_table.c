/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/endpoint_table.h"

#include "daemon/store/store.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

#define DUE 1000

#define VALUE "{\"MAC\":\"0a:58:ac:12:01:07\",\"Node\":\"" SAMPLE_NODE "\"}"

static int setup(void **state)
{
	*state = test_calloc(1, sizeof(struct endpoint_table));
	return 0;
}

static int teardown(void **state)
{
	endpoint_table_free(*state);
	test_free(*state);
	return 0;
}

#define table_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int put(struct endpoint_table *table, const char *key, const char *value, uint64_t revision)
{
	const struct store_entry entry = {
		.key = key,
		.value = value,
		.value_size = strlen(value),
		.mod_revision = revision,
	};
	struct err err = ERR_INIT;

	return endpoint_table_put(table, &entry, &err);
}

/* "172.18.1.7@3 172.18.1.8@4!", "!" for a vanished one. */
static const char *text_of(const struct endpoint_table *table)
{
	static char text[512];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < table->current.len; i++) {
		const struct endpoint *at = &table->current.at[i];
		char addr[IPADDR_TEXT_SIZE];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s@%ju%s", i ? " " : "",
					ipaddr_text(&at->addr, addr), (uintmax_t)at->mod_revision,
					at->vanished ? "!" : "");
	}
	return text;
}

static void list(struct endpoint_table *table, const char *const *keys, uint64_t revision)
{
	endpoint_table_list_begin(table);
	for (; *keys; keys++)
		assert_int_equal(put(table, *keys, VALUE, revision), 0);
	assert_true(endpoint_table_list_end(table, DUE));
}

static void a_list_that_fails_changes_nothing(void **state)
{
	const char *const keys[] = { "172.18.1.8", "172.18.1.7", NULL };
	struct endpoint_table *table = *state;

	assert_false(table->known);
	endpoint_table_list_begin(table);
	assert_int_equal(put(table, "172.18.1.7", VALUE, 3), 0);
	endpoint_table_list_failed(table);
	assert_false(table->known);
	assert_string_equal(text_of(table), "");
	list(table, keys, 4);
	assert_true(table->known);
	endpoint_table_list_begin(table);
	endpoint_table_list_failed(table);
	assert_string_equal(text_of(table), "172.18.1.7@4 172.18.1.8@4");
}

static void what_a_list_lacks_stays_until_it_is_dropped(void **state)
{
	const char *const both[] = { "172.18.1.7", "172.18.1.8", NULL };
	const char *const one[] = { "172.18.1.8", NULL };
	struct endpoint_table *table = *state;

	list(table, both, 4);
	list(table, one, 5);
	assert_string_equal(text_of(table), "172.18.1.7@4! 172.18.1.8@5");
	assert_int_equal(endpoint_table_drop_vanished(table, DUE, DUE, NULL, NULL), 1);
	assert_string_equal(text_of(table), "172.18.1.8@5");
	assert_int_equal(endpoint_table_drop_vanished(table, DUE, DUE, NULL, NULL), 0);
}

static void an_invalid_value_keeps_the_previous_one(void **state)
{
	const char *const keys[] = { "172.18.1.7", NULL };
	struct endpoint_table *table = *state;

	list(table, keys, 4);
	assert_int_equal(put(table, "172.18.1.7", "{}", 5), -1);
	assert_int_equal(put(table, "172.18.1.9", "{}", 5), -1);
	assert_int_equal(put(table, "x", VALUE, 5), -1);
	assert_string_equal(text_of(table), "172.18.1.7@4");
	endpoint_table_list_begin(table);
	assert_int_equal(put(table, "172.18.1.7", "{}", 5), -1);
	assert_true(endpoint_table_list_end(table, DUE));
	assert_string_equal(text_of(table), "172.18.1.7@4");
}

static void an_older_revision_is_ignored(void **state)
{
	struct endpoint_table *table = *state;

	assert_int_equal(put(table, "172.18.1.7", VALUE, 4), 0);
	assert_int_equal(put(table, "172.18.1.7", VALUE, 3), 0);
	endpoint_table_delete(table, "172.18.1.7", 3, DUE);
	assert_string_equal(text_of(table), "172.18.1.7@4");
	endpoint_table_delete(table, "172.18.1.7", 5, DUE);
	endpoint_table_delete(table, "172.18.1.8", 5, DUE);
	assert_string_equal(text_of(table), "172.18.1.7@5!");
	assert_int_equal(put(table, "172.18.1.7", VALUE, 6), 0);
	assert_string_equal(text_of(table), "172.18.1.7@6");
	assert_int_equal(table->vanished, 0);
}

static bool keep_seven(void *ctx, const struct endpoint *endpoint)
{
	const struct ipaddr seven = sample_addr("172.18.1.7");

	(*(unsigned *)ctx)++;
	return ipaddr_equal(&endpoint->addr, &seven);
}

static void vanished_ones_can_be_kept_for_longer(void **state)
{
	const char *const keys[] = { "172.18.1.7", "172.18.1.8", "172.18.1.9", NULL };
	struct endpoint_table *table = *state;
	unsigned asked = 0;

	list(table, keys, 4);
	endpoint_table_delete(table, "172.18.1.7", 5, DUE);
	endpoint_table_delete(table, "172.18.1.8", 5, DUE);
	assert_int_equal(endpoint_table_drop_vanished(table, DUE, 2 * DUE, keep_seven, &asked), 1);
	assert_int_equal(asked, 2);
	assert_int_equal(table->vanished, 1);
	assert_string_equal(text_of(table), "172.18.1.7@5! 172.18.1.9@4");
	assert_int_equal(endpoint_table_next_due(table), 2 * DUE);
	assert_int_equal(endpoint_table_drop_vanished(table, 2 * DUE - 1, 0, NULL, NULL), 0);
	assert_int_equal(endpoint_table_drop_vanished(table, 2 * DUE, 0, NULL, NULL), 1);
	assert_int_equal(endpoint_table_next_due(table), UINT64_MAX);
}

static void each_vanished_one_has_its_own_time(void **state)
{
	const char *const keys[] = { "172.18.1.7", "172.18.1.8", "172.18.1.9", NULL };
	const char *const one[] = { "172.18.1.9", NULL };
	struct endpoint_table *table = *state;

	list(table, keys, 4);
	endpoint_table_delete(table, "172.18.1.8", 5, DUE + 500);
	endpoint_table_delete(table, "172.18.1.7", 5, DUE);
	endpoint_table_delete(table, "172.18.1.7", 6, DUE + 900); /* it has vanished before */
	assert_int_equal(endpoint_table_next_due(table), DUE);
	assert_int_equal(endpoint_table_drop_vanished(table, DUE - 1, 0, NULL, NULL), 0);
	assert_int_equal(endpoint_table_drop_vanished(table, DUE, 0, NULL, NULL), 1);
	assert_string_equal(text_of(table), "172.18.1.8@5! 172.18.1.9@4");
	list(table, one, 7); /* without .8, which keeps its time */
	assert_int_equal(endpoint_table_next_due(table), DUE + 500);
	assert_int_equal(put(table, "172.18.1.8", VALUE, 8), 0);
	assert_int_equal(endpoint_table_next_due(table), UINT64_MAX);
	endpoint_table_delete(table, "172.18.1.8", 9, DUE + 2000);
	assert_int_equal(endpoint_table_next_due(table), DUE + 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		table_test(a_list_that_fails_changes_nothing),
		table_test(what_a_list_lacks_stays_until_it_is_dropped),
		table_test(an_invalid_value_keeps_the_previous_one),
		table_test(an_older_revision_is_ignored),
		table_test(vanished_ones_can_be_kept_for_longer),
		table_test(each_vanished_one_has_its_own_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
