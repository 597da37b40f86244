/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A netfilter transaction (the kernel's net/netfilter/nfnetlink.c): all requests are applied
 * atomically and in order, or none. Limited to 16 MiB.
 */
#pragma once

#include "common/auto.h"

#include <stdint.h>

struct err;
struct nl;
struct nl_msg;

struct nl_transaction;
/*
 * generation: of the rule set that the requests depend on (nft_generation); the transaction fails
 * with the error ERESTART if another program has changed it. 0: any.
 */
int nl_transaction_open(struct nl *nl, uint16_t subsystem, uint32_t generation,
			struct nl_transaction **transaction_out, struct err *err);
/* Adds a request, which it frees. Returns 0 or -1. */
int nl_transaction_add(struct nl_transaction *transaction, struct nl_msg *msg, uint64_t tag,
		       struct err *err);
/*
 * Sends the transaction and waits for the outcome. Returns 0, or -1: nothing was changed, err is
 * the first error, and *tag_out the tag of its request, or NL_TRANSACTION_WHOLE if it concerns
 * none.
 */
#define NL_TRANSACTION_WHOLE UINT64_MAX
int nl_transaction_commit(struct nl_transaction *transaction, const char *what, uint64_t *tag_out,
			  struct err *err);
void nl_transaction_close(struct nl_transaction *transaction);
AUTO_DEFINE(nl_transaction, struct nl_transaction, nl_transaction_close);
