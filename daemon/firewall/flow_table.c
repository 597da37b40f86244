/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/flow_table.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <string.h>

#define CHAIN "forward"
#define PRIORITY_LAST 400

/* ---- Devices ----------------------------------------------------------------------------- */

static int compare_devices(const void *a, const void *b)
{
	const struct flow_device *one = a, *other = b;

	return (one->index > other->index) - (one->index < other->index);
}

bool flow_devices_add(struct flow_devices *devices, uint32_t index, const char *name)
{
	struct flow_device device = { .index = index };

	memcpy(device.name, name, strnlen(name, sizeof(device.name) - 1));
	return flow_devices_push(devices, &device);
}

void flow_devices_sort(struct flow_devices *devices)
{
	size_t kept = 0;

	vec_sort(devices->at, devices->len, sizeof(*devices->at), compare_devices);
	for (size_t i = 0; i < devices->len; i++)
		if (!kept || devices->at[kept - 1].index != devices->at[i].index)
			devices->at[kept++] = devices->at[i];
	devices->len = kept;
}

bool flow_devices_missing(const struct flow_devices *want, const struct flow_devices *have,
			  struct flow_devices *missing_out)
{
	for (size_t i = 0; i < want->len; i++)
		if (!vec_find(have->at, have->len, sizeof(*have->at), compare_devices,
			      &want->at[i]) &&
		    !flow_devices_push(missing_out, &want->at[i]))
			return false;
	return true;
}

bool flow_table_devices(const struct flow_networks *networks, struct flow_devices *devices_out)
{
	for (size_t i = 0; i < networks->len; i++) {
		const struct flow_devices *devices = &networks->at[i].devices;

		for (size_t k = 0; k < devices->len; k++)
			if (!flow_devices_push(devices_out, &devices->at[k]))
				return false;
	}
	flow_devices_sort(devices_out);
	return true;
}

/* ---- Rules ------------------------------------------------------------------------------- */

/* Returns an empty rule, or NULL if out of memory. */
static struct nft_expr *add_rule(struct firewall_rules *rules)
{
	const struct firewall_rule rule = { .chain = CHAIN };

	return firewall_rules_push(rules, &rule) ? &rules->at[rules->len - 1].expr : NULL;
}

/*
 * Packets that are not of an established connection; the kernel numbers states in its byte order.
 */
static bool skip_new(struct firewall_rules *rules)
{
	const uint32_t established = NF_CT_STATE_BIT(IP_CT_ESTABLISHED), none = 0;
	struct nft_expr *expr = add_rule(rules);

	if (!expr)
		return false;
	nft_expr_ct(expr, NFT_CT_STATE);
	nft_expr_mask(expr, &established, sizeof(established));
	nft_expr_compare(expr, NFT_CMP_EQ, &none, sizeof(none));
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	return true;
}

static bool skip_local(struct firewall_rules *rules, enum family f, const struct prefix *subnet)
{
	struct nft_expr *expr = add_rule(rules);

	if (!expr)
		return false;
	firewall_match_family(expr, f);
	firewall_match_prefix(expr, f, true, NFT_CMP_EQ, subnet);
	firewall_match_prefix(expr, f, false, NFT_CMP_EQ, subnet);
	nft_expr_verdict(expr, NFT_RETURN, NULL);
	return true;
}

static bool add_overlay(struct firewall_rules *rules)
{
	struct nft_expr *expr = add_rule(rules);

	if (!expr)
		return false;
	firewall_match_weft(expr, NFT_META_IIFGROUP, NFT_CMP_EQ);
	firewall_match_weft(expr, NFT_META_OIFGROUP, NFT_CMP_EQ);
	nft_expr_flow_add(expr, FLOW_TABLE_NAME);
	return true;
}

/* To or from peers that are reached without the tunnel. */
static bool add_direct(struct firewall_rules *rules, const struct flow_network *network,
		       enum family f, bool to)
{
	struct nft_expr *expr = add_rule(rules);

	if (!expr)
		return false;
	firewall_match_weft(expr, to ? NFT_META_IIFGROUP : NFT_META_OIFGROUP, NFT_CMP_EQ);
	firewall_match_device(expr, to ? NFT_META_OIFNAME : NFT_META_IIFNAME, NFT_CMP_EQ,
			      network->uplink);
	firewall_match_family(expr, f);
	firewall_match_prefix(expr, f, !to, NFT_CMP_EQ, &network->cluster[f]);
	nft_expr_flow_add(expr, FLOW_TABLE_NAME);
	return true;
}

bool flow_table_rules(const struct flow_networks *networks, struct firewall_rules *rules_out)
{
	if (!skip_new(rules_out))
		return false;
	for (size_t i = 0; i < networks->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (prefix_is_set(&networks->at[i].subnet[f]) &&
			    !skip_local(rules_out, f, &networks->at[i].subnet[f]))
				return false;
	if (!add_overlay(rules_out))
		return false;
	for (size_t i = 0; i < networks->len; i++)
		for (enum family f = 0; f < FAMILIES; f++)
			if (networks->at[i].uplink[0] &&
			    prefix_is_set(&networks->at[i].cluster[f]) &&
			    (!add_direct(rules_out, &networks->at[i], f, true) ||
			     !add_direct(rules_out, &networks->at[i], f, false)))
				return false;
	return true;
}

struct nft_chain flow_table_chain(void)
{
	return (struct nft_chain){
		.family = FLOW_FAMILY,
		.table = FLOW_TABLE,
		.name = CHAIN,
		.type = "filter",
		.hook = NF_INET_FORWARD,
		.priority = PRIORITY_LAST,
		.policy = NF_ACCEPT,
	};
}

bool flow_network_same_rules(const struct flow_network *a, const struct flow_network *b)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!prefix_equal(&a->cluster[f], &b->cluster[f]) ||
		    !prefix_equal(&a->subnet[f], &b->subnet[f]))
			return false;
	return !strcmp(a->uplink, b->uplink);
}
