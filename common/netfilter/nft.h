/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nf_tables' objects: tables, chains, sets and their elements, rules, counters, over a socket
 * of nl_open_netfilter (the kernel's net/netfilter/nf_tables_api.c). What changes is added to an
 * nl_transaction; what stands is walked through. What a rule does is in nft_expr.h.
 */
#pragma once

#include "nft_expr.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;
struct nl_msg;
struct nlmsghdr;

/* As `nft` numbers the types of keys, so that it shows them well. */
#define NFT_TYPE_IPV4 7
#define NFT_TYPE_IPV6 8

#define NFT_KEY_SIZE 16       /* at most */
#define NFT_ELEMENTS_MAX 1000 /* of one message */

/* Of what is walked through, all texts and bytes live as long as the visit. */

struct nft_chain {
	uint8_t family; /* NFPROTO_* */
	const char *table, *name;
	const char *type; /* "filter", "nat"; NULL: no base chain, and the rest is 0 */
	uint32_t hook;    /* NF_INET_* */
	int32_t priority;
	uint32_t policy; /* NF_ACCEPT, NF_DROP */
};

struct nft_set {
	const char *name;
	uint32_t flags; /* NFT_SET_* */
	uint32_t key_type, key_size;
};

struct nft_element {
	uint8_t key[NFT_KEY_SIZE];
	bool end; /* of an interval: the first that is not in it */
};

struct nft_rule {
	uint8_t family;
	const char *table, *chain;
	uint64_t handle;
	struct nft_span expr;
	const char *comment; /* as `nft` and `iptables` keep it; NULL: none */
};

/*
 * Messages. Adding what stands already is no fault; a table that is deleted takes all in it
 * along.
 */
struct nl_msg *nft_table_add(uint8_t family, const char *table);
struct nl_msg *nft_table_del(uint8_t family, const char *table);
struct nl_msg *nft_chain_add(const struct nft_chain *chain);
struct nl_msg *nft_chain_del(uint8_t family, const char *table, const char *chain);
/* All rules of a chain. */
struct nl_msg *nft_chain_flush(uint8_t family, const char *table, const char *chain);
struct nl_msg *nft_counter_add(uint8_t family, const char *table, const char *name,
			       uint64_t packets, uint64_t bytes);
/* id: another for each set of a transaction. */
struct nl_msg *nft_set_add(uint8_t family, const char *table, const struct nft_set *set,
			   uint32_t id);
/* len: at most NFT_ELEMENTS_MAX, of a set with keys of key_size bytes. */
struct nl_msg *nft_elements(bool add, uint8_t family, const char *table, const struct nft_set *set,
			    const struct nft_element *elements, size_t len);
/* Before the rule with that handle; 0: at the chain's end. comment may be NULL. */
struct nl_msg *nft_rule_add(uint8_t family, const char *table, const char *chain,
			    const struct nft_expr *expr, const char *comment, uint64_t before);
struct nl_msg *nft_rule_del(uint8_t family, const char *table, const char *chain, uint64_t handle);

/*
 * Walks. family NFPROTO_UNSPEC: of all; chain NULL: of all in the table. restart is called when
 * the walk begins anew (nl_dump_all). What is not there is empty.
 */
struct nft_walk {
	void *ctx;
	int (*chain)(void *ctx, const struct nft_chain *chain, struct err *err);
	int (*rule)(void *ctx, const struct nft_rule *rule, struct err *err);
	int (*set)(void *ctx, const struct nft_set *set, struct err *err);
	int (*element)(void *ctx, const struct nft_element *element, struct err *err);
	void (*restart)(void *ctx);
};
int nft_each_chain(struct nl *nl, uint8_t family, const struct nft_walk *walk, struct err *err);
int nft_each_rule(struct nl *nl, uint8_t family, const char *table, const char *chain,
		  const struct nft_walk *walk, struct err *err);
int nft_each_set(struct nl *nl, uint8_t family, const char *table, const struct nft_walk *walk,
		 struct err *err);
int nft_each_element(struct nl *nl, uint8_t family, const char *table, const char *set,
		     const struct nft_walk *walk, struct err *err);

/* 1 there, with NFT_TABLE_F_* in *flags_out; 0 not; -1 failed. */
int nft_table_find(struct nl *nl, uint8_t family, const char *table, uint32_t *flags_out,
		   struct err *err);
int nft_counter_find(struct nl *nl, uint8_t family, const char *table, const char *name,
		     uint64_t *packets_out, uint64_t *bytes_out, struct err *err);

/*
 * The number of the rules as they are now, all programs' in the namespace: another one after every
 * change that somebody asks for. Counters are no change, nor is what packets add to a set, nor what
 * goes because the program that owned it has ended.
 */
int nft_generation(struct nl *nl, uint32_t *generation_out, struct err *err);

/* What an event is about. False: nothing that has a table. */
struct nft_event {
	uint16_t message; /* NFT_MSG_* */
	uint8_t family;
	uint32_t port;             /* of the socket that asked for it (nl_port) */
	const char *table, *chain; /* "" : none */
};
bool nft_event(const struct nlmsghdr *header, struct nft_event *event_out);
