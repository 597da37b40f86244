/* SPDX-License-Identifier: Apache-2.0 */
/* The owner of the file store's file: a write by root keeps the owner. */
#include "daemon/store/file/store_file_ops.h"

#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <sys/stat.h>
#include <unistd.h>

static void a_changed_file_keeps_its_owner(void **state)
{
	struct store_file_doc none = { .revision = 0 }, after = { .revision = 0 };
	struct store_file_change change = { .part = { "default", false },
					    .key = "10.5.1.0-24",
					    .value = "{}" };
	struct err err = ERR_INIT;
	struct stat info;
	char path[128];
	FILE *file;

	(void)state;
	snprintf(path, sizeof(path), "%s/f", tempdir_path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("{\"config\":{\"Network\":\"10.5.0.0/16\"}}", file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chown(path, 1234, 4321), 0);
	change.path = path;
	assert_int_equal(store_file_change(&change, &none, &after, &err), STORE_FILE_DONE);
	assert_int_equal(after.entries.len, 1);
	store_file_doc_free(&after);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_uid, 1234);
	assert_int_equal(info.st_gid, 4321);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPDIR_TEST(a_changed_file_keeps_its_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
