/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
#include "daemon/network/network.h"

#include "common/array.h"
#include "common/log.h"
#include "common/state.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/log_network.h"
#include "tests/unit/network_scene.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
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

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static size_t count_routes(void)
{
	return strtoul(kernel_says("ip route show proto 0x77 | wc -l"), NULL, 10);
}

/* Requests for the routes of all tables, since this number of requests. */
static size_t count_route_dumps(size_t since)
{
	size_t dumps = 0;

	for (size_t i = since; i < fake_nl_sent(); i++) {
		const struct nlmsghdr *header = fake_nl_request(i);
		const struct rtmsg *info = nlmsg_data(header);

		dumps += header->nlmsg_type == RTM_GETROUTE && !info->rtm_table &&
			 !info->rtm_dst_len;
	}
	return dumps;
}

static void a_network_starts_step_by_step(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	assert_state(scene, NETWORK_STARTING, "starting");
	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	deliver_list_end(scene);
	settle(scene);
	assert_state(scene, NETWORK_STARTING, "starting");
	assert_false(is_published(scene, &published));
	give_lease(scene);
	assert_state(scene, NETWORK_STARTING, "starting");
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

static void a_missing_configuration_is_requested_again(void **state)
{
	struct scene *scene = *state;
	unsigned refreshes;

	deliver_reached(scene);
	deliver_list_begin(scene, NULL);
	deliver_list_end(scene);
	assert_state(scene, NETWORK_STARTING, "there is no network configuration");
	scene->store.store.config_error = "/x: Permission denied";
	deliver_list_begin(scene, NULL);
	deliver_list_end(scene);
	assert_state(scene, NETWORK_STARTING, "/x: Permission denied");
	scene->store.store.config_error = NULL;
	refreshes = scene->store.refreshes;
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_int_equal(scene->store.refreshes, refreshes + 1);
	deliver_list_begin(scene, "{\"Network\":\"nonsense\"}");
	deliver_list_end(scene);
	assert_state(scene, NETWORK_STARTING, "network configuration: Network: \"nonsense\"");
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_int_equal(scene->store.refreshes, refreshes + 2);
	come_up(scene);
	assert_state(scene, NETWORK_READY, "");
}

static void deliver_config(struct scene *scene, const char *text)
{
	network_listener.config(scene->network, text, text ? strlen(text) : 0);
	settle(scene);
}

static void an_unusable_configuration_keeps_the_previous_one(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ NULL, "there is no network configuration" },
		{ "nonsense", "the one before stays in use" },
		{ "{\"Network\":\"10.6.0.0/16\"}",
		  "does not contain this node's subnet 10.5.2.0/24" },
	};
	struct scene *scene = *state;

	come_up(scene);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		deliver_config(scene, cases[i].text);
		assert_state(scene, NETWORK_DEGRADED, cases[i].reason);
		assert_int_equal(network_view(scene->network).config->vni, 1);
		deliver_config(scene, CONFIG);
		assert_state(scene, NETWORK_READY, "");
	}
}

static void a_changed_configuration_is_applied(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	come_up(scene);
	deliver_config(scene, "{\"Network\":\"10.4.0.0/15\",\"Backend\":{\"VNI\":7,\"MTU\":1400},"
			      "\"Weft\":{\"LeaseTTL\":30}}");
	give_lease(scene); /* the configuration of the second case has another VNI and MTU */
	fake_loop_pass(scene->loop, 300);
	assert_state(scene, NETWORK_READY, "");
	assert_true(is_published(scene, &published));
	assert_int_equal(published.vni, 7);
	assert_int_equal(published.mtu, 1350);
	assert_string_equal(published.bridge, "weft-br7");
	assert_true(kernel_shows("ip -d link show weft-vx7", "vxlan id 7"));
	assert_false(kernel_shows("ip link show", "weft-br1"));
}

static void reply_to(const struct fake_op *op, uint64_t mod_revision)
{
	const struct store_reply reply = { .succeeded = true, .mod_revision = mod_revision };

	op->done(op->ctx, &reply, NULL);
}

/*
 * The event of the first put comes before the reply, and the configuration is another one by then.
 */
static void a_configuration_that_changes_during_a_put_is_put_as_well(void **state)
{
	struct scene *scene = *state;
	struct fake_op put;

	come_up(scene);
	deliver_config(scene, "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"VNI\":7},"
			      "\"Weft\":{\"LeaseTTL\":30}}");
	put = fake_store_take(&scene->store, FAKE_PUT);
	assert_says(put.value, "\"VNI\":7");
	deliver_config(scene, CONFIG);
	deliver_entry(scene, put.key, put.value, 0x1234);
	reply_to(&put, scene->revision);
	put = fake_store_take(&scene->store, FAKE_PUT);
	assert_says(put.value, "\"VNI\":1");
	reply_to(&put, ++scene->revision);
	settle(scene);
	assert_int_equal(scene->store.len, 0);
	assert_state(scene, NETWORK_READY, "");
	assert_true(kernel_shows("ip -d link show weft-vx1", "vxlan id 1"));
}

static void a_missing_uplink_is_waited_for(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(system("ip link set up0 name away"), 0);
	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	deliver_list_end(scene);
	assert_state(scene, NETWORK_STARTING, "no uplink: interface up0 does not exist");
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

	deliver_reached(scene);
	deliver_list_begin(scene, "{\"Network\":\"192.168.0.0/16\"}");
	deliver_list_end(scene);
	settle(scene);
	assert_state(scene, NETWORK_STARTING,
		     "192.168.0.0/16 contains the address 192.168.0.1 of the uplink up0");
	assert_int_equal(scene->store.len, 0);
}

static void a_change_that_covers_the_underlay_keeps_the_previous_configuration(void **state)
{
	static const char *const refused[][2] = {
		{ "{\"Network\":\"0.0.0.0/0\"}", "overlaps 0.0.0.0/8" },
		{ "{\"Network\":\"192.168.0.0/16\"}", "contains the address 192.168.0.1" },
		{ "{\"Network\":\"172.16.0.0/12\"}", "contains the gateway 172.16.0.254" },
	};
	struct scene *scene = *state;

	come_up(scene);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	settle(scene);
	assert_int_equal(system("ip route add 198.51.100.0/24 via 172.16.0.254 dev up0 onlink"), 0);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		network_listener.config(scene->network, refused[i][0], strlen(refused[i][0]));
		settle(scene);
		assert_state(scene, NETWORK_DEGRADED, refused[i][1]);
		assert_state(scene, NETWORK_DEGRADED, "; the one before stays in use");
		assert_int_equal(count_routes(), 1);
	}
	network_listener.config(scene->network, CONFIG, strlen(CONFIG));
	assert_state(scene, NETWORK_READY, "");
}

static void an_uplink_address_inside_the_network_keeps_the_previous_state(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	settle(scene);
	assert_int_equal(system("ip addr flush dev up0 && ip addr add 10.5.77.1/24 dev up0"), 0);
	fake_loop_pass(scene->loop, 100);
	assert_state(scene, NETWORK_DEGRADED,
		     "10.5.0.0/16 contains the address 10.5.77.1 of the uplink up0");
	assert_true(kernel_shows("ip -d link show weft-vx1", "local 192.168.0.1"));
	assert_int_equal(count_routes(), 1);
	assert_int_equal(system("ip addr flush dev up0 && ip addr add 192.168.0.1/24 dev up0"), 0);
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_state(scene, NETWORK_READY, "");
}

/* A peer with both public addresses. */
static void deliver_dual_peer(struct scene *scene)
{
	deliver_entry(
		scene, "10.5.200.0-24",
		"{\"PublicIP\":\"192.168.0.2\",\"PublicIPv6\":\"fd00::2\",\"BackendType\":\"vxlan\","
		"\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"" MAC_2 "\"},\"Weft\":{\"Node\":"
		"\"" SAMPLE_OTHER "\",\"Name\":\"host2\",\"MTU\":1430}}",
		9);
}

static void come_up_dual(struct scene *scene, const char *config)
{
	run("ip addr add fd00::1/64 dev up0 nodad");
	deliver_reached(scene);
	deliver_list_begin(scene, config);
	deliver_list_end(scene);
	give_lease(scene);
	deliver_dual_peer(scene);
	settle(scene);
	assert_state(scene, NETWORK_READY, "");
	assert_int_equal(count_routes(), 1);
}

/* The tunnel is that of the start, with its peer. */
static void assert_kept(const struct scene *scene, const char *local, const char *reason)
{
	assert_state(scene, NETWORK_DEGRADED, reason);
	assert_true(kernel_shows("ip -d link show weft-vx1", local));
	assert_int_equal(count_routes(), 1);
	assert_int_equal(scene->store.len, 0);
}

static void losing_the_only_family_of_the_tunnel_keeps_everything(void **state)
{
	struct scene *scene = *state;

	come_up_dual(scene, CONFIG);
	run("ip -4 addr flush dev up0");
	fake_loop_pass(scene->loop, 100);
	assert_kept(scene, "local 192.168.0.1", "up0 has no IPv4 address any more");
	fake_loop_pass(scene->loop, 3 * WAIT_MS);
	assert_kept(scene, "local 192.168.0.1", "up0 has no IPv4 address any more");
	run("ip addr add 192.168.0.1/24 dev up0");
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_state(scene, NETWORK_READY, "");
	assert_int_equal(scene->store.len, 0);
}

static void losing_the_required_family_keeps_everything(void **state)
{
	struct scene *scene = *state;

	come_up_dual(scene, "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"LeaseTTL\":30,"
			    "\"Underlay\":\"ipv6\"}}");
	run("ip -6 addr flush dev up0 scope global");
	fake_loop_pass(scene->loop, 100);
	assert_kept(scene, "local fd00::1", "no address of the family");
	fake_loop_pass(scene->loop, 3 * WAIT_MS);
	assert_kept(scene, "local fd00::1", "no address of the family");
	run("ip addr add fd00::1/64 dev up0 nodad");
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_state(scene, NETWORK_READY, "");
}

static void losing_one_of_two_families_for_good_leaves_the_other_one(void **state)
{
	struct scene *scene = *state;
	struct fake_op put;

	come_up_dual(scene, "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,"
			    "\"IPv6Network\":\"fd00:5::/48\",\"Weft\":{\"LeaseTTL\":30}}");
	run("ip -4 addr flush dev up0");
	fake_loop_pass(scene->loop, 100);
	assert_kept(scene, "local 192.168.0.1", "the address of up0 is gone");
	run("ip addr add 192.168.0.1/24 dev up0");
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_state(scene, NETWORK_READY, "");
	assert_int_equal(scene->store.len, 0);
	run("ip -4 addr flush dev up0");
	fake_loop_pass(scene->loop, 2 * WAIT_MS);
	assert_true(kernel_shows("ip -d link show weft-vx1", "local fd00::1"));
	assert_int_equal(count_routes(), 1);
	put = fake_store_take(&scene->store, FAKE_PUT);
	assert_non_null(strstr(put.value, "fd00::1"));
	assert_null(strstr(put.value, "192.168.0.1"));
}

static void a_configuration_without_a_family_of_the_uplink_is_refused(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	deliver_config(scene, "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"LeaseTTL\":30,"
			      "\"Underlay\":\"ipv6\"}}");
	assert_state(scene, NETWORK_DEGRADED, "no address of the family");
	assert_true(kernel_shows("ip -d link show weft-vx1", "local 192.168.0.1"));
	deliver_config(scene, CONFIG);
	assert_state(scene, NETWORK_READY, "");
}

/* The routes of all peers are among them. */
static void routes_are_read_when_a_default_route_has_changed(void **state)
{
	struct scene *scene = *state;
	size_t sent;

	come_up(scene);
	fake_loop_pass(scene->loop, 1000);
	sent = fake_nl_sent();
	run("ip addr add 192.168.0.77/32 dev up0 && ip link set up0 txqueuelen 500");
	fake_loop_pass(scene->loop, 1000);
	assert_true(fake_nl_sent() > sent);
	assert_int_equal(count_route_dumps(sent), 0);
	run("ip route add default via 10.5.77.1 dev up0 onlink");
	fake_loop_pass(scene->loop, 1000);
	assert_state(scene, NETWORK_DEGRADED, "contains the gateway 10.5.77.1");
	run("ip route replace default via 192.168.0.254 dev up0");
	fake_loop_pass(scene->loop, WAIT_MS);
	assert_state(scene, NETWORK_READY, "");
}

static void leases_do_not_repeat_the_search_for_an_uplink(void **state)
{
	struct scene *scene = *state;
	size_t sent;

	run("ip addr flush dev up0");
	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	deliver_list_end(scene);
	assert_state(scene, NETWORK_STARTING, "no uplink");
	sent = fake_nl_sent();
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	deliver_peer(scene, "10.5.201.0-24", "192.168.0.3", MAC_3);
	assert_int_equal(fake_nl_sent(), sent);
	run("ip addr add 192.168.0.1/24 dev up0");
	fake_loop_pass(scene->loop, WAIT_MS);
	give_lease(scene);
	settle(scene);
	assert_state(scene, NETWORK_READY, "");
	assert_int_equal(count_routes(), 2);
}

/* The retry backoff has no part in it. */
static void the_removal_of_an_obstacle_ends_the_wait(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(
		system("ip link add flannel.1 type vxlan id 1 dstport 8472 local "
		       "192.168.0.1 && ip link set flannel.1 up && "
		       "ip link add flannel-v6.1 type vxlan id 1 dstport 8472 local fd00::1"),
		0);
	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	deliver_list_end(scene);
	give_lease(scene);
	fake_loop_pass(scene->loop, 40 * 1000); /* the backoff is at its maximum */
	assert_state(scene, NETWORK_STARTING, "flannel's ");
	assert_state(scene, NETWORK_STARTING, "ip link delete flannel.1");
	assert_state(scene, NETWORK_STARTING, "; ip link delete flannel-v6.1");
	assert_int_equal(system("ip link delete flannel-v6.1"), 0);
	fake_loop_pass(scene->loop, 300);
	assert_state(scene, NETWORK_STARTING, "run: ip link delete flannel.1");
	assert_int_equal(system("ip link delete flannel.1"), 0);
	fake_loop_pass(scene->loop, 300);
	assert_state(scene, NETWORK_READY, "");
}

static void a_refused_configuration_is_used_when_its_obstacle_is_gone(void **state)
{
	static const char other[] = "{\"Network\":\"10.5.0.0/16\",\"Backend\":{\"VNI\":88},"
				    "\"Weft\":{\"LeaseTTL\":30}}";
	struct scene *scene = *state;

	come_up(scene);
	assert_int_equal(
		system("ip link add other type vxlan id 88 dstport 8472 local 192.168.0.1"), 0);
	network_listener.config(scene->network, other, strlen(other));
	fake_loop_pass(scene->loop, 300);
	assert_state(scene, NETWORK_DEGRADED, "used by other");
	assert_state(scene, NETWORK_DEGRADED, "ip link delete other");
	assert_int_equal(network_view(scene->network).config->vni, 1);
	fake_loop_pass(scene->loop, 1000); /* the distance from the check after other's creation */
	assert_int_equal(system("ip link delete other"), 0);
	fake_loop_pass(scene->loop, 300);
	assert_int_equal(network_view(scene->network).config->vni, 88);
}

/* A route that is replaced has no event of a removal. */
static void a_refused_configuration_is_checked_again_without_an_event(void **state)
{
	static const char other[] = "{\"Network\":\"10.4.0.0/15\",\"Backend\":{\"VNI\":88},"
				    "\"Weft\":{\"LeaseTTL\":30}}";
	struct scene *scene = *state;

	come_up(scene);
	run("ip route add 198.51.100.0/24 via 10.4.0.254 dev up0 onlink");
	network_listener.config(scene->network, other, strlen(other));
	fake_loop_pass(scene->loop, 2000);
	assert_state(scene, NETWORK_DEGRADED, "contains the gateway 10.4.0.254");
	run("ip route replace 198.51.100.0/24 via 192.168.0.254 dev up0");
	fake_loop_pass(scene->loop, 30 * 1000);
	assert_int_equal(network_view(scene->network).config->vni, 88);
}

/* A check reads all routes and leases. */
static void events_in_quick_succession_lead_to_few_checks(void **state)
{
	static const char other[] = "{\"Network\":\"192.168.0.0/16\"}";
	struct scene *scene = *state;
	size_t sent;

	come_up(scene);
	network_listener.config(scene->network, other, strlen(other));
	fake_loop_pass(scene->loop, 2000);
	run("ip link add busy type veth peer name busy1");
	sent = fake_nl_sent();
	for (int i = 0; i < 50; i++) {
		run("ip addr add 172.16.0.1/24 dev busy && ip addr del 172.16.0.1/24 dev busy");
		fake_loop_pass(scene->loop, 10);
	}
	assert_state(scene, NETWORK_DEGRADED, "contains the address 192.168.0.1");
	assert_in_range(count_route_dumps(sent), 0, 2);
}

static void changes_in_the_store_change_the_peers(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	deliver_peer(scene, "10.5.201.0-24", "192.168.0.3", MAC_3);
	settle(scene);
	assert_int_equal(count_routes(), 2);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.7", MAC_2);
	network_listener.gone(scene->network, "10.5.201.0-24", ++scene->revision);
	settle(scene);
	assert_true(kernel_shows("bridge fdb show dev weft-vx1", "dst 192.168.0.7 self"));
	assert_int_equal(
		count_routes(),
		2); /* the removal is delayed: the key may be the first of all keys to go */
	fake_loop_pass(scene->loop, LINGER_MS);
	assert_int_equal(count_routes(), 1);
	assert_state(scene, NETWORK_READY, "");
}

static void invalid_entries_and_failed_lists_remove_no_peer(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	settle(scene);
	deliver_entry(scene, "10.5.200.0-24", "rubbish", 9);
	deliver_entry(scene, "rubbish", "", 9);
	settle(scene);
	assert_int_equal(count_routes(), 1);
	deliver_list_begin(scene, CONFIG);
	network_listener.list_failed(scene->network);
	settle(scene);
	assert_int_equal(count_routes(), 1);
	deliver_lost(scene, "connection refused");
	settle(scene);
	assert_int_equal(count_routes(), 1);
	assert_state(scene, NETWORK_DEGRADED, "connection refused");
	deliver_reached(scene);
	assert_state(scene, NETWORK_READY, "");
}

static void a_wiped_store_keeps_the_data_path(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	settle(scene);
	for (int i = 0; i < 2; i++) { /* a missing key has to be confirmed by a second list */
		deliver_list_begin(scene, NULL);
		deliver_list_end(scene);
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

/* All keys are deleted, one by one. */
static void deleting_all_keys_keeps_the_data_path(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	deliver_peer(scene, "10.5.1.0-24", "192.168.0.3", MAC_3);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	settle(scene);
	network_listener.gone(scene->network, "10.5.1.0-24", ++scene->revision);
	network_listener.gone(scene->network, "10.5.2.0-24",
			      ++scene->revision); /* the key of this node */
	network_listener.gone(scene->network, "10.5.200.0-24", ++scene->revision);
	fake_loop_pass(scene->loop, 10 * LINGER_MS);
	assert_int_equal(count_routes(), 2);
	deliver_list_begin(scene, CONFIG);
	deliver_list_end(scene);
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
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	deliver_peer(scene, "10.5.2.0-24", "192.168.0.9", "c6:d2:32:6f:8f:09");
	settle(scene);
	assert_state(scene, NETWORK_DEGRADED, "is leased by another node");
	assert_true(is_published(scene, &published));
	assert_true(published.lease_lost);
	assert_int_equal(count_routes(), 1);
	fake_store_answer(&scene->store, FAKE_GRANT,
			  (struct store_reply){ .lease = 0x1235, .ttl_s = 30 });
	give_lease(scene);
	fake_loop_pass(scene->loop, 500); /* reconcile runs have a minimum interval */
	assert_state(scene, NETWORK_READY, "");
	assert_true(is_published(scene, &published));
	assert_false(published.lease_lost);
	assert_false(prefix_equal(&published.family[0].subnet,
				  &(struct prefix[]){ sample_prefix("10.5.2.0/24") }[0]));
	assert_int_equal(count_routes(),
			 2); /* one route leads to the new holder of the old subnet */
}

/* The same holds for an address that is added while the list is in progress. */
static void a_kernel_event_before_the_list_is_complete_claims_no_lease(void **state)
{
	struct scene *scene = *state;

	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	assert_int_equal(system("ip addr add 192.168.0.99/24 dev up0"), 0);
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(scene->store.len, 0);
	deliver_list_end(scene);
	assert_int_equal(scene->store.asked[FAKE_GRANT], 1);
}

/* What is not read could be another device's subnet, which would count as free. */
static void a_node_that_cannot_read_its_devices_claims_no_lease(void **state)
{
	struct scene *scene = *state;
	unsigned nth = 1;

	fake_nl_reset();
	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	fake_nl_fail(nth, EIO, "cannot read");
	deliver_list_end(scene);
	while (fake_nl_faulted()) {
		assert_state(scene, NETWORK_STARTING, "cannot read");
		assert_int_equal(scene->store.asked[FAKE_GRANT], 0);
		fake_nl_fail(++nth, EIO, "cannot read");
		fake_loop_pass(scene->loop, WAIT_MS);
	}
	assert_true(nth > 5);
	assert_int_equal(scene->store.asked[FAKE_GRANT], 1);
	fake_nl_reset();
}

static void a_lease_that_cannot_be_renewed_is_reported(void **state)
{
	struct scene *scene = *state;

	come_up(scene);
	fake_loop_pass(scene->loop, 10000);
	fake_store_refuse(&scene->store, FAKE_KEEPALIVE, ECONNREFUSED, "etcd is away");
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	assert_state(scene, NETWORK_DEGRADED, "etcd is away");
}

static void a_network_with_one_refused_entry_is_published(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	fake_nl_reset();
	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	deliver_peer(scene, "10.5.200.0-24", "192.168.0.2", MAC_2);
	deliver_list_end(scene);
	give_lease(scene);
	fake_nl_refuse(3, EPERM, "no way");
	settle(scene);
	assert_true(is_published(scene, &published));
	fake_loop_pass(scene->loop,
		       200); /* or earlier, if the events of the new devices trigger it */
	assert_state(scene, NETWORK_READY, "");
	fake_nl_reset();
}

static void a_network_without_devices_is_not_published(void **state)
{
	struct scene *scene = *state;
	struct state_network published;

	assert_int_equal(system("ip link add weft-br1 type bridge"), 0);
	come_up(scene);
	assert_state(scene, NETWORK_STARTING, "weft-br1 exists");
	assert_false(is_published(scene, &published));
	assert_int_equal(system("ip link del weft-br1"), 0);
	fake_loop_pass(scene->loop, 1000);
	assert_state(scene, NETWORK_READY, "");
	assert_true(is_published(scene, &published));
}

static void failed_writes_of_files_are_repeated(void **state)
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
		network_test(a_network_starts_step_by_step),
		network_test(a_missing_configuration_is_requested_again),
		network_test(an_unusable_configuration_keeps_the_previous_one),
		network_test(a_changed_configuration_is_applied),
		network_test(a_configuration_that_changes_during_a_put_is_put_as_well),
		network_test(a_missing_uplink_is_waited_for),
		network_test(a_network_over_the_underlay_is_refused),
		network_test(a_change_that_covers_the_underlay_keeps_the_previous_configuration),
		network_test(an_uplink_address_inside_the_network_keeps_the_previous_state),
		network_test(losing_the_only_family_of_the_tunnel_keeps_everything),
		network_test(losing_the_required_family_keeps_everything),
		network_test(losing_one_of_two_families_for_good_leaves_the_other_one),
		network_test(a_configuration_without_a_family_of_the_uplink_is_refused),
		network_test(routes_are_read_when_a_default_route_has_changed),
		network_test(leases_do_not_repeat_the_search_for_an_uplink),
		network_test(the_removal_of_an_obstacle_ends_the_wait),
		network_test(a_refused_configuration_is_used_when_its_obstacle_is_gone),
		network_test(a_refused_configuration_is_checked_again_without_an_event),
		network_test(events_in_quick_succession_lead_to_few_checks),
		network_test(changes_in_the_store_change_the_peers),
		network_test(invalid_entries_and_failed_lists_remove_no_peer),
		network_test(a_wiped_store_keeps_the_data_path),
		network_test(deleting_all_keys_keeps_the_data_path),
		network_test(a_lost_lease_is_published_until_another_is_held),
		network_test(a_kernel_event_before_the_list_is_complete_claims_no_lease),
		network_test(a_node_that_cannot_read_its_devices_claims_no_lease),
		network_test(a_lease_that_cannot_be_renewed_is_reported),
		network_test(a_network_with_one_refused_entry_is_published),
		network_test(a_network_without_devices_is_not_published),
		network_test(failed_writes_of_files_are_repeated),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	log_set_tap(log_network_required, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
