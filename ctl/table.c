/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/table.h"

#define GAP 2      /* blanks between columns */
#define CELL_MIN 8 /* columns of a cell that is narrowed */
#define LAST_MIN 20

static size_t cut(const struct table *table, size_t column)
{
	if (column + 1 >= table->len)
		return 0;
	return table->cut[column] ? table->cut[column] : TABLE_CELL_MAX;
}

static const char *text_of(const struct table_cell *cell)
{
	return cell->text && *cell->text ? cell->text : "-";
}

static void measure(struct table *table, size_t column, const char *text)
{
	size_t width = term_put(NULL, text, cut(table, column));

	if (width > table->width[column])
		table->width[column] = width;
}

/* The column of the terminal at which a cell begins. */
static size_t start_of(const struct table *table, size_t column)
{
	size_t start = 0;

	for (size_t i = 0; i < column; i++)
		start += table->width[i] + GAP;
	return start;
}

/*
 * Narrows the widest column by one until the row fits. The last column, which is wrapped, needs
 * LAST_MIN at most.
 */
static void fit_width(struct table *table)
{
	const size_t last = table->len - 1;
	const size_t need = table->width[last] < LAST_MIN ? table->width[last] : LAST_MIN;

	while (table->max && start_of(table, last) + need > table->max) {
		size_t widest = 0;

		for (size_t i = 1; i < last; i++)
			if (table->width[i] > table->width[widest])
				widest = i;
		if (last == 0 || table->width[widest] <= CELL_MIN)
			return;
		table->cut[widest] = --table->width[widest];
	}
}

static void write_cell(const struct table *table, size_t column, const struct table_cell *cell)
{
	bool coloured = table->colour && cell->mark != TERM_PLAIN;
	size_t width;

	if (coloured)
		term_style(table->file, cell->mark);
	if (column + 1 < table->len) {
		width = term_put(table->file, text_of(cell), cut(table, column));
	} else {
		term_wrap(table->file, text_of(cell), start_of(table, column), table->max);
		width = 0;
	}
	if (coloured)
		term_style(table->file, TERM_PLAIN);
	if (column + 1 < table->len)
		fprintf(table->file, "%*s", (int)(table->width[column] - width + GAP), "");
	else
		fputc('\n', table->file);
}

void table_row(struct table *table, const struct table_cell cells[])
{
	for (size_t i = 0; i < table->len; i++) {
		if (table->file)
			write_cell(table, i, &cells[i]);
		else
			measure(table, i, text_of(&cells[i]));
	}
}

void table_print(struct table *table, FILE *file, bool colour)
{
	struct table_cell heads[TABLE_COLUMNS] = { { NULL, TERM_PLAIN } };

	for (size_t i = 0; i < table->len; i++) {
		heads[i] = (struct table_cell){ table->heads[i], TERM_HEAD };
		measure(table, i, table->heads[i]);
	}
	fit_width(table);
	table->file = file;
	table->colour = colour;
	table_row(table, heads);
}
