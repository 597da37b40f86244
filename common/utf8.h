/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of UTF-8 characters (RFC 3629) before they are passed on or printed. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Returns the length in bytes, 1 to 4, of the first character of text; 0 if it is invalid (a stray
 * or missing continuation byte, an overlong form, a surrogate, a value above U+10FFFF) or size is
 * 0.
 */
size_t utf8_len(const char *text, size_t size);

/*
 * Whether the character of len bytes, as returned by utf8_len, is a control character of ISO 6429:
 * C0, DEL, C1. Its last byte is then its code point. false for len 0.
 */
bool utf8_is_control(const char *text, size_t len);
