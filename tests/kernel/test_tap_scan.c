/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
/* Virtual machines on a bridge: taps of this program, which sends what a machine sends. */
#include "daemon/dataplane/tap_scan.h"

#include "common/array.h"
#include "common/netlink/neigh.h"
#include "daemon/dataplane/bridge_scan.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/link_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAC_A "52:54:00:00:00:0a"
#define MAC_B "52:54:00:00:00:0b"
#define HOST "172.18.1.254"

struct scene {
	struct nl *nl;
	struct bridge_scan scan;
	int tap[2]; /* tap0, tap1 */
};

/* Exists as long as the descriptor is open. */
static int open_tap(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	char command[96];
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	snprintf(command, sizeof(command), "ip link set %s master br0 up", name);
	kernel_says(command);
	return fd;
}

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	fake_nl_reset();
	scene->nl = kernel_fresh();
	kernel_says("ip link add br0 type bridge mcast_snooping 0; ip addr add " HOST
		    "/16 dev br0; ip link set br0 up");
	scene->tap[0] = open_tap("tap0");
	scene->tap[1] = open_tap("tap1");
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	bridge_scan_free(&scene->scan);
	for (size_t i = 0; i < ARRAY_LEN(scene->tap); i++)
		if (scene->tap[i] >= 0)
			close(scene->tap[i]);
	nl_free(scene->nl);
	free(scene);
	fake_nl_reset();
	return 0;
}

static void send_arp(int tap, const char *mac_from, const char *from, const char *to)
{
	const struct mac mac = kernel_mac(mac_from);
	struct {
		struct ether_header header;
		struct ether_arp arp;
	} __attribute__((packed)) frame = {
		.header.ether_type = htons(ETHERTYPE_ARP),
		.arp.ea_hdr = { htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), ETH_ALEN, 4,
				htons(ARPOP_REQUEST) },
	};

	memset(frame.header.ether_dhost, 0xff, ETH_ALEN);
	memcpy(frame.header.ether_shost, mac.octet, ETH_ALEN);
	memcpy(frame.arp.arp_sha, mac.octet, ETH_ALEN);
	assert_int_equal(inet_pton(AF_INET, from, frame.arp.arp_spa), 1);
	assert_int_equal(inet_pton(AF_INET, to, frame.arp.arp_tpa), 1);
	assert_int_equal(write(tap, &frame, sizeof(frame)), sizeof(frame));
}

static const struct bridge_scan_want *want(void)
{
	static struct prefix networks[FAMILIES], range[FAMILIES];
	static const struct bridge_scan_want br0 = { "br0", "lan", networks, range };

	range[FAMILY_V4] = kernel_prefix("172.18.1.0/24");
	networks[FAMILY_V4] = kernel_prefix("172.18.0.0/16");
	networks[FAMILY_V6] = kernel_prefix("fd00:18::/48");
	return &br0;
}

/* "TAP MAC ADDRESS\n" for each address of a machine, as of one more scan. */
static const char *scan_text(struct scene *scene)
{
	static char text[4096];
	struct err err = ERR_INIT;
	size_t len = 0;

	assert_done(bridge_scan(scene->nl, want(), &scene->scan, &err), err);
	text[0] = '\0';
	for (size_t i = 0; i < scene->scan.seens.len && len < sizeof(text); i++) {
		const struct seen *seen = &scene->scan.seens.at[i];
		char mac[MAC_TEXT_SIZE], addr[IPADDR_TEXT_SIZE], port[IF_NAMESIZE];

		if (!ipaddr_is_set(&seen->addr) || !seen->port)
			continue;
		assert_non_null(if_indextoname(seen->port, port));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %s %s\n", port,
					mac_text(&seen->mac, mac), ipaddr_text(&seen->addr, addr));
	}
	return text;
}

#define A_ON_0 "tap0 " MAC_A " 172.18.1.7\n"

/* A machine that has resolved the host, and one that has announced itself. */
static void addresses_are_those_of_the_neighbour_table(void **state)
{
	struct scene *scene = *state;

	assert_string_equal(scan_text(scene), "");
	send_arp(scene->tap[0], MAC_A, "172.18.1.7", HOST);
	assert_string_equal(scan_text(scene), A_ON_0);
	send_arp(scene->tap[1], MAC_B, "172.18.1.8", "172.18.1.8");
	assert_string_equal(scan_text(scene), A_ON_0); /* the MAC alone */
	assert_int_equal(scene->scan.seens.len, 2 + 1 + 2);
	kernel_says("sysctl -q net.ipv4.conf.br0.arp_accept=1");
	send_arp(scene->tap[1], MAC_B, "172.18.1.8", "172.18.1.8");
	assert_string_equal(scan_text(scene), A_ON_0 "tap1 " MAC_B " 172.18.1.8\n");
	/* Addresses of another network, and of the other family. */
	send_arp(scene->tap[1], MAC_B, "10.9.9.9", "10.9.9.9");
	kernel_says("ip neigh add fd00:18::8 lladdr " MAC_B " dev br0 nud permanent");
	assert_string_equal(scan_text(scene), A_ON_0 "tap1 " MAC_B " 172.18.1.8\n"
						     "tap1 " MAC_B " fd00:18::8\n");
	close(scene->tap[1]);
	scene->tap[1] = -1;
	assert_string_equal(scan_text(scene), A_ON_0);
}

/* Entries that an administrator makes for a machine that sends nothing. */
static void a_machine_can_be_declared(void **state)
{
	struct scene *scene = *state;

	kernel_says("bridge fdb add " MAC_A " dev tap0 master static");
	assert_string_equal(scan_text(scene), "");
	kernel_says("ip neigh add 172.18.1.7 lladdr " MAC_A " dev br0 nud permanent");
	assert_string_equal(scan_text(scene), A_ON_0);
	/* weft's own entries are those of remote containers. */
	kernel_says("ip neigh add 172.18.9.9 lladdr " MAC_A " dev br0 nud permanent protocol 119");
	assert_string_equal(scan_text(scene), A_ON_0);
}

static void a_silent_machine_stays(void **state)
{
	struct scene *scene = *state;

	send_arp(scene->tap[0], MAC_A, "172.18.1.7", HOST);
	assert_string_equal(scan_text(scene), A_ON_0);
	kernel_says("bridge fdb del " MAC_A " dev tap0 master");
	assert_string_equal(scan_text(scene), A_ON_0);
	kernel_says("ip neigh del 172.18.1.7 dev br0");
	assert_string_equal(scan_text(scene), A_ON_0);
	assert_string_equal(scan_text(scene), A_ON_0);
	/* Another one has its address now. */
	send_arp(scene->tap[1], MAC_B, "172.18.1.7", HOST);
	assert_string_equal(scan_text(scene), "tap1 " MAC_B " 172.18.1.7\n");
}

static void a_machine_that_moves_to_another_tap_is_there(void **state)
{
	struct scene *scene = *state;

	send_arp(scene->tap[0], MAC_A, "172.18.1.7", HOST);
	assert_string_equal(scan_text(scene), A_ON_0);
	send_arp(scene->tap[1], MAC_A, "172.18.1.7", HOST);
	assert_string_equal(scan_text(scene), "tap1 " MAC_A " 172.18.1.7\n");
	/* Behind a port of another kind it is no machine of a tap. */
	kernel_says("ip link add here type veth peer name there; ip link set here master br0 up; "
		    "bridge fdb replace " MAC_A " dev here master static");
	assert_string_equal(scan_text(scene), "");
}

/* The host did not find it: it has another address, or is down. */
static void an_address_that_does_not_answer_is_left_out(void **state)
{
	struct scene *scene = *state;

	send_arp(scene->tap[0], MAC_A, "172.18.1.7", HOST);
	assert_string_equal(scan_text(scene), A_ON_0);
	kernel_says("ip neigh change 172.18.1.7 dev br0 nud failed");
	assert_string_equal(scan_text(scene), "");
}

static void a_tap_without_a_machine_is_not_read(void **state)
{
	struct scene *scene = *state;

	send_arp(scene->tap[0], MAC_A, "172.18.1.7", HOST);
	assert_string_equal(scan_text(scene), A_ON_0);
	assert_int_equal(ioctl(scene->tap[0], TUNSETPERSIST, 1), 0);
	close(scene->tap[0]);
	scene->tap[0] = -1;
	assert_string_equal(scan_text(scene), "");
}

/*
 * A machine can send with any number of MACs: they neither displace those of others nor end the
 * scan.
 */
static void the_macs_of_a_tap_are_limited(void **state)
{
	static const unsigned counts[] = { 2 * TAP_SCAN_MACS_MAX, 5000 };
	struct scene *scene = *state;
	char mac[MAC_TEXT_SIZE];

	send_arp(scene->tap[1], MAC_B, "172.18.1.8", HOST);
	for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
		for (unsigned i = 0; i < counts[k]; i++) {
			snprintf(mac, sizeof(mac), "52:54:00:01:%02x:%02x", (i >> 8) & 0xff,
				 i & 0xff);
			send_arp(scene->tap[0], mac, "172.18.1.7", HOST);
		}
		assert_non_null(strstr(scan_text(scene), "tap1 " MAC_B " 172.18.1.8\n"));
		assert_in_range(scene->scan.seens.len, 2 + TAP_SCAN_MACS_MAX + 2,
				2 + TAP_SCAN_MACS_MAX + 1 + 2);
	}
}

static size_t count_addresses(const struct scene *scene, enum family f, const char *range)
{
	const struct prefix prefix = kernel_prefix(range);
	size_t count = 0;

	for (size_t i = 0; i < scene->scan.seens.len; i++) {
		const struct seen *seen = &scene->scan.seens.at[i];

		count += seen->port && ipaddr_is_set(&seen->addr) &&
			 ipaddr_family(&seen->addr) == f && prefix_has(&prefix, &seen->addr);
	}
	return count;
}

/*
 * A machine can send from any number of addresses, also after the kernel's table has lost the
 * earlier ones.
 */
static void the_addresses_of_a_tap_are_limited(void **state)
{
	struct scene *scene = *state;
	char addr[IPADDR_TEXT_SIZE], command[96];

	send_arp(scene->tap[1], MAC_B, "172.18.1.8", HOST);
	for (unsigned round = 1; round <= 3; round++) {
		for (unsigned i = 0; i < TAP_SCAN_ADDRESSES_MAX; i++) {
			snprintf(addr, sizeof(addr), "172.18.1.%u", 50 * round + i);
			send_arp(scene->tap[0], MAC_A, addr, HOST);
			snprintf(addr, sizeof(addr), "172.18.%u.%u", 10 * round, 1 + i);
			send_arp(scene->tap[0], MAC_A, addr, HOST);
			snprintf(command, sizeof(command),
				 "ip neigh replace fd00:18::%u:%u lladdr " MAC_A
				 " dev br0 nud stale",
				 round, i);
			kernel_says(command);
		}
		assert_non_null(strstr(scan_text(scene), "tap1 " MAC_B " 172.18.1.8\n"));
		assert_int_equal(count_addresses(scene, FAMILY_V4, "172.18.1.0/24"),
				 TAP_SCAN_ADDRESSES_MAX + 1);
		assert_int_equal(count_addresses(scene, FAMILY_V4, "172.18.0.0/16"),
				 2 * TAP_SCAN_ADDRESSES_MAX + 1);
		assert_int_equal(count_addresses(scene, FAMILY_V6, "fd00:18::/48"),
				 TAP_SCAN_ADDRESSES_MAX);
		kernel_says("ip neigh flush dev br0");
	}
}

static void a_failed_scan_keeps_the_result(void **state)
{
	struct scene *scene = *state;
	struct err err = ERR_INIT;
	size_t len;

	send_arp(scene->tap[0], MAC_A, "172.18.1.7", HOST);
	assert_string_equal(scan_text(scene), A_ON_0);
	kernel_says("bridge fdb del " MAC_A " dev tap0 master");
	len = scene->scan.seens.len;
	for (unsigned n = 1;; n++) {
		int rc;

		fake_nl_fail(n, EIO, "no answer");
		rc = bridge_scan(scene->nl, want(), &scene->scan, &err);
		assert_int_equal(scene->scan.seens.len, len);
		if (!fake_nl_faulted())
			break;
		assert_int_equal(rc, -1);
	}
	fake_nl_reset();
	assert_string_equal(scan_text(scene), A_ON_0);
}

/* The number of lists of FDB entries that one more scan requests. */
static size_t count_lists(struct scene *scene)
{
	size_t count = 0;

	fake_nl_reset();
	assert_non_null(strstr(scan_text(scene), "tap1 " MAC_B " 172.18.1.8\n"));
	for (size_t i = 0; i < fake_nl_sent(); i++) {
		const struct nlmsghdr *request = fake_nl_request(i);
		const struct ndmsg *info = (const void *)((const char *)request + NLMSG_HDRLEN);

		count += request->nlmsg_type == RTM_GETNEIGH && info->ndm_family == AF_BRIDGE &&
			 !info->ndm_flags;
	}
	return count;
}

static void all_taps_are_read_by_one_list(void **state)
{
	struct scene *scene = *state;
	char mac[MAC_TEXT_SIZE];

	send_arp(scene->tap[0], MAC_A, "172.18.1.7", HOST);
	send_arp(scene->tap[1], MAC_B, "172.18.1.8", HOST);
	assert_int_equal(count_lists(scene), 1);
	assert_int_equal(count_lists(scene), 1);
	/* One that is too long is not tried again for some time. */
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(mac, sizeof(mac), "52:54:00:01:%02x:%02x", i >> 8, i & 0xff);
		send_arp(scene->tap[0], mac, "172.18.1.7", HOST);
	}
	assert_int_equal(count_lists(scene), 1 + 2);
	assert_int_equal(count_lists(scene), 2);
	kernel_says("ip link set tap0 type bridge_slave fdb_flush");
	for (unsigned i = 0; count_lists(scene) != 1; i++)
		assert_in_range(i, 0, 100);
	assert_int_equal(count_lists(scene), 1);
}

static bool is_entry_request(const struct nlmsghdr *request)
{
	const struct ndmsg *info = (const void *)((const char *)request + NLMSG_HDRLEN);

	return request->nlmsg_type == RTM_GETNEIGH && info->ndm_flags == NTF_MASTER;
}

/* The kernel returns EINVAL for a device that is not a port of a bridge. */
static void a_tap_that_leaves_the_bridge_does_not_end_the_scan(void **state)
{
	struct scene *scene = *state;
	struct err err = ERR_INIT;
	struct neigh_fdb fdb;
	const struct mac mac = kernel_mac(MAC_A);
	bool is_entry = false;
	uint32_t tap0;
	unsigned number;

	send_arp(scene->tap[0], MAC_A, "172.18.1.7", HOST);
	send_arp(scene->tap[1], MAC_B, "172.18.1.8", HOST);
	assert_string_equal(scan_text(scene), A_ON_0 "tap1 " MAC_B " 172.18.1.8\n");
	kernel_says("bridge fdb del " MAC_A " dev tap0 master");
	for (number = 1; !is_entry; number++) {
		fake_nl_reset();
		fake_nl_fail(number, EIO, "no answer");
		assert_int_equal(bridge_scan(scene->nl, want(), &scene->scan, &err), -1);
		assert_true(fake_nl_faulted());
		is_entry = is_entry_request(fake_nl_request(fake_nl_sent() - 1));
	}
	fake_nl_reset();
	fake_nl_fail(number - 1, EINVAL, "Device is not a bridge port");
	assert_non_null(strstr(scan_text(scene), "tap1 " MAC_B " 172.18.1.8\n"));
	assert_true(fake_nl_faulted());
	fake_nl_reset();
	/* This is what the kernel returns. */
	tap0 = if_nametoindex("tap0");
	kernel_says("ip link set tap0 nomaster");
	assert_int_equal(neigh_fdb_get(scene->nl, tap0, &mac, &fdb, &err), -1);
	assert_int_equal(err.sys_errno, EINVAL);
}

#define TAP_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TAP_TEST(addresses_are_those_of_the_neighbour_table),
		TAP_TEST(a_machine_can_be_declared),
		TAP_TEST(a_silent_machine_stays),
		TAP_TEST(a_machine_that_moves_to_another_tap_is_there),
		TAP_TEST(an_address_that_does_not_answer_is_left_out),
		TAP_TEST(a_tap_without_a_machine_is_not_read),
		TAP_TEST(the_macs_of_a_tap_are_limited),
		TAP_TEST(the_addresses_of_a_tap_are_limited),
		TAP_TEST(all_taps_are_read_by_one_list),
		TAP_TEST(a_failed_scan_keeps_the_result),
		TAP_TEST(a_tap_that_leaves_the_bridge_does_not_end_the_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
