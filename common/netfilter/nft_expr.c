/* SPDX-License-Identifier: Apache-2.0 */
#include "nft_expr.h"

#include "nl.h"

#include <arpa/inet.h>
#include <assert.h>
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

void nft_expr_payload(struct nft_expr *expr, uint32_t base, uint32_t offset, uint32_t size)
{
	struct opened opened = begin(expr, "payload");

	put_number(expr, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_number(expr, NFTA_PAYLOAD_BASE, base);
	put_number(expr, NFTA_PAYLOAD_OFFSET, offset);
	put_number(expr, NFTA_PAYLOAD_LEN, size);
	end(expr, opened);
}

void nft_expr_mask(struct nft_expr *expr, const void *mask, size_t size)
{
	static const uint8_t zeros[16];
	struct opened opened = begin(expr, "bitwise");

	put_number(expr, NFTA_BITWISE_SREG, NFT_REG_1);
	put_number(expr, NFTA_BITWISE_DREG, NFT_REG_1);
	put_number(expr, NFTA_BITWISE_LEN, (uint32_t)size);
	put_value(expr, NFTA_BITWISE_MASK, mask, size);
	put_value(expr, NFTA_BITWISE_XOR, zeros, size);
	end(expr, opened);
}

void nft_expr_compare(struct nft_expr *expr, uint32_t op, const void *value, size_t size)
{
	struct opened opened = begin(expr, "cmp");

	put_number(expr, NFTA_CMP_SREG, NFT_REG_1);
	put_number(expr, NFTA_CMP_OP, op);
	put_value(expr, NFTA_CMP_DATA, value, size);
	end(expr, opened);
}

void nft_expr_lookup(struct nft_expr *expr, const char *set, bool absent)
{
	struct opened opened = begin(expr, "lookup");

	put_text(expr, NFTA_LOOKUP_SET, set);
	put_number(expr, NFTA_LOOKUP_SREG, NFT_REG_1);
	put_number(expr, NFTA_LOOKUP_FLAGS, absent ? NFT_LOOKUP_F_INV : 0);
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

/* The attribute at the start of what is left, NULL at the end or where it is damaged. */
static const struct nlattr *first(struct nft_span span)
{
	const struct nlattr *attr = span.at;

	if (span.size < HEAD_SIZE || attr->nla_len < HEAD_SIZE || attr->nla_len > span.size)
		return NULL;
	return attr;
}

static struct nft_span after(struct nft_span span, const struct nlattr *attr)
{
	size_t step = (size_t)NLA_ALIGN(attr->nla_len);

	step = step < span.size ? step : span.size;
	return (struct nft_span){ (const char *)span.at + step, span.size - step };
}

static struct nft_span inside(const struct nlattr *attr)
{
	return (struct nft_span){ (const char *)attr + HEAD_SIZE,
				  (size_t)attr->nla_len - HEAD_SIZE };
}

static const struct nlattr *find(struct nft_span span, int type)
{
	const struct nlattr *attr;

	for (; (attr = first(span)); span = after(span, attr))
		if (nla_type(attr) == type)
			return attr;
	return NULL;
}

/* Every attribute that is wanted is there with the same content; nested to that depth. */
static bool covers(struct nft_span want, struct nft_span have, unsigned depth)
{
	const struct nlattr *attr, *other;

	for (; (attr = first(want)); want = after(want, attr)) {
		struct nft_span a = inside(attr), b;

		other = find(have, nla_type(attr));
		if (!other)
			return false;
		b = inside(other);
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

	while ((a = first(want))) {
		b = first(have);
		if (!b || !covers(inside(a), inside(b), 4))
			return false;
		want = after(want, a);
		have = after(have, b);
	}
	return !have.size;
}

static bool is_named(const struct nlattr *name, const char *text)
{
	struct nft_span span = inside(name);

	return span.size == strlen(text) + 1 && !memcmp(span.at, text, span.size);
}

static void look_verdict(struct nft_span data, struct nft_seen *seen)
{
	const struct nlattr *value = find(data, NFTA_IMMEDIATE_DATA);
	const struct nlattr *verdict = value ? find(inside(value), NFTA_DATA_VERDICT) : NULL;
	const struct nlattr *code = verdict ? find(inside(verdict), NFTA_VERDICT_CODE) : NULL;
	const struct nlattr *chain = verdict ? find(inside(verdict), NFTA_VERDICT_CHAIN) : NULL;
	struct nft_span name = chain ? inside(chain) : (struct nft_span){ NULL, 0 };

	if (name.size && !((const char *)name.at)[name.size - 1])
		seen->chain = name.at;
	if (code && inside(code).size == sizeof(uint32_t))
		seen->drops = nla_get_u32(code) == htonl(NF_DROP);
}

/* iptables' own matches and targets (linux/netfilter/nf_tables_compat.h), by the name they have. */
static bool is_foreign(struct nft_span data, const char *text)
{
	const struct nlattr *name = find(data, NFTA_TARGET_NAME); /* NFTA_MATCH_NAME is the same */

	return name && is_named(name, text);
}

/* What neither sorts packets nor decides about them. */
static bool is_idle(const struct nlattr *name, struct nft_span data)
{
	return is_named(name, "counter") || is_named(name, "log") || is_named(name, "target") ||
	       (is_named(name, "match") && is_foreign(data, "comment"));
}

static bool compares(struct nft_span data, const uint8_t *value, size_t min_size, size_t value_size)
{
	const struct nlattr *nest = find(data, NFTA_CMP_DATA);
	const struct nlattr *attr = nest ? find(inside(nest), NFTA_DATA_VALUE) : NULL;
	struct nft_span found = attr ? inside(attr) : (struct nft_span){ NULL, 0 };

	return attr && value_size && found.size >= min_size && found.size <= value_size &&
	       !memcmp(found.at, value, found.size);
}

struct nft_seen nft_expr_look(struct nft_span have, const uint8_t *value, size_t min_size,
			      size_t value_size)
{
	struct nft_seen seen = { .all = true };
	const struct nlattr *element;

	for (; (element = first(have)); have = after(have, element)) {
		const struct nlattr *name = find(inside(element), NFTA_EXPR_NAME);
		const struct nlattr *attr = find(inside(element), NFTA_EXPR_DATA);
		struct nft_span data = attr ? inside(attr) : (struct nft_span){ NULL, 0 };

		if (!name)
			continue;
		if (is_named(name, "immediate"))
			look_verdict(data, &seen);
		else if (is_named(name, "reject") ||
			 (is_named(name, "target") && is_foreign(data, "REJECT")))
			seen.drops = true;
		else if (!is_idle(name, data))
			seen.all = false;
		if (is_named(name, "cmp") && compares(data, value, min_size, value_size))
			seen.compares = true;
	}
	return seen;
}
