/* SPDX-License-Identifier: Apache-2.0 */
#include "common/remains.h"

#include "common/legacy_kernel.h"
#include "tests/unit/kernel.h"
#include "tests/unit/tempdir.h"

#include <sys/stat.h>

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* Ours by name, kind and alias; anything less is somebody else's. */
static void only_wefts_devices_and_routes_go(void **state)
{
	struct nl *nl = *state;
	struct remains done = { .devices = 1 };
	struct err err = ERR_INIT;

	run("ip link add up0 type veth peer name up1 && ip link set up1 up && "
	    "ip addr add 192.168.0.1/24 dev up0 && ip addr add fd00::1/64 dev up0 nodad && "
	    "ip link set up0 up");
	run("ip link add weft-br1 type bridge && ip link set weft-br1 alias 'weft network default' "
	    "&& ip addr add 10.5.1.1/24 dev weft-br1 && ip link set weft-br1 up");
	run("ip link add weft-vx1 type vxlan id 1 dstport 8472 && "
	    "ip link set weft-vx1 alias 'weft network default' master weft-br1");
	run("ip link add weft-v61 type vxlan id 2 dstport 8473 && "
	    "ip link set weft-v61 alias 'weft network default'");
	run("ip link add weft-br2 type bridge"); /* no alias */
	run("ip link add weft-br3 type bridge && ip link set weft-br3 alias 'weftnetwork x'");
	run("ip link add br0 type bridge && ip link set br0 alias 'weft network default'");
	run("ip link add weft-vx9 type veth peer name vx9 && ip link set weft-vx9 alias 'weft network default'");
	run("ip route add 10.5.2.0/24 dev weft-br1 proto 0x77");
	run("ip route add 10.5.3.0/24 via 192.168.0.3 proto 0x77");
	run("ip -6 route add fd00:5:3::/64 via fd00::3 proto 0x77");
	run("ip route add 10.6.0.0/24 via 192.168.0.3");
	assert_done(remains_remove(nl, &done, &err), err);
	assert_int_equal(done.devices, 1 + 3);
	assert_int_equal(done.routes, 2); /* one went with its device */
	assert_false(strstr(kernel_says("ip link show"), "weft-br1"));
	assert_true(kernel_shows("ip link show", "weft-br2"));
	assert_true(kernel_shows("ip link show", "weft-br3"));
	assert_true(kernel_shows("ip link show", "weft-vx9"));
	assert_true(kernel_shows("ip link show", " br0:"));
	assert_true(kernel_shows("ip route", "10.6.0.0/24"));
	assert_string_equal(kernel_says("ip route show proto 0x77; ip -6 route show proto 0x77"),
			    "");
	done = (struct remains){ .devices = 0 };
	assert_done(remains_remove(nl, &done, &err), err); /* once more: nothing is there */
	assert_int_equal(done.devices + done.routes, 0);
}

static void wefts_table_goes_and_accepts_in_others_chains(void **state)
{
	AUTO(legacy) struct legacy *legacy = NULL;
	struct remains done = { .rules = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_done(legacy_open(&legacy, &err), err);
	assert_done(remains_remove_rules(legacy, &done, &err),
		    err); /* where there is nothing at all */
	assert_int_equal(done.rules, 0);
	run("nft 'add table inet weft; add chain inet weft forward; add table inet other; "
	    "add table ip weft'");
	run("iptables-nft -A FORWARD -i br1 -j DROP"); /* which makes the table */
	run("nft 'insert rule ip filter FORWARD iifname weft-br1 counter accept comment \"weft\";"
	    "insert rule ip filter FORWARD oifname weft-br1 counter accept comment \"weft\";"
	    "insert rule ip filter FORWARD iifname br0 counter accept comment \"wefted\"'");
	assert_done(remains_remove_rules(legacy, &done, &err), err);
	assert_int_equal(done.rules, 3);
	assert_false(strstr(kernel_says("nft list tables"), "inet weft"));
	assert_true(kernel_shows("nft list tables", "table inet other"));
	assert_true(kernel_shows("nft list tables", "table ip weft"));
	assert_false(strstr(kernel_says("iptables-nft -S FORWARD"), "weft-br1"));
	assert_true(kernel_shows("iptables-nft -S FORWARD", "-i br0"));
	assert_true(kernel_shows("iptables-nft -S FORWARD", "-i br1 -j DROP"));
	done.rules = 0;
	assert_done(remains_remove_rules(legacy, &done, &err), err);
	assert_int_equal(done.rules, 0);
}

/* The same of iptables-legacy, of which nothing comes to be where nothing is. */
static void accepts_in_legacy_chains_go(void **state)
{
	AUTO(legacy) struct legacy *legacy = NULL;
	struct remains done = { .rules = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_done(legacy_open(&legacy, &err), err);
	assert_done(remains_remove_rules(legacy, &done, &err), err);
	assert_int_equal(done.rules, 0);
	assert_string_equal(kernel_says("cat /proc/net/ip*_tables_names 2>&1 | grep filter; true"),
			    "");
	run("iptables-legacy -P FORWARD DROP && iptables-legacy -N DOCKER-USER && "
	    "iptables-legacy -A FORWARD -j DOCKER-USER && "
	    "iptables-legacy -A FORWARD -i weft-br1 -m comment --comment weft -j ACCEPT && "
	    "iptables-legacy -A DOCKER-USER -o weft-br1 -m comment --comment weft -j ACCEPT && "
	    "iptables-legacy -A DOCKER-USER -o weft-br1 -m comment --comment wefted -j ACCEPT && "
	    "ip6tables-legacy -A FORWARD -i weft-br1 -m comment --comment weft -j ACCEPT");
	assert_done(remains_remove_rules(legacy, &done, &err), err);
	assert_int_equal(done.rules, 3);
	assert_string_equal(
		kernel_says("iptables-legacy -S FORWARD; iptables-legacy -S DOCKER-USER"),
		"-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n-N DOCKER-USER\n"
		"-A DOCKER-USER -o weft-br1 -m comment --comment wefted -j ACCEPT\n");
	assert_string_equal(kernel_says("ip6tables-legacy -S FORWARD"), "-P FORWARD ACCEPT\n");
}

/* ---- Files ------------------------------------------------------------------------------- */

static const char *place(const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", tempdir_path, name);
	return path;
}

static void make_dir(const char *name)
{
	assert_int_equal(mkdir(place(name), 0755), 0);
}

static void make_file(const char *name)
{
	FILE *file = fopen(place(name), "w");

	assert_non_null(file);
	fclose(file);
}

static void only_what_networks_published_goes(void **state)
{
	struct remains done = { .files = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_done(remains_remove_files(tempdir_path, &done, &err), err);
	assert_int_equal(done.files, 0);
	make_dir("networks");
	make_file("networks/default.json");
	make_file("networks/blue.json");
	make_file("networks/.json");
	make_file("networks/notes.txt");
	make_file(
		"networks/.default.json.1.0123456789abcdef.tmp"); /* of a writer that was killed */
	make_file("default.json");
	assert_done(remains_remove_files(tempdir_path, &done, &err), err);
	assert_int_equal(done.files, 2);
	assert_int_equal(access(place("networks/default.json"), F_OK), -1);
	assert_int_equal(access(place("networks/blue.json"), F_OK), -1);
	assert_int_equal(access(place("networks/notes.txt"), F_OK), 0);
	assert_int_equal(access(place("default.json"), F_OK), 0);
}

static void containers_are_counted_by_their_records(void **state)
{
	struct err err = ERR_INIT;
	size_t count = 9;

	(void)state;
	assert_done(remains_containers(tempdir_path, &count, &err), err);
	assert_int_equal(count, 0);
	make_dir("attachments");
	make_dir("attachments/default");
	make_dir("attachments/blue");
	make_dir("attachments/.hidden");
	make_file("attachments/default/c1-eth0");
	make_file("attachments/default/c1-eth1");
	make_file("attachments/default/.c2-eth0.1.0123456789abcdef.tmp");
	make_file("attachments/blue/c3-eth0");
	make_file("attachments/.hidden/c4-eth0");
	assert_done(remains_containers(tempdir_path, &count, &err), err);
	assert_int_equal(count, 3);
	/* What cannot be counted is no zero. */
	make_file("attachments/file");
	assert_int_equal(remains_containers(tempdir_path, &count, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(count, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(only_wefts_devices_and_routes_go),
		kernel_test(wefts_table_goes_and_accepts_in_others_chains),
		kernel_test(accepts_in_legacy_chains_go),
		cmocka_unit_test_setup_teardown(only_what_networks_published_goes, tempdir_make,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(containers_are_counted_by_their_records,
						tempdir_make, tempdir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
