/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a UTF-8 character ends (RFC 3629), for whoever must not pass on or
 * print bytes that are none. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The number of bytes, 1 to 4, of the character that text starts with; 0 when
 * its first bytes are no character: a stray or missing continuation byte, an
 * overlong form, a surrogate, a value above U+10FFFF, or size is 0.
 */
size_t utf8_len(const char *text, size_t size);

/*
 * Whether the character of len bytes, as utf8_len answers it, is a control character of
 * ISO 6429: C0, DEL, C1. Its last byte is its code point then. What is no character
 * (len 0) is none.
 */
bool utf8_is_control(const char *text, size_t len);
