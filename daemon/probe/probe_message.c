/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_message.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdbool.h>
#include <string.h>

#define VERSION 1

static const char magic[4] = { 'w', 'p', 'r', 'b' };

struct header {
	char magic[4];
	uint8_t version, kind;
	uint16_t payload_size;
	uint32_t vni, held_us;
	uint64_t nonce;
};
_Static_assert(sizeof(struct header) == PROBE_HEADER_SIZE, "the header has no padding");

static const struct {
	size_t size, payload_max;
	bool reply;
} kinds[PROBE_KINDS] = {
	[PROBE_REQUEST] = { PROBE_SIZE_SMALL, 0, false },
	[PROBE_REPLY] = { PROBE_SIZE_SMALL, 0, true },
	[PROBE_ROW_REQUEST] = { PROBE_SIZE_LARGE, PROBE_PAYLOAD_MAX, false },
	[PROBE_ROW_REPLY] = { PROBE_SIZE_LARGE, PROBE_PAYLOAD_MAX, true },
	[PROBE_WATCH_REQUEST] = { PROBE_SIZE_SMALL, PROBE_PAYLOAD_SMALL, false },
	[PROBE_WATCH_REPLY] = { PROBE_SIZE_SMALL, PROBE_PAYLOAD_SMALL, true },
};

size_t probe_message_size(enum probe_kind kind)
{
	return kinds[kind].size;
}

size_t probe_message_write(const struct probe_message *message,
			   uint8_t buf[static PROBE_SIZE_LARGE])
{
	struct header header = {
		.version = VERSION,
		.kind = (uint8_t)message->kind,
		.payload_size = htons(message->payload_size),
		.vni = htonl(message->vni),
		.held_us = htonl(message->held_us),
		.nonce = htobe64(message->nonce),
	};
	const size_t size = probe_message_size(message->kind);

	memcpy(header.magic, magic, sizeof(magic));
	memset(buf, 0, size);
	memcpy(buf, &header, sizeof(header));
	memcpy(buf + sizeof(header), message->payload, message->payload_size);
	return size;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

int probe_message_parse(const uint8_t *bytes, size_t size, struct probe_message *message_out)
{
	struct header header;
	enum probe_kind kind;
	size_t payload, padding;

	if (size != PROBE_SIZE_SMALL && size != PROBE_SIZE_LARGE)
		return -1;
	memcpy(&header, bytes, sizeof(header));
	if (memcmp(header.magic, magic, sizeof(magic)) != 0 || header.version != VERSION ||
	    header.kind < PROBE_REQUEST || header.kind >= PROBE_KINDS)
		return -1;
	kind = (enum probe_kind)header.kind;
	payload = ntohs(header.payload_size);
	if (size != probe_message_size(kind) || payload > kinds[kind].payload_max ||
	    (header.held_us && !kinds[kind].reply))
		return -1;
	padding = size - PROBE_HEADER_SIZE - payload - PROBE_SEAL_SIZE;
	if (!is_zero(bytes + PROBE_HEADER_SIZE + payload, padding))
		return -1;
	message_out->kind = kind;
	message_out->vni = ntohl(header.vni);
	message_out->held_us = ntohl(header.held_us);
	message_out->nonce = be64toh(header.nonce);
	message_out->payload_size = (uint16_t)payload;
	memcpy(message_out->payload, bytes + PROBE_HEADER_SIZE, payload);
	return 0;
}
