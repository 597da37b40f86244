/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/store_key.h"

#include "common/array.h"
#include "tests/unit/samples.h"

static void keys_with_a_common_subnet_conflict(void **state)
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
		{ "10.5.1.0-24&", "10.5.2.0-24&", true }, /* both are invalid in the same way */
		{ "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (store_key_clash(cases[i].a, cases[i].b) != cases[i].clash ||
		    store_key_clash(cases[i].b, cases[i].a) != cases[i].clash)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keys_with_a_common_subnet_conflict) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
