/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `weftctl doctor` makes of what it has seen: weftd's answers and the facts of this node become
 * findings, in the order in which one would look. Pure; doctor_facts.h does the looking.
 *
 *   {"good":false,"findings":[
 *     {"check":"lease","network":"default","state":"wrong",     ok | warning | wrong
 *      "text":"another node holds 10.5.1.0/24","remedy":"..."}]}   remedy "" where it is ok
 *
 * network is "" for what concerns the whole node.
 */
#pragma once

#include "common/json.h"
#include "common/state.h"
#include "common/vec.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/* A device of this node. */
struct doctor_device {
	char name[IF_NAMESIZE]; /* "": there is to be none */
	bool there, up;
	uint32_t mtu;
};

/* An attachment, by its record. */
struct doctor_container {
	char id[80], ifname[IF_NAMESIZE];
	bool gone;    /* its namespace is no more */
	uint32_t mtu; /* of the interface inside; 0: it could not be seen */
};
VEC_DEFINE(doctor_containers, struct doctor_container);

/* A network that the run directory tells of. */
struct doctor_network {
	struct state_network state;
	struct doctor_device bridge, vxlan;
	struct doctor_containers containers;
	size_t damaged;          /* records that cannot be read */
	uint64_t used[FAMILIES]; /* addresses in use */
	int bridge_redirects;    /* sysctls; -1: not known */
	int bridge_rp_filter;
};
VEC_DEFINE(doctor_networks, struct doctor_network);

/* What iptables-legacy, or ip6tables-legacy, does with what is forwarded for containers. */
enum doctor_legacy {
	DOCTOR_LEGACY_UNSEEN, /* we may not look, either */
	DOCTOR_LEGACY_PASSES, /* or is not there */
	DOCTOR_LEGACY_DROPS
};

struct doctor_facts {
	uint64_t now_s;
	int ip_forward, ip6_forward, redirects, rp_filter; /* of all devices; -1: not known */
	enum doctor_legacy legacy[FAMILIES];
	struct doctor_networks networks;
	/* Ports that have a UDP socket in this network namespace, that of a vxlan device too. */
	bool (*has_udp_port)(uint32_t port);
};

void doctor_facts_free(struct doctor_facts *facts);

/*
 * Adds the findings to the document's root. why: why weftd did not answer; NULL: it did, and status
 * and peers are the answers. Answers whether nothing is wrong.
 */
bool doctor_judge(const char *why, const struct jr *status, const struct jr *peers,
		  const struct doctor_facts *facts, struct jb_at root);
