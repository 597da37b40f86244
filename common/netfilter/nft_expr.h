/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expressions of an nf_tables rule: a list, each with a name and attributes
 * (linux/netfilter/nf_tables.h), which load into register 1, compare, and end in a verdict, as `nft
 * --debug=netlink` prints them; and the comparison of a list with one that the kernel returned.
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFT_EXPR_SIZE 1024

/* The list in netlink's format. Exceeding the size is a defect of the caller, and asserted. */
struct nft_expr {
	size_t size;
	_Alignas(uint32_t) uint8_t at[NFT_EXPR_SIZE];
};

/* Loads into register 1: NFT_META_*, NFT_CT_*, bytes of the packet from NFT_PAYLOAD_* on. */
void nft_expr_meta(struct nft_expr *expr, uint32_t key);
void nft_expr_ct(struct nft_expr *expr, uint32_t key);
void nft_expr_payload(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size);
/* Loads into register 2, which follows the 16 bytes of register 1, for a lookup of both. */
void nft_expr_payload_next(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size);
/* Bytes of the first IPv6 extension header of this type; a packet without one does not match. */
void nft_expr_exthdr(struct nft_expr *expr, uint8_t type, uint32_t offset, uint32_t size);
/* Masks register 1. */
void nft_expr_mask(struct nft_expr *expr, const void *mask, size_t size);
/* Continues if register 1 op (NFT_CMP_*) value. */
void nft_expr_compare(struct nft_expr *expr, uint32_t op, const void *value, size_t size);
/*
 * Continues if register 1, masked, op value. Register 1 keeps its content, for further comparisons.
 */
void nft_expr_compare_masked(struct nft_expr *expr, const void *mask, uint32_t op,
			     const void *value, size_t size);
/* Continues if register 1 is in the set, or (absent) is not. */
void nft_expr_lookup(struct nft_expr *expr, const char *set, bool absent);
/* Continues for packets beyond per_second; burst: the same number. */
void nft_expr_over(struct nft_expr *expr, uint32_t per_second);
/* Loads a constant into register 1. */
void nft_expr_value(struct nft_expr *expr, const void *value, size_t size);
/* Write register 1 to the packet, without a checksum, and to its metadata. */
void nft_expr_payload_set(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size);
void nft_expr_meta_set(struct nft_expr *expr, uint32_t key);
void nft_expr_counter(struct nft_expr *expr, const char *name);
void nft_expr_notrack(struct nft_expr *expr);
/* flags: NF_NAT_RANGE_*; 0: none. */
void nft_expr_masquerade(struct nft_expr *expr, uint32_t flags);
/* Adds the packet's connection to the flow table of the same table; in the forward hook only. */
void nft_expr_flow_add(struct nft_expr *expr, const char *flow_table);
/* NF_ACCEPT, NF_DROP, NFT_RETURN, or NFT_GOTO and the like with a chain, else NULL. */
void nft_expr_verdict(struct nft_expr *expr, int32_t verdict, const char *chain);

/* A list in a message of the kernel. */
struct nft_span {
	const void *at;
	size_t size;
};

/*
 * Returns whether the kernel's list has the same expressions in the same order, with every
 * attribute of written. Attributes that the kernel adds (defaults, counts) are ignored.
 */
bool nft_expr_same(const struct nft_expr *written, struct nft_span have);

/* The effect of another program's rule. */
struct nft_effect {
	bool unconditional; /* applies to every packet */
	bool drops;         /* drops or rejects the packets that it applies to */
	const char *chain;  /* that it jumps to, valid as long as the list; NULL: none */
};
struct nft_effect nft_expr_effect(struct nft_span have);
