/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CNI_* variables (CNI 1.1.0, "Parameters"): which of them a verb needs, and what each
 * may hold. Pure: reads through the look-up that it is given, getenv(3) but in tests.
 */
#pragma once

#include "ipam/attachment.h"

#include <stdbool.h>

struct err;

/* A variable that is empty counts as one that is not set: runtimes pass them so. */
struct env {
	const char *container_id;
	const char *netns; /* NULL where a DEL has none */
	const char *ifname;
	const char *args; /* CNI_ARGS; NULL: none */
	const char *path; /* CNI_PATH; NULL: none. Needed where addresses come from another plugin */
	bool any_netns;   /* CNI_NETNS_OVERRIDE: the namespace may be the plugin's own */
};

/* Which variables a verb requires. */
enum env_needs { ENV_CONTAINERID = 1 << 0, ENV_NETNS = 1 << 1, ENV_IFNAME = 1 << 2 };

typedef const char *env_lookup_fn(void *ctx, const char *name);

/*
 * Reads the variables; the texts stay the look-up's. needs is an OR of enum env_needs. ERR_ENV:
 * a value that is not allowed, or the names of all that are missing.
 */
int env_read(env_lookup_fn *lookup, void *ctx, unsigned needs, struct env *env_out,
	     struct err *err);

/* Whose attachment it is, in a network of weft's. What it is made of must outlive it. */
struct attachment_key env_key(const struct env *env, const char *network);
