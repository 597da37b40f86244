/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assigns a container's addresses, from the node's pool or through the IPAM plugin of ipam.type,
 * to which every verb is then forwarded. Called by the verbs with the attachment's lock held.
 */
#pragma once

#include "common/auto.h"
#include "common/state.h"
#include "ipam/attachment.h"
#include "plugin/cni_result.h"
#include "plugin/iface_settings.h"

#include <stddef.h>

struct env;
struct err;
struct netconf;
struct request;

/* What a container is assigned. */
struct assigned {
	struct cni_ip ips[ATTACHMENT_ADDRESSES]; /* interface is not set */
	size_t ip_len;                           /* at least one */
	struct iface_settings settings;
	char *dns; /* JSON text from the IPAM plugin; NULL: none */
};

/*
 * Assigns addresses and writes *record, in which all other members are set, before anything is
 * acquired; port.mac, if unset, is derived from the first address. Returns 0, or -1 with
 * ERR_POOL_FULL, ERR_ADDRESS, ERR_CONFIG or ERR_DELEGATE. After a failure the record and addresses
 * of the IPAM plugin may be left: the caller rolls back with assign_forward("DEL") and
 * pool_release.
 */
int assign_addresses(const struct env *env, const struct netconf *netconf,
		     const struct request *request, const struct state_network *network,
		     const struct attachment_lock *lock, struct attachment *record,
		     struct assigned *assigned_out, struct err *err);

/* Frees the members. An all-zero struct is allowed. */
void assigned_free(struct assigned *assigned);
AUTO_DEFINE_VALUE(assigned, struct assigned, assigned_free);

/*
 * Forwards DEL, CHECK, GC or STATUS to the IPAM plugin; without ipam.type, does nothing. Returns 0,
 * or -1 with ERR_DELEGATE. When the plugin's executable is missing, or is weft, DEL and GC
 * succeed with a warning: it cannot release anything, and the container must remain removable.
 */
int assign_forward(const struct env *env, const struct netconf *netconf, const char *verb,
		   struct err *err);

/*
 * STATUS: whether an address is available. Returns 0, or -1 with ERR_UNAVAILABLE, or ERR_LIMITED
 * from the IPAM plugin.
 */
int assign_check_free(const struct env *env, const struct netconf *netconf,
		      const struct state_network *network, struct err *err);
