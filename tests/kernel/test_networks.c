/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl loop */
#include "daemon/network/networks.h"

#include "common/array.h"
#include "common/log.h"
#include "common/state.h"
#include "daemon/firewall/firewall.h"
#include "daemon/io/loop.h"
#include "daemon/lease/node.h"
#include "daemon/network/network.h"
#include "daemon/network/publish.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/kernel.h"
#include "tests/unit/tempdir.h"

#define CONFIG(network, vni)                                                                       \
	"{\"Network\":\"" network "\",\"Backend\":{\"VNI\":" vni "},\"Weft\":{\"LeaseTTL\":30}}"

static const char *const names[] = { "blue", "default", "red" };

struct scene {
	struct nl *nl;
	struct loop *loop;
	struct node node;
	struct network_env env;
	struct networks *networks;
	struct fake_store store[ARRAY_LEN(names)];
	struct fake_store endpoints; /* of the L2 network, if there is one */
	size_t made;                 /* number of opened stores */
	const char *fails;           /* the network whose store cannot be opened */
	char run_dir[96], state_dir[96], subnet_file[96];
};

static int make_store(void *ctx, const char *name, struct network *network,
		      struct store **store_out, struct err *err)
{
	struct scene *scene = ctx;
	struct fake_store *fake = &scene->store[scene->made];

	(void)network;
	assert_string_equal(name, names[scene->made++]);
	if (scene->fails && !strcmp(name, scene->fails))
		return err_set(err, ERR_CONFIG, "no such store");
	fake->store = (struct store){ .ops = &fake_store_ops, .config_name = name };
	*store_out = &fake->store;
	return 0;
}

static int open_endpoints(void *ctx, const char *network, const struct store_listener *listener,
			  void *listener_ctx, struct store **store_out, struct err *err)
{
	struct scene *scene = ctx;

	(void)network, (void)err;
	scene->endpoints.store = (struct store){ .ops = &fake_store_ops,
						 .listener = listener,
						 .listener_ctx = listener_ctx };
	*store_out = &scene->endpoints.store;
	return 0;
}

static int setup(void **state)
{
	static const char *const iface[] = { "up0", NULL };
	struct scene *scene = test_calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	if (tempdir_make(state))
		return -1;
	snprintf(scene->run_dir, sizeof(scene->run_dir), "%s/run", tempdir_path);
	snprintf(scene->subnet_file, sizeof(scene->subnet_file), "%s/subnet.env", tempdir_path);
	snprintf(scene->state_dir, sizeof(scene->state_dir), "%s/state", tempdir_path);
	scene->nl = kernel_with_uplink();
	assert_done(loop_new(&scene->loop, &err), err);
	assert_done(node_load(&scene->node, scene->state_dir, &err), err);
	scene->env = (struct network_env){ .loop = scene->loop,
					   .nl = scene->nl,
					   .node = &scene->node,
					   .node_name = "host1",
					   .machine = "",
					   .uplink = { .iface = iface },
					   .run_dir = scene->run_dir,
					   .subnet_file = scene->subnet_file,
					   .open_endpoints = open_endpoints,
					   .open_ctx = scene };
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	networks_free(scene->networks);
	for (size_t i = 0; i < scene->made && scene->networks; i++)
		assert_true(scene->store[i].freed);
	loop_free(scene->loop);
	nl_free(scene->nl);
	test_free(scene);
	return tempdir_remove(state);
}

#define networks_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int begin(struct scene *scene, size_t len, struct err *err)
{
	const struct networks_options options = {
		.names = names, .len = len, .make_store = make_store, .ctx = scene
	};

	return networks_new(&scene->env, &options, &scene->networks, err);
}

static void begin_all(struct scene *scene)
{
	struct err err = ERR_INIT;

	assert_done(begin(scene, ARRAY_LEN(names), &err), err);
}

static struct network *at(const struct scene *scene, size_t i)
{
	size_t len;
	struct network *const *all = networks_all(scene->networks, &len);

	assert_true(i < len);
	return all[i];
}

static struct network_view view(const struct scene *scene, size_t i)
{
	return network_view(at(scene, i));
}

static void settle(struct scene *scene)
{
	fake_loop_pass(scene->loop, 10);
}

/* The store's first report: a list without leases. */
static void deliver_list(struct scene *scene, size_t i, const char *config)
{
	struct network *network = at(scene, i);

	network_listener.link(network, true, "http://127.0.0.1:2379", NULL);
	network_listener.list_begin(network);
	network_listener.config(network, config, config ? strlen(config) : 0);
	network_listener.list_end(network);
	settle(scene);
}

static void give_lease(struct scene *scene, size_t i)
{
	fake_store_answer(&scene->store[i], FAKE_GRANT,
			  (struct store_reply){ .lease = 0x1234, .ttl_s = 30 });
	fake_store_answer(&scene->store[i], FAKE_PUT,
			  (struct store_reply){ .succeeded = true, .mod_revision = 7 });
	settle(scene);
}

static unsigned started(const struct scene *scene)
{
	unsigned started = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		started += scene->store[i].started;
	return started;
}

static void each_network_starts_after_the_report_of_the_one_before(void **state)
{
	struct scene *scene = *state;
	struct err why = ERR_INIT;

	begin_all(scene);
	settle(scene);
	assert_int_equal(started(scene), 1);
	assert_true(scene->store[0].started);
	assert_string_equal(view(scene, 2).name, "red");
	deliver_list(scene, 0, NULL); /* a list without configuration is a report too */
	assert_int_equal(started(scene), 2);
	assert_true(scene->store[1].started);
	deliver_list(scene, 0, NULL); /* a second report of the same network starts no other */
	assert_int_equal(started(scene), 2);
	(void)err_set(&why, ERR_STORE, "connection refused");
	network_listener.link(at(scene, 1), false, "http://127.0.0.1:2379", &why);
	assert_int_equal(started(scene), 2); /* the next network is started from the event loop */
	settle(scene);
	assert_int_equal(started(scene), 3);
}

static void every_started_store_is_checked(void **state)
{
	struct scene *scene = *state;

	begin_all(scene);
	settle(scene);
	networks_check(scene->networks);
	assert_int_equal(scene->store[0].checks, 1);
	assert_int_equal(scene->store[1].checks, 0); /* not started yet */
	deliver_list(scene, 0, NULL);
	networks_check(scene->networks);
	assert_int_equal(scene->store[0].checks, 2);
	assert_int_equal(scene->store[1].checks, 1);
}

static void the_store_of_endpoints_is_checked(void **state)
{
	struct scene *scene = *state;

	begin_all(scene);
	deliver_list(scene, 0, "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"Mode\":\"l2\"}}");
	assert_true(scene->endpoints.started);
	networks_check(scene->networks);
	assert_int_equal(scene->endpoints.checks, 1);
}

static void networks_with_the_same_vni_or_addresses_are_refused(void **state)
{
	struct scene *scene = *state;

	begin_all(scene);
	deliver_list(scene, 0, CONFIG("10.5.0.0/16", "1"));
	deliver_list(scene, 1, CONFIG("10.6.0.0/16", "1"));   /* the same VNI */
	deliver_list(scene, 2, CONFIG("10.5.128.0/17", "3")); /* the same addresses */
	assert_non_null(view(scene, 0).config);
	assert_null(view(scene, 1).config);
	assert_null(view(scene, 2).config);
	assert_says(view(scene, 1).reason, "blue");
	assert_says(view(scene, 2).reason, "blue");
	give_lease(scene, 0);
	assert_int_equal(view(scene, 0).state, NETWORK_READY);
	deliver_list(scene, 1, CONFIG("10.6.0.0/16", "2"));
	give_lease(scene, 1);
	assert_int_equal(view(scene, 1).state, NETWORK_READY);
	assert_int_equal(view(scene, 0).state, NETWORK_READY);
}

/* Without devices, whose removal is an event. */
static void a_conflict_ends_with_the_change_of_the_other_network(void **state)
{
	struct scene *scene = *state;

	begin_all(scene);
	deliver_list(scene, 0, CONFIG("10.5.0.0/16", "1"));
	deliver_list(scene, 1, CONFIG("10.6.0.0/16", "2"));
	deliver_list(scene, 1, CONFIG("10.6.0.0/16", "1"));
	assert_says(view(scene, 1).reason, "blue");
	assert_int_equal(view(scene, 1).config->vni, 2);
	deliver_list(scene, 0, CONFIG("10.5.0.0/16", "5"));
	fake_loop_pass(scene->loop, 1000);
	assert_int_equal(view(scene, 1).config->vni, 1);
}

static void an_error_of_one_network_does_not_affect_others(void **state)
{
	struct scene *scene = *state;

	begin_all(scene);
	deliver_list(scene, 0, "nonsense");
	deliver_list(scene, 1, CONFIG("10.6.0.0/16", "2"));
	give_lease(scene, 1);
	assert_int_equal(view(scene, 0).state, NETWORK_STARTING);
	assert_int_equal(view(scene, 1).state, NETWORK_READY);
}

/* subnet.env describes one network: the default network, or the first one. */
static void the_subnet_file_describes_one_network(void **state)
{
	struct scene *scene = *state;
	struct err err = ERR_INIT;

	begin_all(scene);
	deliver_list(scene, 0, CONFIG("10.5.0.0/16", "1"));
	give_lease(scene, 0);
	assert_int_equal(access(scene->subnet_file, F_OK), -1);
	deliver_list(scene, 1, CONFIG("10.6.0.0/16", "2"));
	give_lease(scene, 1);
	assert_int_equal(access(scene->subnet_file, F_OK), 0);
	assert_true(kernel_shows("cat /tmp/weft-test.*/subnet.env", "FLANNEL_NETWORK=10.6.0.0/16"));
	networks_free(scene->networks);
	scene->networks = NULL;
	assert_int_equal(unlink(scene->subnet_file), 0);
	scene->made = 0;
	assert_done(begin(scene, 1, &err), err);
	deliver_list(scene, 0, CONFIG("10.5.0.0/16", "1"));
	give_lease(scene, 0);
	assert_int_equal(access(scene->subnet_file, F_OK), 0);
}

static void a_network_no_longer_configured_is_marked(void **state)
{
	struct scene *scene = *state;
	struct state_network old = { .name = "old",
				     .vni = 9,
				     .mtu = 1450,
				     .family_len = 1,
				     .bridge = "weft-br9",
				     .vxlan = "weft-vx9" };
	struct err err = ERR_INIT;

	old.family[0] = (struct state_family){ .cluster = kernel_prefix("10.9.0.0/16"),
					       .subnet = kernel_prefix("10.9.1.0/24"),
					       .gateway = kernel_addr("10.9.1.1") };
	assert_done(publish_network(scene->run_dir, NULL, &old, false, &err), err);
	begin_all(scene);
	assert_int_equal(state_read_network(scene->run_dir, "old", &old, &err), 1);
	assert_true(old.retired);
}

static void a_store_that_fails_to_open_is_named_in_the_error(void **state)
{
	struct scene *scene = *state;
	struct err err = ERR_INIT;

	scene->fails = "default";
	assert_int_equal(begin(scene, ARRAY_LEN(names), &err), -1);
	assert_string_equal(err.text, "network default: no such store");
	assert_null(scene->networks);
	assert_true(scene->store[0].freed);
	assert_int_equal(started(scene), 0);
}

static void the_main_network_is_the_default_one_or_the_first(void **state)
{
	static const char *const without[] = { "blue", "red" };

	(void)state;
	assert_string_equal(networks_main_name(names, ARRAY_LEN(names)), "default");
	assert_string_equal(networks_main_name(without, ARRAY_LEN(without)), "blue");
}

static void networks_are_added_and_removed(void **state)
{
	struct scene *scene = *state;
	struct err err = ERR_INIT;
	size_t len;

	assert_done(begin(scene, 0, &err), err);
	networks_all(scene->networks, &len);
	assert_int_equal(len, 0);
	assert_done(networks_set(scene->networks, names, 2, &err), err);
	assert_done(networks_set(scene->networks, names, 2, &err), err);
	assert_int_equal(scene->made, 2);
	assert_string_equal(view(scene, 1).name, names[1]);
	assert_done(networks_set(scene->networks, &names[1], 2, &err), err);
	networks_all(scene->networks, &len);
	assert_int_equal(len, 2);
	assert_true(scene->store[0].freed);
	assert_false(scene->store[1].freed);
	assert_string_equal(view(scene, 0).name, names[1]);
	assert_string_equal(view(scene, 1).name, names[2]);
}

static void a_network_that_cannot_be_added_leaves_the_others(void **state)
{
	struct scene *scene = *state;
	struct err err = ERR_INIT;
	size_t len;

	scene->fails = names[1];
	assert_done(begin(scene, 0, &err), err);
	assert_int_equal(networks_set(scene->networks, names, 2, &err), -1);
	assert_says(err.text, "network default: no such store");
	networks_all(scene->networks, &len);
	assert_int_equal(len, 1);
	scene->made--; /* its store was not opened */
}

/* ---- Packet rules ---- */

static void begin_with_rules(struct scene *scene, struct firewall **rules_out)
{
	const struct firewall_options options = { .guard = true, .forward = true };
	struct err err = ERR_INIT;

	assert_done(firewall_new(scene->loop, &options, ARRAY_LEN(names), rules_out, &err), err);
	scene->env.firewall = *rules_out;
	begin_all(scene);
}

static void end_with_rules(struct scene *scene, struct firewall *rules)
{
	networks_free(scene->networks);
	scene->networks = NULL;
	firewall_free(rules);
	fake_nl_reset();
}

/* Containers can be attached from then on. */
static bool is_up(const struct scene *scene, const char *name)
{
	struct state_network published;
	struct err err = ERR_INIT;
	int found = state_read_network(scene->run_dir, name, &published, &err);

	assert_done(found, err);
	return found > 0;
}

static bool has_devices(uint32_t vni)
{
	char command[96];

	snprintf(command, sizeof(command), "ip -o link show | grep -cE ' weft-(br|vx)%u:'; true",
		 vni);
	return strtoul(kernel_says(command), NULL, 10) > 0;
}

static bool has_rules(uint32_t vni)
{
	char command[64];

	snprintf(command, sizeof(command), "nft list ruleset | grep -c 'set peers4-%u'; true", vni);
	return strtoul(kernel_says(command), NULL, 10) > 0;
}

static void a_network_has_no_devices_before_its_rules(void **state)
{
	struct scene *scene = *state;
	struct firewall *rules;

	begin_with_rules(scene, &rules);
	for (uint32_t i = 0; i < 2; i++) {
		const uint32_t vni = i + 1;

		deliver_list(scene, i, i ? CONFIG("10.6.0.0/16", "2") : CONFIG("10.5.0.0/16", "1"));
		give_lease(scene, i);
		assert_int_equal(view(scene, i).lease.state, LEASE_HELD);
		assert_int_equal(view(scene, i).state, NETWORK_STARTING);
		assert_false(is_up(scene, names[i]) || has_devices(vni) || has_rules(vni));
		fake_loop_pass(scene->loop, 300);
		assert_int_equal(view(scene, i).state, NETWORK_READY);
		assert_true(is_up(scene, names[i]) && has_devices(vni) && has_rules(vni));
	}
	end_with_rules(scene, rules);
}

/* Another program's process owns a table, so that the kernel refuses each change. */
static void a_network_has_no_devices_while_its_rules_fail(void **state)
{
	struct scene *scene = *state;
	struct firewall *rules;
	FILE *owner = popen("nft -i >/dev/null", "w");

	assert_non_null(owner);
	assert_true(fputs("add table bridge weft { flags owner; }\n", owner) > 0);
	assert_int_equal(fflush(owner), 0);
	while (!kernel_shows("nft list ruleset", "owner"))
		usleep(10000);
	begin_with_rules(scene, &rules);
	deliver_list(scene, 0, CONFIG("10.5.0.0/16", "1"));
	give_lease(scene, 0);
	for (unsigned i = 0; i < 9; i++) {
		fake_loop_pass(scene->loop, 1000);
		assert_string_not_equal(firewall_view(rules).error, "");
		assert_int_equal(view(scene, 0).state, NETWORK_STARTING);
		assert_false(is_up(scene, names[0]) || has_devices(1));
		/* A further reason to reconcile does not change that. */
		assert_int_equal(system("ip address add 192.168.0.77/24 dev up0; "
					"ip address del 192.168.0.77/24 dev up0"),
				 0);
	}
	assert_int_equal(pclose(owner), 0);
	for (unsigned i = 0; i < 60 && firewall_view(rules).error[0]; i++)
		fake_loop_pass(scene->loop, 500);
	settle(scene);
	assert_int_equal(view(scene, 0).state, NETWORK_READY);
	assert_true(is_up(scene, names[0]) && has_devices(1) && has_rules(1));
	end_with_rules(scene, rules);
}

static bool uses_address(uint32_t vni, const char *address)
{
	char command[64];

	snprintf(command, sizeof(command), "ip -d link show weft-vx%u", vni);
	return kernel_shows(command, address);
}

/* Each of two tables is replaced once, instead of once for each network. */
static void assert_moved(struct scene *scene, const struct firewall *rules, uint32_t networks,
			 const char *address)
{
	const uint64_t before = firewall_replacements(rules);
	char command[128];

	snprintf(command, sizeof(command), "ip addr flush dev up0 && ip addr add %s/24 dev up0",
		 address);
	assert_int_equal(system(command), 0);
	fake_loop_pass(scene->loop, 300);
	assert_true(kernel_shows("nft list table inet weft", address));
	assert_int_equal(firewall_replacements(rules) - before, 2);
	for (uint32_t i = 0; i < networks; i++) {
		assert_true(uses_address(i + 1, address));
		assert_false(firewall_waits(rules, names[i]));
	}
}

static void a_new_address_replaces_the_rules_of_all_networks_once(void **state)
{
	static const char *const configs[] = { CONFIG("10.5.0.0/16", "1"),
					       CONFIG("10.6.0.0/16", "2"),
					       CONFIG("10.7.0.0/16", "3") };
	struct scene *scene = *state;
	struct firewall *rules;

	begin_with_rules(scene, &rules);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		deliver_list(scene, i, configs[i]);
		if (i == 2) /* one that has no lease yet does not hold up the others */
			assert_moved(scene, rules, 2, "192.168.0.7");
		give_lease(scene, i);
		fake_loop_pass(scene->loop, 300);
		assert_int_equal(view(scene, i).state, NETWORK_READY);
	}
	assert_moved(scene, rules, 3, "192.168.0.8");
	end_with_rules(scene, rules);
}

static void deliver_peer(struct scene *scene, const char *key, const char *address,
			 uint64_t revision)
{
	char value[256];
	struct store_entry entry = { .key = key, .value = value, .mod_revision = revision };

	snprintf(value, sizeof(value),
		 "{\"PublicIP\":\"%s\",\"BackendType\":\"vxlan\",\"BackendData\":"
		 "{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:00:%02x\"}}",
		 address, (unsigned)revision);
	entry.value_size = strlen(value);
	network_listener.entry(at(scene, 0), &entry);
}

static bool is_peer(const char *address)
{
	return kernel_shows("nft list set inet weft peers4-1", address);
}

/* A change of peers is part of the state with which a network waits. */
static void a_peer_that_changes_with_the_rules_is_listed_once(void **state)
{
	struct scene *scene = *state;
	struct firewall *rules;

	begin_with_rules(scene, &rules);
	for (size_t i = 0; i < 2; i++) {
		deliver_list(scene, i, i ? CONFIG("10.6.0.0/16", "2") : CONFIG("10.5.0.0/16", "1"));
		give_lease(scene, i);
		fake_loop_pass(scene->loop, 300);
	}
	deliver_peer(scene, "10.5.201.0-24", "192.168.0.21", 21);
	fake_loop_pass(scene->loop, 3000);
	assert_true(is_peer("192.168.0.21"));
	/* The rules name the devices by which the peers are reached. */
	assert_int_equal(system("ip route add 192.168.0.21 dev up1 && ip link set up0 alias x"), 0);
	fake_loop_pass(scene->loop, 11);
	deliver_peer(scene, "10.5.202.0-24", "192.168.0.22", 22);
	fake_loop_pass(scene->loop, 2);
	assert_true(firewall_waits(rules, names[0]));
	fake_loop_pass(scene->loop, 300);
	assert_true(is_peer("192.168.0.22") && is_peer("192.168.0.21"));
	assert_int_equal(view(scene, 0).peers.usable, 2);
	network_listener.gone(at(scene, 0), "10.5.202.0-24", 23);
	fake_loop_pass(scene->loop, 10000);
	assert_false(is_peer("192.168.0.22"));
	end_with_rules(scene, rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_main_network_is_the_default_one_or_the_first),
		networks_test(each_network_starts_after_the_report_of_the_one_before),
		networks_test(every_started_store_is_checked),
		networks_test(the_store_of_endpoints_is_checked),
		networks_test(networks_with_the_same_vni_or_addresses_are_refused),
		networks_test(a_conflict_ends_with_the_change_of_the_other_network),
		networks_test(an_error_of_one_network_does_not_affect_others),
		networks_test(the_subnet_file_describes_one_network),
		networks_test(a_network_no_longer_configured_is_marked),
		networks_test(networks_are_added_and_removed),
		networks_test(a_network_that_cannot_be_added_leaves_the_others),
		networks_test(a_store_that_fails_to_open_is_named_in_the_error),
		networks_test(a_network_has_no_devices_before_its_rules),
		networks_test(a_network_has_no_devices_while_its_rules_fail),
		networks_test(a_new_address_replaces_the_rules_of_all_networks_once),
		networks_test(a_peer_that_changes_with_the_rules_is_listed_once),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
