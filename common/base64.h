/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 with the standard alphabet (RFC 4648 section 4), as etcd's JSON
 * gateway wraps keys and values. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Upper bound of the bytes that len characters decode to. */
#define BASE64_DECODED_MAX(len) ((len) / 4 * 3)

/* Returns the text of size bytes, malloc'ed and the caller's; NULL when out of memory. */
char *base64_encode(const void *data, size_t size);

/*
 * Decodes text of len characters into buf of BASE64_DECODED_MAX(len) bytes. Strict: padding
 * required, no white space, unused bits zero. Returns false if invalid; the content of buf is then
 * undefined.
 */
bool base64_decode(const char *text, size_t len, void *buf, size_t *size_out);
