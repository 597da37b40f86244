/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a container's addresses come from: the node's pool, or the plugin that ipam.type names, to
 * which each verb is then passed on. For the verbs, with the attachment's lock held.
 */
#pragma once

#include "common/state.h"
#include "ipam/attachment.h"
#include "plugin/result.h"
#include "plugin/wiring.h"

#include <stddef.h>

struct env;
struct err;
struct netconf;
struct request;

/* What a container is given. */
struct assigned {
	struct result_ip ips[ATTACHMENT_ADDRESSES];
	size_t ip_len; /* at least one */
	struct wiring wiring;
	char *dns; /* JSON text, of the other plugin; NULL: none */
};

/*
 * Takes addresses; *record, all else in it, gets them and is written before anything is taken.
 * After a failure the record may stand, and the other plugin may have given something: the
 * caller gives up by assign_forward DEL and release. ERR_POOL_FULL, ERR_ADDRESS, ERR_CONFIG,
 * ERR_DELEGATE.
 */
int assign_take(const struct env *env, const struct netconf *netconf, const struct request *request,
		const struct state_network *network, const struct attachment_lock *lock,
		struct attachment *record, struct assigned *assigned_out, struct err *err);

/* An all-zero struct is allowed. */
void assign_free(struct assigned *assigned);
#define AUTO_ASSIGNED __attribute__((cleanup(assign_free)))

/*
 * Passes DEL, CHECK, GC or STATUS on; where no plugin is named, there is nothing to do. One that
 * is not there any more cannot give anything back, and must not keep a container from being
 * removed for ever: DEL and GC then succeed, with a warning. ERR_DELEGATE.
 */
int assign_forward(const struct env *env, const struct netconf *netconf, const char *verb,
		   struct err *err);

/* STATUS: whether an address could be given now. ERR_UNAVAILABLE, or what the other plugin says. */
int assign_check_room(const struct env *env, const struct netconf *netconf,
		      const struct state_network *network, struct err *err);
