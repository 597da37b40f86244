/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nf_tables objects: tables, chains, sets and their elements, rules, counters, over a socket of
 * nl_open_netfilter (the kernel's net/netfilter/nf_tables_api.c). Changes are messages for a
 * transaction (nl_transaction.h); existing objects are read by walks. nft_expr.h has the contents
 * of rules.
 */
#pragma once

#include "common/netfilter/nft_expr.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct nl;
struct nl_msg;
struct nlmsghdr;

/* As `nft` numbers the types of keys, so that it shows them well. */
#define NFT_TYPE_IPV4 7
#define NFT_TYPE_IPV6 8
#define NFT_TYPE_ETHER 9
#define NFT_TYPE_IFNAME 41

#define NFT_KEY_SIZE 32          /* at most */
#define NFT_ELEMENTS_MAX 1000    /* of one message */
#define NFT_FLOW_DEVICES_MAX 128 /* the kernel's NFT_NETDEVICE_MAX is 256 */
#define NFT_CHAIN_DEVICES_MAX 16

/* Texts and bytes of visited objects are valid during the visit. */

/* The devices of a chain at a device's hook, in the kernel's order. */
struct nft_devices {
	char name[NFT_CHAIN_DEVICES_MAX][IF_NAMESIZE];
	size_t len;        /* of a chain that was read: may be larger, and the rest was not kept */
	uint32_t prefixes; /* bits of names that are prefixes: "eth*" is "eth". Of a read chain */
};

/* Returns whether both are complete and have the same devices in the same order. */
bool nft_devices_equal(const struct nft_devices *a, const struct nft_devices *b);
/* Returns whether the device is one of those that were kept, or has one of the prefixes. */
bool nft_devices_has(const struct nft_devices *devices, const char *name);

struct nft_chain {
	uint8_t family; /* NFPROTO_* */
	const char *table, *name;
	const char *type; /* "filter", "nat"; NULL: no base chain, and the rest is 0 */
	uint32_t hook;    /* NF_INET_*; of family netdev, NF_NETDEV_* */
	int32_t priority;
	uint32_t policy; /* NF_ACCEPT, NF_DROP */
	/*
	 * Of family netdev: at least one to be added. Linux before 5.5 supports one. Also of a
	 * chain at NF_INET_INGRESS that was read. Else NULL.
	 */
	const struct nft_devices *devices;
};

struct nft_set {
	const char *name;
	uint32_t flags; /* NFT_SET_* */
	uint32_t key_type, key_size;
	/* Of elements: the kernel finds them faster, and refuses more with ENFILE. 0: none. */
	uint32_t limit;
};

struct nft_element {
	uint8_t key[NFT_KEY_SIZE];
	bool end; /* of an interval: the first that is not in it */
};

/* Of an element of a verdict map. */
struct nft_verdict {
	bool is_known;                    /* false: of a set, or of a map of other values */
	int32_t code;                     /* NF_ACCEPT, NF_DROP, NFT_JUMP and the like */
	char chain[NFT_CHAIN_MAXNAMELEN]; /* of a jump or goto; else "" */
};

struct nft_rule {
	uint8_t family;
	const char *table, *chain;
	uint64_t handle;
	struct nft_span expr;
	const char *comment; /* as `nft` and `iptables` keep it; NULL: none */
};

/*
 * Messages. Adding an existing object is not an error; deleting a table deletes its contents.
 */
struct nl_msg *nft_table_add(uint8_t family, const char *table);
/* Fails with EEXIST if the table exists. */
struct nl_msg *nft_table_create(uint8_t family, const char *table);
/*
 * As nft_table_create; the kernel deletes the table when the socket is closed, and no other one can
 * change it. Since Linux 5.12.
 */
struct nl_msg *nft_table_own(uint8_t family, const char *table);
struct nl_msg *nft_table_del(uint8_t family, const char *table);
struct nl_msg *nft_chain_add(const struct nft_chain *chain);
struct nl_msg *nft_chain_del(uint8_t family, const char *table, const char *chain);
/* All rules of a chain. */
struct nl_msg *nft_chain_flush(uint8_t family, const char *table, const char *chain);
struct nl_msg *nft_counter_add(uint8_t family, const char *table, const char *name,
			       uint64_t packets, uint64_t bytes);
/* id: different for each set of a transaction. */
struct nl_msg *nft_set_add(uint8_t family, const char *table, const struct nft_set *set,
			   uint32_t id);
/* len: at most NFT_ELEMENTS_MAX, of a set with keys of key_size bytes. */
struct nl_msg *nft_elements(bool add, uint8_t family, const char *table, const struct nft_set *set,
			    const struct nft_element *elements, size_t len);
/*
 * A flow table of family inet or ip: packets of its flows pass from one of its devices to another
 * without the hooks after ingress (the kernel's networking/nf_flowtable documentation). Adding
 * devices to an existing one keeps its flows and devices. At most NFT_FLOW_DEVICES_MAX names per
 * message; ENOENT: a device does not exist, or the kernel has no flow tables, if there are no
 * names.
 */
struct nl_msg *nft_flow_table_add(uint8_t family, const char *table, const char *name,
				  const char *const *devices, size_t len);
/* Before the rule with that handle; 0: at the chain's end. comment may be NULL. */
struct nl_msg *nft_rule_add(uint8_t family, const char *table, const char *chain,
			    const struct nft_expr *expr, const char *comment, uint64_t before);
struct nl_msg *nft_rule_del(uint8_t family, const char *table, const char *chain, uint64_t handle);

/*
 * Walks. family NFPROTO_UNSPEC: all families; chain NULL: all chains of the table. restart is
 * called before the walk is repeated (nl_dump_all). An absent table or chain is empty.
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

/* Returns 1 found, with NFT_TABLE_F_* in *flags_out; 0 absent; -1 failed. */
int nft_table_find(struct nl *nl, uint8_t family, const char *table, uint32_t *flags_out,
		   struct err *err);
int nft_counter_find(struct nl *nl, uint8_t family, const char *table, const char *name,
		     uint64_t *packets_out, uint64_t *bytes_out, struct err *err);
/* Return as nft_table_find; the name in *set_out is the caller's. */
int nft_set_find(struct nl *nl, uint8_t family, const char *table, const char *name,
		 struct nft_set *set_out, struct err *err);
/*
 * Whether a set or map matches a key of size bytes, which must be the set's key_size: one request
 * or two, whatever the set's size. Of intervals, one must contain the key; a catch-all element
 * matches every key. *verdict_out is set if there is one.
 */
int nft_element_find(struct nl *nl, uint8_t family, const char *table, const char *set,
		     const void *key, size_t size, struct nft_verdict *verdict_out,
		     struct err *err);

/*
 * Reads the generation of the rule set of the network namespace, which every committed transaction
 * changes. Counters, elements added by packets, and the removal of tables whose owner has exited do
 * not change it.
 */
int nft_generation(struct nl *nl, uint32_t *generation_out, struct err *err);

/*
 * Reads rules and changes them by one transaction of that generation (nl_transaction_open). Called
 * again if another program has changed rules in between.
 */
typedef int nft_change_fn(void *ctx, uint32_t generation, struct err *err);
/*
 * Returns what the last call of change returned; -1 also if other programs kept changing rules, or
 * if the generation could not be read.
 */
int nft_change(struct nl *nl, nft_change_fn *change, void *ctx, struct err *err);

/* The object of an event. nft_event returns false if the event concerns no table. */
struct nft_event {
	uint16_t message; /* NFT_MSG_* */
	uint8_t family;
	uint32_t port;             /* of the socket that requested the change (nl_portid) */
	const char *table, *chain; /* "" : none */
};
bool nft_event(const struct nlmsghdr *header, struct nft_event *event_out);
