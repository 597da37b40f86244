/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/own_lease.h"

#include "common/err.h"
#include "common/log.h"
#include "daemon/dataplane/device.h"
#include "daemon/lease/flannel.h"
#include "daemon/lease/lease.h"
#include "daemon/lease/lease_choose.h"
#include "daemon/lease/node.h"
#include "daemon/network/underlay.h"
#include "daemon/store/store.h"
#include "ipam/config.h"

#include <stdio.h>
#include <string.h>

/*
 * Peers send probes only to nodes that publish that they answer, and report those that do not as
 * silent.
 */
static bool answers_probes(const struct own_lease *own)
{
	const struct node *node = own->node;

	return node->probe && own->config->mode == CONFIG_ROUTED &&
	       (!node->probe_works || node->probe_works(node->probe_ctx, own->network));
}

/* Fills in the value of this node's key. */
static void fill(const struct own_lease *own, struct lease *lease)
{
	underlay_public_ip(own->underlay, lease->public_ip);
	underlay_source_ip(own->underlay, lease->source_ip);
	for (enum family f = 0; f < FAMILIES; f++) {
		lease->vtep_mac[f] = own->vtep_mac;
		lease->vni[f] = own->config->vni;
	}
	lease->mtu = underlay_mtu(own->underlay, own->config);
	snprintf(lease->node, sizeof(lease->node), "%s", own->node->state.id);
	snprintf(lease->name, sizeof(lease->name), "%s", own->node_name);
	snprintf(lease->machine, sizeof(lease->machine), "%s", own->machine);
	lease->probe = answers_probes(own);
}

static void fill_value(void *ctx, struct lease *lease)
{
	fill(ctx, lease);
}

static void on_changed(void *ctx)
{
	const struct own_lease *own = ctx;
	const struct lease_client_view view = own_lease_view(own);
	struct err err;

	if (view.state == LEASE_HELD &&
	    node_remember_lease(own->node, own->network, view.subnet, &err) < 0)
		log_error("lease cannot be recorded in the state directory", "network",
			  own->network, "error", err.text);
	own->changed(own->ctx);
}

static const struct lease_client_owner lease_client_owner = { fill_value, on_changed };

/* A store that assigns leases has added this node's id to flannel's lease, which has no MTU. */
static bool is_converted(const struct own_lease *own, const struct lease *lease)
{
	return !strcmp(lease->node, own->node->state.id) && !lease->mtu &&
	       !mac_is_zero(&lease->vtep_mac[FAMILY_V4]);
}

/*
 * The VTEP MAC of the flannel node that this node was, which its peers have: its device's, or its
 * lease's; zero: there was none.
 */
static int find_flannel_mac(const struct own_lease *own, struct nl *nl, const struct store *store,
			    const struct leases *leases, struct mac *mac_out, struct err *err)
{
	const struct ipaddr *public_ip = &own->underlay->uplink.public_ip[FAMILY_V4];
	int found = flannel_mac(nl, own->config->vni, mac_out, err);

	for (size_t i = 0; !found && ipaddr_is_set(public_ip) && i < leases->len; i++) {
		const struct lease *lease = &leases->at[i];

		if (lease->node[0] || store->unreserved ?
			    !is_converted(own, lease) :
			    !ipaddr_equal(&lease->public_ip[FAMILY_V4], public_ip))
			continue;
		*mac_out = lease->vtep_mac[FAMILY_V4];
		found = 1;
	}
	return found < 0 ? -1 : 0;
}

int own_lease_start(struct own_lease *own, struct loop *loop, struct nl *nl, struct store *store,
		    const struct leases *leases, const char *subnet_file, struct err *err)
{
	const struct state_node_network *remembered;
	struct mac flannel = { { 0 } };
	char vxlan[IF_NAMESIZE];
	struct lease_self self;

	if (find_flannel_mac(own, nl, store, leases, &flannel, err) < 0)
		return -1;
	remembered = node_network(own->node, nl, own->network,
				  device_vxlan_name(own->config->vni, vxlan), &flannel, err);
	if (!remembered)
		return -1;
	own->vtep_mac = remembered->vtep_mac;
	self = (struct lease_self){
		.network = own->network,
		.node = own->node->state.id,
		.last = { remembered->subnet[FAMILY_V4], remembered->subnet[FAMILY_V6] },
		.seed = node_seed(own->node),
		.foreign = own->foreign,
		.machine = own->machine,
		.assigned = store->unreserved,
	};
	if (!prefix_is_set(&self.last[FAMILY_V4]) && !prefix_is_set(&self.last[FAMILY_V6]))
		flannel_subnets(subnet_file, self.last);
	underlay_public_ip(own->underlay, self.public_ip);
	return lease_client_new(loop, store, &self, &lease_client_owner, own, &own->client, err);
}

void own_lease_free(struct own_lease *own)
{
	lease_client_free(own->client);
}

struct lease_client_view own_lease_view(const struct own_lease *own)
{
	return own->client ? lease_client_view(own->client) :
			     (struct lease_client_view){ .error = "" };
}

const struct prefix *own_lease_subnet(const struct own_lease *own, struct lease_client_view *view)
{
	*view = own_lease_view(own);
	return view->state == LEASE_HELD ? view->subnet : NULL;
}

bool own_lease_held(const struct own_lease *own, struct lease *lease_out)
{
	const struct lease_client_view view = own_lease_view(own);

	if (view.state != LEASE_HELD)
		return false;
	*lease_out = *view.put;
	lease_out->etcd_lease = view.reserved ? 0 : view.etcd_lease;
	lease_out->mod_revision = view.revision;
	return true;
}

int own_lease_check_config(const struct own_lease *own, const struct config *config,
			   struct err *err)
{
	const struct lease_client_view view = own_lease_view(own);
	char subnet[PREFIX_TEXT_SIZE];

	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&view.subnet[f]) && config_has(config, f) &&
		    !subnet_valid(&config->pool[f], &view.subnet[f]))
			return err_set(err, ERR_CONFIG,
				       "network configuration refused: it does not contain this "
				       "node's subnet %s",
				       prefix_text(&view.subnet[f], subnet));
	return 0;
}
