/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cleanup/cleanup.h"

#include "tests/unit/kernel.h"
#include "tests/unit/tempdir.h"

#include <sys/stat.h>

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* A device of weft has its name, its kind and its alias; all others are kept. */
static void cleanup_removes_only_devices_and_routes_of_weft(void **state)
{
	struct nl *nl = *state;
	struct cleanup done = { .devices = 1 };
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
	run("ip link add veth0123456789a type veth peer name c1 && "
	    "ip link set veth0123456789a alias 'weft default c1 eth0'");
	run("ip link add weft0123456789b type veth peer name c2 && "
	    "ip link set weft0123456789b alias 'weft default c2 eth0'");
	run("ip link add veth0123456789c type veth peer name c3"); /* no alias */
	run("ip link add veth0 type veth peer name c4 && ip link set veth0 alias 'weft default c4 eth0'");
	run("ip link add weft-vx9 type veth peer name vx9 && ip link set weft-vx9 alias 'weft network default'");
	run("ip route add 10.5.2.0/24 dev weft-br1 proto 0x77");
	run("ip route add 10.5.3.0/24 via 192.168.0.3 proto 0x77");
	run("ip -6 route add fd00:5:3::/64 via fd00::3 proto 0x77");
	run("ip route add 10.6.0.0/24 via 192.168.0.3");
	assert_done(cleanup_remove(nl, &done, &err), err);
	assert_int_equal(done.devices, 1 + 5);
	assert_false(strstr(kernel_says("ip link show"), "0123456789a"));
	assert_false(strstr(kernel_says("ip link show"), "0123456789b"));
	assert_true(kernel_shows("ip link show", "veth0123456789c"));
	assert_true(kernel_shows("ip link show", "veth0@"));
	assert_int_equal(done.routes, 2); /* one was removed with its device */
	assert_false(strstr(kernel_says("ip link show"), "weft-br1"));
	assert_true(kernel_shows("ip link show", "weft-br2"));
	assert_true(kernel_shows("ip link show", "weft-br3"));
	assert_true(kernel_shows("ip link show", "weft-vx9"));
	assert_true(kernel_shows("ip link show", " br0:"));
	assert_true(kernel_shows("ip route", "10.6.0.0/24"));
	assert_string_equal(kernel_says("ip route show proto 0x77; ip -6 route show proto 0x77"),
			    "");
	done = (struct cleanup){ .devices = 0 };
	assert_done(cleanup_remove(nl, &done, &err), err); /* again: nothing is left */
	assert_int_equal(done.devices + done.routes, 0);
}

static void cleanup_removes_the_nft_table_and_rules_in_other_chains(void **state)
{
	struct cleanup done = { .rules = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_done(cleanup_remove_rules(&done, &err), err); /* in an empty namespace */
	assert_int_equal(done.rules, 0);
	run("nft 'add table inet weft; add chain inet weft forward; add table inet other; "
	    "add table bridge weft; add table bridge weft-spoof; add table inet weft-fast; "
	    "add table bridge other; add table netdev weft; "
	    "add table ip weft'");
	run("iptables-nft -A FORWARD -i br1 -j DROP"); /* which creates the table */
	run("nft 'insert rule ip filter FORWARD iifname weft-br1 counter accept comment \"weft\";"
	    "insert rule ip filter FORWARD oifname weft-br1 counter accept comment \"weft\";"
	    "insert rule ip filter FORWARD iifname br0 counter accept comment \"wefted\"'");
	assert_done(cleanup_remove_rules(&done, &err), err);
	assert_int_equal(done.rules, 7);
	assert_false(strstr(kernel_says("nft list tables"), "inet weft"));
	assert_false(strstr(kernel_says("nft list tables"), "bridge weft"));
	assert_false(strstr(kernel_says("nft list tables"), "netdev weft"));
	assert_true(kernel_shows("nft list tables", "table inet other"));
	assert_true(kernel_shows("nft list tables", "table bridge other"));
	assert_true(kernel_shows("nft list tables", "table ip weft"));
	assert_false(strstr(kernel_says("iptables-nft -S FORWARD"), "weft-br1"));
	assert_true(kernel_shows("iptables-nft -S FORWARD", "-i br0"));
	assert_true(kernel_shows("iptables-nft -S FORWARD", "-i br1 -j DROP"));
	done.rules = 0;
	assert_done(cleanup_remove_rules(&done, &err), err);
	assert_int_equal(done.rules, 0);
}

/* With the jumps to flannel's chains. Rules of other programs are kept. */
static void cleanup_removes_flannels_rules(void **state)
{
	struct cleanup done = { .rules = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_done(cleanup_remove_flannel(&done, &err), err); /* there are no rules at all */
	assert_int_equal(done.rules, 0);
	run("iptables-nft -N FLANNEL-FWD && iptables-nft -A FLANNEL-FWD -s 10.5.0.0/16 -j ACCEPT && "
	    "iptables-nft -A FORWARD -i br1 -j DROP && iptables-nft -A FORWARD -j FLANNEL-FWD && "
	    "iptables-nft -t nat -N FLANNEL-POSTRTG && "
	    "iptables-nft -t nat -A FLANNEL-POSTRTG -s 10.5.0.0/16 -j MASQUERADE && "
	    "iptables-nft -t nat -A POSTROUTING -m comment --comment a -j FLANNEL-POSTRTG && "
	    "ip6tables-nft -N FLANNEL-FWD && nft 'add table ip flannel-ipv4; "
	    "add table ip6 flannel-ipv6; add table ip other; add table inet weft'");
	assert_done(cleanup_remove_flannel(&done, &err), err);
	assert_int_equal(done.rules, 5);
	assert_false(strstr(kernel_says("nft list ruleset"), "FLANNEL"));
	assert_false(strstr(kernel_says("nft list ruleset"), "flannel"));
	assert_true(kernel_shows("iptables-nft -S FORWARD", "-i br1 -j DROP"));
	assert_true(kernel_shows("nft list tables", "table ip other"));
	assert_true(kernel_shows("nft list tables", "table inet weft"));
	done.rules = 0;
	assert_done(cleanup_remove_flannel(&done, &err), err);
	assert_int_equal(done.rules, 0);
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

static void cleanup_removes_only_published_files(void **state)
{
	struct cleanup done = { .files = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_done(cleanup_remove_files(tempdir_path, &done, &err), err);
	assert_int_equal(done.files, 0);
	make_dir("networks");
	make_file("networks/default.json");
	make_file("networks/blue.json");
	make_file("networks/.json");
	make_file("networks/notes.txt");
	/* Left by a writer that was killed. */
	make_file("networks/.default.json.1.0123456789abcdef.tmp");
	make_file("default.json");
	assert_done(cleanup_remove_files(tempdir_path, &done, &err), err);
	assert_int_equal(done.files, 2);
	assert_int_equal(access(place("networks/default.json"), F_OK), -1);
	assert_int_equal(access(place("networks/blue.json"), F_OK), -1);
	assert_int_equal(access(place("networks/notes.txt"), F_OK), 0);
	assert_int_equal(access(place("default.json"), F_OK), 0);
}

static int setup_both(void **state)
{
	return tempdir_make(state) < 0 ? -1 : kernel_setup(state);
}

static int teardown_both(void **state)
{
	return kernel_teardown(state) < 0 ? -1 : tempdir_remove(state);
}

static void containers_are_counted_by_records_and_veths(void **state)
{
	struct err err = ERR_INIT;
	char command[160];
	size_t count = 9;

	(void)state;
	assert_done(cleanup_containers(tempdir_path, &count, &err), err);
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
	assert_done(cleanup_containers(tempdir_path, &count, &err), err);
	assert_int_equal(count, 3);
	for (int i = 0; i < 5; i++) {
		snprintf(command, sizeof(command),
			 "ip link add veth0123456789%d type veth peer name c%d && "
			 "ip link set veth0123456789%d alias 'weft default c%d eth0'",
			 i, i, i, i);
		run(command);
	}
	assert_done(cleanup_containers(tempdir_path, &count, &err), err);
	assert_int_equal(count, 5);
	assert_done(cleanup_containers("/nonexistent/run", &count, &err), err);
	assert_int_equal(count, 5);
	/* A directory that cannot be read is an error, not zero containers. */
	make_file("attachments/file");
	assert_int_equal(cleanup_containers(tempdir_path, &count, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(count, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		kernel_test(cleanup_removes_only_devices_and_routes_of_weft),
		kernel_test(cleanup_removes_the_nft_table_and_rules_in_other_chains),
		kernel_test(cleanup_removes_flannels_rules),
		cmocka_unit_test_setup_teardown(cleanup_removes_only_published_files, tempdir_make,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(containers_are_counted_by_records_and_veths,
						setup_both, teardown_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
