/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other programs' packet rules, as far as they would drop what is forwarded for containers. An
 * accept in a table of ours does not undo a drop in another, so in iptables' FORWARD, or in
 * DOCKER-USER where docker has made it, weft's accepts are put first, with the comment "weft".
 * Of other chains that drop it is only told. What flannel left behind is taken away where it is
 * about one of our networks and ours have its place.
 */
#pragma once

#include "common/nft.h"
#include "common/vec.h"
#include "rules_table.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;

#define RULES_COMMENT REMAINS_COMMENT
#define RULES_WHERE_SIZE 160
#define RULES_CHAINS_MAX 32 /* others' at the forward hook that are looked at */

/* A chain that drops what nothing before in it has accepted. */
struct rules_finding {
	char where[RULES_WHERE_SIZE]; /* "ip filter FORWARD" */
	bool accepted;                /* by a rule with our comment in it */
};
VEC_DEFINE(rules_findings, struct rules_finding);

/* Warns of those that drop, where they did not before. */
void rules_findings_log(const struct rules_findings *before, const struct rules_findings *now);

/* A chain at the forward hook, whose rules' events concern us. */
struct rules_hooked {
	uint8_t family;
	char table[64], chain[64];
	bool drops; /* by its policy */
};
VEC_DEFINE(rules_hookeds, struct rules_hooked);

struct rules_foreign {
	struct rules_findings findings;
	struct rules_hookeds hooked;
};
void rules_foreign_free(struct rules_foreign *foreign);

/* Looks at all of it, and sets right what is ours to set right. */
int rules_foreign_look(struct rules_foreign *foreign, struct nl *nl,
		       const struct rules_options *options, const struct rules_network *networks,
		       size_t len, struct err *err);

/* Whether an event may change what the last look found. */
bool rules_foreign_concerns(const struct rules_foreign *foreign, const struct nft_event *event);
