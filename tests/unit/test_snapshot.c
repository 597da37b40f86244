/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/snapshot.h"

#include "common/array.h"
#include "common/auto.h"
#include "daemon/lease/lease_table.h"
#include "daemon/store/store.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <sys/stat.h>

#define CONFIG "{\"Network\":\"10.5.0.0/16\"}"

static const struct snapshot_head nowhere;
static const struct snapshot_head somewhere = {
	.seen = { .cluster = UINT64_MAX, .revision = 4711, .term = 2 }
};

static char path[160];

static int setup(void **state)
{
	int rc = tempdir_make(state);

	snprintf(path, sizeof(path), "%s/networks/default.json", tempdir_path);
	return rc;
}

static struct lease_table sample_known(void)
{
	struct lease_table known = { .listing = false };
	struct lease a = sample_peer("10.5.2.0/24", "192.168.0.2", "c6:00:00:00:00:02", SAMPLE_NODE,
				     7);
	struct lease b = sample_peer("10.5.3.0/24", "192.168.0.3", "c6:00:00:00:00:03", "", 8);
	struct lease c = sample_peer("10.5.4.0/24", "192.168.0.4", "c6:00:00:00:00:04", "", 9);

	sample_put(&known.current.leases, &a);
	sample_put(&known.current.leases, &b);
	c.invalid = true;
	sample_put(&known.current.leases, &c);
	return known;
}

static void write_at(const struct snapshot_head *head, const struct lease_table *known,
		     uint64_t *written)
{
	struct err err = ERR_INIT;

	assert_good(snapshot_write(tempdir_path, "default", head, CONFIG, &known->current.leases,
				   written, &err),
		    err);
}

static void write_it(const struct lease_table *known, uint64_t *written)
{
	write_at(&nowhere, known, written);
}

static void a_snapshot_is_read_as_it_was_written(void **state)
{
	struct lease_table known = sample_known(), again = { .listing = false };
	AUTO(free) char *config = NULL;
	struct err err = ERR_INIT;
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	assert_int_equal(snapshot_read(tempdir_path, "default", &config, &again, &err), 1);
	assert_string_equal(config, CONFIG);
	assert_int_equal(again.current.leases.len, 2); /* invalid leases are left out */
	assert_string_equal(again.current.leases.at[0].node, SAMPLE_NODE);
	assert_int_equal(mac_cmp(&again.current.leases.at[1].vtep_mac[0],
				 &known.current.leases.at[1].vtep_mac[0]),
			 0);
	assert_false(again.listing);
	lease_table_free(&known);
	lease_table_free(&again);
}

static void an_unchanged_snapshot_is_not_written_again(void **state)
{
	struct lease_table known = sample_known();
	struct stat before, after;
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	assert_int_equal(stat(path, &before), 0);
	write_it(&known, &written);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	known.current.leases.at[0].mtu = 1400;
	write_it(&known, &written);
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	lease_table_free(&known);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static bool is_head(const struct snapshot_head *want)
{
	struct snapshot_head head = { .restored = !want->restored };
	struct err err = ERR_INIT;

	assert_int_equal(snapshot_read_head(tempdir_path, "default", &head, &err), 1);
	return head.restored == want->restored &&
	       !memcmp(&head.seen, &want->seen, sizeof(head.seen));
}

static void the_head_can_be_read_without_leases(void **state)
{
	struct lease_table known = sample_known(), again = { .listing = false };
	struct snapshot_head head = somewhere;
	AUTO(free) char *config = NULL;
	struct err err = ERR_INIT;
	uint64_t written = 0;

	(void)state;
	assert_int_equal(snapshot_read_head(tempdir_path, "default", &head, &err), 0);
	write_it(&known, &written);
	assert_true(is_head(&nowhere));
	written = 0;
	write_at(&somewhere, &known, &written);
	assert_true(is_head(&somewhere));
	head.restored = true;
	write_at(&head, &known, &written); /* differs in more than the position */
	assert_true(is_head(&head));
	assert_int_equal(snapshot_read(tempdir_path, "default", &config, &again, &err), 1);
	assert_string_equal(config, CONFIG);
	assert_int_equal(again.current.leases.len, 2);
	lease_table_free(&known);
	lease_table_free(&again);
}

/* The revision of a store changes constantly; the disk must not be written each time. */
static void a_new_revision_alone_is_not_written(void **state)
{
	struct lease_table known = sample_known();
	struct snapshot_head head = somewhere;
	uint64_t written = 0;

	(void)state;
	write_at(&head, &known, &written);
	head.seen.revision++;
	write_at(&head, &known, &written);
	assert_true(is_head(&somewhere));
	known.current.leases.at[0].mtu = 1400;
	write_at(&head, &known, &written);
	assert_true(is_head(&head));
	lease_table_free(&known);
}

static void vanished_leases_are_written_within_the_grace_period(void **state)
{
	struct lease_table known = sample_known(), again = { .listing = false };
	struct snapshot_head head = { .restored = false };
	uint64_t written = 0;

	(void)state;
	known.current.leases.at[0].vanished = true;
	for (size_t stay = 0; stay < 2; stay++) {
		AUTO(free) char *config = NULL;
		struct err err = ERR_INIT;

		head.restored = stay;
		write_at(&head, &known, &written);
		assert_int_equal(snapshot_read(tempdir_path, "default", &config, &again, &err), 1);
		assert_int_equal(again.current.leases.len, 1 + stay);
	}
	lease_table_free(&known);
	lease_table_free(&again);
}

static void a_damaged_head_has_no_position(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "", 0 },
		{ "\n", 0 },
		{ "{\"version\":1,\"config\":\"{}\",\"subnets\":{\n}}\n",
		  0 }, /* the earlier content */
		{ "{\"version\":1,\"seen\":{\"cluster\":\"9\"},", 0 },
		{ ",\n", -1 },
		{ "{\"version\":1,\"restored\":1,\n", -1 },
		{ "{\"version\":2,\"seen\":{\"cluster\":\"9\"},\n", -1 },
		{ "{\"version\":1,\"seen\":[],\n", -1 },
		{ "{\"version\":1,\"seen\":{\"cluster\":\"-9\"},\n", -1 },
		{ "{\"version\":1,\"seen\":{\"cluster\":\"9\",\"term\":\"99999999999999999999\"},\n",
		  -1 },
	};
	struct lease_table known = sample_known();
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot_head head = somewhere;
		struct err err = ERR_INIT;

		write_text(cases[i].text);
		if (snapshot_read_head(tempdir_path, "default", &head, &err) != cases[i].rc)
			fail_msg("case %zu: %s", i, err.text);
		assert_memory_equal(&head, &somewhere, sizeof(head));
	}
	lease_table_free(&known);
}

static void a_snapshot_without_peers_is_written(void **state)
{
	struct lease_table known = { .listing = false };
	AUTO(free) char *config = NULL;
	struct err err = ERR_INIT;
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	assert_int_equal(snapshot_read(tempdir_path, "default", &config, &known, &err), 1);
	assert_int_equal(known.current.leases.len, 0);
}

static void a_missing_snapshot_is_not_an_error(void **state)
{
	struct lease_table known = { .listing = false };
	char *config = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(snapshot_read(tempdir_path, "default", &config, &known, &err), 0);
	assert_null(config);
}

static void a_damaged_snapshot_changes_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"{}",
		"{\"version\":2,\"config\":\"{}\",\"subnets\":{}}",
		"{\"version\":1,\"config\":{},\"subnets\":{}}",
		"{\"version\":1,\"config\":\"{}\",\"subnets\":[]}",
	};
	struct lease_table known = sample_known();
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err err = ERR_INIT;
		char *config = NULL;

		write_text(texts[i]);
		if (snapshot_read(tempdir_path, "default", &config, &known, &err) != -1)
			fail_msg("case %zu", i);
		assert_int_equal(err.code, ERR_STATE);
		assert_null(config);
		assert_int_equal(known.current.leases.len, 3);
	}
	lease_table_free(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_snapshot_is_read_as_it_was_written, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(an_unchanged_snapshot_is_not_written_again, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(the_head_can_be_read_without_leases, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(a_new_revision_alone_is_not_written, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(vanished_leases_are_written_within_the_grace_period,
						setup, tempdir_remove),
		cmocka_unit_test_setup_teardown(a_damaged_head_has_no_position, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(a_snapshot_without_peers_is_written, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(a_missing_snapshot_is_not_an_error, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(a_damaged_snapshot_changes_nothing, setup,
						tempdir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
