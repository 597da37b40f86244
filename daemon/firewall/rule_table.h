/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of nf_tables as weft wants it: sets, chains and rules, each with the part that a kernel
 * may lack. firewall_table.h, bridge_table.h, ingress_table.h and spoof_desired.h build such
 * tables. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/netfilter/nft.h"
#include "common/vec.h"
#include "daemon/firewall/firewall_elements.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIREWALL_NAME_SIZE 24

/* Parts that a kernel may not support; bits of firewall_options.unsupported. */
enum firewall_part {
	FIREWALL_WHOLE, /* the table itself */
	FIREWALL_COUNT,
	FIREWALL_NOTRACK,
	FIREWALL_INGRESS, /* of packets that arrive, at the ingress hook of the uplink */
	FIREWALL_GUARD,
	/* The drop of tunnel packets that a node forwards, or a container sends. */
	FIREWALL_INJECTION,
	FIREWALL_ISOLATION,
	FIREWALL_REPLIES, /* of a network that may be contacted but may not contact */
	FIREWALL_FORWARD,
	FIREWALL_MASQUERADE,
	FIREWALL_RANDOM,  /* ports, when masquerading */
	FIREWALL_HAIRPIN, /* masquerading of translated connections within the node's subnet */
	FIREWALL_BRIDGE,  /* the table bridge weft */
	FIREWALL_ROUTERS,
	FIREWALL_HOST_ROUTERS, /* the same in inet weft, for packets to and through the host */
	FIREWALL_PROBES,
	FIREWALL_ALLOW_ROUTERS, /* in some of several networks */
	FIREWALL_BRIDGED_TUNNEL,
	/* Of broadcasts to the tunnel; its chain is that of FIREWALL_BRIDGED_TUNNEL. */
	FIREWALL_FLOOD_LIMIT,
	FIREWALL_SPOOF, /* the table bridge weft-spoof */
	FIREWALL_PARTS
};
extern const char *const firewall_part_name[FIREWALL_PARTS];
/* Bits of the parts without which rules at prerouting have the same effect. */
#define FIREWALL_SUBSTITUTED (1U << FIREWALL_INGRESS | 1U << FIREWALL_HOST_ROUTERS)

struct firewall_network;
struct firewall_options;

struct firewall_set {
	char name[FIREWALL_NAME_SIZE];
	uint32_t flags, key_type, key_size;
	uint32_t limit; /* of elements; 0: none */
	enum firewall_part part;
	struct firewall_elements elements;
};

struct firewall_chain {
	const char *name;
	const char *type; /* NULL: not a base chain */
	uint32_t hook;
	int32_t priority;
	enum firewall_part part;
};

struct firewall_rule {
	const char *chain;
	enum firewall_part part;
	struct nft_expr expr;
};

VEC_DEFINE(firewall_sets, struct firewall_set);
VEC_DEFINE(firewall_chains, struct firewall_chain);
VEC_DEFINE(firewall_rules, struct firewall_rule);

/* In the order of the kernel: rules by chain. */
struct firewall_table {
	uint8_t family; /* NFPROTO_* */
	const char *name;
	enum firewall_part part; /* that the kernel lacks if it does not support the family */
	const char *const *counters;
	size_t counters_len;
	struct nft_devices devices; /* of family netdev: of all base chains */
	struct firewall_sets sets;
	struct firewall_chains chains;
	struct firewall_rules rules;
};

/* A table under construction, for these networks. */
struct firewall_builder {
	const struct firewall_network *networks;
	size_t len;
	const struct firewall_options *options;
	unsigned unsupported; /* parts to leave out: bits 1 << enum firewall_part */
	struct firewall_table *table;
	bool failed; /* out of memory */
};

/* Returns whether the kernel supports the part, as far as is known. */
bool firewall_is_supported(const struct firewall_builder *builder, enum firewall_part part);
/* Returns the expressions of a new rule at the end, valid until the next one. Never NULL. */
struct nft_expr *firewall_add_rule(struct firewall_builder *builder, const char *chain,
				   enum firewall_part part);
/* Adds the counter to the rule, if the kernel supports it. */
void firewall_count(const struct firewall_builder *builder, struct nft_expr *expr,
		    const char *counter);

/* What differs between the families in a packet and in nf_tables. */
struct firewall_wire {
	uint8_t nfproto;
	uint32_t saddr, daddr, size; /* of the addresses: offsets and size in bytes */
	uint32_t key_type;           /* of a set of addresses: NFT_TYPE_* */
};
extern const struct firewall_wire firewall_wire[FAMILIES];

/* Append a match to a rule. key is NFT_META_*, op NFT_CMP_EQ or NFT_CMP_NEQ. */
void firewall_match_family(struct nft_expr *expr, enum family f);
/* Returns the name of a set: what, the digit of the family, and -VNI unless vni is 0. */
const char *firewall_set_name(char buf[static FIREWALL_NAME_SIZE], const char *what, enum family f,
			      uint32_t vni);
/* Source or destination in the set of that name, of this family, or (absent) not in it. */
void firewall_match_set(struct nft_expr *expr, enum family f, bool source, const char *what,
			uint32_t vni, bool absent);
/* Source or destination is this address. */
void firewall_match_address(struct nft_expr *expr, bool source, const struct ipaddr *addr);
/* A destination port of UDP, or the same bytes of another protocol. */
void firewall_match_port(struct nft_expr *expr, uint16_t port);
/* UDP to this port; most other packets fail the first comparison. */
void firewall_match_udp_port(struct nft_expr *expr, uint16_t port);
/* The VNI in a VXLAN packet; any: neither cut short nor a fragment without it. */
void firewall_match_vni(struct nft_expr *expr, uint32_t vni);
void firewall_match_any_vni(struct nft_expr *expr);
/* The VNI and the byte after it, which Linux sends as 0 (RFC 7348, section 5: reserved). */
void firewall_match_sent_vni(struct nft_expr *expr, uint32_t vni);
/* Source or destination in the prefix, of this family, or (NFT_CMP_NEQ) not in it. */
void firewall_match_prefix(struct nft_expr *expr, enum family f, bool source, uint32_t op,
			   const struct prefix *prefix);
/* The device of this name, by the key of a device's name. */
void firewall_match_device(struct nft_expr *expr, uint32_t key, uint32_t op, const char *name);
/* The devices of weft, by NFT_META_IIFGROUP or NFT_META_OIFGROUP. */
void firewall_match_weft(struct nft_expr *expr, uint32_t key, uint32_t op);
/* The vxlan devices of weft, by NFT_META_IIFNAME or NFT_META_OIFNAME. */
void firewall_match_tunnels(struct nft_expr *expr, uint32_t key);
/* The protocol of the upper layer: IPPROTO_*. */
void firewall_match_upper(struct nft_expr *expr, uint32_t op, uint8_t protocol);
/* The protocol of the packet, without the VLAN tag that the kernel has removed: ETH_P_*. */
void firewall_match_protocol(struct nft_expr *expr, uint16_t protocol);
/* Packets of connections that the other side began. */
void firewall_match_replies(struct nft_expr *expr);
/* Frames to 01:80:c2:00:00:0x, which no bridge forwards by IEEE 802.1D: STP, LLDP. */
void firewall_match_link_local(struct nft_expr *expr);
/* Frames to a group, broadcasts included, or to a single station. */
void firewall_match_group(struct nft_expr *expr, bool group);

void firewall_table_free(struct firewall_table *table);

/* Returns whether the tables differ at most in elements of sets without intervals. */
bool firewall_table_same_shape(const struct firewall_table *a, const struct firewall_table *b);

/* Returns the kernel's form, which points into the argument. */
struct nft_set firewall_set_nft(const struct firewall_set *set);
struct nft_chain firewall_chain_nft(const struct firewall_table *table,
				    const struct firewall_chain *chain);
