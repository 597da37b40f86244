/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of all networks of the node (weftd --probe): follows the networks, one probe_network for
 * each. Made by main.c; read by daemon/control.
 */
#pragma once

#include "daemon/probe/probe_network.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;
struct network;

struct probe;

struct probe_options {
	/* Returns the networks of the node, valid until control returns to the loop. */
	struct network *const *(*networks)(void *ctx, size_t *len_out);
	void *ctx;
	uint32_t interval_s; /* between two requests to a peer */
	const char *run_dir; /* of the records of attachments; borrowed */
};

/* ERR_NOMEM. */
int probe_new(struct loop *loop, const struct probe_options *options, struct probe **probe_out,
	      struct err *err);
/* NULL is allowed. */
void probe_free(struct probe *probe);

/* Returns the network, valid until control returns to the loop; NULL: it is not known yet. */
struct probe_network *probe_find(const struct probe *probe, const char *network);

/* As probe_network_on_reply, for every network. fn NULL: nothing is requested. */
void probe_on_reply(struct probe *probe, enum probe_kind kind, probe_network_reply_fn *fn,
		    void *ctx);

/*
 * Returns false if the network's probes have failed on this node in all families, so that it does
 * not answer. It then calls network_others_changed, whenever that changes: the node's lease is
 * written again.
 */
bool probe_works(const void *probe, const char *network);

/* Returns the interval in seconds. */
uint32_t probe_interval_s(const struct probe *probe);
