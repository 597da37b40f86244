/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a rule applies to a packet, and what it then does with it, three-valued: a field of the
 * packet that is unknown, and an expression that is not understood, may match or not. Pure, except
 * that it reads the names of devices.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/netfilter/nft.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nft_match { NFT_MATCH_NO, NFT_MATCH_MAYBE, NFT_MATCH_YES };

/* States of a connection (NF_CT_STATE_BIT of the kernel). */
#define NFT_CT_INVALID 1 /* also: none, before connection tracking */
#define NFT_CT_NEW 8
#define NFT_CT_UNTRACKED 64

/* A packet: its unset members are unknown. */
struct nft_packet {
	uint8_t nfproto;                   /* NFPROTO_IPV4 or NFPROTO_IPV6 */
	uint8_t l4proto;                   /* IPPROTO_*; 0: unknown */
	uint16_t dport;                    /* of UDP or TCP, in host byte order; 0: unknown */
	struct ipaddr source, destination; /* of nfproto's family, or unset */
	uint32_t ct_state;                 /* NFT_CT_*; 0: unknown */
	bool has_vni;                      /* it is a VXLAN packet: vni is set */
	uint32_t vni;
	char iifname[IF_NAMESIZE], oifname[IF_NAMESIZE]; /* "": unknown */
	bool has_iifgroup, has_oifgroup;
	uint32_t iifgroup, oifgroup; /* IFLA_GROUP */
	/* Whether a set of the rule's table has the key, or a map, whose verdict is then set. */
	enum nft_match (*lookup)(void *ctx, const char *set, const void *key, size_t size,
				 struct nft_verdict *verdict_out);
	void *ctx;
};

struct nft_outcome {
	enum nft_match match;
	/* NF_ACCEPT, NF_DROP (also: reject), NFT_JUMP and the like; NFT_CONTINUE. */
	int32_t verdict;
	char chain[NFT_CHAIN_MAXNAMELEN]; /* that it jumps to; "": none */
};

/*
 * A verdict map of which the key or the verdict is unknown is taken for an accept that may apply.
 */
struct nft_outcome nft_eval(struct nft_span rule, const struct nft_packet *packet);
