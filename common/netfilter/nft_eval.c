/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netfilter/nft_eval.h"

#include "common/array.h"
#include "common/netfilter/nft_span.h"
#include "common/netlink/nl.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <string.h>

#define REGISTERS 32
#define VALUE_SIZE 16
#define DPORT_OFFSET 2 /* of the UDP and TCP headers */
#define VNI_OFFSET 12  /* of the VXLAN header after the UDP header (RFC 7348 section 5) */
#define VNI_SIZE 3     /* and a reserved byte, which the kernel sends as 0 */

/* Offsets in the IP headers. */
static const struct header {
	uint32_t protocol, source, destination, size;
} headers[] = { { 9, 12, 16, 4 }, { 6, 8, 24, 16 } };

/* The content of a register; size 0: unknown. */
struct value {
	size_t size;
	uint8_t at[VALUE_SIZE];
};

struct eval {
	const struct nft_packet *packet;
	struct value registers[REGISTERS]; /* by the number that they are loaded by */
	struct nft_outcome outcome;
};

/* The number of an attribute; 0 if it is absent. */
static uint32_t number_at(struct nft_span data, int type)
{
	const struct nlattr *attr = nft_span_find(data, type);

	return attr && nft_span_inside(attr).size == sizeof(uint32_t) ? ntohl(nla_get_u32(attr)) :
									0;
}

/* The bytes of an attribute of nested data; size 0: absent. */
static struct nft_span value_at(struct nft_span data, int type)
{
	const struct nlattr *nest = nft_span_find(data, type);
	const struct nlattr *value = nest ? nft_span_find(nft_span_inside(nest), NFTA_DATA_VALUE) :
					    NULL;

	return value ? nft_span_inside(value) : (struct nft_span){ NULL, 0 };
}

static struct value *register_at(struct eval *eval, struct nft_span data, int type)
{
	return &eval->registers[number_at(data, type) % REGISTERS];
}

static void set(struct value *value, const void *at, size_t size)
{
	*value = (struct value){ .size = size };
	memcpy(value->at, at, size);
}

/* A match that is not certain, or that fails. */
static void restrict_to(struct eval *eval, enum nft_match match)
{
	if (match < eval->outcome.match)
		eval->outcome.match = match;
}

/* ---- Loads ------------------------------------------------------------------------------- */

static void set_name(struct value *to, const char *name)
{
	if (name[0])
		set(to, name, IF_NAMESIZE);
}

static void set_index(struct value *to, const char *name)
{
	const uint32_t index = name[0] ? if_nametoindex(name) : 0;

	if (index)
		set(to, &index, sizeof(index));
}

static void set_group(struct value *to, bool is_known, uint32_t group)
{
	if (is_known)
		set(to, &group, sizeof(group));
}

static void load_meta(struct eval *eval, struct nft_span data)
{
	struct value *to = register_at(eval, data, NFTA_META_DREG);
	const struct nft_packet *packet = eval->packet;
	const uint16_t ethertype = htons(packet->nfproto == NFPROTO_IPV6 ? ETH_P_IPV6 : ETH_P_IP);

	to->size = 0;
	switch (number_at(data, NFTA_META_KEY)) {
	case NFT_META_L4PROTO:
		if (packet->l4proto)
			set(to, &packet->l4proto, sizeof(packet->l4proto));
		break;
	case NFT_META_NFPROTO:
		set(to, &packet->nfproto, sizeof(packet->nfproto));
		break;
	case NFT_META_PROTOCOL:
		set(to, &ethertype, sizeof(ethertype));
		break;
	case NFT_META_IIFNAME:
		set_name(to, packet->iifname);
		break;
	case NFT_META_OIFNAME:
		set_name(to, packet->oifname);
		break;
	case NFT_META_IIF:
		set_index(to, packet->iifname);
		break;
	case NFT_META_OIF:
		set_index(to, packet->oifname);
		break;
	case NFT_META_IIFGROUP:
		set_group(to, packet->has_iifgroup, packet->iifgroup);
		break;
	case NFT_META_OIFGROUP:
		set_group(to, packet->has_oifgroup, packet->oifgroup);
		break;
	default:
		break;
	}
}

/* A prefix of whole bytes is matched by the address's first bytes only. */
static void load_address(struct value *to, const struct ipaddr *addr, uint32_t offset,
			 uint32_t size)
{
	size_t bytes;
	const uint8_t *wire = ipaddr_wire(addr, &bytes);

	if (ipaddr_is_set(addr) && offset + size <= bytes)
		set(to, wire + offset, size);
}

static void load_network_header(const struct nft_packet *packet, struct value *to, uint32_t offset,
				uint32_t size)
{
	const struct header *header = &headers[packet->nfproto == NFPROTO_IPV6];

	if (size > header->size)
		return;
	if (offset == header->protocol && size == 1 && packet->l4proto)
		set(to, &packet->l4proto, 1);
	else if (offset >= header->source && offset < header->source + header->size)
		load_address(to, &packet->source, offset - header->source, size);
	else if (offset >= header->destination && offset < header->destination + header->size)
		load_address(to, &packet->destination, offset - header->destination, size);
}

static void load_transport_header(const struct nft_packet *packet, struct value *to,
				  uint32_t offset, uint32_t size)
{
	const uint32_t vni = htonl(packet->vni << 8);
	const uint16_t dport = htons(packet->dport);

	if (offset == DPORT_OFFSET && size == sizeof(dport) && packet->dport)
		set(to, &dport, sizeof(dport));
	else if (offset == VNI_OFFSET && packet->has_vni &&
		 (size == VNI_SIZE || size == sizeof(vni)))
		set(to, &vni, size);
}

static void load_payload(struct eval *eval, struct nft_span data)
{
	struct value *to = register_at(eval, data, NFTA_PAYLOAD_DREG);
	const uint32_t offset = number_at(data, NFTA_PAYLOAD_OFFSET);
	const uint32_t size = number_at(data, NFTA_PAYLOAD_LEN);

	to->size = 0;
	if (number_at(data, NFTA_PAYLOAD_BASE) == NFT_PAYLOAD_TRANSPORT_HEADER)
		load_transport_header(eval->packet, to, offset, size);
	else if (number_at(data, NFTA_PAYLOAD_BASE) == NFT_PAYLOAD_NETWORK_HEADER)
		load_network_header(eval->packet, to, offset, size);
}

static void load_ct(struct eval *eval, struct nft_span data)
{
	struct value *to = register_at(eval, data, NFTA_CT_DREG);
	const uint32_t state = eval->packet->ct_state;

	to->size = 0;
	if (number_at(data, NFTA_CT_KEY) == NFT_CT_STATE && state)
		set(to, &state, sizeof(state));
	else if (state == NFT_CT_UNTRACKED || state == NFT_CT_INVALID)
		restrict_to(eval, NFT_MATCH_NO); /* without a connection, there is no other value */
}

static void mask(struct eval *eval, struct nft_span data)
{
	const struct value *from = register_at(eval, data, NFTA_BITWISE_SREG);
	struct nft_span and = value_at(data, NFTA_BITWISE_MASK);
	struct nft_span xor = value_at(data, NFTA_BITWISE_XOR);
	struct value value = *from;

	if (!value.size || and.size != value.size || xor.size != value.size)
		value.size = 0;
	for (size_t i = 0; i < value.size; i++)
		value.at[i] = (uint8_t)((value.at[i] & ((const uint8_t *)and.at)[i]) ^
					((const uint8_t *)xor.at)[i]);
	*register_at(eval, data, NFTA_BITWISE_DREG) = value;
}

/* ---- Matches ----------------------------------------------------------------------------- */

static enum nft_match known(bool matches)
{
	return matches ? NFT_MATCH_YES : NFT_MATCH_NO;
}

static void compare(struct eval *eval, struct nft_span data)
{
	const struct value *value = register_at(eval, data, NFTA_CMP_SREG);
	struct nft_span with = value_at(data, NFTA_CMP_DATA);
	uint32_t op = number_at(data, NFTA_CMP_OP);
	int order;

	/* A prefix of a name ("br*") is shorter than the name. */
	if (!value->size || !with.size || with.size > value->size) {
		restrict_to(eval, NFT_MATCH_MAYBE);
		return;
	}
	order = memcmp(value->at, with.at, with.size);
	restrict_to(eval, known(op == NFT_CMP_EQ  ? order == 0 :
				op == NFT_CMP_NEQ ? order != 0 :
				op == NFT_CMP_LT  ? order < 0 :
				op == NFT_CMP_LTE ? order <= 0 :
				op == NFT_CMP_GT  ? order > 0 :
						    order >= 0));
}

static void compare_range(struct eval *eval, struct nft_span data)
{
	const struct value *value = register_at(eval, data, NFTA_RANGE_SREG);
	struct nft_span from = value_at(data, NFTA_RANGE_FROM_DATA);
	struct nft_span to = value_at(data, NFTA_RANGE_TO_DATA);
	bool inside;

	if (!value->size || from.size != value->size || to.size != value->size) {
		restrict_to(eval, NFT_MATCH_MAYBE);
		return;
	}
	inside = memcmp(value->at, from.at, from.size) >= 0 &&
		 memcmp(value->at, to.at, to.size) <= 0;
	restrict_to(eval, known(inside == (number_at(data, NFTA_RANGE_OP) == NFT_RANGE_EQ)));
}

static void set_verdict(struct eval *eval, int32_t code, const char *chain)
{
	eval->outcome.verdict = code;
	snprintf(eval->outcome.chain, sizeof(eval->outcome.chain), "%s", chain);
}

/* A map's value is unknown, but for a verdict. */
static void take_from_map(struct eval *eval, struct nft_span data,
			  const struct nft_verdict *verdict, enum nft_match *match)
{
	const bool is_known = *match == NFT_MATCH_YES && verdict->is_known;

	if (number_at(data, NFTA_LOOKUP_DREG) == NFT_REG_VERDICT)
		set_verdict(eval, is_known ? verdict->code : NF_ACCEPT,
			    is_known ? verdict->chain : "");
	else
		register_at(eval, data, NFTA_LOOKUP_DREG)->size = 0;
	if (*match == NFT_MATCH_YES && !is_known)
		*match = NFT_MATCH_MAYBE;
}

static void lookup(struct eval *eval, struct nft_span data)
{
	const struct value *value = register_at(eval, data, NFTA_LOOKUP_SREG);
	const struct nlattr *name = nft_span_find(data, NFTA_LOOKUP_SET);
	enum nft_match match = NFT_MATCH_MAYBE;
	struct nft_span set = name ? nft_span_inside(name) : (struct nft_span){ NULL, 0 };
	struct nft_verdict verdict = { .is_known = false };

	if (value->size && set.size && !((const char *)set.at)[set.size - 1])
		match = eval->packet->lookup(eval->packet->ctx, set.at, value->at, value->size,
					     &verdict);
	if (number_at(data, NFTA_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV)
		match = match == NFT_MATCH_YES ? NFT_MATCH_NO :
			match == NFT_MATCH_NO  ? NFT_MATCH_YES :
						 match;
	if (nft_span_find(data, NFTA_LOOKUP_DREG))
		take_from_map(eval, data, &verdict, &match);
	restrict_to(eval, match);
}

static void verdict(struct eval *eval, struct nft_span data)
{
	const char *chain = "";
	int32_t code;

	if (nft_span_verdict(data, &code, &chain))
		set_verdict(eval, code, chain);
}

/* ---- A rule ------------------------------------------------------------------------------ */

static void drop(struct eval *eval, struct nft_span data)
{
	(void)data;
	eval->outcome.verdict = NF_DROP;
}

static void pass(struct eval *eval, struct nft_span data)
{
	(void)eval, (void)data;
}

static void forget(struct eval *eval)
{
	memset(eval->registers, 0, sizeof(eval->registers));
	restrict_to(eval, NFT_MATCH_MAYBE);
}

/* Extensions of iptables-nft. */
static void target(struct eval *eval, struct nft_span data)
{
	if (nft_span_has(data, NFTA_TARGET_NAME, "REJECT"))
		eval->outcome.verdict = NF_DROP;
	else if (!nft_span_has(data, NFTA_TARGET_NAME, "LOG"))
		forget(eval);
}

static void match(struct eval *eval, struct nft_span data)
{
	if (!nft_span_has(data, NFTA_MATCH_NAME, "comment"))
		forget(eval);
}

static const struct {
	const char *name;
	void (*apply)(struct eval *eval, struct nft_span data);
} expressions[] = {
	{ "meta", load_meta }, { "payload", load_payload },
	{ "ct", load_ct },     { "bitwise", mask },
	{ "cmp", compare },    { "range", compare_range },
	{ "lookup", lookup },  { "immediate", verdict },
	{ "reject", drop },    { "counter", pass },
	{ "log", pass },       { "objref", pass },
	{ "notrack", pass },   { "target", target },
	{ "match", match },
};

/* What is not understood may match: its loads are unknown. */
static void apply(struct eval *eval, const struct nlattr *name, struct nft_span data)
{
	for (size_t i = 0; i < ARRAY_LEN(expressions); i++) {
		if (!nft_span_is(name, expressions[i].name))
			continue;
		expressions[i].apply(eval, data);
		return;
	}
	forget(eval);
}

struct nft_outcome nft_eval(struct nft_span rule, const struct nft_packet *packet)
{
	struct eval eval = {
		.packet = packet,
		.outcome = { .match = NFT_MATCH_YES, .verdict = NFT_CONTINUE },
	};
	const struct nlattr *element;

	for (; (element = nft_span_first(rule)); rule = nft_span_after(rule, element)) {
		struct nft_span inside = nft_span_inside(element);
		const struct nlattr *name = nft_span_find(inside, NFTA_EXPR_NAME);
		const struct nlattr *data = nft_span_find(inside, NFTA_EXPR_DATA);

		if (name)
			apply(&eval, name,
			      data ? nft_span_inside(data) : (struct nft_span){ NULL, 0 });
		if (eval.outcome.match == NFT_MATCH_NO)
			break;
	}
	return eval.outcome;
}
