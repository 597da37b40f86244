/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/sweep.h"

#include "common/err.h"
#include "common/log.h"
#include "common/netlink/netns.h"
#include "common/netlink/nl.h"
#include "ipam/pool.h"
#include "tests/unit/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

/* An attachment with an address, as left by an ADD for the namespace at that path. */
static void add(const char *id, const char *netns, const struct netns_id *netns_id,
		const char *ipam)
{
	const struct attachment_key key = { "default", id, "eth0" };
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct attachment record = { .netns_id = *netns_id };
	struct pool_choice choice = { .wanted = { .family = AF_UNSPEC } };
	struct prefix subnet;
	struct range range;
	struct err err = ERR_INIT;

	snprintf(record.netns, sizeof(record.netns), "%s", netns);
	snprintf(record.ipam, sizeof(record.ipam), "%s", ipam);
	assert_int_equal(prefix_parse("10.5.1.0/24", &subnet, &err), 0);
	assert_int_equal(range_of(&subnet, &choice.wanted, &range, &err), 0);
	assert_int_equal(range_set_add(&choice.set, &range, &err), 0);
	if (attachment_lock(tempdir_path, &key, &lock, &err) < 0 ||
	    pool_acquire(&lock, &choice, 1, NULL, &record, &err) < 0)
		fail_msg("%s", err.text);
}

static bool is_in_use(const char *address)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/ipam/default/%s", tempdir_path, address);
	return lstat(path, &st) == 0;
}

static void only_attachments_of_deleted_namespaces_are_removed(void **state)
{
	const struct attachment_key empty = { "default", "empty", "eth0" },
				    busy = { "default", "busy", "eth0" };
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct netns_id own, other;
	AUTO(nl) struct nl *nl = NULL;
	AUTO(close) int self = -1;
	struct err err = ERR_INIT;

	(void)state;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, STDERR_FILENO);
	assert_int_equal(nl_open(&nl, &err), 0);
	assert_int_equal(netns_open_self(&self, &err), 0);
	assert_int_equal(netns_identify(self, &own, &err), 0);
	other = own;
	other.inode++;
	assert_int_equal(sweep_once(nl, tempdir_path, "default"), 0);
	add("running", "/proc/self/ns/net", &own, "");
	add("recycled", "/proc/self/ns/net", &other, "");
	add("gone", "/run/netns/weft-no-such-namespace", &own, "");
	add("file", "/etc/hostname", &own, "");
	add("delegated", "/run/netns/weft-no-such-namespace", &own, "host-local");
	add("busy", "/run/netns/weft-no-such-namespace", &own, "");
	assert_int_equal(attachment_lock(tempdir_path, &empty, &lock, &err), 0);
	attachment_unlock(&lock);
	assert_int_equal(attachment_lock(tempdir_path, &busy, &lock, &err), 0);

	assert_int_equal(sweep_once(nl, tempdir_path, "default"), 4);
	assert_true(is_in_use("10.5.1.1"));
	assert_false(is_in_use("10.5.1.2"));
	assert_false(is_in_use("10.5.1.3"));
	assert_false(is_in_use("10.5.1.4"));
	assert_true(is_in_use("10.5.1.5"));
	assert_true(is_in_use("10.5.1.6"));
	attachment_unlock(&lock);
	assert_int_equal(sweep_once(nl, tempdir_path, "default"), 1);
	assert_false(is_in_use("10.5.1.6"));
	assert_int_equal(attachment_lock_existing(tempdir_path, &empty, &lock, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(only_attachments_of_deleted_namespaces_are_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
