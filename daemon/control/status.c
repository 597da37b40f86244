/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/status.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/state.h"
#include "daemon/control/cni_install.h"
#include "daemon/control/secret_files.h"
#include "daemon/control/status_probe.h"
#include "daemon/dataplane/device.h"
#include "daemon/firewall/fast_path.h"
#include "daemon/firewall/firewall.h"
#include "daemon/l2/remote.h"
#include "daemon/lease/foreign.h"
#include "daemon/lease/node.h"
#include "daemon/lease/peer.h"
#include "daemon/network/network.h"
#include "daemon/network/publish.h"
#include "daemon/probe/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const state_name[] = {
	[NETWORK_STARTING] = "starting",
	[NETWORK_READY] = "ready",
	[NETWORK_DEGRADED] = "degraded",
};

/* What a request is limited to. */
struct limits {
	const char *network;   /* NULL: all */
	struct ipaddr address; /* of a peer's subnet; unset: all */
};

/* NULL: the network is not probed. */
static const struct probe_network *probe_of(const struct status_self *self,
					    const struct network_view *view)
{
	return self->probe ? probe_find(self->probe, view->name) : NULL;
}

/* Puts the first prefix under key and the second under key with "6". */
static void put_prefixes(struct jb_at at, const char *key, const struct prefix of[static FAMILIES])
{
	char second[32];

	snprintf(second, sizeof(second), "%s6", key);
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&of[f]))
			continue;
		jb_prefix(at, key, &of[f]);
		key = second;
	}
}

/* Puts the addresses that are set. */
static void put_addresses(struct jb_at at, const char *key, const char *v6_key,
			  const struct ipaddr of[static FAMILIES])
{
	if (ipaddr_is_set(&of[FAMILY_V4]))
		jb_ipaddr(at, key, &of[FAMILY_V4]);
	if (ipaddr_is_set(&of[FAMILY_V6]))
		jb_ipaddr(at, v6_key, &of[FAMILY_V6]);
}

static void put_store(struct jb_at at, const struct network_view *view)
{
	struct jb_at store = jb_obj(at, "store");

	jb_str(store, "endpoint", view->endpoint);
	jb_bool(store, "tls", !strncmp(view->endpoint, "https:", 6));
	jb_bool(store, "connected", view->connected);
	jb_count(store, "since", view->connected_since);
	jb_str(store, "error", view->store_error);
	jb_str(store, "reset_reason", view->wiped);
	jb_count(store, "grace_until", view->wiped_until);
}

static void put_lease(struct jb_at at, const struct network_view *view)
{
	const struct lease_client_view *lease = &view->lease;
	char key[LEASE_KEY_SIZE];
	struct jb_at to;

	if (!prefix_is_set(&lease->subnet[FAMILY_V4]) &&
	    !prefix_is_set(&lease->subnet[FAMILY_V6])) {
		jb_null(at, "lease");
		return;
	}
	to = jb_obj(at, "lease");
	put_prefixes(to, "subnet", lease->subnet);
	jb_str(to, "key", lease_key(lease->subnet, key));
	jb_u64_text(to, "etcd_lease_id", lease->etcd_lease);
	jb_u32(to, "ttl", lease->ttl_s);
	jb_count(to, "renewed_at", lease->renewed_at);
	jb_bool(to, "reserved", lease->reserved);
	jb_bool(to, "lost", lease->state == LEASE_LOST);
	jb_str(to, "error", lease->error);
}

static void put_devices(struct jb_at at, const struct network_view *view)
{
	struct prefix cluster[FAMILIES];
	char name[IF_NAMESIZE];

	if (!view->config)
		return;
	for (enum family f = 0; f < FAMILIES; f++)
		cluster[f] = view->config->pool[f].network;
	put_prefixes(at, "cluster", cluster);
	jb_u32(at, "vni", view->config->vni);
	jb_u32(at, "port", view->config->port);
	jb_u32(at, "mtu", view->mtu);
	jb_str(at, "bridge", device_bridge_of(view->config, name));
	jb_str(at, "vxlan", device_vxlan_name(view->config->vni, name));
	if (view->self.outer[FAMILY_V4] && view->self.outer[FAMILY_V6])
		jb_str(at, "vxlan6", device_second_name(view->config->vni, name));
	jb_mac(at, "vtep_mac", &view->vtep_mac);
}

static void put_uplink(struct jb_at at, const struct uplink *uplink)
{
	struct jb_at to;

	if (!uplink) {
		jb_null(at, "uplink");
		return;
	}
	to = jb_obj(at, "uplink");
	jb_str(to, "name", uplink->name);
	put_addresses(to, "address", "address6", uplink->address);
	put_addresses(to, "public_ip", "public_ipv6", uplink->public_ip);
	jb_u32(to, "mtu", uplink->mtu);
}

/* Returns the number of peers that are used in one family of two. */
static uint64_t count_single_family(const struct network_view *view, const struct leases *usable)
{
	uint64_t count = 0;
	char reason[ERR_TEXT_SIZE];

	for (size_t i = 0; i < usable->len; i++)
		count += peer_unused_family(&view->leases->leases, &usable->at[i], view->config,
					    &view->self, reason, sizeof(reason));
	return count;
}

/* Peers being counted, or listed. */
struct peer_list {
	const struct network_view *view;
	struct jb_at to;
	uint64_t refused;
	const struct probe_network *probe; /* NULL: not probed */
	struct ipaddr address;             /* as in limits */
};

static void count_refused(void *ctx, const struct lease *peer, const char *reason)
{
	struct peer_list *list = ctx;

	(void)peer, (void)reason;
	list->refused++;
}

static void put_sysctls(struct jb_at network, const struct device_sysctls *refused)
{
	struct jb_at list = jb_arr(network, "sysctls");

	for (size_t i = 0; i < refused->len; i++) {
		struct jb_at at = jb_obj(list, NULL);

		jb_str(at, "name", refused->at[i].name);
		jb_str(at, "value", refused->at[i].actual);
		jb_str(at, "wanted", refused->at[i].value);
		jb_bool(at, "essential", refused->at[i].essential);
		jb_str(at, "error", refused->at[i].error);
	}
}

/* A foreign prefix, if it overlaps this node's or a peer's subnet. */
static void put_overlap(struct jb_at list, const struct network_view *view,
			const struct leases *usable, const struct foreign_prefix *foreign)
{
	const enum family f = ipaddr_family(&foreign->prefix.addr);
	bool own = prefix_is_set(&view->self.subnet[f]) &&
		   prefix_overlaps(&view->self.subnet[f], &foreign->prefix);
	const struct lease *first = NULL;
	char command[FOREIGN_TEXT_SIZE];
	uint64_t peers = 0;
	struct jb_at at;

	for (size_t i = 0; i < usable->len; i++) {
		const struct prefix *subnet = &usable->at[i].subnet[f];

		if (!prefix_is_set(subnet) || !prefix_overlaps(subnet, &foreign->prefix))
			continue;
		peers++;
		if (!first)
			first = &usable->at[i];
	}
	if (!own && !peers)
		return;
	at = jb_obj(list, NULL);
	jb_str(at, "device", foreign->device.name);
	jb_prefix(at, "prefix", &foreign->prefix);
	jb_bool(at, "own_subnet", own);
	jb_bool(at, "blocks_add", foreign_holds(foreign, view->self.subnet));
	jb_count(at, "peers", peers);
	if (first) {
		jb_prefix(at, "peer_subnet", &first->subnet[f]);
		jb_str(at, "peer_name", first->name);
	}
	jb_str(at, "command", foreign_command(foreign, command));
}

/* A network inside the uplink's own prefix is no fault: the subnets' routes are more specific. */
static bool is_overlap(const struct network_view *view, const struct foreign_prefix *foreign)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct prefix *cluster = &view->config->pool[f].network;

		if (!config_has(view->config, f) || !prefix_overlaps(&foreign->prefix, cluster))
			continue;
		return !view->uplink || !prefix_covers(&foreign->prefix, cluster) ||
		       strcmp(view->uplink->name, foreign->device.name) != 0;
	}
	return false;
}

static void put_overlaps(struct jb_at to, const struct network_view *view,
			 const struct leases *usable)
{
	struct jb_at list = jb_arr(to, "overlaps");

	for (size_t i = 0; view->config && i < view->self.foreign->prefixes.len; i++)
		if (is_overlap(view, &view->self.foreign->prefixes.at[i]))
			put_overlap(list, view, usable, &view->self.foreign->prefixes.at[i]);
}

static void put_unannounced(struct jb_at endpoints, const struct seen_counts *counts)
{
	struct jb_at to = jb_obj(endpoints, "not_announced");

	jb_count(to, "outside_range", counts->outside);
	jb_count(to, "over_limit", counts->limited);
	jb_count(to, "conflict", counts->conflicts);
	jb_count(to, "held_back", counts->held);
	jb_count(to, "unreadable", counts->unreadable);
	if (counts->outside)
		jb_ipaddr(to, "outside_address", &counts->outside_example);
}

/* The containers of an L2 network, of all nodes. usable: the peers. */
static int put_endpoints(struct jb_at network, const struct network_view *view,
			 const struct leases *usable, struct err *err)
{
	AUTO(remotes) struct remotes remotes = { .len = 0 };
	struct remote_source source = {
		.config = view->config,
		.endpoints = view->l2.endpoints,
		.peers = usable,
		.locals = view->l2.locals,
		.reserved = view->l2.reserved,
		.node = view->self.node,
		.vtep_mac = view->vtep_mac,
	};
	struct remote_counts counts;
	struct jb_at to, list;

	if (!view->config || view->config->mode != CONFIG_L2)
		return 0;
	memcpy(source.outer, view->self.outer, sizeof(source.outer));
	if (!remotes_find(&source, &remotes, &counts))
		return err_nomem(err, "the status");
	to = jb_obj(network, "endpoints");
	jb_bool(to, "known", view->l2.known);
	jb_count(to, "local", view->l2.locals->len);
	jb_count(to, "announced", view->l2.announced);
	jb_count(to, "remote", remotes.len);
	jb_count(to, "waiting", counts.waiting);
	jb_count(to, "refused", counts.refused);
	jb_str(to, "error", view->l2.error);
	put_unannounced(to, view->l2.unannounced);
	list = jb_arr(to, "duplicates");
	for (size_t i = 0; i < view->l2.locals->len; i++) {
		const struct local_endpoint *local = &view->l2.locals->at[i];
		struct jb_at at;

		if (!local->duplicate)
			continue;
		at = jb_obj(list, NULL);
		jb_ipaddr(at, "address", &local->endpoint.addr);
		jb_str(at, "node_id", local->holder);
	}
	return 0;
}

static void put_flood(struct jb_at network, const struct network_view *view)
{
	const struct config *config = view->config;
	struct jb_at to;

	if (!config || config->mode != CONFIG_L2)
		return;
	to = jb_obj(network, "flood");
	jb_str(to, "mode", config_flood_name[config->flood]);
	if (ipaddr_is_set(&config->group))
		jb_ipaddr(to, "group", &config->group);
	jb_u32(to, "limit", config->flood_limit);
	jb_count(to, "destinations", view->installed.entries->flood.len);
}

static int put_network(const struct status_self *self, struct jb_at networks,
		       const struct network_view *view, struct err *err)
{
	AUTO(leases) struct leases usable = { .len = 0 };
	struct peer_list list = { .view = view };
	struct jb_at at = jb_obj(networks, NULL), to;

	if (view->config && !peers_filter(&view->leases->leases, view->config, &view->self, &usable,
					  NULL, count_refused, &list))
		return err_nomem(err, "the status");
	jb_str(at, "name", view->name);
	jb_str(at, "state", state_name[view->state]);
	jb_str(at, "reason", view->reason);
	jb_count(at, "since", view->since);
	jb_bool(at, "from_snapshot", view->stale);
	if (view->config)
		jb_str(at, "mode", view->config->mode == CONFIG_L2 ? "l2" : "routed");
	put_store(at, view);
	put_lease(at, view);
	put_devices(at, view);
	put_uplink(at, view->uplink);
	put_flood(at, view);
	to = jb_obj(at, "peers");
	jb_count(to, "usable", usable.len);
	jb_count(to, "installed", view->reconciler.programmed);
	jb_count(to, "direct", view->reconciler.direct);
	jb_count(to, "single_family", view->config ? count_single_family(view, &usable) : 0);
	jb_count(to, "refused", list.refused + view->leases->invalid_hashes.len);
	if (put_endpoints(at, view, &usable, err) < 0)
		return -1;
	put_overlaps(at, view, &usable);
	to = jb_obj(at, "reconciles");
	jb_count(to, "total", view->schedule.runs);
	jb_count(to, "failed", view->schedule.failed);
	jb_count(to, "entries_written", view->reconciler.written);
	jb_str(to, "last_error", view->schedule.error);
	put_sysctls(at, view->sysctls);
	status_put_probe(probe_of(self, view), at);
	return 0;
}

static const char *firewall_state(const struct firewall_view *view)
{
	if (view->error[0])
		return "failed";
	return view->installed ? "installed" : "starting";
}

static void put_findings(struct jb_at list, const struct firewall_findings *findings)
{
	for (size_t i = 0; i < findings->len; i++) {
		struct jb_at finding = jb_obj(list, NULL);

		jb_str(finding, "chain", findings->at[i].where);
		jb_str(finding, "hook", chain_hook_name[findings->at[i].hook]);
		if (findings->at[i].port)
			jb_u32(finding, "port", findings->at[i].port);
		jb_bool(finding, "accepted", findings->at[i].accepted);
	}
}

static void put_rules(const struct status_self *self, struct jb_at to)
{
	struct firewall_view view;
	struct jb_at at, list;

	if (!self->rules)
		return;
	self->rules(self->firewall_ctx, &view);
	at = jb_obj(to, "rules");
	jb_str(at, "state", firewall_state(&view));
	jb_str(at, "error", view.error);
	jb_bool(at, "masquerade", view.ip_masq);
	jb_bool(at, "forward", view.forward);
	jb_bool(at, "tunnel_guard", view.guard);
	jb_u64_text(at, "vtep_filter_drops", view.vtep_filter_drops);
	jb_u64_text(at, "injection_drops", view.injection_drops);
	jb_u64_text(at, "isolation_drops", view.isolation_drops);
	jb_u64_text(at, "router_drops", view.router_drops);
	jb_u64_text(at, "bridged_tunnel_drops", view.tunnel_drops);
	jb_u64_text(at, "flood_drops", view.flood_drops);
	jb_u64_text(at, "unflooded_drops", view.unflooded_drops);
	jb_u64_text(at, "probe_drops", view.probe_drops);
	jb_u64_text(at, "spoof_drops", view.spoof_drops);
	jb_u64_text(at, "port_isolation_drops", view.port_isolation_drops);
	list = jb_arr(at, "unsupported");
	for (enum firewall_part part = FIREWALL_WHOLE; part < FIREWALL_PARTS; part++)
		if (view.unsupported & 1U << part)
			jb_str(list, NULL, firewall_part_name[part]);
	list = jb_arr(at, "other_chains");
	put_findings(list, &view.other_chains->findings);
}

static void put_fast_path(const struct status_self *self, struct jb_at to)
{
	struct fast_path_view view;
	const char *state = "off";
	struct err unused;
	struct jb_at at;
	size_t flows;

	if (!self->fast_path)
		return;
	view = fast_path_view(self->fast_path);
	if (view.installed)
		state = "on";
	else if (view.enabled && view.error[0])
		state = view.unsupported ? "unsupported" : "failed";
	at = jb_obj(to, "fast_path");
	jb_str(at, "state", state);
	jb_str(at, "error", view.error);
	jb_count(at, "devices", view.devices);
	if (fast_path_count_flows(self->fast_path, &flows, &unused) == 0)
		jb_count(at, "flows", flows);
	else
		jb_null(at, "flows");
}

static void put_secret_file(const struct secret_file *file, struct jb_at list)
{
	char remedy[SECRET_REMEDY_SIZE];
	struct jb_at at;

	if (!secret_file_is_exposed(file, remedy))
		return;
	at = jb_obj(list, NULL);
	jb_str(at, "option", file->option);
	jb_str(at, "path", file->path);
	jb_str(at, "remedy", remedy);
}

static bool has_probe_key(const struct status_self *self)
{
	for (size_t i = 0; i < self->network_len; i++) {
		const struct network_view view = network_view(self->networks[i]);

		if (view.config && view.config->probe_key[0])
			return true;
	}
	return false;
}

static void put_secret_files(const struct status_self *self, struct jb_at to)
{
	const struct secret_files *files = self->secrets;
	struct jb_at list = jb_arr(to, "exposed_files");

	for (size_t i = 0; files && i < files->len; i++)
		put_secret_file(&files->at[i], list);
	if (files && files->store_file && has_probe_key(self))
		put_secret_file(&(struct secret_file){ "--store", files->store_file }, list);
}

static void put_cni(const struct cni_install *cni, struct jb_at to)
{
	struct cni_install_view view;
	struct jb_at at, list;

	if (!cni)
		return;
	view = cni_install_view(cni);
	at = jb_obj(to, "cni");
	jb_str(at, "conf_dir", view.conf_dir);
	jb_bool(at, "installed", view.installed);
	jb_str(at, "error", view.error);
	list = jb_arr(at, "preferred");
	for (size_t i = 0; i < view.preferred_len; i++)
		jb_str(list, NULL, view.preferred[i]);
}

static int put_status(const struct status_self *self, const struct limits *limits,
		      struct jb_at root, struct err *err)
{
	struct jb_at at = jb_obj(root, "status"), networks;

	jb_str(at, "version", WEFT_VERSION);
	jb_u32(at, "pid", (uint32_t)getpid());
	jb_str(at, "node_id", self->node->state.id);
	jb_str(at, "node_name", self->node_name);
	jb_count(at, "started_at", self->started_at);
	put_secret_files(self, at);
	put_cni(self->cni, at);
	put_rules(self, at);
	put_fast_path(self, at);
	if (self->probe)
		jb_u32(at, "probe_interval", probe_interval_s(self->probe));
	networks = jb_arr(at, "networks");
	for (size_t i = 0; i < self->network_len; i++) {
		struct network_view view = network_view(self->networks[i]);

		if (status_includes(limits->network, view.name) &&
		    put_network(self, networks, &view, err) < 0)
			return -1;
	}
	return 0;
}

static struct jb_at put_peer(const struct peer_list *list, const struct lease *peer,
			     const char *state, const char *reason)
{
	struct jb_at at = jb_obj(list->to, NULL);
	bool v4 = !mac_is_zero(&peer->vtep_mac[FAMILY_V4]);

	jb_str(at, "network", list->view->name);
	put_prefixes(at, "subnet", peer->subnet);
	put_addresses(at, "public_ip", "public_ipv6", peer->public_ip);
	put_addresses(at, "source_ip", "source_ipv6", peer->source_ip);
	jb_mac(at, "vtep_mac", &peer->vtep_mac[v4 ? FAMILY_V4 : FAMILY_V6]);
	jb_str(at, "node_id", peer->node);
	jb_str(at, "node_name", peer->name);
	jb_u32(at, "mtu", peer->mtu);
	jb_str(at, "state", state);
	jb_str(at, "reason", reason);
	return at;
}

static void put_usable(const struct peer_list *list, const struct lease *peer)
{
	const struct network_view *view = list->view;
	struct jb_at at = put_peer(list, peer, view->schedule.good ? "installed" : "pending",
				   view->schedule.error);
	char reason[ERR_TEXT_SIZE];

	if (peer_unused_family(&view->leases->leases, peer, view->config, &view->self, reason,
			       sizeof(reason)))
		jb_str(at, "single_family_reason", reason);
	status_put_probes(list->probe, view->config, peer, at);
}

static bool has_address(const struct peer_list *list, const struct lease *peer)
{
	const struct ipaddr *address = &list->address;

	return !ipaddr_is_set(address) ||
	       prefix_has(&peer->subnet[ipaddr_family(address)], address);
}

static void put_refused_peer(void *ctx, const struct lease *peer, const char *reason)
{
	if (has_address(ctx, peer))
		put_peer(ctx, peer, "refused", reason);
}

static void put_invalid(const struct network_view *view, struct jb_at peers)
{
	for (size_t i = 0; i < view->leases->invalid.len; i++) {
		const struct invalid_key *unread = &view->leases->invalid.at[i];
		struct jb_at at = jb_obj(peers, NULL);

		jb_str(at, "network", view->name);
		jb_str(at, "key", unread->key);
		jb_str(at, "state", "refused");
		jb_str(at, "reason", unread->reason);
	}
}

static int put_peers(const struct status_self *self, const struct limits *limits, struct jb_at root,
		     struct err *err)
{
	struct jb_at peers = jb_arr(root, "peers");

	for (size_t i = 0; i < self->network_len; i++) {
		AUTO(leases) struct leases usable = { .len = 0 };
		struct network_view view = network_view(self->networks[i]);
		struct peer_list list = {
			.view = &view,
			.to = peers,
			.probe = probe_of(self, &view),
			.address = limits->address,
		};

		if (!view.config || !status_includes(limits->network, view.name))
			continue;
		if (!peers_filter(&view.leases->leases, view.config, &view.self, &usable, NULL,
				  put_refused_peer, &list))
			return err_nomem(err, "the peers");
		for (size_t p = 0; p < usable.len; p++)
			if (has_address(&list, &usable.at[p]))
				put_usable(&list, &usable.at[p]);
		if (!ipaddr_is_set(&list.address))
			put_invalid(&view, peers);
	}
	return 0;
}

static bool is_own(const struct peer_list *list, const struct lease *peer)
{
	return !strcmp(peer->node, list->view->self.node);
}

/* A reservation whose node has not joined. */
static bool is_bare(const struct lease *peer)
{
	return peer->etcd_lease == 0 && mac_is_zero(&peer->vtep_mac[FAMILY_V4]) &&
	       mac_is_zero(&peer->vtep_mac[FAMILY_V6]);
}

static void put_lease_record(const struct peer_list *list, const struct lease *peer,
			     const char *state, const char *reason)
{
	struct jb_at at = jb_obj(list->to, NULL);
	char key[LEASE_KEY_SIZE];

	jb_str(at, "network", list->view->name);
	put_prefixes(at, "subnet", peer->subnet);
	jb_str(at, "key", lease_key(peer->subnet, key));
	jb_str(at, "node_id", peer->node);
	jb_str(at, "node_name", peer->name);
	put_addresses(at, "public_ip", "public_ipv6", peer->public_ip);
	put_addresses(at, "source_ip", "source_ipv6", peer->source_ip);
	jb_u64_text(at, "etcd_lease_id", peer->etcd_lease);
	if (is_own(list, peer))
		jb_u32(at, "ttl", list->view->lease.ttl_s);
	jb_bool(at, "reserved", peer->etcd_lease == 0);
	jb_str(at, "state", state);
	jb_str(at, "reason", reason);
}

static void put_refused_lease(void *ctx, const struct lease *peer, const char *reason)
{
	if (is_bare(peer))
		put_lease_record(ctx, peer, "reserved", "");
	else
		put_lease_record(ctx, peer, "refused", reason);
}

static int put_network_leases(struct peer_list *list, struct err *err)
{
	AUTO(leases) struct leases usable = { .len = 0 };
	const struct leases *known = &list->view->leases->leases;

	if (!list->view->config)
		return 0;
	for (size_t i = 0; i < known->len; i++)
		if (!known->at[i].vanished && is_own(list, &known->at[i]))
			put_lease_record(list, &known->at[i], "own", "");
	if (!peers_filter(known, list->view->config, &list->view->self, &usable, NULL,
			  put_refused_lease, list))
		return err_nomem(err, "the leases");
	for (size_t i = 0; i < usable.len; i++)
		put_lease_record(list, &usable.at[i], usable.at[i].vanished ? "vanished" : "used",
				 "");
	put_invalid(list->view, list->to);
	return 0;
}

static int put_leases(const struct status_self *self, const struct limits *limits,
		      struct jb_at root, struct err *err)
{
	struct jb_at leases = jb_arr(root, "leases");

	for (size_t i = 0; i < self->network_len; i++) {
		struct network_view view = network_view(self->networks[i]);
		struct peer_list list = { .view = &view, .to = leases };

		if (status_includes(limits->network, view.name) &&
		    put_network_leases(&list, err) < 0)
			return -1;
	}
	return 0;
}

/* The requests that change nothing. */
static const struct {
	const char *command;
	int (*put)(const struct status_self *self, const struct limits *limits, struct jb_at root,
		   struct err *err);
} commands[] = {
	{ "status", put_status },
	{ "peers", put_peers },
	{ "leases", put_leases },
};

/* The error lists the networks of this node. */
static int check_network(const struct status_self *self, const char *network, struct err *err)
{
	char names[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < self->network_len; i++) {
		const char *name = network_view(self->networks[i]).name;

		if (!strcmp(name, network))
			return 0;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 i ? ", " : "", name);
	}
	return err_set(err, ERR_CONFIG, "this node has no network \"%s\"; it has: %s",
		       ERR_SHOW(network), names);
}

/* Reads the command, and what it is limited to. */
static int read_request(const struct status_self *self, struct json *json, size_t *command_out,
			struct limits *limits_out, struct err *err)
{
	struct jr root = jr_root(json);
	struct limits limits;
	const char *command;
	uint32_t version;

	version = jr_u32(&root, "version", 0, UINT32_MAX);
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	if (version != CONTROL_VERSION)
		return err_set(err, ERR_CONFIG,
			       "weftctl uses version %" PRIu32
			       " of the control protocol, weftd " WEFT_VERSION
			       " uses version %d: install the same version of both",
			       version, CONTROL_VERSION);
	command = jr_str(&root, "command", 64);
	limits.network = jr_str_opt(&root, "network", STATE_NETWORK_NAME_SIZE, NULL);
	limits.address = jr_ipaddr_opt(&root, "address");
	if (jr_done(json, ERR_DECODE, err) < 0 ||
	    (limits.network && check_network(self, limits.network, err) < 0))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!strcmp(command, commands[i].command)) {
			*command_out = i;
			*limits_out = limits;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG, "unknown command \"%s\" (weftd " WEFT_VERSION ")", command);
}

int status_answer(const struct status_self *self, const char *request, size_t size,
		  char **answer_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	struct limits limits;
	struct err wrong;
	size_t command;

	if (!jb)
		return err_nomem(err, "an answer");
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	if (json_parse(request, size, CONTROL_REQUEST_MAX, JSON_STRICT, "request", &json, &wrong) <
		    0 ||
	    read_request(self, json, &command, &limits, &wrong) < 0)
		jb_str(jb_root(jb), "error", wrong.text);
	else if (commands[command].put(self, &limits, jb_root(jb), err) < 0)
		return -1;
	return jb_text(jb, answer_out, err);
}
