/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/sweep.h"

#include "common/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void attachments_are_orphaned_if_their_namespace_is_deleted(void **state)
{
	static const struct {
		struct sweep_facts facts;
		bool dead;
	} cases[] = {
		{ { SWEEP_RECORD_READ, false, false, SWEEP_NETNS_GONE }, true },
		{ { SWEEP_RECORD_READ, false, false, SWEEP_NETNS_SAME }, false },
		{ { SWEEP_RECORD_READ, false, false, SWEEP_NETNS_UNKNOWN }, false },
		{ { SWEEP_RECORD_READ, true, false, SWEEP_NETNS_GONE }, false },
		{ { SWEEP_RECORD_READ, false, true, SWEEP_NETNS_GONE }, false },
		{ { SWEEP_RECORD_EMPTY, false, false, SWEEP_NETNS_UNKNOWN }, true },
		{ { SWEEP_RECORD_EMPTY, true, false, SWEEP_NETNS_UNKNOWN }, false },
		{ { SWEEP_RECORD_DAMAGED, false, false, SWEEP_NETNS_GONE }, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(sweep_is_orphaned(&cases[i].facts), cases[i].dead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attachments_are_orphaned_if_their_namespace_is_deleted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
