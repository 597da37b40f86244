/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/firewall_elements.h"

#include "common/array.h"
#include "tests/unit/samples.h"

/* "10.5.0.0 -10.6.0.0": the end of an interval has a minus. */
static const char *show(const struct firewall_elements *elements, size_t size, char buf[static 512])
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < elements->len; i++) {
		const struct nft_element element = firewall_elements_get(elements, i);
		char text[IPADDR_TEXT_SIZE];
		struct ipaddr addr;
		struct err err;

		assert_int_equal(ipaddr_from_wire(element.key, size, &addr, &err), 0);
		len += (size_t)snprintf(buf + len, 512 - len, "%s%s%s", i ? " " : "",
					element.end ? "-" : "", ipaddr_text(&addr, text));
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
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct firewall_prefixes prefixes = { .len = 0 };
		struct firewall_elements elements = { .len = 0 };
		char text[512];

		for (size_t k = 0; k < 5 && cases[i].prefixes[k]; k++) {
			struct prefix prefix;
			struct err err;

			assert_int_equal(prefix_parse(cases[i].prefixes[k], &prefix, &err), 0);
			assert_true(firewall_prefixes_push(&prefixes, &prefix));
		}
		assert_true(firewall_elements_of_prefixes(&prefixes, &elements));
		assert_string_equal(show(&elements, cases[i].size, text), cases[i].want);
		firewall_prefixes_free(&prefixes);
		firewall_elements_free(&elements);
	}
}

static struct firewall_elements list(const char *const addresses[])
{
	struct firewall_elements elements = { .len = 0 };

	for (; *addresses; addresses++) {
		struct ipaddr addr;
		struct err err;

		assert_int_equal(ipaddr_parse(*addresses, &addr, &err), 0);
		assert_true(firewall_elements_add(&elements, &addr));
	}
	firewall_elements_sort(&elements);
	return elements;
}

static void a_difference_has_added_and_removed_elements(void **state)
{
	struct firewall_elements have = list(
		(const char *const[]){ "10.0.0.3", "10.0.0.1", "10.0.0.1", "10.0.0.2", NULL });
	struct firewall_elements want = list((const char *const[]){ "10.0.0.4", "10.0.0.2", NULL });
	struct firewall_elements more = { .len = 0 }, less = { .len = 0 }, copy;
	char text[512];

	(void)state;
	assert_true(firewall_elements_copy(&have, &copy));
	firewall_elements_free(&have);
	have = copy;
	assert_int_equal(have.len, 3);
	assert_true(firewall_elements_diff(&have, &want, &more, &less));
	assert_string_equal(show(&more, 4, text), "10.0.0.4");
	assert_string_equal(show(&less, 4, text), "10.0.0.1 10.0.0.3");
	assert_false(firewall_elements_equal(&have, &want));
	assert_true(firewall_elements_copy(&have, &copy));
	assert_true(firewall_elements_equal(&have, &copy));
	firewall_elements_free(&have);
	firewall_elements_free(&want);
	firewall_elements_free(&more);
	firewall_elements_free(&less);
	firewall_elements_free(&copy);
}

static void elements_of_several_networks_are_counted(void **state)
{
	struct firewall_elements all = list(
		(const char *const[]){ "10.0.0.3", "10.0.0.1", "10.0.0.1", NULL });
	struct firewall_elements add = list((const char *const[]){ "10.0.0.2", "10.0.0.9", NULL });
	struct firewall_elements del = list(
		(const char *const[]){ "10.0.0.0", "10.0.0.1", "10.0.0.7", NULL });
	char text[512];

	(void)state;
	assert_true(firewall_elements_patch(&all, &del, &add));
	assert_string_equal(show(&all, 4, text), "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.9");
	assert_true(firewall_elements_patch(&all, &del, &del));
	assert_string_equal(show(&all, 4, text),
			    "10.0.0.0 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.7 10.0.0.9");
	firewall_elements_free(&all);
	firewall_elements_free(&add);
	firewall_elements_free(&del);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefixes_become_intervals),
		cmocka_unit_test(elements_of_several_networks_are_counted),
		cmocka_unit_test(a_difference_has_added_and_removed_elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
