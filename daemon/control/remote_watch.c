/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/remote_watch.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json/json.h"
#include "daemon/control/control.h"
#include "daemon/control/status.h"
#include "daemon/io/loop.h"
#include "daemon/lease/peer.h"
#include "daemon/network/network.h"
#include "daemon/network/publish.h"
#include "daemon/probe/probe.h"
#include "daemon/probe/probe_table.h"
#include "daemon/probe/probe_watch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRY_MS 250
#define TRIES 3
#define NUMBER_MAX (UINT64_C(1) << (8 * PROBE_WATCH_NUMBER))

struct remote_watch {
	struct loop *loop;
	const struct status_self *self;
	struct probe *probe;
	struct loop_event *timer;
	/* The request in progress. */
	bool active;
	struct control *control;
	struct control_call call;
	char network[STATE_NETWORK_NAME_SIZE], node[STATE_NETWORK_NAME_SIZE];
	struct ipaddr gateway;
	struct probe_watch_request request;
	unsigned tries;
	uint64_t nonce[TRIES]; /* a reply to an earlier try counts, too */
};

/* A request as it was parsed. */
struct query {
	char network[STATE_NETWORK_NAME_SIZE];
	struct probe_watch_request watch;
};

/* ---- Replies ----------------------------------------------------------------------------- */

static void send_text(const struct remote_watch *watch, struct jb *jb)
{
	char *text = NULL;
	struct err unused;

	if (jb_text(jb, &text, &unused) == 0)
		control_reply(watch->control, &watch->call, text);
}

static void reply_error(const struct remote_watch *watch, const char *error)
{
	AUTO(jb) struct jb *jb = jb_new();

	if (!jb)
		return;
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	jb_str(jb_root(jb), "error", error);
	send_text(watch, jb);
}

static void reply_counts(const struct remote_watch *watch, const struct probe_watch_reply *reply)
{
	static const char *const places[PROBE_WATCH_PLACES] = CONTROL_WATCH_PLACES;
	AUTO(jb) struct jb *jb = jb_new();
	struct jb_at at, counts;

	if (!jb)
		return;
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	at = jb_obj(jb_root(jb), "watch");
	jb_str(at, "node", watch->node);
	jb_str(at, "state", probe_watch_state_name[reply->state]);
	counts = jb_obj(at, "counts");
	for (size_t i = 0; i < PROBE_WATCH_PLACES; i++)
		jb_u32(counts, places[i], reply->count[i]);
	send_text(watch, jb);
}

static void end(struct remote_watch *watch)
{
	watch->active = false;
	loop_timer_stop(watch->timer);
}

/* ---- The other node ---------------------------------------------------------------------- */

static void send_request(struct remote_watch *watch)
{
	struct probe_message message = { .kind = PROBE_WATCH_REQUEST };
	struct probe_network *net = probe_find(watch->probe, watch->network);

	probe_watch_write_request(&watch->request, &message);
	/* One that could not be sent is tried again like one that was lost. */
	if (net)
		(void)probe_network_send(net, &watch->gateway, &message);
	watch->nonce[watch->tries++] = message.nonce;
	loop_timer_start(watch->timer, TRY_MS);
}

static void on_timer(void *ctx)
{
	struct remote_watch *watch = ctx;
	char text[256];

	if (watch->tries < TRIES) {
		send_request(watch);
		return;
	}
	snprintf(text, sizeof(text),
		 "weftd of %s does not answer through the tunnel, or is of an earlier version",
		 watch->node);
	reply_error(watch, text);
	end(watch);
}

static bool is_requested(const struct remote_watch *watch, uint64_t nonce)
{
	for (unsigned i = 0; i < watch->tries; i++)
		if (watch->nonce[i] == nonce)
			return true;
	return false;
}

static bool on_reply(void *ctx, const struct probe_network *net, const struct ipaddr *from,
		     const struct probe_message *message)
{
	struct remote_watch *watch = ctx;
	struct probe_watch_reply reply;

	if (!watch->active || !is_requested(watch, message->nonce) ||
	    !ipaddr_equal(&watch->gateway, from) ||
	    strcmp(probe_network_name(net), watch->network) != 0 ||
	    probe_watch_read_reply(message, &reply) < 0)
		return false;
	reply_counts(watch, &reply);
	end(watch);
	return true;
}

/* ---- Requests ---------------------------------------------------------------------------- */

static int find_view(const struct remote_watch *watch, const char *network,
		     struct network_view *view_out, struct err *err)
{
	for (size_t i = 0; i < watch->self->network_len; i++) {
		*view_out = network_view(watch->self->networks[i]);
		if (!strcmp(view_out->name, network) && view_out->config)
			return 0;
	}
	return err_set(err, ERR_CONFIG, "this node has no network \"%s\", or it is not ready",
		       ERR_SHOW(network));
}

/* The gateway of the peer with the address, which must answer probes. */
static int find_peer(struct remote_watch *watch, const struct network_view *view,
		     const struct probe_table *table, struct err *err)
{
	const struct ipaddr *address = &watch->request.address;
	const enum family f = ipaddr_family(address);
	AUTO(leases) struct leases usable = { .len = 0 };
	const struct probe_target *target;
	const struct lease *peer = NULL;

	if (!peers_filter(&view->leases->leases, view->config, &view->self, &usable, NULL, NULL,
			  NULL))
		return err_nomem(err, "the peers");
	for (size_t i = 0; i < usable.len && !peer; i++)
		if (prefix_has(&usable.at[i].subnet[f], address))
			peer = &usable.at[i];
	if (!peer)
		return err_set(err, ERR_CONFIG, "no peer has the address");
	snprintf(watch->node, sizeof(watch->node), "%.*s", (int)sizeof(watch->node) - 1,
		 *peer->name ? peer->name : peer->node);
	watch->gateway = publish_gateway(view->config, f, &peer->subnet[f]);
	target = probe_table_find(table, &watch->gateway);
	if (!target || !target->answers)
		return err_set(err, ERR_CONFIG, "weftd of %s has no --probe",
			       ERR_SHOW(watch->node));
	if (target->direct)
		return err_set(err, ERR_CONFIG, "%s is reached without the tunnel",
			       ERR_SHOW(watch->node));
	return 0;
}

static int start(struct remote_watch *watch, const struct query *query, struct err *err)
{
	const struct probe_network *net;
	struct probe_network_view probes;
	struct network_view view;

	if (watch->call.uid != 0 && watch->call.uid != geteuid())
		return err_set(err, ERR_CONFIG,
			       "permission denied: only root may query other nodes");
	if (!watch->probe)
		return err_set(err, ERR_CONFIG, "weftd of this node has no --probe");
	if (find_view(watch, query->network, &view, err) < 0)
		return -1;
	net = probe_find(watch->probe, query->network);
	if (!net)
		return err_set(err, ERR_STATE, "network \"%s\" is not ready",
			       ERR_SHOW(query->network));
	probes = probe_network_view(net);
	if (probes.error[0])
		return err_set(err, ERR_STATE, "%s", probes.error);
	if (!probes.has_key)
		return err_set(err, ERR_CONFIG, "the network configuration has no Weft.ProbeKey");
	watch->request = query->watch;
	snprintf(watch->network, sizeof(watch->network), "%s", query->network);
	if (find_peer(watch, &view, probes.table, err) < 0)
		return -1;
	watch->active = true;
	watch->tries = 0;
	send_request(watch);
	return 0;
}

/* Returns whether the request is this one. Its faults are in err. */
static bool read_request(const char *text, size_t size, struct query *query_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	struct err unused;
	uint64_t number;
	struct jr root;

	if (json_parse(text, size, CONTROL_REQUEST_MAX, JSON_STRICT, "request", &json, &unused) < 0)
		return false;
	root = jr_root(json);
	if (strcmp(jr_str_opt(&root, "command", 64, ""), "watch") != 0 ||
	    jr_u32_opt(&root, "version", 0, UINT32_MAX, 0) != CONTROL_VERSION)
		return false;
	snprintf(query_out->network, sizeof(query_out->network), "%s",
		 jr_str(&root, "network", sizeof(query_out->network) - 1));
	query_out->watch.address = jr_ipaddr(&root, "address");
	query_out->watch.counts = jr_bool_opt(&root, "counts", false);
	number = jr_u64_text_opt(&root, "number", NUMBER_MAX);
	if (number >= NUMBER_MAX)
		jr_fault(&root, "number", "is absent, or more than %d bytes", PROBE_WATCH_NUMBER);
	for (size_t i = 0; i < PROBE_WATCH_NUMBER; i++)
		query_out->watch.number[i] = (uint8_t)(number >>
						       (8 * (PROBE_WATCH_NUMBER - 1 - i)));
	(void)jr_done(json, ERR_DECODE, err);
	return true;
}

bool remote_watch_handle(struct remote_watch *watch, struct control *control,
			 const struct control_call *call, const char *request, size_t size)
{
	struct remote_watch busy = { .control = control, .call = *call };
	struct query query = { .network = "" };
	struct err err = ERR_INIT;

	if (!read_request(request, size, &query, &err))
		return false;
	if (watch->active) {
		reply_error(&busy, "another trace is in progress: retry");
		return true;
	}
	watch->control = control;
	watch->call = *call;
	if (err.code || start(watch, &query, &err) < 0)
		reply_error(watch, err.text);
	return true;
}

AUTO_DEFINE(remote_watch, struct remote_watch, remote_watch_free);

int remote_watch_new(struct loop *loop, const struct status_self *self, struct probe *probe,
		     struct remote_watch **watch_out, struct err *err)
{
	AUTO(remote_watch) struct remote_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_nomem(err, "the watch on other nodes");
	watch->loop = loop;
	watch->self = self;
	watch->timer = loop_timer(loop, on_timer, watch);
	if (!watch->timer)
		return err_nomem(err, "the watch on other nodes");
	watch->probe = probe;
	if (probe)
		probe_on_reply(probe, PROBE_WATCH_REPLY, on_reply, watch);
	*watch_out = take_ptr(watch);
	return 0;
}

void remote_watch_free(struct remote_watch *watch)
{
	if (!watch)
		return;
	if (watch->probe)
		probe_on_reply(watch->probe, PROBE_WATCH_REPLY, NULL, NULL);
	loop_event_free(watch->timer);
	free(watch);
}
