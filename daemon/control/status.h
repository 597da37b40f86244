/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's answers to weftctl (common/control.h), as JSON. Pure: looks at
 * views, changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct err;
struct network;
struct node;
struct rules_view;

struct status_self {
	const struct node *node;
	const char *node_name;
	uint64_t started_at; /* seconds since the epoch */
	struct network *const *networks;
	size_t network_len;
	void (*rules)(const void *ctx, struct rules_view *view_out); /* NULL: there are none */
	const void *rules_ctx;
};

/* Whether a question about the network only, or (NULL) about all, is about this one. */
static inline bool status_is_asked(const char *only, const char *network)
{
	return !only || !strcmp(only, network);
}

/*
 * The answer to one request line, without a newline, malloc'ed, the caller's. A request
 * that is wrong gets an answer that says so; only lack of memory is a failure.
 */
int status_answer(const struct status_self *self, const char *request, size_t size,
		  char **answer_out, struct err *err);
