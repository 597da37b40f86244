/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One lease in the text of a file store's file: put, replaced, taken out. All other bytes stay
 * as their author wrote them, and a new line looks like those beside it. Used by
 * store_file.c. Pure.
 */
#pragma once

#include <stddef.h>

struct err;

/*
 * Sets "subnets".key of the network to value, a JSON text; NULL: takes it out. text is a
 * document that store_file_doc_parse takes. What comes is malloc'ed, NUL-terminated, the
 * caller's. ERR_STORE where the file has no such network.
 */
int store_file_edit(const char *text, size_t size, const char *network, const char *key,
		    const char *value, char **text_out, size_t *size_out, struct err *err);
