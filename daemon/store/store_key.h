/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a lease key, as the stores compare them: "10.5.1.0-24", "fd00:5:1::-64", or both
 * with an '&' between. What the parts mean is peer.h's. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of the IPv4 part; 0: it has none. */
size_t store_key_first_len(const char *key);
/* The IPv6 part, or NULL. */
const char *store_key_second(const char *key);

/* Whether the two have a subnet in common. */
bool store_key_clash(const char *a, const char *b);
