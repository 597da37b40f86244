/* SPDX-License-Identifier: Apache-2.0 */
/* Which networks wait for the packet rules of others, and how often the rules are replaced. */
/* fake: loop nl */
#include "tests/unit/firewall_scene.h"

#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_nl.h"

#include <errno.h>
#include <unistd.h>

static void on_gathered(void *ctx)
{
	(*(unsigned *)ctx)++;
}

static bool set_named(struct scene *scene, const char *name, uint32_t vni)
{
	struct firewall_network network = sample("192.168.0.2");
	bool applied;

	snprintf(network.name, sizeof(network.name), "%s", name);
	network.vni = vni;
	applied = firewall_set_network(scene->rules, &network);
	firewall_network_free(&network);
	return applied;
}

/* At a start with many networks, each would replace the rules of all. */
static void networks_that_are_expected_are_applied_together(void **state)
{
	struct scene *scene = *state;
	const uint64_t before = firewall_replacements(scene->rules);
	unsigned gathered = 0;

	firewall_gather(scene->rules, on_gathered, &gathered);
	firewall_expect(scene->rules, 5);
	assert_false(set_named(scene, "a", 2));
	assert_false(set_named(scene, "b", 3));
	assert_false(set_named(scene, "a", 2)); /* its next attempt does not apply them either */
	assert_false(has_rules(2));
	/* One that has its rules does not wait. */
	deliver(scene, NULL);
	assert_false(has_rules(2));
	fake_loop_pass(scene->loop, 300);
	assert_int_equal(gathered, 1);
	assert_true(has_rules(2) && has_rules(3));
	assert_true(set_named(scene, "a", 2));
	/* Meanwhile it has another VNI. */
	assert_false(set_named(scene, "b", 4));
	assert_false(has_rules(4));
	fake_loop_pass(scene->loop, 300);
	assert_int_equal(gathered, 2);
	assert_true(set_named(scene, "b", 4) && has_rules(4));
	assert_true(firewall_replacements(scene->rules) <= before + 6); /* twice of each table */
	/* The last one ends the wait of those before it. */
	assert_false(set_named(scene, "c", 7));
	assert_true(set_named(scene, "d", 5));
	assert_true(has_rules(7) && has_rules(5));
	fake_loop_pass(scene->loop, 1);
	assert_int_equal(gathered, 3);
	/* All are there: no wait any more. */
	firewall_gather(scene->rules, NULL, NULL);
	assert_true(set_named(scene, "e", 6));
	assert_true(has_rules(6));
}

/* Without its rules, a new network would be open. Each call fails once. */
static void a_network_waits_while_its_rules_cannot_be_installed(void **state)
{
	struct scene *scene = *state;
	unsigned gathered = 0, waited = 0;
	bool faulted = true;

	firewall_gather(scene->rules, on_gathered, &gathered);
	for (unsigned n = 1; faulted; n++) {
		const uint32_t vni = 1 + n;
		char name[16];
		bool applied;

		snprintf(name, sizeof(name), "n%u", n);
		firewall_expect(scene->rules, 1 + n);
		fake_nl_reset();
		fake_nl_fail(n, EIO, "no answer");
		applied = set_named(scene, name, vni);
		faulted = fake_nl_faulted();
		if (applied && !(firewall_view(scene->rules).installed && has_rules(vni)))
			fail_msg("call %u", n);
		if (!applied)
			assert_string_not_equal(firewall_view(scene->rules).error, "");
		fake_nl_reset();
		waited += !applied;
		/* The first retry succeeds. */
		fake_loop_pass(scene->loop, 300);
		assert_int_equal(gathered, waited);
		assert_true(firewall_view(scene->rules).installed);
		assert_true(has_rules(vni));
		assert_true(set_named(scene, name, vni));
	}
	assert_true(waited > 4); /* in each of the tables */
}

/*
 * The table of this weftd is not taken for that of an earlier one, which would stay until all are
 * there.
 */
static void a_failure_while_further_networks_are_expected_is_repeated(void **state)
{
	struct scene *scene = *state;
	unsigned gathered = 0;

	firewall_gather(scene->rules, on_gathered, &gathered);
	firewall_expect(scene->rules, 100);
	for (unsigned n = 1; n <= 8; n++) {
		const uint32_t vni = 1 + n;
		char name[16];

		snprintf(name, sizeof(name), "n%u", n);
		assert_false(set_named(scene, name, vni));
		fake_nl_reset();
		fake_nl_fail(n, EIO, "no answer");
		fake_loop_pass(scene->loop, 900);
		assert_true(fake_nl_faulted());
		assert_int_equal(gathered, n);
		assert_true(has_rules(vni));
		assert_true(set_named(scene, name, vni));
	}
	fake_nl_reset();
}

/* Another program's process owns the table, so that the kernel refuses each change. */
static FILE *seize_bridge_table(struct scene *scene)
{
	FILE *owner = popen("nft -i >/dev/null", "w");

	assert_non_null(owner);
	assert_true(fputs("delete table bridge weft; add table bridge weft { flags owner; }\n",
			  owner) > 0);
	assert_int_equal(fflush(owner), 0);
	while (!kernel_shows("nft list table bridge weft", "owner"))
		usleep(10000);
	fake_loop_pass(scene->loop, 1000);
	assert_string_not_equal(firewall_view(scene->rules).error, "");
	return owner;
}

static void a_network_waits_as_long_as_its_rules_are_refused(void **state)
{
	struct scene *scene = *state;
	unsigned gathered = 0;
	FILE *owner = seize_bridge_table(scene);

	firewall_gather(scene->rules, on_gathered, &gathered);
	firewall_expect(scene->rules, 2);
	assert_false(set_named(scene, "a", 2));
	/* One that had its rules continues after one attempt. */
	deliver(scene, "fd00:5::/48");
	assert_true(kernel_shows("nft list table inet weft", "fd00:5::/48"));
	assert_true(firewall_waits(scene->rules, "a") && !firewall_waits(scene->rules, "default"));
	fake_loop_pass(scene->loop, 1);
	assert_int_equal(gathered, 1);
	for (unsigned i = 0; i < 9; i++) {
		fake_loop_pass(scene->loop, 1000);
		assert_int_equal(gathered, 1);
		assert_false(set_named(scene, "a", 2));
	}
	assert_int_equal(pclose(owner), 0);
	fake_loop_pass(scene->loop, 900);
	while (gathered < 2)
		fake_loop_pass(scene->loop, 100);
	assert_true(firewall_view(scene->rules).installed);
	assert_string_equal(firewall_view(scene->rules).error, "");
	assert_true(set_named(scene, "a", 2));
}

static void add_peer_at_another_port(struct firewall_network *network)
{
	add_peer(network);
	network->port = 4791;
}

static bool set_port(struct scene *scene, const char *name, uint32_t vni, uint16_t port)
{
	struct firewall_network network = sample("192.168.0.2");
	bool applied;

	snprintf(network.name, sizeof(network.name), "%s", name);
	network.vni = vni;
	network.port = port;
	applied = firewall_set_network(scene->rules, &network);
	firewall_network_free(&network);
	return applied;
}

/* Three networks, the first of which is "default", with their rules. */
static void begin_three(struct scene *scene, unsigned *gathered)
{
	assert_true(set_named(scene, "a", 2) && set_named(scene, "b", 3));
	firewall_gather(scene->rules, on_gathered, gathered);
	firewall_expect(scene->rules, 3);
}

static bool has_port(const char *port)
{
	return kernel_shows("nft list table inet weft", port);
}

/* A new address of the uplink, for example, changes the rules of each. */
static void networks_that_change_are_applied_together(void **state)
{
	struct scene *scene = *state;
	unsigned gathered = 0;
	uint64_t before, one;

	begin_three(scene, &gathered);
	before = firewall_replacements(scene->rules);
	assert_false(set_port(scene, "a", 2, 4790));
	assert_true(set_named(scene, "b", 3)); /* unchanged */
	assert_false(has_port("4790"));
	/* A single one does not wait long for others. */
	fake_loop_pass(scene->loop, 20);
	assert_int_equal(gathered, 1);
	assert_true(has_port("4790"));
	assert_true(set_port(scene, "a", 2, 4790));
	one = firewall_replacements(scene->rules) - before;

	/* All have changed: there are none to wait for. */
	assert_false(set_port(scene, "a", 2, 4791));
	assert_false(set_port(scene, "default", 1, 4791));
	assert_false(has_port("4791"));
	assert_true(set_port(scene, "b", 3, 4791));
	assert_true(has_port("4791"));
	fake_loop_pass(scene->loop, 1);
	assert_int_equal(gathered, 2);
	assert_true(set_port(scene, "a", 2, 4791) && set_port(scene, "default", 1, 4791));
	assert_int_equal(firewall_replacements(scene->rules), before + 2 * one);

	/* A peer does not wait, and ends the wait of others. */
	assert_false(set_port(scene, "a", 2, 4792));
	(void)set_default(scene, add_peer_at_another_port);
	assert_true(has_port("4792"));
	fake_loop_pass(scene->loop, 1);
	assert_int_equal(gathered, 3);
}

/* Networks that have their rules continue; each of them would only fail again. */
static void a_failure_does_not_hold_up_networks_that_change(void **state)
{
	struct scene *scene = *state;
	unsigned gathered = 0;
	size_t sent;
	FILE *owner;

	begin_three(scene, &gathered);
	owner = seize_bridge_table(scene);
	assert_false(set_port(scene, "a", 2, 4790));
	assert_false(set_port(scene, "b", 3, 4790));
	fake_loop_pass(scene->loop, 20);
	assert_int_equal(gathered, 1);
	assert_string_not_equal(firewall_view(scene->rules).error, "");
	sent = fake_nl_sent();
	assert_true(set_port(scene, "a", 2, 4790) && set_port(scene, "b", 3, 4790));
	assert_int_equal(fake_nl_sent(), sent); /* the retry is due */
	assert_int_equal(pclose(owner), 0);
	while (firewall_view(scene->rules).error[0])
		fake_loop_pass(scene->loop, 100);
	assert_true(firewall_view(scene->rules).installed && has_port("4790"));
}

/* Networks that come long after the start, several at once. */
static void later_networks_are_applied_together(void **state)
{
	struct scene *scene = *state;
	unsigned gathered = 0;

	firewall_gather(scene->rules, on_gathered, &gathered);
	firewall_expect(scene->rules, 2);
	fake_loop_pass(scene->loop, 1);
	assert_true(set_named(scene, "a", 2)); /* the last one */
	firewall_expect(scene->rules, 9);
	assert_false(set_named(scene, "b", 3));
	fake_loop_pass(scene->loop, 11000); /* the wait at the start is over */
	assert_int_equal(gathered, 1);
	assert_false(set_named(scene, "c", 4));
	assert_false(set_named(scene, "d", 5));
	assert_false(has_rules(4) || has_rules(5));
	fake_loop_pass(scene->loop, 20);
	assert_int_equal(gathered, 2);
	assert_true(has_rules(4) && has_rules(5));
	assert_true(set_named(scene, "c", 4) && set_named(scene, "d", 5));
}

static void a_network_does_not_wait_forever(void **state)
{
	struct scene *scene = *state;
	unsigned gathered = 0;
	FILE *owner = seize_bridge_table(scene);

	firewall_gather(scene->rules, on_gathered, &gathered);
	firewall_expect(scene->rules, 2);
	assert_false(set_named(scene, "a", 2));
	fake_loop_pass(scene->loop, 9000);
	assert_int_equal(gathered, 0);
	fake_loop_pass(scene->loop, 1500);
	assert_int_equal(gathered, 1);
	assert_true(set_named(scene, "a", 2));
	assert_false(firewall_view(scene->rules).installed);
	assert_string_not_equal(firewall_view(scene->rules).error, "");
	assert_int_equal(pclose(owner), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		firewall_test(networks_that_are_expected_are_applied_together),
		firewall_test(a_network_waits_while_its_rules_cannot_be_installed),
		firewall_test(a_failure_while_further_networks_are_expected_is_repeated),
		firewall_test(a_network_waits_as_long_as_its_rules_are_refused),
		firewall_test(networks_that_change_are_applied_together),
		firewall_test(a_failure_does_not_hold_up_networks_that_change),
		firewall_test(later_networks_are_applied_together),
		firewall_test(a_network_does_not_wait_forever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
