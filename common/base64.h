/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 with the standard alphabet (RFC 4648 section 4), as etcd's JSON
 * gateway wraps keys and values. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The bytes that a base64 text of len characters decodes to, at most. */
#define BASE64_DECODED_MAX(len) ((len) / 4 * 3)

/* The text of size bytes, malloc'ed, the caller's; NULL when out of memory. */
char *base64_encode(const void *data, size_t size);

/*
 * Decodes text of len characters into buf of BASE64_DECODED_MAX(len) bytes.
 * Strict: padded, no white space, no bits that belong to no byte. On false,
 * buf holds anything.
 */
bool base64_decode(const char *text, size_t len, void *buf, size_t *size_out);
