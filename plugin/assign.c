/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/assign.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "ipam/pool.h"
#include "plugin/cni_result.h"
#include "plugin/delegate.h"
#include "plugin/env.h"
#include "plugin/netconf.h"
#include "plugin/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void assigned_free(struct assigned *assigned)
{
	iface_settings_free(&assigned->settings);
	free(assigned->dns);
}

/* ---- The node's pool ---------------------------------------------------------------------- */

static int assign_from_pool(const struct netconf *netconf, const struct request *request,
			    const struct state_network *network, const struct attachment_lock *lock,
			    struct attachment *record, struct assigned *assigned, struct err *err)
{
	struct pool_choice choices[REQUEST_CHOICES];

	if (request_choose(netconf, request, network, choices, err) < 0 ||
	    iface_settings_make(network, netconf, &assigned->settings, err) < 0 ||
	    pool_acquire(lock, choices, network->family_len, netconf->data_dir, record, err) < 0)
		return -1;
	for (size_t i = 0; i < record->address_len; i++) {
		assigned->ips[i] = (struct cni_ip){
			.address = { .addr = record->addresses[i],
				     .len = state_address_len(network, &network->family[i]) },
			.gateway = network->family[i].gateway,
		};
	}
	assigned->ip_len = record->address_len;
	return 0;
}

/* ---- A delegated IPAM plugin -------------------------------------------------------------- */

/* The gateway in the network of addr; unset if addr lies in none, or the network has no gateway. */
static struct ipaddr gateway_for(const struct state_network *network, const struct ipaddr *addr)
{
	for (size_t i = 0; i < network->family_len; i++) {
		const struct state_family *family = &network->family[i];

		if (prefix_has(network->l2 ? &family->cluster : &family->subnet, addr))
			return family->gateway;
	}
	return (struct ipaddr){ .family = AF_UNSPEC };
}

static int read_ips(const struct cni_result *result, const struct netconf *netconf,
		    const struct state_network *network, struct assigned *assigned, struct err *err)
{
	if (result->ips.len == 0 || result->ips.len > ATTACHMENT_ADDRESSES)
		return err_set(err, ERR_DELEGATE,
			       "IPAM plugin %s returned %zu addresses; 1 to %d are supported",
			       netconf->ipam, result->ips.len, ATTACHMENT_ADDRESSES);
	for (size_t i = 0; i < result->ips.len; i++) {
		struct cni_ip *ip = &assigned->ips[i];

		ip->address = result->ips.at[i].address;
		ip->gateway = result->ips.at[i].gateway;
		if (!ipaddr_is_set(&ip->gateway))
			ip->gateway = gateway_for(network, &ip->address.addr);
	}
	assigned->ip_len = result->ips.len;
	return 0;
}

/* The network reduced to the families of the assigned addresses, with their gateways. */
static struct state_network network_of_addresses(const struct state_network *network,
						 const struct assigned *assigned)
{
	struct state_network view = *network;

	view.family_len = 0;
	for (size_t f = 0; f < network->family_len; f++) {
		for (size_t i = 0; i < assigned->ip_len; i++) {
			const struct cni_ip *ip = &assigned->ips[i];
			struct state_family *family = &view.family[view.family_len];

			if (ip->address.addr.family != network->family[f].cluster.addr.family ||
			    (!network->l2 && !ipaddr_is_set(&ip->gateway)))
				continue;
			*family = network->family[f];
			family->gateway = ip->gateway;
			view.family_len++;
			break;
		}
	}
	return view;
}

static int read_routes(const struct cni_result *result, const struct netconf *netconf,
		       const struct state_network *network, struct assigned *assigned,
		       struct err *err)
{
	const struct state_network view = network_of_addresses(network, assigned);

	if (iface_settings_make(&view, netconf, &assigned->settings, err) < 0)
		return -1;
	for (size_t i = 0; i < result->routes.len; i++) {
		if (iface_settings_add_route(&assigned->settings, &view, &result->routes.at[i],
					     err) < 0)
			return -1;
	}
	return 0;
}

static int assign_delegated(const struct env *env, const struct netconf *netconf,
			    const struct state_network *network, const struct attachment_lock *lock,
			    struct attachment *record, struct assigned *assigned, struct err *err)
{
	AUTO(cni_result) struct cni_result result = { .dns = NULL };
	AUTO(free) char *answer = NULL;
	char path[FS_PATH_SIZE];

	if (delegate_find(env->path, netconf->ipam, path, err) <= 0)
		return -1;
	snprintf(record->ipam, sizeof(record->ipam), "%s", netconf->ipam);
	if (attachment_write(lock, record, err) < 0 ||
	    delegate_run(path, "ADD", netconf->text, &answer, err) < 0)
		return -1;
	if (cni_result_parse(answer, netconf->ipam, &result, err) < 0) {
		err->code = ERR_DELEGATE;
		return -1;
	}
	if (read_ips(&result, netconf, network, assigned, err) < 0 ||
	    read_routes(&result, netconf, network, assigned, err) < 0)
		return -1;
	assigned->dns = take_ptr(result.dns);
	record->address_len = assigned->ip_len;
	for (size_t i = 0; i < assigned->ip_len; i++)
		record->addresses[i] = assigned->ips[i].address.addr;
	attachment_derive_mac(record);
	return attachment_write(lock, record, err);
}

/* ---- Dispatch ----------------------------------------------------------------------------- */

int assign_addresses(const struct env *env, const struct netconf *netconf,
		     const struct request *request, const struct state_network *network,
		     const struct attachment_lock *lock, struct attachment *record,
		     struct assigned *assigned_out, struct err *err)
{
	AUTO(assigned) struct assigned assigned = { .ip_len = 0 };
	int status = *netconf->ipam ?
			     assign_delegated(env, netconf, network, lock, record, &assigned, err) :
			     assign_from_pool(netconf, request, network, lock, record, &assigned,
					      err);

	if (status < 0)
		return -1;
	*assigned_out = assigned;
	assigned = (struct assigned){ .ip_len = 0 };
	return 0;
}

int assign_forward(const struct env *env, const struct netconf *netconf, const char *verb,
		   struct err *err)
{
	const bool removes = strcmp(verb, "DEL") == 0 || strcmp(verb, "GC") == 0;
	AUTO(free) char *answer = NULL;
	char path[FS_PATH_SIZE];
	int found;

	if (!*netconf->ipam)
		return 0;
	found = delegate_find(env->path, netconf->ipam, path, err);
	if (found == 0 && removes) {
		log_warn("no IPAM plugin to release the addresses", "error", err->text);
		return 0;
	}
	if (found <= 0)
		return -1;
	return delegate_run(path, verb, netconf->text, &answer, err);
}

int assign_check_free(const struct env *env, const struct netconf *netconf,
		      const struct state_network *network, struct err *err)
{
	struct pool_choice choices[REQUEST_CHOICES];

	if (*netconf->ipam) {
		if (assign_forward(env, netconf, "STATUS", err) == 0)
			return 0;
		if (err->code != ERR_LIMITED)
			err->code = ERR_UNAVAILABLE;
		return -1;
	}
	if (request_choose(netconf, NULL, network, choices, err) < 0)
		return -1;
	for (size_t i = 0; i < network->family_len; i++) {
		if (pool_check_free(netconf->run_dir, netconf->network, &choices[i].set,
				    netconf->data_dir, err) < 0) {
			err->code = ERR_UNAVAILABLE;
			return -1;
		}
	}
	return 0;
}
