/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transactions by which a lease key comes and goes, so that no subnet is in two keys.
 * Used by store_etcd.c. Pure.
 *
 * A subnet can be in keys of several forms: alone, or beside one of the other family.
 *
 *   PREFIX/subnets/10.5.1.0-24
 *   PREFIX/subnets/10.5.1.0-24&fd00:5:1::-64
 *   PREFIX/subnets/fd00:5:1::-64
 *
 * Those with one IPv4 subnet are neighbours: a transaction compares their whole range, which
 * needs etcd 3.3, and so sees flannel's keys, too. Those with one IPv6 subnet are anywhere.
 * So a key with one comes together with its claim, attached to the same etcd lease:
 *
 *   PREFIX/claims/fd00:5:1::-64/10.5.1.0-24&fd00:5:1::-64
 *
 * and a transaction compares that range. A claim without its key is void; who meets it takes it
 * away. Claims lie outside PREFIX/subnets, where flannel's nodes would die of them.
 */
#pragma once

#include <stdint.h>

struct store_put;

/* Where the keys lie, each ended by its '/'. */
struct store_etcd_claim_places {
	const char *subnets, *claims;
};

/* Bodies of requests, malloc'ed, the caller's. NULL: out of memory. */
char *store_etcd_claim_put(const struct store_etcd_claim_places *places,
			   const struct store_put *put);
char *store_etcd_claim_remove(const struct store_etcd_claim_places *places, const char *key,
			      uint64_t if_revision);
