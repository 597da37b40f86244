/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/attachment.h"

#include "common/array.h"
#include "common/err.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/weft-test-attachment.XXXXXX"; /* created for every test */

static const struct attachment_key key = { "default", "c1", "eth0" };

static struct attachment record_of(void)
{
	return (struct attachment){
		.netns = "/run/netns/c1",
		.netns_id = { .device = 4, .inode = UINT64_MAX },
		.host_veth = "weft0123456789a",
		.addresses = { { .be = { [12] = 10, 5, 1, 7 }, .family = AF_INET } },
		.address_len = 1,
		.port = { .known = true,
			  .mac = { { 10, 88, 10, 5, 1, 7 } },
			  .hairpin = true,
			  .locked = true },
		.pod = { .namespace = "default", .name = "web-0", .uid = "7" },
		.container_id = "c1",
		.ifname = "eth0",
	};
}

/* Writes the record, and sets in it what the writing determines. */
static void written(const struct attachment_lock *lock, struct attachment *record)
{
	const uint64_t before = (uint64_t)time(NULL);
	struct attachment read;
	struct err err = ERR_INIT;

	assert_int_equal(attachment_write(lock, record, &err), 0);
	assert_int_equal(attachment_read(lock, &read, &err), 1);
	assert_in_range(read.created_at, before, (uint64_t)time(NULL));
	record->created_at = read.created_at;
}

static struct attachment_lock locked(const struct attachment_key *whose)
{
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct err err = ERR_INIT;

	if (attachment_lock(dir, whose, &lock, &err) < 0)
		fail_msg("%s", err.text);
	return lock;
}

static void put(const struct attachment_lock *lock, const char *text)
{
	assert_int_equal(ftruncate(lock->fd, 0), 0);
	assert_int_equal(pwrite(lock->fd, text, strlen(text), 0), strlen(text));
}

static void the_hash_is_fnv_1a_of_the_three_parts(void **state)
{
	static const struct {
		struct attachment_key key;
		uint64_t hash;
	} cases[] = {
		/* Computed independently with Python. */
		{ { "default", "c1", "eth0" }, UINT64_C(0x5023ab72aed5881b) },
		{ { "default", "c1", "eth1" }, UINT64_C(0x5023aa72aed58668) },
		{ { "", "", "" }, UINT64_C(0x8328807b4eb6fed) },
	};
	struct attachment_key shifted = { "defaultc", "1", "eth0" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(attachment_hash(&cases[i].key), cases[i].hash);
	assert_int_not_equal(attachment_hash(&shifted), attachment_hash(&key));
}

static void a_record_is_read_as_it_was_written(void **state)
{
	struct attachment record = record_of(), read = { .address_len = 0 };
	struct attachment_lock lock = locked(&key);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(attachment_read(&lock, &read, &err), 0);
	written(&lock, &record);
	assert_int_equal(attachment_read(&lock, &read, &err), 1);
	assert_memory_equal(&read, &record, sizeof(record));

	/* A short record that replaces a longer one leaves no rest of it. */
	memset(record.netns + 4, 0, sizeof(record.netns) - 4);
	record.address_len = 0;
	record.addresses[0] = (struct ipaddr){ .family = AF_UNSPEC };
	record.pod = (struct pod){ .name = "" };
	written(&lock, &record);
	assert_int_equal(attachment_read(&lock, &read, &err), 1);
	assert_memory_equal(&read, &record, sizeof(record));
	attachment_unlock(&lock);
	attachment_unlock(&lock);
}

static void the_port_of_a_record_is_optional(void **state)
{
	static const char old[] =
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[\"10.5.1.7\"]}";
	struct attachment record = record_of(), read = record_of();
	struct attachment_lock lock = locked(&key);
	struct err err = ERR_INIT;

	(void)state;
	put(&lock, old);
	assert_int_equal(attachment_read(&lock, &read, &err), 1);
	assert_false(read.port.known);
	assert_true(mac_is_zero(&read.port.mac));

	/* An ADD that has no address yet has no MAC, which is derived from the address. */
	record.port.mac = (struct mac){ { 0 } };
	assert_int_equal(attachment_write(&lock, &record, &err), 0);
	assert_int_equal(attachment_read(&lock, &read, &err), 1);
	assert_false(read.port.known);
	record.address_len = 0;
	attachment_derive_mac(&record);
	assert_true(mac_is_zero(&record.port.mac));
	record.address_len = 1;
	attachment_derive_mac(&record);
	assert_memory_equal(&record.port.mac, "\x0a\x58\x0a\x05\x01\x07", 6);
	record.port.mac.octet[5] = 9;
	attachment_derive_mac(&record); /* a requested MAC is kept */
	assert_int_equal(record.port.mac.octet[5], 9);
	attachment_unlock(&lock);
}

/* It is informative: DEL must release the addresses of such a record, too. */
static void an_invalid_pod_is_read_as_absent(void **state)
{
	static const char head[] =
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[\"10.5.1.7\"]";
	static const struct {
		const char *members, *pod, *uid;
	} cases[] = {
		{ "", "", "" },
		{ ",\"podName\":\"web-0\"", "web-0", "" },
		{ ",\"podNamespace\":\"a/b\",\"podName\":\"web-0\",\"podUid\":\"7\"", "web-0",
		  "7" },
		{ ",\"podNamespace\":\"a\",\"podName\":\"web\\u001b[2J\",\"podUid\":7", "", "" },
		{ ",\"podNamespace\":[],\"podName\":null,\"podUid\":{}", "", "" },
	};
	struct attachment_lock lock = locked(&key);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[512], pod[POD_TEXT_SIZE];
		struct attachment read = record_of();
		struct err err = ERR_INIT;

		snprintf(text, sizeof(text), "%s%s}", head, cases[i].members);
		put(&lock, text);
		assert_int_equal(attachment_read(&lock, &read, &err), 1);
		assert_string_equal(pod_text(&read.pod, pod), cases[i].pod);
		assert_string_equal(read.pod.uid, cases[i].uid);
		assert_int_equal(read.created_at, 0);
	}
	attachment_unlock(&lock);
}

static void a_record_exists_until_it_is_removed(void **state)
{
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct attachment_key other = { "default", "c1", "eth1" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(attachment_lock_existing(dir, &key, &lock, &err), 0);
	lock = locked(&key);
	attachment_unlock(&lock);
	assert_int_equal(attachment_lock_existing(dir, &other, &lock, &err), 0);
	assert_int_equal(attachment_lock_existing(dir, &key, &lock, &err), 1);
	assert_int_equal(attachment_remove(&lock, &err), 0);
	assert_int_equal(attachment_remove(&lock, &err), 0);
	attachment_unlock(&lock);
	assert_int_equal(attachment_lock_existing(dir, &key, &lock, &err), 0);
	assert_int_equal(lock.fd, -1);
}

static void damaged_records_are_refused(void **state)
{
	static const char *const cases[] = {
		" ",
		"{",
		"{}",
		"[]",
		"{\"version\":2,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[]}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\"}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[],\"createdAt\":-1}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"longer than 15 bytes\",\"addresses\":[]}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[\"10.5.1\"]}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[],\"port\":{}}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[],\"port\":"
		"{\"mac\":\"02:00:00:00:00:01\",\"locked\":1}}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[\"::1\",\"::2\",\"::3\",\"::4\",\"::5\",\"::6\",\"::7\",\"::8\",\"::9\"]}",
	};
	struct attachment_lock lock = locked(&key);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attachment record = { .address_len = 7 };
		struct err err = ERR_INIT;

		put(&lock, cases[i]);
		if (attachment_read(&lock, &record, &err) != -1)
			fail_msg("accepted: %s", cases[i]);
		assert_int_equal(err.code, ERR_STATE);
		assert_int_equal(record.address_len, 7);
	}
	attachment_unlock(&lock);
}

static void a_record_of_another_attachment_is_not_replaced(void **state)
{
	struct attachment_lock lock = locked(&key);
	struct attachment record = { .address_len = 7 };
	struct err err = ERR_INIT;

	(void)state;
	put(&lock,
	    "{\"version\":1,\"network\":\"default\",\"containerId\":\"c2\",\"ifname\":\"eth0\","
	    "\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[]}");
	assert_int_equal(attachment_read(&lock, &record, &err), -1);
	assert_int_equal(err.code, ERR_ATTACHED);
	assert_non_null(strstr(err.text, "c2"));
	attachment_unlock(&lock);
}

/*
 * A process that waits for the lock of a record that is then removed gets the lock of a new record.
 */
static void a_lock_has_one_holder(void **state)
{
	struct attachment_lock lock = locked(&key);
	struct attachment record = record_of();
	struct err err = ERR_INIT;
	int ready[2], status;
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Opens descriptors of its own instead of those inherited from its parent. */
		attachment_unlock(&lock);
		(void)!write(ready[1], "", 1);
		if (attachment_lock(dir, &key, &lock, &err) < 0)
			_exit(2);
		_exit(attachment_read(&lock, &record, &err) == 0 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(attachment_write(&lock, &record, &err), 0);
	assert_int_equal(attachment_remove(&lock, &err), 0);
	attachment_unlock(&lock);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

static int make_dir(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

#define in_a_dir(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_a_dir(the_hash_is_fnv_1a_of_the_three_parts),
		in_a_dir(a_record_is_read_as_it_was_written),
		in_a_dir(the_port_of_a_record_is_optional),
		in_a_dir(an_invalid_pod_is_read_as_absent),
		in_a_dir(a_record_exists_until_it_is_removed),
		in_a_dir(damaged_records_are_refused),
		in_a_dir(a_record_of_another_attachment_is_not_replaced),
		in_a_dir(a_lock_has_one_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
