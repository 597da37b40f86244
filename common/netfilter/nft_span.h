/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes in a list of expressions that the kernel returned. Used by nft_expr.c and nft_eval.c.
 * Pure.
 */
#pragma once

#include "common/netfilter/nft_expr.h"

#include <stdint.h>

struct nlattr;

/* Returns the attribute at the start of what is left; NULL at the end, or where it is damaged. */
const struct nlattr *nft_span_first(struct nft_span span);
/* Returns what follows the attribute, which is the first. */
struct nft_span nft_span_after(struct nft_span span, const struct nlattr *attr);
/* Returns the attribute's content. */
struct nft_span nft_span_inside(const struct nlattr *attr);
/* Returns the first attribute of the type, or NULL. */
const struct nlattr *nft_span_find(struct nft_span span, int type);
/* Returns whether the content is this text with its terminator. */
bool nft_span_is(const struct nlattr *attr, const char *text);
/* Returns whether the first attribute of the type is this text. */
bool nft_span_has(struct nft_span span, int type, const char *text);
/*
 * Reads data: what is inside NFTA_IMMEDIATE_DATA or NFTA_SET_ELEM_DATA. Returns and sets as
 * nft_span_verdict.
 */
bool nft_span_verdict_of(struct nft_span data, int32_t *code_out, const char **chain_out);
/*
 * Reads the data of an immediate expression. Returns whether it is a verdict; *chain_out is the
 * chain of a jump or goto, and stays as it was for any other verdict.
 */
bool nft_span_verdict(struct nft_span data, int32_t *code_out, const char **chain_out);
