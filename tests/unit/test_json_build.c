/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json/json.h"

#include "common/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_text(struct jb *jb, const char *text)
{
	AUTO(free) char *built = NULL;
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(jb_text(jb, &built, &err), 0);
	assert_string_equal(built, text);
	if (json_parse(built, strlen(built), strlen(built), JSON_STRICT, "built", &json, &err) < 0)
		fail_msg("%s", err.text);
}

static void members_in_the_order_of_the_calls(void **state)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root = jb_root(jb), list, inner;
	struct prefix prefix = { .addr = { .be = { [12] = 10, 5, 2, 0 }, .family = AF_INET },
				 .len = 24 };
	struct mac mac = { { 2, 0, 0, 0, 0, 0xff } };

	(void)state;
	jb_u32(root, "version", 1);
	jb_str(root, "name", "a \"b\"\n");
	list = jb_arr(root, "list");
	jb_u32(list, NULL, UINT32_MAX);
	inner = jb_obj(list, NULL);
	jb_bool(inner, "yes", true);
	jb_bool(inner, "no", false);
	jb_null(list, NULL);
	jb_arr(list, NULL);
	jb_u64_text(root, "revision", UINT64_MAX);
	jb_ipaddr(root, "address", &prefix.addr);
	jb_prefix(root, "subnet", &prefix);
	jb_mac(root, "mac", &mac);
	jb_base64(root, "key", "foob", 4);
	jb_raw(root, "prevResult", "{\"a\":[1]}");
	jb_str(inner, "late", "");
	check_text(jb, "{\"version\":1,\"name\":\"a \\\"b\\\"\\n\","
		       "\"list\":[4294967295,{\"yes\":true,\"no\":false,\"late\":\"\"},null,[]],"
		       "\"revision\":\"18446744073709551615\",\"address\":\"10.5.2.0\","
		       "\"subnet\":\"10.5.2.0/24\",\"mac\":\"02:00:00:00:00:ff\","
		       "\"key\":\"Zm9vYg==\",\"prevResult\":{\"a\":[1]}}");
}

static void an_empty_document(void **state)
{
	AUTO(jb) struct jb *jb = jb_new();

	(void)state;
	check_text(jb, "{}");
}

static void counts_are_digits(void **state)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at list = jb_arr(jb_root(jb), "n");

	(void)state;
	jb_count(list, NULL, 0);
	jb_count(list, NULL, 1000000000000000);
	jb_count(list, NULL, UINT64_C(1) << 53);
	check_text(jb, "{\"n\":[0,1000000000000000,9007199254740992]}");
}

static void text_that_is_not_utf8_is_replaced(void **state)
{
	AUTO(jb) struct jb *jb = jb_new();

	(void)state;
	jb_str(jb_root(jb), "a", "k\xc3\xb6ln");
	jb_str(jb_root(jb), "b",
	       "\xff"
	       "a\xc3");
	jb_str(jb_root(jb), "c", "\xed\xa0\x80");
	check_text(jb, "{\"a\":\"k\xc3\xb6ln\",\"b\":\"\xef\xbf\xbd"
		       "a\xef\xbf\xbd\",\"c\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}");
}

/* After a failed step, here without a text, later steps have no effect, and the end reports it. */
static void a_failed_step_is_reported_at_the_end(void **state)
{
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at root = jb_root(jb), lost = { .jb = jb, .node = NULL };
	char *text = NULL;
	struct err err = ERR_INIT;

	(void)state;
	jb_raw(root, "raw", NULL);
	jb_str(jb_arr(jb_obj(lost, "a"), "b"), NULL, "x");
	jb_u32(root, "after", 1);
	assert_int_equal(jb_text(jb, &text, &err), -1);
	assert_int_equal(err.code, ERR_NOMEM);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_in_the_order_of_the_calls),
		cmocka_unit_test(an_empty_document),
		cmocka_unit_test(counts_are_digits),
		cmocka_unit_test(text_that_is_not_utf8_is_replaced),
		cmocka_unit_test(a_failed_step_is_reported_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
