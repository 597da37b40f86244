/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/pool.h"

#include "common/array.h"
#include "common/err.h"
#include "common/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/weft-test-pool.XXXXXX"; /* created for every test */

static const char *host_local; /* directory of its reservations */

/* An attachment as an ADD holds it. */
struct owner {
	char id[16];
	struct attachment_key key;
	struct attachment_lock lock;
	struct attachment record;
};

static void owner_open(struct owner *owner, int number)
{
	struct err err = ERR_INIT;

	*owner = (struct owner){ .lock = ATTACHMENT_LOCK_INIT, .record = { .netns = "/n" } };
	snprintf(owner->id, sizeof(owner->id), "c%d", number);
	owner->key = (struct attachment_key){ "default", owner->id, "eth0" };
	if (attachment_lock(dir, &owner->key, &owner->lock, &err) < 0)
		fail_msg("%s", err.text);
}

static struct pool_choice choice_from(const char *subnet, const char *gateway)
{
	struct pool_choice choice = { .set = { .len = 0 } };
	struct range range;
	struct ipaddr addr = { .family = AF_UNSPEC };
	struct prefix prefix = { .len = 0 };
	struct err err = ERR_INIT;

	if (prefix_parse(subnet, &prefix, &err) < 0 || ipaddr_parse(gateway, &addr, &err) < 0 ||
	    range_of(&prefix, &addr, &range, &err) < 0 ||
	    range_set_add(&choice.set, &range, &err) < 0)
		fail_msg("%s", err.text);
	return choice;
}

/* Allocates an address for a new owner and unlocks it; returns the address as text. */
static const char *taken(int number, const struct pool_choice *choice)
{
	static char text[IPADDR_TEXT_SIZE];
	struct err err = ERR_INIT;
	struct owner owner;

	owner_open(&owner, number);
	if (pool_acquire(&owner.lock, choice, 1, host_local, &owner.record, &err) < 0)
		fail_msg("%s", err.text);
	attachment_unlock(&owner.lock);
	return ipaddr_text(&owner.record.addresses[0], text);
}

static void given_back(int number)
{
	struct err err = ERR_INIT;
	struct owner owner;

	owner_open(&owner, number);
	assert_int_equal(attachment_read(&owner.lock, &owner.record, &err), 1);
	assert_int_equal(pool_release(&owner.lock, &owner.record, &err), 0);
	assert_int_equal(attachment_remove(&owner.lock, &err), 0);
	attachment_unlock(&owner.lock);
}

static void path_of(const char *name, char path[static FS_PATH_SIZE])
{
	snprintf(path, FS_PATH_SIZE, "%s/ipam/default/%s", dir, name);
}

static bool exists(const char *name)
{
	char path[FS_PATH_SIZE];
	struct stat st;

	path_of(name, path);
	return lstat(path, &st) == 0;
}

static void addresses_are_allocated_in_turn(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/29", "10.5.1.1");
	static const char *const order[] = { "10.5.1.2", "10.5.1.3", "10.5.1.4" };

	(void)state;
	for (int i = 0; i < (int)ARRAY_LEN(order); i++)
		assert_string_equal(taken(i, &choice), order[i]);
	/* A released address comes after those that were never allocated. */
	given_back(1);
	assert_string_equal(taken(3, &choice), "10.5.1.5");
	assert_string_equal(taken(4, &choice), "10.5.1.6");
	/* Then the one that was released first. */
	given_back(4);
	given_back(0);
	assert_string_equal(taken(5, &choice), "10.5.1.3");
	assert_string_equal(taken(6, &choice), "10.5.1.6");
	assert_string_equal(taken(7, &choice), "10.5.1.2");
}

static void request_last(struct pool_choice *choice, unsigned char last)
{
	choice->wanted = (struct ipaddr){ .be = { [12] = 10, 5, 1, last }, .family = AF_INET };
}

static void an_address_can_be_requested(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/29", "10.5.1.1"), asked = choice;
	struct err err = ERR_INIT;
	struct owner owner;

	(void)state;
	request_last(&asked, 4);
	assert_string_equal(taken(0, &asked), "10.5.1.4");
	owner_open(&owner, 9);
	assert_int_equal(pool_acquire(&owner.lock, &asked, 1, host_local, &owner.record, &err), -1);
	assert_int_equal(err.code, ERR_ADDRESS);
	assert_non_null(strstr(err.text, "10.5.1.4"));
	assert_int_equal(attachment_read(&owner.lock, &owner.record, &err), 0);
	attachment_unlock(&owner.lock);
	/* Allocation in turn skips it. */
	assert_string_equal(taken(1, &choice), "10.5.1.2");
	assert_string_equal(taken(2, &choice), "10.5.1.3");
	assert_string_equal(taken(3, &choice), "10.5.1.5");
	assert_string_equal(taken(4, &choice), "10.5.1.6");
	/* A released address can be requested, and is not allocated twice. */
	given_back(1);
	given_back(2);
	request_last(&asked, 2);
	assert_string_equal(taken(5, &asked), "10.5.1.2");
	assert_string_equal(taken(6, &choice), "10.5.1.3");
	given_back(0);
	assert_string_equal(taken(7, &choice), "10.5.1.4");
}

static void the_queue_wraps_around_many_times(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/29", "10.5.1.1");
	char want[IPADDR_TEXT_SIZE];

	(void)state;
	for (int i = 0; i < 5; i++)
		taken(i, &choice);
	for (int i = 0; i < 5; i++)
		given_back(i);
	for (int i = 0; i < 3000; i++) {
		snprintf(want, sizeof(want), "10.5.1.%d", 2 + i % 5);
		assert_string_equal(taken(7, &choice), want);
		given_back(7);
	}
}

/* No address is lost by a crash between its release and the queue entry, or with the queue file. */
static void an_unrecorded_address_is_found(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/29", "10.5.1.1");
	char path[FS_PATH_SIZE];

	(void)state;
	for (int i = 0; i < 5; i++)
		taken(i, &choice);
	path_of("10.5.1.4", path);
	assert_int_equal(unlink(path), 0);
	assert_string_equal(taken(5, &choice), "10.5.1.4");
	given_back(3);
	path_of("lock", path);
	assert_int_equal(truncate(path, 0), 0);
	assert_string_equal(taken(6, &choice), "10.5.1.5");
}

static void a_check_for_free_addresses_allocates_none(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/29", "10.5.1.1");
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pool_check_free(dir, "default", &choice.set, host_local, &err), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(pool_check_free(dir, "default", &choice.set, host_local, &err), 0);
		taken(i, &choice);
	}
	assert_int_equal(pool_check_free(dir, "default", &choice.set, host_local, &err), -1);
	assert_int_equal(err.code, ERR_POOL_FULL);
	assert_non_null(strstr(err.text, "all 5"));
	assert_string_equal(err.details, "");
	given_back(2);
	given_back(1);
	assert_int_equal(pool_check_free(dir, "default", &choice.set, host_local, &err), 0);
	assert_int_equal(pool_check_free(dir, "default", &choice.set, host_local, &err), 0);
	assert_string_equal(taken(6, &choice), "10.5.1.4");
}

/* Creates a file, or a directory, as host-local does. */
static void reserved(const char *name)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", host_local, name);
	if (name[strlen(name) - 1] == '/') {
		assert_int_equal(mkdir(path, 0755), 0);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	dprintf(fd, "c1\r\neth0");
	close(fd);
}

static void addresses_of_host_local_are_not_chosen(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/29", "10.5.1.1");
	struct pool_choice asked = choice;
	struct err err = ERR_INIT;
	struct owner owner;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/networks", dir);
	host_local = path;
	assert_string_equal(taken(1, &choice), "10.5.1.2"); /* no directory */
	assert_int_equal(mkdir(path, 0755), 0);
	reserved("cbr0/");
	reserved("cbr0/10.5.1.3");
	reserved("cbr0/10.5.1.4/"); /* no reservation */
	reserved("cbr0/last_reserved_ip.0");
	reserved("cbr0/10.5.1.05");
	reserved("cbr0/lock");
	reserved("10.5.1.4");
	reserved("other/");
	reserved("other/10.5.1.5");
	reserved("other/10.9.9.9");
	assert_string_equal(taken(2, &choice), "10.5.1.4");
	assert_string_equal(taken(3, &choice), "10.5.1.6");
	assert_int_equal(pool_check_free(dir, "default", &choice.set, host_local, &err), -1);
	assert_string_equal(err.details,
			    "0 entries not created by weft, 2 reservations of host-local");
	assert_int_equal(ipaddr_parse("10.5.1.5", &asked.wanted, &err), 0);
	owner_open(&owner, 4);
	assert_int_equal(pool_acquire(&owner.lock, &asked, 1, host_local, &owner.record, &err), -1);
	assert_int_equal(err.code, ERR_ADDRESS);
	attachment_unlock(&owner.lock);
	/* The flannel container is gone. */
	snprintf(path, sizeof(path), "%s/networks/other/10.5.1.5", dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/networks", dir);
	assert_string_equal(taken(4, &choice), "10.5.1.5");
	host_local = NULL;
}

static void an_allocated_address_refers_to_its_record(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/24", "10.5.1.1");
	struct owner owner, other;
	char path[FS_PATH_SIZE], text[512];
	struct err err = ERR_INIT;
	ssize_t size;
	int fd;

	(void)state;
	owner_open(&owner, 1);
	owner_open(&other, 2);
	assert_int_equal(pool_holds(&owner.lock, &choice.set.at[0].last, &err), 0);
	assert_int_equal(pool_acquire(&owner.lock, &choice, 1, host_local, &owner.record, &err), 0);
	assert_int_equal(pool_holds(&owner.lock, &owner.record.addresses[0], &err), 1);
	assert_int_equal(pool_holds(&other.lock, &owner.record.addresses[0], &err), 0);
	path_of("10.5.1.2", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	size = read(fd, text, sizeof(text) - 1);
	assert_true(size > 0);
	text[size] = '\0';
	assert_non_null(strstr(text, "\"containerId\":\"c1\""));
	close(fd);
	attachment_unlock(&owner.lock);
	attachment_unlock(&other.lock);
}

static void both_families_are_allocated_together(void **state)
{
	struct pool_choice choices[2];
	char text[IPADDR_TEXT_SIZE];
	struct err err = ERR_INIT;
	struct owner owner;

	(void)state;
	choices[0] = choice_from("10.5.1.0/24", "10.5.1.1");
	choices[1] = choice_from("fd00:5::/64", "fd00:5::1");
	for (int i = 0; i < 3; i++) {
		owner_open(&owner, i);
		assert_int_equal(
			pool_acquire(&owner.lock, choices, 2, host_local, &owner.record, &err), 0);
		attachment_unlock(&owner.lock);
	}
	assert_string_equal(ipaddr_text(&owner.record.addresses[0], text), "10.5.1.4");
	assert_string_equal(ipaddr_text(&owner.record.addresses[1], text), "fd00:5::4");
	given_back(2);
	assert_false(exists("10.5.1.4"));
	assert_false(exists("fd00:5::4"));
}

static void a_full_pool_is_an_error(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/29", "10.5.1.1");
	struct err err = ERR_INIT;
	struct owner owner;

	(void)state;
	for (int i = 0; i < 5; i++)
		taken(i, &choice);
	owner_open(&owner, 9);
	assert_int_equal(pool_acquire(&owner.lock, &choice, 1, host_local, &owner.record, &err),
			 -1);
	assert_int_equal(err.code, ERR_POOL_FULL);
	assert_non_null(strstr(err.text, "10.5.1.0/29"));
	assert_non_null(strstr(err.text, "all 5"));
	assert_string_equal(err.details, "");
	/* The record is still empty. */
	assert_int_equal(attachment_read(&owner.lock, &owner.record, &err), 0);
	attachment_unlock(&owner.lock);
}

static void entries_of_other_programs_are_skipped(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/28", "10.5.1.1");
	char path[FS_PATH_SIZE];
	struct err err = ERR_INIT;
	struct owner owner;

	(void)state;
	assert_string_equal(taken(0, &choice), "10.5.1.2");
	path_of("10.5.1.3", path);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	path_of("10.5.1.4", path);
	assert_int_equal(symlink("../../attachments/other/0123456789abcdef", path), 0);
	path_of("10.5.1.5", path);
	assert_int_equal(symlink("/etc/hostname", path), 0);
	path_of("10.5.1.6", path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_string_equal(taken(1, &choice), "10.5.1.7");

	/* They are not released either. */
	owner_open(&owner, 2);
	for (unsigned char i = 0; i < 2; i++)
		owner.record.addresses[owner.record.address_len++] = (struct ipaddr){
			.be = { [12] = 10, 5, 1, (uint8_t)(3 + i) }, .family = AF_INET
		};
	assert_int_equal(pool_release(&owner.lock, &owner.record, &err), 0);
	assert_int_equal(pool_release_all(&owner.lock, &err), 0);
	attachment_unlock(&owner.lock);
	for (int i = 2; i < 8; i++) {
		char name[IPADDR_TEXT_SIZE];

		snprintf(name, sizeof(name), "10.5.1.%d", i);
		assert_true(exists(name));
	}
}

/* The record of a killed ADD names an address that another attachment has allocated since. */
static void an_address_of_another_attachment_is_not_released(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/24", "10.5.1.1");
	struct err err = ERR_INIT;
	struct owner owner;

	(void)state;
	assert_string_equal(taken(0, &choice), "10.5.1.2");
	owner_open(&owner, 1);
	owner.record.address_len = 1;
	owner.record.addresses[0] = (struct ipaddr){ .be = { [12] = 10, 5, 1, 2 },
						     .family = AF_INET };
	assert_int_equal(attachment_write(&owner.lock, &owner.record, &err), 0);
	attachment_unlock(&owner.lock);
	given_back(1);
	assert_true(exists("10.5.1.2"));
	given_back(0);
	assert_false(exists("10.5.1.2"));
}

static void without_a_record_all_entries_are_checked(void **state)
{
	struct pool_choice choice = choice_from("10.5.1.0/24", "10.5.1.1");
	struct err err = ERR_INIT;
	struct owner owner;

	(void)state;
	owner_open(&owner, 1);
	assert_int_equal(pool_release_all(&owner.lock, &err), 0);
	attachment_unlock(&owner.lock);
	assert_string_equal(taken(0, &choice), "10.5.1.2");
	assert_string_equal(taken(1, &choice), "10.5.1.3");
	owner_open(&owner, 1);
	assert_int_equal(ftruncate(owner.lock.fd, 0), 0);
	assert_int_equal(pool_release_all(&owner.lock, &err), 0);
	attachment_unlock(&owner.lock);
	assert_true(exists("10.5.1.2"));
	assert_false(exists("10.5.1.3"));
	assert_true(exists("lock"));
}

static void a_damaged_cursor_is_reset(void **state)
{
	static const char *const cases[] = { "",
					     "\n\n\n",
					     "10.9.9.9\n",
					     "rubbish that has no end",
					     "10.5.1.2 9 3\n",
					     "10.5.1.2 0 99999 1024\n",
					     "10.5.1.2 0 0 1000\n" };
	struct pool_choice choice = choice_from("10.5.1.0/24", "10.5.1.1");
	char path[FS_PATH_SIZE], text[64];

	(void)state;
	assert_string_equal(taken(0, &choice), "10.5.1.2");
	path_of("lock", path);
	for (int i = 0; i < (int)ARRAY_LEN(cases); i++) {
		int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, cases[i], strlen(cases[i])), strlen(cases[i]));
		close(fd);
		assert_string_equal(taken(1, &choice), "10.5.1.3");
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(read(fd, text, sizeof(text)) > 18);
		assert_memory_equal(text, "10.5.1.3 0 0 1024\n", 18);
		close(fd);
		given_back(1);
	}
}

static void concurrent_adds_get_different_addresses(void **state)
{
	enum { MANY = 40 };
	struct pool_choice choice = choice_from("10.5.1.0/24", "10.5.1.1");
	int found = 0, status;
	char path[FS_PATH_SIZE];
	DIR *entries;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			taken(i, &choice);
			_exit(0);
		}
	}
	for (int i = 0; i < MANY; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	path_of("", path);
	entries = opendir(path);
	assert_non_null(entries);
	for (const struct dirent *entry; (entry = readdir(entries));)
		found += entry->d_type == DT_LNK;
	closedir(entries);
	assert_int_equal(found, MANY);
	for (int i = 0; i < MANY; i++)
		given_back(i);
	assert_false(exists("10.5.1.2"));
}

static int make_dir(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, STDERR_FILENO);
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
		in_a_dir(addresses_are_allocated_in_turn),
		in_a_dir(an_address_can_be_requested),
		in_a_dir(the_queue_wraps_around_many_times),
		in_a_dir(an_unrecorded_address_is_found),
		in_a_dir(a_check_for_free_addresses_allocates_none),
		in_a_dir(addresses_of_host_local_are_not_chosen),
		in_a_dir(an_allocated_address_refers_to_its_record),
		in_a_dir(both_families_are_allocated_together),
		in_a_dir(a_full_pool_is_an_error),
		in_a_dir(entries_of_other_programs_are_skipped),
		in_a_dir(an_address_of_another_attachment_is_not_released),
		in_a_dir(without_a_record_all_entries_are_checked),
		in_a_dir(a_damaged_cursor_is_reset),
		in_a_dir(concurrent_adds_get_different_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
