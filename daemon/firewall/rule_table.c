/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/rule_table.h"

#include "common/netlink/link.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Offsets in bytes: RFC 768; RFC 7348 section 5 after the 8 bytes of UDP. */
#define UDP_DPORT 2
#define VXLAN_NAMES "weft-v" /* weft-vx1, weft-v61 */
#define VXLAN_VNI 12         /* and a reserved byte */

const char *const firewall_part_name[FIREWALL_PARTS] = {
	[FIREWALL_WHOLE] = "packet rules",
	[FIREWALL_COUNT] = "counters of dropped packets",
	[FIREWALL_FLOOD_LIMIT] = "limit of broadcasts to the tunnel",
	[FIREWALL_NOTRACK] = "no connection tracking of tunnel packets",
	[FIREWALL_INGRESS] = "tunnel packets at the ingress hook of the uplink",
	[FIREWALL_GUARD] = "tunnel guard",
	[FIREWALL_INJECTION] = "drop of tunnel packets from containers",
	[FIREWALL_ISOLATION] = "isolation of networks",
	[FIREWALL_REPLIES] = "replies between networks",
	[FIREWALL_FORWARD] = "rules of forwarded packets",
	[FIREWALL_MASQUERADE] = "masquerading",
	[FIREWALL_HAIRPIN] = "connections to a Service within one node",
	[FIREWALL_RANDOM] = "random ports when masquerading",
	[FIREWALL_BRIDGE] = "packet rules of bridges (CONFIG_NF_TABLES_BRIDGE)",
	[FIREWALL_ROUTERS] = "router advertisements, redirects and DHCP replies of containers",
	[FIREWALL_PROBES] = "probes of containers",
	[FIREWALL_HOST_ROUTERS] = "checks of routers at the host instead of at the ports",
	[FIREWALL_ALLOW_ROUTERS] =
		"AllowRouters in one of several networks (CONFIG_NFT_BRIDGE_META)",
	[FIREWALL_BRIDGED_TUNNEL] = "bridged frames between containers and tunnel",
	[FIREWALL_SPOOF] = "rules of macSpoofCheck and portIsolation (CONFIG_NF_TABLES_BRIDGE)",
};

bool firewall_is_supported(const struct firewall_builder *builder, enum firewall_part part)
{
	return !(builder->unsupported & 1U << part);
}

struct nft_expr *firewall_add_rule(struct firewall_builder *builder, const char *chain,
				   enum firewall_part part)
{
	static struct nft_expr discarded; /* if out of memory */
	struct firewall_rule rule = { .chain = chain, .part = part };

	if (firewall_rules_push(&builder->table->rules, &rule))
		return &builder->table->rules.at[builder->table->rules.len - 1].expr;
	builder->failed = true;
	discarded.size = 0;
	return &discarded;
}

void firewall_count(const struct firewall_builder *builder, struct nft_expr *expr,
		    const char *counter)
{
	if (firewall_is_supported(builder, FIREWALL_COUNT))
		nft_expr_counter(expr, counter);
}

const struct firewall_wire firewall_wire[FAMILIES] = {
	[FAMILY_V4] = { NFPROTO_IPV4, 12, 16, 4, NFT_TYPE_IPV4 }, /* RFC 791 */
	[FAMILY_V6] = { NFPROTO_IPV6, 8, 24, 16, NFT_TYPE_IPV6 }, /* RFC 8200 */
};

void firewall_match_family(struct nft_expr *expr, enum family f)
{
	nft_expr_meta(expr, NFT_META_NFPROTO);
	nft_expr_compare(expr, NFT_CMP_EQ, &firewall_wire[f].nfproto, 1);
}

const char *firewall_set_name(char buf[static FIREWALL_NAME_SIZE], const char *what, enum family f,
			      uint32_t vni)
{
	const char digit = f == FAMILY_V6 ? '6' : '4';

	if (vni)
		snprintf(buf, FIREWALL_NAME_SIZE, "%s%c-%u", what, digit, vni);
	else
		snprintf(buf, FIREWALL_NAME_SIZE, "%s%c", what, digit);
	return buf;
}

static void load_address(struct nft_expr *expr, enum family f, bool source)
{
	nft_expr_payload(expr, NFT_PAYLOAD_NETWORK_HEADER,
			 source ? firewall_wire[f].saddr : firewall_wire[f].daddr,
			 firewall_wire[f].size);
}

void firewall_match_address(struct nft_expr *expr, bool source, const struct ipaddr *addr)
{
	size_t size;
	const void *wire = ipaddr_wire(addr, &size);

	load_address(expr, ipaddr_family(addr), source);
	nft_expr_compare(expr, NFT_CMP_EQ, wire, size);
}

void firewall_match_set(struct nft_expr *expr, enum family f, bool source, const char *what,
			uint32_t vni, bool absent)
{
	char name[FIREWALL_NAME_SIZE];

	load_address(expr, f, source);
	nft_expr_lookup(expr, firewall_set_name(name, what, f, vni), absent);
}

void firewall_match_port(struct nft_expr *expr, uint16_t port)
{
	const uint16_t be = htons(port);

	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, UDP_DPORT, sizeof(be));
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

/* The kernel calls no function for a comparison of a header's bytes, but one for the protocol. */
void firewall_match_udp_port(struct nft_expr *expr, uint16_t port)
{
	firewall_match_port(expr, port);
	firewall_match_upper(expr, NFT_CMP_EQ, IPPROTO_UDP);
}

void firewall_match_vni(struct nft_expr *expr, uint32_t vni)
{
	const uint32_t be = htonl(vni << 8), mask = htonl(0xffffff00);

	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, VXLAN_VNI, sizeof(be));
	nft_expr_mask(expr, &mask, sizeof(mask));
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

void firewall_match_sent_vni(struct nft_expr *expr, uint32_t vni)
{
	const uint32_t be = htonl(vni << 8);

	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, VXLAN_VNI, sizeof(be));
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

void firewall_match_any_vni(struct nft_expr *expr)
{
	const uint32_t zero = 0;

	nft_expr_payload(expr, NFT_PAYLOAD_TRANSPORT_HEADER, VXLAN_VNI, sizeof(zero));
	nft_expr_compare(expr, NFT_CMP_GTE, &zero, sizeof(zero));
}

void firewall_match_prefix(struct nft_expr *expr, enum family f, bool source, uint32_t op,
			   const struct prefix *prefix)
{
	const struct prefix masked = prefix_masked(prefix);
	uint8_t mask[16] = { 0 };
	size_t size;

	for (unsigned bit = 0; bit < prefix->len; bit++)
		mask[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	load_address(expr, f, source);
	nft_expr_mask(expr, mask, firewall_wire[f].size);
	nft_expr_compare(expr, op, ipaddr_wire(&masked.addr, &size), firewall_wire[f].size);
}

/* The whole name with its NUL bytes: no prefix. */
void firewall_match_device(struct nft_expr *expr, uint32_t key, uint32_t op, const char *name)
{
	char padded[IF_NAMESIZE] = "";

	memcpy(padded, name, strnlen(name, sizeof(padded) - 1));
	nft_expr_meta(expr, key);
	nft_expr_compare(expr, op, padded, sizeof(padded));
}

void firewall_match_weft(struct nft_expr *expr, uint32_t key, uint32_t op)
{
	const uint32_t group = LINK_GROUP_WEFT; /* in the kernel's own byte order */

	nft_expr_meta(expr, key);
	nft_expr_compare(expr, op, &group, sizeof(group));
}

void firewall_match_tunnels(struct nft_expr *expr, uint32_t key)
{
	nft_expr_meta(expr, key);
	nft_expr_compare(expr, NFT_CMP_EQ, VXLAN_NAMES, strlen(VXLAN_NAMES));
}

void firewall_match_upper(struct nft_expr *expr, uint32_t op, uint8_t protocol)
{
	nft_expr_meta(expr, NFT_META_L4PROTO);
	nft_expr_compare(expr, op, &protocol, sizeof(protocol));
}

void firewall_match_protocol(struct nft_expr *expr, uint16_t protocol)
{
	const uint16_t be = htons(protocol);

	nft_expr_meta(expr, NFT_META_PROTOCOL);
	nft_expr_compare(expr, NFT_CMP_EQ, &be, sizeof(be));
}

void firewall_match_replies(struct nft_expr *expr)
{
	/* The kernel numbers these in its own byte order. */
	const uint32_t reply = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);
	const uint32_t none = 0;

	nft_expr_ct(expr, NFT_CT_STATE);
	nft_expr_mask(expr, &reply, sizeof(reply));
	nft_expr_compare(expr, NFT_CMP_NEQ, &none, sizeof(none));
}

void firewall_match_link_local(struct nft_expr *expr)
{
	static const uint8_t group[] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x00 };
	static const uint8_t mask[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0 };

	nft_expr_payload(expr, NFT_PAYLOAD_LL_HEADER, 0, sizeof(group));
	nft_expr_mask(expr, mask, sizeof(mask));
	nft_expr_compare(expr, NFT_CMP_EQ, group, sizeof(group));
}

void firewall_match_group(struct nft_expr *expr, bool group)
{
	const uint8_t bit = 1, want = group; /* in the first byte of a destination */

	nft_expr_payload(expr, NFT_PAYLOAD_LL_HEADER, 0, sizeof(bit));
	nft_expr_mask(expr, &bit, sizeof(bit));
	nft_expr_compare(expr, NFT_CMP_EQ, &want, sizeof(want));
}

void firewall_table_free(struct firewall_table *table)
{
	for (size_t i = 0; i < table->sets.len; i++)
		firewall_elements_free(&table->sets.at[i].elements);
	firewall_sets_free(&table->sets);
	firewall_chains_free(&table->chains);
	firewall_rules_free(&table->rules);
}

static bool same_set(const struct firewall_set *a, const struct firewall_set *b)
{
	return !strcmp(a->name, b->name) && a->flags == b->flags && a->key_size == b->key_size &&
	       a->limit == b->limit &&
	       (!(a->flags & NFT_SET_INTERVAL) ||
		firewall_elements_equal(&a->elements, &b->elements));
}

bool firewall_table_same_shape(const struct firewall_table *a, const struct firewall_table *b)
{
	bool alike = a->sets.len == b->sets.len && a->chains.len == b->chains.len &&
		     a->rules.len == b->rules.len && a->counters_len == b->counters_len;

	alike = alike && nft_devices_equal(&a->devices, &b->devices);
	for (size_t i = 0; alike && i < a->sets.len; i++)
		alike = same_set(&a->sets.at[i], &b->sets.at[i]);
	for (size_t i = 0; alike && i < a->chains.len; i++)
		alike = a->chains.at[i].name == b->chains.at[i].name;
	for (size_t i = 0; alike && i < a->rules.len; i++) {
		const struct firewall_rule *one = &a->rules.at[i], *other = &b->rules.at[i];

		alike = one->chain == other->chain && one->expr.size == other->expr.size &&
			!memcmp(one->expr.at, other->expr.at, one->expr.size);
	}
	return alike;
}

struct nft_set firewall_set_nft(const struct firewall_set *set)
{
	return (struct nft_set){ set->name, set->flags, set->key_type, set->key_size, set->limit };
}

struct nft_chain firewall_chain_nft(const struct firewall_table *table,
				    const struct firewall_chain *chain)
{
	return (struct nft_chain){
		.family = table->family,
		.table = table->name,
		.name = chain->name,
		.type = chain->type,
		.hook = chain->hook,
		.priority = chain->priority,
		.policy = chain->type ? NF_ACCEPT : 0,
		.devices = chain->type && table->devices.len ? &table->devices : NULL,
	};
}
