/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for tests from the texts that people write: addresses, a configuration, leases.
 * A text that does not parse fails the test.
 */
#pragma once

#include "common/err.h"
#include "common/ipaddr.h"
#include "daemon/config.h"
#include "daemon/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

#define SAMPLE_NODE "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define SAMPLE_OTHER "7ba7b810-9dad-11d1-80b4-00c04fd430c8"

/* Asserts that a call succeeded, and shows its error where it did not. */
#define assert_good(call, err)                                                                     \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s", #call, (err).text);                                     \
	} while (0)

/* Asserts that text contains part, and shows both where it does not. */
static inline void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not say \"%s\"", text, part);
}

/* "" is no address. */
static inline struct ipaddr sample_addr(const char *text)
{
	struct ipaddr addr = { .family = AF_UNSPEC };
	struct err err = ERR_INIT;

	if (*text)
		assert_good(ipaddr_parse(text, &addr, &err), err);
	return addr;
}

/* "" is no prefix. */
static inline struct prefix sample_prefix(const char *text)
{
	struct prefix prefix = { .len = 0 };
	struct err err = ERR_INIT;

	if (*text)
		assert_good(prefix_parse(text, &prefix, &err), err);
	return prefix;
}

static inline struct mac sample_mac(const char *text)
{
	struct mac mac = { { 0 } };
	struct err err = ERR_INIT;

	assert_good(mac_parse(text, &mac, &err), err);
	return mac;
}

static inline void sample_no_warning(void *ctx, const char *path, const char *what)
{
	(void)ctx;
	fail_msg("%s: %s", path, what);
}

static inline struct config sample_config(const char *text)
{
	struct config config = { .vni = 0 };
	struct err err = ERR_INIT;

	assert_good(config_parse(text, strlen(text), sample_no_warning, NULL, &config, &err), err);
	return config;
}

/* Two subnets out of the texts of a key, "10.5.1.0/24&fd00:5:1::/64", "" for none. */
static inline void sample_subnets(const char *text, struct prefix subnet_out[static FAMILIES])
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
	subnet_out[subnet.addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4] = subnet;
	if (second)
		subnet_out[FAMILY_V6] = sample_prefix(second + 1);
}

/* The other way round. */
static inline const char *sample_subnets_text(const struct prefix subnet[static FAMILIES])
{
	static char text[2 * PREFIX_TEXT_SIZE];
	char first[PREFIX_TEXT_SIZE], second[PREFIX_TEXT_SIZE];
	bool both = prefix_is_set(&subnet[FAMILY_V4]) && prefix_is_set(&subnet[FAMILY_V6]);

	snprintf(text, sizeof(text), "%s%s%s", prefix_text(&subnet[FAMILY_V4], first),
		 both ? "&" : "", prefix_text(&subnet[FAMILY_V6], second));
	return text;
}

/*
 * A node's lease as weft writes it, with an address of either family. node "" : as flannel
 * writes it.
 */
static inline struct peer sample_peer(const char *subnet, const char *public_ip, const char *mac,
				      const char *node, uint64_t revision)
{
	struct ipaddr addr = sample_addr(public_ip);
	struct peer peer = {
		.mtu = 1450,
		.mod_revision = revision,
		.lease = 0x1234,
		.name = "host",
	};

	sample_subnets(subnet, peer.subnet);
	peer.public_ip[addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4] = addr;
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&peer.subnet[f]))
			continue;
		peer.vtep_mac[f] = sample_mac(mac);
		peer.vni[f] = 1;
	}
	snprintf(peer.node, sizeof(peer.node), "%s", node);
	return peer;
}

static inline void sample_put(struct peers *peers, const struct peer *peer)
{
	assert_true(peers_put(peers, peer));
}
