/* SPDX-License-Identifier: Apache-2.0 */
#include "status_leases.h"

#include "common/err.h"
#include "common/json.h"
#include "network.h"
#include "status.h"

#include <string.h>

struct list {
	const struct network_view *view;
	struct jb_at to;
};

static void put_subnets(struct jb_at at, const struct peer *peer)
{
	const char *key = "subnet";

	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&peer->subnet[f]))
			continue;
		jb_prefix(at, key, &peer->subnet[f]);
		key = "subnet6";
	}
}

static bool is_own(const struct list *list, const struct peer *peer)
{
	return !strcmp(peer->node, list->view->self.node);
}

/* Kept for a node that has not put its address there. */
static bool is_bare(const struct peer *peer)
{
	return peer->lease == 0 && mac_is_zero(&peer->vtep_mac[FAMILY_V4]) &&
	       mac_is_zero(&peer->vtep_mac[FAMILY_V6]);
}

static void put_lease(const struct list *list, const struct peer *peer, const char *state,
		      const char *reason)
{
	struct jb_at at = jb_obj(list->to, NULL);
	const struct peer *whole = peer;
	char key[PEER_KEY_SIZE];

	jb_str(at, "network", list->view->name);
	put_subnets(at, whole);
	jb_str(at, "key", peer_key(whole->subnet, key));
	jb_str(at, "node", peer->node);
	jb_str(at, "name", peer->name);
	if (ipaddr_is_set(&peer->public_ip[FAMILY_V4]))
		jb_ipaddr(at, "publicIP", &peer->public_ip[FAMILY_V4]);
	if (ipaddr_is_set(&peer->public_ip[FAMILY_V6]))
		jb_ipaddr(at, "publicIPv6", &peer->public_ip[FAMILY_V6]);
	jb_u64_text(at, "id", peer->lease);
	if (is_own(list, peer))
		jb_u32(at, "ttl", list->view->lease.ttl_s);
	jb_bool(at, "reserved", peer->lease == 0);
	jb_str(at, "state", state);
	jb_str(at, "reason", reason);
}

static void put_refused(void *ctx, const struct peer *peer, const char *reason)
{
	if (is_bare(peer))
		put_lease(ctx, peer, "reserved", "");
	else
		put_lease(ctx, peer, "refused", reason);
}

static void put_unread(const struct list *list)
{
	const struct known_unreads *unread = &list->view->known->unread;

	for (size_t i = 0; i < unread->len; i++) {
		struct jb_at at = jb_obj(list->to, NULL);

		jb_str(at, "network", list->view->name);
		jb_str(at, "key", unread->at[i].key);
		jb_str(at, "state", "refused");
		jb_str(at, "reason", unread->at[i].reason);
	}
}

static int put_network(const struct list *list, struct err *err)
{
	__attribute__((cleanup(peers_free))) struct peers usable = { .len = 0 };
	const struct peers *known = &list->view->known->peers;
	struct list ours = *list;

	if (!list->view->config)
		return 0;
	for (size_t i = 0; i < known->len; i++)
		if (!known->at[i].vanished && is_own(list, &known->at[i]))
			put_lease(list, &known->at[i], "own", "");
	if (!peers_judge(known, list->view->config, &list->view->self, &usable, NULL, put_refused,
			 &ours))
		return err_nomem(err, "the leases");
	for (size_t i = 0; i < usable.len; i++)
		put_lease(list, &usable.at[i], usable.at[i].vanished ? "vanished" : "used", "");
	put_unread(list);
	return 0;
}

int status_put_leases(const struct status_self *self, const char *only, struct jb_at root,
		      struct err *err)
{
	struct jb_at leases = jb_arr(root, "leases");

	for (size_t i = 0; i < self->network_len; i++) {
		struct network_view view = network_view(self->networks[i]);
		struct list list = { &view, leases };

		if (status_is_asked(only, view.name) && put_network(&list, err) < 0)
			return -1;
	}
	return 0;
}
