/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table `filter` of iptables-legacy and ip6tables-legacy, which the kernel keeps beside
 * nf_tables (linux/netfilter_ipv4/ip_tables.h). Pure: what FORWARD, and docker's DOCKER-USER, in it
 * do with containers' packets, and the same table with weft's accepts put in and taken out.
 * legacy_kernel.h reads and replaces it. A table is one array of rules, those of a chain one behind
 * the other:
 *
 *   hook_entry[FORWARD] -> rule, rule, ...
 *   underflow[FORWARD]  -> the policy
 *                          ... and so for INPUT and OUTPUT, then the chains with names:
 *                          ERROR "DOCKER-USER", rule, rule, ..., RETURN
 *                          ERROR "ERROR", the end
 *
 *   rule: struct ipt_entry | matches | target     target_offset and next_offset lead to the parts
 *
 * A jump has as verdict where in the array the chain's first rule is, so that something put in, or
 * taken out, changes others' rules in this one number. All else in them stays as it was.
 */
#pragma once

#include "ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

#define LEGACY_HOOKS 5              /* NF_INET_NUMHOOKS */
#define LEGACY_SIZE_MAX (64U << 20) /* of the rules, in bytes */
#define LEGACY_DEVICES_MAX 32       /* that are accepted */
#define LEGACY_NONE UINT32_MAX

struct legacy_table {
	enum family family;
	uint32_t valid_hooks; /* bits 1 << NF_INET_* */
	uint32_t hook_entry[LEGACY_HOOKS], underflow[LEGACY_HOOKS];
	uint32_t len;  /* rules */
	uint32_t size; /* bytes */
	uint8_t *entries;
};
void legacy_table_free(struct legacy_table *table);

/* The name by which people know the table: "iptables-legacy". */
const char *legacy_name(enum family family);

/*
 * Two rules for each device are wanted where a chain drops, at its end or before the rule that does:
 * what others refuse by rules before stays refused. With no device, ours are to go.
 */
struct legacy_want {
	const char *device[LEGACY_DEVICES_MAX];
	size_t len;
	/*
	 * The kernel knows the match `comment`. Ours are all rules with the comment "weft" then; else
	 * those that look like ours and are about a bridge that has a name like weft's.
	 */
	bool comment;
};

/* The chains that are looked at. */
enum legacy_chain { LEGACY_FORWARD, LEGACY_DOCKER_USER, LEGACY_CHAINS };
extern const char *const legacy_chain_name[LEGACY_CHAINS];

struct legacy_view {
	struct {
		bool drops; /* by its policy or its last rule, what nothing before accepted */
		bool same;  /* ours are as they should be */
	} chain[LEGACY_CHAINS];
	bool same;    /* in both chains */
	bool accepts; /* all that are wanted are accepted where a chain drops, by whosever rules */
	size_t ours;
};

/* ERR_DECODE: the table is not what a kernel makes; nothing behind its end was read. */
int legacy_look(const struct legacy_table *table, const struct legacy_want *want,
		struct legacy_view *view_out, struct err *err);

/* A table as it should be, and for each of its rules which one it was, or LEGACY_NONE. */
struct legacy_change {
	struct legacy_table table;
	uint32_t *from;
};
void legacy_change_free(struct legacy_change *change);

/*
 * Makes the table that legacy_look finds the same. The counters in it do not count: the kernel
 * begins at 0, and is told those of before by way of from.
 */
int legacy_change(const struct legacy_table *table, const struct legacy_want *want,
		  struct legacy_change *change_out, struct err *err);
