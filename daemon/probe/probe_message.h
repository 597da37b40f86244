/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages that weftds exchange through the tunnel, from gateway to gateway, in UDP packets
 * whose source and destination port are Weft.ProbePort. Numbers are big-endian.
 *
 *    0  4  "wprb"
 *    4  1  version, 1
 *    5  1  kind (enum probe_kind)
 *    6  2  size of the payload in bytes
 *    8  4  VNI of the network
 *   12  4  a reply: microseconds between the arrival of the request and the reply; else 0
 *   16  8  nonce of the request, at random; that of the reply is the same
 *   24     payload, followed by zeros up to the size of the kind
 *      16  seal (probe_seal.h)
 *
 * All messages of a kind have one size, and a reply has the size of its request, so that a node
 * amplifies nothing, whatever host sent the request. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define PROBE_HEADER_SIZE 24
#define PROBE_SEAL_SIZE 16
#define PROBE_SIZE_SMALL 64
#define PROBE_SIZE_LARGE 1200 /* 1,280, the least MTU of IPv6, without the headers */
#define PROBE_PAYLOAD_MAX (PROBE_SIZE_LARGE - PROBE_HEADER_SIZE - PROBE_SEAL_SIZE)
#define PROBE_PAYLOAD_SMALL (PROBE_SIZE_SMALL - PROBE_HEADER_SIZE - PROBE_SEAL_SIZE)

enum probe_kind {
	PROBE_REQUEST = 1, /* without a payload, as its reply */
	PROBE_REPLY,
	PROBE_ROW_REQUEST, /* the measured paths of a node (probe_row.h) */
	PROBE_ROW_REPLY,
	PROBE_WATCH_REQUEST, /* counts of marked packets (probe_watch.h) */
	PROBE_WATCH_REPLY,
	PROBE_KINDS
};

struct probe_message {
	enum probe_kind kind;
	uint32_t vni, held_us;
	uint64_t nonce;
	uint16_t payload_size;
	uint8_t payload[PROBE_PAYLOAD_MAX];
};

/* Returns the size in bytes of all messages of a kind, with the seal. */
size_t probe_message_size(enum probe_kind kind);

/* Writes the message without its seal, which is zero. Returns its size. */
size_t probe_message_write(const struct probe_message *message,
			   uint8_t buf[static PROBE_SIZE_LARGE]);

/* Parses a message without checking its seal. Returns 0; -1 if it is none. */
int probe_message_parse(const uint8_t *bytes, size_t size, struct probe_message *message_out);
