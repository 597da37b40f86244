/* SPDX-License-Identifier: Apache-2.0 */
#include "status.h"

#include "common/control.h"
#include "common/err.h"
#include "common/json.h"
#include "common/legacy.h"
#include "common/state.h"
#include "device.h"
#include "network.h"
#include "node.h"
#include "peer_dropped.h"
#include "rules.h"
#include "status_leases.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const state_name[] = {
	[NETWORK_STARTING] = "starting",
	[NETWORK_READY] = "ready",
	[NETWORK_DEGRADED] = "degraded",
};

/* The first one under the key, the IPv6 one that stands beside it under "key6". */
static void put_prefixes(struct jb_at at, const char *key, const struct prefix of[static FAMILIES])
{
	char second[32];

	snprintf(second, sizeof(second), "%s6", key);
	for (enum family f = 0; f < FAMILIES; f++) {
		if (!prefix_is_set(&of[f]))
			continue;
		jb_prefix(at, key, &of[f]);
		key = second;
	}
}

/* Those that are set. */
static void put_addresses(struct jb_at at, const char *key, const char *v6_key,
			  const struct ipaddr of[static FAMILIES])
{
	if (ipaddr_is_set(&of[FAMILY_V4]))
		jb_ipaddr(at, key, &of[FAMILY_V4]);
	if (ipaddr_is_set(&of[FAMILY_V6]))
		jb_ipaddr(at, v6_key, &of[FAMILY_V6]);
}

static void put_store(struct jb_at at, const struct network_view *view)
{
	struct jb_at store = jb_obj(at, "store");

	jb_str(store, "endpoint", view->endpoint);
	jb_bool(store, "tls", !strncmp(view->endpoint, "https:", 6));
	jb_bool(store, "connected", view->connected);
	jb_count(store, "since", view->connected_since);
	jb_str(store, "error", view->store_error);
	jb_str(store, "wiped", view->wiped);
	jb_count(store, "wipedUntil", view->wiped_until);
}

static void put_lease(struct jb_at at, const struct network_view *view)
{
	const struct lease_view *lease = &view->lease;
	char key[PEER_KEY_SIZE];
	struct jb_at to;

	if (!prefix_is_set(&lease->subnet[FAMILY_V4]) &&
	    !prefix_is_set(&lease->subnet[FAMILY_V6])) {
		jb_null(at, "lease");
		return;
	}
	to = jb_obj(at, "lease");
	put_prefixes(to, "subnet", lease->subnet);
	jb_str(to, "key", peer_key(lease->subnet, key));
	jb_u64_text(to, "id", lease->id);
	jb_u32(to, "ttl", lease->ttl_s);
	jb_count(to, "renewedAt", lease->renewed_at);
	jb_bool(to, "reserved", lease->reserved);
	jb_bool(to, "lost", lease->state == LEASE_LOST);
	jb_str(to, "trouble", lease->trouble);
}

static void put_devices(struct jb_at at, const struct network_view *view)
{
	struct prefix cluster[FAMILIES];
	char name[IF_NAMESIZE];

	if (!view->config)
		return;
	for (enum family f = 0; f < FAMILIES; f++)
		cluster[f] = view->config->plan[f].network;
	put_prefixes(at, "cluster", cluster);
	jb_u32(at, "vni", view->config->vni);
	jb_u32(at, "port", view->config->port);
	jb_u32(at, "mtu", view->mtu);
	jb_str(at, "bridge", device_bridge_name(view->config->vni, name));
	jb_str(at, "vxlan", device_vxlan_name(view->config->vni, name));
	if (view->self.outer[FAMILY_V4] && view->self.outer[FAMILY_V6])
		jb_str(at, "vxlan6", device_second_name(view->config->vni, name));
	jb_mac(at, "vtepMac", &view->vtep_mac);
}

static void put_uplink(struct jb_at at, const struct uplink *uplink)
{
	struct jb_at to;

	if (!uplink) {
		jb_null(at, "uplink");
		return;
	}
	to = jb_obj(at, "uplink");
	jb_str(to, "name", uplink->name);
	put_addresses(to, "address", "address6", uplink->address);
	put_addresses(to, "publicIP", "publicIPv6", uplink->public_ip);
	jb_u32(to, "mtu", uplink->mtu);
}

/* How many of them are used in one family, though their lease has two. */
static uint64_t count_partial(const struct network_view *view, const struct peers *usable)
{
	uint64_t partial = 0;
	char reason[ERR_TEXT_SIZE];

	for (size_t i = 0; i < usable->len; i++)
		partial += peer_dropped(&view->known->peers, &usable->at[i], view->config,
					&view->self, reason, sizeof(reason));
	return partial;
}

/* Peers being counted, or listed. */
struct peer_list {
	const struct network_view *view;
	struct jb_at to;
	uint64_t refused;
};

static void count_refused(void *ctx, const struct peer *peer, const char *reason)
{
	struct peer_list *list = ctx;

	(void)peer, (void)reason;
	list->refused++;
}

static int put_network(struct jb_at networks, const struct network_view *view, struct err *err)
{
	__attribute__((cleanup(peers_free))) struct peers usable = { .len = 0 };
	struct peer_list list = { .view = view };
	struct jb_at at = jb_obj(networks, NULL), to;

	if (view->config && !peers_judge(&view->known->peers, view->config, &view->self, &usable,
					 NULL, count_refused, &list))
		return err_nomem(err, "the status");
	jb_str(at, "name", view->name);
	jb_str(at, "state", state_name[view->state]);
	jb_str(at, "reason", view->reason);
	jb_count(at, "since", view->since);
	jb_bool(at, "stale", view->stale);
	put_store(at, view);
	put_lease(at, view);
	put_devices(at, view);
	put_uplink(at, view->uplink);
	to = jb_obj(at, "peers");
	jb_count(to, "known", usable.len);
	jb_count(to, "programmed", view->sync.programmed);
	jb_count(to, "direct", view->sync.direct);
	jb_count(to, "partial", view->config ? count_partial(view, &usable) : 0);
	jb_count(to, "refused", list.refused + view->known->unread_all.len);
	to = jb_obj(at, "passes");
	jb_count(to, "run", view->sync.passes);
	jb_count(to, "failed", view->sync.failed);
	jb_count(to, "written", view->sync.written);
	jb_str(to, "lastError", view->sync.last_error);
	return 0;
}

static const char *rules_state(const struct rules_view *view)
{
	if (view->error[0])
		return "failed";
	return view->stands ? "ok" : "starting";
}

static void put_findings(struct jb_at list, const struct rules_findings *findings)
{
	for (size_t i = 0; i < findings->len; i++) {
		struct jb_at finding = jb_obj(list, NULL);

		jb_str(finding, "chain", findings->at[i].where);
		jb_bool(finding, "accepted", findings->at[i].accepted);
	}
}

static void put_rules(const struct status_self *self, struct jb_at to)
{
	struct rules_view view;
	struct jb_at at, list;

	if (!self->rules)
		return;
	self->rules(self->rules_ctx, &view);
	at = jb_obj(to, "rules");
	jb_str(at, "state", rules_state(&view));
	jb_str(at, "error", view.error);
	jb_bool(at, "masquerade", view.ip_masq);
	jb_bool(at, "forward", view.forward);
	jb_bool(at, "guard", view.guard);
	jb_u64_text(at, "guarded", view.guarded);
	jb_u64_text(at, "apart", view.apart);
	list = jb_arr(at, "lacking");
	for (enum rules_part part = RULES_WHOLE; part < RULES_PARTS; part++)
		if (view.lacking & 1U << part)
			jb_str(list, NULL, rules_part_name[part]);
	list = jb_arr(at, "dropping");
	put_findings(list, &view.foreign->findings);
	put_findings(list, &view.legacy->findings);
	list = jb_arr(at, "unseen");
	for (enum family f = 0; f < FAMILIES; f++)
		if (view.legacy->unseen[f])
			jb_str(list, NULL, legacy_name(f));
}

static int put_status(const struct status_self *self, const char *only, struct jb_at root,
		      struct err *err)
{
	struct jb_at at = jb_obj(root, "status"), networks;

	jb_str(at, "weftd", WEFT_VERSION);
	jb_u32(at, "pid", (uint32_t)getpid());
	jb_str(at, "node", self->node->state.id);
	jb_str(at, "name", self->node_name);
	jb_count(at, "startedAt", self->started_at);
	put_rules(self, at);
	networks = jb_arr(at, "networks");
	for (size_t i = 0; i < self->network_len; i++) {
		struct network_view view = network_view(self->networks[i]);

		if (status_is_asked(only, view.name) && put_network(networks, &view, err) < 0)
			return -1;
	}
	return 0;
}

static struct jb_at put_peer(const struct peer_list *list, const struct peer *peer,
			     const char *state, const char *reason)
{
	struct jb_at at = jb_obj(list->to, NULL);
	bool v4 = !mac_is_zero(&peer->vtep_mac[FAMILY_V4]);

	jb_str(at, "network", list->view->name);
	put_prefixes(at, "subnet", peer->subnet);
	put_addresses(at, "publicIP", "publicIPv6", peer->public_ip);
	jb_mac(at, "vtepMac", &peer->vtep_mac[v4 ? FAMILY_V4 : FAMILY_V6]);
	jb_str(at, "node", peer->node);
	jb_str(at, "name", peer->name);
	jb_u32(at, "mtu", peer->mtu);
	jb_str(at, "state", state);
	jb_str(at, "reason", reason);
	return at;
}

static void put_usable(const struct peer_list *list, const struct peer *peer)
{
	const struct network_view *view = list->view;
	struct jb_at at = put_peer(list, peer, view->sync.good ? "programmed" : "pending",
				   view->sync.last_error);
	char reason[ERR_TEXT_SIZE];

	if (peer_dropped(&view->known->peers, peer, view->config, &view->self, reason,
			 sizeof(reason)))
		jb_str(at, "dropped", reason);
}

static void put_refused(void *ctx, const struct peer *peer, const char *reason)
{
	put_peer(ctx, peer, "refused", reason);
}

static void put_unread(const struct network_view *view, struct jb_at peers)
{
	for (size_t i = 0; i < view->known->unread.len; i++) {
		const struct known_unread *unread = &view->known->unread.at[i];
		struct jb_at at = jb_obj(peers, NULL);

		jb_str(at, "network", view->name);
		jb_str(at, "key", unread->key);
		jb_str(at, "state", "refused");
		jb_str(at, "reason", unread->reason);
	}
}

static int put_peers(const struct status_self *self, const char *only, struct jb_at root,
		     struct err *err)
{
	struct jb_at peers = jb_arr(root, "peers");

	for (size_t i = 0; i < self->network_len; i++) {
		__attribute__((cleanup(peers_free))) struct peers usable = { .len = 0 };
		struct network_view view = network_view(self->networks[i]);
		struct peer_list list = { .view = &view, .to = peers };

		if (!view.config || !status_is_asked(only, view.name))
			continue;
		if (!peers_judge(&view.known->peers, view.config, &view.self, &usable, NULL,
				 put_refused, &list))
			return err_nomem(err, "the peers");
		for (size_t p = 0; p < usable.len; p++)
			put_usable(&list, &usable.at[p]);
		put_unread(&view, peers);
	}
	return 0;
}

/* What can be asked. */
static const struct {
	const char *command;
	int (*put)(const struct status_self *self, const char *only, struct jb_at root,
		   struct err *err);
} commands[] = {
	{ "status", put_status },
	{ "peers", put_peers },
	{ "leases", status_put_leases },
};

/* Names all that there are where it is none of them. */
static int check_network(const struct status_self *self, const char *network, struct err *err)
{
	char names[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < self->network_len; i++) {
		const char *name = network_view(self->networks[i]).name;

		if (!strcmp(name, network))
			return 0;
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 i ? ", " : "", name);
	}
	return err_set(err, ERR_CONFIG, "this node has no network \"%s\"; it has: %s",
		       ERR_SHOW(network), names);
}

/* The command and the network that the request names; -1: what is wrong with it. */
static int read_request(const struct status_self *self, struct json *json, size_t *command_out,
			const char **only_out, struct err *err)
{
	struct jr root = jr_root(json);
	const char *command, *only;

	jr_u32(&root, "version", CONTROL_VERSION, CONTROL_VERSION);
	command = jr_str(&root, "command", 64);
	only = jr_str_opt(&root, "network", STATE_NETWORK_NAME_SIZE, NULL);
	if (jr_done(json, ERR_DECODE, err) < 0 || (only && check_network(self, only, err) < 0))
		return -1;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(command, commands[i].command)) {
			*command_out = i;
			*only_out = only;
			return 0;
		}
	}
	return err_set(err, ERR_CONFIG, "weftd " WEFT_VERSION " does not know the command \"%s\"",
		       command);
}

int status_answer(const struct status_self *self, const char *request, size_t size,
		  char **answer_out, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	AUTO(jb) struct jb *jb = jb_new();
	const char *only = NULL;
	struct err wrong;
	size_t command;

	if (!jb)
		return err_nomem(err, "an answer");
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	if (json_parse(request, size, CONTROL_REQUEST_MAX, JSON_STRICT, "request", &json, &wrong) <
		    0 ||
	    read_request(self, json, &command, &only, &wrong) < 0)
		jb_str(jb_root(jb), "error", wrong.text);
	else if (commands[command].put(self, only, jb_root(jb), err) < 0)
		return -1;
	return jb_text(jb, answer_out, err);
}
