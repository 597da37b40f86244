/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of `weftctl doctor` that need only the facts of this node, not weftd. Pure. Called by
 * doctor.c.
 */
#pragma once

#include "ctl/doctor_facts.h"

#include <stdbool.h>
#include <stdint.h>

struct doctor_findings;

/* sysctls: forwarding, redirects, rp_filter. */
void doctor_node_sysctls(struct doctor_findings *findings, const struct doctor_facts *facts);
/* iptables-legacy, which weftd does not change. Returns whether there is no finding. */
bool doctor_node_legacy(struct doctor_findings *findings, const struct doctor_facts *facts);
/*
 * INPUT of iptables-legacy, for tunnel packets of the family that arrive through the device. Adds a
 * finding if it drops them.
 */
void doctor_node_legacy_input(struct doctor_findings *findings, const struct doctor_facts *facts,
			      enum family family, uint32_t port, const char *device);

/* Devices, containers and addresses of one network. mtu: the network's. */
void doctor_node_devices(struct doctor_findings *findings, const struct doctor_network *network,
			 uint32_t mtu);
void doctor_node_containers(struct doctor_findings *findings, const struct doctor_network *network);
void doctor_node_addresses(struct doctor_findings *findings, const struct doctor_network *network);
