/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/network_l2.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "daemon/dataplane/ports.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/io/loop.h"
#include "daemon/lease/lease_client.h"
#include "daemon/network/own_lease.h"
#include "daemon/network/store_view.h"
#include "ipam/config.h"

#include <stdio.h>
#include <string.h>

#define WARN_EVERY_MS 10000

static int open_store(void *ctx, const struct store_listener *listener, void *listener_ctx,
		      struct store **store_out, struct err *err)
{
	const struct network_l2 *part = ctx;

	return part->open(part->open_ctx, part->network, listener, listener_ctx, store_out, err);
}

static bool is_in_grace(void *ctx, const char *node)
{
	const struct network_l2 *part = ctx;
	const struct leases *leases = &part->view->leases.current.leases;

	for (size_t i = 0; i < leases->len; i++)
		if (leases->at[i].vanished && !strcmp(leases->at[i].node, node))
			return true;
	return false;
}

static void on_changed(void *ctx)
{
	const struct network_l2 *part = ctx;

	part->changed(part->ctx);
}

static const struct l2_owner l2_owner = { open_store, is_in_grace, on_changed };

static void on_scanned(void *ctx);

int network_l2_init(struct network_l2 *part, struct loop *loop, struct err *err)
{
	part->seen.network = part->network;
	part->seen.done = on_scanned;
	part->seen.ctx = part;
	if (seen_scan_init(&part->seen, loop, err) < 0)
		return -1;
	return l2_new(loop, part->network, part->node, &l2_owner, part, &part->l2, err);
}

void network_l2_free(struct network_l2 *part)
{
	seen_scan_free(&part->seen);
	announce_rate_free(&part->rate);
	l2_free(part->l2);
}

int network_l2_check(const struct network_l2 *part, const struct config *config, struct err *err)
{
	if (config->mode == CONFIG_ROUTED || part->open || !config_announces(config))
		return 0;
	return err_set(err, ERR_CONFIG,
		       "network configuration: Weft.Mode: \"l2\" is not supported with --store "
		       "kubernetes unless Weft.Flood is \"multicast\"; use etcd or a file");
}

int network_l2_start(struct network_l2 *part, const struct config *config, struct err *err)
{
	if (config->mode == CONFIG_ROUTED)
		return 0;
	if (network_l2_check(part, config, err) < 0)
		return -1;
	if (!part->open) /* nothing is announced */
		return 0;
	return l2_start(part->l2, err);
}

/* ---- The containers of this node ---------------------------------------------------------- */

/* Another program's bridge, with announcements. */
static bool is_scanned(const struct config *config)
{
	return config->bridge[0] && config_announces(config);
}

/* Returns false if out of memory. *complete_out: the records of all ports could be read. */
static bool collect_attached(const struct ports *ports, struct endpoints *locals,
			     bool *complete_out)
{
	*complete_out = true;
	for (size_t i = 0; i < ports->len; i++) {
		const struct port *port = &ports->at[i];

		if (port->unread)
			*complete_out = false;
		for (size_t k = 0; port->attached.known && k < port->address_len; k++) {
			const struct endpoint endpoint = { .addr = port->addresses[k],
							   .mac = port->attached.mac };

			if (!endpoints_put(locals, &endpoint))
				return false;
		}
	}
	return true;
}

/* Neither counts nor addresses: containers could fill the log. */
static void report_unannounced(struct network_l2 *part, const struct seen_counts *counts)
{
	char text[ERR_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s%s%s%s%s",
		 counts->outside ? ", outside this node's range" : "",
		 counts->limited ? ", too many" : "",
		 counts->conflicts ? ", address or MAC of another container" : "",
		 counts->held ? ", changed too often" : "",
		 counts->unreadable ? ", in a namespace that cannot be read" : "");
	if (!text[0]) {
		if (log_state_clear(&part->unannounced))
			log_info("all addresses of containers are announced", "network",
				 part->network, "bridge", part->own->config->bridge);
		return;
	}
	/*
	 * The limit first: a reason that it holds back is not recorded, and logged after the next
	 * scan.
	 */
	if (!strcmp(part->unannounced.error, text) ||
	    !log_limit(&part->warned_ms, &part->held_back, loop_now_ms(), WARN_EVERY_MS))
		return;
	if (log_state_fail(&part->unannounced, text))
		log_warn("addresses of containers are not announced", "network", part->network,
			 "bridge", part->own->config->bridge, "error", text + 2, "not_shown",
			 LOG_NUM(part->held_back));
	part->held_back = 0;
}

/* Adds what another program's bridge has. Returns false if out of memory. */
static bool collect_seen(struct network_l2 *part, const struct prefix range[static FAMILIES],
			 struct endpoints *locals, struct macs *macs)
{
	const struct config *config = part->own->config;
	const struct prefix networks[FAMILIES] = { config->pool[FAMILY_V4].network,
						   config->pool[FAMILY_V6].network };
	const struct seen_source source = {
		.seens = &part->seen.result.seens,
		.range = range,
		.endpoints = l2_view(part->l2).endpoints,
		.node = part->node,
	};
	struct seen_counts counts;

	if (!seen_select(&source, networks, locals, macs, &counts))
		return false;
	counts.held = announce_rate_apply(&part->rate, l2_view(part->l2).locals, locals,
					  loop_now_ms());
	counts.held_total = part->rate.held;
	counts.unreadable = part->seen.result.unreadable;
	report_unannounced(part, &counts);
	l2_set_unannounced(part->l2, &counts);
	return true;
}

/* Of the last reconcile and the last scan. */
static void announce(struct network_l2 *part)
{
	const struct config *config = part->own->config;
	const struct lease_client_view lease = own_lease_view(part->own);
	AUTO(endpoints) struct endpoints locals = { .len = 0 };
	AUTO(macs) struct macs macs = { .len = 0 };
	bool complete = true, changed;

	l2_set_lease(part->l2, lease.state == LEASE_HELD, lease.reserved ? 0 : lease.etcd_lease);
	if ((config_announces(config) &&
	     !collect_attached(reconciler_ports(part->reconciler), &locals, &complete)) ||
	    (is_scanned(config) && !collect_seen(part, lease.subnet, &locals, &macs))) {
		log_error("no memory for the containers' addresses", "network", part->network);
		return;
	}
	if (!is_scanned(config))
		l2_set_unannounced(part->l2,
				   &(const struct seen_counts){ .held_total = part->rate.held });
	else if (!part->seen.known)
		complete = false;
	changed = l2_set_reserved(part->l2, &macs);
	if (l2_set_local(part->l2, &locals, complete) || changed)
		part->changed(part->ctx);
}

static void on_scanned(void *ctx)
{
	announce(ctx);
}

/*
 * What an earlier weftd announced. Without memory for it, it has to be read from the kernel alone.
 */
static void set_earlier(struct network_l2 *part)
{
	const struct endpoints *endpoints = l2_view(part->l2).endpoints;
	struct seens *earlier = &part->seen.result.earlier;

	seens_clear(earlier);
	for (size_t i = 0; i < endpoints->len; i++) {
		const struct seen seen = { .mac = endpoints->at[i].mac,
					   .addr = endpoints->at[i].addr };

		if (!strcmp(endpoints->at[i].node, part->node) && !seens_push(earlier, &seen))
			return;
	}
}

/* The first scan waits for the list of endpoints. */
static void scan(struct network_l2 *part, const struct config *config, unsigned scope)
{
	if (!part->seen.known && !l2_view(part->l2).known)
		return;
	if (!part->seen.known)
		set_earlier(part);
	if (scope & RECONCILE_DEVICES || !part->seen.known)
		seen_scan_run(&part->seen, config);
}

void network_l2_announce(struct network_l2 *part, const struct own_lease *own,
			 const struct reconciler *reconciler, unsigned scope)
{
	if (own->config->mode == CONFIG_ROUTED || !reconciler_stats(reconciler).ports)
		return;
	part->own = own;
	part->reconciler = reconciler;
	memcpy(part->seen.range, own_lease_view(own).subnet, sizeof(part->seen.range));
	if (!is_scanned(own->config))
		seen_scan_stop(&part->seen);
	else
		scan(part, own->config, scope);
	announce(part);
}

const struct l2_view *network_l2_view(const struct network_l2 *part, const struct config *config,
				      struct l2_view *view_out)
{
	static const struct endpoints none;

	if (config->mode == CONFIG_ROUTED)
		return NULL;
	*view_out = l2_view(part->l2);
	if (!config_announces(config)) {
		view_out->known = true;
		view_out->endpoints = &none;
	}
	/* A remote container must not get the MAC of the bridge or of a container on it. */
	if (is_scanned(config) && !part->seen.known)
		view_out->known = false;
	return view_out;
}
