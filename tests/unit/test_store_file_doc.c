/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store_file_doc.h"

#include "daemon/store.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

#define NAME "/x/net.json"

static struct store_file_doc parse(const char *text, const char *network)
{
	struct store_file_doc doc = { .revision = 0 };
	struct err err = ERR_INIT;

	assert_good(store_file_doc_parse(text, strlen(text), NAME, network, &doc, &err), err);
	return doc;
}

static void each_network_has_its_part(void **state)
{
	static const struct {
		const char *text, *network, *config, *keys;
	} cases[] = {
		{ "{}", "default", NULL, "" },
		{ "{\"config\":null,\"subnets\":null}", "default", NULL, "" },
		{ "{ \"config\" : { \"Network\" : \"10.5.0.0/16\" } }", "default",
		  "{\"Network\":\"10.5.0.0/16\"}", "" },
		{ "{\"subnets\":{\"b\":{},\"a\":[1, 2],\"c\":null}}", "default", NULL,
		  "a=[1,2] b={} c=null " },
		{ "{\"config\":{},\"networks\":{\"blue\":{\"config\":{\"a\":1},"
		  "\"subnets\":{\"k\":7}}}}",
		  "blue", "{\"a\":1}", "k=7 " },
		{ "{\"config\":{},\"networks\":{\"blue\":{}}}", "default", "{}", "" },
		{ "{\"config\":{},\"subnets\":{\"k\":1}}", "blue", NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct store_file_doc doc = parse(cases[i].text, cases[i].network);
		char keys[256] = "";

		for (size_t e = 0; e < doc.entries.len; e++)
			snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%s=%s ",
				 doc.entries.at[e].key, doc.entries.at[e].value);
		assert_string_equal(keys, cases[i].keys);
		assert_string_equal(doc.config ? doc.config : "none",
				    cases[i].config ? cases[i].config : "none");
		store_file_doc_free(&doc);
	}
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", NAME ": line 1, column 1: the text ends" },
		{ "{\"config\":{},\n \"subnets\":{\"10.5.1.0-24\":{]}}",
		  NAME ": line 2, column 28: ']' where" },
		{ "{\"subnets\":{},}", NAME ": line 1, column 15: '}' where" },
		{ "{\"subnets\":{\"a\":1,\"a\":2}}",
		  NAME ": subnets.a: the object has this key twice" },
		{ "[]", NAME },
		{ "{\"config\":[]}", NAME ": config: " },
		{ "{\"subnets\":[]}", NAME ": subnets: " },
		{ "{\"networks\":[]}", NAME ": networks: " },
		{ "{\"subnet\":{}}", NAME ": unknown key \"subnet\"; allowed are config, subnets" },
		{ "{\"Subnets\":{}}", NAME ": unknown key \"Subnets\"" },
		{ "{\"networks\":{\"blue\":{\"leases\":{}}}}",
		  NAME ": unknown key \"networks.blue.leases\"" },
		{ "{\"networks\":{\"blue\":{\"networks\":{}}}}",
		  NAME ": unknown key \"networks.blue.networks\"" },
		{ "{\"networks\":{\"blue\":[]}}", NAME ": networks.blue: " },
		{ "{\"networks\":{\"default\":{}}}", NAME ": networks.default: this network's" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct store_file_doc doc;
		struct err err = ERR_INIT;

		const char *network = strstr(cases[i].text, "blue") ? "blue" : "default";

		if (store_file_doc_parse(cases[i].text, strlen(cases[i].text), NAME, network, &doc,
					 &err) != -1)
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(err.code, ERR_DECODE);
		assert_says(err.text, cases[i].says);
	}
}

static void too_much_is_refused(void **state)
{
	char *text = malloc(STORE_FILE_DOC_MAX + 1);
	struct store_file_doc doc;
	struct err err = ERR_INIT;

	(void)state;
	memset(text, ' ', STORE_FILE_DOC_MAX + 1);
	memcpy(text, "{}", 2);
	assert_int_equal(store_file_doc_parse(text, STORE_FILE_DOC_MAX + 1, NAME, "default", &doc,
					      &err),
			 -1);
	assert_good(store_file_doc_parse(text, STORE_FILE_DOC_MAX, NAME, "default", &doc, &err),
		    err);
	store_file_doc_free(&doc);
	free(text);
}

/* ---- What is told ------------------------------------------------------------------------ */

static char told[1024];

static void word(const char *mark, const char *text, uint64_t revision)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%s%s%s", len ? " " : "", mark, text);
	len = strlen(told);
	if (revision)
		snprintf(told + len, sizeof(told) - len, "@%llu", (unsigned long long)revision);
}

static void on_begin(void *ctx)
{
	(void)ctx;
	word("[", "", 0);
}

static void on_config(void *ctx, const char *text, size_t size)
{
	(void)ctx;
	assert_int_equal(size, text ? strlen(text) : 0);
	word("config=", text ? text : "none", 0);
}

static void on_entry(void *ctx, const struct store_entry *entry)
{
	(void)ctx;
	assert_int_equal(entry->lease, 0);
	assert_int_equal(entry->value_size, strlen(entry->value));
	word("+", entry->key, entry->mod_revision);
}

static void on_end(void *ctx)
{
	(void)ctx;
	word("]", "", 0);
}

static void on_gone(void *ctx, const char *key, uint64_t revision)
{
	(void)ctx;
	word("-", key, revision);
}

static const struct store_listener listener = {
	.list_begin = on_begin,
	.config = on_config,
	.entry = on_entry,
	.list_end = on_end,
	.gone = on_gone,
};

static void only_what_differs_is_told(void **state)
{
	static const struct {
		const char *text, *told;
	} steps[] = {
		{ "{\"subnets\":{\"1\":{\"a\":1},\"2\":{\"a\":2},\"3\":{\"a\":3}}}",
		  "[ config=none +1@1 +2@1 +3@1 ]" },
		/* Layout, and the order of keys, are nothing. */
		{ "{\"subnets\":\n{\"3\": {\"a\" : 3}, \"2\":{\"a\":2},\"1\":{\"a\":1}},\"config\":null}",
		  "" },
		{ "{\"subnets\":{\"1\":{\"a\":1},\"2\":{\"a\":22},\"3\":{\"a\":3}}}", "+2@2" },
		{ "{\"config\":{},\"subnets\":{\"1\":{\"a\":1},\"2\":{\"a\":22},\"3\":{\"a\":3}}}",
		  "config={}" },
		{ "{\"config\":{},\"subnets\":{\"0\":0,\"2\":{\"a\":22},\"4\":4}}",
		  "+0@4 -1@4 -3@4 +4@4" },
		/* One that was away is not as it was. */
		{ "{\"config\":{},\"subnets\":{\"0\":0,\"1\":{\"a\":1},\"2\":{\"a\":22},\"4\":4}}",
		  "+1@5" },
		{ "{\"config\":{\"b\":1},\"subnets\":{}}", "config={\"b\":1} -0@6 -1@6 -2@6 -4@6" },
		{ "{}", "config=none" },
	};
	struct store_file_doc before = { .revision = 0 };

	(void)state;
	for (size_t i = 0; i < LEN(steps); i++) {
		struct store_file_doc now = parse(steps[i].text, "default");
		bool differs = store_file_doc_number(&now, &before);

		told[0] = '\0';
		if (i)
			store_file_doc_changes(&before, &now, &listener, NULL);
		else
			store_file_doc_list(&now, &listener, NULL);
		assert_string_equal(told, steps[i].told);
		assert_int_equal(differs, *steps[i].told != '\0');
		store_file_doc_free(&before);
		before = now;
	}
	store_file_doc_free(&before);
}

/* A listener prints keys: none can be taken for another, nor write over somebody's terminal. */
static void odd_keys_are_told_in_a_form_that_is_no_lease(void **state)
{
	static const struct {
		const char *key, *told;
	} cases[] = {
		{ "10.5.1.0-24&fd00:5:1::-64", "+10.5.1.0-24&fd00:5:1::-64@1" },
		{ "", "+@1" },
		{ "10.5.1.0-24\\u0020", "+10.5.1.0-24 @1" },
		{ "10.5.1.0-24\\u001b[2J", "+10.5.1.0-24\\x1b[2J@1" },
		{ "10.5.1.0-241111111111111111111111111111111111111111111111111111111111111111"
		  "111111111111111111111111111111111111111",
		  "...@1" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct store_file_doc doc, none = { .revision = 0 };
		char text[256];

		snprintf(text, sizeof(text), "{\"subnets\":{\"%s\":{}}}", cases[i].key);
		doc = parse(text, "default");
		store_file_doc_number(&doc, &none);
		told[0] = '\0';
		store_file_doc_changes(&none, &doc, &listener, NULL);
		assert_says(told, cases[i].told);
		store_file_doc_free(&doc);
	}
}

static void keys_are_found(void **state)
{
	struct store_file_doc doc = parse("{\"subnets\":{\"b\":2,\"d\":4,\"a\":1}}", "default");

	(void)state;
	assert_string_equal(store_file_doc_find(&doc, "a")->value, "1");
	assert_string_equal(store_file_doc_find(&doc, "b")->value, "2");
	assert_string_equal(store_file_doc_find(&doc, "d")->value, "4");
	assert_null(store_file_doc_find(&doc, ""));
	assert_null(store_file_doc_find(&doc, "c"));
	assert_null(store_file_doc_find(&doc, "e"));
	store_file_doc_free(&doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_network_has_its_part),
		cmocka_unit_test(what_is_wrong_is_named_with_its_place),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(only_what_differs_is_told),
		cmocka_unit_test(odd_keys_are_told_in_a_form_that_is_no_lease),
		cmocka_unit_test(keys_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
