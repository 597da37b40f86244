/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hash.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The vectors of draft-eastlake-fnv. */
static void hash_is_fnv_1a(void **state)
{
	static const struct {
		const char *text;
		uint64_t hash;
	} cases[] = {
		{ "", 0xcbf29ce484222325 },
		{ "a", 0xaf63dc4c8601ec8c },
		{ "foobar", 0x85944171f73967e8 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(hash_add(HASH_INIT, cases[i].text, strlen(cases[i].text)) ==
			    cases[i].hash);
}

static void hashing_in_pieces_gives_the_same_result(void **state)
{
	uint64_t hash = hash_add(HASH_INIT, "foo", 3);

	(void)state;
	hash = hash_add(hash, "", 0);
	assert_true(hash_add(hash, "bar", 3) == hash_add(HASH_INIT, "foobar", 6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_fnv_1a),
		cmocka_unit_test(hashing_in_pieces_gives_the_same_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
