/* SPDX-License-Identifier: Apache-2.0 */
/* What probes have measured, in weftd's responses (common/control.h). Pure. */
#pragma once

#include "common/json/json.h"

struct config;
struct lease;
struct probe_network;

/* Adds "probe" to a network. net NULL: nothing. */
void status_put_probe(const struct probe_network *net, struct jb_at network);

/*
 * Adds "probe" and, with two families, "probe6" to a peer: what was measured of its gateways. net
 * NULL: nothing.
 */
void status_put_probes(const struct probe_network *net, const struct config *config,
		       const struct lease *lease, struct jb_at peer);
