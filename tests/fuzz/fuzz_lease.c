/* SPDX-License-Identifier: Apache-2.0 */
/* A lease: its key on the first line, its value behind it. */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "daemon/lease/lease.h"
#include "daemon/store/store.h"

static struct store_entry entry_of(const char *key, const char *value, size_t size)
{
	return (struct store_entry){
		.key = key, .value = value, .value_size = size, .mod_revision = 7, .lease = 9
	};
}

/* weft can read every lease that it writes, and writes it again as the same text. */
static void check_written(const struct lease *peer)
{
	char key[LEASE_KEY_SIZE], *once = NULL, *twice = NULL;
	struct store_entry entry;
	struct err err = ERR_INIT;
	struct lease again;

	require(lease_value(peer, &once, &err) == 0);
	entry = entry_of(lease_key(peer->subnet, key), once, strlen(once));
	require(lease_parse(&entry, &again, &err) == 0);
	require(lease_cmp(peer, &again) == 0 && strcmp(peer->node, again.node) == 0);
	require(peer->mtu == again.mtu);
	for (enum family f = 0; f < FAMILIES; f++)
		require(ipaddr_equal(&peer->public_ip[f], &again.public_ip[f]));
	require(lease_value(&again, &twice, &err) == 0);
	require(strcmp(once, twice) == 0);
	free(once);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *key = fuzz_line(&data, &size), *value = fuzz_text(data, size);
	struct store_entry entry = entry_of(key, value, size);
	char canonical[LEASE_KEY_SIZE];
	struct prefix subnet[FAMILIES], same[FAMILIES];
	struct err err = ERR_INIT;
	struct lease peer;

	if (lease_parse_key(key, subnet, &err) == 0) {
		require(prefix_is_set(&subnet[FAMILY_V4]) || prefix_is_set(&subnet[FAMILY_V6]));
		require(lease_parse_key(lease_key(subnet, canonical), same, &err) == 0);
		for (enum family f = 0; f < FAMILIES; f++)
			require(prefix_equal(&subnet[f], &same[f]));
	}
	if (lease_parse(&entry, &peer, &err) == 0)
		check_written(&peer);
	else
		require(*err.text);
	free(key);
	free(value);
	return 0;
}
