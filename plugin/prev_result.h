/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of prevResult that CHECK compares with the kernel's state: one interface of the
 * container, its addresses, and all routes (CNI 0.4.0 and later, "CHECK"). Pure.
 */
#pragma once

#include "common/auto.h"
#include "common/ipaddr.h"
#include "common/vec.h"
#include "plugin/netconf.h"

struct err;

VEC_DEFINE(prev_result_addresses, struct prefix);

struct prev_result {
	struct mac mac;
	struct prev_result_addresses addresses;
	struct netconf_routes routes;
};

/*
 * Parses text and selects the interface by name and sandbox. Returns 0, or -1 with ERR_CONFIG when
 * text is not a result or lacks the interface. Free with prev_result_free.
 */
int prev_result_parse(const char *text, const char *ifname, const char *sandbox,
		      struct prev_result *prev_out, struct err *err);

/* Frees the members. An all-zero struct is allowed. */
void prev_result_free(struct prev_result *prev);
AUTO_DEFINE_VALUE(prev_result, struct prev_result, prev_result_free);
