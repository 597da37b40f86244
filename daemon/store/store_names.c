/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/store_names.h"

#include "common/err.h"
#include "common/parse.h"

#include <string.h>

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct store_name *)a)->text, ((const struct store_name *)b)->text);
}

void store_names_sort(struct store_names *names)
{
	vec_sort(names->at, names->len, sizeof(*names->at), by_text);
}

bool store_names_equal(const struct store_names *a, const struct store_names *b)
{
	bool equal = a->len == b->len;

	for (size_t i = 0; equal && i < a->len; i++)
		equal = !by_text(&a->at[i], &b->at[i]);
	return equal;
}

bool store_names_add(struct store_names *names, const char *name, size_t size)
{
	struct store_name added = { "" };
	struct err unused;

	if (size >= sizeof(added.text))
		return true;
	memcpy(added.text, name, size);
	if (strlen(added.text) != size || parse_network_name(added.text, &unused) < 0)
		return true;
	return store_names_push(names, &added);
}
