/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What prevResult says about one interface of a container (CNI 0.4.0 and later, "Success"):
 * what CHECK compares with what is there. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"
#include "plugin/netconf.h"

struct err;

VEC_DEFINE(prev_addresses, struct prefix);

struct prev {
	struct mac mac;
	struct prev_addresses addresses;
	struct netconf_routes routes; /* dst, gateway and table are set */
};

/*
 * Finds the interface by its name and sandbox, its addresses, and the routes. ERR_CONFIG:
 * it is not a result, or does not have that interface. The caller frees with prev_free.
 */
int prev_parse(const char *text, const char *ifname, const char *sandbox, struct prev *prev_out,
	       struct err *err);

/* An all-zero struct is allowed. */
void prev_free(struct prev *prev);
#define AUTO_PREV __attribute__((cleanup(prev_free)))
