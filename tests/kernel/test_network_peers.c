/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
/*
 * Few changes among many peers are compared alone; the entries must equal those of a full
 * comparison.
 */
#include "common/array.h"
#include "common/log.h"
#include "daemon/network/network.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/log_network.h"
#include "tests/unit/network_scene.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>

#define LINGER_MS 300

/* The same sequence in every run. */
static unsigned draw(unsigned below)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % below);
}

/* Overlapping keys, shared MACs, invalid values. */
static void deliver_something(struct scene *scene)
{
	static const char *const keys[] = { "10.5.4.0-24",
					    "10.5.5.0-24",
					    "10.5.6.0-24",
					    "10.5.4.0-23",
					    "10.5.4.0-24&fd00:5:4::-64",
					    "10.5.7.0-24" };
	static const char *const macs[] = { MAC_2, MAC_3, "c6:d2:32:6f:8f:04", "c6:d2:32:6f:8f:05",
					    "c6:d2:32:6f:8f:06" };
	const char *key = keys[draw(ARRAY_LEN(keys))];
	char public_ip[32];

	if (draw(4) == 0) {
		network_listener.gone(scene->network, key, ++scene->revision);
		return;
	}
	if (draw(10) == 0) {
		deliver_entry(scene, key, "{\"PublicIP\":7}", 9);
		return;
	}
	snprintf(public_ip, sizeof(public_ip), "192.168.0.%u", 2 + draw(6));
	deliver_peer(scene, key, public_ip, macs[draw(ARRAY_LEN(macs))]);
}

/*
 * Returns the number of changes made by a full comparison: 0, unless a change was missed. A route
 * with weft's protocol that belongs to no lease causes the kernel event that triggers it.
 */
static uint64_t compare_all(struct scene *scene)
{
	struct network_view before, after;

	/* Removals that are delayed are carried out. */
	fake_loop_pass(scene->loop, LINGER_MS);
	settle(scene);
	before = network_view(scene->network);
	assert_int_equal(system("ip route add 10.5.99.0/24 dev weft-br1 proto 0x77"), 0);
	fake_loop_pass(scene->loop, 1000);
	after = network_view(scene->network);
	assert_true(after.schedule.good);
	assert_true(after.schedule.runs > before.schedule.runs);
	assert_false(kernel_shows("ip route show proto 0x77", "10.5.99.0/24"));
	return after.reconciler.written - before.reconciler.written - 1;
}

static void entries_match_a_full_comparison_of_all_leases(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	for (int i = 0; i < 150; i++) {
		for (unsigned n = 1 + draw(3); n > 0; n--)
			deliver_something(scene);
		fake_loop_pass(scene->loop, draw(3) ? 50 : LINGER_MS + 50);
		if (compare_all(scene))
			fail_msg("after %d changes", i);
	}
}

static unsigned sent_of(uint16_t type)
{
	unsigned count = 0;

	for (size_t i = 0; i < fake_nl_sent(); i++)
		count += fake_nl_request(i)->nlmsg_type == type;
	return count;
}

/* One of many leases writes the entries of one peer; a conflict causes a full comparison. */
static void one_changed_lease_writes_one_peer(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	deliver_peer(scene, "10.5.4.0-24", "192.168.0.4", MAC_2);
	deliver_peer(scene, "10.5.5.0-24", "192.168.0.5", MAC_3);
	settle(scene);
	fake_nl_reset();
	deliver_peer(scene, "10.5.5.0-24", "192.168.0.6", MAC_3);
	settle(scene);
	assert_int_equal(sent_of(RTM_NEWNEIGH), 1);
	assert_int_equal(sent_of(RTM_DELNEIGH), 1);
	assert_int_equal(sent_of(RTM_NEWROUTE), 0);
	assert_int_equal(sent_of(RTM_GETNEIGH), 0);
	assert_int_equal(network_view(scene->network).reconciler.programmed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		network_test(entries_match_a_full_comparison_of_all_leases),
		network_test(one_changed_lease_writes_one_peer),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	log_set_tap(log_network_required, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
