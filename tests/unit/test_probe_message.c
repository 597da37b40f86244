/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_message.h"

#include "common/array.h"
#include "daemon/probe/probe_row.h"
#include "daemon/probe/probe_seal.h"
#include "daemon/probe/probe_table.h"
#include "tests/unit/samples.h"

#define KEY "0123456789abcdef"

static const enum probe_kind kinds[] = { PROBE_REQUEST,   PROBE_REPLY,         PROBE_ROW_REQUEST,
					 PROBE_ROW_REPLY, PROBE_WATCH_REQUEST, PROBE_WATCH_REPLY };

static void a_message_is_parsed_as_it_was_written(void **state)
{
	uint8_t bytes[PROBE_SIZE_LARGE];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct probe_message message = {
			.kind = kinds[i],
			.vni = 0xabcdef,
			.held_us = i % 2 ? 1234567 : 0,
			.nonce = 0x0123456789abcdef,
			.payload_size = i < 2 ? 0 : 3,
			.payload = { 1, 2, 3 },
		};
		struct probe_message again = { .kind = PROBE_KINDS };
		const size_t size = probe_message_write(&message, bytes);

		assert_int_equal(size, probe_message_size(kinds[i]));
		assert_int_equal(probe_message_parse(bytes, size, &again), 0);
		assert_int_equal(again.kind, message.kind);
		assert_int_equal(again.vni, message.vni);
		assert_int_equal(again.held_us, message.held_us);
		assert_true(again.nonce == message.nonce);
		assert_int_equal(again.payload_size, message.payload_size);
		assert_memory_equal(again.payload, message.payload, i < 2 ? 0 : 3);
	}
	/* Numbers are in network byte order. */
	assert_memory_equal(bytes + 8, "\x00\xab\xcd\xef", 4);
	assert_memory_equal(bytes + 16, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
}

static void a_reply_is_not_longer_than_its_request(void **state)
{
	(void)state;
	assert_int_equal(probe_message_size(PROBE_REPLY), probe_message_size(PROBE_REQUEST));
	assert_int_equal(probe_message_size(PROBE_ROW_REPLY),
			 probe_message_size(PROBE_ROW_REQUEST));
	assert_int_equal(probe_message_size(PROBE_WATCH_REPLY),
			 probe_message_size(PROBE_WATCH_REQUEST));
}

static void malformed_messages_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} faults[] = {
		{ 0, 'x' },            /* magic */
		{ 4, 2 },              /* version */
		{ 5, 0 },              /* kind */
		{ 5, 3 },              /* a kind of another size */
		{ 5, 99 },  { 7, 1 },  /* a payload in a kind without one */
		{ 15, 1 },             /* the time of a reply in a request */
		{ 24, 1 },  { 47, 1 }, /* padding */
	};
	const struct probe_message message = { .kind = PROBE_REQUEST };
	struct probe_message parsed;
	uint8_t bytes[PROBE_SIZE_LARGE] = { 0 };
	const size_t size = probe_message_write(&message, bytes);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		const uint8_t before = bytes[faults[i].at];

		bytes[faults[i].at] = faults[i].value;
		assert_int_equal(probe_message_parse(bytes, size, &parsed), -1);
		bytes[faults[i].at] = before;
	}
	for (size_t other = 0; other < PROBE_SIZE_LARGE; other++)
		if (other != size)
			assert_int_equal(probe_message_parse(bytes, other, &parsed), -1);
	assert_int_equal(probe_message_parse(bytes, size, &parsed), 0);
}

static void the_seal_covers_key_path_and_message(void **state)
{
	const struct ipaddr from = sample_addr("10.5.1.1"), to = sample_addr("10.5.2.1");
	const struct probe_path path = { &from, &to }, back = { &to, &from };
	const struct probe_message message = { .kind = PROBE_REQUEST, .nonce = 9 };
	uint8_t bytes[PROBE_SIZE_LARGE];
	const size_t size = probe_message_write(&message, bytes);
	struct probe_key *key = probe_key_new(KEY), *other = probe_key_new(KEY "0");

	(void)state;
	assert_non_null(key);
	assert_non_null(other);
	assert_true(probe_seal_is_valid(NULL, &path, bytes, size));
	assert_false(probe_seal_is_valid(key, &path, bytes, size));
	assert_true(probe_seal(key, &path, bytes, size));
	assert_true(probe_seal_is_valid(key, &path, bytes, size));
	assert_false(probe_seal_is_valid(NULL, &path, bytes, size));
	assert_false(probe_seal_is_valid(other, &path, bytes, size));
	assert_false(probe_seal_is_valid(key, &back, bytes, size));
	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= 1;
		assert_false(probe_seal_is_valid(key, &path, bytes, size));
		bytes[i] ^= 1;
	}
	assert_true(probe_seal(NULL, &path, bytes, size));
	assert_true(probe_seal_is_valid(NULL, &path, bytes, size));
	probe_key_free(key);
	probe_key_free(other);
}

/* ---- Rows -------------------------------------------------------------------------------- */

#define TARGETS 250 /* three messages */
#define NOW 1000000000

/* Every third peer is not probed. */
static void make_table(struct probe_table *table)
{
	static const struct ipaddr own[FAMILIES];
	struct probe_targets wanted = { .len = 0 };

	for (unsigned i = 0; i < TARGETS; i++) {
		struct probe_target target = { .answers = i % 3 != 0 };
		char text[IPADDR_TEXT_SIZE];

		snprintf(text, sizeof(text), "10.5.%u.1", i);
		target.gateway = sample_addr(text);
		assert_true(probe_targets_push(&wanted, &target));
	}
	assert_true(probe_table_set(table, &wanted, own, 0));
	for (size_t i = 0; i < table->targets.len; i++) {
		struct probe_target *target = &table->targets.at[i];

		if (!target->answers)
			continue;
		probe_table_sent(target, 1, NOW - 3000000);
		if (i == 1)
			target->losses = 3, target->recent = 2; /* with that one, it is silent */
		else
			assert_true(probe_table_replied(table, target, 1, (uint32_t)i,
							NOW - 3000000 + i));
	}
}

struct reading {
	size_t len;
	struct probe_row_entry last;
	bool silent; /* there was an entry without a reply */
};

static void read_entry(void *ctx, const struct probe_row_entry *entry)
{
	struct reading *reading = ctx;

	assert_true(!reading->len || ipaddr_cmp(&entry->gateway, &reading->last.gateway) > 0);
	if (entry->rtt_us == PROBE_NO_RTT) {
		reading->silent = entry->silent;
		assert_int_equal(entry->sent, 3);
		assert_int_equal(entry->lost, 3);
		assert_int_equal(entry->age_s, PROBE_ROW_AGE_NONE);
	} else {
		assert_int_equal(entry->sent, 1);
		assert_int_equal(entry->lost, 0);
		assert_int_equal(entry->rtt_us, entry->gateway.be[14]);
		assert_in_range(entry->age_s, 2, 3);
	}
	reading->last = *entry;
	reading->len++;
}

static void a_row_arrives_in_parts(void **state)
{
	struct probe_table table = { .interval_us = 1000000 };
	struct probe_message request = { .kind = PROBE_ROW_REQUEST },
			     reply = { .kind = PROBE_ROW_REPLY };
	struct ipaddr after = { .family = AF_INET };
	struct reading reading = { .len = 0 };
	size_t parts = 0;
	bool more = true;

	(void)state;
	make_table(&table);
	for (; more; parts++) {
		probe_row_request(&after, &request);
		assert_int_equal(probe_row_reply(&request, &table, NOW, &reply), 0);
		assert_int_equal(
			probe_row_read(&reply, &after, read_entry, &reading, &more, &after), 0);
	}
	assert_int_equal(parts, 2);
	assert_int_equal(reading.len, TARGETS - (TARGETS + 2) / 3);
	assert_true(reading.silent);
	probe_table_free(&table);
}

struct states {
	size_t len;
	bool silent[2];
};

static void read_state(void *ctx, const struct probe_row_entry *entry)
{
	struct states *states = ctx;

	assert_true(states->len < ARRAY_LEN(states->silent));
	assert_int_equal(entry->sent, 10);
	assert_int_equal(entry->lost, 3);
	states->silent[states->len++] = entry->silent;
}

/* Three of ten lost: the first ones, or the last ones, after which the peer is silent. */
static void a_row_has_the_silence_of_peers(void **state)
{
	static const struct ipaddr own[FAMILIES];
	struct probe_table table = { .interval_us = 1000000 };
	struct probe_targets wanted = { .len = 0 };
	struct probe_message request = { .kind = PROBE_ROW_REQUEST },
			     reply = { .kind = PROBE_ROW_REPLY };
	const struct ipaddr after = { .family = AF_INET };
	struct states states = { .len = 0 };
	struct ipaddr last;
	bool more;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct probe_target target = {
			.gateway = sample_addr(i ? "10.5.2.1" : "10.5.1.1"),
			.answers = true,
		};

		assert_true(probe_targets_push(&wanted, &target));
	}
	assert_true(probe_table_set(&table, &wanted, own, 0));
	for (unsigned i = 0; i < 2; i++) {
		table.targets.at[i].recent = 10;
		table.targets.at[i].losses = i ? 0x7 : 0x380;
	}
	probe_row_request(&after, &request);
	assert_int_equal(probe_row_reply(&request, &table, NOW, &reply), 0);
	assert_int_equal(probe_row_read(&reply, &after, read_state, &states, &more, &last), 0);
	assert_int_equal(states.len, 2);
	assert_false(states.silent[0]);
	assert_true(states.silent[1]);
	probe_table_free(&table);
}

static void no_entry(void *ctx, const struct probe_row_entry *entry)
{
	(void)ctx, (void)entry;
	fail_msg("an entry of a malformed row");
}

static void malformed_rows_are_refused(void **state)
{
	static const struct {
		uint8_t payload[32];
		uint16_t size;
	} rows[] = {
		{ { 0 }, 0 },
		{ { 4 }, 1 },
		{ { 6, 0 }, 2 }, /* another family than requested */
		{ { 4, 2 }, 2 },
		{ { 4, 1 }, 2 }, /* it continues, but where? */
		{ { 4, 0, 1 }, 3 },
		{ { 4, 0, 10, 5, 2, 1, 65, 0 }, 14 }, /* more than are kept */
		{ { 4, 0, 10, 5, 2, 1, 2, 3 }, 14 },  /* more lost than sent */
		{ { 4, 0, 10, 5, 1, 1, 2, 1 }, 14 },  /* not after the requested address */
		{ { 4, 0, 10, 5, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 10, 5, 2, 1, 1 },
		  26 }, /* not ascending */
	};
	const struct ipaddr requested = sample_addr("10.5.1.1");
	struct ipaddr last;
	bool more;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_message reply = { .kind = PROBE_ROW_REPLY,
					       .payload_size = rows[i].size };

		memcpy(reply.payload, rows[i].payload, sizeof(rows[i].payload));
		assert_int_equal(probe_row_read(&reply, &requested, no_entry, NULL, &more, &last),
				 -1);
	}
}

static void malformed_requests_of_rows_are_refused(void **state)
{
	const struct probe_table table = { .interval_us = 1 };
	struct probe_message request = { .kind = PROBE_ROW_REQUEST }, reply = request;

	(void)state;
	assert_int_equal(probe_row_reply(&request, &table, 0, &reply), -1);
	request.payload[0] = 4;
	request.payload_size = 4;
	assert_int_equal(probe_row_reply(&request, &table, 0, &reply), -1);
	request.payload[0] = 6;
	request.payload_size = 5;
	assert_int_equal(probe_row_reply(&request, &table, 0, &reply), -1);
	request.payload_size = 17;
	assert_int_equal(probe_row_reply(&request, &table, 0, &reply), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_parsed_as_it_was_written),
		cmocka_unit_test(a_reply_is_not_longer_than_its_request),
		cmocka_unit_test(malformed_messages_are_refused),
		cmocka_unit_test(the_seal_covers_key_path_and_message),
		cmocka_unit_test(a_row_arrives_in_parts),
		cmocka_unit_test(a_row_has_the_silence_of_peers),
		cmocka_unit_test(malformed_rows_are_refused),
		cmocka_unit_test(malformed_requests_of_rows_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
