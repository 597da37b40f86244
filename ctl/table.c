/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#define GAP 2 /* blanks between columns */

static size_t cut(const struct table *table, size_t column)
{
	return column + 1 < table->len ? TABLE_CELL_MAX : 0;
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

static void write_cell(const struct table *table, size_t column, const struct table_cell *cell)
{
	bool coloured = table->colour && cell->mark != TERM_PLAIN;
	size_t width;

	if (coloured)
		term_look(table->file, cell->mark);
	width = term_put(table->file, text_of(cell), cut(table, column));
	if (coloured)
		term_look(table->file, TERM_PLAIN);
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
	struct table_cell heads[TABLE_COLUMNS];

	for (size_t i = 0; i < table->len; i++) {
		heads[i] = (struct table_cell){ table->heads[i], TERM_HEAD };
		measure(table, i, table->heads[i]);
	}
	table->file = file;
	table->colour = colour;
	table_row(table, heads);
}
