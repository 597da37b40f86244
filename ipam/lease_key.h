/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of leases in the store and in the snapshot, in flannel's format: the subnet, or the IPv4
 * and the IPv6 subnet, with '-' in place of '/'. Used by weftd and weftctl. Pure.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>

struct err;

#define LEASE_KEY_SIZE 96

/* Parses a key. ERR_DECODE if it is not an encoded subnet or has host bits set. */
int lease_parse_key(const char *key, struct prefix subnet_out[static FAMILIES], struct err *err);
/* Returns buf: "10.5.1.0-24", "10.5.1.0-24&fd00:5:1::-64" or "fd00:5:1::-64". */
const char *lease_key(const struct prefix subnet[static FAMILIES], char buf[static LEASE_KEY_SIZE]);
/*
 * Returns whether a key is spelled as lease_key and flannel spell its subnets (RFC 5952). A key in
 * another spelling is no lease: two keys of the store would be one record.
 */
bool lease_key_is_canonical(const char *key, const struct prefix subnet[static FAMILIES]);
