/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transactions that put and remove a lease key, such that no two keys contain one subnet. Used
 * by store_etcd.c. Pure.
 *
 * A subnet can be in keys of several forms: alone, or with one of the other family.
 *
 *   PREFIX/subnets/10.5.1.0-24
 *   PREFIX/subnets/10.5.1.0-24&fd00:5:1::-64
 *   PREFIX/subnets/fd00:5:1::-64
 *
 * Keys with the same IPv4 subnet are adjacent: a transaction compares their whole range (etcd 3.3
 * or later), which includes flannel's keys. Keys with the same IPv6 subnet are not adjacent. So a
 * key with an IPv6 subnet is put together with its claim, attached to the same etcd lease:
 *
 *   PREFIX/claims/fd00:5:1::-64/10.5.1.0-24&fd00:5:1::-64
 *
 * and a transaction compares the range of claims. A claim without its key is void and is removed by
 * the next transaction that it blocks. Claims are outside PREFIX/subnets, because flannel's nodes
 * drop all peers for a key there that is not a lease.
 */
#pragma once

#include <stdint.h>

struct store_put;

/*
 * What all keys begin with; both end with '/'. claims NULL: each key is independent of the others.
 */
struct store_etcd_claim_prefixes {
	const char *subnets, *claims;
};

/* Return the body of a request, malloc'ed, the caller's; NULL when out of memory. */
char *store_etcd_claim_put(const struct store_etcd_claim_prefixes *prefixes,
			   const struct store_put *put);
char *store_etcd_claim_remove(const struct store_etcd_claim_prefixes *prefixes, const char *key,
			      uint64_t if_revision);
