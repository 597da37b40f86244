/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/err.h"
#include "common/link.h"
#include "common/log.h"
#include "common/netns.h"
#include "common/nl.h"
#include "common/state.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"
#include "ipam/veth.h"
#include "plugin/assign.h"
#include "plugin/attach.h"
#include "plugin/env.h"
#include "plugin/given.h"
#include "plugin/netconf.h"
#include "plugin/request.h"
#include "plugin/result.h"

#include <net/if.h>
#include <stdio.h>

/* One ADD and what it works with. */
struct add {
	const struct env *env;
	const struct netconf *netconf;
	struct given before; /* prevResult */
	struct request request;
	struct state_network network;
	struct assigned assigned;
	struct veth veth;
	int netns, home;
	struct netns_id netns_id;
	struct nl *host;
	struct link bridge;
	struct attachment record;
};

static void close_add(struct add *add)
{
	auto_nl(&add->host);
	auto_close(&add->netns);
	auto_close(&add->home);
	assign_free(&add->assigned);
	request_free(&add->request);
	given_free(&add->before);
}

#define AUTO_ADD __attribute__((cleanup(close_add)))

/* ---- What is there ------------------------------------------------------------------------ */

static int read_network(struct add *add, struct err *err)
{
	const struct netconf *netconf = add->netconf;
	int found = state_read_network(netconf->run_dir, netconf->network, &add->network, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_UNAVAILABLE,
			       "weftd has not published network \"%s\" in %s/networks (is it "
			       "running, and ready?)",
			       netconf->network, netconf->run_dir);
	if (add->network.retired)
		return err_set(err, ERR_UNAVAILABLE,
			       "weftd does not serve network \"%s\" any more: add it to its "
			       "--network, or name another one",
			       netconf->network);
	if (add->network.lease_lost)
		return err_set(err, ERR_LIMITED,
			       "this node has lost its subnet of network \"%s\" to another node",
			       netconf->network);
	return 0;
}

/*
 * Before anything is made: a path like /proc/PID/ns/net can lead to the host's own namespace
 * once PID is another process.
 */
static int open_netns(struct add *add, struct err *err)
{
	struct netns_id own;

	if (netns_open(add->env->netns, &add->netns, err) <= 0)
		return -1;
	if (netns_open_self(&add->home, err) < 0 || netns_identify(add->home, &own, err) < 0 ||
	    netns_identify(add->netns, &add->netns_id, err) < 0)
		return -1;
	if (netns_same(&own, &add->netns_id) && !add->env->any_netns)
		return err_set(err, ERR_NETNS,
			       "CNI_NETNS %s is the network namespace that the plugin runs in",
			       add->env->netns);
	return 0;
}

static int find_bridge(struct add *add, struct err *err)
{
	const char *name = add->network.bridge;
	int found = link_get(add->host, name, &add->bridge, err);

	if (found < 0)
		return -1;
	if (!found || add->bridge.kind != LINK_KIND_BRIDGE || !(add->bridge.flags & IFF_UP))
		return err_set(err, ERR_UNAVAILABLE,
			       "device %s of network \"%s\" is %s (weftd makes it: is it running?)",
			       name, add->network.name,
			       !found                               ? "missing" :
			       add->bridge.kind != LINK_KIND_BRIDGE ? "not a bridge" :
								      "down");
	return 0;
}

/* ---- What was left ------------------------------------------------------------------------ */

/*
 * Whether what the record says still stands: its namespace, and the device that leads there.
 * An ADD that was killed early has no device yet, and a namespace's number is given again.
 * That a namespace cannot be looked at does not say that it is gone. 1 / 0 / -1.
 */
static int is_attached(const struct add *add, const struct attachment *old, struct err *err)
{
	struct link link;
	int found;

	if (netns_leads_to(old->netns, &old->netns_id) == 0)
		return 0;
	found = link_get(add->host, add->veth.name, &link, err);
	return found > 0 ? veth_is(&add->veth, &link) : found;
}

/* A record of this very attachment: its container lives, or what it left is removed. */
static int take_over(struct add *add, const struct attachment_lock *lock, struct err *err)
{
	struct attachment old;
	int found = attachment_read(lock, &old, err), attached;

	if (found <= 0)
		return found;
	attached = is_attached(add, &old, err);
	if (attached < 0)
		return -1;
	if (attached)
		return err_set(err, ERR_ATTACHED,
			       "%s of container %s is attached to network \"%s\" already, as %s",
			       add->env->ifname, ERR_SHOW(add->env->container_id),
			       add->netconf->network, old.host_veth);
	if (attach_remove(add->host, &add->veth, err) < 0)
		return -1;
	return pool_release(lock, &old, err);
}

/* ---- What is made ------------------------------------------------------------------------- */

/* That of the configuration, or what was asked for this container, or what came with the addresses. */
static const char *dns_of(const struct add *add)
{
	if (add->request.dns)
		return add->request.dns;
	return add->netconf->dns ? add->netconf->dns : add->assigned.dns;
}

static struct mac mac_of(const struct add *add)
{
	const struct mac *asked = &add->request.args.mac;

	return mac_is_zero(asked) ? mac_of_address(&add->assigned.ips[0].address.addr) : *asked;
}

static int answer(const struct add *add, char **answer_out, struct err *err)
{
	const struct wiring *wiring = &add->assigned.wiring;
	const struct result result = {
		.interfaces = {
			[RESULT_BRIDGE] = { add->bridge.name, add->bridge.mac, add->bridge.mtu, NULL },
			[RESULT_HOST] = { add->veth.name, add->veth.mac, wiring->mtu, NULL },
			[RESULT_CONTAINER] = { add->env->ifname, mac_of(add), wiring->mtu,
					       add->env->netns },
		},
		.before = &add->before,
		.ips = add->assigned.ips,
		.ip_len = add->assigned.ip_len,
		.routes = wiring->routes.at,
		.route_len = wiring->routes.len,
		.dns = dns_of(add),
	};

	return result_text(add->netconf->version, &result, answer_out, err);
}

static int attach(const struct add *add, struct err *err)
{
	const struct assigned *assigned = &add->assigned;
	struct prefix addresses[ATTACHMENT_ADDRESSES];
	const struct attach attach = {
		.veth = &add->veth,
		.ifname = add->env->ifname,
		.mac = mac_of(add),
		.bridge = add->bridge.index,
		.mtu = assigned->wiring.mtu,
		.hairpin = add->netconf->hairpin,
		.isolated = add->netconf->isolated,
		.spoof_check = add->netconf->spoof_check,
		.netns = add->netns,
		.home = add->home,
		.addresses = addresses,
		.address_len = assigned->ip_len,
		.routes = assigned->wiring.routes.at,
		.route_len = assigned->wiring.routes.len,
	};

	for (size_t i = 0; i < attach.address_len; i++)
		addresses[i] = assigned->ips[i].address;
	return attach_make(add->host, &attach, err);
}

/* Addresses, answer, device, in this order: what cannot fail any more comes last. */
static int make(struct add *add, const struct attachment_lock *lock, char **answer_out,
		struct err *err)
{
	struct attachment *record = &add->record;
	const struct args *args = &add->request.args;
	AUTO_FREE char *text = NULL;

	record->netns_id = add->netns_id;
	snprintf(record->netns, sizeof(record->netns), "%s", add->env->netns);
	snprintf(record->host_veth, sizeof(record->host_veth), "%s", add->veth.name);
	snprintf(record->pod_namespace, sizeof(record->pod_namespace), "%s", args->pod_namespace);
	snprintf(record->pod_name, sizeof(record->pod_name), "%s", args->pod_name);
	if (assign_take(add->env, add->netconf, &add->request, &add->network, lock, record,
			&add->assigned, err) < 0 ||
	    answer(add, &text, err) < 0 || attach(add, err) < 0)
		return -1;
	*answer_out = take_ptr(text);
	return 0;
}

/* After a failure, under the lock still. */
static void give_up(const struct add *add, const struct attachment_lock *lock)
{
	struct err err = ERR_INIT;

	/* A DEL passes on to the other plugin with a record and without one. */
	if (assign_forward(add->env, add->netconf, "DEL", &err) < 0)
		log_warn("what a failed ADD was given is left to DEL", "error", err.text);
	/* An address is free only once no device holds it. */
	if (attach_remove(add->host, &add->veth, &err) < 0 ||
	    pool_release(lock, &add->record, &err) < 0 || attachment_remove(lock, &err) < 0)
		log_warn("what a failed ADD has taken is left to DEL", "error", err.text);
}

/* What the configuration and the runtime ask for. */
static int read_wishes(struct add *add, struct err *err)
{
	const struct netconf *netconf = add->netconf;

	if (netconf->prev_result &&
	    given_parse(netconf->prev_result, "prevResult", &add->before, err) < 0)
		return -1;
	return request_read(netconf, add->env->args, &add->request, err);
}

int cmd_add(const struct env *env, const struct netconf *netconf, char **answer_out,
	    struct err *err)
{
	const struct attachment_key key = env_key(env, netconf->network);
	AUTO_ATTACHMENT_LOCK struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	AUTO_ADD struct add add = { .env = env, .netconf = netconf, .netns = -1, .home = -1 };

	add.veth = veth_of(&key);
	if (read_wishes(&add, err) < 0 || read_network(&add, err) < 0 ||
	    open_netns(&add, err) < 0 || nl_open(&add.host, err) < 0 ||
	    find_bridge(&add, err) < 0 || attachment_lock(netconf->run_dir, &key, &lock, err) < 0 ||
	    take_over(&add, &lock, err) < 0)
		return -1;
	if (make(&add, &lock, answer_out, err) == 0)
		return 0;
	give_up(&add, &lock);
	return -1;
}
