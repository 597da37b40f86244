/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/network.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/state.h"
#include "daemon/dataplane/direct.h"
#include "daemon/dataplane/watch.h"
#include "daemon/firewall/firewall.h"
#include "daemon/io/loop.h"
#include "daemon/lease/lease_choose.h"
#include "daemon/lease/node.h"
#include "daemon/network/config_retry.h"
#include "daemon/network/desired.h"
#include "daemon/network/leave.h"
#include "daemon/network/network_fast_path.h"
#include "daemon/network/network_firewall.h"
#include "daemon/network/network_l2.h"
#include "daemon/network/observed.h"
#include "daemon/network/own_lease.h"
#include "daemon/network/peer_events.h"
#include "daemon/network/publish.h"
#include "daemon/network/replacement.h"
#include "daemon/network/self.h"
#include "daemon/network/store_view.h"
#include "daemon/network/underlay.h"
#include "daemon/store/store.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 2000 /* before a retry: configuration, uplink or a file is missing */
#define SETTLE_MS 10 /* a changed address is two events: removed, added */

struct network {
	struct network_env env;
	char name[STATE_NETWORK_NAME_SIZE];
	struct store *store;

	struct own_lease own;
	struct store_view store_view;
	struct underlay underlay;
	struct observed observed;
	struct network_status status;
	struct publication publication;
	struct leave leave;
	struct network_l2 l2;
	struct schedule *schedule;
	struct reconciler *reconciler;
	struct config_retry config_retry;
	struct loop_event *wait;         /* the next attempt at what is missing */
	struct loop_event *uplink_timer; /* the next search for the uplink */

	struct device_want device; /* of the last reconcile */
	struct desired_counts peers;
	struct peer_events events;
	bool clash;                 /* of peers with each other, when all were built last */
	uint64_t fast_path_changes; /* for which flows were ended */
	unsigned held;              /* scope of a run that waits for the packet rules; 0: none */
};

/* ---- The network's state ----------------------------------------------------------------- */

static struct peer_self network_self(const struct network *network)
{
	struct self_source source = {
		.own = &network->own,
		.underlay = &network->underlay,
		.observed = &network->observed,
		.view = &network->store_view,
	};

	if (network->env.owner)
		source.others = network->env.owner->others(network->env.owner_ctx, network,
							   &source.other_len);
	return self_make(&source);
}

static void update_status(struct network *network)
{
	const struct network_parts parts = {
		.view = &network->store_view,
		.underlay = &network->underlay,
		.lease = own_lease_view(&network->own),
		.reconcile_error = schedule_stats(network->schedule).error,
		.sysctl_fault = reconciler_sysctls(network->reconciler)->fault,
		.publication = &network->publication,
	};

	if (network_status_update(&network->status, network->name, &parts) && network->env.owner)
		network->env.owner->status_changed(network->env.owner_ctx);
}

/* ---- Reconcile --------------------------------------------------------------------------- */

/* True from the first lease on: a lost lease keeps the desired state. */
static bool has_desired_state(const struct network *network, const struct peer_self *self)
{
	const struct store_view *view = &network->store_view;

	return !network->leave.active && view->configured &&
	       lease_is_complete(&view->config, self->subnet) &&
	       (config_has(&view->config, FAMILY_V4) ||
		underlay_has_ipv6(&network->underlay, &view->config));
}

/* Reads what a run with this scope needs. Returns the scope that it adds. */
static unsigned observe(struct network *network, const struct peer_self *self, unsigned scope)
{
	const struct observed_source source = {
		.nl = network->env.nl,
		.run_dir = network->env.run_dir,
		.network = network->name,
		.config = &network->store_view.config,
		.own = self->subnet,
	};
	unsigned changed = observed_scan(&network->observed, &source, scope & RECONCILE_ENTRIES);

	if (changed & OBSERVED_FOREIGN)
		lease_changes_set_all(&network->store_view.changes);
	return (changed & OBSERVED_DISPLACED ? RECONCILE_ALL : 0) |
	       (changed & OBSERVED_FOREIGN ? RECONCILE_PEERS : 0);
}

static int build(struct network *network, const struct peer_self *self, enum desired_peers needed,
		 struct desired_state *desired, struct err *err)
{
	const struct store_view *view = &network->store_view;
	struct desired_source source = {
		.leases = &view->leases.current.leases,
		.changes = &view->changes,
		.config = &view->config,
		.self = self,
		.clash = network->clash,
		.counts = &network->peers,
	};
	struct l2_view endpoints;
	int rc;

	desired_state_free(desired);
	network->device = desired_device(network->name, &view->config, &network->underlay,
					 network->own.vtep_mac, self->subnet,
					 &network->observed.displaced.found);
	desired->device = &network->device;
	desired->config = &view->config;
	desired->displaced = &network->observed.displaced.found;
	desired->uplink = &network->underlay.uplink;
	source.l2 = network_l2_view(&network->l2, &view->config, &endpoints);
	rc = desired_build_peers(&source, needed, desired, err);
	network->clash = source.clash;
	peer_events_build(&network->events, desired);
	return rc;
}

/* After the entries, for the path of new flows; after the publication, which need not wait. */
static void apply_fast_path(struct network *network, const struct peer_self *self)
{
	const struct network_fast_path_source source = {
		network->name,      &network->store_view.config, self,
		&network->underlay, network->reconciler,         network->env.firewall,
	};

	network_fast_path_apply(network->env.fast_path, &source, &network->fast_path_changes);
}

/* Once the devices exist, containers can be attached, even if an entry of a peer failed. */
static void publish(struct network *network, const struct peer_self *self)
{
	const struct publish_source source = {
		.name = network->name,
		.run_dir = network->env.run_dir,
		.subnet_file = network->env.subnet_file,
		.nl = network->env.nl,
		.config = &network->store_view.config,
		.subnet = self->subnet,
		.mtu = network->device.mtu,
		.lease_lost = own_lease_view(&network->own).state == LEASE_LOST,
		.masquerades = network->env.firewall && firewall_masquerade(network->env.firewall),
		.holder = foreign_find_holder(self->foreign, self->subnet),
		.devices = reconciler_stats(network->reconciler).devices,
	};
	const int published = publish_run(&network->publication, &source);

	if (published < 0)
		loop_timer_start(network->wait, WAIT_MS);
	else if (published && network->store->ops->set_available)
		network->store->ops->set_available(network->store, true);
}

static void on_endpoints_changed(void *ctx)
{
	schedule_trigger(((struct network *)ctx)->schedule, RECONCILE_PEERS);
}

AUTO_DEFINE_VALUE(desired, struct desired_state, desired_state_free);

/* The only function that brings kernel and files to the desired state. A schedule_run_fn. */
static bool network_reconcile(void *ctx, unsigned scope)
{
	struct network *network = ctx;
	const struct peer_self self = network_self(network);
	AUTO(desired) struct desired_state desired = { .listed = DESIRED_PEERS_SAME };
	struct firewall *firewall = network->env.firewall;
	enum desired_peers needed;
	struct err err = ERR_INIT, unused = ERR_INIT;
	int rc;

	network->held |= network->held ? scope : 0;
	if (network->held || !has_desired_state(network, &self))
		return false;
	scope |= observe(network, &self, scope);
	needed = reconciler_needed_peers(network->reconciler, scope);
	do {
		rc = build(network, &self, needed, &desired, &err);
		if (rc == 0)
			rc = direct_mark_desired(network->env.nl, &desired, &err);
		if (rc < 0) {
			/* Devices and their ports do not depend on the peers, but on the rules. */
			desired.listed = DESIRED_PEERS_SAME;
			if (!firewall || firewall_has_network(firewall, network->name))
				reconciler_apply(network->reconciler, scope, &desired, &unused);
			break;
		}
		if (!network_firewall_apply(firewall, network->name, &self, &desired)) {
			network->held |= scope;
			lease_changes_set_all(&network->store_view.changes);
			return false;
		}
		rc = reconciler_apply(network->reconciler, scope, &desired, &err);
		needed = DESIRED_PEERS_ALL;
	} while (rc == RECONCILER_NEEDS_ALL);
	lease_changes_finish(&network->store_view.changes, rc == 0,
			     desired.listed != DESIRED_PEERS_SAME);
	peer_events_finish(&network->events, rc, &network->peers, network->reconciler);
	schedule_finish(network->schedule, rc, &err);
	if (observed_set_ports(&network->observed, reconciler_ports(network->reconciler))) {
		lease_changes_set_all(&network->store_view.changes);
		schedule_trigger(network->schedule, RECONCILE_PEERS);
	}
	network_l2_announce(&network->l2, &network->own, network->reconciler, scope);
	publish(network, &self);
	update_status(network);
	apply_fast_path(network, &self);
	desired_state_free(&desired);
	if (scope & RECONCILE_ENTRIES)
		malloc_trim(0); /* rare, and mostly after a list: much of the heap is free */
	return true;
}

/* ---- The lease --------------------------------------------------------------------------- */

/* Finds uplink and VTEP MAC, and makes the lease client: all that needs a configuration. */
static int bring_up(struct network *network, struct err *err)
{
	const struct network_env *env = &network->env;
	const struct store_view *view = &network->store_view;
	const struct underlay_past past = { network->name, env->node->state.id,
					    &view->leases.current.leases };
	bool unused;

	if (network->own.client)
		return 0;
	if (underlay_init(&network->underlay, env->nl, &view->config, &past, err) < 0)
		return -1;
	/* A subnet that another device has counts as free without them. */
	if (!config_is_switch(&view->config) &&
	    observed_scan_foreign(&network->observed, env->nl, network->name, &unused, err) < 0)
		return -1;
	if (network_l2_start(&network->l2, &view->config, err) < 0)
		return -1;
	return own_lease_start(&network->own, env->loop, env->nl, network->store,
			       &view->leases.current.leases, env->subnet_file, err);
}

/* What is in store_view.changes has changed. */
static void take_changes(struct network *network)
{
	struct store_view *view = &network->store_view;
	struct err err;

	/* A kernel event may come before the first complete list, when no subnet counts as free. */
	if (network->leave.active || !view->configured || (!view->listed && !view->stale))
		return;
	if (bring_up(network, &err) < 0) {
		snprintf(network->underlay.error, sizeof(network->underlay.error), "%s", err.text);
		loop_timer_start(network->wait, WAIT_MS);
		update_status(network);
		return;
	}
	if (underlay_sample(&network->underlay, &view->config, &view->leases.current.leases,
			    network->env.node->state.id))
		loop_timer_start(network->uplink_timer, SETTLE_MS);
	if (view->listed)
		lease_client_update(network->own.client, &view->config,
				    &view->leases.current.leases);
	store_view_schedule_snapshot(view);
	update_status(network);
	schedule_trigger(network->schedule, RECONCILE_PEERS);
}

static void on_lease_changed(void *ctx)
{
	struct network *network = ctx;
	struct lease own;

	if (own_lease_held(&network->own, &own)) {
		store_view_put_own(&network->store_view, &own);
		take_changes(network); /* the lease client ignores changes during a put */
	}
	update_status(network);
	schedule_trigger(network->schedule, RECONCILE_ALL);
}

/* Leases that are in store_view.changes have changed. They do not end what bring_up waits for. */
static void leases_changed(struct network *network)
{
	if (network->own.client || !loop_timer_running(network->wait))
		take_changes(network);
}

/* Configuration, uplink, or any number of leases have changed. */
static void all_changed(void *ctx)
{
	struct network *network = ctx;

	lease_changes_set_all(&network->store_view.changes);
	take_changes(network);
}

static void on_wait(void *ctx)
{
	struct network *network = ctx;

	if (network->store_view.configured)
		all_changed(network);
	else
		network->store->ops->refresh(network->store);
}

/* ---- Configuration ----------------------------------------------------------------------- */

static int admit(const struct network *network, const struct config *config, struct err *err)
{
	const struct network_owner *owner = network->env.owner;

	return owner ? owner->admit(network->env.owner_ctx, network, config, err) : 0;
}

static int check_config(const struct network *network, const struct config *config, struct err *err)
{
	const struct underlay *underlay = &network->underlay;
	const struct peer_self self = network_self(network);
	const struct replacement replacement = {
		.nl = network->env.nl,
		.network = network->name,
		.view = &network->store_view,
		.next = config,
		.own = &network->own,
		.self = &self,
		.underlay = underlay,
		.displaced = &network->observed.displaced.found,
	};

	if (store_view_uses(&network->store_view, config))
		return 0;
	if (network_l2_check(&network->l2, config, err) < 0 || admit(network, config, err) < 0)
		return -1;
	if (!network->store_view.configured || !network->own.client)
		return 0; /* bring_up checks the rest */
	if (underlay_check(underlay, network->env.nl, &underlay->uplink, config, err) < 0)
		return -1;
	return replacement_check(&replacement, err);
}

/* text: as of store_view_refuse_config. */
static void refuse_config(struct network *network, const char *why, const char *text)
{
	store_view_refuse_config(&network->store_view, why, text);
	if (text)
		config_retry_later(&network->config_retry);
	if (!network->store_view.configured)
		loop_timer_start(network->wait, WAIT_MS);
	update_status(network);
}

static void use_config(struct network *network, const struct config *config, const char *text)
{
	store_view_set_config(&network->store_view, config, text);
	underlay_configure(&network->underlay, config);
	if (network->env.owner)
		network->env.owner->config_used(network->env.owner_ctx, network);
}

/* ---- Events of the store ----------------------------------------------------------------- */

static void notify_owner(const struct network *network)
{
	if (network->env.owner)
		network->env.owner->store_event(network->env.owner_ctx, network);
}

static void on_config(void *ctx, const char *text, size_t size)
{
	struct network *network = ctx;
	struct config config;
	char absent[STORE_VIEW_ABSENCE_SIZE];
	struct err err;

	if (!text) {
		refuse_config(network, store_view_absence(&network->store_view, absent), NULL);
		return;
	}
	if (config_parse(text, size, NULL, NULL, &config, &err) < 0) {
		refuse_config(network, err.text, NULL);
		return;
	}
	if (check_config(network, &config, &err) < 0) {
		refuse_config(network, err.text, text);
		return;
	}
	store_view_accept_config(&network->store_view);
	if (store_view_uses(&network->store_view, &config)) {
		update_status(network);
		return;
	}
	if (network->store_view.configured)
		log_info("network configuration changed", "network", network->name);
	use_config(network, &config, text);
	schedule_trigger(network->schedule, RECONCILE_ALL);
	if (!network->store_view.leases.listing)
		all_changed(network);
}

static void on_config_retry(void *ctx)
{
	struct network *network = ctx;
	AUTO(free) char *text = take_ptr(network->store_view.refused_text);

	if (text)
		on_config(network, text, strlen(text));
}

static void on_list_begin(void *ctx)
{
	store_view_on_list_begin(&((struct network *)ctx)->store_view);
}

static void on_restored(void *ctx, const char *why)
{
	store_view_on_restored(&((struct network *)ctx)->store_view, why);
}

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct network *network = ctx;

	store_view_on_entry(&network->store_view, entry);
	if (!network->store_view.leases.listing)
		leases_changed(network);
}

static void on_list_end(void *ctx)
{
	struct network *network = ctx;
	struct lease_client_view lease;

	store_view_on_list_end(&network->store_view, own_lease_subnet(&network->own, &lease));
	all_changed(network);
	notify_owner(network);
}

static void on_list_failed(void *ctx)
{
	store_view_on_list_failed(&((struct network *)ctx)->store_view);
}

static void on_gone(void *ctx, const char *key, uint64_t mod_revision)
{
	struct network *network = ctx;
	struct lease_client_view lease;

	store_view_on_gone(&network->store_view, key, mod_revision,
			   own_lease_subnet(&network->own, &lease));
	leases_changed(network);
}

static void on_grace_over(void *ctx)
{
	struct network *network = ctx;

	if (store_view_end_grace(&network->store_view))
		leases_changed(network);
}

/*
 * A node that has held a subnet before comes up without the store. The configuration may be the
 * store's all the same: that of Kubernetes is a file.
 */
static void start_from_snapshot(struct network *network)
{
	const struct state_node_network *remembered = state_node_find(&network->env.node->state,
								      network->name);
	struct store_view *view = &network->store_view;
	AUTO(free) char *text = NULL;
	struct config config;
	struct err err;

	if (!remembered || !store_view_wants_snapshot(view, remembered->subnet) ||
	    !store_view_read_snapshot(view, &config, &text))
		return;
	if (!view->configured && admit(network, &config, &err) < 0) {
		log_error("snapshot cannot be used", "network", network->name, "error", err.text);
		return;
	}
	log_warn("store unreachable, starting from the snapshot", "network", network->name, "peers",
		 LOG_NUM(view->leases.current.leases.len));
	if (!view->configured)
		use_config(network, &config, text);
	view->stale = true;
	all_changed(network);
}

static void on_link(void *ctx, bool connected, const char *endpoint, const struct err *why)
{
	struct network *network = ctx;

	store_view_on_link(&network->store_view, connected, endpoint, why);
	if (!connected)
		start_from_snapshot(network);
	update_status(network);
	if (!connected)
		notify_owner(network);
}

const struct store_listener network_listener = {
	.list_begin = on_list_begin,
	.restored = on_restored,
	.config = on_config,
	.entry = on_entry,
	.list_end = on_list_end,
	.list_failed = on_list_failed,
	.gone = on_gone,
	.link = on_link,
};

/* ---- Events of the kernel ---------------------------------------------------------------- */

static bool get_objects(void *ctx, struct watch_objects *objects_out)
{
	const struct network *network = ctx;
	struct watch_objects objects = {
		.network = network->name,
		.foreign = &network->observed.foreign,
		.waiting = schedule_stats(network->schedule).error[0] ||
			   network->store_view.refused_text,
	};

	if (!network->own.client)
		return false;
	reconciler_watch(network->reconciler, &network->store_view.config, &objects);
	underlay_watch(&network->underlay, &objects);
	*objects_out = objects;
	return true;
}

static void on_kernel_event(void *ctx, unsigned events)
{
	struct network *network = ctx;
	const bool failing = schedule_stats(network->schedule).error[0];

	if (events & WATCH_UPLINK && !loop_timer_running(network->uplink_timer))
		loop_timer_start(network->uplink_timer, SETTLE_MS);
	network->underlay.gateways_stale |= (events & WATCH_GATEWAY) != 0;
	network->observed.foreign_stale |= (events & WATCH_FOREIGN) != 0;
	if (events & WATCH_OBSTACLE)
		config_retry_soon(&network->config_retry);
	if (events & WATCH_TABLES || (events & WATCH_OBSTACLE && failing))
		schedule_trigger(network->schedule, RECONCILE_ALL);
	else if (events & (WATCH_DEVICES | WATCH_FOREIGN))
		schedule_trigger(network->schedule,
				 (events & WATCH_DEVICES ? RECONCILE_DEVICES : 0U) |
					 (events & WATCH_FOREIGN ? RECONCILE_FOREIGN : 0U));
}

static const struct watch_owner watch_owner = { get_objects, on_kernel_event };

static void on_uplink_changed(struct network *network, enum underlay_change change)
{
	struct ipaddr public_ip[FAMILIES] = { { .family = AF_UNSPEC } };

	if (change == UNDERLAY_MOVED) {
		network->store->ops->reconnect(network->store);
		l2_reconnect(network->l2.l2);
	}
	underlay_public_ip(&network->underlay, public_ip);
	lease_client_set_public_ip(network->own.client, public_ip);
	config_retry_soon(&network->config_retry);
	all_changed(network);
	schedule_trigger(network->schedule, RECONCILE_ALL);
}

static void on_uplink_timer(void *ctx)
{
	struct network *network = ctx;
	enum underlay_change change = UNDERLAY_SAME;
	struct err err;

	if (!network->own.client) {
		all_changed(network);
		return;
	}
	if (underlay_refresh(&network->underlay, network->env.nl, &network->store_view.config,
			     &change, &err) < 0)
		loop_timer_start(network->uplink_timer, WAIT_MS);
	else if (change == UNDERLAY_PATH)
		schedule_trigger(network->schedule, RECONCILE_PEERS); /* for the packet rules */
	else if (change != UNDERLAY_SAME)
		on_uplink_changed(network, change);
	update_status(network);
}

/* ---- Leaving ----------------------------------------------------------------------------- */

bool network_leave(struct network *network, network_left_fn *left, void *ctx)
{
	return leave_start(&network->leave, network->store, left, ctx);
}

/* ---- Construction ------------------------------------------------------------------------- */

static int make_parts(struct network *network, struct err *err)
{
	struct loop *loop = network->env.loop;

	network->underlay.options = &network->env.uplink;
	network->underlay.endpoints = network->env.endpoints;
	network->own = (struct own_lease){
		.network = network->name,
		.node = network->env.node,
		.node_name = network->env.node_name,
		.machine = network->env.machine,
		.config = &network->store_view.config,
		.underlay = &network->underlay,
		.foreign = &network->observed.foreign,
		.changed = on_lease_changed,
		.ctx = network,
	};
	network->l2 = (struct network_l2){
		.network = network->name,
		.node = network->env.node->state.id,
		.open = network->env.open_endpoints,
		.open_ctx = network->env.open_ctx,
		.view = &network->store_view,
		.changed = on_endpoints_changed,
		.ctx = network,
	};
	network->leave = (struct leave){
		.own = &network->own,
		.view = &network->store_view,
		.resume = all_changed,
		.resume_ctx = network,
	};
	network_status_init(&network->status);
	network->wait = loop_timer(loop, on_wait, network);
	network->uplink_timer = loop_timer(loop, on_uplink_timer, network);
	if (!network->wait || !network->uplink_timer)
		return err_nomem(err, "the network");
	if (config_retry_init(&network->config_retry, loop, on_config_retry, network, err) < 0 ||
	    store_view_init(&network->store_view, loop, network->name, network->env.node->state_dir,
			    on_grace_over, network, err) < 0 ||
	    network_l2_init(&network->l2, loop, err) < 0 ||
	    peer_events_init(&network->events, loop, network->name, err) < 0 ||
	    reconciler_new(network->env.nl, network->env.run_dir, &network->reconciler, err) < 0 ||
	    schedule_new(loop, network->name, network_reconcile, network, &network->schedule, err) <
		    0)
		return -1;
	if (observed_init(&network->observed, loop, schedule_trigger_devices, network->schedule,
			  err) < 0)
		return -1;
	network->leave.l2 = network->l2.l2;
	publish_watch_init(&network->publication.watch, loop, network->env.run_dir, network->name,
			   network->env.subnet_file, schedule_trigger_devices, network->schedule);
	return watch_add(network->env.watch, &watch_owner, network, err);
}

int network_new(const struct network_env *env, const char *name, struct network **network_out,
		struct err *err)
{
	struct network *network = calloc(1, sizeof(*network));

	if (!network)
		return err_nomem(err, "the network");
	network->env = *env;
	snprintf(network->name, sizeof(network->name), "%s", name);
	if (make_parts(network, err) < 0) {
		network_free(network);
		return -1;
	}
	*network_out = network;
	return 0;
}

void network_free(struct network *network)
{
	if (!network)
		return;
	own_lease_free(&network->own);
	network_l2_free(&network->l2);
	if (network->store)
		network->store->ops->free(network->store);
	watch_remove(network->env.watch, network);
	peer_events_free(&network->events);
	publish_watch_free(&network->publication.watch);
	schedule_free(network->schedule);
	reconciler_free(network->reconciler);
	loop_event_free(network->wait);
	loop_event_free(network->uplink_timer);
	config_retry_free(&network->config_retry);
	store_view_free(&network->store_view);
	observed_free(&network->observed);
	free(network);
}

const struct config *network_config(const struct network *network)
{
	return network->store_view.configured ? &network->store_view.config : NULL;
}

void network_others_changed(struct network *network)
{
	config_retry_soon(&network->config_retry);
	all_changed(network);
}

void network_rules_applied(struct network *network)
{
	if (network->held)
		schedule_trigger(network->schedule, network->held);
	network->held = 0;
}

struct store *network_store(const struct network *network)
{
	return network->store;
}

void network_check_stores(const struct network *network)
{
	network->store->ops->check(network->store);
	l2_check(network->l2.l2);
}

int network_start(struct network *network, struct store *store, struct err *err)
{
	const struct store_point seen = store_view_snapshot_point(&network->store_view);

	network->store = network->store_view.store = store;
	return store->ops->start(store, &seen, err);
}

struct network_view network_view(const struct network *network)
{
	const struct store_view *view = &network->store_view;
	const struct underlay *underlay = &network->underlay;

	return (struct network_view){
		.name = network->name,
		.state = network->status.state,
		.reason = network->status.reason,
		.since = network->status.since,
		.published = network->publication.done,
		.subnet_file = network->env.subnet_file != NULL,
		.endpoint = view->connection.endpoint,
		.connected = view->connection.connected,
		.connected_since = view->connection.since,
		.store_error = view->connection.connected || view->connection.since ?
				       view->connection.error :
				       NETWORK_STATUS_STARTING,
		.stale = view->stale,
		.wiped = view->wipe.detected ? view->wipe.why : "",
		.wiped_until = view->wipe.detected ? view->wipe.until : 0,
		.config = view->configured ? &view->config : NULL,
		.uplink = underlay->uplink.index ? &underlay->uplink : NULL,
		.vtep_mac = network->own.vtep_mac,
		.mtu = underlay->uplink.index ? underlay_mtu(underlay, &view->config) : 0,
		.lease = own_lease_view(&network->own),
		.reconciler = reconciler_stats(network->reconciler),
		.installed = reconciler_installed(network->reconciler),
		.peers = network->peers,
		.store = network->store ? &network->store->stats : NULL,
		.sysctls = reconciler_sysctls(network->reconciler),
		.schedule = schedule_stats(network->schedule),
		.leases = &view->leases.current,
		.l2 = l2_view(network->l2.l2),
		.self = network_self(network),
	};
}
