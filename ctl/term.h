/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may reach a terminal: foreign text made harmless, and colour. Names and
 * reasons come from other nodes through the store, so every byte that out_text
 * prints passes here; nothing here decides what is printed.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* What a text means; how it looks is decided here alone. */
enum term_mark { TERM_PLAIN, TERM_HEAD, TERM_GOOD, TERM_WARN, TERM_BAD };

/*
 * Writes text with control characters (ISO 6429: C0, DEL, C1) and bytes that are
 * not UTF-8 as \x1b, cut to max columns with "..." at the end (max 0: whole).
 * Answers how many columns it took, counting a character as one. A NULL file
 * only counts.
 */
size_t term_put(FILE *file, const char *text, size_t max);

/* Begins (and with TERM_PLAIN ends) the look of a mark: SGR sequences (ISO 6429). */
void term_look(FILE *file, enum term_mark mark);
