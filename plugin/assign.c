/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/assign.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "ipam/pool.h"
#include "plugin/delegate.h"
#include "plugin/env.h"
#include "plugin/given.h"
#include "plugin/netconf.h"
#include "plugin/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void assign_free(struct assigned *assigned)
{
	wiring_free(&assigned->wiring);
	free(assigned->dns);
}

/* ---- From the pool ------------------------------------------------------------------------ */

static int take_own(const struct netconf *netconf, const struct request *request,
		    const struct state_network *network, const struct attachment_lock *lock,
		    struct attachment *record, struct assigned *assigned, struct err *err)
{
	struct pool_choice choices[REQUEST_CHOICES];

	if (request_choose(netconf, request, network, choices, err) < 0 ||
	    wiring_of(network, netconf, &assigned->wiring, err) < 0 ||
	    pool_take(lock, choices, network->family_len, record, err) < 0)
		return -1;
	for (size_t i = 0; i < record->address_len; i++) {
		assigned->ips[i] = (struct result_ip){
			.address = { .addr = record->addresses[i],
				     .len = network->family[i].subnet.len },
			.gateway = network->family[i].gateway,
		};
	}
	assigned->ip_len = record->address_len;
	return 0;
}

/* ---- From another plugin ------------------------------------------------------------------ */

/* The node's address in the subnet that addr is of; unset where it has none. */
static struct ipaddr gateway_for(const struct state_network *network, const struct ipaddr *addr)
{
	for (size_t i = 0; i < network->family_len; i++) {
		if (prefix_has(&network->family[i].subnet, addr))
			return network->family[i].gateway;
	}
	return (struct ipaddr){ .family = AF_UNSPEC };
}

static int read_ips(const struct given *given, const struct netconf *netconf,
		    const struct state_network *network, struct assigned *assigned, struct err *err)
{
	if (given->ips.len == 0 || given->ips.len > ATTACHMENT_ADDRESSES)
		return err_set(err, ERR_DELEGATE, "%s gave %zu addresses, not 1 to %d",
			       netconf->ipam, given->ips.len, ATTACHMENT_ADDRESSES);
	for (size_t i = 0; i < given->ips.len; i++) {
		struct result_ip *ip = &assigned->ips[i];

		ip->address = given->ips.at[i].address;
		ip->gateway = given->ips.at[i].gateway;
		if (!ipaddr_is_set(&ip->gateway))
			ip->gateway = gateway_for(network, &ip->address.addr);
	}
	assigned->ip_len = given->ips.len;
	return 0;
}

/* The network as the addresses that were given make it: their families, and their gateways. */
static struct state_network network_as_given(const struct state_network *network,
					     const struct assigned *assigned)
{
	struct state_network seen = *network;

	seen.family_len = 0;
	for (size_t f = 0; f < network->family_len; f++) {
		for (size_t i = 0; i < assigned->ip_len; i++) {
			const struct result_ip *ip = &assigned->ips[i];
			struct state_family *family = &seen.family[seen.family_len];

			if (ip->address.addr.family != network->family[f].gateway.family ||
			    !ipaddr_is_set(&ip->gateway))
				continue;
			*family = network->family[f];
			family->gateway = ip->gateway;
			seen.family_len++;
			break;
		}
	}
	return seen;
}

static int read_routes(const struct given *given, const struct netconf *netconf,
		       const struct state_network *network, struct assigned *assigned,
		       struct err *err)
{
	const struct state_network seen = network_as_given(network, assigned);

	if (wiring_of(&seen, netconf, &assigned->wiring, err) < 0)
		return -1;
	for (size_t i = 0; i < given->routes.len; i++) {
		if (wiring_add(&assigned->wiring, &seen, &given->routes.at[i], err) < 0)
			return -1;
	}
	return 0;
}

static int take_given(const struct env *env, const struct netconf *netconf,
		      const struct state_network *network, const struct attachment_lock *lock,
		      struct attachment *record, struct assigned *assigned, struct err *err)
{
	AUTO_GIVEN struct given given = { .dns = NULL };
	AUTO_FREE char *answer = NULL;
	char path[FS_PATH_SIZE];

	if (delegate_find(env->path, netconf->ipam, path, err) <= 0)
		return -1;
	snprintf(record->ipam, sizeof(record->ipam), "%s", netconf->ipam);
	if (attachment_write(lock, record, err) < 0 ||
	    delegate_run(path, "ADD", netconf->text, &answer, err) < 0)
		return -1;
	if (given_parse(answer, netconf->ipam, &given, err) < 0) {
		err->code = ERR_DELEGATE;
		return -1;
	}
	if (read_ips(&given, netconf, network, assigned, err) < 0 ||
	    read_routes(&given, netconf, network, assigned, err) < 0)
		return -1;
	assigned->dns = take_ptr(given.dns);
	record->address_len = assigned->ip_len;
	for (size_t i = 0; i < assigned->ip_len; i++)
		record->addresses[i] = assigned->ips[i].address.addr;
	return attachment_write(lock, record, err);
}

/* ---- Both --------------------------------------------------------------------------------- */

int assign_take(const struct env *env, const struct netconf *netconf, const struct request *request,
		const struct state_network *network, const struct attachment_lock *lock,
		struct attachment *record, struct assigned *assigned_out, struct err *err)
{
	AUTO_ASSIGNED struct assigned assigned = { .ip_len = 0 };
	int result = *netconf->ipam ?
			     take_given(env, netconf, network, lock, record, &assigned, err) :
			     take_own(netconf, request, network, lock, record, &assigned, err);

	if (result < 0)
		return -1;
	*assigned_out = assigned;
	assigned = (struct assigned){ .ip_len = 0 };
	return 0;
}

int assign_forward(const struct env *env, const struct netconf *netconf, const char *verb,
		   struct err *err)
{
	const bool removes = strcmp(verb, "DEL") == 0 || strcmp(verb, "GC") == 0;
	AUTO_FREE char *answer = NULL;
	char path[FS_PATH_SIZE];
	int found;

	if (!*netconf->ipam)
		return 0;
	found = delegate_find(env->path, netconf->ipam, path, err);
	if (found == 0 && removes) {
		log_warn("addresses of another plugin were not given back", "error", err->text);
		return 0;
	}
	if (found <= 0)
		return -1;
	return delegate_run(path, verb, netconf->text, &answer, err);
}

int assign_check_room(const struct env *env, const struct netconf *netconf,
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
		if (pool_check_room(netconf->run_dir, netconf->network, &choices[i].set, err) < 0) {
			err->code = ERR_UNAVAILABLE;
			return -1;
		}
	}
	return 0;
}
