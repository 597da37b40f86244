/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of `weftctl doctor` that compare weftd's peers with what the tunnel of one network has
 * in the kernel. Pure. Called by doctor.c.
 */
#pragma once

struct doctor_facts;
struct doctor_findings;
struct doctor_network;
struct jr;

/* Packets leave through the tunnel and none arrives. network: weftd's status of it. */
void doctor_tunnel_counters(struct doctor_findings *findings, const struct jr *network,
			    const struct doctor_network *facts);

/* Routes and VTEPs of nodes that are no peers, by weftd's answer to `peers`. */
void doctor_tunnel_stale(struct doctor_findings *findings, const struct jr *peers,
			 const struct doctor_network *facts);

/* Node ids that several hosts have, of the peers of one network. */
void doctor_tunnel_identities(struct doctor_findings *findings, const struct jr *peers,
			      const char *network);

/* Peers that do not answer, or only to small packets; nothing without probes. */
void doctor_tunnel_probes(struct doctor_findings *findings, const struct doctor_facts *facts,
			  const char *network);

/*
 * Peers that are silent, or lose more than one probe in ten, by weftd's own probes (--probe) in its
 * answer to `peers`; nothing without them.
 */
void doctor_tunnel_measured(struct doctor_findings *findings, const struct jr *peers,
			    const char *network);
