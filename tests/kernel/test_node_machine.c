/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs in a mount namespace of its own, in which the test creates the files that identify a
 * machine.
 */
#include "daemon/lease/node.h"

#include "common/array.h"
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
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		assert_int_equal(mkdir(dirs[i], 0755), 0);
	return 0;
}

/* Returns the machine's ID. The text is valid until the next call but one. */
static const char *now(void)
{
	static char ids[2][NODE_MACHINE_ID_SIZE];
	static unsigned turn;
	char *id = ids[turn++ % 2];

	memset(id, 'x', NODE_MACHINE_ID_SIZE - 1);
	node_machine_id(id);
	return id;
}

static void without_id_files_there_is_no_machine_id(void **state)
{
	(void)state;
	assert_string_equal(now(), "");
	write_file(MACHINE, ""); /* an image before its first boot */
	assert_string_equal(now(), "");
	write_file(MACHINE, ONE ONE ONE ONE ONE ONE ONE ONE); /* too large: ignored */
	assert_string_equal(now(), "");
}

static void the_machine_id_is_a_constant_hash(void **state)
{
	const char *id;

	(void)state;
	write_file(MACHINE, ONE);
	id = now();
	assert_int_equal(strlen(id), 16);
	assert_int_equal(strspn(id, "0123456789abcdef"), 16);
	assert_null(strstr(ONE, id));
	assert_string_equal(now(), id);
	/* Saved on disk: another hash would turn every node into a clone. */
	assert_string_equal(id, "1439a76348e07750");
}

static void the_machine_id_depends_on_every_file(void **state)
{
	char one[NODE_MACHINE_ID_SIZE], both[NODE_MACHINE_ID_SIZE];

	(void)state;
	write_file(MACHINE, ONE);
	node_machine_id(one);
	write_file(MACHINE, OTHER);
	assert_string_not_equal(now(), one);
	write_file(MACHINE, ONE);
	write_file(UUID, "a\n");
	node_machine_id(both);
	assert_string_not_equal(both, one);
	write_file(UUID, "b\n"); /* a clone that kept its machine-id */
	assert_string_not_equal(now(), both);
	assert_int_equal(unlink(MACHINE), 0);
	assert_int_equal(strlen(now()), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_id_files_there_is_no_machine_id, setup),
		cmocka_unit_test_setup(the_machine_id_is_a_constant_hash, setup),
		cmocka_unit_test_setup(the_machine_id_depends_on_every_file, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
