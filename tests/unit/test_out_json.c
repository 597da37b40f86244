/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON output for programs: the document of weftd, complete and indented. */
#include "ctl/out.h"

#include "common/array.h"
#include "common/err.h"
#include "common/json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static char *render(out_fn *show, const char *document)
{
	struct out_to to = { .colour = true };
	struct json *json = NULL;
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size;
	struct jr root;

	if (json_parse(document, strlen(document), 1 << 20, JSON_STRICT, "answer", &json, &err))
		fail_msg("%s: %s", document, err.text);
	to.file = open_memstream(&text, &size);
	assert_non_null(to.file);
	root = jr_root(json);
	show(&to, &root);
	fclose(to.file);
	assert_int_equal(jr_done(json, ERR_DECODE, &err), 0);
	json_free(json);
	return text;
}

static void test_indented(void **state)
{
	static const struct {
		const char *document, *want;
	} rows[] = {
		{ "{}", "{}\n" },
		{ "[]", "[]\n" },
		{ "[{}]", "[\n  {}\n]\n" },
		{ "{\"a\":1,\"new\":[true,null,-1.5]}",
		  "{\n  \"a\": 1,\n  \"new\": [\n    true,\n    null,\n    -1.5\n  ]\n}\n" },
		{ "{\"\":\"\"}", "{\n  \"\": \"\"\n}\n" },
		{ "{\"e\":{},\"n\":[],\"l\":[{\"a\":1},\"{\\\"x\\\": [1,2]}\\\\\"]}",
		  "{\n  \"e\": {},\n  \"n\": [],\n  \"l\": [\n    {\n      \"a\": 1\n    },\n"
		  "    \"{\\\"x\\\": [1,2]}\\\\\"\n  ]\n}\n" },
		{ "[\"{,:}[]\"]", "[\n  \"{,:}[]\"\n]\n" },
		{ "[\"a\\\"b\\\\\"]", "[\n  \"a\\\"b\\\\\"\n]\n" },
		{ "[\"\\n\\u001b\x7f\\u009b\xc2\xa0\xc3\xa9\"]",
		  "[\n  \"\\n\\u001b\\u007f\\u009b\xc2\xa0\xc3\xa9\"\n]\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = render(out_json.status, rows[i].document);

		assert_string_equal(text, rows[i].want);
		free(text);
	}
}

/* The printed document has the same meaning as the answer. */
static void test_reads_back(void **state)
{
	static const char document[] =
		"{\"a\":[1,[2,{\"b\":\"\\\\\\\"\\u0001\"}],{}],\"c\":{\"d\":\"x,y:z\"}}";
	char *once, *twice;

	(void)state;
	once = render(out_json.peers, document);
	twice = render(out_json.peers, once);
	assert_string_equal(once, twice);
	free(once);
	free(twice);
}

static void test_version(void **state)
{
	struct out_to to = { .colour = false };
	char *text = NULL;
	size_t size;

	(void)state;
	to.file = open_memstream(&text, &size);
	assert_non_null(to.file);
	out_json.version(&to, "1.2.3", "0123456789ab");
	fclose(to.file);
	assert_string_equal(text,
			    "{\n  \"version\": \"1.2.3\",\n  \"commit\": \"0123456789ab\"\n}\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_indented),
		cmocka_unit_test(test_reads_back),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
