/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aligned columns under a line of heads. If the terminal is too narrow, the widest columns are cut,
 * and the last one continues on further lines. Used by out_text, in two passes over the same rows,
 * so that a table of 50,000 peers needs no memory of its own:
 *
 *   struct table table = { .heads = heads, .len = 3 };
 *   walk(&table);                      table_row only measures
 *   table_print(&table, file, colour);
 *   walk(&table);                      table_row prints
 */
#pragma once

#include "ctl/term.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 10
#define TABLE_CELL_MAX 48 /* columns of a cell; the last cell of a row is not cut */

struct table_cell {
	const char *text; /* escaped when printed; NULL or "" prints "-" */
	enum term_mark mark;
};

struct table {
	const char *const *heads;
	size_t len; /* columns, at most TABLE_COLUMNS */
	size_t max; /* columns of the terminal, into which a row should fit; 0: unlimited */
	/* Internal: */
	size_t width[TABLE_COLUMNS];
	size_t cut[TABLE_COLUMNS]; /* of a narrowed column; 0: not narrowed */
	FILE *file;                /* NULL while it measures */
	bool colour;
};

/* Measures, or after table_print writes, one row of table->len cells. */
void table_row(struct table *table, const struct table_cell cells[]);

/* Writes the heads; table_row writes to file from now on. */
void table_print(struct table *table, FILE *file, bool colour);
