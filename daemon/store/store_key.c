/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/store_key.h"

#include <string.h>

const char *store_key_second(const char *key)
{
	const char *second = strchr(key, '&');

	if (second)
		return second + 1;
	return strchr(key, ':') ? key : NULL;
}

size_t store_key_first_len(const char *key)
{
	return store_key_second(key) == key ? 0 : strcspn(key, "&");
}

bool store_key_clash(const char *a, const char *b)
{
	const char *a_second = store_key_second(a), *b_second = store_key_second(b);
	size_t len = store_key_first_len(a);

	if (len && len == store_key_first_len(b) && !strncmp(a, b, len))
		return true;
	return a_second && b_second && !strcmp(a_second, b_second);
}
