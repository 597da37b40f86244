/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "daemon/dataplane/ports.h"

#include "common/array.h"
#include "common/log.h"
#include "common/netlink/neigh.h"
#include "common/netlink/netns.h"
#include "common/netlink/nl.h"
#include "common/state.h"
#include "daemon/dataplane/device_sysctls.h"
#include "ipam/veth.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"
#include "tests/unit/log_network.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <unistd.h>

#define OURS "weft00000000001"

struct scene {
	struct nl *nl;
	struct ports seen;
	struct ports_want want;
	struct device_sysctls refused;
};

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static uint32_t index_of(struct nl *nl, const char *name)
{
	struct err err = ERR_INIT;
	struct link link;

	assert_int_equal(link_get(nl, name, &link, &err), 1);
	return link.index;
}

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));

	tempdir_make(state);
	fake_nl_reset();
	scene->nl = kernel_fresh();
	run("ip link add br0 mtu 1450 type bridge && ip link set br0 up");
	run("ip link add " OURS " mtu 1450 type veth peer name c1 && ip link set " OURS
	    " alias 'weft default c1 eth0' group 119 master br0 up");
	run("echo 1 >/proc/sys/net/ipv6/conf/" OURS "/disable_ipv6");
	run("ip link add other mtu 1450 type veth peer name c2 && ip link set other up");
	scene->want = (struct ports_want){
		.network = "default",
		.bridge = index_of(scene->nl, "br0"),
		.mtu = 1450,
		.mtu_before = 1450,
	};
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	ports_free(&scene->seen);
	nl_free(scene->nl);
	tempdir_remove(state);
	fake_nl_reset();
	test_free(scene);
	return 0;
}

#define ports_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static bool ensure(struct scene *scene)
{
	struct err err = ERR_INIT;
	bool changed;

	assert_good(ports_ensure(scene->nl, &scene->want, &scene->seen, &scene->refused, &changed,
				 &err),
		    err);
	return changed;
}

static void ports_in_sync_are_not_changed(void **state)
{
	struct scene *scene = *state;

	assert_false(ensure(scene));
	assert_int_equal(scene->seen.len, 1);
	assert_int_equal(fake_nl_sent(), 1 + 1); /* one look-up of the bridge, and one dump */
}

static void a_detached_port_is_attached_again_with_its_flags(void **state)
{
	struct scene *scene = *state;

	run("bridge link set dev " OURS " hairpin off isolated on learning off");
	ensure(scene);
	run("ip link del br0 && ip link add br0 mtu 1450 type bridge && ip link set br0 up");
	scene->want.bridge = index_of(scene->nl, "br0");
	assert_true(ensure(scene));
	assert_false(ensure(scene));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "hairpin off"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "isolated on"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "learning off"));
	assert_false(kernel_shows("ip link show dev other", "br0"));
}

static void a_port_without_recorded_flags_gets_the_defaults(void **state)
{
	struct scene *scene = *state;

	run("ip link set " OURS " nomaster down");
	assert_true(ensure(scene));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "hairpin on"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "learning on flood on"));
	assert_true(kernel_shows("ip link show dev " OURS, ",UP"));
}

static void a_port_gets_the_group(void **state)
{
	struct scene *scene = *state;

	run("ip link set " OURS " group default");
	assert_true(ensure(scene));
	assert_false(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "group 119"));
	assert_false(kernel_shows("ip link show dev other", "group 119"));
}

static void a_port_of_another_bridge_is_not_moved(void **state)
{
	struct scene *scene = *state;

	run("ip link add br1 type bridge && ip link set " OURS " master br1");
	assert_false(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "master br1"));
}

static void old_devices_of_the_network_are_removed(void **state)
{
	struct scene *scene = *state;

	run("ip link add weft-br7 type bridge && ip link set " OURS " master weft-br7");
	run("bridge link set dev " OURS " hairpin on isolated on");
	run("ip link add weft-vx7 type vxlan id 7 dstport 8472 && ip link set weft-vx7 up");
	run("ip link set weft-br7 alias 'weft network default'");
	run("ip link set weft-vx7 alias 'weft network other'");
	assert_true(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "master br0"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "isolated on"));
	assert_false(kernel_shows("ip link show", "weft-br7"));
	assert_true(kernel_shows("ip link show", "weft-vx7"));
	run("ip link set weft-vx7 alias 'weft network default'");
	assert_true(ensure(scene));
	assert_false(kernel_shows("ip link show", "weft-vx7"));
	assert_false(ensure(scene));
}

static void the_mtu_of_ports_follows_the_bridge(void **state)
{
	struct scene *scene = *state;

	scene->want.mtu = 1400;
	assert_true(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "mtu 1400"));
	scene->want.mtu_before = 1400;
	scene->want.mtu = 1450;
	assert_true(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "mtu 1450"));
	/* An MTU below the bridge's was set by an operator and is kept. */
	run("ip link set " OURS " mtu 1300");
	scene->want.mtu_before = 1450;
	scene->want.mtu = 1400;
	assert_false(ensure(scene));
	assert_true(kernel_shows("ip link show dev other", "mtu 1450"));
}

/* ---- Recorded flags ----------------------------------------------------------------------- */

#define MAC "0a:58:0a:05:01:07"

static const struct attachment_key key = { "default", "c7", "eth0" };

/* Creates a veth with its record, attached to the bridge, as ADD does. Returns its index. */
static uint32_t attach(struct scene *scene, const struct attachment_port *port)
{
	const struct veth veth = veth_of(&key);
	const struct attachment record = { .netns = "n", .port = *port };
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	const struct link_port flags = veth_port(port);
	const struct link_add_veth want = {
		.name = veth.name,
		.master = scene->want.bridge,
		.mtu = 1450,
		.mac = veth.mac,
		.alias = veth.alias,
		.port = &flags,
		.peer_name = "c7",
		.peer_mac = port->mac,
	};
	struct err err = ERR_INIT;
	int home = -1;
	struct link_add_veth here = want;

	scene->want.run_dir = tempdir_path;
	assert_good(attachment_lock(tempdir_path, &key, &lock, &err), err);
	assert_good(attachment_write(&lock, &record, &err), err);
	assert_good(netns_open_self(&home, &err), err);
	here.peer_netns = home;
	assert_good(link_add_veth(scene->nl, &here, &err), err);
	close(home);
	run("ip link set c7 up"); /* a port without carrier cannot have learned entries */
	if (port->locked)
		assert_good(nl_request(scene->nl,
				       neigh_fdb_port_message(index_of(scene->nl, veth.name),
							      &port->mac),
				       "test", &err),
			    err);
	return index_of(scene->nl, veth.name);
}

static struct attachment_port strict(void)
{
	return (struct attachment_port){
		.known = true, .isolated = true, .locked = true, .mac = kernel_mac(MAC)
	};
}

static bool is_strict(struct scene *scene, uint32_t index)
{
	const struct attachment_port port = strict();
	struct err err = ERR_INIT;
	struct neigh_fdb fdb = { .index = 0 };
	struct link link;

	assert_int_equal(link_get_index(scene->nl, index, &link, &err), 1);
	assert_int_equal(neigh_fdb_get(scene->nl, index, &port.mac, &fdb, &err), 1);
	return link.master == scene->want.bridge && !veth_port_difference(&port, &link.port) &&
	       link.port.state == LINK_STATE_FORWARDING && fdb.index == index &&
	       fdb.state & NUD_NOARP && fdb.sticky;
}

/* The kernel reports a new carrier a moment later, and sets the state of the port then. */
static void wait_for_carrier(const char *device)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "for i in $(seq 200); do ip link show dev %s | grep -q 'state UP' && exit; "
		 "sleep 0.05; done; exit 1",
		 device);
	run(command);
}

static void changed_flags_are_restored_from_the_record(void **state)
{
	static const char *const changes[] = {
		"bridge link set dev $V locked off",
		"bridge link set dev $V isolated off",
		"bridge link set dev $V learning on",
		"bridge link set dev $V hairpin on",
		"bridge link set dev $V state 0",
		"bridge link set dev $V state 2",
		"bridge link set dev $V flood off",
		"bridge link set dev $V mcast_flood off",
		"bridge link set dev $V bcast_flood off",
		"bridge link set dev $V neigh_suppress on",
		"bridge fdb del " MAC " dev $V master",
		"bridge fdb del " MAC " dev $V master; "
		"bridge fdb add " MAC " dev $V master dynamic",
		"bridge fdb replace " MAC " dev " OURS " master static",
		"ip link set $V nomaster",
	};
	struct scene *scene = *state;
	const struct attachment_port port = strict();
	const uint32_t index = attach(scene, &port);
	const struct veth veth = veth_of(&key);

	wait_for_carrier(veth.name);
	assert_true(ensure(scene)); /* IPv6 */
	assert_false(ensure(scene));
	assert_true(is_strict(scene, index));
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		char command[256];

		/* Restored by the weftd that runs, and by one that starts afterwards. */
		for (int restart = 0; restart < 2; restart++) {
			snprintf(command, sizeof(command), "V=%s; %s", veth.name, changes[i]);
			run(command);
			if (restart)
				ports_clear(&scene->seen);
			assert_true(ensure(scene));
			if (!is_strict(scene, index))
				fail_msg("%s", command);
			assert_false(ensure(scene));
		}
	}
	run("ip link del br0 && ip link add br0 mtu 1450 type bridge && ip link set br0 up");
	scene->want.bridge = index_of(scene->nl, "br0");
	assert_true(ensure(scene));
	assert_true(is_strict(scene, index));
}

/* The port of a bridge whose spanning tree has the decision. */
static void states_on_a_bridge_of_another_program_are_kept(void **state)
{
	struct scene *scene = *state;
	const struct attachment_port port = { .known = true,
					      .hairpin = true,
					      .mac = kernel_mac(MAC) };
	const struct veth veth = veth_of(&key);
	struct err err = ERR_INIT;
	char command[96];
	struct link link;

	attach(scene, &port);
	wait_for_carrier(veth.name);
	scene->want.existing = true;
	ensure(scene);
	snprintf(command, sizeof(command), "bridge link set dev %s state 0", veth.name);
	run(command);
	assert_false(ensure(scene));
	assert_int_equal(link_get(scene->nl, veth.name, &link, &err), 1);
	assert_int_equal(link.port.state, 0);
	scene->want.existing = false;
	assert_true(ensure(scene));
	assert_int_equal(link_get(scene->nl, veth.name, &link, &err), 1);
	assert_int_equal(link.port.state, LINK_STATE_FORWARDING);
}

/* Runs a command with the path of the only record in $R. */
static void run_on_record(const char *command)
{
	char text[512];

	snprintf(text, sizeof(text), "R=$(echo %s/" STATE_ATTACHMENTS "/default/*); %s",
		 tempdir_path, command);
	run(text);
}

static void a_record_that_could_not_be_read_is_read_again(void **state)
{
	struct scene *scene = *state;
	const struct attachment_port port = strict();
	const uint32_t index = attach(scene, &port);
	const struct veth veth = veth_of(&key);
	char command[256];

	snprintf(command, sizeof(command), "bridge link set dev %s locked off", veth.name);
	run(command);
	run_on_record("mv $R $R.aside && mkdir $R && mv $R.aside $R/aside");
	assert_true(ensure(scene)); /* IPv6 */
	assert_false(ensure(scene));
	assert_false(is_strict(scene, index));
	run_on_record("mv $R/aside $R.aside && rmdir $R && mv $R.aside $R");
	assert_true(ensure(scene));
	assert_true(is_strict(scene, index));
	/* A record that was read is not read again. */
	run_on_record("rm $R");
	run(command);
	assert_true(ensure(scene));
	assert_true(is_strict(scene, index));
}

static void what_a_port_learned_while_unlocked_does_not_unlock_it(void **state)
{
	struct scene *scene = *state;
	const struct attachment_port port = strict();
	const struct veth veth = veth_of(&key);
	char command[256];

	attach(scene, &port);
	ensure(scene);
	snprintf(command, sizeof(command),
		 "bridge link set dev %s locked off learning on && "
		 "bridge fdb add 02:00:00:00:00:99 dev %s master dynamic",
		 veth.name, veth.name);
	run(command);
	assert_true(ensure(scene));
	assert_false(kernel_shows("bridge fdb show br br0", "02:00:00:00:00:99"));
	assert_true(kernel_shows("bridge fdb show br br0", MAC));
}

static void flags_without_a_record_are_left_alone(void **state)
{
	struct scene *scene = *state;
	const struct attachment_port unknown = { .mac = { { 2, 1 } } };

	attach(scene, &unknown);
	ensure(scene);
	run("bridge link set dev " OURS " isolated on hairpin off locked on");
	assert_false(ensure(scene));
	scene->want.run_dir = tempdir_path;
	ports_clear(&scene->seen);
	assert_false(ensure(scene));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "isolated on"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "locked on"));
}

static void two_locked_ports_do_not_compete_for_one_mac(void **state)
{
	struct scene *scene = *state;
	const struct attachment_port port = strict();
	const uint32_t index = attach(scene, &port);
	const struct port other = { .index = index_of(scene->nl, OURS), .attached = port };
	const struct link_port flags = veth_port(&port);
	struct err err = ERR_INIT;

	assert_good(link_set_port(scene->nl, other.index, &flags, &err), err);
	assert_true(ports_push(&scene->seen, &other));
	ensure(scene);
	run("bridge fdb replace " MAC " dev " OURS " master static sticky");
	assert_false(ensure(scene));
	assert_false(is_strict(scene, index));
}

static void one_failure_does_not_stop_the_other_ports(void **state)
{
	struct scene *scene = *state;
	const struct attachment_port port = strict();
	const uint32_t index = attach(scene, &port);
	const struct veth veth = veth_of(&key);
	struct err err = ERR_INIT;
	char command[256];
	bool changed;

	ensure(scene);
	snprintf(command, sizeof(command), "ip link set %s nomaster && ip link set " OURS " down",
		 veth.name);
	run(command);
	/* The dump, then the first port, then the second one. */
	fake_nl_fail(2, EPERM, "");
	assert_int_equal(ports_ensure(scene->nl, &scene->want, &scene->seen, &scene->refused,
				      &changed, &err),
			 -1);
	assert_int_equal(err.sys_errno, EPERM);
	assert_true(is_strict(scene, index));
	assert_true(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, ",UP"));
}

static void the_host_end_has_no_ipv6(void **state)
{
	struct scene *scene = *state;

	run("echo 0 >/proc/sys/net/ipv6/conf/" OURS "/disable_ipv6");
	assert_true(ensure(scene));
	assert_false(ensure(scene));
	run("grep -qx 1 /proc/sys/net/ipv6/conf/" OURS "/disable_ipv6");
	run("grep -qx 0 /proc/sys/net/ipv6/conf/other/disable_ipv6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ports_test(ports_in_sync_are_not_changed),
		ports_test(a_detached_port_is_attached_again_with_its_flags),
		ports_test(a_port_without_recorded_flags_gets_the_defaults),
		ports_test(a_port_gets_the_group),
		ports_test(a_port_of_another_bridge_is_not_moved),
		ports_test(old_devices_of_the_network_are_removed),
		ports_test(the_mtu_of_ports_follows_the_bridge),
		ports_test(changed_flags_are_restored_from_the_record),
		ports_test(states_on_a_bridge_of_another_program_are_kept),
		ports_test(a_record_that_could_not_be_read_is_read_again),
		ports_test(what_a_port_learned_while_unlocked_does_not_unlock_it),
		ports_test(flags_without_a_record_are_left_alone),
		ports_test(two_locked_ports_do_not_compete_for_one_mac),
		ports_test(one_failure_does_not_stop_the_other_ports),
		ports_test(the_host_end_has_no_ipv6),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	log_set_tap(log_network_required, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
