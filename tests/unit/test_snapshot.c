/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/lastgood.h"

#include "common/auto.h"
#include "daemon/known.h"
#include "daemon/store.h"
#include "tests/unit/samples.h"
#include "tests/unit/tempdir.h"

#include <sys/stat.h>

#define CONFIG "{\"Network\":\"10.5.0.0/16\"}"

static const struct lastgood_head nowhere;
static const struct lastgood_head somewhere = {
	.seen = { .cluster = UINT64_MAX, .revision = 4711, .term = 2 }
};

static char path[160];

static int setup(void **state)
{
	int rc = tempdir_make(state);

	snprintf(path, sizeof(path), "%s/networks/default.json", tempdir_path);
	return rc;
}

static struct known sample_known(void)
{
	struct known known = { .listing = false };
	struct peer a = sample_peer("10.5.2.0/24", "192.168.0.2", "c6:00:00:00:00:02", SAMPLE_NODE,
				    7);
	struct peer b = sample_peer("10.5.3.0/24", "192.168.0.3", "c6:00:00:00:00:03", "", 8);
	struct peer c = sample_peer("10.5.4.0/24", "192.168.0.4", "c6:00:00:00:00:04", "", 9);

	sample_put(&known.now.peers, &a);
	sample_put(&known.now.peers, &b);
	c.unreadable = true;
	sample_put(&known.now.peers, &c);
	return known;
}

static void write_at(const struct lastgood_head *head, const struct known *known, uint64_t *written)
{
	struct err err = ERR_INIT;

	assert_good(lastgood_write(tempdir_path, "default", head, CONFIG, &known->now.peers,
				   written, &err),
		    err);
}

static void write_it(const struct known *known, uint64_t *written)
{
	write_at(&nowhere, known, written);
}

static void what_is_written_is_read(void **state)
{
	struct known known = sample_known(), again = { .listing = false };
	AUTO_FREE char *config = NULL;
	struct err err = ERR_INIT;
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	assert_int_equal(lastgood_read(tempdir_path, "default", &config, &again, &err), 1);
	assert_string_equal(config, CONFIG);
	assert_int_equal(again.now.peers.len, 2); /* what cannot be read is left out */
	assert_string_equal(again.now.peers.at[0].node, SAMPLE_NODE);
	assert_int_equal(
		mac_cmp(&again.now.peers.at[1].vtep_mac[0], &known.now.peers.at[1].vtep_mac[0]), 0);
	assert_false(again.listing);
	known_free(&known);
	known_free(&again);
}

static void the_same_is_not_written_again(void **state)
{
	struct known known = sample_known();
	struct stat before, after;
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	assert_int_equal(stat(path, &before), 0);
	write_it(&known, &written);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	known.now.peers.at[0].mtu = 1400;
	write_it(&known, &written);
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	known_free(&known);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static bool is_head(const struct lastgood_head *want)
{
	struct lastgood_head head = { .restored = !want->restored };
	struct err err = ERR_INIT;

	assert_int_equal(lastgood_read_head(tempdir_path, "default", &head, &err), 1);
	return head.restored == want->restored &&
	       !memcmp(&head.seen, &want->seen, sizeof(head.seen));
}

static void its_head_is_read_alone(void **state)
{
	struct known known = sample_known(), again = { .listing = false };
	struct lastgood_head head = somewhere;
	AUTO_FREE char *config = NULL;
	struct err err = ERR_INIT;
	uint64_t written = 0;

	(void)state;
	assert_int_equal(lastgood_read_head(tempdir_path, "default", &head, &err), 0);
	write_it(&known, &written);
	assert_true(is_head(&nowhere));
	written = 0;
	write_at(&somewhere, &known, &written);
	assert_true(is_head(&somewhere));
	head.restored = true;
	write_at(&head, &known, &written); /* as it differs in more than what was seen */
	assert_true(is_head(&head));
	assert_int_equal(lastgood_read(tempdir_path, "default", &config, &again, &err), 1);
	assert_string_equal(config, CONFIG);
	assert_int_equal(again.now.peers.len, 2);
	known_free(&known);
	known_free(&again);
}

/* The revision of a store changes all the time, and a disk is not to be written all the time. */
static void a_revision_alone_is_not_written(void **state)
{
	struct known known = sample_known();
	struct lastgood_head head = somewhere;
	uint64_t written = 0;

	(void)state;
	write_at(&head, &known, &written);
	head.seen.revision++;
	write_at(&head, &known, &written);
	assert_true(is_head(&somewhere));
	known.now.peers.at[0].mtu = 1400;
	write_at(&head, &known, &written);
	assert_true(is_head(&head));
	known_free(&known);
}

static void what_has_vanished_is_kept_where_it_is_to_stay(void **state)
{
	struct known known = sample_known(), again = { .listing = false };
	struct lastgood_head head = { .restored = false };
	uint64_t written = 0;

	(void)state;
	known.now.peers.at[0].vanished = true;
	for (size_t stay = 0; stay < 2; stay++) {
		AUTO_FREE char *config = NULL;
		struct err err = ERR_INIT;

		head.restored = stay;
		write_at(&head, &known, &written);
		assert_int_equal(lastgood_read(tempdir_path, "default", &config, &again, &err), 1);
		assert_int_equal(again.now.peers.len, 1 + stay);
	}
	known_free(&known);
	known_free(&again);
}

static void a_damaged_beginning_says_nothing(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "", 0 },
		{ "\n", 0 },
		{ "{\"version\":1,\"config\":\"{}\",\"subnets\":{\n}}\n", 0 }, /* as it was once */
		{ "{\"version\":1,\"seen\":{\"cluster\":\"9\"},", 0 },
		{ ",\n", -1 },
		{ "{\"version\":1,\"restored\":1,\n", -1 },
		{ "{\"version\":2,\"seen\":{\"cluster\":\"9\"},\n", -1 },
		{ "{\"version\":1,\"seen\":[],\n", -1 },
		{ "{\"version\":1,\"seen\":{\"cluster\":\"-9\"},\n", -1 },
		{ "{\"version\":1,\"seen\":{\"cluster\":\"9\",\"term\":\"99999999999999999999\"},\n",
		  -1 },
	};
	struct known known = sample_known();
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	for (size_t i = 0; i < LEN(cases); i++) {
		struct lastgood_head head = somewhere;
		struct err err = ERR_INIT;

		write_text(cases[i].text);
		if (lastgood_read_head(tempdir_path, "default", &head, &err) != cases[i].rc)
			fail_msg("case %zu: %s", i, err.text);
		assert_memory_equal(&head, &somewhere, sizeof(head));
	}
	known_free(&known);
}

static void no_peers_are_a_document_too(void **state)
{
	struct known known = { .listing = false };
	AUTO_FREE char *config = NULL;
	struct err err = ERR_INIT;
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	assert_int_equal(lastgood_read(tempdir_path, "default", &config, &known, &err), 1);
	assert_int_equal(known.now.peers.len, 0);
}

static void absent_is_no_failure(void **state)
{
	struct known known = { .listing = false };
	char *config = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(lastgood_read(tempdir_path, "default", &config, &known, &err), 0);
	assert_null(config);
}

static void what_is_damaged_changes_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"{}",
		"{\"version\":2,\"config\":\"{}\",\"subnets\":{}}",
		"{\"version\":1,\"config\":{},\"subnets\":{}}",
		"{\"version\":1,\"config\":\"{}\",\"subnets\":[]}",
	};
	struct known known = sample_known();
	uint64_t written = 0;

	(void)state;
	write_it(&known, &written);
	for (size_t i = 0; i < LEN(texts); i++) {
		struct err err = ERR_INIT;
		char *config = NULL;

		write_text(texts[i]);
		if (lastgood_read(tempdir_path, "default", &config, &known, &err) != -1)
			fail_msg("case %zu", i);
		assert_int_equal(err.code, ERR_STATE);
		assert_null(config);
		assert_int_equal(known.now.peers.len, 3);
	}
	known_free(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, tempdir_remove),
		cmocka_unit_test_setup_teardown(the_same_is_not_written_again, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(its_head_is_read_alone, setup, tempdir_remove),
		cmocka_unit_test_setup_teardown(a_revision_alone_is_not_written, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(what_has_vanished_is_kept_where_it_is_to_stay,
						setup, tempdir_remove),
		cmocka_unit_test_setup_teardown(a_damaged_beginning_says_nothing, setup,
						tempdir_remove),
		cmocka_unit_test_setup_teardown(no_peers_are_a_document_too, setup, tempdir_remove),
		cmocka_unit_test_setup_teardown(absent_is_no_failure, setup, tempdir_remove),
		cmocka_unit_test_setup_teardown(what_is_damaged_changes_nothing, setup,
						tempdir_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
