/* SPDX-License-Identifier: Apache-2.0 */
#include "common/netfilter/nft_span.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <netlink/attr.h>
#include <string.h>

#define HEAD_SIZE sizeof(struct nlattr)

const struct nlattr *nft_span_first(struct nft_span span)
{
	const struct nlattr *attr = span.at;

	if (span.size < HEAD_SIZE || attr->nla_len < HEAD_SIZE || attr->nla_len > span.size)
		return NULL;
	return attr;
}

struct nft_span nft_span_after(struct nft_span span, const struct nlattr *attr)
{
	size_t step = (size_t)NLA_ALIGN(attr->nla_len);

	step = step < span.size ? step : span.size;
	return (struct nft_span){ (const char *)span.at + step, span.size - step };
}

struct nft_span nft_span_inside(const struct nlattr *attr)
{
	return (struct nft_span){ (const char *)attr + HEAD_SIZE,
				  (size_t)attr->nla_len - HEAD_SIZE };
}

const struct nlattr *nft_span_find(struct nft_span span, int type)
{
	const struct nlattr *attr;

	for (; (attr = nft_span_first(span)); span = nft_span_after(span, attr))
		if (nla_type(attr) == type)
			return attr;
	return NULL;
}

bool nft_span_is(const struct nlattr *attr, const char *text)
{
	struct nft_span span = nft_span_inside(attr);

	return span.size == strlen(text) + 1 && !memcmp(span.at, text, span.size);
}

bool nft_span_has(struct nft_span span, int type, const char *text)
{
	const struct nlattr *attr = nft_span_find(span, type);

	return attr && nft_span_is(attr, text);
}

/* Returns the content of an attribute, or an empty span. */
static struct nft_span find_inside(struct nft_span span, int type)
{
	const struct nlattr *attr = nft_span_find(span, type);

	return attr ? nft_span_inside(attr) : (struct nft_span){ NULL, 0 };
}

bool nft_span_verdict_of(struct nft_span data, int32_t *code_out, const char **chain_out)
{
	const struct nft_span nest = find_inside(data, NFTA_DATA_VERDICT);
	const struct nlattr *code = nft_span_find(nest, NFTA_VERDICT_CODE);
	const struct nft_span chain = find_inside(nest, NFTA_VERDICT_CHAIN);

	if (!code || nft_span_inside(code).size != sizeof(uint32_t))
		return false;
	*code_out = (int32_t)ntohl(nla_get_u32(code));
	if (chain.size && !((const char *)chain.at)[chain.size - 1])
		*chain_out = chain.at;
	return true;
}

bool nft_span_verdict(struct nft_span data, int32_t *code_out, const char **chain_out)
{
	return nft_span_verdict_of(find_inside(data, NFTA_IMMEDIATE_DATA), code_out, chain_out);
}
