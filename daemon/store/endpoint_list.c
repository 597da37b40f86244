/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/endpoint_list.h"

#include <stdlib.h>
#include <string.h>

char **endpoint_list_copy(const char *const *list)
{
	size_t len, size = 0;
	char **copy, *text;

	for (len = 0; list[len]; len++)
		size += strlen(list[len]) + 1;
	copy = malloc((len + 1) * sizeof(*copy) + size);
	if (!copy)
		return NULL;
	text = (char *)&copy[len + 1];
	for (size_t i = 0; i < len; i++) {
		copy[i] = text;
		text = stpcpy(text, list[i]) + 1;
	}
	copy[len] = NULL;
	return copy;
}
