/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/last_known.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/jitter.h"
#include "common/log.h"
#include "common/netlink/link.h"
#include "common/netlink/neigh.h"
#include "common/parse.h"
#include "common/state.h"
#include "common/vec.h"
#include "daemon/dataplane/device.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/firewall/firewall.h"
#include "daemon/io/loop.h"
#include "daemon/lease/lease_table.h"
#include "daemon/lease/node.h"
#include "daemon/lease/peer.h"
#include "daemon/network/network.h"
#include "daemon/network/network_firewall.h"
#include "daemon/network/snapshot.h"
#include "ipam/config.h"
#include "ipam/veth.h"

#include <linux/neighbour.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MS 8000          /* before the firewall replaces the table of an earlier weftd */
#define PERIOD_MS (300 * 1000) /* +-25 % */

struct last_known {
	struct network_env env;
	const char *const *names; /* that weftd serves */
	size_t len;
	struct loop_event *timer;
};

/* The devices of a network. */
struct retired {
	char name[STATE_NETWORK_NAME_SIZE];
	uint32_t vni;
	uint16_t port;
	struct mac mac;
	uint32_t vxlan[FAMILIES];      /* index, by outer family; 0: none */
	struct ipaddr local[FAMILIES]; /* their source addresses */
};
VEC_DEFINE(retired_list, struct retired);

/* A device of weft, of any network, that is not in the interface group. */
VEC_DEFINE(ungrouped_list, struct link);

struct scan {
	const struct last_known *last_known;
	bool served_too; /* networks in names that have no desired state yet */
	struct retired_list found;
	struct ungrouped_list ungrouped;
};

static void scan_free(struct scan *scan)
{
	retired_list_free(&scan->found);
	ungrouped_list_free(&scan->ungrouped);
}
AUTO_DEFINE_VALUE(scan, struct scan, scan_free);

/* ---- Devices ----------------------------------------------------------------------------- */

static bool is_named(const struct last_known *last_known, const char *name)
{
	for (size_t i = 0; i < last_known->len; i++)
		if (!strcmp(last_known->names[i], name))
			return true;
	return false;
}

static bool is_wanted(const struct scan *scan, const char *name)
{
	const struct last_known *last_known = scan->last_known;
	struct err unused;

	return parse_network_name(name, &unused) == 0 && strlen(name) < STATE_NETWORK_NAME_SIZE &&
	       (scan->served_too || !is_named(last_known, name)) &&
	       !firewall_has_network(last_known->env.firewall, name);
}

static struct retired *find(struct scan *scan, const char *name)
{
	struct retired added = { .port = CONFIG_PORT_DEFAULT };

	for (size_t i = 0; i < scan->found.len; i++)
		if (!strcmp(scan->found.at[i].name, name))
			return &scan->found.at[i];
	snprintf(added.name, sizeof(added.name), "%s", name);
	return retired_list_push(&scan->found, &added) ? &scan->found.at[scan->found.len - 1] :
							 NULL;
}

static void add_device(struct retired *retired, const struct link *link)
{
	enum family f = ipaddr_family(&link->vxlan.local);

	retired->mac = link->mac;
	if (link->kind == LINK_KIND_BRIDGE) {
		retired->vni = (uint32_t)strtoul(link->name + strlen("weft-br"), NULL, 10);
		return;
	}
	retired->vni = link->vxlan.vni;
	retired->port = link->vxlan.port;
	retired->vxlan[f] = link->index;
	retired->local[f] = link->vxlan.local;
}

static int on_link(void *ctx, const struct link *link, struct err *err)
{
	struct scan *scan = ctx;
	const char *name = device_network(link);
	struct retired *retired;

	if (link->group != LINK_GROUP_WEFT && !strncmp(link->alias, "weft ", 5) &&
	    !ungrouped_list_push(&scan->ungrouped, link))
		return err_nomem(err, "the devices");
	if (!name || !is_wanted(scan, name))
		return 0;
	retired = find(scan, name);
	if (!retired)
		return err_nomem(err, "the devices");
	add_device(retired, link);
	return 0;
}

static void on_restart(void *ctx)
{
	struct scan *scan = ctx;

	retired_list_clear(&scan->found);
	ungrouped_list_clear(&scan->ungrouped);
}

static void group_device(struct nl *nl, const struct link *link)
{
	struct err err = ERR_INIT;

	if (link_set_group(nl, link->index, LINK_GROUP_WEFT, &err) < 0)
		log_warn("cannot set the interface group", "device", link->name, "error", err.text);
}

/* A device of a served network gets the group at its next reconcile. */
static void group_devices(const struct scan *scan)
{
	for (size_t i = 0; i < scan->ungrouped.len; i++) {
		const struct link *link = &scan->ungrouped.at[i];

		for (size_t k = 0; k < scan->found.len; k++)
			if (device_is_ours(link, scan->found.at[k].name) ||
			    veth_is_of_network(link, scan->found.at[k].name))
				group_device(scan->last_known->env.nl, link);
	}
}

/* ---- The last known values ---------------------------------------------------------------- */

/* Reads cluster and subnet as published; the subnet, if it is not, from node.json. */
static void read_families(const struct last_known *last_known, struct firewall_network *network)
{
	const struct state_node *node = &last_known->env.node->state;
	struct state_network state;
	struct err unused;

	for (size_t i = 0; i < node->network_len; i++)
		if (!strcmp(node->network[i].name, network->name))
			memcpy(network->subnet, node->network[i].subnet, sizeof(network->subnet));
	if (state_read_network(last_known->env.run_dir, network->name, &state, &unused) <= 0)
		return;
	network->foreign = state.bridge[0] && strcmp(state.bridge, network->bridge) != 0;
	if (network->foreign)
		memcpy(network->bridge, state.bridge, sizeof(network->bridge));
	network->bridged = state.l2;
	network->is_switch = state.l2 && !network->foreign;
	network->flood_limit = state.l2 ? CONFIG_FLOOD_LIMIT_DEFAULT : 0; /* it may flood */
	for (size_t i = 0; i < state.family_len; i++) {
		enum family f = ipaddr_family(&state.family[i].cluster.addr);

		network->cluster[f] = network->subnet[f] = (struct prefix){ 0 };
		if (state.l2 && !ipaddr_is_set(&state.family[i].gateway))
			continue;
		network->is_switch = false;
		network->cluster[f] = state.family[i].cluster;
		network->subnet[f] = state.l2 ? state.family[i].cluster : state.family[i].subnet;
	}
}

static void lease_tables_free(struct lease_table *table)
{
	lease_table_free(table);
}
AUTO_DEFINE_VALUE(table, struct lease_table, lease_tables_free);
AUTO_DEFINE_VALUE(desired, struct desired_state, desired_state_free);

/* Returns the rules of the snapshot: 1, 0 without a usable one, -1 out of memory. */
static int read_snapshot(const struct last_known *last_known, const struct retired *retired,
			 struct firewall_network *network)
{
	const struct node *node = last_known->env.node;
	AUTO(table) struct lease_table leases = { .listing = false };
	AUTO(desired) struct desired_state desired = { .listed = DESIRED_PEERS_ALL };
	AUTO(free) char *text = NULL;
	struct peer_self self = { .node = node->state.id, .vtep_mac = retired->mac };
	struct config config;
	struct err err = ERR_INIT;
	int found = snapshot_read(node->state_dir, retired->name, &text, &leases, &err);

	if (found <= 0 || config_parse(text, strlen(text), NULL, NULL, &config, &err) < 0) {
		if (err.text[0])
			log_warn("snapshot cannot be used for packet rules", "network",
				 retired->name, "error", err.text);
		return 0;
	}
	config.vni = retired->vni; /* the rules are for the devices that exist */
	config.port = retired->port;
	memcpy(self.subnet, network->subnet, sizeof(self.subnet));
	memcpy(self.public_ip, retired->local, sizeof(self.public_ip));
	memcpy(self.uplink, retired->local, sizeof(self.uplink));
	for (enum family f = 0; f < FAMILIES; f++)
		self.outer[f] = retired->vxlan[f] != 0;
	if (!peers_filter(&leases.current.leases, &config, &self, &desired.peers, NULL, NULL,
			  NULL) ||
	    !network_firewall_make(retired->name, &config, &self, &desired, network))
		return -1;
	return 1;
}

/* Addresses of one family. */
struct fdb_peers {
	uint8_t family; /* AF_INET, AF_INET6 */
	struct firewall_elements *peers;
	size_t before; /* the number of peers from elsewhere */
};

static int on_fdb(void *ctx, const struct neigh_fdb *fdb, struct err *err)
{
	const struct fdb_peers *found = ctx;

	/* Learned entries are not from weftd. */
	if (fdb->bridge || fdb->vtep.family != found->family ||
	    !(fdb->state & (NUD_PERMANENT | NUD_NOARP)))
		return 0;
	return firewall_elements_add(found->peers, &fdb->vtep) ? 0 : err_nomem(err, "the peers");
}

static void on_fdb_restart(void *ctx)
{
	const struct fdb_peers *found = ctx;

	found->peers->len = found->before; /* an address missing here is in the snapshot */
}

/* Adds the peers of a device: those that the snapshot, some seconds older, lacks. */
static void add_peers(struct nl *nl, const struct retired *retired, enum family f,
		      struct firewall_elements *peers)
{
	struct fdb_peers found = { f == FAMILY_V6 ? AF_INET6 : AF_INET, peers, peers->len };
	struct err err = ERR_INIT;

	if (neigh_fdb_each(nl, retired->vxlan[f], on_fdb, on_fdb_restart, &found, &err) < 0)
		log_warn("cannot read the peers of a network that is not served", "network",
			 retired->name, "error", err.text);
	firewall_elements_sort(peers);
}

static bool make_network(const struct last_known *last_known, const struct retired *retired,
			 struct firewall_network *network)
{
	bool complete = false;
	int found;

	snprintf(network->name, sizeof(network->name), "%s", retired->name);
	device_bridge_name(retired->vni, network->bridge);
	device_vxlan_name(retired->vni, network->vxlan[0]);
	device_second_name(retired->vni, network->vxlan[1]);
	network->vni = retired->vni;
	network->port = retired->port;
	read_families(last_known, network);
	found = read_snapshot(last_known, retired, network);
	for (enum family f = 0; f < FAMILIES; f++) {
		network->outer[f] = retired->vxlan[f] != 0;
		network->local[f] = retired->local[f];
		complete |= prefix_is_set(&network->cluster[f]) &&
			    prefix_is_set(&network->subnet[f]);
		if (retired->vxlan[f])
			add_peers(last_known->env.nl, retired, f, &network->peers[f]);
	}
	network->closed = !complete && !network->is_switch && !network->foreign;
	return found >= 0;
}

/* ---- When -------------------------------------------------------------------------------- */

VEC_DEFINE(networks_known, struct firewall_network);

static void free_networks(struct networks_known *networks)
{
	for (size_t i = 0; i < networks->len; i++)
		firewall_network_free(&networks->at[i]);
	networks_known_free(networks);
}
AUTO_DEFINE_VALUE(found_rules, struct networks_known, free_networks);

static int apply(const struct last_known *last_known, bool served_too, struct err *err)
{
	AUTO(scan) struct scan scan = { .last_known = last_known, .served_too = served_too };
	AUTO(found_rules) struct networks_known networks = { .len = 0 };

	if (link_each(last_known->env.nl, on_link, on_restart, &scan, err) < 0)
		return -1;
	group_devices(&scan);
	for (size_t i = 0; i < scan.found.len; i++) {
		struct firewall_network network = { .vni = 0 };

		if (!make_network(last_known, &scan.found.at[i], &network) ||
		    !networks_known_push(&networks, &network)) {
			firewall_network_free(&network);
			return err_nomem(err, "packet rules");
		}
	}
	firewall_set_last_known(last_known->env.firewall, networks.at, networks.len);
	return 0;
}

static void run(struct last_known *last_known, bool served_too)
{
	struct err err = ERR_INIT;

	if (apply(last_known, served_too, &err) < 0)
		log_error("cannot find the networks that are not served", "error", err.text);
}

static void on_timer(void *ctx)
{
	struct last_known *last_known = ctx;

	run(last_known, true);
	loop_timer_start(last_known->timer, jitter_ms(PERIOD_MS));
}

int last_known_new(const struct network_env *env, const char *const names[], size_t len,
		   struct last_known **last_known_out, struct err *err)
{
	struct last_known *last_known = calloc(1, sizeof(*last_known));

	if (!last_known)
		return err_nomem(err, "packet rules");
	*last_known = (struct last_known){ .env = *env, .names = names, .len = len };
	last_known->timer = loop_timer(env->loop, on_timer, last_known);
	if (!last_known->timer) {
		last_known_free(last_known);
		return err_nomem(err, "packet rules");
	}
	*last_known_out = last_known;
	if (!env->firewall)
		return 0;
	/* Reading a large snapshot would delay the start; an earlier table has these rules. */
	run(last_known, !firewall_keeps_earlier(env->firewall));
	loop_timer_start(last_known->timer, FIRST_MS);
	return 0;
}

void last_known_set(struct last_known *last_known, const char *const names[], size_t len)
{
	last_known->names = names;
	last_known->len = len;
	if (last_known->env.firewall)
		loop_timer_start(last_known->timer, FIRST_MS);
}

void last_known_free(struct last_known *last_known)
{
	if (!last_known)
		return;
	loop_event_free(last_known->timer);
	free(last_known);
}
