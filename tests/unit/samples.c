/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/samples.h"

void strip_blanks(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (!strchr(" \t\n", *from))
			*to++ = *from;
	*to = '\0';
}

void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

struct ipaddr sample_addr(const char *text)
{
	struct ipaddr addr = { .family = AF_UNSPEC };
	struct err err = ERR_INIT;

	if (*text)
		assert_good(ipaddr_parse(text, &addr, &err), err);
	return addr;
}

struct prefix sample_prefix(const char *text)
{
	struct prefix prefix = { .len = 0 };
	struct err err = ERR_INIT;

	if (*text)
		assert_good(prefix_parse(text, &prefix, &err), err);
	return prefix;
}

struct mac sample_mac(const char *text)
{
	struct mac mac = { { 0 } };
	struct err err = ERR_INIT;

	assert_good(mac_parse(text, &mac, &err), err);
	return mac;
}

void sample_no_warning(void *ctx, const char *path, const char *what)
{
	(void)ctx;
	fail_msg("%s: %s", path, what);
}

struct config sample_config(const char *text)
{
	struct config config = { .vni = 0 };
	struct err err = ERR_INIT;

	assert_good(config_parse(text, strlen(text), sample_no_warning, NULL, &config, &err), err);
	return config;
}

void sample_subnets(const char *text, struct prefix subnet_out[static FAMILIES])
{
	const char *second = strchr(text, '&');
	size_t len = second ? (size_t)(second - text) : strlen(text);
	char first[PREFIX_TEXT_SIZE];
	struct prefix subnet;

	assert_true(len < sizeof(first));
	memcpy(first, text, len);
	first[len] = '\0';
	subnet = sample_prefix(first);
	memset(subnet_out, 0, FAMILIES * sizeof(*subnet_out));
	subnet_out[ipaddr_family(&subnet.addr)] = subnet;
	if (second)
		subnet_out[FAMILY_V6] = sample_prefix(second + 1);
}

const char *sample_subnets_text(const struct prefix subnet[static FAMILIES])
{
	static char text[2 * PREFIX_TEXT_SIZE];
	char first[PREFIX_TEXT_SIZE], second[PREFIX_TEXT_SIZE];
	bool both = prefix_is_set(&subnet[FAMILY_V4]) && prefix_is_set(&subnet[FAMILY_V6]);

	snprintf(text, sizeof(text), "%s%s%s", prefix_text(&subnet[FAMILY_V4], first),
		 both ? "&" : "", prefix_text(&subnet[FAMILY_V6], second));
	return text;
}

struct lease sample_peer(const char *subnet, const char *public_ip, const char *mac,
			 const char *node, uint64_t revision)
{
	struct ipaddr addr = sample_addr(public_ip);
	struct lease peer = {
		.mtu = 1450,
		.mod_revision = revision,
		.etcd_lease = 0x1234,
		.name = "host",
	};

	sample_subnets(subnet, peer.subnet);
	peer.public_ip[ipaddr_family(&addr)] = addr;
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&peer.subnet[f]))
			continue;
		peer.vtep_mac[f] = sample_mac(mac);
		peer.vni[f] = 1;
	}
	snprintf(peer.node, sizeof(peer.node), "%s", node);
	return peer;
}

void sample_put(struct leases *peers, const struct lease *peer)
{
	assert_true(leases_put(peers, peer));
}
