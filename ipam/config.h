/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration: the JSON under <prefix>/config, with flannel's keys and rules, and
 * weft's own keys inside "Weft" (weft-config(5)). Immutable after it is parsed. Pure.
 */
#pragma once

#include "common/state.h"
#include "ipam/subnet.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct json_report;

#define CONFIG_SIZE_MAX (64 << 10)
#define CONFIG_PORT_DEFAULT 8472 /* flannel's and the kernel's; IANA's is 4789 */
#define CONFIG_LEASE_TTL_DEFAULT 86400
#define CONFIG_MTU_MIN_V6 1280 /* the kernel disables IPv6 on a device with less (RFC 8200) */

/* The outer family of tunnel packets (RFC 7348 section 5). */
enum config_underlay {
	CONFIG_UNDERLAY_AUTO, /* IPv4 if both ends have it, else IPv6 */
	CONFIG_UNDERLAY_V4,
	CONFIG_UNDERLAY_V6
};

enum config_mode {
	CONFIG_ROUTED, /* one subnet per node, routes between nodes */
	CONFIG_L2      /* one subnet and one broadcast domain over all nodes (daemon/l2/) */
};

/* How broadcast and multicast frames of an L2 network reach the other nodes. */
enum config_flood {
	CONFIG_FLOOD_NONE,      /* not at all */
	CONFIG_FLOOD_REPLICATE, /* one copy to each node with containers in the network */
	/* To a multicast group of the underlay; MACs are learned (RFC 7348). */
	CONFIG_FLOOD_MULTICAST,
	CONFIG_FLOODS
};

#define CONFIG_FLOOD_LIMIT_DEFAULT 1000
#define CONFIG_PROBE_PORT_DEFAULT 8473
#define CONFIG_PROBE_KEY_MIN 16
#define CONFIG_PROBE_KEY_MAX 128
#define CONFIG_NON_MASQUERADE_MAX 64
#define CONFIG_ALLOW_FROM_MAX 32

/* The part that concerns the packet rules. */
struct config_rules {
	struct prefix non_masquerade[CONFIG_NON_MASQUERADE_MAX];         /* without overlaps */
	char allow_from[CONFIG_ALLOW_FROM_MAX][STATE_NETWORK_NAME_SIZE]; /* other networks */
	uint32_t non_masquerade_len, allow_from_len;
	bool allow_routers; /* containers may be routers and DHCP servers of their bridge */
};

struct config {
	struct subnet_pool pool[FAMILIES]; /* zero: the family is not enabled */
	enum config_mode mode;
	struct ipaddr gateway[FAMILIES]; /* CONFIG_L2: every node's address in it; unset: none */
	enum config_flood flood;
	struct ipaddr group;      /* CONFIG_FLOOD_MULTICAST; its family is that of the underlay */
	char bridge[IF_NAMESIZE]; /* that exists already and is not weft's; "": weft makes one */
	/* Frames per second that a node's containers flood; 0: flood is NONE. */
	uint32_t flood_limit;
	uint32_t vni;
	uint16_t port;
	uint32_t mtu; /* of the underlay; 0: the uplink's */
	bool learning, gbp;
	bool direct_routing; /* no tunnel to peers on the same link */
	bool fast_path;      /* established flows bypass the bridge, where the kernel can */
	enum config_underlay underlay;
	uint32_t lease_ttl_s;
	bool reserved_only; /* a node uses the subnet that is reserved for it and chooses none */
	struct config_rules rules;
	uint16_t probe_port; /* UDP port of probes, within the network (daemon/probe) */
	/* Authenticates them; "": none. A secret: not to be logged, nor shown. */
	char probe_key[CONFIG_PROBE_KEY_MAX + 1];
};

/* Called for content that is ignored, such as an unknown key: path is its JSON path. */
typedef void config_warn_fn(void *ctx, const char *path, const char *what);

/*
 * Parses and validates the configuration. Keys are case-insensitive, as in flannel. warn NULL: what
 * is ignored is not reported. ERR_DECODE or ERR_CONFIG; the text begins with "network
 * configuration:" and has key, value and permitted values.
 */
int config_parse(const char *text, size_t size, config_warn_fn *warn, void *ctx,
		 struct config *config_out, struct err *err);

/*
 * As config_parse, and reports every fault, the first and the later ones (common/json/json.h). A
 * fault that only follows from another one is not reported, except with the same path as that one.
 */
int config_parse_report(const char *text, size_t size, config_warn_fn *warn, void *ctx,
			const struct json_report *report, struct config *config_out,
			struct err *err);

/*
 * Sets the outer families that a node with these uplink addresses (unset: none) uses. If none is
 * set, the node cannot join the network. A network that floods uses one: the bridge would pass a
 * broadcast from one vxlan device to the other.
 */
void config_outer_families(const struct config *config,
			   const struct ipaddr address[static FAMILIES],
			   bool uses_out[static FAMILIES]);

/* Returns whether containers have addresses of the family. At least one family is enabled. */
bool config_has(const struct config *config, enum family family);

/*
 * Returns whether the host has an address of the family in the network, and routes its packets: in
 * every network but an L2 network without a gateway, which is a switch only.
 */
bool config_is_routed(const struct config *config, enum family family);

/* Returns whether it is routed in neither family. */
bool config_is_switch(const struct config *config);

/*
 * Checks whether a network can coexist on one node with the network other_name. ERR_CONFIG with the
 * conflicting key and value.
 */
int config_check_coexistence(const struct config *config, const struct config *other,
			     const char *other_name, struct err *err);

extern const char *const config_flood_name[CONFIG_FLOODS]; /* "replicate" */

/* Returns whether nodes learn the MACs of remote containers from the tunnel's packets. */
bool config_learns(const struct config *config);

/* Returns whether nodes announce their containers: in an L2 network without learning. */
bool config_announces(const struct config *config);

bool config_equal(const struct config *a, const struct config *b);
