/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/ingress_table.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN "tunnel-in"

/* Offsets in bytes: RFC 791, RFC 8200. */
#define IPV4_FRAGMENT 6 /* and, after a byte, the protocol */
#define IPV6_NEXT_HEADER 6

/* ---- Devices ----------------------------------------------------------------------------- */

static bool has_tunnel(const struct firewall_network *network)
{
	return network->outer[FAMILY_V4] || network->outer[FAMILY_V6];
}

static bool has_addresses(const struct firewall_network *network)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (network->outer[f] && !ipaddr_is_set(&network->local[f]))
			return false;
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool add_device(struct nft_devices *devices, const char *name)
{
	for (size_t i = 0; i < devices->len; i++)
		if (!strcmp(devices->name[i], name))
			return true;
	if (devices->len == NFT_CHAIN_DEVICES_MAX)
		return false;
	memcpy(devices->name[devices->len], name, strnlen(name, IF_NAMESIZE - 1));
	devices->len++;
	return true;
}

/*
 * Sorted, so that the table does not depend on the order of routes. Returns false if there are too
 * many.
 */
static bool collect_devices(const struct firewall_network *networks, size_t len,
			    struct nft_devices *devices_out)
{
	*devices_out = (struct nft_devices){ .len = 0 };
	for (size_t i = 0; i < len; i++) {
		const struct firewall_network *network = &networks[i];

		for (size_t k = 0; has_tunnel(network) && k < network->arrivals.len; k++)
			if (!add_device(devices_out, network->arrivals.name[k]))
				return false;
	}
	qsort(devices_out->name, devices_out->len, sizeof(devices_out->name[0]), compare_names);
	return true;
}

/*
 * With br_netfilter, connection tracking sees the packets at the bridge's port, before this hook.
 */
static bool is_tracked_before(const struct firewall_options *options,
			      const struct firewall_network *network)
{
	for (enum family f = 0; network->over_bridge && f < FAMILIES; f++)
		if (network->outer[f] && options->bridge_nf[f])
			return true;
	return false;
}

bool ingress_table_serves(const struct firewall_options *options,
			  const struct firewall_network *networks, size_t len)
{
	const unsigned needed = 1U << FIREWALL_NOTRACK | 1U << FIREWALL_INGRESS;
	struct nft_devices devices;

	for (size_t i = 0; i < len; i++)
		if (has_tunnel(&networks[i]) &&
		    (!networks[i].arrivals.len || !has_addresses(&networks[i]) ||
		     is_tracked_before(options, &networks[i])))
			return false;
	return !(options->unsupported & needed) && collect_devices(networks, len, &devices) &&
	       devices.len;
}

/* ---- Rules ------------------------------------------------------------------------------- */

/*
 * An IPv6 packet with an extension header is left to connection tracking as well. For IPv4 this is
 * also the comparison of the family: an IPv6 packet would need a hop limit of 0, which no router
 * forwards, and the tunnel's IPv4 address within its source, and would only not be tracked.
 */
static void match_whole_udp(struct nft_expr *expr, enum family f)
{
	const uint32_t mask = htonl(0x3fff00ff), whole = htonl(IPPROTO_UDP);
	const uint8_t next = IPPROTO_UDP;

	if (f == FAMILY_V6) {
		nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER, IPV6_NEXT_HEADER, sizeof(next));
		nft_expr_compare(expr, NFT_CMP_EQ, &next, sizeof(next));
		return;
	}
	nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER, IPV4_FRAGMENT, sizeof(mask));
	nft_expr_mask(expr, &mask, sizeof(mask));
	nft_expr_compare(expr, NFT_CMP_EQ, &whole, sizeof(whole));
}

static void add_notrack(struct firewall_builder *builder, uint16_t port, const struct ipaddr *to)
{
	struct nft_expr *expr;
	const enum family f = ipaddr_family(to);

	expr = firewall_add_rule(builder, CHAIN, FIREWALL_INGRESS);
	firewall_match_port(expr, port);
	if (f == FAMILY_V6)
		firewall_match_protocol(expr, ETH_P_IPV6);
	match_whole_udp(expr, f);
	firewall_match_address(expr, false, to);
	nft_expr_notrack(expr);
}

#define ADDRESSES (2 * FAMILIES + 1)

/* Returns the n-th address that the network's tunnel packets may have here, or NULL. */
static const struct ipaddr *address_of(const struct firewall_network *network, size_t n)
{
	const enum family f = n % FAMILIES;
	const struct ipaddr *address = &network->group;

	if (n < 2 * FAMILIES)
		address = n < FAMILIES ? &network->local[f] : &network->published[f];
	if (!ipaddr_is_set(address) || (n < 2 * FAMILIES && !network->outer[f]))
		return NULL;
	return address;
}

/* Whether the rule for an address before the n-th one of network i is the same. */
static bool is_covered(const struct firewall_builder *builder, size_t i, size_t n)
{
	const struct ipaddr *to = address_of(&builder->networks[i], n);

	for (size_t k = 0; k <= i; k++) {
		const struct firewall_network *network = &builder->networks[k];

		if (network->port != builder->networks[i].port)
			continue;
		for (size_t m = 0; m < (k < i ? ADDRESSES : n); m++) {
			const struct ipaddr *other = address_of(network, m);

			if (other && ipaddr_equal(other, to))
				return true;
		}
	}
	return false;
}

static void add_rules(struct firewall_builder *builder)
{
	for (size_t i = 0; i < builder->len; i++)
		for (size_t n = 0; n < ADDRESSES; n++) {
			const struct ipaddr *to = address_of(&builder->networks[i], n);

			if (to && !is_covered(builder, i, n))
				add_notrack(builder, builder->networks[i].port, to);
		}
}

bool ingress_table_build(const struct firewall_options *options,
			 const struct firewall_network *networks, size_t len,
			 struct firewall_table *table_out)
{
	static const struct firewall_chain chain = {
		.name = CHAIN,
		.type = "filter",
		.hook = NF_NETDEV_INGRESS,
		.part = FIREWALL_INGRESS,
	};
	struct firewall_builder builder = {
		.networks = networks,
		.len = len,
		.options = options,
		.unsupported = options->unsupported,
		.table = table_out,
	};

	*table_out = (struct firewall_table){ .name = NULL };
	if (!firewall_is_supported(&builder, FIREWALL_INGRESS))
		return true;
	table_out->family = INGRESS_FAMILY;
	table_out->name = FIREWALL_TABLE;
	table_out->part = FIREWALL_INGRESS;
	if (!ingress_table_serves(options, networks, len))
		return true;
	(void)collect_devices(networks, len, &table_out->devices);
	add_rules(&builder);
	return firewall_chains_push(&table_out->chains, &chain) && !builder.failed;
}
