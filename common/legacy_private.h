/* SPDX-License-Identifier: Apache-2.0 */
/* What legacy.c (what a table says) and legacy_change.c (another one) share. For nobody else. */
#pragma once

#include "legacy.h"

#include <net/if.h>

#define LEGACY_OURS_MAX (2 * LEGACY_DEVICES_MAX) /* in one chain */

/* Where things are in the rules of a family; iniface and the like begin at ip. */
struct legacy_layout {
	uint32_t size; /* of struct ipt_entry: matches begin behind it */
	uint32_t target_offset, next_offset;
	uint32_t ip, ip_size;               /* what is asked of a packet's header */
	uint32_t device[2], device_mask[2]; /* in, out */
};
extern const struct legacy_layout legacy_layout[FAMILIES];

/* A rule, checked. Texts lie in the table. */
struct legacy_entry {
	uint32_t offset, size;
	uint32_t target;     /* its offset in the rule */
	const char *name;    /* the target's; "": a verdict */
	int32_t verdict;     /* from 0 on: where to go on */
	const char *chain;   /* that begins behind it; NULL: none */
	const char *comment; /* NULL: none */
	size_t matches;      /* the comment too */
};
int legacy_entry(const struct legacy_table *table, uint32_t offset, struct legacy_entry *entry_out,
		 struct err *err);

/* One chain, and ours in it. */
struct legacy_part {
	bool there;
	uint32_t head, end; /* its first rule; its policy, or the return behind its rules */
	bool drops;
	uint32_t place; /* of the rule behind which none of ours is of use: the last that drops, or end */
	struct {
		uint32_t offset, size;
	} ours[LEGACY_OURS_MAX];
	size_t len;
	size_t matching; /* of them, that are at their place among those that are wanted */
	bool accepted[LEGACY_OURS_MAX]; /* of what is wanted: in, out, in, out, ... */
};

struct legacy_scan {
	struct legacy_part part[LEGACY_CHAINS];
};
int legacy_scan(const struct legacy_table *table, const struct legacy_want *want,
		struct legacy_scan *scan_out, struct err *err);

/* How many rules are wanted in it. */
size_t legacy_wanted(const struct legacy_part *part, const struct legacy_want *want);
