/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/rules_elements.h"

#include "tests/unit/samples.h"

/* "10.5.0.0 -10.6.0.0": the end of an interval has a minus. */
static const char *show(const struct rules_elements *elements, size_t size, char buf[static 512])
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < elements->len; i++) {
		char text[IPADDR_TEXT_SIZE];
		struct ipaddr addr;
		struct err err;

		assert_int_equal(ipaddr_from_wire(elements->at[i].key, size, &addr, &err), 0);
		len += (size_t)snprintf(buf + len, 512 - len, "%s%s%s", i ? " " : "",
					elements->at[i].end ? "-" : "", ipaddr_text(&addr, text));
	}
	return buf;
}

static void prefixes_become_intervals(void **state)
{
	static const struct {
		const char *prefixes[5], *want;
		size_t size;
	} cases[] = {
		{ { "10.5.0.0/16" }, "10.5.0.0 -10.6.0.0", 4 },
		{ { "10.6.0.0/16", "10.5.0.0/16" }, "10.5.0.0 -10.7.0.0", 4 },
		{ { "10.0.0.0/8", "10.5.0.0/16", "11.0.0.0/24" }, "10.0.0.0 -11.0.1.0", 4 },
		{ { "10.5.1.7/24", "10.9.0.0/24" }, "10.5.1.0 -10.5.2.0 10.9.0.0 -10.9.1.0", 4 },
		{ { "255.255.255.255/32", "224.0.0.0/4" },
		  "224.0.0.0 -240.0.0.0 255.255.255.255",
		  4 },
		{ { "240.0.0.0/4", "224.0.0.0/4" }, "224.0.0.0", 4 },
		{ { "0.0.0.0/0", "10.0.0.0/8" }, "0.0.0.0", 4 },
		{ { "ff00::/8", "fd00:5::/48" }, "fd00:5:: -fd00:5:1:: ff00::", 16 },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct rules_prefixes prefixes = { .len = 0 };
		struct rules_elements elements = { .len = 0 };
		char text[512];

		for (size_t k = 0; k < 5 && cases[i].prefixes[k]; k++) {
			struct prefix prefix;
			struct err err;

			assert_int_equal(prefix_parse(cases[i].prefixes[k], &prefix, &err), 0);
			assert_true(rules_prefixes_push(&prefixes, &prefix));
		}
		assert_true(rules_ranges(&prefixes, &elements));
		assert_string_equal(show(&elements, cases[i].size, text), cases[i].want);
		rules_prefixes_free(&prefixes);
		rules_elements_free(&elements);
	}
}

static struct rules_elements list(const char *const addresses[])
{
	struct rules_elements elements = { .len = 0 };

	for (; *addresses; addresses++) {
		struct ipaddr addr;
		struct err err;

		assert_int_equal(ipaddr_parse(*addresses, &addr, &err), 0);
		assert_true(rules_elements_add(&elements, &addr));
	}
	rules_elements_sort(&elements);
	return elements;
}

static void a_difference_is_what_came_and_what_went(void **state)
{
	struct rules_elements have = list(
		(const char *const[]){ "10.0.0.3", "10.0.0.1", "10.0.0.1", "10.0.0.2", NULL });
	struct rules_elements want = list((const char *const[]){ "10.0.0.4", "10.0.0.2", NULL });
	struct rules_elements more = { .len = 0 }, less = { .len = 0 }, copy;
	char text[512];

	(void)state;
	assert_true(rules_elements_copy(&have, &copy));
	rules_elements_free(&have);
	have = copy;
	assert_int_equal(have.len, 3);
	assert_true(rules_elements_diff(&have, &want, &more, &less));
	assert_string_equal(show(&more, 4, text), "10.0.0.4");
	assert_string_equal(show(&less, 4, text), "10.0.0.1 10.0.0.3");
	assert_false(rules_elements_equal(&have, &want));
	assert_true(rules_elements_copy(&have, &copy));
	assert_true(rules_elements_equal(&have, &copy));
	rules_elements_free(&have);
	rules_elements_free(&want);
	rules_elements_free(&more);
	rules_elements_free(&less);
	rules_elements_free(&copy);
}

static void a_change_counts_what_several_have(void **state)
{
	struct rules_elements all = list(
		(const char *const[]){ "10.0.0.3", "10.0.0.1", "10.0.0.1", NULL });
	struct rules_elements add = list((const char *const[]){ "10.0.0.2", "10.0.0.9", NULL });
	struct rules_elements del = list(
		(const char *const[]){ "10.0.0.0", "10.0.0.1", "10.0.0.7", NULL });
	char text[512];

	(void)state;
	assert_true(rules_elements_patch(&all, &del, &add));
	assert_string_equal(show(&all, 4, text), "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.9");
	assert_true(rules_elements_patch(&all, &del, &del));
	assert_string_equal(show(&all, 4, text),
			    "10.0.0.0 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.7 10.0.0.9");
	rules_elements_free(&all);
	rules_elements_free(&add);
	rules_elements_free(&del);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_become_intervals),
		cmocka_unit_test(a_change_counts_what_several_have),
		cmocka_unit_test(a_difference_is_what_came_and_what_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
