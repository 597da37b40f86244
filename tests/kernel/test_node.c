/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/node.h"

#include "common/parse.h"
#include "tests/unit/kernel.h"
#include "tests/unit/tempdir.h"

#include <sys/stat.h>

static char state_dir[128];
static const struct mac no_flannel;

/* A network namespace and a directory. */
static int setup(void **state)
{
	if (tempdir_make(state))
		return -1;
	snprintf(state_dir, sizeof(state_dir), "%s/state", tempdir_path);
	return kernel_setup(state);
}

static int teardown(void **state)
{
	kernel_teardown(state);
	return tempdir_remove(state);
}

#define node_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static const char *file_path(void)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/node.json", state_dir);
	return path;
}

static ino_t file_inode(void)
{
	struct stat status;

	assert_int_equal(stat(file_path(), &status), 0);
	return status.st_ino;
}

static struct node load(void)
{
	struct err err = ERR_INIT;
	struct node node;

	assert_done(node_load(&node, state_dir, &err), err);
	return node;
}

/* Blocks writes of a file: a directory has its name. */
static void spoil_directory(void)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -rf %s && touch %s", state_dir, state_dir);
	assert_int_equal(system(command), 0);
}

static void restore_directory(void)
{
	assert_int_equal(unlink(state_dir), 0);
}

static void an_identity_is_created_once(void **state)
{
	struct err err = ERR_INIT;
	struct node first = load(), second;
	ino_t inode = file_inode();

	(void)state;
	assert_done(parse_uuid(first.state.id, &err), err);
	assert_int_equal(first.state.id[14], '4');
	assert_non_null(strchr("89ab", first.state.id[19]));
	second = load();
	assert_string_equal(second.state.id, first.state.id);
	assert_int_equal(file_inode(), inode);
	assert_int_equal(unlink(file_path()), 0);
	second = load();
	assert_string_not_equal(second.state.id, first.state.id);
}

static void a_damaged_identity_is_an_error(void **state)
{
	struct node node = { .state_dir = "untouched" };
	struct err err = ERR_INIT;
	FILE *file;

	(void)state;
	load();
	file = fopen(file_path(), "w");
	assert_non_null(file);
	fputs("{\"version\":1,", file);
	fclose(file);
	assert_int_equal(node_load(&node, state_dir, &err), -1);
	assert_int_equal(err.code, ERR_STATE);
	assert_string_equal(node.state_dir, "untouched");
	spoil_directory();
	assert_int_equal(node_load(&node, state_dir, &err), -1);
	restore_directory();
}

static void a_mac_is_generated_once_and_saved(void **state)
{
	const struct state_node_network *network;
	struct node node = load(), again;
	struct err err = ERR_INIT;
	struct mac mac;

	network = node_network(&node, *state, "default", "weft-vx1", &no_flannel, &err);
	assert_non_null(network);
	mac = network->vtep_mac;
	assert_true(mac_is_unicast(&mac));
	assert_true(mac.octet[0] & 2); /* locally administered */
	network = node_network(&node, *state, "default", "weft-vx1", &no_flannel, &err);
	assert_int_equal(mac_cmp(&network->vtep_mac, &mac), 0);
	again = load();
	network = node_network(&again, *state, "default", "weft-vx1", &no_flannel, &err);
	assert_int_equal(mac_cmp(&network->vtep_mac, &mac), 0);
	network = node_network(&again, *state, "other", "weft-vx2", &no_flannel, &err);
	assert_int_not_equal(mac_cmp(&network->vtep_mac, &mac), 0);
}

/* The state directory is lost, but peers use the MAC of the existing device. */
static void the_mac_of_an_existing_device_is_adopted(void **state)
{
	const struct link_add_vxlan add = {
		.name = "weft-vx1",
		.mac = kernel_mac("c6:d2:32:6f:8f:44"),
		.mtu = 1450,
		.alias = "weft network default",
		.vxlan = { .vni = 1, .port = 8472 },
	};
	const struct state_node_network *network;
	struct node node = load();
	struct err err = ERR_INIT;

	assert_done(link_add_vxlan(*state, &add, &err), err);
	kernel_bridge(*state);
	network = node_network(&node, *state, "default", "weft-vx1", &no_flannel, &err);
	assert_int_equal(mac_cmp(&network->vtep_mac, &add.mac), 0);
	/* The MAC of a device of another kind is not adopted. */
	network = node_network(&node, *state, "other", "br0", &no_flannel, &err);
	assert_int_not_equal(mac_cmp(&network->vtep_mac, &add.mac), 0);
	assert_true(network->vtep_mac.octet[1] != 0x58 || network->vtep_mac.octet[0] != 0x0a);
}

/* Peers refuse it, because containers have such MACs. */
static void a_mac_with_the_prefix_of_containers_is_replaced(void **state)
{
	const struct mac flannel = kernel_mac("0a:58:0a:05:01:07");
	struct node node = load();
	struct state_node_network *stored;
	const struct state_node_network *network;
	struct err err = ERR_INIT;

	network = node_network(&node, *state, "default", "weft-vx1", &flannel, &err);
	assert_non_null(network);
	assert_false(mac_is_derived(&network->vtep_mac));
	stored = state_node_find(&node.state, "default");
	stored->vtep_mac = flannel;
	network = node_network(&node, *state, "default", "weft-vx1", &no_flannel, &err);
	assert_non_null(network);
	assert_false(mac_is_derived(&network->vtep_mac));
	assert_true(mac_is_unicast(&network->vtep_mac));
}

static void the_last_lease_is_saved(void **state)
{
	const struct prefix subnet[FAMILIES] = { kernel_prefix("10.5.7.0/24") };
	const struct prefix other[FAMILIES] = { kernel_prefix("10.5.8.0/24") };
	struct node node = load();
	struct err err = ERR_INIT;
	ino_t inode;

	assert_non_null(node_network(&node, *state, "default", "weft-vx1", &no_flannel, &err));
	assert_done(node_remember_lease(&node, "default", subnet, &err), err);
	inode = file_inode();
	assert_done(node_remember_lease(&node, "default", subnet, &err), err);
	assert_int_equal(file_inode(), inode);
	node = load();
	assert_true(prefix_equal(&node.state.network[0].subnet[FAMILY_V4], subnet));
	assert_done(node_remember_lease(&node, "default", other, &err), err);
	node = load();
	assert_true(prefix_equal(&node.state.network[0].subnet[FAMILY_V4], other));
}

static void a_failed_write_is_repeated(void **state)
{
	const struct state_node_network *network;
	const struct prefix subnet[FAMILIES] = { kernel_prefix("10.5.7.0/24") };
	struct node node = load();
	struct err err = ERR_INIT;
	struct mac mac;

	spoil_directory();
	assert_null(node_network(&node, *state, "default", "weft-vx1", &no_flannel, &err));
	assert_null(node_network(&node, *state, "default", "weft-vx1", &no_flannel, &err));
	restore_directory();
	network = node_network(&node, *state, "default", "weft-vx1", &no_flannel, &err);
	assert_non_null(network);
	mac = network->vtep_mac;
	spoil_directory();
	assert_int_equal(node_remember_lease(&node, "default", subnet, &err), -1);
	assert_int_equal(node_remember_lease(&node, "default", subnet, &err), -1);
	restore_directory();
	assert_done(node_remember_lease(&node, "default", subnet, &err), err);
	node = load();
	assert_int_equal(node.state.network_len, 1);
	assert_int_equal(mac_cmp(&node.state.network[0].vtep_mac, &mac), 0);
	assert_true(prefix_equal(&node.state.network[0].subnet[FAMILY_V4], subnet));
}

static void the_number_of_networks_is_limited(void **state)
{
	const struct prefix subnet[FAMILIES] = { kernel_prefix("10.5.7.0/24") };
	struct node node = load();
	struct err err = ERR_INIT;

	for (int i = 0; i < STATE_NODE_NETWORKS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		node.state.network[i] = (struct state_node_network){ .vtep_mac = { { 2 } } };
		memcpy(node.state.network[i].name, name, sizeof(name));
	}
	node.state.network_len = STATE_NODE_NETWORKS;
	assert_null(node_network(&node, *state, "more", "weft-vx1", &no_flannel, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_int_equal(node_remember_lease(&node, "more", subnet, &err), -1);
	assert_non_null(node_network(&node, *state, "n63", "weft-vx1", &no_flannel, &err));
}

static void seeds_differ_by_node_and_do_not_change(void **state)
{
	struct node a = { .state = { .id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8" } };
	struct node b = { .state = { .id = "6ba7b810-9dad-11d1-80b4-00c04fd430c9" } };

	(void)state;
	assert_true(node_seed(&a) == node_seed(&a));
	assert_true(node_seed(&a) != node_seed(&b));
	assert_true(node_seed(&a) % 255 != node_seed(&b) % 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		node_test(an_identity_is_created_once),
		node_test(a_damaged_identity_is_an_error),
		node_test(a_mac_is_generated_once_and_saved),
		node_test(the_mac_of_an_existing_device_is_adopted),
		node_test(a_mac_with_the_prefix_of_containers_is_replaced),
		node_test(the_last_lease_is_saved),
		node_test(a_failed_write_is_repeated),
		node_test(the_number_of_networks_is_limited),
		cmocka_unit_test(seeds_differ_by_node_and_do_not_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
