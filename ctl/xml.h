/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in XML 1.0 documents. Names come from other nodes and from files, so map_svg.c writes all of
 * them with xml_put. Pure, except for the output.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * Writes text as character data, or as the value of an attribute in quotes: markup is escaped, and
 * control characters, bytes that are not UTF-8, and characters that XML does not permit or that
 * change the direction of writing are written as \x1b. Cut to max columns with an ellipsis at the
 * end (max 0: whole). Returns the number of columns: two for characters of East Asian scripts
 * and pictures, else one. file NULL: only counts.
 */
size_t xml_put(FILE *file, const char *text, size_t max);
