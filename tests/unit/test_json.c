/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "common/array.h"
#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX ((size_t)1 << 20)

/* Parses a copy of exactly that size, so that the sanitizer detects reads beyond it. */
static int parse(const char *text, size_t size, unsigned how, struct json **json_out,
		 struct err *err)
{
	AUTO(free) char *copy = malloc(size ? size : 1);

	memcpy(copy, text, size);
	return json_parse(copy, size, MAX, how, "doc", json_out, err);
}

static void check_good(const char *text, unsigned how, const char *compact)
{
	AUTO(json) struct json *json = NULL;
	AUTO(free) char *printed = NULL;
	struct err err = ERR_INIT;
	struct jr root;

	if (parse(text, strlen(text), how, &json, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	root = jr_root(json);
	printed = jr_text(&root, NULL);
	assert_string_equal(printed ? printed : "null", compact);
	assert_int_equal(jr_done(json, ERR_CONFIG, &err), 0);
}

static void check_bad(const char *text, size_t size, unsigned how, const char *fault)
{
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;

	if (parse(text, size, how, &json, &err) != -1)
		fail_msg("%s was taken", text);
	assert_null(json);
	assert_int_equal(err.code, ERR_DECODE);
	assert_memory_equal(err.text, "doc: ", 5);
	assert_string_equal(err.text + 5, fault);
}

static void good_documents(void **state)
{
	static const struct {
		const char *text, *compact;
	} cases[] = {
		{ "null", "null" },
		{ " true ", "true" },
		{ "\t\r\n false\n", "false" },
		{ "0", "0" },
		{ "-0", "-0" },
		{ "-1", "-1" },
		{ "16777215", "16777215" },
		{ "1e3", "1000" },
		{ "1E+06", "1000000" },
		{ "1.5e-1", "0.15" },
		{ "0.0", "0" },
		{ "0e0", "0" },
		{ "1e-999", "0" },
		{ "1.5e308", "1.5e+308" },
		{ "\"\"", "\"\"" },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
		{ "\"\\u0041\\u00e4\\u20AC\"", "\"A\xc3\xa4\xe2\x82\xac\"" },
		{ "\" \\u00Ff\\uAfaF\"", "\" \xc3\xbf\xea\xbe\xaf\"" },
		{ "\"\\ud800\\udc00\\udbff\\udfff\"", "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"" },
		{ "\"\\ud83d\\udc19\"", "\"\xf0\x9f\x90\x99\"" },
		{ "\"\\uD83D\\uDC19\"", "\"\xf0\x9f\x90\x99\"" },
		{ "\"\xf4\x8f\xbf\xbf\xee\x80\x80\x7f\"", "\"\xf4\x8f\xbf\xbf\xee\x80\x80\x7f\"" },
		{ "[]", "[]" },
		{ "{}", "{}" },
		{ " [ ] ", "[]" },
		{ " { } ", "{}" },
		{ "[1,2 , 3]", "[1,2,3]" },
		{ "[[],{},[{}]]", "[[],{},[{}]]" },
		{ "{\"a\":1,\"b\":[true,null],\"c\":{\"d\":\"e\"}}",
		  "{\"a\":1,\"b\":[true,null],\"c\":{\"d\":\"e\"}}" },
		{ "{ \"\" : 1 , \"a\" :\n2 }", "{\"\":1,\"a\":2}" },
		{ "{\"a\":1,\"A\":2,\"\xc3\xa4\":3}", "{\"a\":1,\"A\":2,\"\xc3\xa4\":3}" },
		{ "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_good(cases[i].text, JSON_STRICT, cases[i].compact);
}

static const struct {
	const char *text, *fault;
} bad_structure[] = {
	{ "", "line 1, column 1: the text ends where a value is expected" },
	{ "\n ", "line 2, column 2: the text ends where a value is expected" },
	{ "nul", "line 1, column 1: 'n' where a value is expected" },
	{ "nulls", "line 1, column 5: 's' where the end of the text is expected" },
	{ "True", "line 1, column 1: 'T' where a value is expected" },
	{ "NaN", "line 1, column 1: 'N' where a value is expected" },
	{ "Infinity", "line 1, column 1: 'I' where a value is expected" },
	{ "'a'", "line 1, column 1: ''' where a value is expected" },
	{ "1 2", "line 1, column 3: '2' where the end of the text is expected" },
	{ "{}x", "line 1, column 3: 'x' where the end of the text is expected" },
	{ "{}\n{}", "line 2, column 1: '{' where the end of the text is expected" },
	{ "[]]", "line 1, column 3: ']' where the end of the text is expected" },
	{ "{\"a\":1}}", "line 1, column 8: '}' where the end of the text is expected" },
	{ "[", "line 1, column 2: the text ends where a value is expected" },
	{ "[1", "line 1, column 3: the text ends where ',' or ']' is expected" },
	{ "[1,", "line 1, column 4: the text ends where a value is expected" },
	{ "[1,]", "line 1, column 4: ']' where a value is expected" },
	{ "[,1]", "line 1, column 2: ',' where a value is expected" },
	{ "[1 2]", "line 1, column 4: '2' where ',' or ']' is expected" },
	{ "[1}", "line 1, column 3: '}' where ',' or ']' is expected" },
	{ "{", "line 1, column 2: the text ends where a key in double quotes is expected" },
	{ "{]", "line 1, column 2: ']' where a key in double quotes is expected" },
	{ "{a:1}", "line 1, column 2: 'a' where a key in double quotes is expected" },
	{ "{1:1}", "line 1, column 2: '1' where a key in double quotes is expected" },
	{ "{\"a\"}", "line 1, column 5: '}' where ':' is expected" },
	{ "{\"a\":}", "line 1, column 6: '}' where a value is expected" },
	{ "{\"a\":1,}", "line 1, column 8: '}' where a key in double quotes is expected" },
	{ "{\"a\":1 \"b\":2}", "line 1, column 8: '\"' where ',' or '}' is expected" },
	{ "{\"a\":1]", "line 1, column 7: ']' where ',' or '}' is expected" },
	{ "{\"a\" 1}", "line 1, column 6: '1' where ':' is expected" },
	{ "[1] // end", "line 1, column 5: '/' where the end of the text is expected" },
	{ "\xef\xbb\xbf{}", "line 1, column 1: '\xef\xbb\xbf' where a value is expected" },
	{ "\x1b[0m", "line 1, column 1: '\\x1b' where a value is expected" },
	{ "[\v1]", "line 1, column 2: '\\x0b' where a value is expected" },
	{ "\xff", "line 1, column 1: '\\xff' where a value is expected" },
	{ "{\n  \"\xc3\xa4\": x\n}", "line 2, column 8: 'x' where a value is expected" },
};

static const struct {
	const char *text, *fault;
} bad_values[] = {
	{ "007", "line 1, column 1: a number with a leading zero" },
	{ "09", "line 1, column 1: a number with a leading zero" },
	{ "-01", "line 1, column 1: a number with a leading zero" },
	{ "+1", "line 1, column 1: '+' where a value is expected" },
	{ "-", "line 1, column 2: the text ends where a digit is expected" },
	{ "--1", "line 1, column 2: '-' where a digit is expected" },
	{ ".5", "line 1, column 1: '.' where a value is expected" },
	{ "1.", "line 1, column 3: the text ends where a digit is expected" },
	{ "1.e1", "line 1, column 3: 'e' where a digit is expected" },
	{ "1e", "line 1, column 3: the text ends where a digit is expected" },
	{ "[1e+]", "line 1, column 5: ']' where a digit is expected" },
	{ "1e+-1", "line 1, column 4: '-' where a digit is expected" },
	{ "0x10", "line 1, column 2: 'x' where the end of the text is expected" },
	{ "1_000", "line 1, column 2: '_' where the end of the text is expected" },
	{ "[-Infinity]", "line 1, column 3: 'I' where a digit is expected" },
	{ "[1e999]", "line 1, column 2: the number 1e999 is out of range" },
	{ "[-2e308]", "line 1, column 2: the number -2e308 is out of range" },
	{ "1234567890123456789012345678901234567890123456789012345678901234",
	  "line 1, column 1: a number of more than 63 bytes" },
	{ "\"a", "line 1, column 1: a string without an end" },
	{ "[\"a]", "line 1, column 2: a string without an end" },
	{ "\"", "line 1, column 1: a string without an end" },
	{ "\"a\\\"", "line 1, column 1: a string without an end" },
	{ "\"a\nb\"", "line 1, column 3: the control byte 0x0a in a string" },
	{ "\"\t\"", "line 1, column 2: the control byte 0x09 in a string" },
	{ "\"\x1f\"", "line 1, column 2: the control byte 0x1f in a string" },
	{ "\"\\x41\"", "line 1, column 3: 'x' where an escape's letter is expected" },
	{ "\"\\'\"", "line 1, column 3: ''' where an escape's letter is expected" },
	{ "\"\\", "line 1, column 3: the text ends where an escape's letter is expected" },
	{ "\"\\u12", "line 1, column 6: the text ends where a hex digit is expected" },
	{ "\"\\u12g4\"", "line 1, column 6: 'g' where a hex digit is expected" },
	{ "\"\\u 123\"", "line 1, column 4: ' ' where a hex digit is expected" },
	{ "\"a\\u0000b\"", "line 1, column 3: \\u0000 in a string" },
	{ "{\"\\u0000\":1}", "line 1, column 3: \\u0000 in a string" },
	{ "\"\\ud83d\"", "line 1, column 2: half of a surrogate pair, \\ud83d, in a string" },
	{ "\"\\ud83dx\"", "line 1, column 2: half of a surrogate pair, \\ud83d, in a string" },
	{ "\"\\ud83d\\n\"", "line 1, column 2: half of a surrogate pair, \\ud83d, in a string" },
	{ "\"\\ud83d\\u0041\"",
	  "line 1, column 2: half of a surrogate pair, \\ud83d, in a string" },
	{ "\"\\ud83d\\ud83d\"",
	  "line 1, column 2: half of a surrogate pair, \\ud83d, in a string" },
	{ "\"\\udc19\"", "line 1, column 2: half of a surrogate pair, \\udc19, in a string" },
	{ "\"\\udc00\\udc00\"",
	  "line 1, column 2: half of a surrogate pair, \\udc00, in a string" },
	{ "\"\\udc19\\ud83d\"",
	  "line 1, column 2: half of a surrogate pair, \\udc19, in a string" },
	{ "\"\xff\"", "line 1, column 2: the byte 0xff, which is not UTF-8" },
	{ "\"\xc3\xa4\xc3\"", "line 1, column 3: the byte 0xc3, which is not UTF-8" },
	{ "\"\xc0\xaf\"", "line 1, column 2: the byte 0xc0, which is not UTF-8" },
	{ "\"\xe0\x80\xaf\"", "line 1, column 2: the byte 0xe0, which is not UTF-8" },
	{ "\"\xed\xa0\x80\"", "line 1, column 2: the byte 0xed, which is not UTF-8" },
	{ "\"\xf4\x90\x80\x80\"", "line 1, column 2: the byte 0xf4, which is not UTF-8" },
	{ "{\"\x80\":1}", "line 1, column 3: the byte 0x80, which is not UTF-8" },
};

static void bad_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_structure); i++)
		check_bad(bad_structure[i].text, strlen(bad_structure[i].text), JSON_STRICT,
			  bad_structure[i].fault);
	for (size_t i = 0; i < ARRAY_LEN(bad_values); i++)
		check_bad(bad_values[i].text, strlen(bad_values[i].text), JSON_STRICT,
			  bad_values[i].fault);
	check_bad("1\0", 2, JSON_STRICT,
		  "line 1, column 2: a zero byte where the end of the text is expected");
	check_bad("\"a\0b\"", 5, JSON_STRICT,
		  "line 1, column 3: the control byte 0x00 in a string");
	check_bad("\"\\\0\"", 4, JSON_STRICT,
		  "line 1, column 3: a zero byte where an escape's letter is expected");
}

static int parse_pruned(const char *text, size_t size, struct json **json_out, struct err *err)
{
	static const char *const keys[] = { "x", "long", NULL };
	const struct json_selection selection = { .pruned = keys };
	AUTO(free) char *copy = malloc(size ? size : 1);

	memcpy(copy, text, size);
	return json_parse_selected(copy, size, MAX, JSON_LAST_DUPLICATE, &selection, "doc",
				   json_out, err);
}

static void pruned_documents(void **state)
{
	static const struct {
		const char *text, *compact;
	} cases[] = {
		{ "null", "null" },
		{ "{\"x\":{\"a\":1},\"b\":2}", "{\"x\":{},\"b\":2}" },
		{ "{\"b\":2,\"x\":[1,{\"a\":[]}]}", "{\"b\":2,\"x\":[]}" },
		{ " { \"x\" : { \"a\" : 1 } , \"b\" : 2 } ", "{\"x\":{},\"b\":2}" },
		{ "{\"x\":{},\"long\":[],\"b\":{\"a\":1}}",
		  "{\"x\":{},\"long\":[],\"b\":{\"a\":1}}" },
		{ "{\"x\":{\"long\":[1],\"x\":[{}]},\"long\":[{\"x\":\"]}\"}],\"y\":[1]}",
		  "{\"x\":{},\"long\":[],\"y\":[1]}" },
		{ "[{\"x\":[1]},{\"a\":{\"x\":{\"b\":1}}},[{\"long\":[[]]}]]",
		  "[{\"x\":[]},{\"a\":{\"x\":{}}},[{\"long\":[]}]]" },
		{ "{\"x\":1,\"a\":[2],\"long\":\"s\",\"b\":{\"c\":3}}",
		  "{\"x\":1,\"a\":[2],\"long\":\"s\",\"b\":{\"c\":3}}" },
		{ "{\"x\":null,\"xx\":[1],\"lon\":[2],\"\\u0078\":{\"a\":[3]}}",
		  "{\"xx\":[1],\"lon\":[2],\"x\":{\"a\":[3]}}" },
		{ "{\"x\":{\"a\":1,\"a\":2},\"x\":{\"a\":3}}", "{\"x\":{}}" },
		{ "[\"x\",{\"a\":\"x\"},[1]]", "[\"x\",{\"a\":\"x\"},[1]]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(json) struct json *json = NULL;
		AUTO(free) char *printed = NULL;
		struct err err = ERR_INIT;
		struct jr root;

		if (parse_pruned(cases[i].text, strlen(cases[i].text), &json, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		root = jr_root(json);
		printed = jr_text(&root, NULL);
		assert_string_equal(printed ? printed : "null", cases[i].compact);
	}
}

/* What is left out is checked, too. */
static void bad_pruned_documents(void **state)
{
	const struct json_selection none = { .pruned = (const char *const[]){ NULL } };
	static const char good[] = "{\"x\":{\"a\":[1,{}]},\"long\":[\"\\n\"]}";
	struct json *json = NULL;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_structure); i++) {
		char text[256];

		snprintf(text, sizeof(text), "{\"x\":{\"a\":%s}}", bad_structure[i].text);
		assert_int_equal(parse_pruned(text, strlen(text), &json, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
	}
	for (size_t size = 0; size < sizeof(good) - 1; size++)
		assert_int_equal(parse_pruned(good, size, &json, &err), -1);
	assert_int_equal(parse_pruned("{\"x\":[007]}", 11, &json, &err), -1);
	assert_string_equal(err.text, "doc: line 1, column 7: a number with a leading zero");
	assert_int_equal(json_parse_selected("[1,2]", 5, 4, JSON_STRICT, &none, "doc", &json, &err),
			 -1);
	assert_string_equal(err.text, "doc: 5 bytes, at most 4 are allowed");
	assert_null(json);
}

/* Each element becomes a document, whose faults have the path in the whole one. */
static void elements_are_documents(void **state)
{
	static const struct {
		const char *text;
		const char *elements[5];
	} cases[] = {
		{ "{\"x\":[]}", { NULL } },
		{ "{\"x\": [ ] }", { NULL } },
		{ "{\"x\":[1]}", { "1" } },
		{ "{\"x\":[ 1 , \"]\" ,true]}", { "1", "\"]\"", "true" } },
		{ "{\"x\":[{\"a\":[{}]},[[\"[\"],2],{}]}",
		  { "{\"a\":[{}]}", "[[\"[\"],2]", "{}" } },
		{ "{\"x\":[\"\\\"],\",-1.5e1\n]}", { "\"\\\"],\"", "-15" } },
		{ "{\"x\":[3],\"x\":[4,5]}", { "4", "5" } },
		{ "{\"y\":{\"x\":[7]},\"x\":[8],\"z\":[9]}", { "8" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		static const char *const keys[] = { "x", NULL };
		struct json_member member = { .path = { "x" } };
		const struct json_selection selection = { keys, &member, 1 };
		struct json_elements elements = { .member = &member };
		AUTO(json) struct json *json = NULL;
		struct err err = ERR_INIT;
		struct jr root, list;
		size_t len = 0;

		assert_int_equal(json_parse_selected(cases[i].text, strlen(cases[i].text), MAX,
						     JSON_LAST_DUPLICATE, &selection, "doc", &json,
						     &err),
				 0);
		root = jr_root(json);
		list = jr_arr(&root, "x");
		assert_int_equal(jr_len(&list), 0);
		elements.array = &list;
		for (;; len++) {
			AUTO(json) struct json *element = NULL;
			AUTO(free) char *printed = NULL;
			char fault[64];
			struct jr at;

			if (json_next(&elements, &element, &err) == 0)
				break;
			at = jr_root(element);
			printed = jr_text(&at, NULL);
			assert_string_equal(printed, cases[i].elements[len]);
			jr_fault(&at, NULL, "is wrong");
			snprintf(fault, sizeof(fault), "doc: x[%zu]: is wrong", len);
			assert_int_equal(jr_done(element, ERR_DECODE, &err), -1);
			assert_string_equal(err.text, fault);
		}
		assert_null(cases[i].elements[len]);
		assert_int_equal(json_next(&elements, &json, &err), 0);
	}
}

static void an_element_with_a_duplicate_key(void **state)
{
	static const char text[] = "{\"x\":[{\"a\":1},{\"b\":{\"a\":1,\"a\":2}}]}";
	static const char *const keys[] = { "x", NULL };
	struct json_member member = { .path = { "x" } };
	const struct json_selection selection = { keys, &member, 1 };
	struct json_elements elements = { .member = &member };
	AUTO(json) struct json *json = NULL;
	AUTO(json) struct json *first = NULL;
	AUTO(json) struct json *second = NULL;
	struct err err = ERR_INIT;
	struct jr root, list;

	(void)state;
	assert_int_equal(json_parse_selected(text, strlen(text), MAX, JSON_STRICT, &selection,
					     "doc", &json, &err),
			 0);
	root = jr_root(json);
	list = jr_arr(&root, "x");
	elements.array = &list;
	assert_int_equal(json_next(&elements, &first, &err), 1);
	assert_int_equal(json_next(&elements, &second, &err), -1);
	assert_string_equal(err.text, "doc: x[1].b.a: the object has this key twice");
}

static void assert_part(const struct json_text *part, const char *want)
{
	if (!want || part->size != strlen(want) || memcmp(part->at, want, part->size) != 0)
		fail_msg("%.*s", (int)part->size, part->at);
}

static void members_are_visited_in_the_text(void **state)
{
	static const struct {
		const char *text;
		const char *parts[8]; /* keys and values */
	} cases[] = {
		{ "{\"x\":{}}", { NULL } },
		{ "{\"x\": { } }", { NULL } },
		{ "{\"x\":[1,2]}", { NULL } },
		{ "{\"x\":\"{\"}", { NULL } },
		{ "{\"x\":{\"a\":1}}", { "a", "1" } },
		{ "{\"x\": {\"a\" : 1 ,\n\"b\":\"}\\\"\"} }", { "a", "1", "b", "\"}\\\"\"" } },
		{ "{\"x\":{\"a\":{\"b\":[{}]},\"c\":[\"]\",{}],\"\":null}}",
		  { "a", "{\"b\":[{}]}", "c", "[\"]\",{}]", "", "null" } },
		{ "{\"x\":{\"a\\\"\":true,\"a\":false}}", { "a\\\"", "true", "a", "false" } },
		{ "{\"x\":{\"a\":3},\"x\":{\"b\":4}}", { "b", "4" } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_member member = { .path = { "x" } };
		struct json_text key, value;
		struct err err = ERR_INIT;
		size_t at = 0, part = 0;

		assert_int_equal(json_find(cases[i].text, strlen(cases[i].text), MAX, "doc",
					   &member, 1, &err),
				 0);
		while (json_next_member(&member, &at, &key, &value)) {
			assert_part(&key, cases[i].parts[part++]);
			assert_part(&value, cases[i].parts[part++]);
		}
		assert_null(cases[i].parts[part]);
	}
}

static void members_are_found(void **state)
{
	static const struct {
		const char *text, *a, *ab, *abc; /* NULL: not found */
	} cases[] = {
		{ "null", NULL, NULL, NULL },
		{ "[{\"a\":1}]", NULL, NULL, NULL },
		{ "{\"a\":1}", "1", NULL, NULL },
		{ " { \"a\" : \"x\\ny\" , \"b\" : 2 } ", "\"x\\ny\"", NULL, NULL },
		{ "{\"x\":{\"a\":1},\"a\":{\"b\":{\"c\":[1, 2]}}}", "{\"b\":{\"c\":[1, 2]}}",
		  "{\"c\":[1, 2]}", "[1, 2]" },
		{ "{\"a\":{\"x\":{\"b\":1,\"c\":2},\"b\": null},\"b\":3}",
		  "{\"x\":{\"b\":1,\"c\":2},\"b\": null}", "null", NULL },
		{ "{\"a\":[{\"b\":{\"c\":1}}]}", "[{\"b\":{\"c\":1}}]", NULL, NULL },
		{ "{\"a\":{},\"b\":{\"c\":1}}", "{}", NULL, NULL },
		/* Duplicates. */
		{ "{\"a\":{\"b\":{\"c\":1}},\"a\":2}", "2", NULL, NULL },
		{ "{\"a\":{\"b\":{\"c\":1},\"b\":{\"c\":2},\"b\":{}}}",
		  "{\"b\":{\"c\":1},\"b\":{\"c\":2},\"b\":{}}", "{}", NULL },
		{ "{\"a\":1,\"a\":{\"b\":{\"c\":1,\"c\":true}}}", "{\"b\":{\"c\":1,\"c\":true}}",
		  "{\"c\":1,\"c\":true}", "true" },
		/* Escapes in keys: only where a path could continue. */
		{ "{\"a\":1,\"\\u0061\":2}", NULL, NULL, NULL },
		{ "{\"a\":{\"b\":{\"c\":1},\"\\n\":2}}", NULL, NULL, NULL },
		{ "{\"a\":{\"x\":{\"\\n\":1}},\"x\":{\"\\n\":1}}", "{\"x\":{\"\\n\":1}}", NULL,
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *wanted[] = { cases[i].a, cases[i].ab, cases[i].abc };
		struct json_member found[] = { { .path = { "a" } },
					       { .path = { "a", "b" } },
					       { .path = { "a", "b", "c" } } };
		size_t size = strlen(cases[i].text);
		struct err err = ERR_INIT;

		assert_int_equal(json_find(cases[i].text, size, MAX, "doc", found, 3, &err), 0);
		for (size_t k = 0; k < ARRAY_LEN(found); k++) {
			assert_int_equal(!found[k].text, !wanted[k]);
			if (!wanted[k])
				continue;
			assert_int_equal(found[k].size, strlen(wanted[k]));
			assert_memory_equal(found[k].text, wanted[k], found[k].size);
		}
	}
}

static void members_are_not_found_in_bad_documents(void **state)
{
	struct json_member found = { .path = { "a" }, .text = "" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_values); i++) {
		char text[256];

		snprintf(text, sizeof(text), "{\"a\":1,\"b\":%s}", bad_values[i].text);
		assert_int_equal(json_find(text, strlen(text), MAX, "doc", &found, 1, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
		assert_null(found.text);
	}
	found.text = "";
	assert_int_equal(json_find("{\"a\":1}", 7, 6, "doc", &found, 1, &err), -1);
	assert_string_equal(err.text, "doc: 7 bytes, at most 6 are allowed");
	assert_null(found.text);
}

/* A truncated text is an error, and is never read beyond its end. */
static void a_truncated_document_is_rejected(void **state)
{
	static const char text[] = "{\"a\": [-1.5e+3, \"\\ud83d\\udc19\xf0\x9f\x90\x99\", true],"
				   " \"b\": {\"c\": null, \"d\": false}}";

	(void)state;
	check_good(text, JSON_STRICT,
		   "{\"a\":[-1500,\"\xf0\x9f\x90\x99\xf0\x9f\x90\x99\",true],"
		   "\"b\":{\"c\":null,\"d\":false}}");
	for (size_t size = 0; size < sizeof(text) - 1; size++) {
		AUTO(json) struct json *json = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(parse(text, size, JSON_STRICT, &json, &err), -1);
		assert_int_equal(err.code, ERR_DECODE);
	}
}

static void append(char *text, size_t size, const char *more)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s", more);
}

static void depth_is_limited(void **state)
{
	static const char *const open[] = { "[", "{\"a\":" }, *const shut[] = { "]", "}" };

	(void)state;
	for (size_t depth = 1; depth <= 40; depth++) {
		for (size_t kind = 0; kind < 4; kind++) {
			AUTO(json) struct json *json = NULL;
			struct err err = ERR_INIT;
			char text[512] = "";

			/* Kinds 2 and 3 alternate. */
			for (size_t i = 0; i < depth; i++)
				append(text, sizeof(text), open[kind < 2 ? kind : (i + kind) % 2]);
			append(text, sizeof(text), "0");
			for (size_t i = depth; i > 0; i--)
				append(text, sizeof(text),
				       shut[kind < 2 ? kind : (i - 1 + kind) % 2]);
			assert_int_equal(parse(text, strlen(text), JSON_STRICT, &json, &err),
					 depth <= 32 ? 0 : -1);
			if (depth > 32)
				assert_non_null(
					strstr(err.text, "more than 32 objects and arrays"));
		}
	}
}

static void size_is_limited(void **state)
{
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(json_parse("[1,2]", 5, 4, JSON_STRICT, "doc", &json, &err), -1);
	assert_int_equal(err.code, ERR_DECODE);
	assert_string_equal(err.text, "doc: 5 bytes, at most 4 are allowed");
	assert_null(json);
	assert_int_equal(json_parse("[1,2]", 5, 5, JSON_STRICT, "doc", &json, &err), 0);
}

static void duplicate_keys(void **state)
{
	static const struct {
		const char *text;
		unsigned how;
		const char *fault;   /* NULL: none */
		const char *compact; /* NULL: a fault */
	} cases[] = {
		{ "{\"a\":1,\"a\":2}", 0, "a: the object has this key twice", NULL },
		{ "{\"a\":1,\"\\u0061\":2}", 0, "a: the object has this key twice", NULL },
		{ "{\"b\":[{},{\"c\":1,\"x\":0,\"c\":1}]}", 0,
		  "b[1].c: the object has this key twice", NULL },
		{ "[{\"\":1,\"\":2}]", 0, "[0].: the object has this key twice", NULL },
		{ "{\"a\":1,\"A\":2}", 0, NULL, "{\"a\":1,\"A\":2}" },
		{ "{\"a\":1,\"A\":2}", JSON_ANY_CASE, "a: the object has this key twice", NULL },
		{ "{\"\xc3\xa4\":1,\"\xc3\x84\":2}", JSON_ANY_CASE, NULL,
		  "{\"\xc3\xa4\":1,\"\xc3\x84\":2}" },
		{ "{\"a\":1,\"b\":2,\"a\":3,\"a\":4}", JSON_LAST_DUPLICATE, NULL,
		  "{\"b\":2,\"a\":4}" },
		{ "{\"a\":1,\"A\":2}", JSON_LAST_DUPLICATE, NULL, "{\"a\":1,\"A\":2}" },
		{ "{\"a\":1,\"c\":0,\"A\":2,\"b\":3}", JSON_LAST_DUPLICATE | JSON_ANY_CASE, NULL,
		  "{\"c\":0,\"A\":2,\"b\":3}" },
		{ "{\"a\":{\"b\":1,\"b\":2},\"a\":{\"b\":3,\"b\":4}}", JSON_LAST_DUPLICATE, NULL,
		  "{\"a\":{\"b\":4}}" },
		{ "[{\"a\":1,\"a\":2},{\"a\":3}]", JSON_LAST_DUPLICATE, NULL,
		  "[{\"a\":2},{\"a\":3}]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (cases[i].fault)
			check_bad(cases[i].text, strlen(cases[i].text), cases[i].how,
				  cases[i].fault);
		else
			check_good(cases[i].text, cases[i].how, cases[i].compact);
	}
}

/* 100,000 keys, each of them twice: comparing all pairs would take minutes. */
static void many_duplicates_are_found_quickly(void **state)
{
	const size_t keys = 50000;
	AUTO(json) struct json *json = NULL;
	AUTO(free) char *text = malloc(keys * 24 + 3);
	struct err err = ERR_INIT;
	size_t at = 1;
	struct jr root;

	(void)state;
	text[0] = '{';
	for (size_t i = 0; i < 2 * keys; i++)
		at += (size_t)sprintf(text + at, "\"%05zu\":%zu,", i % keys, i / keys);
	text[at - 1] = '}';
	assert_int_equal(json_parse(text, at, at, JSON_STRICT, "doc", &json, &err), -1);
	assert_int_equal(json_parse(text, at, at, JSON_LAST_DUPLICATE, "doc", &json, &err), 0);
	root = jr_root(json);
	assert_int_equal(jr_len(&root), keys);
	assert_int_equal(jr_u32(&root, "00000", 0, 9), 1);
	assert_int_equal(jr_u32(&root, "49999", 0, 9), 1);
}

/* A deterministic generator, so that failures are reproducible. */
static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void mutate(char *text, size_t *size, size_t room, uint32_t *seed)
{
	static const char *const bits[] = { "\"",   "{",   "}", "[",    "]", ",", ":",
					    "\\",   "\\u", "0", "-",    "e", ".", "\xf0",
					    "\x80", " ",   "a", "null", "\n" };
	const char *bit = bits[next_random(seed) % ARRAY_LEN(bits)];
	size_t at = *size ? next_random(seed) % *size : 0, len = strlen(bit);

	switch (next_random(seed) % 4) {
	case 0: /* insert */
		if (*size + len > room)
			return;
		memmove(text + at + len, text + at, *size - at);
		memcpy(text + at, bit, len);
		*size += len;
		return;
	case 1: /* remove */
		len = *size - at < len ? *size - at : len;
		memmove(text + at, text + at + len, *size - at - len);
		*size -= len;
		return;
	case 2: /* replace */
		if (at + len <= *size)
			memcpy(text + at, bit, len);
		return;
	default: /* any byte */
		if (*size)
			text[at] = (char)next_random(seed);
		return;
	}
}

/* An accepted text is printed, and accepted and printed again as the same text. */
static bool check_any(const char *text, size_t size, unsigned how)
{
	AUTO(json) struct json *first = NULL;
	AUTO(json) struct json *second = NULL;
	AUTO(free) char *once = NULL;
	AUTO(free) char *twice = NULL;
	struct err err = ERR_INIT;
	struct jr root;

	if (parse(text, size, how, &first, &err) < 0) {
		assert_int_equal(err.code, ERR_DECODE);
		return false;
	}
	root = jr_root(first);
	once = jr_text(&root, NULL);
	if (!once)
		return true;
	if (parse(once, strlen(once), how & JSON_ANY_CASE, &second, &err) < 0)
		fail_msg("%s: %s", once, err.text);
	root = jr_root(second);
	twice = jr_text(&root, NULL);
	assert_string_equal(once, twice);
	return true;
}

static void mutations(void **state)
{
	static const char *const seeds[] = {
		"{\"Network\":\"10.5.0.0/16\",\"SubnetLen\":24,\"Backend\":{\"Type\":\"vxlan\",\"VNI\":1}}",
		"{\"header\":{\"revision\":\"42\"},\"kvs\":[{\"key\":\"Zm9v\",\"value\":\"Zm8=\"}]}",
		"[-1.5e+3,\"\\ud83d\\udc19\xf0\x9f\x90\x99\\n\",true,[[{\"a\":[]}],{}],null]",
	};
	uint32_t seed = 20250704;
	unsigned taken = 0;

	(void)state;
	for (unsigned round = 0; round < 30000; round++) {
		const char *from = seeds[round % ARRAY_LEN(seeds)];
		size_t size = strlen(from);
		char text[256];

		memcpy(text, from, size);
		for (uint32_t times = next_random(&seed) % 6; times > 0; times--)
			mutate(text, &size, sizeof(text), &seed);
		taken += check_any(text, size, next_random(&seed) % 4);
	}
	/* Both outcomes occurred often. */
	assert_in_range(taken, 3000, 27000);
}

/* As long as a page of a store's list, with a string that alone exceeds a block. */
static void long_documents(void **state)
{
	enum { MEMBERS = 6000, STRING = 200000 };
	char *text = malloc(MEMBERS * 40 + STRING + 16), *to = text;
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;
	struct jr root, list, member;
	size_t i = 0;

	(void)state;
	to += sprintf(to, "{\"list\":[");
	for (int n = 0; n < MEMBERS; n++)
		to += sprintf(to, "{\"n\":%d,\"text\":\"t%d\"},", n, n);
	to += sprintf(to, "{}],\"long\":\"");
	to = memset(to, 'x', STRING);
	to += STRING;
	to += sprintf(to, "\"}");
	assert_int_equal(parse(text, (size_t)(to - text), JSON_STRICT, &json, &err), 0);
	free(text);
	root = jr_root(json);
	list = jr_arr(&root, "list");
	while (jr_each(&list, &i, &member) && i <= MEMBERS) {
		char want[16];

		snprintf(want, sizeof(want), "t%zu", i - 1);
		assert_int_equal(jr_u32(&member, "n", 0, MEMBERS), i - 1);
		assert_string_equal(jr_str(&member, "text", 16), want);
	}
	assert_int_equal(i, MEMBERS + 1);
	assert_int_equal(strlen(jr_str(&root, "long", STRING)), STRING);
	assert_int_equal(jr_done(json, ERR_CONFIG, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_documents),
		cmocka_unit_test(bad_documents),
		cmocka_unit_test(pruned_documents),
		cmocka_unit_test(bad_pruned_documents),
		cmocka_unit_test(elements_are_documents),
		cmocka_unit_test(an_element_with_a_duplicate_key),
		cmocka_unit_test(members_are_visited_in_the_text),
		cmocka_unit_test(members_are_found),
		cmocka_unit_test(members_are_not_found_in_bad_documents),
		cmocka_unit_test(a_truncated_document_is_rejected),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(size_is_limited),
		cmocka_unit_test(duplicate_keys),
		cmocka_unit_test(many_duplicates_are_found_quickly),
		cmocka_unit_test(mutations),
		cmocka_unit_test(long_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
