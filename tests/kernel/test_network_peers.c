/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
/* Few changes among many are judged alone: what stands must be what a look at all would want. */
#include "common/log.h"
#include "daemon/network_private.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/network_scene.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>

#define LINGER_MS 300

/* Draws the same numbers in every run. */
static unsigned draw(unsigned below)
{
	static uint64_t state = 88172645463325252;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % below);
}

/* Keys that overlap, MACs that are shared, values that are none. */
static void tell_something(struct scene *scene)
{
	static const char *const keys[] = { "10.5.4.0-24",
					    "10.5.5.0-24",
					    "10.5.6.0-24",
					    "10.5.4.0-23",
					    "10.5.4.0-24&fd00:5:4::-64",
					    "10.5.7.0-24" };
	static const char *const macs[] = { MAC_2, MAC_3, "c6:d2:32:6f:8f:04", "c6:d2:32:6f:8f:05",
					    "c6:d2:32:6f:8f:06" };
	const char *key = keys[draw(LEN(keys))];
	char public_ip[32];

	if (draw(4) == 0) {
		network_listener.gone(scene->network, key, ++scene->revision);
		return;
	}
	if (draw(10) == 0) {
		tell_entry(scene, key, "{\"PublicIP\":7}", 9);
		return;
	}
	snprintf(public_ip, sizeof(public_ip), "192.168.0.%u", 2 + draw(6));
	tell_peer(scene, key, public_ip, macs[draw(LEN(macs))]);
}

/* What a look at everything finds to do: nothing, or something was forgotten. */
static uint64_t look(struct scene *scene)
{
	uint64_t before;

	/* What is about to go has gone. */
	if (loop_timer_running(scene->network->grace))
		fake_loop_pass(scene->loop, LINGER_MS);
	settle(scene);
	before = network_view(scene->network).sync.written;
	sync_mark(scene->network->sync, SYNC_ALL);
	fake_loop_pass(scene->loop, 1000);
	assert_true(network_view(scene->network).sync.good);
	return network_view(scene->network).sync.written - before;
}

static void what_stands_is_what_all_leases_say(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	for (int i = 0; i < 150; i++) {
		for (unsigned n = 1 + draw(3); n > 0; n--)
			tell_something(scene);
		fake_loop_pass(scene->loop, draw(3) ? 50 : LINGER_MS + 50);
		if (look(scene))
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

/* One lease of many costs one peer's entries; a clash makes every change a look at all. */
static void one_change_costs_one_peer(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	tell_peer(scene, "10.5.4.0-24", "192.168.0.4", MAC_2);
	tell_peer(scene, "10.5.5.0-24", "192.168.0.5", MAC_3);
	settle(scene);
	fake_nl_reset();
	tell_peer(scene, "10.5.5.0-24", "192.168.0.6", MAC_3);
	settle(scene);
	assert_int_equal(sent_of(RTM_NEWNEIGH), 1);
	assert_int_equal(sent_of(RTM_DELNEIGH), 1);
	assert_int_equal(sent_of(RTM_NEWROUTE), 0);
	assert_int_equal(sent_of(RTM_GETNEIGH), 0);
	assert_int_equal(network_view(scene->network).sync.programmed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		network_test(what_stands_is_what_all_leases_say),
		network_test(one_change_costs_one_peer),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
