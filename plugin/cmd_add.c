/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/netlink/link.h"
#include "common/netlink/netns.h"
#include "common/netlink/nl.h"
#include "common/spoof/spoof.h"
#include "common/state.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"
#include "ipam/release.h"
#include "ipam/veth.h"
#include "plugin/assign.h"
#include "plugin/attach.h"
#include "plugin/cni_result.h"
#include "plugin/container_event.h"
#include "plugin/env.h"
#include "plugin/holder.h"
#include "plugin/netconf.h"
#include "plugin/repair.h"
#include "plugin/request.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One ADD and the resources that it holds. */
struct add {
	const struct env *env;
	const struct netconf *netconf;
	struct cni_result result; /* prevResult, to which this ADD's part is appended */
	struct request request;
	struct state_network network;
	struct assigned assigned;
	struct veth veth;
	int netns, home; /* the container's namespace, and the plugin's own */
	struct netns_id netns_id;
	struct nl *host;
	struct link bridge;
	struct repair repair;
	struct attachment record;
};

static void close_add(struct add *add)
{
	auto_nl(&add->host);
	auto_close(&add->netns);
	auto_close(&add->home);
	assigned_free(&add->assigned);
	request_free(&add->request);
	cni_result_free(&add->result);
}

AUTO_DEFINE_VALUE(add, struct add, close_add);

/* ---- Preconditions ------------------------------------------------------------------------ */

static int read_network(struct add *add, struct err *err)
{
	const struct netconf *netconf = add->netconf;
	int found = state_read_network(netconf->run_dir, netconf->network, &add->network, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_UNAVAILABLE,
			       "network \"%s\" is not published in %s/networks; is weftd "
			       "running and ready?",
			       netconf->network, netconf->run_dir);
	if (add->network.retired)
		return err_set(err, ERR_UNAVAILABLE,
			       "network \"%s\" is no longer served by weftd; add it to "
			       "weftd's --network or configure another one",
			       netconf->network);
	if (add->network.lease_lost)
		return err_set(err, ERR_LIMITED,
			       "this node lost its subnet of network \"%s\" to another node",
			       netconf->network);
	return 0;
}

/*
 * Checked before anything is created: a path like /proc/PID/ns/net may lead to the host's own
 * namespace once PID has been reused.
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
		return err_set(err, ERR_NETNS, "CNI_NETNS %s is the plugin's own network namespace",
			       add->env->netns);
	return 0;
}

static int look_up_bridge(struct add *add, struct err *err)
{
	const char *name = add->network.bridge;
	int found = link_get(add->host, name, &add->bridge, err);

	if (found < 0)
		return -1;
	if (!found || add->bridge.kind != LINK_KIND_BRIDGE || !(add->bridge.flags & IFF_UP))
		return err_set(err, ERR_UNAVAILABLE,
			       "device %s of network \"%s\" is %s; is weftd running?", name,
			       add->network.name,
			       !found                               ? "missing" :
			       add->bridge.kind != LINK_KIND_BRIDGE ? "not a bridge" :
								      "down");
	return 0;
}

/*
 * Waits for its repair. ADD can come between a deletion and the repair, and between boot and start.
 */
static int find_bridge(struct add *add, struct err *err)
{
	while (look_up_bridge(add, err) < 0) {
		if (err->code != ERR_UNAVAILABLE || !repair_wait(&add->repair))
			return -1;
		*err = ERR_INIT;
	}
	return 0;
}

/* ---- Leftovers ---------------------------------------------------------------------------- */

/*
 * Whether the record's attachment still exists: its namespace, and the veth that leads there. Both
 * are checked, since an ADD that was killed early has no veth yet, and the inode number of a
 * namespace is reused. A namespace that cannot be inspected counts as existing. 1 / 0 / -1.
 */
static int is_attached(const struct add *add, const struct attachment *old, struct err *err)
{
	struct link link;
	int found;

	if (netns_leads_to(old->netns, &old->netns_id) == 0)
		return 0;
	found = veth_find(add->host, &add->veth, &link, err);
	return found > 0 ? veth_is(&add->veth, &link) : found;
}

/* Handles a record of the same attachment: an error if it exists, else removes its leftovers. */
static int remove_leftovers(struct add *add, const struct attachment_lock *lock, struct err *err)
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
			       "%s of container %s is already attached to network \"%s\", as %s",
			       add->env->ifname, ERR_SHOW(add->env->container_id),
			       add->netconf->network, old.host_veth);
	if (attach_remove(add->host, &add->veth, err) < 0)
		return -1;
	release_spoof_check(&old);
	return pool_release(lock, &old, err);
}

/* ---- Result and device -------------------------------------------------------------------- */

/* runtimeConfig, then the configuration, then the IPAM plugin; NULL leaves that of prevResult. */
static const char *dns_of(const struct add *add)
{
	if (add->request.dns)
		return add->request.dns;
	return add->netconf->dns ? add->netconf->dns : add->assigned.dns;
}

static int add_interfaces(const struct add *add, struct cni_result *result, struct err *err)
{
	const uint32_t mtu = add->assigned.settings.mtu;
	const struct cni_interface interfaces[] = {
		{ .name = add->bridge.name, .mac = add->bridge.mac, .mtu = add->bridge.mtu },
		{ .name = add->veth.name, .mac = add->veth.mac, .mtu = mtu },
		{ .name = add->env->ifname,
		  .mac = add->record.port.mac,
		  .mtu = mtu,
		  .sandbox = add->env->netns },
	};

	for (size_t i = 0; i < ARRAY_LEN(interfaces); i++) {
		if (!cni_interfaces_push(&result->interfaces, &interfaces[i]))
			return err_nomem(err, "interfaces");
	}
	return 0;
}

/* Appends this attachment to prevResult (CNI 1.1.0, "ADD"), and formats the whole. */
static int format_result(struct add *add, char **text_out, struct err *err)
{
	const struct assigned *assigned = &add->assigned;
	struct cni_result *result = &add->result;
	const char *dns = dns_of(add);

	if (add_interfaces(add, result, err) < 0)
		return -1;
	for (size_t i = 0; i < assigned->ip_len; i++) {
		struct cni_ip ip = assigned->ips[i];

		/* The container's interface is the last. */
		ip.interface = (uint32_t)result->interfaces.len - 1;
		if (!cni_ips_push(&result->ips, &ip))
			return err_nomem(err, "addresses");
	}
	for (size_t i = 0; i < assigned->settings.routes.len; i++) {
		if (!netconf_routes_push(&result->routes, &assigned->settings.routes.at[i]))
			return err_nomem(err, "routes");
	}
	if (dns) {
		free(result->dns);
		result->dns = strdup(dns);
		if (!result->dns)
			return err_nomem(err, "dns");
	}
	return cni_result_text(add->netconf->version, result, text_out, err);
}

static int attach(const struct add *add, struct err *err)
{
	const struct assigned *assigned = &add->assigned;
	struct prefix addresses[ATTACHMENT_ADDRESSES];
	const struct attach attach = {
		.veth = &add->veth,
		.ifname = add->env->ifname,
		.port = &add->record.port,
		.bridge = add->bridge.index,
		.mtu = assigned->settings.mtu,
		.netns = add->netns,
		.home = add->home,
		.addresses = addresses,
		.address_len = assigned->ip_len,
		.routes = assigned->settings.routes.at,
		.route_len = assigned->settings.routes.len,
	};

	for (size_t i = 0; i < attach.address_len; i++)
		addresses[i] = assigned->ips[i].address;
	return attach_make(add->host, &attach, err);
}

/* Before the device exists: its first frame is checked. */
static int add_spoof_check(const struct attachment *record, struct err *err)
{
	const struct spoof_port port = attachment_spoof_port(record);

	return port.checked || port.isolated ? spoof_add(&port, err) : 0;
}

/* Whether the bridge was deleted, or the port taken out of it, while the container was attached. */
static bool is_bridge_lost(const struct add *add, const struct err *err)
{
	struct link link;
	struct err unused = ERR_INIT;

	return err->code == ERR_UNAVAILABLE ||
	       (err->code == ERR_KERNEL &&
		link_get_index(add->host, add->bridge.index, &link, &unused) == 0);
}

/* A failed attach_make leaves nothing, so it can be repeated with the repaired bridge. */
static int attach_repeatedly(struct add *add, struct err *err)
{
	while (attach(add, err) < 0) {
		if (!is_bridge_lost(add, err) || !repair_wait(&add->repair))
			return -1;
		*err = ERR_INIT;
		if (find_bridge(add, err) < 0)
			return -1;
	}
	return 0;
}

/* The result is formatted before the device is created: after that, nothing can fail. */
static int create(struct add *add, const struct attachment_lock *lock, char **output_out,
		  struct err *err)
{
	struct attachment *record = &add->record;
	const struct cni_args *args = &add->request.args;
	AUTO(free) char *text = NULL;

	record->netns_id = add->netns_id;
	record->port = (struct attachment_port){
		.known = true,
		.mac = args->mac,
		.hairpin = add->netconf->hairpin,
		.isolated = add->netconf->isolated,
		.locked = add->netconf->spoof_check,
	};
	snprintf(record->netns, sizeof(record->netns), "%s", add->env->netns);
	snprintf(record->host_veth, sizeof(record->host_veth), "%s", add->veth.name);
	record->pod = args->pod;
	if (assign_addresses(add->env, add->netconf, &add->request, &add->network, lock, record,
			     &add->assigned, err) < 0 ||
	    format_result(add, &text, err) < 0 || add_spoof_check(record, err) < 0 ||
	    attach_repeatedly(add, err) < 0)
		return -1;
	*output_out = take_ptr(text);
	return 0;
}

static void warn_incomplete(const struct add *add, const struct err *err)
{
	char pod[POD_TEXT_SIZE];

	log_warn("rollback incomplete; DEL will clean up", "container", add->env->container_id,
		 "pod", pod_text(&add->request.args.pod, pod), "error", err->text);
}

/* Undoes a failed ADD, with the lock still held. */
static void roll_back(const struct add *add, const struct attachment_lock *lock)
{
	struct err err = ERR_INIT;

	if (assign_forward(add->env, add->netconf, "DEL", &err) < 0)
		warn_incomplete(add, &err);
	/* The device is removed first: a released address may be assigned again at once. */
	if (attach_remove(add->host, &add->veth, &err) < 0) {
		warn_incomplete(add, &err);
		return;
	}
	release_spoof_check(&add->record);
	if (pool_release(lock, &add->record, &err) < 0 || attachment_remove(lock, &err) < 0)
		warn_incomplete(add, &err);
}

/* Reads prevResult and the runtime's request. */
static int read_request(struct add *add, struct err *err)
{
	const struct netconf *netconf = add->netconf;

	if (netconf->prev_result &&
	    cni_result_parse(netconf->prev_result, "prevResult", &add->result, err) < 0)
		return -1;
	if (request_read(netconf, add->env->args, &add->request, err) < 0)
		return -1;
	if (add->request.args.pod_fault)
		log_warn("invalid name in CNI_ARGS, left out", "key", add->request.args.pod_fault);
	return 0;
}

int cmd_add(const struct env *env, const struct netconf *netconf, char **output_out,
	    struct err *err)
{
	const struct attachment_key key = env_key(env, netconf->network);
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	AUTO(add)
	struct add add = {
		.env = env,
		.netconf = netconf,
		.netns = -1,
		.home = -1,
		.repair = { .run_dir = netconf->run_dir },
	};

	add.veth = veth_of(&key);
	if (read_request(&add, err) < 0 || read_network(&add, err) < 0 ||
	    open_netns(&add, err) < 0 || nl_open(&add.host, err) < 0 ||
	    holder_check(add.host, &add.network, err) < 0 || find_bridge(&add, err) < 0 ||
	    attachment_lock(netconf->run_dir, &key, &lock, err) < 0 ||
	    remove_leftovers(&add, &lock, err) < 0)
		return -1;
	if (create(&add, &lock, output_out, err) == 0) {
		container_event_attached(netconf->run_dir, &key, &add.record);
		return 0;
	}
	roll_back(&add, &lock);
	return -1;
}
