/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the table inet weft for bridges of other programs (Weft.Bridge). Such a bridge is
 * not in weft's interface group and is matched by its name. Pure.
 */
#pragma once

#include "daemon/firewall/rule_table.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns whether a network is on another program's bridge. */
bool foreign_bridge_any(const struct firewall_builder *builder);

/*
 * Adds to the chain one rule for each such bridge, with the verdict. key: NFT_META_IIFNAME or
 * NFT_META_OIFNAME; target: the chain that NFT_GOTO leads to, else NULL.
 */
void foreign_bridge_goto(struct firewall_builder *builder, const char *chain, uint32_t key,
			 int32_t verdict, const char *target);

/*
 * Adds to the chain forward what AllowFrom permits between such a bridge and another network, with
 * the replies, and then drops between two such bridges. The drops to and from weft's own devices
 * are those of a closed network and must follow.
 */
void foreign_bridge_isolate(struct firewall_builder *builder);
