/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/lease_key.h"

#include "common/err.h"

#include <stdio.h>
#include <string.h>

static int bad_key(const char *key, struct err *err)
{
	return err_set(err, ERR_DECODE, "key \"%.80s\" is not of the form ADDRESS-LENGTH", key);
}

/* Parses "10.5.1.0-24", len bytes without a NUL. */
static int parse_subnet(const char *part, size_t len, struct prefix *prefix_out, struct err *err)
{
	char text[PREFIX_TEXT_SIZE];
	char *dash;

	if (len >= sizeof(text))
		return err_set(err, ERR_DECODE, "too long");
	memcpy(text, part, len);
	text[len] = '\0';
	dash = strrchr(text, '-');
	if (!dash)
		return err_set(err, ERR_DECODE, "no '-'");
	*dash = '/';
	return prefix_parse(text, prefix_out, err);
}

static bool has_host_bits(const struct prefix *subnet)
{
	struct prefix masked = prefix_masked(subnet);

	return !prefix_equal(&masked, subnet);
}

int lease_parse_key(const char *key, struct prefix subnet_out[static FAMILIES], struct err *err)
{
	const char *second = strchr(key, '&');
	size_t len = second ? (size_t)(second - key) : strlen(key);
	struct prefix subnet[FAMILIES] = { 0 }, part;

	if (parse_subnet(key, len, &part, err) < 0)
		return bad_key(key, err);
	subnet[ipaddr_family(&part.addr)] = part;
	if (second) {
		if (part.addr.family != AF_INET ||
		    parse_subnet(second + 1, strlen(second + 1), &part, err) < 0 ||
		    part.addr.family != AF_INET6)
			return bad_key(key, err);
		subnet[FAMILY_V6] = part;
	}
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]) && has_host_bits(&subnet[f]))
			return err_set(err, ERR_DECODE, "key \"%.80s\" has host bits set", key);
	memcpy(subnet_out, subnet, sizeof(subnet));
	return 0;
}

const char *lease_key(const struct prefix subnet[static FAMILIES], char buf[static LEASE_KEY_SIZE])
{
	char addr[IPADDR_TEXT_SIZE];
	size_t len = 0;

	buf[0] = '\0';
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]))
			len += (size_t)snprintf(buf + len, LEASE_KEY_SIZE - len, "%s%s-%u",
						len ? "&" : "", ipaddr_text(&subnet[f].addr, addr),
						subnet[f].len);
	return buf;
}

bool lease_key_is_canonical(const char *key, const struct prefix subnet[static FAMILIES])
{
	char written[LEASE_KEY_SIZE];

	return !strcmp(lease_key(subnet, written), key);
}
