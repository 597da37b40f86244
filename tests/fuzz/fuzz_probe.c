/* SPDX-License-Identifier: Apache-2.0 */
/* A message of a probe, as it arrives at its port, and the row in it. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "daemon/probe/probe_message.h"
#include "daemon/probe/probe_row.h"
#include "daemon/probe/probe_table.h"
#include "daemon/probe/probe_watch.h"

#define TARGETS 200
#define NOW UINT64_C(1000000000)

/* Peers 10.5.0.1, 10.5.1.1 and so on, and fd00::1, all with a reply. */
static void make_table(struct probe_table *table)
{
	static const struct ipaddr own[FAMILIES];
	struct probe_targets wanted = { .len = 0 };

	for (unsigned i = 0; i < TARGETS; i++) {
		struct probe_target target = { .gateway = { .family = AF_INET }, .answers = true };
		const uint8_t v4[4] = { 10, 5, (uint8_t)i, 1 };
		const uint8_t v6[16] = { 0xfd, [13] = (uint8_t)i, [15] = 1 };
		struct err unused;

		require(ipaddr_from_wire(i % 2 ? v6 : v4, i % 2 ? 16 : 4, &target.gateway,
					 &unused) == 0);
		require(probe_targets_push(&wanted, &target));
	}
	require(probe_table_set(table, &wanted, own, 0));
	for (size_t i = 0; i < table->targets.len; i++) {
		probe_table_sent(&table->targets.at[i], 1, NOW);
		require(probe_table_replied(table, &table->targets.at[i], 1, 5, NOW));
	}
}

static void check_entry(void *ctx, const struct probe_row_entry *entry)
{
	(void)ctx;
	require(entry->lost <= entry->sent && entry->sent <= PROBE_RECENT);
	require(ipaddr_is_set(&entry->gateway));
}

/* weftd can read every row that it writes, and each part of it continues the row. */
static void check_request(const struct probe_message *request)
{
	struct probe_message reply = { .kind = PROBE_ROW_REPLY };
	struct probe_table table = { .interval_us = 1 };
	struct ipaddr after = { .family = AF_UNSPEC }, last;
	struct err unused;
	bool more;

	make_table(&table);
	if (probe_row_reply(request, &table, NOW, &reply) == 0) {
		require(ipaddr_from_wire(request->payload + 1, request->payload_size - 1U, &after,
					 &unused) == 0);
		require(probe_row_read(&reply, &after, check_entry, NULL, &more, &last) == 0);
		require(!more || ipaddr_cmp(&last, &after) > 0);
	}
	probe_table_free(&table);
}

static void check_reply(const struct probe_message *reply, uint8_t family)
{
	const struct ipaddr after = { .family = family };
	struct ipaddr last;
	bool more;

	if (probe_row_read(reply, &after, check_entry, NULL, &more, &last) == 0)
		require(!more || ipaddr_cmp(&last, &after) > 0);
}

/* What was parsed is written as it was read. */
static void check_watch(const struct probe_message *message)
{
	struct probe_message again = { .kind = message->kind };
	struct probe_watch_request request;
	struct probe_watch_reply reply;

	if (probe_watch_read_request(message, &request) == 0) {
		require(request.address.family == AF_INET || request.address.family == AF_INET6);
		probe_watch_write_request(&request, &again);
		require(again.payload_size == message->payload_size);
		require(!memcmp(again.payload, message->payload, again.payload_size));
	}
	if (probe_watch_read_reply(message, &reply) == 0) {
		require(reply.state >= PROBE_WATCH_WATCHING && reply.state < PROBE_WATCH_STATES);
		probe_watch_write_reply(&reply, &again);
		require(!memcmp(again.payload, message->payload, again.payload_size));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = (uint8_t *)fuzz_text(data, size), again[PROBE_SIZE_LARGE];
	struct probe_message message = { .kind = PROBE_KINDS };

	if (probe_message_parse(bytes, size, &message) == 0) {
		require(probe_message_write(&message, again) == size);
		require(!memcmp(bytes, again, size - PROBE_SEAL_SIZE));
		check_request(&message);
		check_reply(&message, AF_INET);
		check_reply(&message, AF_INET6);
		check_watch(&message);
	}
	free(bytes);
	return 0;
}
