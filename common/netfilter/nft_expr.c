/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netfilter/nft_expr.h"

#include "common/netfilter/nft_span.h"
#include "common/netlink/nl.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <string.h>

#define HEAD_SIZE sizeof(struct nlattr)

/* ---- Writing ----------------------------------------------------------------------------- */

static void put(struct nft_expr *expr, uint16_t type, const void *data, size_t size)
{
	const struct nlattr attr = { .nla_len = (uint16_t)(HEAD_SIZE + size), .nla_type = type };
	size_t whole = (size_t)NLA_ALIGN(attr.nla_len);

	assert(expr->size + whole <= sizeof(expr->at));
	memset(expr->at + expr->size, 0, whole);
	memcpy(expr->at + expr->size, &attr, sizeof(attr));
	if (size)
		memcpy(expr->at + expr->size + HEAD_SIZE, data, size);
	expr->size += whole;
}

static void put_number(struct nft_expr *expr, uint16_t type, uint32_t number)
{
	uint32_t be = htonl(number);

	put(expr, type, &be, sizeof(be));
}

static void put_number64(struct nft_expr *expr, uint16_t type, uint64_t number)
{
	uint64_t be = htobe64(number);

	put(expr, type, &be, sizeof(be));
}

static void put_text(struct nft_expr *expr, uint16_t type, const char *text)
{
	put(expr, type, text, strlen(text) + 1);
}

/* Where it begins; what is put until it is closed lies in it. */
static size_t open_nest(struct nft_expr *expr, uint16_t type)
{
	size_t start = expr->size;

	put(expr, NLA_F_NESTED | type, NULL, 0);
	return start;
}

static void close_nest(struct nft_expr *expr, size_t start)
{
	uint16_t len = (uint16_t)(expr->size - start);

	memcpy(expr->at + start + offsetof(struct nlattr, nla_len), &len, sizeof(len));
}

struct opened {
	size_t element, data;
};

static struct opened begin(struct nft_expr *expr, const char *name)
{
	struct opened opened = { .element = open_nest(expr, NFTA_LIST_ELEM) };

	put_text(expr, NFTA_EXPR_NAME, name);
	opened.data = open_nest(expr, NFTA_EXPR_DATA);
	return opened;
}

static void end(struct nft_expr *expr, struct opened opened)
{
	close_nest(expr, opened.data);
	close_nest(expr, opened.element);
}

static void put_value(struct nft_expr *expr, uint16_t type, const void *value, size_t size)
{
	size_t nest = open_nest(expr, type);

	put(expr, NFTA_DATA_VALUE, value, size);
	close_nest(expr, nest);
}

void nft_expr_meta(struct nft_expr *expr, uint32_t key)
{
	struct opened opened = begin(expr, "meta");

	put_number(expr, NFTA_META_DREG, NFT_REG_1);
	put_number(expr, NFTA_META_KEY, key);
	end(expr, opened);
}

void nft_expr_ct(struct nft_expr *expr, uint32_t key)
{
	struct opened opened = begin(expr, "ct");

	put_number(expr, NFTA_CT_DREG, NFT_REG_1);
	put_number(expr, NFTA_CT_KEY, key);
	end(expr, opened);
}

static void load_payload(struct nft_expr *expr, uint32_t to, uint32_t base, uint32_t offset,
			 uint32_t size)
{
	struct opened opened = begin(expr, "payload");

	put_number(expr, NFTA_PAYLOAD_DREG, to);
	put_number(expr, NFTA_PAYLOAD_BASE, base);
	put_number(expr, NFTA_PAYLOAD_OFFSET, offset);
	put_number(expr, NFTA_PAYLOAD_LEN, size);
	end(expr, opened);
}

void nft_expr_payload(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size)
{
	load_payload(expr, NFT_REG_1, base, offset, size);
}

void nft_expr_payload_next(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size)
{
	load_payload(expr, NFT_REG_2, base, offset, size);
}

void nft_expr_exthdr(struct nft_expr *expr, uint8_t type, uint32_t offset, uint32_t size)
{
	struct opened opened = begin(expr, "exthdr");

	put_number(expr, NFTA_EXTHDR_DREG, NFT_REG_1);
	put(expr, NFTA_EXTHDR_TYPE, &type, sizeof(type));
	put_number(expr, NFTA_EXTHDR_OFFSET, offset);
	put_number(expr, NFTA_EXTHDR_LEN, size);
	end(expr, opened);
}

static void mask_into(struct nft_expr *expr, uint32_t to, const void *mask, size_t size)
{
	static const uint8_t zeros[16];
	struct opened opened = begin(expr, "bitwise");

	put_number(expr, NFTA_BITWISE_SREG, NFT_REG_1);
	put_number(expr, NFTA_BITWISE_DREG, to);
	put_number(expr, NFTA_BITWISE_LEN, (uint32_t)size);
	put_value(expr, NFTA_BITWISE_MASK, mask, size);
	put_value(expr, NFTA_BITWISE_XOR, zeros, size);
	end(expr, opened);
}

static void compare_register(struct nft_expr *expr, uint32_t from, uint32_t op, const void *value,
			     size_t size)
{
	struct opened opened = begin(expr, "cmp");

	put_number(expr, NFTA_CMP_SREG, from);
	put_number(expr, NFTA_CMP_OP, op);
	put_value(expr, NFTA_CMP_DATA, value, size);
	end(expr, opened);
}

void nft_expr_mask(struct nft_expr *expr, const void *mask, size_t size)
{
	mask_into(expr, NFT_REG_1, mask, size);
}

void nft_expr_compare(struct nft_expr *expr, uint32_t op, const void *value, size_t size)
{
	compare_register(expr, NFT_REG_1, op, value, size);
}

void nft_expr_compare_masked(struct nft_expr *expr, const void *mask, uint32_t op,
			     const void *value, size_t size)
{
	mask_into(expr, NFT_REG_2, mask, size);
	compare_register(expr, NFT_REG_2, op, value, size);
}

void nft_expr_lookup(struct nft_expr *expr, const char *set, bool absent)
{
	struct opened opened = begin(expr, "lookup");

	put_text(expr, NFTA_LOOKUP_SET, set);
	put_number(expr, NFTA_LOOKUP_SREG, NFT_REG_1);
	put_number(expr, NFTA_LOOKUP_FLAGS, absent ? NFT_LOOKUP_F_INV : 0);
	end(expr, opened);
}

void nft_expr_over(struct nft_expr *expr, uint32_t per_second)
{
	struct opened opened = begin(expr, "limit");

	put_number64(expr, NFTA_LIMIT_RATE, per_second);
	put_number64(expr, NFTA_LIMIT_UNIT, 1); /* second */
	put_number(expr, NFTA_LIMIT_BURST, per_second);
	put_number(expr, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
	put_number(expr, NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	end(expr, opened);
}

void nft_expr_value(struct nft_expr *expr, const void *value, size_t size)
{
	struct opened opened = begin(expr, "immediate");

	put_number(expr, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_value(expr, NFTA_IMMEDIATE_DATA, value, size);
	end(expr, opened);
}

void nft_expr_payload_set(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size)
{
	struct opened opened = begin(expr, "payload");

	put_number(expr, NFTA_PAYLOAD_SREG, NFT_REG_1);
	put_number(expr, NFTA_PAYLOAD_BASE, base);
	put_number(expr, NFTA_PAYLOAD_OFFSET, offset);
	put_number(expr, NFTA_PAYLOAD_LEN, size);
	end(expr, opened);
}

void nft_expr_meta_set(struct nft_expr *expr, uint32_t key)
{
	struct opened opened = begin(expr, "meta");

	put_number(expr, NFTA_META_SREG, NFT_REG_1);
	put_number(expr, NFTA_META_KEY, key);
	end(expr, opened);
}

void nft_expr_counter(struct nft_expr *expr, const char *name)
{
	struct opened opened = begin(expr, "objref");

	put_number(expr, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	put_text(expr, NFTA_OBJREF_IMM_NAME, name);
	end(expr, opened);
}

void nft_expr_notrack(struct nft_expr *expr)
{
	size_t element = open_nest(expr, NFTA_LIST_ELEM);

	put_text(expr, NFTA_EXPR_NAME, "notrack");
	close_nest(expr, element);
}

void nft_expr_masquerade(struct nft_expr *expr, uint32_t flags)
{
	struct opened opened = begin(expr, "masq");

	if (flags)
		put_number(expr, NFTA_MASQ_FLAGS, flags);
	end(expr, opened);
}

void nft_expr_flow_add(struct nft_expr *expr, const char *flow_table)
{
	struct opened opened = begin(expr, "flow_offload");

	put_text(expr, NFTA_FLOW_TABLE_NAME, flow_table);
	end(expr, opened);
}

void nft_expr_verdict(struct nft_expr *expr, int32_t verdict, const char *chain)
{
	struct opened opened = begin(expr, "immediate");
	size_t data, inner;

	put_number(expr, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = open_nest(expr, NFTA_IMMEDIATE_DATA);
	inner = open_nest(expr, NFTA_DATA_VERDICT);
	put_number(expr, NFTA_VERDICT_CODE, (uint32_t)verdict);
	if (chain)
		put_text(expr, NFTA_VERDICT_CHAIN, chain);
	close_nest(expr, inner);
	close_nest(expr, data);
	end(expr, opened);
}

/* ---- Reading ----------------------------------------------------------------------------- */

/* Every attribute that is wanted is there with the same content; nested to that depth. */
static bool covers(struct nft_span want, struct nft_span have, unsigned depth)
{
	const struct nlattr *attr, *other;

	for (; (attr = nft_span_first(want)); want = nft_span_after(want, attr)) {
		struct nft_span a = nft_span_inside(attr), b;

		other = nft_span_find(have, nla_type(attr));
		if (!other)
			return false;
		b = nft_span_inside(other);
		if (attr->nla_type & NLA_F_NESTED) {
			if (!depth || !covers(a, b, depth - 1))
				return false;
		} else if (a.size != b.size || memcmp(a.at, b.at, a.size)) {
			return false;
		}
	}
	return true;
}

bool nft_expr_same(const struct nft_expr *written, struct nft_span have)
{
	struct nft_span want = { written->at, written->size };
	const struct nlattr *a, *b;

	while ((a = nft_span_first(want))) {
		b = nft_span_first(have);
		if (!b || !covers(nft_span_inside(a), nft_span_inside(b), 4))
			return false;
		want = nft_span_after(want, a);
		have = nft_span_after(have, b);
	}
	return !have.size;
}

static void read_verdict(struct nft_span data, struct nft_effect *effect)
{
	int32_t code;

	if (nft_span_verdict(data, &code, &effect->chain))
		effect->drops = code == NF_DROP;
}

/* What neither sorts packets nor decides about them. */
static bool is_idle(const struct nlattr *name, struct nft_span data)
{
	return nft_span_is(name, "counter") || nft_span_is(name, "log") ||
	       nft_span_is(name, "target") ||
	       (nft_span_is(name, "match") && nft_span_has(data, NFTA_MATCH_NAME, "comment"));
}

struct nft_effect nft_expr_effect(struct nft_span have)
{
	struct nft_effect effect = { .unconditional = true };
	const struct nlattr *element;

	for (; (element = nft_span_first(have)); have = nft_span_after(have, element)) {
		const struct nlattr *name = nft_span_find(nft_span_inside(element), NFTA_EXPR_NAME);
		const struct nlattr *attr = nft_span_find(nft_span_inside(element), NFTA_EXPR_DATA);
		struct nft_span data = attr ? nft_span_inside(attr) : (struct nft_span){ NULL, 0 };

		if (!name)
			continue;
		if (nft_span_is(name, "immediate"))
			read_verdict(data, &effect);
		else if (nft_span_is(name, "reject") ||
			 (nft_span_is(name, "target") &&
			  nft_span_has(data, NFTA_TARGET_NAME, "REJECT")))
			effect.drops = true;
		else if (!is_idle(name, data))
			effect.unconditional = false;
	}
	return effect;
}
