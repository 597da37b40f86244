/* SPDX-License-Identifier: Apache-2.0 */
/* A store for tests: records operations; the test provides their replies and calls the listener. */
#pragma once

#include "daemon/store/store.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

enum fake_kind { FAKE_GRANT, FAKE_KEEPALIVE, FAKE_REVOKE, FAKE_PUT, FAKE_REMOVE, FAKE_KINDS };

/* A pending operation. */
struct fake_op {
	enum fake_kind kind;
	char key[LEASE_KEY_SIZE];
	char value[1024];
	uint64_t lease, if_revision, ttl_s;
	char instead_of[STORE_KEY_SIZE], absent[STORE_KEY_SIZE]; /* "": none */
	uint64_t instead_revision;
	store_done_fn *done;
	void *ctx;
};

struct fake_store {
	struct store store; /* first: pointers to both are cast into each other */
	struct fake_op waiting[4];
	size_t len;
	unsigned asked[FAKE_KINDS];
	unsigned refreshes, checks;
	bool started;
	struct store_point position; /* set by start, unless the test sets it */
	bool freed;
};

extern const struct store_ops fake_store_ops;

/* Takes the oldest pending request of that kind, which must exist. */
struct fake_op fake_store_take(struct fake_store *fake, enum fake_kind kind);

/* Replies to it. */
struct fake_op fake_store_answer(struct fake_store *fake, enum fake_kind kind,
				 struct store_reply reply);

/* Lets it fail. */
void fake_store_refuse(struct fake_store *fake, enum fake_kind kind, int sys_errno,
		       const char *text);
