/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output to a terminal: escaping and colour. Names and reasons come from other nodes through the
 * store, so out_text prints all of them with term_put.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* The meaning of a text; term.c maps it to a colour. */
enum term_mark { TERM_PLAIN, TERM_HEAD, TERM_GOOD, TERM_WARN, TERM_BAD };

/*
 * Writes text with control characters (ISO 6429: C0, DEL, C1) and bytes that are
 * not UTF-8 as \x1b, cut to max columns with "..." at the end (max 0: whole).
 * Returns the number of columns, one per character. file NULL: only counts.
 */
size_t term_put(FILE *file, const char *text, size_t max);

/*
 * As term_put without a cut, broken at blanks into lines of at most width columns (0: one line), of
 * which all but the first begin with indent blanks. The text starts in column indent.
 */
void term_wrap(FILE *file, const char *text, size_t indent, size_t width);

/* Returns the columns of the terminal of fd; 0: it is none, or unknown. */
unsigned term_width(int fd);

/* Begins (and with TERM_PLAIN ends) the style of a mark: SGR sequences (ISO 6429). */
void term_style(FILE *file, enum term_mark mark);
