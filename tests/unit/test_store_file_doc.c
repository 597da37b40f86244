/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/file/store_file_doc.h"

#include "common/array.h"
#include "daemon/store/store.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

#define NAME "/x/net.json"

/* "blue", or "blue endpoints". */
static struct store_file_part part_of(const char *name)
{
	static char network[16];

	snprintf(network, sizeof(network), "%.*s", (int)strcspn(name, " "), name);
	return (struct store_file_part){ network, strchr(name, ' ') != NULL };
}

static struct store_file_doc parse(const char *text, const char *name)
{
	const struct store_file_part part = part_of(name);
	struct store_file_doc doc = { .revision = 0 };
	struct err err = ERR_INIT;

	assert_good(store_file_doc_parse(text, strlen(text), NAME, &part, &doc, &err), err);
	return doc;
}

static void each_network_has_its_own_members(void **state)
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
		{ "{\"endpoints\":{\"e\":1},\"subnets\":{\"k\":1}}", "default", NULL, "k=1 " },
		{ "{\"endpoints\":{\"e\":1},\"subnets\":{\"k\":1}}", "default endpoints", NULL,
		  "e=1 " },
		{ "{\"config\":{},\"networks\":{\"blue\":{\"config\":{\"a\":1},"
		  "\"endpoints\":{\"e\":7},\"subnets\":{\"k\":1}}}}",
		  "blue endpoints", "{\"a\":1}", "e=7 " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
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

static void errors_name_the_position(void **state)
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
		{ "{\"endpoints\":[]}", NAME ": endpoints: " },
		{ "{\"Subnets\":{}}", NAME ": unknown key \"Subnets\"" },
		{ "{\"networks\":{\"blue\":{\"leases\":{}}}}",
		  NAME ": unknown key \"networks.blue.leases\"" },
		{ "{\"networks\":{\"blue\":{\"networks\":{}}}}",
		  NAME ": unknown key \"networks.blue.networks\"" },
		{ "{\"networks\":{\"blue\":[]}}", NAME ": networks.blue: " },
		{ "{\"networks\":{\"default\":{}}}", NAME ": networks.default: the members" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct store_file_doc doc;
		struct err err = ERR_INIT;

		const struct store_file_part part = { strstr(cases[i].text, "blue") ? "blue" :
										      "default",
						      strstr(cases[i].text, "endpoints") != NULL };

		if (store_file_doc_parse(cases[i].text, strlen(cases[i].text), NAME, &part, &doc,
					 &err) != -1)
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(err.code, ERR_DECODE);
		assert_says(err.text, cases[i].says);
	}
}

static void a_document_that_is_too_large_is_rejected(void **state)
{
	const struct store_file_part part = { "default", false };
	char *text = malloc(STORE_FILE_DOC_MAX + 1);
	struct store_file_doc doc;
	struct err err = ERR_INIT;

	(void)state;
	memset(text, ' ', STORE_FILE_DOC_MAX + 1);
	memcpy(text, "{}", 2);
	assert_int_equal(
		store_file_doc_parse(text, STORE_FILE_DOC_MAX + 1, NAME, &part, &doc, &err), -1);
	assert_good(store_file_doc_parse(text, STORE_FILE_DOC_MAX, NAME, &part, &doc, &err), err);
	store_file_doc_free(&doc);
	free(text);
}

/* ---- Reporting --------------------------------------------------------------------------- */

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

static void only_differences_are_reported(void **state)
{
	static const struct {
		const char *text, *told;
	} steps[] = {
		{ "{\"subnets\":{\"1\":{\"a\":1},\"2\":{\"a\":2},\"3\":{\"a\":3}}}",
		  "[ config=none +1@1 +2@1 +3@1 ]" },
		/* Layout and the order of keys do not matter. */
		{ "{\"subnets\":\n{\"3\": {\"a\" : 3}, \"2\":{\"a\":2},\"1\":{\"a\":1}},\"config\":null}",
		  "" },
		{ "{\"subnets\":{\"1\":{\"a\":1},\"2\":{\"a\":22},\"3\":{\"a\":3}}}", "+2@2" },
		{ "{\"config\":{},\"subnets\":{\"1\":{\"a\":1},\"2\":{\"a\":22},\"3\":{\"a\":3}}}",
		  "config={}" },
		{ "{\"config\":{},\"subnets\":{\"0\":0,\"2\":{\"a\":22},\"4\":4}}",
		  "+0@4 -1@4 -3@4 +4@4" },
		/* A key that was removed and added again has changed. */
		{ "{\"config\":{},\"subnets\":{\"0\":0,\"1\":{\"a\":1},\"2\":{\"a\":22},\"4\":4}}",
		  "+1@5" },
		{ "{\"config\":{\"b\":1},\"subnets\":{}}", "config={\"b\":1} -0@6 -1@6 -2@6 -4@6" },
		{ "{}", "config=none" },
	};
	struct store_file_doc before = { .revision = 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
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

/* Keys are logged by the listener: escaped, unambiguous, without control characters. */
static void keys_with_control_characters_are_escaped(void **state)
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
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

/* ---- Changing -------------------------------------------------------------------------- */

struct edit_case {
	const char *text, *network, *key, *value, *made;
};

static char *edit(const char *text, const char *name, const char *key, const char *value)
{
	const struct store_file_change change = {
		.path = NAME, .part = part_of(name), .key = key, .value = value
	};
	struct err err = ERR_INIT;
	char *made = NULL;

	assert_good(store_file_doc_edit(text, strlen(text), &change, &made, &err), err);
	return made;
}

/* Compares regardless of layout. */
static void assert_made(const struct edit_case *c)
{
	char *made = edit(c->text, c->network, c->key, c->value);
	char *again = edit(made, c->network, c->key, c->value);

	assert_string_equal(again, made);
	strip_blanks(made);
	assert_string_equal(made, c->made);
	free(made);
	free(again);
}

static void other_members_keep_their_values_and_order(void **state)
{
	static const struct edit_case cases[] = {
		/* Beside other keys, and instead of one. */
		{ "{\"subnets\":{\"b\":1}}", "default", "a", "2",
		  "{\"subnets\":{\"b\":1,\"a\":2}}" },
		{ "{ \"subnets\" : { \"c\" : 1 , \"b\" : \"}\\\"{\" , \"a\" : 3 } }", "default",
		  "b", "{\"x\":[1,{}],\"w\":null}",
		  "{\"subnets\":{\"c\":1,\"b\":{\"x\":[1,{}],\"w\":null},\"a\":3}}" },
		{ "{\"subnets\":{\"a\":true}}", "default", "a", "null",
		  "{\"subnets\":{\"a\":null}}" },
		{ "{\"subnets\":{\"a\":{\"y\":1.5,\"Z\":[null]}}}", "default", "b", "1",
		  "{\"subnets\":{\"a\":{\"y\":1.5,\"Z\":[null]},\"b\":1}}" },
		/* The first key. */
		{ "{\"config\":{}}", "default", "a", "1", "{\"config\":{},\"subnets\":{\"a\":1}}" },
		{ "{\n\t\"config\": {},\n\t\"subnets\": {\n\t}\n}", "default", "a", "1",
		  "{\"config\":{},\"subnets\":{\"a\":1}}" },
		{ "{\"subnets\":null,\"config\":{}}", "default", "a", "1",
		  "{\"subnets\":{\"a\":1},\"config\":{}}" },
		/* Only keys in the right place are found. */
		{ "{\"config\":{\"subnets\":{\"a\":0}},\"subnets\":{\"b\":{\"a\":0}}}", "default",
		  "a", "1",
		  "{\"config\":{\"subnets\":{\"a\":0}},\"subnets\":{\"b\":{\"a\":0},\"a\":1}}" },
		{ "{\"subnets\":{\"a\":0},\"networks\":{\"red\":{\"subnets\":{\"a\":0}},"
		  "\"blue\":{\"config\":{},\"subnets\":{\"a\":0}}}}",
		  "blue", "a", "1",
		  "{\"subnets\":{\"a\":0},\"networks\":{\"red\":{\"subnets\":{\"a\":0}},"
		  "\"blue\":{\"config\":{},\"subnets\":{\"a\":1}}}}" },
		{ "{\"networks\":{\"blue\":{\"subnets\":{\"a\":0}}}}", "blue endpoints", "a", "1",
		  "{\"networks\":{\"blue\":{\"subnets\":{\"a\":0},\"endpoints\":{\"a\":1}}}}" },
		{ "{\"networks\":{\"blue\":{\"config\":{}}}}", "blue", "a", "1",
		  "{\"networks\":{\"blue\":{\"config\":{},\"subnets\":{\"a\":1}}}}" },
		/* In any notation. */
		{ "{\"\\u0073ubnets\":{\"\\u0061\":0,\"b\":0}}", "default", "a", "1",
		  "{\"subnets\":{\"a\":1,\"b\":0}}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_made(&cases[i]);
}

static void a_lease_is_removed(void **state)
{
	static const struct edit_case cases[] = {
		{ "{\"subnets\":{\"a\":1,\"b\":2,\"c\":3}}", "default", "a", NULL,
		  "{\"subnets\":{\"b\":2,\"c\":3}}" },
		{ "{\"subnets\":{\"a\":1, \"b\":2, \"c\":3}}", "default", "b", NULL,
		  "{\"subnets\":{\"a\":1,\"c\":3}}" },
		{ "{\"subnets\":{\n\"a\":1,\n\"b\":2\n}}", "default", "b", NULL,
		  "{\"subnets\":{\"a\":1}}" },
		{ "{\"subnets\":{\n\t\"a\":1\n}}", "default", "a", NULL, "{\"subnets\":{}}" },
		{ "{\"subnets\":{\"a\":1}}", "default", "b", NULL, "{\"subnets\":{\"a\":1}}" },
		{ "{\"subnets\":{}}", "default", "b", NULL, "{\"subnets\":{}}" },
		{ "{\"subnets\":null}", "default", "b", NULL, "{\"subnets\":null}" },
		{ "{\"config\":{}}", "default", "b", NULL, "{\"config\":{}}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_made(&cases[i]);
}

static void the_text_is_indented(void **state)
{
	char *made = edit("{\"config\":{\"Network\":\"10.5.0.0/16\"}}", "default", "10.5.1.0-24",
			  "{\"PublicIP\":\"192.168.0.1\",\"PublicIPv6\":null}");

	(void)state;
	assert_string_equal(made, "{\n"
				  "\t\"config\":\t{\n"
				  "\t\t\"Network\":\t\"10.5.0.0/16\"\n"
				  "\t},\n"
				  "\t\"subnets\":\t{\n"
				  "\t\t\"10.5.1.0-24\":\t{\n"
				  "\t\t\t\"PublicIP\":\t\"192.168.0.1\",\n"
				  "\t\t\t\"PublicIPv6\":\tnull\n"
				  "\t\t}\n"
				  "\t}\n"
				  "}\n");
	free(made);
}

static void a_missing_network_is_an_error(void **state)
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct edit_case *c = &cases[i];
		struct err err = ERR_INIT;
		char *made = NULL;
		const struct store_file_change change = {
			.path = NAME, .part = part_of(c->network), .key = c->key, .value = c->value
		};

		assert_int_equal(
			store_file_doc_edit(c->text, strlen(c->text), &change, &made, &err), -1);
		assert_int_equal(err.code, ERR_STORE);
		assert_says(err.text, c->network);
	}
}

/* After any sequence of changes the file has exactly the keys that were put. */
static void the_parsed_keys_are_those_that_were_put(void **state)
{
	const struct store_file_part part = { "default", false };
	char *text = strdup("{\n  \"config\": {\"Network\": \"10.5.0.0/16\"}\n}\n");
	bool there[16] = { false };
	unsigned random = 1;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct store_file_doc doc;
		struct err err = ERR_INIT;
		char key[32], *made;
		size_t count = 0;
		unsigned which;

		random = random * 1103515245 + 12345;
		which = random >> 16 & 15;
		there[which] = random >> 24 & 1;
		snprintf(key, sizeof(key), "10.5.%u.0-24", which);
		made = edit(text, "default", key,
			    there[which] ? "{\"PublicIP\":\"a\\\"}{,\"}" : NULL);
		free(text);
		text = made;
		assert_good(store_file_doc_parse(text, strlen(text), "f", &part, &doc, &err), err);
		for (unsigned k = 0; k < ARRAY_LEN(there); k++) {
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
		cmocka_unit_test(each_network_has_its_own_members),
		cmocka_unit_test(errors_name_the_position),
		cmocka_unit_test(a_document_that_is_too_large_is_rejected),
		cmocka_unit_test(only_differences_are_reported),
		cmocka_unit_test(keys_with_control_characters_are_escaped),
		cmocka_unit_test(keys_are_found),
		cmocka_unit_test(other_members_keep_their_values_and_order),
		cmocka_unit_test(a_lease_is_removed),
		cmocka_unit_test(the_text_is_indented),
		cmocka_unit_test(a_missing_network_is_an_error),
		cmocka_unit_test(the_parsed_keys_are_those_that_were_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
