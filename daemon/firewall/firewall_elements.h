/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of nftables sets, single addresses or prefixes as intervals, and differences between
 * two lists of them. Pure.
 */
#pragma once

#include "common/auto.h"
#include "common/ipaddr.h"
#include "common/netfilter/nft.h"
#include "common/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The elements of one set, whose keys have one size; sorted, unless stated otherwise. Packed,
 * because the addresses of all peers are in several such lists. All zero: empty.
 */
struct firewall_elements {
	uint8_t *at;
	size_t len, cap;
	size_t key_size; /* in bytes; any, while the list has no memory */
};

VEC_DEFINE(firewall_prefixes, struct prefix); /* in any order */

/* All functions that return bool return false if out of memory, unless stated otherwise. */

/* Ensures room for len elements. */
bool firewall_elements_reserve(struct firewall_elements *elements, size_t key_size, size_t len);
/* Appends an element, or an address; the list is not sorted afterwards. */
bool firewall_elements_push(struct firewall_elements *elements, size_t key_size,
			    const struct nft_element *element);
bool firewall_elements_add(struct firewall_elements *elements, const struct ipaddr *addr);
struct nft_element firewall_elements_get(const struct firewall_elements *elements, size_t i);
void firewall_elements_clear(struct firewall_elements *elements);
void firewall_elements_free(struct firewall_elements *elements);
AUTO_DEFINE_VALUE(firewall_elements, struct firewall_elements, firewall_elements_free);
void firewall_elements_sort(struct firewall_elements *elements);
/* Copies a sorted list without duplicates. */
bool firewall_elements_copy(const struct firewall_elements *from,
			    struct firewall_elements *copy_out);
/*
 * Removes the elements of del from a sorted list and inserts those of add, both sorted: one
 * occurrence for each. Elements of del that are not in the list are ignored.
 */
bool firewall_elements_patch(struct firewall_elements *elements,
			     const struct firewall_elements *del,
			     const struct firewall_elements *add);
bool firewall_elements_equal(const struct firewall_elements *a, const struct firewall_elements *b);
/* Appends the elements to add to have, and those to delete from it, to make it equal to want. */
bool firewall_elements_diff(const struct firewall_elements *have,
			    const struct firewall_elements *want, struct firewall_elements *add_out,
			    struct firewall_elements *del_out);

/*
 * Converts prefixes of one family into disjoint intervals that do not touch: a first element, and
 * one with `end` after the last address, absent if the interval ends at the highest address.
 */
bool firewall_elements_of_prefixes(const struct firewall_prefixes *prefixes,
				   struct firewall_elements *elements_out);

/* Appends the multicast and link-local destinations, which are never masqueraded. */
bool firewall_add_special(enum family family, struct firewall_prefixes *prefixes);
