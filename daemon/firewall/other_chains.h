/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other programs' chains at the forward hook that drop packets forwarded for containers, and those
 * at the other hooks that drop tunnel packets, also at ingress and egress of the devices by which
 * peers are reached. An accept in weft's table does not undo a drop in another one. So where
 * iptables' FORWARD, INPUT or DOCKER-USER drops by its policy or by a rule for all packets, weft's
 * accept rules, with the comment "weft", are put at its end, before that rule: packets that other
 * rules drop stay dropped. Tunnel packets of others than peers are dropped by weft's own table.
 * Other chains that drop are only reported.
 */
#pragma once

#include "common/netfilter/chain_verdict.h"
#include "common/netfilter/nft.h"
#include "common/vec.h"
#include "daemon/firewall/firewall_table.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct nl;

#define FIREWALL_COMMENT CLEANUP_COMMENT
#define FIREWALL_WHERE_SIZE 160
#define FIREWALL_CHAINS_MAX 64  /* further ones are ignored */
#define FIREWALL_DEVICES_MAX 16 /* by which peers are reached, of all networks: likewise */

/* A chain that drops packets by default. */
struct firewall_finding {
	char where[FIREWALL_WHERE_SIZE]; /* "ip filter FORWARD" */
	enum chain_hook hook;
	uint16_t port; /* it drops tunnel packets to it; 0, at CHAIN_FORWARD: forwarded packets */
	bool accepted; /* has a rule with the comment "weft" */
};
VEC_DEFINE(firewall_findings, struct firewall_finding);

/* A base chain of the type filter. */
struct firewall_base_chain {
	uint8_t family;
	enum chain_hook hook;
	struct chain_reads reads; /* what else of its table has a part in the finding */
	char table[64], chain[64];
	bool drops; /* by its policy */
	/* At the hook of devices: indices of those by which peers are reached; 0: unused. */
	uint32_t device[FIREWALL_DEVICES_MAX];
};
VEC_DEFINE(firewall_base_chains, struct firewall_base_chain);

struct other_chains {
	struct firewall_findings findings;
	struct firewall_base_chains base;
};
void other_chains_free(struct other_chains *chains);

/*
 * Reads the chains, adds or removes weft's accept rules, logs new findings. On failure *chains is
 * unchanged.
 */
int other_chains_scan(struct other_chains *chains, struct nl *nl,
		      const struct firewall_options *options,
		      const struct firewall_network *networks, size_t len, struct err *err);

/*
 * Returns whether the event may change the result of the last scan. Elements of sets count only if
 * the chain drops: large sets that change often are not read again and again.
 */
bool other_chains_affected_by(const struct other_chains *chains, const struct nft_event *event);
