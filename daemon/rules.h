/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's packet rules: keeps the kernel's table (rules_table.h) as the networks need it,
 * and looks after those of others that would drop our packets (rules_foreign.h, rules_legacy.h). A
 * change of peers is a change of elements; the table is put there anew only when it differs.
 * nf_tables' own events tell when somebody else has changed something; where there is a table of
 * iptables-legacy, it is looked at every ten seconds. When weftd ends, all stays.
 */
#pragma once

#include "rules_foreign.h"
#include "rules_legacy.h"
#include "rules_table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct legacy;
struct loop;

struct rules;

/*
 * legacy: stays the caller's; NULL: iptables-legacy is not looked at. networks: how many will tell
 * of themselves. A table of an earlier weftd stays until all of them have, or ten seconds are
 * over. A kernel without nf_tables is no failure: rules_view says so.
 */
int rules_new(struct loop *loop, const struct rules_options *options, struct legacy *legacy,
	      size_t networks, struct rules **rules_out, struct err *err);
void rules_free(struct rules *rules);

/*
 * Says what a network is now; another with its name is forgotten, but for its peers where this is
 * a change of them. Takes the peers and leaves the network without. The kernel knows when it returns, unless it refused, which is tried again.
 */
void rules_tell(struct rules *rules, struct rules_network *network);

/* Whether packets that leave the cluster's networks get the node's address. */
bool rules_masquerade(const struct rules *rules);

/* A look at everything, for status; valid until the loop goes on. Asks the kernel for counters. */
struct rules_view {
	bool stands;       /* the kernel has all that could be had */
	const char *error; /* "" or why it does not stand */
	unsigned lacking;  /* what the kernel cannot do: bits 1 << enum rules_part */
	bool ip_masq, forward, guard;
	uint64_t guarded, apart; /* packets dropped for the tunnel's sake, and between networks */
	const struct rules_foreign *foreign;
	const struct rules_legacy *legacy;
};
struct rules_view rules_view(const struct rules *rules);
