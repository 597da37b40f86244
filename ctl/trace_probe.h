/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends real packets along a traced way and watches for them on this host's devices: an ICMP echo
 * request with 56 bytes of data (84 in IPv4), one of the full size, and a UDP packet of the full
 * size to a port that traceroute uses, all with "do not fragment". Each contains
 * CONTROL_WATCH_PREFIX and seven random bytes, by which it is recognised, also inside the tunnel.
 * One without an answer is sent again while the node of the destination counts it (trace_remote.h).
 *
 *   "probe":[{"packet":"ICMP echo request of 1450 bytes","state":"ok",   ok | warning | lost
 *             "answered":true,"sent_seen":["veth..","weft-vx1","eth0"],"answer_seen":["eth0",..],
 *             "text":"answered",
 *             "remote":{...}}]       (trace_remote.h), if it was not answered, through the tunnel
 */
#pragma once

#include "common/json/json.h"

#include <stdbool.h>

struct err;
struct trace_facts;

/*
 * Adds the member to the document. Returns whether no packet was lost; err is set, and false
 * returned, if a socket cannot be made (ERR_IO, ERR_NETNS).
 */
bool trace_probe(const struct trace_facts *facts, const char *run_dir, struct jb_at root,
		 struct err *err);
