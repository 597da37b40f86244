/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an attachment has died without a DEL. Pure; for sweep.c. */
#pragma once

#include <stdbool.h>

struct sweep_facts {
	enum {
		SWEEP_RECORD_EMPTY,   /* its ADD was killed before it took anything */
		SWEEP_RECORD_READ,    /* what follows is known of it */
		SWEEP_RECORD_DAMAGED, /* or a newer weft's */
	} record;
	bool has_veth;  /* the host's end, and so the container's too, is there */
	bool delegated; /* its addresses are another plugin's to give back */
	enum {
		SWEEP_NETNS_SAME,    /* the path leads to the namespace that was recorded */
		SWEEP_NETNS_GONE,    /* it leads to another, or to none */
		SWEEP_NETNS_UNKNOWN, /* it cannot be looked at */
	} netns;
};

/*
 * Only what is surely dead: no device, and no namespace. A path alone says little, since a
 * namespace lives on without one, and since the daemon may not see all paths that a
 * runtime sees; but a namespace that lives has its interface.
 */
bool sweep_is_dead(const struct sweep_facts *facts);
