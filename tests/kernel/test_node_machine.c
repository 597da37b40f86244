/* SPDX-License-Identifier: Apache-2.0 */
/* In a mount namespace of its own, where the files that name a machine are the test's. */
#include "daemon/machine.h"

#include "tests/unit/samples.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINE "/etc/machine-id"
#define UUID "/sys/class/dmi/id/product_uuid"
#define ONE "0123456789abcdef0123456789abcdef\n"
#define OTHER "fedcba9876543210fedcba9876543210\n"

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	static const char *const dirs[] = { "/sys/class", "/sys/class/dmi", "/sys/class/dmi/id" };

	(void)state;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("none", "/etc", "tmpfs", 0, NULL), 0);
	assert_int_equal(mount("none", "/sys", "tmpfs", 0, NULL), 0);
	for (size_t i = 0; i < LEN(dirs); i++)
		assert_int_equal(mkdir(dirs[i], 0755), 0);
	return 0;
}

/* What it is now, in a text that lives until the next but one call. */
static const char *now(void)
{
	static char ids[2][MACHINE_ID_SIZE];
	static unsigned turn;
	char *id = ids[turn++ % 2];

	memset(id, 'x', MACHINE_ID_SIZE - 1);
	machine_id(id);
	return id;
}

static void a_machine_without_a_name_has_none(void **state)
{
	(void)state;
	assert_string_equal(now(), "");
	write_file(MACHINE, ""); /* as an image has it before its first boot */
	assert_string_equal(now(), "");
	write_file(MACHINE, ONE ONE ONE ONE ONE ONE ONE ONE); /* too large: not one */
	assert_string_equal(now(), "");
}

static void its_id_is_a_hash_that_stays(void **state)
{
	const char *id;

	(void)state;
	write_file(MACHINE, ONE);
	id = now();
	assert_int_equal(strlen(id), 16);
	assert_int_equal(strspn(id, "0123456789abcdef"), 16);
	assert_null(strstr(ONE, id));
	assert_string_equal(now(), id);
	/* On disks that it is compared with: another one would make a copy of every node. */
	assert_string_equal(id, "1439a76348e07750");
}

static void another_file_is_another_machine(void **state)
{
	char one[MACHINE_ID_SIZE], both[MACHINE_ID_SIZE];

	(void)state;
	write_file(MACHINE, ONE);
	machine_id(one);
	write_file(MACHINE, OTHER);
	assert_string_not_equal(now(), one);
	write_file(MACHINE, ONE);
	write_file(UUID, "a\n");
	machine_id(both);
	assert_string_not_equal(both, one);
	write_file(UUID, "b\n"); /* a copy whose machine-id was not made anew */
	assert_string_not_equal(now(), both);
	assert_int_equal(unlink(MACHINE), 0);
	assert_int_equal(strlen(now()), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_machine_without_a_name_has_none, setup),
		cmocka_unit_test_setup(its_id_is_a_hash_that_stays, setup),
		cmocka_unit_test_setup(another_file_is_another_machine, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
