/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CNI_* variables (CNI 1.1.0, "Parameters"): which of them a verb needs, and their valid
 * values. Pure: reads through a look-up function, getenv(3) except in tests.
 */
#pragma once

#include "ipam/attachment.h"

#include <stdbool.h>

struct err;

/* An empty variable counts as unset: runtimes pass unset ones that way. */
struct env {
	const char *container_id;
	const char *netns; /* NULL: none, for DEL only */
	const char *ifname;
	const char *args; /* CNI_ARGS; NULL: none */
	const char *path; /* CNI_PATH; NULL: none. Needed with ipam.type only */
	bool any_netns;   /* CNI_NETNS_OVERRIDE: CNI_NETNS may be the plugin's own namespace */
};

/* Which variables a verb requires. */
enum env_needs { ENV_CONTAINERID = 1 << 0, ENV_NETNS = 1 << 1, ENV_IFNAME = 1 << 2 };

typedef const char *env_lookup_fn(void *ctx, const char *name);

/*
 * Reads the variables; the texts remain owned by the look-up. needs is an OR of enum env_needs.
 * Returns 0, or -1 with ERR_ENV, which names an invalid value or all missing variables.
 */
int env_read(env_lookup_fn *lookup, void *ctx, unsigned needs, struct env *env_out,
	     struct err *err);

/* Returns the attachment's key in a weft network. env and network must outlive it. */
struct attachment_key env_key(const struct env *env, const char *network);
