/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/etcd/store_etcd_report.h"

#include "common/array.h"
#include "common/log.h"
#include "daemon/store/etcd/store_etcd_wire.h"
#include "daemon/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define P "/w/subnets/"
static void test_names(void **state)
{
	static const struct {
		const char *key;
		size_t size;
		const char *name; /* NULL: skipped */
	} cases[] = {
#define KEY(text) text, sizeof(text) - 1
		{ KEY(P "10.5.1.0-24"), "10.5.1.0-24" },
		{ KEY(P "10.5.1.0-24&fd00:5:1::-64"), "10.5.1.0-24&fd00:5:1::-64" },
		{ KEY(P "a/b"), "a\\x2fb" },
		{ KEY(P "a\\x2fb"), "a\\x5cx2fb" },
		{ KEY(P "a b\n"), "a\\x20b\\x0a" },
		{ KEY(P "a\0"), "a\\x00" },
		{ KEY(P "\xc3\xa4\x7f"), "\\xc3\\xa4\\x7f" },
		{ KEY(P), NULL },
		{ KEY("/w/subnets"), NULL },
		{ KEY("/w/subnets-meta/10.5.1.0-24"), NULL },
		{ KEY(""), NULL },
	};
	char name[STORE_ETCD_REPORT_KEY_SIZE], longest[sizeof(P) + STORE_ETCD_REPORT_KEY_MAX] = P;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(store_etcd_report_name(P, cases[i].key, cases[i].size, name),
				 cases[i].name != NULL);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
	}
	memset(longest + strlen(P), 0xff, STORE_ETCD_REPORT_KEY_MAX + 1);
	assert_false(store_etcd_report_name(P, longest, sizeof(longest), name));
	assert_true(store_etcd_report_name(P, longest, sizeof(longest) - 1, name));
	assert_int_equal(strlen(name), STORE_ETCD_REPORT_KEY_SIZE - 1);
}

struct told {
	unsigned entries, gone, configs;
	size_t value_size;
	bool none;
};

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct told *told = ctx;

	told->entries++;
	told->value_size = entry->value_size;
	assert_int_equal(strlen(entry->value), entry->value_size);
	assert_string_equal(entry->key, "k");
	assert_true(entry->mod_revision == 5 && entry->lease == 6);
}

static void on_gone(void *ctx, const char *key, uint64_t mod_revision)
{
	struct told *told = ctx;

	told->gone++;
	assert_string_equal(key, "k");
	assert_true(mod_revision == 5);
}

static void on_config(void *ctx, const char *text, size_t size)
{
	struct told *told = ctx;

	told->configs++;
	told->none = !text;
	told->value_size = size;
}

static const struct store_listener listener = {
	.entry = on_entry,
	.gone = on_gone,
	.config = on_config,
};

static void test_values_and_changes(void **state)
{
	static char value[STORE_ETCD_REPORT_VALUE_MAX + 2];
	struct told told = { .entries = 0 };
	struct store_etcd_report tell = { .listener = &listener,
					  .listener_ctx = &told,
					  .prefix = P };
	struct store_etcd_wire_kv kv = { .key = (char[]){ P "k" },
					 .key_size = sizeof(P),
					 .value = value,
					 .mod_revision = 5,
					 .lease = 6 };

	(void)state;
	memset(value, 'v', sizeof(value) - 2);
	kv.value_size = STORE_ETCD_REPORT_VALUE_MAX;
	store_etcd_report(&tell, &kv);
	assert_int_equal(told.value_size, STORE_ETCD_REPORT_VALUE_MAX);
	store_etcd_report_config(&tell, &kv);
	assert_int_equal(told.value_size, STORE_ETCD_REPORT_VALUE_MAX);
	value[kv.value_size++] = 'v';
	store_etcd_report(&tell, &kv);
	assert_int_equal(told.value_size, 0);
	store_etcd_report_config(&tell, &kv);
	assert_int_equal(told.value_size, 0);
	assert_false(told.none);
	store_etcd_report_config(&tell, NULL);
	assert_true(told.none);
	kv.deleted = true;
	store_etcd_report(&tell, &kv);
	assert_int_equal(told.entries, 2);
	assert_int_equal(told.gone, 1);
	assert_int_equal(told.configs, 3);
}

static void test_skipped_keys_are_warned_about_once(void **state)
{
	struct told told = { .entries = 0 };
	struct store_etcd_report tell = { .listener = &listener,
					  .listener_ctx = &told,
					  .prefix = P };
	struct store_etcd_wire_kv kv = { .key = (char[]){ "/w/other" }, .key_size = 8 };
	char text[512] = "";
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, fds[1]);
	for (int i = 0; i < 1000; i++)
		store_etcd_report(&tell, &kv);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, 2);
	close(fds[1]);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	close(fds[0]);
	assert_non_null(strstr(text, "skipped"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_int_equal(tell.held, 999);
	assert_int_equal(told.entries + told.gone, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_values_and_changes),
		cmocka_unit_test(test_skipped_keys_are_warned_about_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
