/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule of nf_tables does, as the kernel wants it told: a list of expressions, each with a
 * name and attributes (linux/netfilter/nf_tables.h), which load into register 1, compare, and
 * end in a verdict. `nft --debug=netlink` shows the same. And how a list that was written is
 * known again in the kernel's own words. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NFT_EXPR_SIZE 640

/* The list, in netlink's format. More than fits is a defect of the writer, and asserted. */
struct nft_expr {
	size_t size;
	_Alignas(uint32_t) uint8_t at[NFT_EXPR_SIZE];
};

/* Loads into register 1: NFT_META_*, NFT_CT_*, bytes of the packet from NFT_PAYLOAD_* on. */
void nft_expr_meta(struct nft_expr *expr, uint32_t key);
void nft_expr_ct(struct nft_expr *expr, uint32_t key);
void nft_expr_payload(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size);
/* Keeps those bits of register 1 that are in mask. */
void nft_expr_mask(struct nft_expr *expr, const void *mask, size_t size);
/* Goes on where register 1 compares so (NFT_CMP_*) with value. */
void nft_expr_compare(struct nft_expr *expr, uint32_t op, const void *value, size_t size);
/* Goes on where register 1 is in the set, or is not. */
void nft_expr_lookup(struct nft_expr *expr, const char *set, bool absent);
void nft_expr_counter(struct nft_expr *expr, const char *name);
void nft_expr_notrack(struct nft_expr *expr);
/* flags: NF_NAT_RANGE_*; 0: none. */
void nft_expr_masquerade(struct nft_expr *expr, uint32_t flags);
/* NF_ACCEPT, NF_DROP, NFT_RETURN, or NFT_GOTO and the like with a chain, else NULL. */
void nft_expr_verdict(struct nft_expr *expr, int32_t verdict, const char *chain);

/* A list as it stands in a message of the kernel. */
struct nft_span {
	const void *at;
	size_t size;
};

/*
 * Whether the kernel's list does what was written: the same expressions in the same order, with
 * every attribute that was given. Those that the kernel adds (defaults, counts) do not matter.
 */
bool nft_expr_same(const struct nft_expr *written, struct nft_span have);

/* What another's rule is seen to do. */
struct nft_seen {
	bool all;          /* it sorts no packets out */
	bool drops;        /* those that it is about are dropped or rejected */
	const char *chain; /* that it jumps or goes to, as long as the list lives; NULL: none */
	bool compares;     /* something with the value that was asked for */
};
/*
 * Looks for what is above, and for a comparison with value or, as a prefix is compared by its
 * first bytes, with min_size or more of it. value_size 0: for none.
 */
struct nft_seen nft_expr_look(struct nft_span have, const uint8_t *value, size_t min_size,
			      size_t value_size);
