/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a lease key, as text: "10.5.1.0-24", "fd00:5:1::-64", or both with an '&' between.
 * ipam/lease_key.h parses them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Returns the length of the IPv4 part; 0: there is none. */
size_t store_key_first_len(const char *key);
/* Returns the IPv6 part, or NULL. */
const char *store_key_second(const char *key);

/* Returns whether the keys have a subnet in common. */
bool store_key_clash(const char *a, const char *b);
