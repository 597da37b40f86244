/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of `weftctl doctor` about other programs of this host and about what they leave for
 * weft. They need only the facts of this node, not weftd. Pure. Called by doctor.c.
 */
#pragma once

struct doctor_facts;
struct doctor_findings;
struct doctor_network;

/* Network managers, network policies, connection tracking, space. */
void doctor_host_check(struct doctor_findings *findings, const struct doctor_facts *facts);

/* A CNI configuration that the runtime prefers; if weftd does not check the directory itself. */
void doctor_host_cni(struct doctor_findings *findings, const struct doctor_facts *facts);

/* TCP segments with wrong checksums in the containers of one network. */
void doctor_host_checksums(struct doctor_findings *findings, const struct doctor_network *network);
