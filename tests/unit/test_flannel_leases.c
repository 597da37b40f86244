/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every kind of lease that flannel or a user may write (tests/fixtures/flannel/foreign.json, the
 * table of docs/flannel.md): the families that are used, and the error for the others.
 */
#include "common/auto.h"
#include "common/fs.h"
#include "common/json/json.h"
#include "daemon/lease/lease_table.h"
#include "daemon/lease/peer.h"
#include "daemon/store/store.h"
#include "tests/unit/samples.h"

#include <fcntl.h>
#include <stdlib.h>

#define FIXTURES "tests/fixtures/flannel/foreign.json"
#define CONFIG "{\"Network\":\"10.5.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\"}"

/* This node, 10.5.58.0/24, with both families on the underlay. */
static struct peer_self self_of(void)
{
	struct peer_self self = { .node = SAMPLE_NODE,
				  .outer = { true, true },
				  .vtep_mac = sample_mac("c6:d2:32:6f:8f:01") };

	sample_subnets("10.5.58.0/24&fd00:5:0:3a::/64", self.subnet);
	self.public_ip[FAMILY_V4] = self.uplink[FAMILY_V4] = sample_addr("192.168.0.1");
	self.public_ip[FAMILY_V6] = self.uplink[FAMILY_V6] = sample_addr("fd00::1");
	return self;
}

static void note(void *ctx, const struct lease *peer, const char *reason)
{
	(void)peer;
	snprintf(ctx, ERR_TEXT_SIZE, "%s", reason);
}

/* "v4 v6", "v4", "v6" or "", and the error for an unused family. */
static const char *used_of(const struct lease_table *known, char reason[static ERR_TEXT_SIZE])
{
	struct config config = sample_config(CONFIG);
	struct peer_self self = self_of();
	struct leases usable = { .len = 0 };
	bool v4 = false, v6 = false;

	assert_true(
		peers_filter(&known->current.leases, &config, &self, &usable, NULL, note, reason));
	for (size_t i = 0; i < usable.len; i++) {
		v4 |= prefix_is_set(&usable.at[i].subnet[FAMILY_V4]);
		v6 |= prefix_is_set(&usable.at[i].subnet[FAMILY_V6]);
		peer_unused_family(&known->current.leases, &usable.at[i], &config, &self, reason,
				   ERR_TEXT_SIZE);
	}
	leases_free(&usable);
	return v4 && v6 ? "v4 v6" : v4 ? "v4" : v6 ? "v6" : "";
}

static void check(const struct jr *fixture)
{
	const char *key = jr_str(fixture, "key", 256);
	const char *value = jr_str(fixture, "value", 4096);
	struct store_entry entry = { .key = key, .value = value, .mod_revision = 7, .lease = 9 };
	char reason[ERR_TEXT_SIZE] = "";
	struct lease_table known = { .listing = false };
	struct err err = ERR_INIT;
	const char *used;

	if (!strcmp(key, "OWN25"))
		entry.key = "10.5.58.128-25";
	if (!strcmp(key, "OWN23"))
		entry.key = "10.5.58.0-23";
	entry.value_size = strlen(value);
	if (lease_table_put(&known, &entry, &err) < 0)
		note(reason, NULL, err.text);
	used = used_of(&known, reason);
	if (strcmp(used, jr_str(fixture, "used", 16)) ||
	    !strstr(reason, jr_str(fixture, "error", 256)))
		fail_msg("%s: used for \"%s\": %s", jr_str(fixture, "case", 256), used, reason);
	lease_table_free(&known);
}

static char *read_file(const char *path)
{
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t size;

	assert_int_equal(fs_read(AT_FDCWD, path, 1 << 20, &text, &size, &err), 1);
	return text;
}

static void test_each_kind(void **state)
{
	AUTO(free) char *text = read_file(FIXTURES);
	AUTO(free) char *table = read_file("docs/flannel.md");
	AUTO(json) struct json *json = NULL;
	struct err err = ERR_INIT;
	struct jr root, at;

	(void)state;
	assert_good(json_parse(text, strlen(text), 1 << 20, JSON_STRICT, FIXTURES, &json, &err),
		    err);
	root = jr_root(json);
	assert_true(jr_len(&root) > 30);
	for (size_t i = 0; jr_each(&root, &i, &at);) {
		char row[320];

		check(&at);
		snprintf(row, sizeof(row), "| %s |", jr_str(&at, "case", 256));
		assert_says(table, row);
	}
	assert_good(jr_done(json, ERR_DECODE, &err), err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
