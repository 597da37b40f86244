/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes, MACs, numbers, names, base64: an accepted value is written and read back as
 * the same value.
 */
#include "tests/fuzz/fuzz.h"

#include "common/err.h"
#include "common/ipaddr.h"
#include "common/parse.h"

static void check_addresses(const char *text)
{
	char shown[PREFIX_TEXT_SIZE];
	struct prefix prefix, prefix2;
	struct ipaddr addr, addr2;
	struct mac mac, mac2;
	struct err err = ERR_INIT;

	if (ipaddr_parse(text, &addr, &err) == 0) {
		require(ipaddr_parse(ipaddr_text(&addr, shown), &addr2, &err) == 0);
		require(ipaddr_equal(&addr, &addr2));
	}
	if (prefix_parse(text, &prefix, &err) == 0) {
		require(prefix_parse(prefix_text(&prefix, shown), &prefix2, &err) == 0);
		require(prefix_equal(&prefix, &prefix2));
		prefix = prefix_masked(&prefix);
		require(prefix_has(&prefix, &prefix2.addr) && prefix_covers(&prefix, &prefix2));
	}
	if (mac_parse(text, &mac, &err) == 0) {
		require(mac_parse(mac_text(&mac, shown), &mac2, &err) == 0);
		require(mac_cmp(&mac, &mac2) == 0);
	}
}

static void check_words(const char *text)
{
	struct err err = ERR_INIT;
	uint64_t number, again;
	char shown[32];

	if (parse_u64(text, 3, UINT64_MAX, &number, &err) == 0) {
		snprintf(shown, sizeof(shown), "%ju", (uintmax_t)number);
		require(parse_u64(shown, 3, UINT64_MAX, &again, &err) == 0 && number == again);
	}
	require(parse_uuid(text, &err) < 0 || strlen(text) == 36);
	require(parse_ifname(text, &err) < 0 || strlen(text) < 16);
	require(parse_network_name(text, &err) < 0 || !strchr(text, '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_addresses(text);
	check_words(text);
	free(text);
	return 0;
}
