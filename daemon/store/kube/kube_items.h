/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Divides a list of Kubernetes' API into its items while it arrives: a list of 5,000 nodes is one
 * line of 10 MB, of which one item at a time is kept. The elements of the member "items" and the
 * member "metadata" are passed on as text, to be parsed; everything else is skipped. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define KUBE_ITEMS_DEPTH 64

struct kube_items {
	size_t max; /* bytes of one item */
	/* Called for each item, NUL-terminated; false ends the list. */
	bool (*item)(void *ctx, const char *text, size_t size);
	void *ctx;
	char *metadata; /* of the list, NUL-terminated; NULL: not yet */
	/* Private: */
	char *buf; /* of the value that is kept */
	size_t len, cap;
	unsigned depth, kept_depth; /* kept_depth 0: nothing is kept */
	bool array[KUBE_ITEMS_DEPTH];
	bool in_string, escaped, in_items, ended;
	char key[16]; /* the last string at depth 1; longer ones are truncated */
	size_t key_len;
};

/*
 * Adds a piece of the response. Returns 1 to continue, 0 if item has returned false, -1 with
 * ERR_DECODE if it is not a JSON object, is too deep, or has an item that is too large, or
 * ERR_NOMEM.
 */
int kube_items_add(struct kube_items *items, const char *data, size_t size, struct err *err);
/* Checks that the list is complete and has metadata. Returns 0, or -1 with ERR_DECODE. */
int kube_items_end(const struct kube_items *items, struct err *err);
/* An all-zero struct is allowed. */
void kube_items_free(struct kube_items *items);
