/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lease/lease.h"

#include "common/array.h"
#include "daemon/store/store.h"
#include "tests/unit/samples.h"

#define FLANNELS                                                                                   \
	"{\"PublicIP\":\"192.168.64.3\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\","            \
	"\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:44\"}}"
#define OURS                                                                                       \
	"{\"PublicIP\":\"192.168.0.2\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\","             \
	"\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:44\"},"                           \
	"\"Weft\":{\"Node\":\"" SAMPLE_NODE "\",\"Name\":\"host2\",\"MTU\":1450}}"

static int parse(const char *key, const char *value, struct lease *peer_out, struct err *err)
{
	const struct store_entry entry = {
		.key = key,
		.value = value,
		.value_size = strlen(value),
		.mod_revision = 42,
		.lease = 0x77,
	};

	return lease_parse(&entry, peer_out, err);
}

static void keys_are_addresses_and_lengths(void **state)
{
	static const struct {
		const char *key, *subnet; /* NULL: refused */
	} cases[] = {
		{ "10.5.1.0-24", "10.5.1.0/24" },
		{ "10.5.1.0-24&fd00:5:1::-64", "10.5.1.0/24&fd00:5:1::/64" },
		{ "fd00:5:1::-64", "fd00:5:1::/64" },
		{ "10.5.1.0-24&fd00:5:1:0:0::-64", "10.5.1.0/24&fd00:5:1::/64" },
		{ "0.0.0.0-0", "0.0.0.0/0" },
		{ "10.5.1.4-32", "10.5.1.4/32" },
		{ "", NULL },
		{ "10.5.1.0", NULL },
		{ "10.5.1.0/24", NULL },
		{ "10.5.1.0-", NULL },
		{ "10.5.1.0-33", NULL },
		{ "10.5.1.0-024", NULL },
		{ "10.5.1.0-24 ", NULL },
		{ "10.5.1.0--24", NULL },
		{ "10.5.1.0/24-24", NULL },
		{ "10.5.1.0-24-24", NULL },
		{ "10.5.1.0-2/4", NULL },
		{ "10.05.1.0-24", NULL },
		{ "10.5.1-24", NULL },
		{ "10.5.1.7-24", NULL },
		{ "x10.5.1.0-24", NULL },
		{ "sub/10.5.1.0-24", NULL },
		{ "fd00:5:1::-64&10.5.1.0-24", NULL },
		{ "fd00:5:1::-64&fd00:5:2::-64", NULL },
		{ "fd00:5:1::7-64", NULL },
		{ "10.5.1.0-24&fd00:5:1::7-64", NULL },
		{ "10.5.1.0-24&", NULL },
		{ "&fd00:5:1::-64", NULL },
		{ "10.5.1.0-24&10.5.2.0-24", NULL },
		{ "10.5.1.0-24&fd00:5:1::-129", NULL },
		{ "10.5.1.0-24&fd00:5:1::-64&fd00:5:2::-64", NULL },
		{ "10.5.1.0000000000000000000000000000000000000000000000-24", NULL },
		{ "\x1b[2J\xff", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix subnet[FAMILIES] = { { .len = 77 } };
		struct err err = ERR_INIT;
		int rc = lease_parse_key(cases[i].key, subnet, &err);

		if (rc != (cases[i].subnet ? 0 : -1))
			fail_msg("\"%s\": %d", cases[i].key, rc);
		if (rc == 0) {
			assert_string_equal(sample_subnets_text(subnet), cases[i].subnet);
		} else {
			assert_int_equal(err.code, ERR_DECODE);
			assert_int_equal(subnet[0].len, 77);
		}
	}
}

static void keys_are_read_as_they_were_written(void **state)
{
	static const char *const keys[] = {
		"10.5.1.0-24",
		"10.5.1.0-24&fd00:5:1::-64",
		"fd00:5:1::-64",
		"255.255.255.252-30&ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc-126",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct prefix subnet[FAMILIES];
		struct err err = ERR_INIT;
		char key[LEASE_KEY_SIZE];

		assert_good(lease_parse_key(keys[i], subnet, &err), err);
		assert_string_equal(lease_key(subnet, key), keys[i]);
	}
}

static void a_lease_of_flannel_is_read(void **state)
{
	struct ipaddr public_ip = sample_addr("192.168.64.3");
	struct mac mac = sample_mac("c6:d2:32:6f:8f:44");
	struct err err = ERR_INIT;
	struct lease peer;

	(void)state;
	assert_good(parse("10.5.2.0-24", FLANNELS, &peer, &err), err);
	assert_int_equal(peer.mod_revision, 42);
	assert_int_equal(peer.etcd_lease, 0x77);
	assert_string_equal(sample_subnets_text(peer.subnet), "10.5.2.0/24");
	assert_true(ipaddr_equal(&peer.public_ip[FAMILY_V4], &public_ip));
	assert_false(ipaddr_is_set(&peer.public_ip[FAMILY_V6]));
	assert_true(mac_is_zero(&peer.vtep_mac[FAMILY_V6]));
	assert_int_equal(mac_cmp(&peer.vtep_mac[FAMILY_V4], &mac), 0);
	assert_int_equal(peer.vni[FAMILY_V4], 1);
	assert_int_equal(peer.mtu, 0);
	assert_false(peer.invalid);
	assert_string_equal(peer.node, "");
	assert_string_equal(peer.name, "");
}

static void a_lease_of_weft_is_read(void **state)
{
	struct err err = ERR_INIT;
	struct lease peer;

	(void)state;
	assert_good(parse("10.5.2.0-24&fd00:5:2::-64", OURS, &peer, &err), err);
	assert_string_equal(peer.node, SAMPLE_NODE);
	assert_string_equal(peer.name, "host2");
	assert_int_equal(peer.mtu, 1450);
}

/* peer_check() refuses them as peers, but their subnets are taken. */
static void leases_of_other_kinds_are_read(void **state)
{
	static const char *const values[] = {
		"{\"PublicIP\":\"192.168.0.2\"}",
		"{\"PublicIP\":\"192.168.0.2\",\"BackendType\":null}",
		"{\"PublicIP\":\"192.168.0.2\",\"BackendType\":\"host-gw\"}",
		"{\"PublicIP\":\"192.168.0.2\",\"BackendType\":\"VXLAN\"}",
		"{\"PublicIP\":\"192.168.0.2\",\"BackendType\":\"wg\",\"BackendData\":{\"K\":\"x\"}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct err err = ERR_INIT;
		struct lease peer;

		assert_good(parse("10.5.2.0-24", values[i], &peer, &err), err);
		assert_true(mac_is_zero(&peer.vtep_mac[FAMILY_V4]));
	}
}

static void long_names_are_truncated(void **state)
{
	char value[512], name[254];
	struct err err = ERR_INIT;
	struct lease peer;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(value, sizeof(value), "{\"PublicIP\":\"1.2.3.4\",\"Weft\":{\"Name\":\"%s\"}}",
		 name);
	assert_good(parse("10.5.2.0-24", value, &peer, &err), err);
	assert_int_equal(strlen(peer.name), LEASE_NAME_SIZE - 1);
}

#define VXLAN(data)                                                                                \
	"{\"PublicIP\":\"192.168.0.2\",\"BackendType\":\"vxlan\",\"BackendData\":" data "}"
#define WEFT(data) "{\"PublicIP\":\"192.168.0.2\",\"Weft\":" data "}"

static void hostile_values_are_refused(void **state)
{
	static const struct {
		const char *value, *says;
	} cases[] = {
		{ "", "key \"10.5.2.0-24\"" },
		{ "null", "key \"10.5.2.0-24\"" },
		{ "[]", "key \"10.5.2.0-24\"" },
		{ "{", "key \"10.5.2.0-24\"" },
		{ "{}", "PublicIP" },
		{ FLANNELS "x", "key" },
		{ FLANNELS FLANNELS, "key" },
		{ "{\"PublicIP\":null}", "PublicIP" },
		{ "{\"PublicIP\":\"\"}", "PublicIP" },
		{ "{\"PublicIP\":3232235522}", "PublicIP" },
		{ "{\"PublicIP\":\"fd00::1\"}", "PublicIP: is not an IPv4 address" },
		{ "{\"PublicIP\":\"192.168.0.2\",\"PublicIPv6\":\"10.0.0.1\"}",
		  "PublicIPv6: is not an" },
		{ "{\"PublicIP\":\"192.168.0.2\",\"PublicIPv6\":\"\"}", "PublicIPv6" },
		{ "{\"PublicIP\":\"192.168.0.2\\u0000\"}", "key" },
		{ "{\"PublicIP\":\"192.168.0.2\",\"BackendType\":7}", "BackendType" },
		{ VXLAN("null"), "BackendData" },
		{ VXLAN("[]"), "BackendData" },
		{ VXLAN("{}"), "BackendData.VNI" },
		{ VXLAN("{\"VNI\":-1,\"VtepMAC\":\"c6:d2:32:6f:8f:44\"}"), "BackendData.VNI" },
		{ VXLAN("{\"VNI\":\"1\",\"VtepMAC\":\"c6:d2:32:6f:8f:44\"}"), "BackendData.VNI" },
		{ VXLAN("{\"VNI\":1}"), "BackendData.VtepMAC" },
		{ VXLAN("{\"VNI\":1,\"VtepMAC\":\"\"}"), "BackendData.VtepMAC" },
		{ VXLAN("{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f\"}"), "BackendData.VtepMAC" },
		{ WEFT("7"), "Weft" },
		{ WEFT("{\"Node\":\"host\"}"), "Weft.Node" },
		{ WEFT("{\"Node\":\"" SAMPLE_NODE "x\"}"), "Weft.Node" },
		{ WEFT("{\"Name\":7}"), "Weft.Name" },
		{ WEFT("{\"MTU\":65536}"), "Weft.MTU" },
		{ WEFT("{\"SourceIP\":7}"), "Weft.SourceIP" },
		{ WEFT("{\"SourceIPv6\":\"host\"}"), "Weft.SourceIPv6" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lease peer = { .vni = { 77 } };
		struct err err = ERR_INIT;

		if (parse("10.5.2.0-24", cases[i].value, &peer, &err) != -1)
			fail_msg("taken: %s", cases[i].value);
		assert_says(err.text, cases[i].says);
		assert_int_equal(peer.vni[FAMILY_V4], 77);
	}
}

/* The source of tunnel packets, with NAT between the nodes. */
static void a_translated_node_publishes_its_source(void **state)
{
	static const struct {
		const char *value, *v4, *v6;
	} cases[] = {
		{ WEFT("{\"SourceIP\":\"192.168.0.2\"}"), "192.168.0.2", "" },
		{ WEFT("{\"SourceIP\":\"10.0.0.2\",\"SourceIPv6\":\"fd00::2\"}"), "10.0.0.2",
		  "fd00::2" },
		{ WEFT("{}"), "", "" },
		/* No node can have these. */
		{ WEFT("{\"SourceIP\":\"0.0.0.0\",\"SourceIPv6\":\"::\"}"), "", "" },
		{ WEFT("{\"SourceIP\":\"fd00::2\",\"SourceIPv6\":\"10.0.0.2\"}"), "", "" },
		{ WEFT("{\"SourceIP\":\"127.0.0.1\",\"SourceIPv6\":\"ff02::1\"}"), "", "" },
	};
	char text[IPADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lease peer;
		struct err err = ERR_INIT;

		assert_good(parse("10.5.2.0-24", cases[i].value, &peer, &err), err);
		assert_string_equal(ipaddr_text(&peer.source_ip[FAMILY_V4], text), cases[i].v4);
		assert_string_equal(ipaddr_text(&peer.source_ip[FAMILY_V6], text), cases[i].v6);
	}
}

static void a_bad_key_refuses_a_good_value(void **state)
{
	struct err err = ERR_INIT;
	struct lease peer;

	(void)state;
	assert_int_equal(parse("10.5.2.0", OURS, &peer, &err), -1);
	assert_says(err.text, "key \"10.5.2.0\" is not of the form ADDRESS-LENGTH");
}

static void too_large_a_value_is_refused(void **state)
{
	char *value = test_malloc(LEASE_VALUE_MAX + 2);
	struct err err = ERR_INIT;
	struct lease peer;

	(void)state;
	memset(value, ' ', LEASE_VALUE_MAX + 1);
	value[LEASE_VALUE_MAX + 1] = '\0';
	memcpy(value, FLANNELS, strlen(FLANNELS));
	assert_int_equal(parse("10.5.2.0-24", value, &peer, &err), -1);
	value[LEASE_VALUE_MAX] = '\0';
	assert_good(parse("10.5.2.0-24", value, &peer, &err), err);
	test_free(value);
}

static void values_are_written_as_flannel_does(void **state)
{
	struct lease peer = sample_peer("10.5.2.0/24", "192.168.0.2", "c6:d2:32:6f:8f:44",
					SAMPLE_NODE, 42);
	struct err err = ERR_INIT;
	struct lease again;
	char *value;

	(void)state;
	snprintf(peer.name, sizeof(peer.name), "host2");
	assert_good(lease_value(&peer, &value, &err), err);
	assert_string_equal(value, OURS);
	assert_good(parse("10.5.2.0-24", value, &again, &err), err);
	peer.etcd_lease = 0x77;
	assert_memory_equal(&again, &peer, sizeof(peer));
	free(value);
}

#define DATA "{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:44\"}"
#define WEFTS "\"Weft\":{\"Node\":\"" SAMPLE_NODE "\",\"Name\":\"host\",\"MTU\":1450}}"

/*
 * flannel nodes drop all peers because of a null PublicIP, and crash on V6 data without PublicIPv6.
 */
static void no_value_crashes_flannel(void **state)
{
	static const struct {
		const char *subnets, *public_ip, *public_ipv6, *value;
	} cases[] = {
		{ "10.5.2.0/24&fd00:5:2::/64", "192.168.0.2", "fd00::2",
		  "{\"PublicIP\":\"192.168.0.2\",\"PublicIPv6\":\"fd00::2\",\"BackendType\":\"vxlan\","
		  "\"BackendData\":" DATA ",\"BackendV6Data\":" DATA "," WEFTS },
		{ "10.5.2.0/24&fd00:5:2::/64", "192.168.0.2", "",
		  "{\"PublicIP\":\"192.168.0.2\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\","
		  "\"BackendData\":" DATA "," WEFTS },
		{ "10.5.2.0/24&fd00:5:2::/64", "", "fd00::2",
		  "{\"PublicIP\":\"0.0.0.0\",\"PublicIPv6\":\"fd00::2\",\"BackendType\":\"vxlan\","
		  "\"BackendData\":" DATA ",\"BackendV6Data\":" DATA "," WEFTS },
		{ "10.5.2.0/24", "", "fd00::2",
		  "{\"PublicIP\":\"0.0.0.0\",\"PublicIPv6\":\"fd00::2\",\"BackendType\":\"vxlan\","
		  "\"BackendData\":" DATA "," WEFTS },
		{ "fd00:5:2::/64", "", "fd00::2",
		  "{\"PublicIP\":null,\"PublicIPv6\":\"fd00::2\",\"BackendType\":\"vxlan\","
		  "\"BackendV6Data\":" DATA "," WEFTS },
		{ "fd00:5:2::/64", "192.168.0.2", "",
		  "{\"PublicIP\":\"192.168.0.2\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\","
		  "\"BackendV6Data\":" DATA "," WEFTS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct lease again, peer = sample_peer(cases[i].subnets, cases[i].public_ip,
						       "c6:d2:32:6f:8f:44", SAMPLE_NODE, 42);
		char key[LEASE_KEY_SIZE], *value;
		struct err err = ERR_INIT;

		peer.public_ip[FAMILY_V6] = sample_addr(cases[i].public_ipv6);
		assert_good(lease_value(&peer, &value, &err), err);
		assert_string_equal(value, cases[i].value);
		assert_good(parse(lease_key(peer.subnet, key), value, &again, &err), err);
		assert_memory_equal(again.subnet, peer.subnet, sizeof(peer.subnet));
		assert_memory_equal(again.public_ip, peer.public_ip, sizeof(peer.public_ip));
		free(value);
	}
}

static void a_node_that_answers_probes_says_so(void **state)
{
	struct lease again, peer = sample_peer("10.5.2.0/24", "192.168.0.2", "c6:d2:32:6f:8f:44",
					       SAMPLE_NODE, 42);
	struct err err = ERR_INIT;
	char *value;

	(void)state;
	assert_good(lease_value(&peer, &value, &err), err);
	assert_null(strstr(value, "Probe"));
	assert_good(parse("10.5.2.0-24", value, &again, &err), err);
	assert_false(again.probe);
	free(value);
	peer.probe = true;
	assert_good(lease_value(&peer, &value, &err), err);
	assert_says(value, "\"Probe\":true");
	assert_good(parse("10.5.2.0-24", value, &again, &err), err);
	assert_true(again.probe);
	free(value);
}

static void a_dual_lease_without_v6_data_is_read(void **state)
{
	struct err err = ERR_INIT;
	struct lease peer;

	(void)state;
	assert_good(parse("10.5.2.0-24&fd00:5:2::-64", FLANNELS, &peer, &err), err);
	assert_true(mac_is_zero(&peer.vtep_mac[FAMILY_V6]));
	assert_int_equal(parse("fd00:5:2::-64", FLANNELS, &peer, &err), -1);
	assert_says(err.text, "BackendV6Data");
}

static const char *const subnets[] = { "10.5.3.0/24", "10.5.2.0/24&fd00:5:2::/64",
				       "10.5.1.0/24", "10.5.2.0/24",
				       "10.5.0.0/16", "fd00:5:1::/64" };

static void fill(struct leases *peers)
{
	for (size_t i = 0; i < ARRAY_LEN(subnets); i++) {
		struct lease peer = sample_peer(subnets[i], "192.168.0.2", "c6:d2:32:6f:8f:44", "",
						i + 1);

		sample_put(peers, &peer);
	}
}

static void sets_are_sorted_and_without_duplicates(void **state)
{
	struct lease again = sample_peer("10.5.2.0/24", "192.168.0.9", "c6:d2:32:6f:8f:44", "", 99);
	struct leases peers = { .len = 0 };

	(void)state;
	fill(&peers);
	fill(&peers);
	sample_put(&peers, &again);
	assert_int_equal(peers.len, ARRAY_LEN(subnets));
	for (size_t i = 1; i < peers.len; i++)
		assert_true(lease_cmp(&peers.at[i - 1], &peers.at[i]) < 0);
	assert_int_equal(leases_find(&peers, again.subnet)->mod_revision, 99);
	leases_free(&peers);
}

static void members_are_found_and_removed(void **state)
{
	static const char *const absent[] = { "10.4.0.0/24", "10.5.2.0/25", "10.9.0.0/24",
					      "10.5.2.0/24&fd00:5:3::/64", "fd00:5:2::/64" };
	struct leases peers = { .len = 0 };
	struct prefix subnet[FAMILIES];

	(void)state;
	sample_subnets(absent[0], subnet);
	assert_null(leases_find(&peers, subnet));
	assert_false(leases_remove(&peers, subnet));
	fill(&peers);
	for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
		sample_subnets(absent[i], subnet);
		assert_null(leases_find(&peers, subnet));
		assert_false(leases_remove(&peers, subnet));
	}
	for (size_t i = 0; i < ARRAY_LEN(subnets); i++) {
		sample_subnets(subnets[i], subnet);
		assert_int_equal(leases_find(&peers, subnet)->mod_revision, i + 1);
		assert_true(leases_remove(&peers, subnet));
		assert_null(leases_find(&peers, subnet));
	}
	assert_int_equal(peers.len, 0);
	leases_free(&peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_addresses_and_lengths),
		cmocka_unit_test(keys_are_read_as_they_were_written),
		cmocka_unit_test(a_lease_of_flannel_is_read),
		cmocka_unit_test(a_lease_of_weft_is_read),
		cmocka_unit_test(leases_of_other_kinds_are_read),
		cmocka_unit_test(long_names_are_truncated),
		cmocka_unit_test(hostile_values_are_refused),
		cmocka_unit_test(a_translated_node_publishes_its_source),
		cmocka_unit_test(a_bad_key_refuses_a_good_value),
		cmocka_unit_test(too_large_a_value_is_refused),
		cmocka_unit_test(values_are_written_as_flannel_does),
		cmocka_unit_test(no_value_crashes_flannel),
		cmocka_unit_test(a_node_that_answers_probes_says_so),
		cmocka_unit_test(a_dual_lease_without_v6_data_is_read),
		cmocka_unit_test(sets_are_sorted_and_without_duplicates),
		cmocka_unit_test(members_are_found_and_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
