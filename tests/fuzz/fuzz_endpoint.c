/* SPDX-License-Identifier: Apache-2.0 */
/* An endpoint: its key on the first line, its value behind it. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "daemon/l2/endpoint.h"
#include "daemon/store/store.h"

static struct store_entry entry_of(const char *key, const char *value, size_t size)
{
	return (struct store_entry){
		.key = key, .value = value, .value_size = size, .mod_revision = 7, .lease = 9
	};
}

/* weft can read every record that it writes. */
static void check_written(const struct endpoint *endpoint, const char *key)
{
	char value[ENDPOINT_VALUE_SIZE], text[IPADDR_TEXT_SIZE];
	struct store_entry entry;
	struct endpoint again;
	struct err err = ERR_INIT;

	require(!strcmp(ipaddr_text(&endpoint->addr, text), key));
	endpoint_value(endpoint, value);
	entry = entry_of(key, value, strlen(value));
	require(endpoint_parse(&entry, &again, &err) == 0);
	require(endpoint_cmp(endpoint, &again) == 0 && !mac_cmp(&endpoint->mac, &again.mac));
	require(!strcmp(endpoint->node, again.node));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *key = fuzz_line(&data, &size), *value = fuzz_text(data, size);
	struct store_entry entry = entry_of(key, value, size);
	struct endpoint endpoint;
	struct err err = ERR_INIT;

	if (endpoint_parse(&entry, &endpoint, &err) == 0)
		check_written(&endpoint, key);
	else
		require(*err.text);
	free(key);
	free(value);
	return 0;
}
