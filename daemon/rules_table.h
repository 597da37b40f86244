/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet rules of all networks of the node, as one table of nf_tables: what `nft list table
 * inet weft` shows. Pure: rules.h brings the kernel's table to it.
 *
 *   table inet weft {
 *     counter guarded; counter apart
 *     set peers4-1 peers6-1     of the network with VNI 1: where its tunnel packets come from
 *     set own4-1 own6-1         this node's subnet of it
 *     set except4-1 except6-1   where to addresses are kept: NonMasquerade, multicast
 *     set apart4-1 apart6-1     networks on this node that do not let it in
 *     set cluster4 cluster6     all networks on this node
 *
 *     chain tunnel-in {         type filter hook prerouting priority raw
 *       udp dport 8472 ip saddr @peers4-1 notrack
 *     chain tunnel-out {        type filter hook output priority raw
 *       udp dport 8472 ip daddr @peers4-1 notrack
 *     chain input {             type filter hook input priority filter
 *       udp dport 8472 goto guard
 *     chain guard {
 *       @th,96,24 0x1 ip saddr @peers4-1 accept     the VNI in a VXLAN header
 *       @th,96,24 0x1 goto drop
 *       @th,96,24 >= 0x0 accept                     of nobody here, or of another program
 *       goto drop                                   cut short, or a fragment without a VNI
 *     chain drop {
 *       counter name "guarded" drop
 *     chain forward {           type filter hook forward priority filter
 *       iifname "weft-br1" ip daddr @apart4-1 ct state established,related accept
 *       iifname "weft-br1" ip daddr @apart4-1 counter name "apart" drop
 *       iifname "weft-br1" accept
 *       oifname "weft-br1" accept
 *     chain postrouting {       type nat hook postrouting priority srcnat
 *       meta mark & 0x4000 == 0x4000 return         kube-proxy masquerades it
 *       ip saddr @own4-1 ip daddr != @cluster4 ip daddr != @except4-1 masquerade fully-random
 *   }
 *
 * What IPv4 has IPv6 has. What a network does not need is not there.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/nft.h"
#include "common/remains.h"
#include "common/state.h"
#include "common/vec.h"
#include "config.h"
#include "rules_elements.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define RULES_FAMILY 1 /* NFPROTO_INET */
#define RULES_TABLE REMAINS_TABLE
#define RULES_GUARDED "guarded" /* counters */
#define RULES_APART "apart"
#define RULES_NAME_SIZE 24

/* One network, as far as rules are concerned. */
struct rules_network {
	char name[STATE_NETWORK_NAME_SIZE];
	char bridge[IF_NAMESIZE];
	uint32_t vni;
	uint16_t port;
	bool outer[FAMILIES]; /* the families of the tunnel's packets */
	struct prefix cluster[FAMILIES], subnet[FAMILIES];
	struct config_rules rules;
	/* Public addresses, sorted; one that two peers have is there twice. */
	struct rules_elements peers[FAMILIES];
	bool change; /* peers are those that came, gone those that went */
	struct rules_elements gone[FAMILIES];
};
void rules_network_free(struct rules_network *network);

/* What a kernel may be unable to do, alone; bits of rules_options.lacking. */
enum rules_part {
	RULES_WHOLE, /* the table itself */
	RULES_COUNT,
	RULES_NOTRACK,
	RULES_GUARD,
	RULES_KEEP_APART,
	RULES_ANSWER, /* those that are kept apart, where it was allowed to ask */
	RULES_FORWARD,
	RULES_MASQUERADE,
	RULES_RANDOM, /* ports, when masquerading */
	RULES_PARTS
};
extern const char *const rules_part_name[RULES_PARTS];

struct rules_options {
	bool ip_masq, forward, guard;
	unsigned lacking; /* bits 1 << enum rules_part: leave these out */
};

struct rules_set {
	char name[RULES_NAME_SIZE];
	uint32_t flags, key_type, key_size;
	enum rules_part part;
	struct rules_elements elements;
};

struct rules_chain {
	const char *name;
	const char *type; /* NULL: others go to it */
	uint32_t hook;
	int32_t priority;
	enum rules_part part;
};

struct rules_rule {
	const char *chain;
	enum rules_part part;
	struct nft_expr expr;
};

VEC_DEFINE(rules_sets, struct rules_set);
VEC_DEFINE(rules_chains, struct rules_chain);
VEC_DEFINE(rules_rules, struct rules_rule);

/* In the order in which the kernel keeps them: rules by chain. */
struct rules_table {
	struct rules_sets sets;
	struct rules_chains chains;
	struct rules_rules rules;
	bool counters;
};

/* False: out of memory. The result is the caller's, also then. */
bool rules_table_make(const struct rules_options *options, const struct rules_network *networks,
		      size_t len, struct rules_table *table_out);
void rules_table_free(struct rules_table *table);

/* Whether both are the same but for elements of sets that can be changed one by one. */
bool rules_table_alike(const struct rules_table *a, const struct rules_table *b);

/* The set's kernel form; refers to it. */
struct nft_set rules_set_nft(const struct rules_set *set);
struct nft_chain rules_chain_nft(const struct rules_chain *chain);
