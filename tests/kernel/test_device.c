/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "daemon/dataplane/device.h"

#include "common/array.h"
#include "common/netlink/link_reset.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/rtnetlink.h>
#include <sys/mount.h>

/* The kernel accepts no alias in the request that creates a device. */
#define ALIAS "ip link set weft-vx1 alias 'weft network default'"

static struct device_want sample_want(void)
{
	return (struct device_want){
		.network = "default",
		.vni = 1,
		.port = 8472,
		.mtu = 1450,
		.mac = kernel_mac("c6:d2:32:6f:8f:44"),
		.local = { kernel_addr("192.168.0.1") },
		.gateway = { kernel_prefix("10.5.1.1/24") },
	};
}

static struct link get(struct nl *nl, const char *name)
{
	struct err err = ERR_INIT;
	struct link link;

	assert_int_equal(link_get(nl, name, &link, &err), 1);
	return link;
}

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

/* Returns whether the request only reads. */
static bool is_question(const struct nlmsghdr *request)
{
	return request->nlmsg_type == RTM_GETLINK || request->nlmsg_type == RTM_GETADDR ||
	       request->nlmsg_type == RTM_GETROUTE || request->nlmsg_type == RTM_GETNEIGH;
}

/* The devices are in sync: a further call sends no change and reports none. */
static void assert_settled(struct nl *nl, const struct device_want *want)
{
	struct device_have have = { .changed = true };
	struct err err = ERR_INIT;

	fake_nl_reset();
	assert_done(device_ensure(nl, want, &have, &err), err);
	assert_false(have.changed);
	for (size_t i = 0; i < fake_nl_sent(); i++)
		assert_true(is_question(fake_nl_request(i)));
	assert_int_equal(have.bridge, get(nl, "weft-br1").index);
	assert_int_equal(have.vxlan[FAMILY_V4], get(nl, "weft-vx1").index);
	fake_nl_reset();
}

static void ensure(struct nl *nl, const struct device_want *want)
{
	struct device_have have = { .changed = false };
	struct err err = ERR_INIT;

	assert_done(device_ensure(nl, want, &have, &err), err);
	assert_true(have.changed);
	assert_settled(nl, want);
}

static void assert_sysctl(const char *name, const char *value)
{
	char command[128], line[32];

	snprintf(command, sizeof(command), "cat /proc/sys/net/%s", name);
	snprintf(line, sizeof(line), "%s\n", value);
	assert_string_equal(kernel_says(command), line);
}

static void names_come_from_the_vni(void **state)
{
	char name[IF_NAMESIZE];

	(void)state;
	assert_string_equal(device_bridge_name(1, name), "weft-br1");
	assert_string_equal(device_vxlan_name(1, name), "weft-vx1");
	assert_string_equal(device_bridge_name(0xffffff, name), "weft-br16777215");
	assert_string_equal(device_vxlan_name(0xffffff, name), "weft-vx16777215");
}

static void devices_are_created_once(void **state)
{
	const struct device_want want = sample_want();
	struct link bridge, vxlan;

	ensure(*state, &want);
	bridge = get(*state, "weft-br1");
	vxlan = get(*state, "weft-vx1");
	assert_int_equal(bridge.kind, LINK_KIND_BRIDGE);
	assert_int_equal(vxlan.kind, LINK_KIND_VXLAN);
	assert_int_equal(vxlan.master, bridge.index);
	assert_int_equal(mac_cmp(&bridge.mac, &want.mac), 0);
	assert_int_equal(mac_cmp(&vxlan.mac, &want.mac), 0);
	assert_int_equal(bridge.mtu, 1450);
	assert_int_equal(vxlan.mtu, 1450);
	assert_true(bridge.flags & IFF_UP);
	assert_true(vxlan.flags & IFF_UP);
	assert_true(
		kernel_shows("ip -d link show dev weft-vx1",
			     "vxlan id 1 local 192.168.0.1 srcport 0 0 dstport 8472 nolearning"));
	assert_true(kernel_shows("ip -d link show dev weft-vx1", "noudpcsum"));
	assert_true(kernel_shows("ip -d link show dev weft-vx1", "alias weft network default"));
	run("ip link add small mtu 1300 master weft-br1 type veth peer name other mtu 1300");
	assert_int_equal(get(*state, "weft-br1").mtu, 1450);
	run("ip link del small");
	assert_true(kernel_shows("bridge -d link show dev weft-vx1",
				 "learning off flood off mcast_flood off bcast_flood off"));
	assert_true(kernel_shows("ip -4 addr show dev weft-br1", "inet 10.5.1.1/24 scope global"));
	assert_sysctl("ipv4/ip_forward", "1");
	assert_sysctl("ipv4/conf/all/send_redirects", "0");
	assert_sysctl("ipv4/conf/weft-br1/send_redirects", "0");
	assert_sysctl("ipv4/conf/weft-br1/accept_source_route", "0");
	assert_sysctl("ipv6/conf/weft-br1/accept_ra", "0");
	assert_sysctl("ipv6/conf/weft-vx1/accept_ra", "0");
	assert_sysctl("ipv6/conf/weft-vx1/disable_ipv6", "1");
	assert_sysctl("ipv6/conf/weft-br1/disable_ipv6", "1");
}

static void devices_of_other_programs_are_an_error(void **state)
{
	static const struct {
		const char *before, *says, *after;
	} cases[] = {
		{ "ip link add weft-br1 type veth peer name x",
		  "weft-br1 exists and is not a bridge", "ip link show weft-br1" },
		{ "ip link add weft-br1 type bridge", "weft-br1 exists with the alias \"\"",
		  "ip link show weft-br1" },
		{ "ip link add weft-br1 type bridge && "
		  "ip link set weft-br1 alias 'weft network x' address c6:d2:32:6f:8f:44",
		  "with the alias \"weft network x\" instead of \"weft network default\"",
		  "ip link show weft-br1" },
		{ "ip link add weft-vx1 type bridge", "weft-vx1 exists and is not a vxlan device",
		  "ip -d link show weft-vx1 type bridge" },
		{ "ip link add weft-vx1 type vxlan id 1 dstport 4789",
		  "weft-vx1 exists with the alias \"\"", "ip -d link show weft-vx1 type vxlan" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct device_want want = sample_want();
		struct device_have have = { .bridge = 77 };
		AUTO(nl) struct nl *nl = kernel_fresh();
		struct err err = ERR_INIT;

		run(cases[i].before);
		assert_int_equal(device_ensure(nl, &want, &have, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s", err.text);
		assert_int_equal(have.bridge, 77);
		kernel_says(cases[i].after);
	}
}

static void changed_attributes_are_repaired_in_place(void **state)
{
	static const char *const changes[] = {
		"ip link set weft-br1 address 02:00:00:00:00:01",
		"ip link set weft-vx1 address 02:00:00:00:00:01",
		"ip link set weft-br1 mtu 1400",
		"ip link set weft-vx1 mtu 1400",
		"ip link set weft-br1 group default",
		"ip link set weft-vx1 group default",
		"ip link set weft-br1 type bridge stp_state 1",
		"ip link set weft-br1 arp off",
		"ip link set weft-vx1 protodown on",
		"ip link set weft-vx1 type vxlan ttl 1",
		"bridge link set dev weft-vx1 state 0",
		"bridge link set dev weft-vx1 state 1",
		"bridge link set dev weft-vx1 hairpin on",
		"bridge link set dev weft-vx1 isolated on",
		"bridge link set dev weft-vx1 locked on",
		"ip link set weft-br1 down",
		"ip link set weft-vx1 down",
		"ip link set weft-vx1 nomaster",
		"ip link add other type bridge && ip link set weft-vx1 master other",
		"bridge link set dev weft-vx1 learning on",
		"bridge link set dev weft-vx1 flood on",
		"bridge link set dev weft-vx1 mcast_flood on",
		"bridge link set dev weft-vx1 bcast_flood on",
		"ip addr flush dev weft-br1",
		"ip addr add 10.9.9.9/24 dev weft-br1",
		"ip addr add 10.5.1.1/16 dev weft-br1",
		"ip addr add 10.5.1.2/24 dev weft-br1",
		"ip addr flush dev weft-br1 && ip addr add 10.5.1.2/24 dev weft-br1",
		"echo 0 >/proc/sys/net/ipv4/ip_forward",
		"echo 1 >/proc/sys/net/ipv4/conf/all/send_redirects",
		"echo 1 >/proc/sys/net/ipv4/conf/weft-br1/send_redirects",
		"echo 1 >/proc/sys/net/ipv4/conf/weft-br1/accept_source_route",
		"echo 1 >/proc/sys/net/ipv6/conf/weft-br1/accept_ra",
		"echo 2 >/proc/sys/net/ipv6/conf/weft-vx1/accept_ra",
		"bridge fdb flush dev weft-br1",
	};
	const struct device_want want = sample_want();
	uint32_t bridge, vxlan;

	ensure(*state, &want);
	bridge = get(*state, "weft-br1").index;
	vxlan = get(*state, "weft-vx1").index;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		run(changes[i]);
		ensure(*state, &want);
		assert_int_equal(get(*state, "weft-br1").index, bridge);
		assert_int_equal(get(*state, "weft-vx1").index, vxlan);
		assert_true(kernel_shows("ip -4 -o addr show dev weft-br1", " 10.5.1.1/24 "));
		if (!kernel_shows("bridge fdb show br weft-br1 | grep -v self",
				  " master weft-br1 permanent"))
			fail_msg("after %s: no entry of the bridge's MAC", changes[i]);
	}
}

/* Returns 0, or what device_ensure returns, for devices that an earlier call ensured. */
static int ensure_again(struct nl *nl, const struct device_want *want,
			const struct device_have *before, struct err *err)
{
	struct device_want again = *want;
	struct device_have have;

	again.before = before;
	return device_ensure(nl, &again, &have, err);
}

static void a_renamed_device_and_a_changed_alias_are_restored(void **state)
{
	static const char *const changes[] = {
		"ip link set weft-br1 name other",  "ip link set weft-vx1 name other",
		"ip link set weft-br1 alias other", "ip link set weft-vx1 alias other",
		"ip link set weft-vx1 alias ''",
	};
	const struct device_want want = sample_want();
	struct device_have have;
	struct err err = ERR_INIT;

	ensure(*state, &want);
	assert_done(device_ensure(*state, &want, &have, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		run(changes[i]);
		assert_done(ensure_again(*state, &want, &have, &err), err);
		assert_settled(*state, &want);
		assert_int_equal(get(*state, "weft-br1").index, have.bridge);
		assert_int_equal(get(*state, "weft-vx1").index, have.vxlan[FAMILY_V4]);
	}
	/* Another device of that name, or with that index, is not weft's. */
	run("ip link set weft-br1 name other && ip link add weft-br1 type bridge");
	assert_int_equal(ensure_again(*state, &want, &have, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	run("ip link del weft-br1 && ip link set other alias other");
	assert_done(ensure_again(*state, &want, &have, &err), err);
	assert_int_not_equal(get(*state, "weft-br1").index, have.bridge);
	assert_int_equal(get(*state, "other").index, have.bridge);
}

/* The reconcile of one network is sufficient. */
static void names_that_two_networks_exchanged_are_restored(void **state)
{
	static const char *const kinds[] = { "br", "vx" };
	const struct device_want want = sample_want();
	struct device_want red = sample_want();
	struct device_have have, red_have;
	struct err err = ERR_INIT;

	red.network = "red";
	red.vni = 2;
	red.gateway[FAMILY_V4] = kernel_prefix("10.6.1.1/24");
	red.mac = kernel_mac("c6:d2:32:6f:8f:46");
	ensure(*state, &want);
	assert_done(device_ensure(*state, &want, &have, &err), err);
	assert_done(device_ensure(*state, &red, &red_have, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		char command[256];

		snprintf(command, sizeof(command),
			 "ip link set weft-%s1 name other && ip link set weft-%s2 name weft-%s1 && "
			 "ip link set other name weft-%s2",
			 kinds[i], kinds[i], kinds[i], kinds[i]);
		run(command);
		assert_done(ensure_again(*state, &want, &have, &err), err);
		assert_settled(*state, &want);
		assert_int_equal(get(*state, "weft-br1").index, have.bridge);
		assert_int_equal(get(*state, "weft-br2").index, red_have.bridge);
		assert_int_equal(get(*state, "weft-vx1").index, have.vxlan[FAMILY_V4]);
		assert_int_equal(get(*state, "weft-vx2").index, red_have.vxlan[FAMILY_V4]);
		assert_true(get(*state, "weft-br2").flags & IFF_UP);
		assert_true(get(*state, "weft-vx2").flags & IFF_UP);
	}
}

/* A kernel without CONFIG_BRIDGE_VLAN_FILTERING refuses to turn it on. */
static void vlan_filtering_is_turned_off(void **state)
{
	const struct device_want want = sample_want();

	ensure(*state, &want);
	if (system("ip link set weft-br1 type bridge vlan_filtering 1 2>/dev/null") == 0) {
		assert_true(kernel_shows("ip -d link show dev weft-br1", "vlan_filtering 1"));
		ensure(*state, &want);
	} else {
		assert_settled(*state, &want);
	}
	assert_true(kernel_shows("ip -d link show dev weft-br1", "vlan_filtering 0"));
}

/* The spanning tree of another program's bridge decides about the tunnel, too. */
static void port_states_of_another_bridge_with_stp_are_kept(void **state)
{
	struct device_want want = sample_want();
	struct device_have have;
	struct err err = ERR_INIT;

	want.existing = "br-lan";
	want.bridged = want.floods = want.unknown = want.learning = true;
	memset(want.gateway, 0, sizeof(want.gateway));
	run("ip link add br-lan up type bridge");
	assert_done(device_ensure(*state, &want, &have, &err), err);
	run("bridge link set dev weft-vx1 state 0");
	assert_done(device_ensure(*state, &want, &have, &err), err);
	assert_true(have.changed && !have.stp);
	assert_int_equal(get(*state, "weft-vx1").port.state, LINK_STATE_FORWARDING);
	run("ip link set br-lan type bridge stp_state 1 && ip link set weft-vx1 down && "
	    "ip link set weft-vx1 up");
	assert_done(device_ensure(*state, &want, &have, &err), err);
	assert_true(!have.changed && have.stp);
	assert_int_not_equal(get(*state, "weft-vx1").port.state, LINK_STATE_FORWARDING);
	assert_true(get(*state, "br-lan").stp);
}

static void a_ttl_with_a_group_is_kept(void **state)
{
	struct device_want want = sample_want();
	struct device_have have;
	struct err err = ERR_INIT;

	run("ip link add up0 up type veth peer name other");
	want.bridged = want.floods = want.unknown = want.learning = true;
	want.group = kernel_addr("239.1.1.1");
	want.lower = get(*state, "up0").index;
	assert_done(device_ensure(*state, &want, &have, &err), err);
	run("ip link set weft-vx1 type vxlan ttl 9");
	assert_done(device_ensure(*state, &want, &have, &err), err);
	assert_false(have.changed);
	assert_int_equal(get(*state, "weft-vx1").vxlan.ttl, 9);
}

static void deleted_devices_are_created_again(void **state)
{
	const struct device_want want = sample_want();

	ensure(*state, &want);
	run("ip link del weft-vx1");
	ensure(*state, &want);
	run("ip link del weft-br1");
	ensure(*state, &want);
	run("ip link del weft-vx1 && ip link del weft-br1");
	ensure(*state, &want);
}

/* A weftd that is killed can leave a device that has no alias yet. */
static void a_device_without_its_alias_is_adopted(void **state)
{
	static const char *const names[] = { "weft-br1", "weft-vx1" };
	const struct device_want want = sample_want();
	struct err err = ERR_INIT;

	ensure(*state, &want);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint32_t index = get(*state, names[i]).index;

		assert_done(link_set_alias(*state, index, "", &err), err);
		assert_string_equal(get(*state, names[i]).alias, "");
		ensure(*state, &want);
		assert_int_equal(get(*state, names[i]).index, index);
		assert_string_equal(get(*state, names[i]).alias, "weft network default");
	}
}

/* ---- Sysctls ----------------------------------------------------------------------------- */

/* A change of ip_forward sets the forwarding of all devices, and "default" that of new ones. */
static void the_bridge_forwards_whatever_the_defaults_are(void **state)
{
	struct device_want want = sample_want();

	want.gateway[FAMILY_V6] = kernel_prefix("fd00:5:1::1/64");
	run("cd /proc/sys/net && echo 1 >ipv4/ip_forward && echo 1 >ipv6/conf/all/forwarding && "
	    "echo 0 >ipv4/conf/default/forwarding && echo 0 >ipv6/conf/default/forwarding");
	ensure(*state, &want);
	assert_sysctl("ipv4/conf/weft-br1/forwarding", "1");
	assert_sysctl("ipv6/conf/weft-br1/forwarding", "1");
	assert_sysctl("ipv4/conf/default/forwarding", "0");
	run("echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding");
	ensure(*state, &want);
	assert_sysctl("ipv4/conf/weft-br1/forwarding", "1");
	assert_sysctl("ipv6/conf/weft-br1/forwarding", "1");
	/* A frame that reaches the host with a port as its input device is not forwarded. */
	run("echo 0 >/proc/sys/net/ipv4/conf/weft-vx1/forwarding");
	assert_settled(*state, &want);
}

/* Of programs that process router advertisements themselves, and of the kernel. */
static void only_an_accept_ra_of_1_is_changed(void **state)
{
	struct device_want want = sample_want();

	want.gateway[FAMILY_V6] = kernel_prefix("fd00:5:1::1/64");
	run("for i in 0 1 2; do "
	    "ip link add up$i type veth peer name far$i && ip link set far$i up && "
	    "ip link set up$i up && echo $i >/proc/sys/net/ipv6/conf/up$i/accept_ra && "
	    "ip -6 route add default via fe80::1 dev up$i metric 10$i proto ra || exit; done; "
	    "echo 1 >/proc/sys/net/ipv6/conf/far0/accept_ra");
	ensure(*state, &want);
	assert_sysctl("ipv6/conf/all/forwarding", "1");
	assert_sysctl("ipv6/conf/up0/accept_ra", "0");
	assert_sysctl("ipv6/conf/up1/accept_ra", "2");
	assert_sysctl("ipv6/conf/up2/accept_ra", "2");
	assert_sysctl("ipv6/conf/far0/accept_ra", "1"); /* it has no such route */
	assert_true(kernel_shows("ip -6 route", "default via fe80::1 dev up0 proto ra metric 100"));
	assert_true(kernel_shows("ip -6 route", "default via fe80::1 dev up1 proto ra metric 101"));
}

static void set_proc_read_only(bool on)
{
	if (!on) {
		assert_int_equal(umount("/proc/sys"), 0);
		return;
	}
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("/proc/sys", "/proc/sys", "none", MS_BIND, NULL), 0);
	assert_int_equal(mount("none", "/proc/sys", "none", MS_BIND | MS_REMOUNT | MS_RDONLY, NULL),
			 0);
}

static const struct device_sysctl *find_refused(const struct device_have *have, const char *name)
{
	for (size_t i = 0; i < have->sysctls.len; i++)
		if (!strcmp(have->sysctls.at[i].name, name))
			return &have->sysctls.at[i];
	fail_msg("%s is not listed", name);
	return NULL;
}

static void sysctls_that_cannot_be_set_are_listed(void **state)
{
	struct device_want want = sample_want();
	const struct device_sysctl *refused;
	struct device_have have;
	struct err err = ERR_INIT;

	want.gateway[FAMILY_V6] = kernel_prefix("fd00:5:1::1/64");
	run("echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6");
	set_proc_read_only(true);
	assert_done(device_ensure(*state, &want, &have, &err), err);
	assert_true(have.changed);
	refused = find_refused(&have, "net.ipv4.conf.all.send_redirects");
	assert_false(refused->essential);
	assert_string_equal(refused->actual, "1");
	assert_string_equal(refused->value, "0");
	assert_string_equal(refused->error, "Read-only file system");
	assert_true(find_refused(&have, "net.ipv4.ip_forward")->essential);
	assert_true(find_refused(&have, "net.ipv6.conf.all.forwarding")->essential);
	assert_true(find_refused(&have, "net.ipv6.conf.weft-br1.disable_ipv6")->essential);
	assert_string_equal(have.sysctls.fault, "net.ipv4.ip_forward is 0 and cannot be set to 1: "
						"Read-only file system");
	/* IPv4 is complete. */
	assert_true(have.sysctls.no_ipv6);
	assert_true(kernel_shows("ip -4 addr show dev weft-br1", "inet 10.5.1.1/24"));
	set_proc_read_only(false);
	ensure(*state, &want);
	assert_done(device_ensure(*state, &want, &have, &err), err);
	assert_int_equal(have.sysctls.len, 0);
	assert_string_equal(have.sysctls.fault, "");
	assert_true(kernel_shows("ip -6 addr show dev weft-br1", "inet6 fd00:5:1::1/64"));
}

/* A value that is right already needs no write. */
static void a_read_only_proc_is_accepted_with_the_right_values(void **state)
{
	const struct device_want want = sample_want();
	struct device_have have;
	struct err err = ERR_INIT;

	ensure(*state, &want);
	set_proc_read_only(true);
	assert_done(device_ensure(*state, &want, &have, &err), err);
	assert_int_equal(have.sysctls.len, 0);
	assert_settled(*state, &want);
	set_proc_read_only(false);
}

/* weft does not manage other flags, IPv6 addresses of the bridge, or ports of containers. */
static void other_flags_addresses_and_ports_are_kept(void **state)
{
	const struct device_want want = sample_want();

	ensure(*state, &want);
	run("bridge link set dev weft-vx1 neigh_suppress on");
	run("echo 0 >/proc/sys/net/ipv6/conf/weft-br1/disable_ipv6");
	run("ip addr add fd00::1/64 dev weft-br1 nodad");
	run("ip link add host type veth peer name inside && ip link set host master weft-br1 up");
	assert_settled(*state, &want);
	assert_true(kernel_shows("bridge -d link show dev weft-vx1", "neigh_suppress on"));
	assert_true(kernel_shows("ip -6 addr show dev weft-br1", "fd00::1/64"));
}

static void assert_replaced(struct nl *nl, const struct device_want *want)
{
	uint32_t bridge = get(nl, "weft-br1").index, vxlan = get(nl, "weft-vx1").index;

	ensure(nl, want);
	assert_int_equal(get(nl, "weft-br1").index, bridge);
	assert_int_not_equal(get(nl, "weft-vx1").index, vxlan);
}

static void a_vxlan_device_with_other_attributes_is_replaced(void **state)
{
	struct device_want want = sample_want();
	struct device_want cases[5];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cases[i] = want;
	cases[0].port = 4789;
	cases[1].local[FAMILY_V4] = kernel_addr("192.168.0.99");
	cases[2].learning = true;
	cases[3].gbp = true;
	ensure(*state, &want);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_replaced(*state, &cases[i]);
	run("ip link del weft-vx1 && ip link add weft-vx1 type vxlan id 9 "
	    "local 192.168.0.1 dstport 8472 nolearning noudpcsum && " ALIAS);
	assert_replaced(*state, &want);
	run("ip link add up0 type veth peer name up1 && ip link del weft-vx1 && "
	    "ip link add weft-vx1 type vxlan id 1 dev up0 local 192.168.0.1 dstport 8472 "
	    "nolearning noudpcsum && " ALIAS);
	assert_replaced(*state, &want);
}

static void changed_wants_are_applied(void **state)
{
	struct device_want want = sample_want();

	ensure(*state, &want);
	want.gateway[FAMILY_V4] = kernel_prefix("10.5.2.1/24");
	ensure(*state, &want);
	assert_true(kernel_shows("ip -4 -o addr show dev weft-br1", " 10.5.2.1/24 "));
	assert_null(strstr(kernel_says("ip -4 -o addr show dev weft-br1"), " 10.5.1.1/24 "));
	want.mtu = 8950;
	ensure(*state, &want);
	assert_int_equal(get(*state, "weft-vx1").mtu, 8950);
	want.mac = kernel_mac("c6:d2:32:6f:8f:45");
	ensure(*state, &want);
}

/* The devices of several networks exist side by side. */
/* After a lost lease the previous gateway address is kept, without a route to its subnet. */
static void a_previous_gateway_address_is_kept_without_its_subnet(void **state)
{
	const struct prefix more[] = { kernel_prefix("10.5.1.1/32"),
				       kernel_prefix("fd00:5:1::1/128") };
	struct device_want want = sample_want();
	const char *said;

	want.gateway[FAMILY_V6] = kernel_prefix("fd00:5:1::1/64");
	ensure(*state, &want);
	want.gateway[FAMILY_V4] = kernel_prefix("10.5.2.1/24");
	want.gateway[FAMILY_V6] = kernel_prefix("fd00:5:2::1/64");
	want.extra = more;
	want.extra_len = ARRAY_LEN(more);
	ensure(*state, &want);
	said = kernel_says("ip address show dev weft-br1");
	assert_non_null(strstr(said, "inet 10.5.1.1/32"));
	assert_non_null(strstr(said, "inet 10.5.2.1/24"));
	assert_non_null(strstr(said, "inet6 fd00:5:1::1/128"));
	assert_null(strstr(said, "10.5.1.1/24"));
	assert_false(strstr(kernel_says("ip route; ip -6 route"), "5.1.0/24"));
	want.extra_len = 0;
	ensure(*state, &want);
	said = kernel_says("ip address show dev weft-br1");
	assert_null(strstr(said, "10.5.1.1/"));
	assert_null(strstr(said, "fd00:5:1::1"));
}

static void each_network_has_its_own_devices(void **state)
{
	struct device_want want = sample_want(), other = sample_want();
	struct device_have have = { .changed = false };
	struct err err = ERR_INIT;

	other.network = "other";
	other.vni = 2;
	other.gateway[FAMILY_V4] = kernel_prefix("10.6.1.1/24");
	other.mac = kernel_mac("c6:d2:32:6f:8f:46");
	ensure(*state, &want);
	assert_done(device_ensure(*state, &other, &have, &err), err);
	assert_true(have.changed);
	assert_int_equal(have.bridge, get(*state, "weft-br2").index);
	assert_settled(*state, &want);
}

/* Each call fails, one at a time: the error is reported, and the next attempt succeeds. */
static void a_kind_that_the_kernel_lacks_is_named_with_the_remedy(void **state)
{
	const struct device_want want = sample_want();
	bool bridge = false, vxlan = false, faulted = true;

	(void)state;
	for (unsigned nth = 1; faulted; nth++) {
		AUTO(nl) struct nl *nl = kernel_fresh();
		struct device_have have = { .bridge = 0 };
		struct err err = ERR_INIT;

		fake_nl_reset();
		fake_nl_fail(nth, EOPNOTSUPP, "Unknown device type");
		(void)device_ensure(nl, &want, &have, &err);
		faulted = fake_nl_faulted();
		bridge = bridge ||
			 strstr(err.text, "no bridge devices, load the module: modprobe bridge");
		vxlan = vxlan ||
			strstr(err.text, "no vxlan devices, load the module: modprobe vxlan");
		fake_nl_reset();
	}
	assert_true(bridge);
	assert_true(vxlan);
}

static void every_failed_call_is_reported_and_repaired(void **state)
{
	static const char *const starts[] = {
		"true",
		("ip link set weft-br1 down mtu 1400 address 02:00:00:00:00:01 && "
		 "ip link set weft-vx1 nomaster down mtu 1400 address 02:00:00:00:00:02 && "
		 "ip addr flush dev weft-br1 && ip addr add 10.9.9.9/24 dev weft-br1"),
		"ip link del weft-vx1 && ip link add weft-vx1 type vxlan id 9 dstport 8472 && " ALIAS,
		"ip link set weft-br1 alias '' && ip link set weft-vx1 alias ''",
	};
	const struct device_want want = sample_want();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		bool faulted = true;

		for (unsigned nth = 1; faulted; nth++) {
			AUTO(nl) struct nl *nl = kernel_fresh();
			struct device_have have = { .bridge = 77 };
			struct err err = ERR_INIT;
			int rc;

			if (i) {
				assert_done(device_ensure(nl, &want, &have, &err), err);
				run(starts[i]);
			}
			have.bridge = 77;
			fake_nl_reset();
			fake_nl_fail(nth, ENOBUFS, "no room");
			rc = device_ensure(nl, &want, &have, &err);
			faulted = fake_nl_faulted();
			assert_int_equal(rc, faulted ? -1 : 0);
			if (faulted) {
				assert_int_equal(err.sys_errno, ENOBUFS);
				assert_int_equal(have.bridge, 77);
			}
			fake_nl_reset();
			assert_done(device_ensure(nl, &want, &have, &err), err);
			assert_settled(nl, &want);
		}
	}
}

/* Before Linux 6.7 a bridge has no limit. */
static void learned_macs_are_limited(void **state)
{
	struct device_want want = sample_want();
	struct err err = ERR_INIT;
	struct link bridge;

	ensure(*state, &want);
	bridge = get(*state, "weft-br1");
	if (!bridge.has_learned_max)
		skip();
	assert_int_equal(bridge.learned_max, 4096);
	assert_done(link_reset_learned_max(*state, bridge.index, 0, &err), err);
	assert_int_equal(get(*state, "weft-br1").learned_max, 0);
	ensure(*state, &want);
	assert_int_equal(get(*state, "weft-br1").learned_max, 4096);
	/* At least one MAC per address of the subnet. */
	want.gateway[FAMILY_V4] = kernel_prefix("10.0.0.1/16");
	ensure(*state, &want);
	assert_int_equal(get(*state, "weft-br1").learned_max, 65536);
}

/* A veth's other end in another namespace may have the index of the bridge. */
static void a_bridge_of_another_program_must_not_be_connected_to_the_uplink(void **state)
{
	static const struct {
		const char *before, *uplink, *says;
	} cases[] = {
		{ "ip link add br-lan type bridge", "br-lan",
		  "br-lan is connected to the uplink: br-lan" },
		{ "ip link add br-lan type bridge && "
		  "ip link add up0 master br-lan type veth peer name other",
		  "up0", "br-lan is connected to the uplink: up0" },
		{ "ip link add br-lan type bridge && ip link add up0 link br-lan type macvlan",
		  "up0", "br-lan is connected to the uplink: br-lan" },
		{ "ip link add br-lan type bridge && ip link add up0 type veth peer name port && "
		  "ip link set port master br-lan",
		  "up0", "br-lan is connected to the uplink: port" },
		{ "ip link add br-lan type bridge && ip link add low type veth peer name other && "
		  "ip link add up0 link low type macvlan",
		  "up0", NULL },
		{ "ip link add br-lan index 77 type bridge && "
		  "unshare -n sh -c 'ip link add port index 77 type veth peer name up0 netns '$PPID",
		  "up0", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct device_want want = sample_want();
		struct device_have have = { .bridge = 0 };
		AUTO(nl) struct nl *nl = kernel_fresh();
		struct err err = ERR_INIT;
		struct link up;

		want.existing = "br-lan";
		want.bridged = want.floods = want.unknown = want.learning = true;
		memset(want.gateway, 0, sizeof(want.gateway));
		run(cases[i].before);
		assert_int_equal(link_get(nl, cases[i].uplink, &up, &err), 1);
		assert_done(device_ensure(nl, &want, &have, &err), err);
		assert_true(get(nl, "weft-vx1").flags & IFF_UP);
		want.uplink = up.index;
		if (!cases[i].says) {
			assert_done(device_ensure(nl, &want, &have, &err), err);
			assert_int_equal(get(nl, "weft-vx1").master, have.bridge);
			continue;
		}
		assert_int_equal(device_ensure(nl, &want, &have, &err), -1);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s", err.text);
		assert_false(get(nl, "weft-vx1").flags & IFF_UP);
		want.uplink = 0;
		assert_done(device_ensure(nl, &want, &have, &err), err);
		assert_true(get(nl, "weft-vx1").flags & IFF_UP);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_from_the_vni),
		kernel_test(devices_are_created_once),
		cmocka_unit_test(devices_of_other_programs_are_an_error),
		kernel_test(changed_attributes_are_repaired_in_place),
		kernel_test(a_renamed_device_and_a_changed_alias_are_restored),
		kernel_test(names_that_two_networks_exchanged_are_restored),
		kernel_test(vlan_filtering_is_turned_off),
		kernel_test(port_states_of_another_bridge_with_stp_are_kept),
		kernel_test(a_ttl_with_a_group_is_kept),
		kernel_test(deleted_devices_are_created_again),
		kernel_test(a_device_without_its_alias_is_adopted),
		kernel_test(other_flags_addresses_and_ports_are_kept),
		kernel_test(the_bridge_forwards_whatever_the_defaults_are),
		kernel_test(learned_macs_are_limited),
		kernel_test(only_an_accept_ra_of_1_is_changed),
		kernel_test(sysctls_that_cannot_be_set_are_listed),
		kernel_test(a_read_only_proc_is_accepted_with_the_right_values),
		kernel_test(a_vxlan_device_with_other_attributes_is_replaced),
		kernel_test(changed_wants_are_applied),
		kernel_test(a_previous_gateway_address_is_kept_without_its_subnet),
		kernel_test(each_network_has_its_own_devices),
		cmocka_unit_test(a_bridge_of_another_program_must_not_be_connected_to_the_uplink),
		cmocka_unit_test(every_failed_call_is_reported_and_repaired),
		cmocka_unit_test(a_kind_that_the_kernel_lacks_is_named_with_the_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
