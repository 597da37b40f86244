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

/* A node's lease as weft writes it. node "" : as flannel writes it. */
static inline struct peer sample_peer(const char *subnet, const char *public_ip, const char *mac,
				      const char *node, uint64_t revision)
{
	struct peer peer = {
		.subnet = sample_prefix(subnet),
		.public_ip = sample_addr(public_ip),
		.vtep_mac = sample_mac(mac),
		.vni = 1,
		.mtu = 1450,
		.mod_revision = revision,
		.lease = 0x1234,
		.name = "host",
	};

	snprintf(peer.node, sizeof(peer.node), "%s", node);
	return peer;
}

static inline void sample_put(struct peers *peers, const struct peer *peer)
{
	assert_true(peers_put(peers, peer));
}
