/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/attachment.h"

#include "common/err.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static char dir[] = "/tmp/weft-test-attachment.XXXXXX"; /* a new one for every test */

static const struct attachment_key key = { "default", "c1", "eth0" };

static struct attachment record_of(void)
{
	return (struct attachment){
		.netns = "/run/netns/c1",
		.netns_id = { .device = 4, .inode = UINT64_MAX },
		.host_veth = "weft0123456789a",
		.addresses = { { .be = { [12] = 10, 5, 1, 7 }, .family = AF_INET } },
		.address_len = 1,
		.container_id = "c1",
		.ifname = "eth0",
	};
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
		/* Computed apart from this code, with Python. */
		{ { "default", "c1", "eth0" }, UINT64_C(0x5023ab72aed5881b) },
		{ { "default", "c1", "eth1" }, UINT64_C(0x5023aa72aed58668) },
		{ { "", "", "" }, UINT64_C(0x8328807b4eb6fed) },
	};
	struct attachment_key shifted = { "defaultc", "1", "eth0" };

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++)
		assert_int_equal(attachment_hash(&cases[i].key), cases[i].hash);
	assert_int_not_equal(attachment_hash(&shifted), attachment_hash(&key));
}

static void a_record_comes_back_as_it_was_written(void **state)
{
	struct attachment record = record_of(), read = { .address_len = 0 };
	struct attachment_lock lock = locked(&key);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(attachment_read(&lock, &read, &err), 0);
	assert_int_equal(attachment_write(&lock, &record, &err), 0);
	assert_int_equal(attachment_read(&lock, &read, &err), 1);
	assert_memory_equal(&read, &record, sizeof(record));

	/* A shorter one over a longer one leaves nothing of it. */
	memset(record.netns + 4, 0, sizeof(record.netns) - 4);
	record.address_len = 0;
	record.addresses[0] = (struct ipaddr){ .family = AF_UNSPEC };
	assert_int_equal(attachment_write(&lock, &record, &err), 0);
	assert_int_equal(attachment_read(&lock, &read, &err), 1);
	assert_memory_equal(&read, &record, sizeof(record));
	attachment_unlock(&lock);
	attachment_unlock(&lock);
}

static void a_record_is_known_until_it_is_removed(void **state)
{
	struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct attachment_key other = { "default", "c1", "eth1" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(attachment_lock_known(dir, &key, &lock, &err), 0);
	lock = locked(&key);
	attachment_unlock(&lock);
	assert_int_equal(attachment_lock_known(dir, &other, &lock, &err), 0);
	assert_int_equal(attachment_lock_known(dir, &key, &lock, &err), 1);
	assert_int_equal(attachment_remove(&lock, &err), 0);
	assert_int_equal(attachment_remove(&lock, &err), 0);
	attachment_unlock(&lock);
	assert_int_equal(attachment_lock_known(dir, &key, &lock, &err), 0);
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
		"\"netns\":\"n\",\"hostVeth\":\"longer than 15 bytes\",\"addresses\":[]}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[\"10.5.1\"]}",
		"{\"version\":1,\"network\":\"default\",\"containerId\":\"c1\",\"ifname\":\"eth0\","
		"\"netns\":\"n\",\"hostVeth\":\"v\",\"addresses\":[\"::1\",\"::2\",\"::3\",\"::4\",\"::5\",\"::6\",\"::7\",\"::8\",\"::9\"]}",
	};
	struct attachment_lock lock = locked(&key);

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
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

static void the_place_of_another_is_not_taken(void **state)
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

/* Whoever waits for the lock of a record that is then removed gets that of a new one. */
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
		/* Its own descriptors, not those that it got from its parent. */
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
		in_a_dir(a_record_comes_back_as_it_was_written),
		in_a_dir(a_record_is_known_until_it_is_removed),
		in_a_dir(damaged_records_are_refused),
		in_a_dir(the_place_of_another_is_not_taken),
		in_a_dir(a_lock_has_one_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
