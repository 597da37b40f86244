/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iptables-legacy beside nf_tables: where its FORWARD drops, or DOCKER-USER, weft's accepts are put into
 * it, as rules_foreign.h does for iptables-nft. The kernel tells nothing of changes in it,
 * so that whoever calls looks again, and more often where there is such a table.
 */
#pragma once

#include "rules_foreign.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct legacy;

struct rules_legacy {
	struct legacy *kernel;          /* not owned; NULL: nobody looks */
	struct rules_findings findings; /* "iptables-legacy filter FORWARD" */
	bool there;                     /* a table that others may change */
	bool unseen[FAMILIES];          /* whether there is one, we may not know */
};
void rules_legacy_free(struct rules_legacy *legacy);

/* Looks at all of it, and sets right what is ours to set right. */
int rules_legacy_look(struct rules_legacy *legacy, const struct rules_options *options,
		      const struct rules_network *networks, size_t len, struct err *err);
