/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state and run directories of weft 0.1.0 are read: tests/fixtures/state-0.1.0 has the files
 * that its weftd and plugin wrote for a dual-stack node with two containers and a released address.
 * An address's entry, a symbolic link, is a file with the link's target there, because not every
 * copy of a source tree keeps symbolic links: the run directory is a copy in which they are links.
 */
#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/state.h"
#include "daemon/lease/lease_table.h"
#include "daemon/network/snapshot.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STATE "tests/fixtures/state-0.1.0/state"
#define RUN_FIXTURE "tests/fixtures/state-0.1.0/run"
#define C1 "5023ab72aed5881b" /* the records */
#define C2 "9de27147b4578940"

static char run_dir[] = "/tmp/test_upgrade.XXXXXX";

static void link_entry(const char *name)
{
	char path[128], target[128] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/ipam/default/%s", run_dir, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(target, 1, sizeof(target) - 1, file) > 0);
	fclose(file);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(target, path), 0);
}

static int copy_run_dir(void **state)
{
	static const char *const entries[] = { "10.5.76.2", "10.5.76.3", "fd00:5:0:4c::2",
					       "fd00:5:0:4c::3" };
	char command[128];

	(void)state;
	assert_non_null(mkdtemp(run_dir));
	snprintf(command, sizeof(command), "cp -r " RUN_FIXTURE "/. %s", run_dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		link_entry(entries[i]);
	return 0;
}

static int remove_run_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", run_dir);
	return system(command); /* NOLINT(cert-env33-c) */
}

static void check_prefix(const struct prefix *prefix, const char *want)
{
	char text[PREFIX_TEXT_SIZE];

	assert_string_equal(prefix_text(prefix, text), want);
}

static void check_addr(const struct ipaddr *addr, const char *want)
{
	char text[IPADDR_TEXT_SIZE];

	assert_string_equal(ipaddr_text(addr, text), want);
}

static void test_node(void **state)
{
	static struct state_node node;
	struct err err = ERR_INIT;
	char mac[MAC_TEXT_SIZE];

	(void)state;
	assert_int_equal(state_read_node(STATE, &node, &err), 1);
	assert_string_equal(node.id, "12a39eec-4509-4163-81bf-49f9519eeb42");
	assert_int_equal(node.network_len, 1);
	assert_string_equal(node.network[0].name, "default");
	assert_string_equal(mac_text(&node.network[0].vtep_mac, mac), "0a:0e:3c:02:92:bf");
	check_prefix(&node.network[0].subnet[FAMILY_V4], "10.5.76.0/24");
	check_prefix(&node.network[0].subnet[FAMILY_V6], "fd00:5:0:4c::/64");
}

static void test_snapshot(void **state)
{
	struct snapshot_head head;
	struct lease_table table = { .listing = false };
	AUTO(free) char *config = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(snapshot_read_head(STATE, "default", &head, &err), 1);
	assert_true(head.seen.cluster == UINT64_C(2037210783374497686));
	assert_int_equal(head.seen.revision, 4);
	assert_int_equal(snapshot_read(STATE, "default", &config, &table, &err), 1);
	assert_non_null(strstr(config, "\"IPv6Network\":\"fd00:5::/48\""));
	assert_int_equal(table.current.leases.len, 2);
	for (size_t i = 0; i < 2; i++)
		assert_false(table.current.leases.at[i].invalid);
	check_prefix(&table.current.leases.at[0].subnet[FAMILY_V4], "10.5.76.0/24");
	lease_table_free(&table);
}

static void test_network(void **state)
{
	struct state_network network;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(state_read_network(run_dir, "default", &network, &err), 1);
	assert_string_equal(network.bridge, "weft-br1");
	assert_int_equal(network.mtu, 1430);
	assert_int_equal(network.family_len, 2);
	check_addr(&network.family[0].gateway, "10.5.76.1");
	check_addr(&network.family[1].gateway, "fd00:5:0:4c::1");
	assert_false(network.lease_lost || network.retired || network.holder[0]);
}

static void check_record(const char *name, const char *id, const char *addr, const char *addr6)
{
	struct attachment record;
	struct err err = ERR_INIT;

	assert_int_equal(attachment_read_unlocked(run_dir, "default", name, &record, &err), 1);
	assert_string_equal(record.container_id, id);
	assert_string_equal(record.ifname, "eth0");
	assert_false(record.port.known);
	assert_int_equal(record.address_len, 2);
	check_addr(&record.addresses[0], addr);
	check_addr(&record.addresses[1], addr6);
}

/* The device keeps the name that 0.1.0 gave it: "weft" and the first digits. */
static void test_records(void **state)
{
	struct attachment record;
	struct err err = ERR_INIT;

	(void)state;
	check_record(C1, "c1", "10.5.76.2", "fd00:5:0:4c::2");
	check_record(C2, "c2", "10.5.76.3", "fd00:5:0:4c::3");
	assert_int_equal(attachment_read_unlocked(run_dir, "default", C1, &record, &err), 1);
	assert_string_equal(record.host_veth, "weft5023ab72aed");
}

static void test_addresses(void **state)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct ipaddr own, other, released;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(ipaddr_parse("10.5.76.2", &own, &err), 0);
	assert_int_equal(ipaddr_parse("10.5.76.3", &other, &err), 0);
	assert_int_equal(ipaddr_parse("10.5.76.4", &released, &err), 0);
	assert_int_equal(attachment_lock_record(run_dir, "default", C1, true, &lock, &err), 1);
	assert_int_equal(pool_holds(&lock, &own, &err), 1);
	assert_int_equal(pool_holds(&lock, &other, &err), 0);
	assert_int_equal(pool_holds(&lock, &released, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node),      cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_network),   cmocka_unit_test(test_records),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, copy_run_dir, remove_run_dir);
}
