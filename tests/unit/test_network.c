/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
#include "daemon/network.h"

#include "common/log.h"
#include "common/state.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/network_scene.h"

#include <errno.h>
#include <sys/stat.h>

#define WAIT_MS 2000
#define LINGER_MS 300

static void assert_state(const struct scene *scene, enum network_state want, const char *reason)
{
	struct network_view view = network_view(scene->network);

	if (view.state != want)
		fail_msg("state %d: %s", (int)view.state, view.reason);
	if (!*reason)
		assert_string_equal(view.reason, "");
	assert_says(view.reason, reason);
}

static bool is_published(const struct scene *scene, struct state_network *state)
{
	struct err err = ERR_INIT;
	int found = state_read_network(scene->run_dir, "default", state, &err);

	assert_done(found, err);
	return found > 0;
}

static size_t count_routes(void)
{
	return strtoul(kernel_says("ip route show proto 0x77 | wc -l"), NULL, 10);
}

static void it_comes_up_step_by_step(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	assert_state(scene, NETWORK_STARTING, "on its way");
	tell_reached(scene);
	tell_list_begin(scene, CONFIG);
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	tell_list_end(scene);
	settle(scene);
	assert_state(scene, NETWORK_STARTING, "on its way");
	assert_false(is_published(scene, &published));
	give_lease(scene);
	assert_state(scene, NETWORK_STARTING, "on its way");
	settle(scene);
	assert_state(scene, NETWORK_READY, "");
	assert_true(is_published(scene, &published));
	assert_string_equal(published.bridge, "weft-br1");
	assert_int_equal(published.mtu, 1450);
	assert_false(published.lease_lost);
	assert_int_equal(access(scene->subnet_file, F_OK), 0);
	assert_int_equal(count_routes(), 1);
	assert_true(prefix_equal(&scene->node.state.network[0].subnet[FAMILY_V4],
				 &published.family[0].subnet));
}

static void a_missing_configuration_is_asked_for_again(void **state)
{
	struct scene *scene = *state;
	unsigned refreshes;

	tell_reached(scene);
	tell_list_begin(scene, NULL);
	tell_list_end(scene);
	assert_state(scene, NETWORK_STARTING, "there is no network configuration");
	refreshes = scene->store.refreshes;
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_int_equal(scene->store.refreshes, refreshes + 1);
	tell_list_begin(scene, "{\"Network\":\"nonsense\"}");
	tell_list_end(scene);
	assert_state(scene, NETWORK_STARTING, "network configuration: Network: \"nonsense\"");
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_int_equal(scene->store.refreshes, refreshes + 2);
	come_up(scene);
	assert_state(scene, NETWORK_READY, "");
}

static void tell_config(struct scene *scene, const char *text)
{
	network_listener.config(scene->network, text, text ? strlen(text) : 0);
	settle(scene);
}

static void a_configuration_that_cannot_be_used_leaves_the_one_before(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ NULL, "there is no network configuration" },
		{ "nonsense", "the one before stays in use" },
		{ "{\"Network\":\"10.6.0.0/16\"}", "10.5.2.0/24 is none of it" },
	};
	struct scene *scene = *state;

	come_up(scene);
	for (size_t i = 0; i < LEN(cases); i++) {
		tell_config(scene, cases[i].text);
		assert_state(scene, NETWORK_DEGRADED, cases[i].reason);
		assert_int_equal(network_view(scene->network).config->vni, 1);
		tell_config(scene, CONFIG);
		assert_state(scene, NETWORK_READY, "");
	}
}

static void a_configuration_that_changes_is_followed(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	come_up(scene);
	tell_config(scene, "{\"Network\":\"10.4.0.0/15\",\"Backend\":{\"VNI\":7,\"MTU\":1400},"
			   "\"Weft\":{\"LeaseTTL\":30}}");
	give_lease(scene); /* its value has another VNI and MTU */
	fake_loop_pass(scene->loop, 300);
	assert_state(scene, NETWORK_READY, "");
	assert_true(is_published(scene, &published));
	assert_int_equal(published.vni, 7);
	assert_int_equal(published.mtu, 1350);
	assert_string_equal(published.bridge, "weft-br7");
	assert_true(kernel_shows("ip -d link show weft-vx7", "vxlan id 7"));
	assert_false(kernel_shows("ip link show", "weft-br1"));
}

static void a_missing_uplink_is_waited_for(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(system("ip link set up0 name away"), 0);
	tell_reached(scene);
	tell_list_begin(scene, CONFIG);
	tell_list_end(scene);
	assert_state(scene, NETWORK_STARTING, "no uplink: there is no interface up0");
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_state(scene, NETWORK_STARTING, "no uplink");
	assert_int_equal(system("ip link set away name up0"), 0);
	fake_loop_pass(scene->loop, WAIT_MS);
	give_lease(scene);
	settle(scene);
	assert_state(scene, NETWORK_READY, "");
}

static void a_network_over_the_underlay_is_refused(void **state)
{
	struct scene *scene = *state;

	tell_reached(scene);
	tell_list_begin(scene, "{\"Network\":\"192.168.0.0/16\"}");
	tell_list_end(scene);
	settle(scene);
	assert_state(scene, NETWORK_STARTING,
		     "192.168.0.0/16 contains the address 192.168.0.1 of the uplink up0");
	assert_int_equal(scene->store.len, 0);
}

static void peers_follow_the_store(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	tell_peer(scene, "10.5.201.0-24", "192.168.0.3", MAC_3);
	settle(scene);
	assert_int_equal(count_routes(), 2);
	tell_peer(scene, "10.5.200.0-24", "192.168.0.7", MAC_2);
	network_listener.gone(scene->network, "10.5.201.0-24", ++scene->revision);
	settle(scene);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.7 self"));
	assert_int_equal(count_routes(), 2); /* it may be the first of all to go */
	fake_loop_pass(scene->loop, LINGER_MS);
	assert_int_equal(count_routes(), 1);
	assert_state(scene, NETWORK_READY, "");
}

static void rubbish_and_failed_lists_remove_nobody(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	settle(scene);
	tell_entry(scene, "10.5.200.0-24", "rubbish", 9);
	tell_entry(scene, "rubbish", "", 9);
	settle(scene);
	assert_int_equal(count_routes(), 1);
	tell_list_begin(scene, CONFIG);
	network_listener.list_failed(scene->network);
	settle(scene);
	assert_int_equal(count_routes(), 1);
	tell_lost(scene, "connection refused");
	settle(scene);
	assert_int_equal(count_routes(), 1);
	assert_state(scene, NETWORK_DEGRADED, "connection refused");
	tell_reached(scene);
	assert_state(scene, NETWORK_READY, "");
}

static void a_wiped_store_leaves_the_data_path(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	settle(scene);
	for (int i = 0; i < 2; i++) { /* what is missing has to be confirmed */
		tell_list_begin(scene, NULL);
		tell_list_end(scene);
	}
	give_lease(scene);
	settle(scene);
	assert_state(scene, NETWORK_DEGRADED, "the one before stays in use");
	assert_int_equal(count_routes(), 1);
	while (fake_loop_next_ms(scene->loop) != FAKE_LOOP_IDLE && count_routes()) {
		fake_loop_pass(scene->loop, 10000);
		if (scene->store.len)
			fake_store_answer(&scene->store, FAKE_KEEPALIVE,
					  (struct store_reply){ .ttl_s = 30 });
	}
	assert_int_equal(count_routes(), 0);
	assert_state(scene, NETWORK_DEGRADED, "the one before stays in use");
}

/* Key by key, as somebody deletes them all. */
static void a_store_that_is_emptied_leaves_the_data_path(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	tell_peer(scene, "10.5.1.0-24", "192.168.0.3", MAC_3);
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	settle(scene);
	network_listener.gone(scene->network, "10.5.1.0-24", ++scene->revision);
	network_listener.gone(scene->network, "10.5.2.0-24", ++scene->revision); /* ours */
	network_listener.gone(scene->network, "10.5.200.0-24", ++scene->revision);
	fake_loop_pass(scene->loop, 10 * LINGER_MS);
	assert_int_equal(count_routes(), 2);
	tell_list_begin(scene, CONFIG);
	tell_list_end(scene);
	give_lease(scene);
	settle(scene);
	assert_state(scene, NETWORK_READY, "");
	assert_int_equal(count_routes(), 2);
}

static void a_lost_lease_is_published_until_another_is_held(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	come_up(scene);
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	tell_peer(scene, "10.5.2.0-24", "192.168.0.9", "c6:d2:32:6f:8f:09");
	settle(scene);
	assert_state(scene, NETWORK_DEGRADED, "is leased by another node");
	assert_true(is_published(scene, &published));
	assert_true(published.lease_lost);
	assert_int_equal(count_routes(), 1);
	fake_store_answer(&scene->store, FAKE_GRANT,
			  (struct store_reply){ .lease = 0x1235, .ttl_s = 30 });
	give_lease(scene);
	fake_loop_pass(scene->loop, 500); /* passes keep a distance */
	assert_state(scene, NETWORK_READY, "");
	assert_true(is_published(scene, &published));
	assert_false(published.lease_lost);
	assert_false(prefix_equal(&published.family[0].subnet,
				  &(struct prefix[]){ sample_prefix("10.5.2.0/24") }[0]));
	assert_int_equal(count_routes(), 2); /* one to whoever has the old one */
}

/* As it does for an address that comes while the list is under way. */
static void a_kernel_event_before_the_list_is_whole_claims_nothing(void **state)
{
	struct scene *scene = *state;

	tell_reached(scene);
	tell_list_begin(scene, CONFIG);
	assert_int_equal(system("ip addr add 192.168.0.99/24 dev up0"), 0);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->store.len, 0);
	tell_list_end(scene);
	assert_int_equal(scene->store.asked[FAKE_GRANT], 1);
}

static void a_lease_that_cannot_be_renewed_is_told(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	fake_loop_pass(scene->loop, 10000);
	fake_store_refuse(&scene->store, FAKE_KEEPALIVE, ECONNREFUSED, "etcd is away");
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	assert_state(scene, NETWORK_DEGRADED, "etcd is away");
}

static void one_refused_entry_does_not_keep_containers_waiting(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	fake_nl_reset();
	tell_reached(scene);
	tell_list_begin(scene, CONFIG);
	tell_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	tell_list_end(scene);
	give_lease(scene);
	fake_nl_refuse(3, EPERM, "no way");
	settle(scene);
	assert_true(is_published(scene, &published));
	fake_loop_pass(scene->loop, 200); /* or before, as the kernel tells of the new devices */
	assert_state(scene, NETWORK_READY, "");
	fake_nl_reset();
}

static void devices_that_cannot_be_had_are_not_published(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	assert_int_equal(system("ip link add weft-br1 type bridge"), 0);
	come_up(scene);
	assert_state(scene, NETWORK_STARTING, "weft-br1 is there");
	assert_false(is_published(scene, &published));
	assert_int_equal(system("ip link del weft-br1"), 0);
	fake_loop_pass(scene->loop, 1000);
	assert_state(scene, NETWORK_READY, "");
	assert_true(is_published(scene, &published));
}

static void files_that_cannot_be_written_are_tried_again(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(mkdir(scene->subnet_file, 0755), 0);
	come_up(scene);
	assert_state(scene, NETWORK_STARTING, "subnet.env");
	assert_int_equal(rmdir(scene->subnet_file), 0);
	fake_loop_pass(scene->loop, WAIT_MS + 10);
	assert_state(scene, NETWORK_READY, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		network_test(it_comes_up_step_by_step),
		network_test(a_missing_configuration_is_asked_for_again),
		network_test(a_configuration_that_cannot_be_used_leaves_the_one_before),
		network_test(a_configuration_that_changes_is_followed),
		network_test(a_missing_uplink_is_waited_for),
		network_test(a_network_over_the_underlay_is_refused),
		network_test(peers_follow_the_store),
		network_test(rubbish_and_failed_lists_remove_nobody),
		network_test(a_wiped_store_leaves_the_data_path),
		network_test(a_store_that_is_emptied_leaves_the_data_path),
		network_test(a_lost_lease_is_published_until_another_is_held),
		network_test(a_kernel_event_before_the_list_is_whole_claims_nothing),
		network_test(a_lease_that_cannot_be_renewed_is_told),
		network_test(one_refused_entry_does_not_keep_containers_waiting),
		network_test(devices_that_cannot_be_had_are_not_published),
		network_test(files_that_cannot_be_written_are_tried_again),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
