/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes in one network: sends requests when targets are due (probe_table.h), replies to those of
 * peers, and passes replies to other requests on. A message counts only if it came through the
 * network's bridge without having been forwarded (probe_socket.h), from the gateway address of a
 * peer that is in the store, and with the seal of the network's key. With many peers, packets are
 * read up to 50 ms after their arrival, which their times do not contain.
 */
#pragma once

#include "common/err.h"
#include "common/ipaddr.h"
#include "daemon/probe/probe_message.h"
#include "ipam/config.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct network_view;
struct probe_table;
struct probe_watch;

/* Why a message was not used: most that is none is dropped by the kernel. */
enum probe_refusal {
	PROBE_REFUSED_FILTER,    /* dropped by the kernel (probe_socket.h) */
	PROBE_REFUSED_PATH,      /* another device, forwarded, or another source port */
	PROBE_REFUSED_MALFORMED, /* no message, or of another network */
	PROBE_REFUSED_SOURCE,    /* not from the gateway of a peer */
	PROBE_REFUSED_SEAL,      /* not of the network's key */
	PROBE_REFUSED_REPLY,     /* to no request */
	PROBE_REFUSALS
};
extern const char *const probe_refusal_name[PROBE_REFUSALS]; /* "path" */

struct probe_network;

/* name: of the network, copied; watch: borrowed. ERR_NOMEM. */
int probe_network_new(struct loop *loop, const char *name, uint64_t interval_us,
		      struct probe_watch *watch, struct probe_network **net_out, struct err *err);
/* NULL is allowed. */
void probe_network_free(struct probe_network *net);

/*
 * The network as it is now, to be called after changes and at least every second. tunnel: the
 * network whose tunnel has the port of this one's probes, which is not probed then; NULL: none.
 * Sockets are opened when the node has a subnet and a bridge, and follow their changes. An L2
 * network is not probed.
 */
void probe_network_update(struct probe_network *net, const struct network_view *view,
			  const char *tunnel);

const char *probe_network_name(const struct probe_network *net);

struct probe_network_view {
	const char *error; /* why it is not probed, or not in one family; "" */
	bool failed;       /* error is a failure, and no property of the network */
	bool has_key;
	bool answers; /* no failure, or of one family only: this node answers in the other one */
	struct ipaddr gateway[FAMILIES]; /* this node's; unset: not probed in the family */
	const uint64_t *refused;         /* PROBE_REFUSALS of them */
	const struct probe_table *table;
};
/* Valid until control returns to the loop. */
struct probe_network_view probe_network_view(const struct probe_network *net);

/*
 * Sends the message, with the network's VNI and a seal. Returns false if it could not be sent: to
 * be tried again later.
 */
bool probe_network_send(struct probe_network *net, const struct ipaddr *to,
			struct probe_message *message);

/*
 * Called for replies of a kind other than PROBE_REPLY from a peer's gateway. Returns false: it is
 * to no request.
 */
typedef bool probe_network_reply_fn(void *ctx, const struct probe_network *net,
				    const struct ipaddr *from, const struct probe_message *reply);
void probe_network_on_reply(struct probe_network *net, enum probe_kind kind,
			    probe_network_reply_fn *fn, void *ctx);
