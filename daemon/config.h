/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration: the JSON under <prefix>/config, in flannel's keys
 * and rules, with ours inside "Weft" (weft-config(5)). Parsed once, validated, immutable
 * from then on. Pure.
 */
#pragma once

#include "common/state.h"
#include "ipam/subnet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CONFIG_SIZE_MAX (64 << 10)
#define CONFIG_PORT_DEFAULT 8472 /* flannel's and the kernel's; IANA's is 4789 */
#define CONFIG_LEASE_TTL_DEFAULT 86400

/* Which of the hosts' own networks carries the tunnel. */
enum config_underlay {
	CONFIG_UNDERLAY_AUTO, /* IPv4 where both ends have it, else IPv6 */
	CONFIG_UNDERLAY_V4,
	CONFIG_UNDERLAY_V6
};

#define CONFIG_NON_MASQUERADE_MAX 64
#define CONFIG_ALLOW_FROM_MAX 32

/* What the packet rules are told. */
struct config_rules {
	struct prefix non_masquerade[CONFIG_NON_MASQUERADE_MAX];         /* none overlaps another */
	char allow_from[CONFIG_ALLOW_FROM_MAX][STATE_NETWORK_NAME_SIZE]; /* other networks */
	uint32_t non_masquerade_len, allow_from_len;
};

struct config {
	struct subnet_plan plan[FAMILIES]; /* of a family that is not enabled: all zero */
	uint32_t vni;
	uint16_t port;
	uint32_t mtu; /* of the underlay, to reckon with; 0: the uplink's */
	bool learning, gbp;
	bool direct_routing; /* no tunnel to peers that are reached without a gateway */
	enum config_underlay underlay;
	uint32_t lease_ttl_s;
	struct config_rules rules;
};

/* Called for what is taken, but not as its writer may hope: an unknown key, say. */
typedef void config_warn_fn(void *ctx, const char *path, const char *what);

/*
 * Keys match without regard to case, as in flannel. ERR_DECODE or ERR_CONFIG; the text begins
 * with "network configuration:" and names key, value and what is allowed.
 */
int config_parse(const char *text, size_t size, config_warn_fn *warn, void *ctx,
		 struct config *config_out, struct err *err);

/*
 * Over which families the tunnel's packets go, for a node with these addresses on the underlay
 * (unset: it has none). None: the node cannot take part.
 */
void config_outer(const struct config *config, const struct ipaddr address[static FAMILIES],
		  bool uses_out[static FAMILIES]);

/* Whether containers have addresses of that family; of one at least they have. */
bool config_has(const struct config *config, enum family family);

/*
 * Whether a network with this configuration can be on one node with the network other_name, which
 * has the other: ERR_CONFIG names what the two cannot share.
 */
int config_beside(const struct config *config, const struct config *other, const char *other_name,
		  struct err *err);

bool config_equal(const struct config *a, const struct config *b);
