/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table `filter` of iptables-legacy, as `iptables-legacy -S` prints it:
 *
 *   -P INPUT ACCEPT
 *   -P FORWARD DROP
 *   -A INPUT -p udp -m udp --dport 8472 -j ACCEPT
 *   -A FORWARD -i weft-br1 -m comment --comment "the containers" -j ACCEPT
 *   -A FORWARD -j REJECT --reject-with icmp-port-unreachable
 *
 * Pure: doctor_facts.c runs the program.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns the program that lists and changes the table: "iptables-legacy". */
const char *doctor_legacy_program(enum family family);

/*
 * Returns whether INPUT drops tunnel packets: UDP to the port, through the device, of connections
 * that are not tracked. Chains that it jumps to are followed; a match that is not understood may
 * match, so that the answer is true only if no rule can accept.
 */
bool doctor_legacy_drops_tunnel(const char *rules, uint32_t port, const char *device);

/*
 * Returns whether FORWARD drops packets that are forwarded from the device, or to it (!from), by
 * its policy or by a rule for all of them. Rules with any other match, and jumps to other chains,
 * are not considered.
 */
bool doctor_legacy_drops(const char *rules, const char *device, bool from);
