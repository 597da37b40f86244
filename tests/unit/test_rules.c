/* SPDX-License-Identifier: Apache-2.0 */
/* When the kernel is asked for what; it is the real one, and the questions are counted. */
/* fake: loop nl */
#include "daemon/rules.h"

#include "daemon/loop.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <errno.h>

#define PERIOD_MS (300 * 1000)

struct scene {
	struct loop *loop;
	struct rules *rules;
};

/* The network as it is told by every whole pass. */
static void tell(struct scene *scene, const char *cluster6)
{
	const struct ipaddr peer = kernel_addr("192.168.0.2");
	struct rules_network network = { .name = "default", .bridge = "weft-br1", .vni = 1 };

	network.port = 8472;
	network.outer[FAMILY_V4] = true;
	network.cluster[FAMILY_V4] = kernel_prefix("10.5.0.0/16");
	network.subnet[FAMILY_V4] = kernel_prefix("10.5.1.0/24");
	if (cluster6)
		network.cluster[FAMILY_V6] = kernel_prefix(cluster6);
	assert_true(rules_elements_add(&network.peers[FAMILY_V4], &peer));
	rules_tell(scene->rules, &network);
	rules_network_free(&network);
}

static int setup(void **state)
{
	const struct rules_options options = { .guard = true, .forward = true };
	struct scene *scene = calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	nl_free(kernel_fresh());
	fake_nl_reset();
	assert_non_null(scene);
	assert_int_equal(loop_new(&scene->loop, &err), 0);
	assert_done(rules_new(scene->loop, &options, NULL, 1, &scene->rules, &err), err);
	tell(scene, NULL);
	assert_true(rules_view(scene->rules).stands);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	rules_free(scene->rules);
	loop_free(scene->loop);
	free(scene);
	fake_nl_reset();
	return 0;
}

/* Somebody changes something, and what its event leads to is over. */
static void change(struct scene *scene, const char *command)
{
	assert_int_equal(system(command), 0);
	fake_loop_pass(scene->loop, 1000);
}

/* How much is asked in the next period. */
static size_t asked(struct scene *scene)
{
	fake_nl_reset();
	fake_loop_pass(scene->loop, PERIOD_MS);
	return fake_nl_sent();
}

static bool peer_is_there(void)
{
	return kernel_shows("nft list set inet weft peers4-1", "192.168.0.2");
}

static void all_is_looked_at_only_after_a_change(void **state)
{
	struct scene *scene = *state;

	assert_true(asked(scene) > 1); /* for the first time */
	assert_int_equal(asked(scene), 1);
	assert_int_equal(asked(scene), 1);
	/* Anybody's, as it may be that its event was lost. */
	change(scene, "nft add table ip other");
	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
	change(scene, "nft flush set inet weft peers4-1");
	assert_true(peer_is_there());
	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
}

/* A second family changes nothing in our own table, but much in a chain that drops it. */
static void another_family_is_looked_for_in_others_chains(void **state)
{
	struct scene *scene = *state;

	change(scene, "nft 'add table ip6 filter; add chain ip6 filter FORWARD "
		      "{ type filter hook forward priority 0; policy drop; }'");
	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
	tell(scene, NULL);
	assert_int_equal(asked(scene), 1);
	assert_false(strstr(kernel_says("nft list chain ip6 filter FORWARD"), "weft-br1"));
	tell(scene, "fd00:5::/48");
	assert_true(kernel_shows("nft list chain ip6 filter FORWARD", "weft-br1"));
}

static void a_look_that_fails_is_made_again(void **state)
{
	struct scene *scene = *state;
	const size_t whole = asked(scene);

	assert_true(whole > 3);
	assert_int_equal(asked(scene), 1);
	change(scene, "nft add table ip other");
	fake_nl_reset();
	fake_nl_fail(3, EIO, "no answer");
	fake_loop_pass(scene->loop, PERIOD_MS);
	assert_true(fake_nl_faulted());
	/* The next try was not told that nothing had changed, and went well. */
	assert_true(fake_nl_sent() > whole);
	assert_true(rules_view(scene->rules).stands);
	assert_true(peer_is_there());
	assert_int_equal(asked(scene), 1);
}

static void without_a_generation_all_is_looked_at(void **state)
{
	struct scene *scene = *state;

	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
	fake_nl_reset();
	fake_nl_fail(1, EIO, "no generation");
	fake_loop_pass(scene->loop, PERIOD_MS);
	assert_true(fake_nl_faulted());
	assert_true(fake_nl_sent() > 1);
	assert_true(asked(scene) > 1);
	assert_int_equal(asked(scene), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_is_looked_at_only_after_a_change, setup,
						teardown),
		cmocka_unit_test_setup_teardown(another_family_is_looked_for_in_others_chains,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_look_that_fails_is_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_generation_all_is_looked_at, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
