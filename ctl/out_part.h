/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of text output: members of an answer as text, marks, cells, tables. Used by out_*.c. */
#pragma once

#include "common/array.h"
#include "ctl/out.h"
#include "ctl/span.h"
#include "ctl/table.h"
#include "ctl/term.h"

#include <stddef.h>
#include <stdint.h>

struct jr;

#define OUT_TEXT_MAX 4096 /* bytes of a member's text; weftd writes far less */
#define OUT_AGO_SIZE (SPAN_SIZE + 4)
#define OUT_NUMBER_SIZE 12
#define OUT_PAIR_SIZE (2 * OUT_TEXT_MAX + 2)

/* Returns the text of a member; "" if it is absent. */
const char *out_text_at(const struct jr *at, const char *key);
/* Returns the number of a member; 0 if it is absent. */
uint32_t out_number_at(const struct jr *at, const char *key);
/* Returns the number as text; "" if it is absent or 0. */
const char *out_number_text(char buf[static OUT_NUMBER_SIZE], const struct jr *at, const char *key);
/* One or both members: "10.5.1.0/24 fd00:5:1::/64". Returns buf. */
const char *out_pair_at(char buf[static OUT_PAIR_SIZE], const struct jr *at, const char *key,
			const char *v6_key);

/* The duration since then_s; "-" if that is 0. */
const char *out_since(char buf[static SPAN_SIZE], const struct out_to *to, uint64_t then_s);
const char *out_ago(char buf[static OUT_AGO_SIZE], const struct out_to *to, uint64_t then_s);

/* The mark of a state: "ready", "lost". */
enum term_mark out_mark(const char *state);

/* Puts a text into a column of a fixed width. */
void out_cell(const struct out_to *to, const char *text, size_t width, enum term_mark mark);

typedef void out_row_fn(struct table *table, const struct out_to *to, const struct jr *at);

struct out_columns {
	const char *const *heads;
	size_t len;
	out_row_fn *row;
};

#define OUT_COLUMNS(heads, row)                                                                    \
	{                                                                                          \
		(heads), ARRAY_LEN(heads), (row)                                                   \
	}

/* Prints a table with one row for each element of the list. */
void out_table(const struct out_columns *columns, const struct out_to *to, const struct jr *list);

/* The outputs of out_node.c, out_map.c, out_trace.c and out_events.c, for the table out_text. */
out_fn out_pods, out_ipam, out_map, out_trace, out_events;
