/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the table inet weft that every tunnel packet passes: those against connection
 * tracking, and the first one of the guard. Pure.
 */
#pragma once

#include "daemon/firewall/rule_table.h"

#include <stdint.h>

/* Adds to the chain one rule for each port of a tunnel, with the verdict and its target. */
void tunnel_to_each_port(struct firewall_builder *builder, const char *chain,
			 enum firewall_part part, int32_t verdict, const char *target);

/* Fill the chains of those names, "tunnel-in" and "tunnel-out" among them; some may stay empty. */
void tunnel_add_from_peers(struct firewall_builder *builder);
void tunnel_add_to_peers(struct firewall_builder *builder);
void tunnel_add_in(struct firewall_builder *builder);
void tunnel_add_out(struct firewall_builder *builder);

/* Adds to the chain "input" what it accepts before all else, if there is a single network. */
void tunnel_add_shortcut(struct firewall_builder *builder);
