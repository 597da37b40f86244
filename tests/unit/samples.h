/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for tests, parsed from text as users write it: addresses, a configuration, leases. A text
 * that cannot be parsed fails the test.
 */
#pragma once

#include "common/err.h"
#include "common/ipaddr.h"
#include "daemon/lease/lease.h"
#include "ipam/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SAMPLE_NODE "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define SAMPLE_OTHER "7ba7b810-9dad-11d1-80b4-00c04fd430c8"

/* Asserts that a call succeeded; prints its error otherwise. */
#define assert_good(call, err)                                                                     \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s", #call, (err).text);                                     \
	} while (0)

/*
 * Removes all blanks, so that JSON without blanks in its strings can be compared regardless of
 * layout.
 */
void strip_blanks(char *text);
/* Asserts that text contains part; prints both otherwise. */
void assert_says(const char *text, const char *part);

/* "": no address. */
struct ipaddr sample_addr(const char *text);

/* "": no prefix. */
struct prefix sample_prefix(const char *text);
struct mac sample_mac(const char *text);
void sample_no_warning(void *ctx, const char *path, const char *what);
struct config sample_config(const char *text);

/* The subnets in the text of a key, "10.5.1.0/24&fd00:5:1::/64"; "" for none. */
void sample_subnets(const char *text, struct prefix subnet_out[static FAMILIES]);

/* The text of the subnets. */
const char *sample_subnets_text(const struct prefix subnet[static FAMILIES]);

/*
 * A node's lease as weft writes it, with an address of either family. node "": as flannel writes
 * it.
 */
struct lease sample_peer(const char *subnet, const char *public_ip, const char *mac,
			 const char *node, uint64_t revision);
void sample_put(struct leases *peers, const struct lease *peer);
