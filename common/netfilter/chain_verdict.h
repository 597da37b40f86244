/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a base chain drops a packet: its rules, and those of the chains that it jumps to, are
 * read from the kernel and evaluated (nft_eval.h). What is not understood counts in favour of the
 * chain: it drops only if no rule can accept.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/netfilter/nft_eval.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;

/* Returns the NFPROTO_* of the family. */
uint8_t chain_nfproto(enum family family);

/* The rule that decides. */
struct chain_drop {
	char chain[64];  /* that contains the rule */
	uint64_t handle; /* 0: the policy, or several rules that may apply */
};

/* A tunnel packet of a peer, or to a peer. */
struct tunnel_packet {
	enum family family; /* of the outer addresses */
	uint16_t port;
	uint32_t uplink; /* index of the device that it arrives or leaves through */
	bool leaves;     /* to a peer */
	/* At the hook ingress: before connection tracking, and before or after weft's exemption. */
	bool is_early;
};

/* What else of its table the verdict of a base chain depends on. */
struct chain_reads {
	bool chains; /* other chains, to which it jumps */
	bool sets;   /* elements of sets */
};

/*
 * Evaluates a base chain, whose policy is to drop if policy_drops. Sets *drops_out, and adds to
 * *reads what else the verdict depends on. Returns 0 or -1.
 */
int chain_verdict(struct nl *nl, uint8_t family, const char *table, const char *chain,
		  bool policy_drops, const struct tunnel_packet *packet, bool *drops_out,
		  struct chain_reads *reads, struct err *err);

/* The hooks of the IP families, and then those of devices: of netdev, ingress also of inet. */
enum chain_hook {
	CHAIN_PREROUTING,
	CHAIN_INPUT,
	CHAIN_FORWARD,
	CHAIN_OUTPUT,
	CHAIN_POSTROUTING,
	CHAIN_INGRESS,
	CHAIN_EGRESS
};
#define CHAIN_HOOKS 7
extern const char *const chain_hook_name[CHAIN_HOOKS]; /* "prerouting", "input", ... */
/*
 * Returns whether the kernel's hook number of the family (NF_NETDEV_* of netdev, else NF_INET_*) is
 * one of these, and which.
 */
bool chain_hook_of(uint8_t family, uint32_t number, enum chain_hook *hook_out);
bool chain_hook_is_of_device(enum chain_hook hook);

struct chain_hook_drop {
	const char *family;       /* "ip", "ip6", "inet" */
	char table[64], base[64]; /* the base chain */
	struct chain_drop drop;
};

/*
 * Evaluates every base chain of the type filter at a hook that is not of a device. lookup and ctx
 * of the packet are ignored. Returns 1 dropped, with *drop_out; 0 not; -1 failed.
 */
int chain_hook_drops(struct nl *nl, enum chain_hook hook, const struct nft_packet *packet,
		     struct chain_hook_drop *drop_out, struct err *err);
