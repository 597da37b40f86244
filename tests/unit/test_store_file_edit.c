/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store_file_edit.h"

#include "daemon/store_file_doc.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

struct edit_case {
	const char *text, *network, *key, *value, *made;
};

static void assert_made(const struct edit_case *c)
{
	struct err err = ERR_INIT;
	char *made = NULL;
	size_t size = 0;

	assert_good(store_file_edit(c->text, strlen(c->text), c->network, c->key, c->value, &made,
				    &size, &err),
		    err);
	assert_string_equal(made, c->made);
	assert_int_equal(size, strlen(made));
	free(made);
}

static void a_lease_comes_to_stand_like_the_others(void **state)
{
	static const struct edit_case cases[] = {
		/* Beside others, and in place of one. */
		{ "{\"subnets\":{\"a\":1}}", "default", "b", "2",
		  "{\"subnets\":{\"a\":1,\"b\":2}}" },
		{ "{\n\t\"subnets\": {\n\t\t\"a\": {\"x\":[1,{}]}\n\t}\n}\n", "default", "b",
		  "{\"y\":1}",
		  "{\n\t\"subnets\": {\n\t\t\"a\": {\"x\":[1,{}]},\n\t\t\"b\": {\"y\":1}\n\t}\n}\n" },
		{ "{ \"subnets\" : { \"a\" : 1 , \"b\" : \"}\\\"{\" , \"c\" : 3 } }", "default",
		  "b", "2", "{ \"subnets\" : { \"a\" : 1 , \"b\" : 2 , \"c\" : 3 } }" },
		{ "{\"subnets\":{\"a\":true}}", "default", "a", "null",
		  "{\"subnets\":{\"a\":null}}" },
		/* The first. */
		{ "{\"config\":{}}", "default", "a", "1", "{\"config\":{},\"subnets\":{\"a\":1}}" },
		{ "{\n  \"config\": {}\n}", "default", "a", "1",
		  "{\n  \"config\": {},\n  \"subnets\": {\n    \"a\": 1\n  }\n}" },
		{ "{\n\t\"config\": {},\n\t\"subnets\": {\n\t}\n}", "default", "a", "1",
		  "{\n\t\"config\": {},\n\t\"subnets\": {\n\t\t\"a\": 1\n\t}\n}" },
		{ "{\"subnets\":null,\"config\":{}}", "default", "a", "1",
		  "{\"subnets\":{\"a\":1},\"config\":{}}" },
		/* Keys are looked for where they belong. */
		{ "{\"config\":{\"subnets\":{\"a\":0}},\"subnets\":{\"b\":{\"a\":0}}}", "default",
		  "a", "1",
		  "{\"config\":{\"subnets\":{\"a\":0}},\"subnets\":{\"b\":{\"a\":0},\"a\":1}}" },
		{ "{\"subnets\":{\"a\":0},\"networks\":{\"red\":{\"subnets\":{\"a\":0}},"
		  "\"blue\":{\"config\":{},\"subnets\":{\"a\":0}}}}",
		  "blue", "a", "1",
		  "{\"subnets\":{\"a\":0},\"networks\":{\"red\":{\"subnets\":{\"a\":0}},"
		  "\"blue\":{\"config\":{},\"subnets\":{\"a\":1}}}}" },
		{ "{\"networks\":{\"blue\":{\"config\":{}}}}", "blue", "a", "1",
		  "{\"networks\":{\"blue\":{\"config\":{},\"subnets\":{\"a\":1}}}}" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		assert_made(&cases[i]);
}

static void a_lease_is_taken_out(void **state)
{
	static const struct edit_case cases[] = {
		{ "{\"subnets\":{\"a\":1,\"b\":2,\"c\":3}}", "default", "a", NULL,
		  "{\"subnets\":{\"b\":2,\"c\":3}}" },
		{ "{\"subnets\":{\"a\":1, \"b\":2, \"c\":3}}", "default", "b", NULL,
		  "{\"subnets\":{\"a\":1, \"c\":3}}" },
		{ "{\"subnets\":{\n\"a\":1,\n\"b\":2\n}}", "default", "b", NULL,
		  "{\"subnets\":{\n\"a\":1\n}}" },
		{ "{\"subnets\":{\n\t\"a\":1\n}}", "default", "a", NULL, "{\"subnets\":{}}" },
		{ "{\"subnets\":{\"a\":1}}", "default", "b", NULL, "{\"subnets\":{\"a\":1}}" },
		{ "{\"subnets\":{}}", "default", "b", NULL, "{\"subnets\":{}}" },
		{ "{\"config\":{}}", "default", "b", NULL, "{\"config\":{}}" },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		assert_made(&cases[i]);
}

static void a_network_that_is_not_there_gets_none(void **state)
{
	static const struct edit_case cases[] = {
		{ "{}", "default", "a", "1", NULL },
		{ "{\"config\":{}}", "blue", "a", "1", NULL },
		{ "{\"networks\":null}", "blue", "a", "1", NULL },
		{ "{\"networks\":{\"red\":{\"config\":{}}}}", "blue", "a", "1", NULL },
		{ "{\"networks\":{\"blue\":null}}", "blue", "a", "1", NULL },
		{ "{\"networks\":{\"blue\":{}}}", "blue", "a", "1", NULL },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		const struct edit_case *c = &cases[i];
		struct err err = ERR_INIT;
		char *made = NULL;
		size_t size;

		assert_int_equal(store_file_edit(c->text, strlen(c->text), c->network, c->key,
						 c->value, &made, &size, &err),
				 -1);
		assert_int_equal(err.code, ERR_STORE);
		assert_says(err.text, c->network);
	}
}

/* Any sequence of changes leaves a file that says just what was put. */
static void what_is_put_is_what_is_parsed(void **state)
{
	char *text = strdup("{\n  \"config\": {\"Network\": \"10.5.0.0/16\"}\n}\n");
	bool there[16] = { false };
	unsigned random = 1;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct store_file_doc doc;
		struct err err = ERR_INIT;
		char key[32], *made = NULL;
		size_t size = 0, count = 0;
		unsigned which;

		random = random * 1103515245 + 12345;
		which = random >> 16 & 15;
		there[which] = random >> 24 & 1;
		snprintf(key, sizeof(key), "10.5.%u.0-24", which);
		assert_good(store_file_edit(text, strlen(text), "default", key,
					    there[which] ? "{\"PublicIP\":\"a\\\"}{,\"}" : NULL,
					    &made, &size, &err),
			    err);
		free(text);
		text = made;
		assert_good(store_file_doc_parse(text, size, "f", "default", &doc, &err), err);
		for (unsigned k = 0; k < LEN(there); k++) {
			snprintf(key, sizeof(key), "10.5.%u.0-24", k);
			assert_int_equal(store_file_doc_find(&doc, key) != NULL, there[k]);
			count += there[k];
		}
		assert_int_equal(doc.entries.len, count);
		assert_string_equal(doc.config, "{\"Network\":\"10.5.0.0/16\"}");
		store_file_doc_free(&doc);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lease_comes_to_stand_like_the_others),
		cmocka_unit_test(a_lease_is_taken_out),
		cmocka_unit_test(a_network_that_is_not_there_gets_none),
		cmocka_unit_test(what_is_put_is_what_is_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
