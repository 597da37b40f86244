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
#include "plugin/attach.h"
#include "plugin/env.h"
#include "plugin/netconf.h"
#include "plugin/result.h"
#include "plugin/veth.h"
#include "plugin/wiring.h"

#include <net/if.h>
#include <stdio.h>

/* One ADD and what it works with. */
struct add {
	const struct env *env;
	const struct netconf *netconf;
	struct state_network network;
	struct wiring wiring;
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
	wiring_free(&add->wiring);
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
	if (add->network.lease_lost)
		return err_set(err, ERR_LIMITED,
			       "this node has lost its subnet of network \"%s\" to another node",
			       netconf->network);
	return wiring_of(&add->network, netconf, &add->wiring, err);
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

/* Whether the namespace that a record names is still the one that it meant. */
static bool is_alive(const struct attachment *record)
{
	AUTO_CLOSE int fd = -1;
	struct err unused = ERR_INIT;
	struct netns_id id;
	int found = netns_open(record->netns, &fd, &unused);

	if (found <= 0)
		return found < 0; /* that it cannot be looked at does not say that it is gone */
	return netns_identify(fd, &id, &unused) < 0 || netns_same(&id, &record->netns_id);
}

/* A record of this very attachment: its container lives, or what it left is removed. */
static int take_over(struct add *add, const struct attachment_lock *lock, struct err *err)
{
	struct attachment old;
	int found = attachment_read(lock, &old, err);

	if (found <= 0)
		return found;
	if (is_alive(&old))
		return err_set(err, ERR_ATTACHED,
			       "%s of container %s is attached to network \"%s\" already, as %s",
			       add->env->ifname, ERR_SHOW(add->env->container_id),
			       add->netconf->network, old.host_veth);
	if (attach_remove(add->host, &add->veth, err) < 0)
		return -1;
	return pool_release(lock, &old, err);
}

/* ---- What is made ------------------------------------------------------------------------- */

static int answer(const struct add *add, const struct result_ip ips[], char **answer_out,
		  struct err *err)
{
	const struct result result = {
		.interfaces = {
			[RESULT_BRIDGE] = { add->bridge.name, add->bridge.mac, add->bridge.mtu, NULL },
			[RESULT_HOST] = { add->veth.name, add->veth.mac, add->wiring.mtu, NULL },
			[RESULT_CONTAINER] = { add->env->ifname,
					       mac_of_address(&add->record.addresses[0]),
					       add->wiring.mtu, add->env->netns },
		},
		.ips = ips,
		.ip_len = add->record.address_len,
		.routes = add->wiring.routes.at,
		.route_len = add->wiring.routes.len,
		.dns = add->netconf->dns,
	};

	return result_text(add->netconf->version, &result, answer_out, err);
}

static int attach(const struct add *add, const struct result_ip ips[], struct err *err)
{
	struct prefix addresses[ATTACHMENT_ADDRESSES];
	const struct attach attach = {
		.veth = &add->veth,
		.ifname = add->env->ifname,
		.mac = mac_of_address(&add->record.addresses[0]),
		.bridge = add->bridge.index,
		.mtu = add->wiring.mtu,
		.hairpin = add->netconf->hairpin,
		.netns = add->netns,
		.home = add->home,
		.addresses = addresses,
		.address_len = add->record.address_len,
		.routes = add->wiring.routes.at,
		.route_len = add->wiring.routes.len,
	};

	for (size_t i = 0; i < attach.address_len; i++)
		addresses[i] = ips[i].address;
	return attach_make(add->host, &attach, err);
}

/* Addresses, answer, device, in this order: what cannot fail any more comes last. */
static int make(struct add *add, const struct attachment_lock *lock, char **answer_out,
		struct err *err)
{
	struct result_ip ips[ATTACHMENT_ADDRESSES];
	AUTO_FREE char *text = NULL;

	add->record.netns_id = add->netns_id;
	snprintf(add->record.netns, sizeof(add->record.netns), "%s", add->env->netns);
	snprintf(add->record.host_veth, sizeof(add->record.host_veth), "%s", add->veth.name);
	if (pool_take(lock, add->wiring.ranges, add->wiring.range_len, &add->record, err) < 0)
		return -1;
	for (size_t i = 0; i < add->record.address_len; i++) {
		ips[i].address.addr = add->record.addresses[i];
		ips[i].address.len = add->network.family[i].subnet.len;
		ips[i].gateway = add->network.family[i].gateway;
	}
	if (answer(add, ips, &text, err) < 0 || attach(add, ips, err) < 0)
		return -1;
	*answer_out = take_ptr(text);
	return 0;
}

/* After a failure, under the lock still. */
static void give_up(const struct add *add, const struct attachment_lock *lock)
{
	struct err err = ERR_INIT;

	if (pool_release(lock, &add->record, &err) < 0 || attachment_remove(lock, &err) < 0)
		log_warn("what a failed ADD has taken is left to DEL", "error", err.text);
}

int cmd_add(const struct env *env, const struct netconf *netconf, char **answer_out,
	    struct err *err)
{
	const struct attachment_key key = env_key(env, netconf->network);
	AUTO_ATTACHMENT_LOCK struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	AUTO_ADD struct add add = { .env = env, .netconf = netconf, .netns = -1, .home = -1 };

	if (netconf->prev_result)
		return err_set(err, ERR_CONFIG,
			       "prevResult: weft has to be the first plugin of its list");
	add.veth = veth_of(&key);
	if (read_network(&add, err) < 0 || open_netns(&add, err) < 0 ||
	    nl_open(&add.host, err) < 0 || find_bridge(&add, err) < 0 ||
	    attachment_lock(netconf->run_dir, &key, &lock, err) < 0 ||
	    take_over(&add, &lock, err) < 0)
		return -1;
	if (make(&add, &lock, answer_out, err) == 0)
		return 0;
	give_up(&add, &lock);
	return -1;
}
