/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads whole Nodes, of which the metadata are not sufficient: a few by one request each, many by
 * one list. Used by store_kube.c.
 */
#pragma once

#include "common/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct err;
struct http_call;
struct kube_client;
struct kube_list;
struct kube_names;
struct kube_node;

VEC_DEFINE(kube_fetch_names, char *);

/* Set all members up to ctx; the rest starts as zero. */
struct kube_fetch {
	struct kube_client *client;
	const struct kube_names *names;
	/* Called for each of the Nodes that exists. */
	void (*node)(void *ctx, struct kube_node *node);
	/* Called after the last one; err NULL: all of them were read. */
	void (*done)(void *ctx, uint32_t retry_after_s, const struct err *err);
	void *ctx;
	/* Private: */
	const char *server;
	struct kube_fetch_names queue;  /* sorted */
	struct kube_fetch_names wanted; /* of list; sorted */
	char *current;                  /* the Node of call */
	struct http_call *call;
	struct kube_list *list;
};

void kube_fetch_free(struct kube_fetch *fetch);
/* Adds a Node, also within the callback node. Returns false if out of memory. */
bool kube_fetch_add(struct kube_fetch *fetch, const char *name);
/* Returns whether there are Nodes to be read. */
bool kube_fetch_is_due(const struct kube_fetch *fetch);
/* Starts unless it is running: done follows. Returns 0, or -1. server must outlive it. */
int kube_fetch_start(struct kube_fetch *fetch, const char *server, struct err *err);
/* Ends without calling back, and discards all names. */
void kube_fetch_cancel(struct kube_fetch *fetch);
