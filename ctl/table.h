/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned columns under a line of heads. Used by out_text, in two passes over
 * the same rows, so that a table of 50,000 peers needs no memory of its own:
 *
 *   struct table table = { .heads = heads, .len = 3 };
 *   walk(&table);                      table_row only measures
 *   table_print(&table, file, colour);
 *   walk(&table);                      table_row prints
 */
#pragma once

#include "term.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 10
#define TABLE_CELL_MAX 48 /* columns of a cell, but for the last of a row, which is never cut */

struct table_cell {
	const char *text; /* foreign text is welcome; NULL or "" shows as "-" */
	enum term_mark mark;
};

struct table {
	const char *const *heads;
	size_t len; /* columns, at most TABLE_COLUMNS */
	/* The table's own: */
	size_t width[TABLE_COLUMNS];
	FILE *file; /* NULL while it measures */
	bool colour;
};

/* Measures, or after table_print writes, one row of table->len cells. */
void table_row(struct table *table, const struct table_cell cells[]);

/* Writes the heads; rows given from now on are written to file. */
void table_print(struct table *table, FILE *file, bool colour);
