/* SPDX-License-Identifier: Apache-2.0 */
#include "common/state.h"

#include "common/array.h"
#include "common/err.h"
#include "common/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GOOD                                                                                       \
	"{\"version\":1,\"name\":\"default\",\"vni\":1,\"bridge\":\"weft-br1\","                   \
	"\"vxlan\":\"weft-vx1\",\"mtu\":1450,\"leaseLost\":false,"                                 \
	"\"families\":[{\"cluster\":\"10.5.0.0/16\",\"subnet\":\"10.5.1.0/24\","                   \
	"\"gateway\":\"10.5.1.1\"}]}"

static char dir[] = "/tmp/weft-test-state.XXXXXX"; /* created for every test */

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix = { .len = 0 };
	struct err err = ERR_INIT;

	if (prefix_parse(text, &prefix, &err) < 0)
		fail_msg("%s", err.text);
	return prefix;
}

static struct ipaddr addr_of(const char *text)
{
	struct ipaddr addr = { .family = 0 };
	struct err err = ERR_INIT;

	if (ipaddr_parse(text, &addr, &err) < 0)
		fail_msg("%s", err.text);
	return addr;
}

static struct state_network network_of(size_t families)
{
	return (struct state_network){
		.name = "default",
		.vni = 1,
		.bridge = "weft-br1",
		.vxlan = "weft-vx1",
		.mtu = 1450,
		.family = { { prefix_of("10.5.0.0/16"), prefix_of("10.5.1.0/24"),
			      addr_of("10.5.1.1") },
			    { prefix_of("fd00:5::/48"), prefix_of("fd00:5:0:1::/64"),
			      addr_of("fd00:5:0:1::1") } },
		.family_len = families,
	};
}

static void put(const char *file, const char *text)
{
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;

	assert_int_equal(fs_join(path, dir, file, &err), 0);
	if (fs_write(AT_FDCWD, path, 0644, text, strlen(text), FS_REPLACE, &err) < 0)
		fail_msg("%s", err.text);
}

static void check_text(const char *file, const char *want)
{
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size = 0;

	assert_int_equal(fs_join(path, dir, file, &err), 0);
	assert_int_equal(fs_read(AT_FDCWD, path, 1 << 16, &text, &size, &err), 1);
	assert_string_equal(text, want);
	free(text);
}

static void check_same(const struct state_network *a, const struct state_network *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->vni, b->vni);
	assert_string_equal(a->bridge, b->bridge);
	assert_string_equal(a->vxlan, b->vxlan);
	assert_int_equal(a->mtu, b->mtu);
	assert_int_equal(a->lease_lost, b->lease_lost);
	assert_string_equal(a->holder, b->holder);
	assert_int_equal(a->family_len, b->family_len);
	for (size_t i = 0; i < a->family_len; i++) {
		assert_true(prefix_equal(&a->family[i].cluster, &b->family[i].cluster));
		assert_true(prefix_equal(&a->family[i].subnet, &b->family[i].subnet));
		assert_true(ipaddr_equal(&a->family[i].gateway, &b->family[i].gateway));
	}
}

static void network_file_has_the_documented_form(void **state)
{
	struct state_network network = network_of(1);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(state_write_network(dir, &network, &err), 1);
	check_text("networks/default.json", GOOD);
}

static void network_is_read_as_it_was_written(void **state)
{
	struct state_network read = { .mtu = 0 };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t families = 1; families <= 2; families++) {
		struct state_network network = network_of(families);

		network.lease_lost = families == 2;
		snprintf(network.holder, sizeof(network.holder), "%s", families == 2 ? "cni0" : "");
		assert_int_equal(state_write_network(dir, &network, &err), 1);
		assert_int_equal(state_read_network(dir, "default", &read, &err), 1);
		check_same(&read, &network);
	}
}

static void an_l2_network_has_the_prefix_length_of_the_whole(void **state)
{
	struct state_network network = network_of(2), read = { .mtu = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(state_address_len(&network, &network.family[0]), 24);
	network.l2 = true;
	network.family[0].gateway = addr_of("10.5.0.1"); /* not in this node's range */
	network.family[1].gateway = (struct ipaddr){ .family = 0 };
	assert_int_equal(state_write_network(dir, &network, &err), 1);
	assert_int_equal(state_read_network(dir, "default", &read, &err), 1);
	check_same(&read, &network);
	assert_true(read.l2);
	assert_int_equal(state_address_len(&read, &read.family[0]), 16);
	assert_int_equal(state_address_len(&read, &read.family[1]), 48);
	network.family[0].gateway = addr_of("10.6.0.1");
	assert_int_equal(state_write_network(dir, &network, &err), 1);
	assert_int_equal(state_read_network(dir, "default", &read, &err), -1);
	assert_non_null(strstr(err.text, "gateway: lies outside the cluster network"));
}

static void an_unchanged_network_is_not_written_again(void **state)
{
	struct state_network network = network_of(1);
	char path[FS_PATH_SIZE];
	struct stat before, after;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fs_join(path, dir, "networks/default.json", &err), 0);
	assert_int_equal(state_write_network(dir, &network, &err), 1);
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(state_write_network(dir, &network, &err), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);

	network.mtu = 1400;
	assert_int_equal(state_write_network(dir, &network, &err), 1);
	put("networks/default.json", "damaged");
	assert_int_equal(state_write_network(dir, &network, &err), 1);
	assert_int_equal(state_read_network(dir, "default", &network, &err), 1);
	assert_int_equal(network.mtu, 1400);
}

static void a_removed_network_is_absent(void **state)
{
	struct state_network network = network_of(1);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(state_write_network(dir, &network, &err), 1);
	assert_int_equal(state_remove_network(dir, "default", &err), 1);
	assert_int_equal(state_remove_network(dir, "default", &err), 0);
	network.mtu = 7;
	assert_int_equal(state_read_network(dir, "default", &network, &err), 0);
	assert_int_equal(network.mtu, 7);
	assert_int_equal(err.code, ERR_NONE);
}

static void damaged_network_files_are_refused(void **state)
{
	static const struct {
		const char *from, *to, *text; /* from is replaced by to; the error contains text */
	} cases[] = {
		{ "\"version\":1", "\"version\":2", "newer weft" },
		{ "\"version\":1", "\"version\":0", "version" },
		{ "\"name\":\"default\"", "\"name\":\"other\"", "other" },
		{ "\"vni\":1", "\"vni\":16777216", "vni" },
		{ "weft-br1", "a/b", "bridge" },
		{ "weft-vx1", "0123456789abcdef", "vxlan" },
		{ "1450", "67", "mtu" },
		{ "\"leaseLost\":false", "\"leaseLost\":0", "leaseLost" },
		{ "\"leaseLost\":false", "\"leaseLost\":false,\"subnetHolder\":\"a/b\"",
		  "subnetHolder" },
		{ "\"leaseLost\":false",
		  "\"leaseLost\":false,\"subnetHolder\":\"0123456789abcdef\"", "subnetHolder" },
		{ "10.5.1.1\"", "10.5.2.1\"", "gateway" },
		{ "10.5.1.0/24", "10.6.1.0/24", "subnet" },
		{ "10.5.1.0/24", "10.5.1.0", "subnet" },
		{ "10.5.0.0/16", "fd00::/16", "subnet" },
		{ "\"families\":[", "\"families\":[],\"x\":[", "families" },
		{ "\"gateway\":", "\"Gateway\":", "gateway" },
		{ "}]}", "}]", "" },
		{ "}]}", "}]}x", "" },
	};

	struct state_network whole = network_of(1);
	struct err unused = ERR_INIT;

	(void)state;
	assert_int_equal(state_write_network(dir, &whole, &unused), 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct state_network network = { .mtu = 7 };
		const char *at = strstr(GOOD, cases[i].from);
		struct err err = ERR_INIT;
		char text[1024];

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, cases[i].to,
			 at + strlen(cases[i].from));
		put("networks/default.json", text);
		if (state_read_network(dir, "default", &network, &err) != -1)
			fail_msg("accepted: %s", text);
		assert_int_equal(err.code, ERR_STATE);
		assert_int_equal(network.mtu, 7);
		if (!strstr(err.text, cases[i].text) || !strstr(err.text, "default.json"))
			fail_msg("\"%s\" does not name %s", err.text, cases[i].text);
	}
}

static void families_are_in_order_and_unique(void **state)
{
	struct state_network network = network_of(2), read = { .mtu = 0 };
	struct err err = ERR_INIT;

	(void)state;
	network.family[1] = network.family[0];
	assert_int_equal(state_write_network(dir, &network, &err), 1);
	assert_int_equal(state_read_network(dir, "default", &read, &err), -1);
	assert_non_null(strstr(err.text, "IPv4 first"));
}

static void network_names_cannot_leave_the_directory(void **state)
{
	char longest[STATE_NETWORK_NAME_SIZE + 1];
	const char *names[] = { "", "../node", "a/b", ".x", longest };

	(void)state;
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct state_network network = { .mtu = 0 };
		struct err err = ERR_INIT;

		assert_int_equal(state_read_network(dir, names[i], &network, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_int_equal(state_remove_network(dir, names[i], &err), -1);
	}
}

static void node_is_read_as_it_was_written(void **state)
{
	struct state_node node = { .id = "0189f7e2-1111-4222-8333-0123456789ab" };
	struct state_node read = { .network_len = 7 };
	struct state_node_network *network;
	char deep[FS_PATH_SIZE];
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fs_join(deep, dir, "a/b", &err), 0);
	assert_int_equal(state_read_node(deep, &read, &err), 0);
	assert_int_equal(read.network_len, 0);

	network = state_node_find(&node, "default");
	network->vtep_mac = (struct mac){ { 0xc6, 0xd2, 0x32, 0x6f, 0x8f, 0x44 } };
	network->subnet[FAMILY_V4] = prefix_of("10.5.1.0/24");
	network->subnet[FAMILY_V6] = prefix_of("fd00:5:1::/64");
	network = state_node_find(&node, "second");
	network->vtep_mac = (struct mac){ { 0xc6, 0xd2, 0x32, 0x6f, 0x8f, 0x45 } };
	assert_int_equal(state_write_node(deep, &node, &err), 0);
	check_text(
		"a/b/node.json",
		"{\"version\":1,\"node\":\"0189f7e2-1111-4222-8333-0123456789ab\","
		"\"networks\":{\"default\":{\"vtepMac\":\"c6:d2:32:6f:8f:44\","
		"\"subnet\":\"10.5.1.0/24\",\"subnet6\":\"fd00:5:1::/64\"},\"second\":{\"vtepMac\":\"c6:d2:32:6f:8f:45\"}}}");
	assert_int_equal(state_read_node(deep, &read, &err), 1);
	assert_string_equal(read.id, node.id);
	assert_int_equal(read.network_len, 2);
	network = state_node_find(&read, "second");
	assert_ptr_equal(network, &read.network[1]);
	assert_int_equal(network->vtep_mac.octet[5], 0x45);
	assert_false(prefix_is_set(&network->subnet[FAMILY_V4]));
	assert_memory_equal(read.network[0].subnet, node.network[0].subnet,
			    sizeof(node.network[0].subnet));
}

static void damaged_node_files_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"{}",
		"{\"version\":1,\"node\":\"x\",\"networks\":{}}",
		"{\"version\":1,\"node\":\"0189f7e2-1111-4222-8333-0123456789ab\"}",
		"{\"version\":3,\"node\":\"0189f7e2-1111-4222-8333-0123456789ab\",\"networks\":{}}",
		"{\"version\":1,\"node\":\"0189f7e2-1111-4222-8333-0123456789ab\","
		"\"networks\":{\"a/b\":{\"vtepMac\":\"c6:d2:32:6f:8f:44\"}}}",
		"{\"version\":1,\"node\":\"0189f7e2-1111-4222-8333-0123456789ab\","
		"\"networks\":{\"default\":{\"vtepMac\":\"01:00:5e:00:00:01\"}}}",
		"{\"version\":1,\"node\":\"0189f7e2-1111-4222-8333-0123456789ab\","
		"\"networks\":{\"default\":{}}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct state_node node = { .network_len = 7 };
		struct err err = ERR_INIT;

		put("node.json", cases[i]);
		if (state_read_node(dir, &node, &err) != -1)
			fail_msg("accepted: %s", cases[i]);
		assert_int_equal(err.code, ERR_STATE);
		assert_int_equal(node.network_len, 7);
	}
}

static void the_number_of_networks_of_a_node_is_limited(void **state)
{
	static struct state_node node;
	char name[STATE_NETWORK_NAME_SIZE];

	(void)state;
	for (int i = 0; i < STATE_NODE_NETWORKS; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_ptr_equal(state_node_find(&node, name), &node.network[i]);
		assert_ptr_equal(state_node_find(&node, name), &node.network[i]);
	}
	assert_null(state_node_find(&node, "one-more"));
	assert_ptr_equal(state_node_find(&node, "n0"), &node.network[0]);
}

static int make_dir(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

#define in_a_dir(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_dir(network_file_has_the_documented_form),
		in_a_dir(network_is_read_as_it_was_written),
		in_a_dir(an_l2_network_has_the_prefix_length_of_the_whole),
		in_a_dir(an_unchanged_network_is_not_written_again),
		in_a_dir(a_removed_network_is_absent),
		in_a_dir(damaged_network_files_are_refused),
		in_a_dir(families_are_in_order_and_unique),
		in_a_dir(network_names_cannot_leave_the_directory),
		in_a_dir(node_is_read_as_it_was_written),
		in_a_dir(damaged_node_files_are_refused),
		in_a_dir(the_number_of_networks_of_a_node_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
