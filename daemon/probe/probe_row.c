/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_row.h"

#include "common/err.h"
#include "daemon/probe/probe_message.h"
#include "daemon/probe/probe_table.h"

#include <endian.h>
#include <string.h>

#define HEAD_SIZE 2 /* of a reply */
#define VALUES_SIZE 8
#define SILENT 0x80 /* in the number of requests sent */
_Static_assert(PROBE_RECENT < SILENT, "the number leaves the bit free");

static size_t address_size(uint8_t family)
{
	return family == AF_INET6 ? 16 : 4;
}

static uint8_t family_digit(uint8_t family)
{
	return family == AF_INET6 ? 6 : 4;
}

void probe_row_request(const struct ipaddr *after, struct probe_message *message)
{
	size_t size;
	const void *wire = ipaddr_wire(after, &size);

	message->payload[0] = family_digit(after->family);
	memcpy(message->payload + 1, wire, size);
	message->payload_size = (uint16_t)(1 + size);
}

static int read_request(const struct probe_message *request, struct ipaddr *after_out)
{
	const size_t size = request->payload_size - (size_t)1;
	struct err unused;

	if (request->payload_size < 1 || (request->payload[0] != 4 && request->payload[0] != 6) ||
	    size != (request->payload[0] == 6 ? 16U : 4U))
		return -1;
	return ipaddr_from_wire(request->payload + 1, size, after_out, &unused);
}

bool probe_row_entry(const struct probe_target *target, uint64_t now_us,
		     struct probe_row_entry *entry_out)
{
	const struct probe_view view = probe_view(target, now_us);

	if (view.state == PROBE_DISABLED || view.state == PROBE_DIRECT ||
	    view.state == PROBE_PENDING)
		return false;
	*entry_out = (struct probe_row_entry){
		.gateway = target->gateway,
		.sent = view.sent,
		.lost = view.lost,
		.rtt_us = view.rtt_us,
		.age_s = view.age_us / 1000000 < PROBE_ROW_AGE_NONE ?
				 (uint32_t)(view.age_us / 1000000) :
				 PROBE_ROW_AGE_NONE,
		.silent = view.state == PROBE_SILENT_PEER,
	};
	return true;
}

static uint8_t *put_entry(uint8_t *at, const struct probe_row_entry *entry)
{
	const uint32_t rtt = htobe32(entry->rtt_us);
	const uint16_t age = htobe16((uint16_t)entry->age_s);
	size_t size;
	const void *wire = ipaddr_wire(&entry->gateway, &size);

	memcpy(at, wire, size);
	at[size] = (uint8_t)(entry->sent | (entry->silent ? SILENT : 0));
	at[size + 1] = (uint8_t)entry->lost;
	memcpy(at + size + 2, &rtt, sizeof(rtt));
	memcpy(at + size + 6, &age, sizeof(age));
	return at + size + VALUES_SIZE;
}

int probe_row_reply(const struct probe_message *request, const struct probe_table *table,
		    uint64_t now_us, struct probe_message *reply)
{
	uint8_t *at = reply->payload + HEAD_SIZE;
	const uint8_t *end = reply->payload + PROBE_PAYLOAD_MAX;
	struct probe_row_entry entry;
	struct ipaddr after;

	if (read_request(request, &after) < 0)
		return -1;
	reply->payload[0] = family_digit(after.family);
	reply->payload[1] = 0;
	for (size_t i = probe_table_after(table, &after); i < table->targets.len; i++) {
		const struct probe_target *target = &table->targets.at[i];

		if (target->gateway.family != after.family)
			break;
		if (!probe_row_entry(target, now_us, &entry))
			continue;
		if ((size_t)(end - at) < address_size(after.family) + VALUES_SIZE) {
			reply->payload[1] = 1;
			break;
		}
		at = put_entry(at, &entry);
	}
	reply->payload_size = (uint16_t)(at - reply->payload);
	return 0;
}

static int get_entry(const uint8_t *at, size_t size, struct probe_row_entry *entry_out)
{
	uint32_t rtt;
	uint16_t age;
	struct err unused;

	if (ipaddr_from_wire(at, size, &entry_out->gateway, &unused) < 0)
		return -1;
	memcpy(&rtt, at + size + 2, sizeof(rtt));
	memcpy(&age, at + size + 6, sizeof(age));
	entry_out->sent = at[size] & (SILENT - 1);
	entry_out->silent = at[size] & SILENT;
	entry_out->lost = at[size + 1];
	entry_out->rtt_us = be32toh(rtt);
	entry_out->age_s = be16toh(age);
	return entry_out->sent <= PROBE_RECENT && entry_out->lost <= entry_out->sent ? 0 : -1;
}

int probe_row_read(const struct probe_message *reply, const struct ipaddr *after, probe_row_fn *fn,
		   void *ctx, bool *more_out, struct ipaddr *last_out)
{
	const size_t address = address_size(after->family), size = address + VALUES_SIZE;
	const uint8_t *payload = reply->payload;
	const size_t len = reply->payload_size < HEAD_SIZE ?
				   0 :
				   (reply->payload_size - HEAD_SIZE) / size;
	struct ipaddr last = *after;
	struct probe_row_entry entry;

	if (reply->payload_size != HEAD_SIZE + len * size ||
	    payload[0] != family_digit(after->family) || payload[1] > 1 || (payload[1] && !len))
		return -1;
	/* In ascending order, so that a row ends. */
	for (size_t i = 0; i < len; i++) {
		if (get_entry(payload + HEAD_SIZE + i * size, address, &entry) < 0 ||
		    ipaddr_cmp(&entry.gateway, &last) <= 0)
			return -1;
		last = entry.gateway;
	}
	for (size_t i = 0; i < len; i++)
		if (get_entry(payload + HEAD_SIZE + i * size, address, &entry) == 0)
			fn(ctx, &entry);
	*more_out = payload[1];
	*last_out = last;
	return 0;
}
