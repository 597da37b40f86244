/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store_key.h"

#include "tests/unit/samples.h"

static void keys_with_a_subnet_in_common_clash(void **state)
{
	static const struct {
		const char *a, *b;
		bool clash;
	} cases[] = {
		{ "10.5.1.0-24", "10.5.1.0-24", true },
		{ "10.5.1.0-24", "10.5.1.0-24&fd00:5:1::-64", true },
		{ "10.5.1.0-24&fd00:5:2::-64", "10.5.1.0-24&fd00:5:1::-64", true },
		{ "10.5.2.0-24&fd00:5:1::-64", "10.5.1.0-24&fd00:5:1::-64", true },
		{ "fd00:5:1::-64", "10.5.1.0-24&fd00:5:1::-64", true },
		{ "fd00:5:1::-64", "fd00:5:1::-64", true },
		{ "fd00:5:1::-64", "fd00:5:2::-64", false },
		{ "fd00:5:1::-64", "10.5.1.0-24", false },
		{ "fd00:5:1::-64", "10.5.1.0-24&fd00:5:2::-64", false },
		{ "10.5.1.0-24", "10.5.2.0-24", false },
		{ "10.5.1.0-24", "10.5.1.0-2", false },
		{ "10.5.1.0-24&", "10.5.2.0-24&", true }, /* rubbish, of one kind */
		{ "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		if (store_key_clash(cases[i].a, cases[i].b) != cases[i].clash ||
		    store_key_clash(cases[i].b, cases[i].a) != cases[i].clash)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keys_with_a_subnet_in_common_clash) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
