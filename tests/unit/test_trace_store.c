/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/trace_store.h"

#include "common/array.h"
#include "common/err.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEASE(n)                                                                                   \
	"{\"PublicIP\":\"192.168.0." n "\",\"BackendType\":\"vxlan\",\"BackendData\":{\"VNI\":1,"  \
	"\"VtepMAC\":\"0e:00:00:00:00:0" n "\"},\"Weft\":{\"MTU\":1400,\"Name\":\"host" n "\"}}"

#define SNAPSHOT(subnets) "{\"version\":1,\"config\":\"{}\",\"subnets\":" subnets "}"

static void write_snapshot(const char *text)
{
	int fd;

	(void)mkdirat(tempdir, "networks", 0700);
	fd = openat(tempdir, "networks/default.json", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int find(const char *address, struct trace_peer *peer, struct err *err)
{
	struct ipaddr addr;

	*err = ERR_INIT;
	assert_int_equal(ipaddr_parse(address, &addr, err), 0);
	*peer = (struct trace_peer){ .found = false };
	return trace_store_snapshot(tempdir_path, "default", &addr, peer, err);
}

static void the_lease_of_an_address_is_found_in_the_snapshot(void **state)
{
	struct trace_peer peer;
	struct err err;

	(void)state;
	assert_int_equal(find("10.5.2.7", &peer, &err), 0);
	write_snapshot(SNAPSHOT(
		"{\n\"10.5.2.0-24\":" LEASE("2") ",\n\"note\":\"text\",\n"
						 "\"10.5.3.0-24&fd00:5:3::-64\":" LEASE("3") "}"));
	assert_int_equal(find("10.5.2.7", &peer, &err), 1);
	assert_true(peer.found);
	assert_string_equal(peer.name, "host2");
	assert_int_equal(peer.mtu, 1400);
	assert_int_equal(find("fd00:5:3::7", &peer, &err), 1);
	assert_true(peer.found);
	assert_string_equal(peer.name, "host3");
	assert_int_equal(peer.subnet.len, 64);
	assert_int_equal(peer.vtep_mac.octet[5], 3);
	assert_int_equal(find("10.5.4.7", &peer, &err), 1);
	assert_false(peer.found);
}

/* Only what is needed of the snapshot is checked beyond being JSON. */
static void faults_of_the_snapshot(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "the snapshot of the leases" },
		{ "{", "the snapshot of the leases" },
		{ "[]", "has no subnets" },
		{ "{\"version\":1}", "has no subnets" },
		{ SNAPSHOT("[]"), "has no subnets" },
		{ SNAPSHOT("{\"10.5.2.0-24\":" LEASE("2") ",}"), "the snapshot of the leases" },
		{ SNAPSHOT("{\"10.5.2.0-24\":\"rubbish\"}"), "a lease in the snapshot" },
		{ SNAPSHOT("{\"10.5.2.0-24\":{\"PublicIP\":\"x\"}}"), "PublicIP" },
		{ SNAPSHOT("{\"10.5.2.0-24\":{\"a\":1,\"a\":2}}"), "twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trace_peer peer;
		struct err err;

		write_snapshot(cases[i].text);
		assert_int_equal(find("10.5.2.7", &peer, &err), -1);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_false(peer.found);
	}
}

static void keys_that_are_no_subnets_are_passed_over(void **state)
{
	struct trace_peer peer;
	char text[1024], key[300];
	struct err err;

	(void)state;
	memset(key, '1', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	snprintf(text, sizeof(text),
		 "{\"subnets\":{\"\":{},\"%s\":{},\"10.5.2.0\\u002d24\":{},\"10.5.2.0-24\":%s}}",
		 key, LEASE("2"));
	write_snapshot(text);
	assert_int_equal(find("10.5.2.7", &peer, &err), 1);
	assert_string_equal(peer.name, "host2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(the_lease_of_an_address_is_found_in_the_snapshot),
		TEMPDIR_TEST(faults_of_the_snapshot),
		TEMPDIR_TEST(keys_that_are_no_subnets_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
