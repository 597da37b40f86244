/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/doctor_tunnel.h"

#include "ctl/doctor_facts.h"
#include "ctl/doctor_finding.h"

#include "common/array.h"
#include "common/json/json.h"
#include "common/vec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Containers that send, and expect no answers, are seldom alone on a node. */
#define SENT_MIN 100

static const char *text_at(const struct jr *at, const char *key)
{
	return jr_str_opt(at, key, DOCTOR_TEXT_MAX, "");
}

static uint32_t number_at(const struct jr *at, const char *key)
{
	return jr_u32_opt(at, key, 0, UINT32_MAX, 0);
}

void doctor_tunnel_counters(struct doctor_findings *findings, const struct jr *network,
			    const struct doctor_network *facts)
{
	struct jr peers = jr_obj_opt(network, "peers");
	const struct link_stats *stats = &facts->tunnel;
	char remedy[256];

	if (facts->state.l2 || stats->rx_packets || stats->tx_packets < SENT_MIN ||
	    number_at(&peers, "installed") <= number_at(&peers, "direct"))
		return;
	snprintf(remedy, sizeof(remedy),
		 "let UDP packets to port %" PRIu32 " pass between the nodes (firewalls, security "
		 "groups); weftctl doctor --probe shows which peers answer",
		 number_at(network, "port"));
	doctor_add_finding(findings, "tunnel", DOCTOR_WARNING, remedy,
			   "%s sent %" PRIu64
			   " packets to peers, and none arrived from any of them",
			   facts->vxlan.name, stats->tx_packets);
}

/* ---- Stale entries ----------------------------------------------------------------------- */

static bool is_of(const struct jr *peer, const char *network)
{
	return strcmp(text_at(peer, "network"), network) == 0;
}

static int cmp_prefixes(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

static int cmp_addresses(const void *a, const void *b)
{
	return ipaddr_cmp(a, b);
}

/* Sorted. Returns whether memory sufficed. */
static bool read_peers(const struct jr *peers, const char *network, struct doctor_prefixes *subnets,
		       struct doctor_addresses *vteps)
{
	static const char *const subnet_keys[] = { "subnet", "subnet6" };
	static const char *const vtep_keys[] = { "public_ip", "public_ipv6" };
	struct jr at;

	for (size_t i = 0; jr_each(peers, &i, &at);)
		for (enum family f = 0; is_of(&at, network) && f < FAMILIES; f++) {
			struct prefix subnet = jr_prefix_opt(&at, subnet_keys[f]);
			struct ipaddr vtep = jr_ipaddr_opt(&at, vtep_keys[f]);

			if ((prefix_is_set(&subnet) && !doctor_prefixes_push(subnets, &subnet)) ||
			    (ipaddr_is_set(&vtep) && !doctor_addresses_push(vteps, &vtep)))
				return false;
		}
	vec_sort(subnets->at, subnets->len, sizeof(*subnets->at), cmp_prefixes);
	vec_sort(vteps->at, vteps->len, sizeof(*vteps->at), cmp_addresses);
	return true;
}

static void add_stale(struct doctor_findings *findings, size_t count, const char *what,
		      const char *first)
{
	if (count)
		doctor_add_finding(
			findings, "stale", DOCTOR_WARNING,
			"none if weftd is running: it removes them within five minutes; check "
			"again",
			"%zu %s of no peer, first %s", count, what, first);
}

void doctor_tunnel_stale(struct doctor_findings *findings, const struct jr *peers,
			 const struct doctor_network *facts)
{
	AUTO(doctor_prefixes) struct doctor_prefixes subnets = { 0 };
	AUTO(doctor_addresses) struct doctor_addresses vteps = { 0 };
	char first[PREFIX_TEXT_SIZE];
	size_t count = 0;

	if (!read_peers(peers, facts->state.name, &subnets, &vteps))
		return;
	for (size_t i = 0; i < facts->routes.len; i++)
		if (!vec_find(subnets.at, subnets.len, sizeof(*subnets.at), cmp_prefixes,
			      &facts->routes.at[i]) &&
		    !count++)
			prefix_text(&facts->routes.at[i], first);
	add_stale(findings, count, "routes to subnets", first);
	count = 0;
	for (size_t i = 0; i < facts->vteps.len; i++)
		if (!vec_find(vteps.at, vteps.len, sizeof(*vteps.at), cmp_addresses,
			      &facts->vteps.at[i]) &&
		    !count++)
			ipaddr_text(&facts->vteps.at[i], first);
	add_stale(findings, count, "FDB entries with addresses", first);
}

/* ---- Identities -------------------------------------------------------------------------- */

/* A peer with a node id; one of flannel has none. */
struct identity {
	const char *id, *name, *address, *address6;
};
VEC_DEFINE(identities, struct identity);

static int cmp_identities(const void *a, const void *b)
{
	return strcmp(((const struct identity *)a)->id, ((const struct identity *)b)->id);
}

/* A node that got another subnet has two leases, with one address, until the older one expires. */
static bool is_clone(const struct identity *a, const struct identity *b)
{
	return cmp_identities(a, b) == 0 &&
	       (strcmp(a->address, b->address) != 0 || strcmp(a->address6, b->address6) != 0);
}

void doctor_tunnel_identities(struct doctor_findings *findings, const struct jr *peers,
			      const char *network)
{
	AUTO(identities) struct identities all = { 0 };
	size_t found = 0;
	struct jr at;

	for (size_t i = 0; jr_each(peers, &i, &at);) {
		const struct identity peer = { text_at(&at, "node_id"), text_at(&at, "node_name"),
					       text_at(&at, "public_ip"),
					       text_at(&at, "public_ipv6") };

		if (*peer.id && is_of(&at, network) && !identities_push(&all, &peer))
			return;
	}
	vec_sort(all.at, all.len, sizeof(*all.at), cmp_identities);
	for (size_t i = 1; i < all.len && found < DOCTOR_LISTED; i++) {
		const struct identity *a = &all.at[i - 1], *b = &all.at[i];

		if (!is_clone(a, b))
			continue;
		found++;
		doctor_add_finding(
			findings, "identity", DOCTOR_WARNING,
			"on the clone: stop weftd, remove node.json from its state directory, "
			"start weftd",
			"%s (%s%s) and %s (%s%s) have the same node id %s: one is a clone of "
			"the other",
			a->name, a->address, *a->address ? "" : a->address6, b->name, b->address,
			*b->address ? "" : b->address6, a->id);
	}
}

/* ---- Probes ------------------------------------------------------------------------------ */

/*
 * Returns the largest packet that was answered; 0: none. *lost_out: the next larger size; 0: none.
 */
static uint16_t largest_answered(const struct doctor_probe *probe, uint16_t *lost_out)
{
	*lost_out = 0;
	for (size_t i = 0; i < DOCTOR_PROBE_SIZES; i++) {
		if (probe->answered[i])
			return probe->size[i];
		if (probe->size[i])
			*lost_out = probe->size[i];
	}
	return 0;
}

static void add_probe(struct doctor_findings *findings, const struct doctor_probe *probe,
		      uint16_t answered, uint16_t lost)
{
	char to[IPADDR_TEXT_SIZE], remedy[128];
	const bool named = *probe->node;

	ipaddr_text(&probe->to, to);
	if (!answered) {
		doctor_add_finding(
			findings, "probe", DOCTOR_WARNING,
			"check that the node is up, that UDP packets to the tunnel's port pass "
			"in both directions, and that it answers ping; weftctl trace --probe",
			"%s%s%s%s does not answer through the tunnel", to, named ? " (" : "",
			probe->node, named ? ")" : "");
		return;
	}
	snprintf(remedy, sizeof(remedy),
		 "raise the MTU of the network between the nodes, or set Backend.MTU %u lower",
		 (unsigned)probe->size[0] - answered);
	doctor_add_finding(
		findings, "probe", DOCTOR_ERROR, remedy,
		"packets of %u bytes to %s%s%s%s are lost, of %u are answered: the path's MTU is "
		"too small for the network's %u",
		lost, to, named ? " (" : "", probe->node, named ? ")" : "", answered,
		probe->size[0]);
}

void doctor_tunnel_probes(struct doctor_findings *findings, const struct doctor_facts *facts,
			  const char *network)
{
	size_t count = 0, found = 0;

	for (size_t i = 0; i < facts->probes.len; i++) {
		const struct doctor_probe *probe = &facts->probes.at[i];
		uint16_t lost, answered = largest_answered(probe, &lost);

		if (strcmp(probe->network, network) != 0)
			continue;
		count++;
		if (lost && found++ < DOCTOR_LISTED)
			add_probe(findings, probe, answered, lost);
	}
	if (found > DOCTOR_LISTED)
		doctor_add_finding(findings, "probe", DOCTOR_WARNING, "as above",
				   "%zu more do not answer to packets of full size",
				   found - DOCTOR_LISTED);
	if (count && !found)
		doctor_add_finding(findings, "probe", DOCTOR_OK, "",
				   "%zu peers answer to packets of full size", count);
}

/* ---- Probes of weftd --------------------------------------------------------------------- */

#define MEASURED_MIN 10 /* probes, for a statement on loss */

/* Returns whether there is a fault in this family. */
static bool find_measured(struct doctor_findings *findings, const struct jr *peer, const char *key,
			  bool shown)
{
	const struct jr probe = jr_obj_opt(peer, key);
	const uint32_t sent = number_at(&probe, "sent"), lost = number_at(&probe, "lost");
	const bool silent = !strcmp(text_at(&probe, "state"), "silent");

	if (!silent && (sent < MEASURED_MIN || lost * 10 <= sent))
		return false;
	if (shown)
		doctor_add_finding(findings, "probe", DOCTOR_WARNING,
				   "weftctl doctor --probe, here and on that node",
				   silent ? "%s (%s) does not answer weftd's probes: %" PRIu32
					    " of %" PRIu32 " lost" :
					    "%s (%s) loses probes of weftd: %" PRIu32 " of %" PRIu32
					    " lost",
				   text_at(peer, !strcmp(key, "probe") ? "subnet" : "subnet6"),
				   text_at(peer, "node_name"), lost, sent);
	return true;
}

void doctor_tunnel_measured(struct doctor_findings *findings, const struct jr *peers,
			    const char *network)
{
	static const char *const keys[] = { "probe", "probe6" };
	size_t found = 0;
	struct jr at;

	for (size_t i = 0; jr_each(peers, &i, &at);) {
		if (strcmp(text_at(&at, "network"), network) != 0)
			continue;
		for (size_t k = 0; k < ARRAY_LEN(keys); k++)
			found += find_measured(findings, &at, keys[k], found < DOCTOR_LISTED);
	}
	if (found > DOCTOR_LISTED)
		doctor_add_finding(findings, "probe", DOCTOR_WARNING, "weftctl peers lists them",
				   "%zu more", found - DOCTOR_LISTED);
}
