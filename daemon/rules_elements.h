/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sets of the packet filter hold: single addresses, or networks as intervals; and how one
 * such list differs from another. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/nft.h"
#include "common/vec.h"

#include <stdbool.h>

VEC_DEFINE(rules_elements, struct nft_element); /* sorted, where nothing else is said */
VEC_DEFINE(rules_prefixes, struct prefix);      /* in any order */

/* All answer false when out of memory. */

/* An address at the end, in no order. */
bool rules_elements_add(struct rules_elements *elements, const struct ipaddr *addr);
void rules_elements_sort(struct rules_elements *elements);
/* Of a sorted list, each one once. */
bool rules_elements_copy(const struct rules_elements *from, struct rules_elements *copy_out);
/*
 * Takes those of del out of a sorted list, and those of add in, both sorted: each as often as it
 * stands there. What is to be taken out and is not there does not matter.
 */
bool rules_elements_patch(struct rules_elements *elements, const struct rules_elements *del,
			  const struct rules_elements *add);
bool rules_elements_equal(const struct rules_elements *a, const struct rules_elements *b);
/* What must be added to have, and taken away, to make it want. */
bool rules_elements_diff(const struct rules_elements *have, const struct rules_elements *want,
			 struct rules_elements *add_out, struct rules_elements *del_out);

/*
 * The prefixes, of one family, as intervals that neither meet nor overlap: a first element, and
 * one with `end` behind the last address, which an interval to the end of all addresses lacks.
 */
bool rules_ranges(const struct rules_prefixes *prefixes, struct rules_elements *elements_out);

/* Where a packet cannot be answered by an address that is not its sender's: multicast, this link. */
bool rules_special(enum family family, struct rules_prefixes *prefixes);
