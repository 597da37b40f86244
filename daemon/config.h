/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration: the JSON under <prefix>/config, in flannel's keys
 * and rules, with ours inside "Weft" (weft-config(5)). Parsed once, validated, immutable
 * from then on. Pure.
 */
#pragma once

#include "ipam/subnet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CONFIG_SIZE_MAX (64 << 10)
#define CONFIG_PORT_DEFAULT 8472 /* flannel's and the kernel's; IANA's is 4789 */
#define CONFIG_LEASE_TTL_DEFAULT 86400

struct config {
	struct subnet_plan plan;
	uint32_t vni;
	uint16_t port;
	uint32_t mtu; /* of the underlay, to reckon with; 0: the uplink's */
	bool learning, gbp;
	uint32_t lease_ttl_s;
};

/* Called for what is taken, but not as its writer may hope: an unknown key, say. */
typedef void config_warn_fn(void *ctx, const char *path, const char *what);

/*
 * Keys match without regard to case, as in flannel. ERR_DECODE or ERR_CONFIG; the text begins
 * with "network configuration:" and names key, value and what is allowed.
 */
int config_parse(const char *text, size_t size, config_warn_fn *warn, void *ctx,
		 struct config *config_out, struct err *err);

bool config_equal(const struct config *a, const struct config *b);
