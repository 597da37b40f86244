/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "device.h"
#include "flannel.h"
#include "loop.h"
#include "network_private.h"
#include "node.h"
#include "offload.h"
#include "publish.h"
#include "store.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 2000 /* between looks at what is not there yet */

/* Nothing is wrong yet, and nothing to log. */
static const char still_waiting[] = "on its way";

static struct lease_view network_lease(const struct network *network)
{
	return network->lease ? lease_view(network->lease) : (struct lease_view){ .trouble = "" };
}

static void set_state(struct network *network, enum network_state state, const char *reason)
{
	static const char *const names[] = {
		[NETWORK_STARTING] = "starting",
		[NETWORK_READY] = "ready",
		[NETWORK_DEGRADED] = "degraded",
	};

	if (network->state == state && !strcmp(network->reason, reason))
		return;
	if (state == NETWORK_READY)
		log_info("network ready", "network", network->name);
	else if (reason != still_waiting)
		log_warn("network not ready", "network", network->name, "state", names[state],
			 "reason", reason);
	if (network->state != state || !network->since)
		network->since = (uint64_t)time(NULL);
	network->state = state;
	snprintf(network->reason, sizeof(network->reason), "%s", reason);
}

/* The first thing that is wrong, in the order in which things come up; "" when nothing is. */
static const char *find_fault(const struct network *network)
{
	struct sync_stats sync = sync_stats(network->sync);
	struct lease_view lease = network_lease(network);

	if (!network->connected)
		return network->store_error;
	if (network->config_error[0])
		return network->config_error;
	if (network->uplink_error[0])
		return network->uplink_error;
	if (lease.state != LEASE_HELD || lease.trouble[0])
		return lease.trouble[0] ? lease.trouble : still_waiting;
	if (sync.last_error[0])
		return sync.last_error;
	if (network->publish_error[0])
		return network->publish_error;
	return network->published ? "" : still_waiting;
}

void network_judge(struct network *network)
{
	const char *fault = find_fault(network);

	char stale[ERR_TEXT_SIZE];

	if (network->stale) {
		snprintf(stale, sizeof(stale), "%.400s; running as it was known last", fault);
		fault = stale;
	}
	if (!*fault)
		set_state(network, NETWORK_READY, fault);
	else
		set_state(network, network->published ? NETWORK_DEGRADED : NETWORK_STARTING, fault);
}

static uint32_t network_mtu(const struct network *network, const struct config *config)
{
	return device_mtu(config->mtu ? config->mtu : network->uplink.mtu, network->outer);
}

/* IPv6's only where packets are taken over it; IPv4's always, as nodes are known by it. */
void network_public_ip(const struct network *network, struct ipaddr public_ip[static FAMILIES])
{
	public_ip[FAMILY_V4] = network->uplink.public_ip[FAMILY_V4];
	if (network->outer[FAMILY_V6])
		public_ip[FAMILY_V6] = network->uplink.public_ip[FAMILY_V6];
}

struct peer_self network_self(const struct network *network)
{
	struct peer_self self = {
		.node = network->env.node->state.id,
		.vtep_mac = network->vtep_mac,
	};
	struct lease_view lease = network_lease(network);

	network_public_ip(network, self.public_ip);
	memcpy(self.uplink, network->uplink.address, sizeof(self.uplink));
	memcpy(self.outer, network->outer, sizeof(self.outer));
	memcpy(self.subnet, network->stale ? network->subnet : lease.subnet, sizeof(self.subnet));
	return self;
}

static void fill_value(void *ctx, struct peer *peer)
{
	const struct network *network = ctx;

	network_public_ip(network, peer->public_ip);
	for (enum family f = 0; f < FAMILIES; f++) {
		peer->vtep_mac[f] = network->vtep_mac;
		peer->vni[f] = network->config.vni;
	}
	peer->mtu = network_mtu(network, &network->config);
	snprintf(peer->node, sizeof(peer->node), "%s", network->env.node->state.id);
	snprintf(peer->name, sizeof(peer->name), "%s", network->env.node_name);
	snprintf(peer->machine, sizeof(peer->machine), "%s", network->env.machine);
}

static void lease_changed(void *ctx)
{
	struct network *network = ctx;
	struct lease_view lease = lease_view(network->lease);
	struct peer own = { .lease = lease.reserved ? 0 : lease.id };
	struct err err;

	/* The watch will tell it, too, but perhaps after changes that are younger. */
	if (lease.state == LEASE_HELD) {
		memcpy(own.subnet, lease.subnet, sizeof(own.subnet));
		fill_value(network, &own);
		own.mod_revision = lease.revision;
		if (!peers_put(&network->known.now.peers, &own))
			log_error("no memory for a lease");
	}
	if (lease.state == LEASE_HELD &&
	    node_remember_lease(network->env.node, network->name, lease.subnet, &err) < 0)
		log_error("the lease cannot be remembered", "reason", err.text);
	network_judge(network);
	sync_mark(network->sync, SYNC_ALL);
}

static const struct lease_owner lease_owner = { fill_value, lease_changed };

/* Routes to containers would take the other hosts away, and the store. */
static int refuse_underlay(const struct network *network, enum family f, struct err *err)
{
	char own[IPADDR_TEXT_SIZE], cluster[PREFIX_TEXT_SIZE];

	return err_set(err, ERR_CONFIG,
		       "network configuration: %s: %s contains the address %s of the uplink %s",
		       f == FAMILY_V4 ? "Network" : "IPv6Network",
		       prefix_text(&network->config.plan[f].network, cluster),
		       ipaddr_text(&network->uplink.address[f], own), network->uplink.name);
}

/*
 * The MAC that the other nodes know of the flannel node that we are to be: its device's, or its
 * lease's; zero: there was none.
 */
static int find_flannel_mac(const struct network *network, struct mac *mac_out, struct err *err)
{
	const struct ipaddr *own = &network->uplink.public_ip[FAMILY_V4];
	const struct peers *known = &network->known.now.peers;
	int found = flannel_mac(network->env.nl, network->config.vni, mac_out, err);

	for (size_t i = 0; !found && ipaddr_is_set(own) && i < known->len; i++) {
		const struct peer *peer = &known->at[i];

		if (peer->node[0] || !ipaddr_equal(&peer->public_ip[FAMILY_V4], own))
			continue;
		*mac_out = peer->vtep_mac[FAMILY_V4];
		found = 1;
	}
	return found < 0 ? -1 : 0;
}

/* Uplink, MAC and lease: what needs the configuration. 0 once all is there. */
static int come_up(struct network *network, struct err *err)
{
	const struct state_node_network *known;
	struct mac flannel = { { 0 } };
	char vxlan[IF_NAMESIZE];
	struct lease_self self;

	if (network->lease)
		return 0;
	if (uplink_find(network->env.nl, network->env.iface, network->env.public_ip,
			&network->uplink, err) < 0)
		return -1;
	network->uplink_error[0] = '\0';
	config_outer(&network->config, network->uplink.address, network->outer);
	if (!network->outer[FAMILY_V4] && !network->outer[FAMILY_V6])
		return err_set(
			err, ERR_CONFIG,
			"no uplink: %s has no address of the family that Weft.Underlay asks for",
			network->uplink.name);
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_has(&network->config.plan[f].network, &network->uplink.address[f]))
			return refuse_underlay(network, f, err);
	if (find_flannel_mac(network, &flannel, err) < 0)
		return -1;
	known = node_network(network->env.node, network->env.nl, network->name,
			     device_vxlan_name(network->config.vni, vxlan), &flannel, err);
	if (!known)
		return -1;
	network->vtep_mac = known->vtep_mac;
	self = (struct lease_self){
		.node = network->env.node->state.id,
		.last = { known->subnet[FAMILY_V4], known->subnet[FAMILY_V6] },
		.seed = node_seed(network->env.node),
		.machine = network->env.machine,
	};
	if (!prefix_is_set(&self.last[FAMILY_V4]) && !prefix_is_set(&self.last[FAMILY_V6]))
		flannel_subnets(network->env.subnet_file, self.last);
	network_public_ip(network, self.public_ip);
	return lease_new(network->env.loop, network->store, &self, &lease_owner, network,
			 &network->lease, err);
}

void network_store_changed(struct network *network)
{
	network->changes.all = true;
	network_leases_changed(network);
}

void network_leases_changed(struct network *network)
{
	struct err err;

	/* Before the first list is whole a kernel's event may come, and nothing is known to be free. */
	if (network->leaving || !network->configured || (!network->listed && !network->stale))
		return;
	if (come_up(network, &err) < 0) {
		snprintf(network->uplink_error, sizeof(network->uplink_error), "%s", err.text);
		loop_timer_start(network->wait, WAIT_MS);
		network_judge(network);
		return;
	}
	if (network->listed)
		lease_update(network->lease, &network->config, &network->known.now.peers);
	network_save_soon(network);
	network_judge(network);
	sync_mark(network->sync, SYNC_PEERS);
}

static void on_wait(void *ctx)
{
	struct network *network = ctx;

	if (network->configured)
		network_store_changed(network);
	else
		network->store->ops->refresh(network->store);
}

void network_config_missing(struct network *network, const char *why)
{
	snprintf(network->config_error, sizeof(network->config_error), "%s", why);
	loop_timer_start(network->wait, WAIT_MS);
	network_judge(network);
}

static struct device_want device_want(const struct network *network, const struct config *config,
				      const struct prefix subnet[static FAMILIES])
{
	struct device_want want = {
		.network = network->name,
		.vni = config->vni,
		.port = config->port,
		.mtu = network_mtu(network, config),
		.learning = config->learning,
		.gbp = config->gbp,
		.mac = network->vtep_mac,
	};

	for (enum family f = 0; f < FAMILIES; f++) {
		if (network->outer[f])
			want.local[f] = network->uplink.address[f];
		if (prefix_is_set(&subnet[f]))
			want.gateway[f] = (struct prefix){ subnet_gateway(&subnet[f]),
							   subnet[f].len };
	}
	want.more = network->strays.gateway;
	want.more_len = network->strays.gateway_len;
	snprintf(want.uplink, sizeof(want.uplink), "%s", network->uplink.name);
	return want;
}

int network_check_config(const struct network *network, const struct config *config,
			 struct err *err)
{
	const struct lease_view lease = network_lease(network);
	struct device_want want;
	char own[PREFIX_TEXT_SIZE];

	if (!prefix_is_set(&lease.subnet[FAMILY_V4]) && !prefix_is_set(&lease.subnet[FAMILY_V6]))
		return 0;
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&lease.subnet[f]) && config_has(config, f) &&
		    !subnet_valid(&config->plan[f], &lease.subnet[f]))
			return err_set(
				err, ERR_CONFIG,
				"network configuration refused: this node's subnet %s is none of it",
				prefix_text(&lease.subnet[f], own));
	want = device_want(network, config, lease.subnet);
	if (device_check(network->env.nl, &want, err) < 0)
		return err_wrap(err, "network configuration refused");
	return 0;
}

/* What should be, once a lease has been held: losing it takes nothing away. */
static bool want_now(void *ctx, struct sync_want *want_out)
{
	struct network *network = ctx;
	struct peer_self self = network_self(network);

	if (network->leaving || !network->configured ||
	    !lease_is_whole(&network->config, self.subnet))
		return false;
	if (network_strays_look(network, self.subnet))
		sync_mark(network->sync, SYNC_ALL);
	network->device = device_want(network, &network->config, self.subnet);
	*want_out = (struct sync_want){
		.device = &network->device,
		.config = &network->config,
		.strays = &network->strays,
		.uplink = network->uplink.index,
	};
	return true;
}

static int publish(struct network *network, struct err *err)
{
	const struct peer_self self = network_self(network);
	struct lease_view lease = network_lease(network);
	struct state_network state = {
		.vni = network->config.vni,
		.mtu = network->device.mtu,
		.lease_lost = lease.state == LEASE_LOST,
	};

	snprintf(state.name, sizeof(state.name), "%s", network->name);
	device_bridge_name(state.vni, state.bridge);
	device_vxlan_name(state.vni, state.vxlan);
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&self.subnet[f]))
			state.family[state.family_len++] = (struct state_family){
				.cluster = network->config.plan[f].network,
				.subnet = self.subnet[f],
				.gateway = subnet_gateway(&self.subnet[f]),
			};
	return publish_network(network->env.run_dir, network->env.subnet_file, &state,
			       network->masquerades, err);
}

/* Devices stand: containers may come. A peer that the kernel refused does not stop that. */
static void passed(void *ctx)
{
	struct network *network = ctx;
	struct err err;

	if (!sync_stats(network->sync).devices && !network->published) {
		network_judge(network);
		return;
	}
	network->publish_error[0] = '\0';
	if (publish(network, &err) < 0) {
		snprintf(network->publish_error, sizeof(network->publish_error), "%s", err.text);
		loop_timer_start(network->wait, WAIT_MS);
	} else {
		network->published = true;
	}
	network_judge(network);
}

static const struct sync_owner sync_owner = { want_now, network_peers, passed };

int network_new(const struct network_env *env, const char *name, struct network **network_out,
		struct err *err)
{
	struct network *network = calloc(1, sizeof(*network));

	if (!network)
		return err_nomem(err, "the network");
	network->env = *env;
	snprintf(network->name, sizeof(network->name), "%s", name);
	snprintf(network->store_error, sizeof(network->store_error), "%s", still_waiting);
	snprintf(network->reason, sizeof(network->reason), "%s", still_waiting);
	network->since = (uint64_t)time(NULL);
	network->wait = loop_timer(env->loop, on_wait, network);
	network->grace = loop_timer(env->loop, network_grace_over, network);
	network->save = loop_timer(env->loop, network_save, network);
	network->uplink_timer = loop_timer(env->loop, network_find_uplink, network);
	network->strays_timer = loop_timer(env->loop, network_strays_again, network);
	if (!network->wait || !network->grace || !network->uplink_timer || !network->save ||
	    !network->strays_timer) {
		network_free(network);
		return err_nomem(err, "the network");
	}
	if (sync_new(env->loop, env->nl, &sync_owner, network, &network->sync, err) < 0 ||
	    watch_new(env->loop, &network_watch_owner, network, &network->watch, err) < 0) {
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
	lease_free(network->lease);
	if (network->store)
		network->store->ops->free(network->store);
	watch_free(network->watch);
	sync_free(network->sync);
	loop_event_free(network->wait);
	loop_event_free(network->grace);
	loop_event_free(network->uplink_timer);
	loop_event_free(network->strays_timer);
	loop_event_free(network->save);
	offload_free(network->saving);
	free(network->config_text);
	known_free(&network->known);
	strays_free(&network->strays);
	network_change_list_free(&network->changes.list);
	free(network);
}

struct store *network_store(const struct network *network)
{
	return network->store;
}

int network_start(struct network *network, struct store *store, struct err *err)
{
	const struct store_point seen = network_seen_before(network);

	network->store = store;
	return store->ops->start(store, &seen, err);
}

struct network_view network_view(const struct network *network)
{
	return (struct network_view){
		.name = network->name,
		.state = network->state,
		.reason = network->reason,
		.since = network->since,
		.endpoint = network->endpoint,
		.connected = network->connected,
		.connected_since = network->connected_since,
		.stale = network->stale,
		.store_error = network->connected ? "" : network->store_error,
		.wiped = network->wiped ? network->wiped_why : "",
		.wiped_until = network->wiped ? network->wiped_until : 0,
		.config = network->configured ? &network->config : NULL,
		.uplink = network->uplink.index ? &network->uplink : NULL,
		.vtep_mac = network->vtep_mac,
		.mtu = network->uplink.index ? network_mtu(network, &network->config) : 0,
		.lease = network_lease(network),
		.sync = sync_stats(network->sync),
		.known = &network->known.now,
		.self = network_self(network),
	};
}
