/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a table being made, shared by rules_table.c (sets, and the whole) and
 * rules_chains.c (chains and what is in them). Nobody else includes it.
 */
#pragma once

#include "rules_table.h"

/* What differs between the families in a packet and in nf_tables. */
struct rules_wire {
	uint8_t nfproto;
	char digit;
	uint32_t saddr, daddr, size; /* bytes */
	uint32_t key_type;
};
extern const struct rules_wire rules_wire[FAMILIES];

struct rules_maker {
	const struct rules_options *options;
	const struct rules_network *networks;
	size_t len;
	struct rules_table *table;
	bool failed; /* out of memory */
};

bool rules_can(const struct rules_maker *maker, enum rules_part part);
bool rules_masquerades(const struct rules_maker *maker);
/* Whether the network lets the other one in. */
bool rules_allows(const struct rules_network *to, const struct rules_network *from);
/* "own4-1"; VNI 0: "cluster4". */
const char *rules_set_name(char buf[static RULES_NAME_SIZE], const char *what, enum family f,
			   uint32_t vni);
bool rules_has_set(const struct rules_maker *maker, const char *name);

/* Every chain that has a rule, and the rules. */
void rules_add_chains(struct rules_maker *maker);
