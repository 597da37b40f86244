/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authenticates messages (probe_message.h) by the network's Weft.ProbeKey: the seal is the first
 * half of the HMAC-SHA256 (RFC 2104) of both addresses, of 16 bytes each, and of the message up to
 * the seal. A message is therefore valid from one node to one other only. Without a key the seal is
 * zero. The only module that includes OpenSSL.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipaddr;

/* The key, ready for use. */
struct probe_key;

/*
 * Returns the key, to be freed by probe_key_free; NULL: out of memory, or OpenSSL has no
 * HMAC-SHA256. text: of at least one byte.
 */
struct probe_key *probe_key_new(const char *text);
/* NULL is allowed. */
void probe_key_free(struct probe_key *key);

/* The addresses that a message is sent between. */
struct probe_path {
	const struct ipaddr *from, *to;
};

/*
 * Writes the seal of a message of size bytes, its last part. key NULL: none. Returns false if it
 * cannot be calculated.
 */
bool probe_seal(struct probe_key *key, const struct probe_path *path, uint8_t *message,
		size_t size);

/* Returns whether the seal is that of the message, of size bytes. Takes constant time. */
bool probe_seal_is_valid(struct probe_key *key, const struct probe_path *path,
			 const uint8_t *message, size_t size);
