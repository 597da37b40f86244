/* SPDX-License-Identifier: Apache-2.0 */
#include "orders.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json.h"
#include "common/log.h"
#include "common/parse.h"
#include "common/remains.h"
#include "control.h"
#include "network.h"
#include "node.h"
#include "status.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORDERS_MAX 8
#define WORD_MAX 253

struct order {
	struct orders *orders; /* NULL: the slot is free */
	struct control *control;
	struct control_call call;
	const char *command;
	char network[STATE_NETWORK_NAME_SIZE];
	struct peer peer; /* whose subnet it is about */
	size_t next;      /* leave: of the networks */
};

struct orders {
	const struct status_self *self;
	const char *run_dir;
	orders_leave_fn *leave;
	void *ctx;
	struct order order[ORDERS_MAX];
};

/* What a request asks for. */
struct request {
	char command[16], node[WORD_MAX + 1];
	struct prefix subnet;
	bool force;
};

/* ---- Answers ----------------------------------------------------------------------------- */

/* NULL text: out of memory, and the client finds its connection closed at the deadline. */
static void tell(struct order *order, const char *error)
{
	AUTO(jb) struct jb *jb = jb_new();
	char key[PEER_KEY_SIZE], *text = NULL;
	const struct peer *peer = &order->peer;
	struct err err;
	struct jb_at at;

	if (!jb)
		return;
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	if (error) {
		jb_str(jb_root(jb), "error", error);
	} else {
		at = jb_obj(jb_root(jb), order->command);
		jb_str(at, "network", order->network);
		jb_str(at, "key", peer_key(peer->subnet, key));
		jb_str(at, "node", peer->node);
		jb_str(at, "name", peer->name);
		for (enum family f = 0; f < FAMILIES; f++)
			if (ipaddr_is_set(&peer->public_ip[f]))
				jb_ipaddr(at, f == FAMILY_V4 ? "publicIP" : "publicIPv6",
					  &peer->public_ip[f]);
	}
	if (jb_text(jb, &text, &err) == 0)
		control_reply(order->control, &order->call, text);
}

static void refuse(struct order *order, const struct err *err)
{
	tell(order, err->text);
	order->orders = NULL;
}

static void on_done(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct order *order = ctx;
	char key[PEER_KEY_SIZE];

	if (err) {
		refuse(order, err);
		return;
	}
	peer_key(order->peer.subnet, key);
	if (reply->succeeded)
		log_info("order carried out", "command", order->command, "key", key, "node",
			 order->peer.node);
	tell(order, reply->succeeded ? NULL :
				       "the store changed meanwhile: look with weftctl leases, and "
				       "try again");
	order->orders = NULL;
}

/* ---- Of whom and of what ----------------------------------------------------------------- */

static enum family family_of(const struct prefix *subnet)
{
	return subnet->addr.family == AF_INET6 ? FAMILY_V6 : FAMILY_V4;
}

/* The network that has such subnets. */
static struct network *find_network(const struct status_self *self, const struct prefix *subnet,
				    struct err *err)
{
	enum family f = family_of(subnet);
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < self->network_len; i++) {
		struct network_view view = network_view(self->networks[i]);

		if (view.config && config_has(view.config, f) &&
		    prefix_covers(&view.config->plan[f].network, subnet))
			return self->networks[i];
	}
	err_set(err, ERR_CONFIG, "%s lies in no network of this node", prefix_text(subnet, text));
	return NULL;
}

/* The key that has the subnet, or a part of it; NULL: it is free. */
static const struct peer *find_holder(const struct network_view *view, const struct prefix *subnet)
{
	enum family f = family_of(subnet);

	for (size_t i = 0; i < view->known->peers.len; i++) {
		const struct peer *peer = &view->known->peers.at[i];

		if (!peer->vanished && prefix_is_set(&peer->subnet[f]) &&
		    prefix_overlaps(&peer->subnet[f], subnet) &&
		    prefix_covers(&view->config->plan[f].network, &peer->subnet[f]))
			return peer;
	}
	return NULL;
}

static bool is_called(const struct peer *peer, const char *word)
{
	char text[IPADDR_TEXT_SIZE];

	if (!strcmp(peer->node, word) || !strcmp(peer->name, word))
		return true;
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&peer->public_ip[f]) &&
		    !strcmp(ipaddr_text(&peer->public_ip[f], text), word))
			return true;
	return false;
}

/* Two nodes of one name, and nothing that tells which is meant. */
static int is_ambiguous(const struct peer *one, const struct peer *other)
{
	return one->node[0] && strcmp(one->node, other->node) != 0;
}

/* Who is meant: a node that has a lease, this one, or one that is only named. */
static int find_node(const struct status_self *self, const struct network_view *view,
		     const char *word, struct peer *peer_out, struct err *err)
{
	const struct peers *known = &view->known->peers;
	struct peer peer = { .mod_revision = 0 };
	struct err ignored;
	bool found = false;

	if (!strcmp(word, self->node_name) || !strcmp(word, self->node->state.id)) {
		snprintf(peer.node, sizeof(peer.node), "%s", self->node->state.id);
		snprintf(peer.name, sizeof(peer.name), "%.*s", (int)sizeof(peer.name) - 1,
			 self->node_name);
		memcpy(peer.public_ip, view->self.public_ip, sizeof(peer.public_ip));
		found = true;
	}
	for (size_t i = 0; i < known->len; i++) {
		if (known->at[i].vanished || !is_called(&known->at[i], word))
			continue;
		if (found && is_ambiguous(&peer, &known->at[i]))
			return err_set(err, ERR_CONFIG,
				       "several nodes are called \"%.64s\": give the node's id",
				       word);
		peer = known->at[i];
		found = true;
	}
	if (!found && parse_uuid(word, &ignored) == 0)
		snprintf(peer.node, sizeof(peer.node), "%.*s", (int)sizeof(peer.node) - 1, word);
	else if (!found && (ipaddr_parse(word, &peer.public_ip[FAMILY_V4], &ignored) < 0 ||
			    peer.public_ip[FAMILY_V4].family != AF_INET))
		return err_set(err, ERR_CONFIG,
			       "no node \"%.64s\" is known: give its name as weftctl leases shows "
			       "it, its id, or its IPv4 address",
			       word);
	*peer_out = peer;
	return 0;
}

/* ---- Orders ------------------------------------------------------------------------------ */

static int hold_by(const struct peer *holder, const struct prefix *subnet, struct err *err)
{
	char text[PREFIX_TEXT_SIZE], key[PEER_KEY_SIZE];

	return err_set(err, ERR_CONFIG, "%s is not free: %s is leased by %s",
		       prefix_text(subnet, text), peer_key(holder->subnet, key),
		       holder->name[0] ? holder->name : "a node without a name");
}

static bool is_same_node(const struct peer *one, const struct peer *other)
{
	if (one->node[0] || other->node[0])
		return !strcmp(one->node, other->node);
	return ipaddr_equal(&one->public_ip[FAMILY_V4], &other->public_ip[FAMILY_V4]);
}

/* A key that the node has is put again without an etcd lease; else a new one is made. */
static int reserve(struct order *order, const struct request *request, struct network *network,
		   struct err *err)
{
	const struct network_view view = network_view(network);
	const struct peer *holder = find_holder(&view, &request->subnet);
	enum family f = family_of(&request->subnet);
	struct store *store = network_store(network);
	struct store_put put = { .lease = 0 };
	AUTO_FREE char *value = NULL;
	char key[PEER_KEY_SIZE], text[PREFIX_TEXT_SIZE];

	if (!subnet_valid(&view.config->plan[f], &request->subnet))
		return err_set(err, ERR_CONFIG,
			       "%s is no subnet that a node of network %s can have",
			       prefix_text(&request->subnet, text), view.name);
	if (find_node(order->orders->self, &view, request->node, &order->peer, err) < 0)
		return -1;
	if (holder && (!is_same_node(holder, &order->peer) || holder->unreadable))
		return hold_by(holder, &request->subnet, err);
	if (holder) {
		order->peer = *holder;
		put.if_revision = holder->mod_revision;
	} else {
		memset(order->peer.subnet, 0, sizeof(order->peer.subnet));
		order->peer.subnet[f] = request->subnet;
	}
	if ((holder && !mac_is_zero(&holder->vtep_mac[f]) ?
		     peer_value(&order->peer, &value, err) :
		     peer_reserved_value(&order->peer, &value, err)) < 0)
		return -1;
	put.key = peer_key(order->peer.subnet, key);
	put.value = value;
	store->ops->put(store, &put, on_done, order);
	return 0;
}

static int release(struct order *order, const struct request *request, struct network *network,
		   struct err *err)
{
	const struct network_view view = network_view(network);
	const struct peer *holder = find_holder(&view, &request->subnet);
	enum family f = family_of(&request->subnet);
	struct store *store = network_store(network);
	char key[PEER_KEY_SIZE], text[PREFIX_TEXT_SIZE];

	prefix_text(&request->subnet, text);
	if (!holder || !prefix_equal(&holder->subnet[f], &request->subnet))
		return err_set(err, ERR_CONFIG, "no lease has the subnet %s", text);
	if (view.lease.state == LEASE_HELD && !view.lease.reserved &&
	    prefix_equal(&view.lease.subnet[f], &request->subnet))
		return err_set(err, ERR_CONFIG,
			       "%s is this node's own lease, which it would take again", text);
	order->peer = *holder;
	store->ops->remove(store, peer_key(holder->subnet, key), holder->mod_revision, on_done,
			   order);
	return 0;
}

/* ---- Leaving ----------------------------------------------------------------------------- */

static void tell_left(struct order *order, const struct remains *done)
{
	AUTO(jb) struct jb *jb = jb_new();
	char *text = NULL;
	struct err err;
	struct jb_at at;

	if (!jb)
		return;
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	at = jb_obj(jb_root(jb), "leave");
	jb_count(at, "networks", order->next);
	jb_count(at, "devices", done->devices);
	jb_count(at, "routes", done->routes);
	jb_count(at, "rules", done->rules);
	jb_count(at, "files", done->files);
	if (jb_text(jb, &text, &err) == 0)
		control_reply(order->control, &order->call, text);
}

/* One network after the other; then what stands on the node. */
static void leave_next(void *ctx, const struct err *failed)
{
	struct order *order = ctx;
	const struct orders *orders = order->orders;
	struct remains done = { .devices = 0 };
	struct err err;

	if (failed) {
		refuse(order, failed);
		return;
	}
	while (order->next < orders->self->network_len)
		if (network_leave(orders->self->networks[order->next++], leave_next, order))
			return;
	if (orders->leave(orders->ctx, &done, &err) < 0)
		tell(order, err.text);
	else
		tell_left(order, &done);
	order->orders = NULL;
}

static int leave(struct order *order, const struct request *request, struct network *network,
		 struct err *err)
{
	size_t containers = 0;

	(void)network;
	if (remains_containers(order->orders->run_dir, &containers, err) < 0)
		return -1;
	if (containers && !request->force)
		return err_set(err, ERR_CONFIG,
			       "%zu containers would lose their network: end them first, or say "
			       "weftctl leave --force",
			       containers);
	leave_next(order, NULL);
	return 0;
}

static const struct {
	const char *command;
	int (*run)(struct order *order, const struct request *request, struct network *network,
		   struct err *err);
	bool names_node, names_subnet;
} commands[] = {
	{ "reserve", reserve, true, true },
	{ "release", release, false, true },
	{ "leave", leave, false, false },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Which command it is; COMMANDS: none of these, and somebody else's to judge. */
static size_t read_request(const char *text, size_t size, struct request *request, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	const char *command;
	struct jr root;
	size_t i;

	if (json_parse(text, size, CONTROL_REQUEST_MAX, JSON_STRICT, "request", &json, err) < 0)
		return COMMANDS;
	root = jr_root(json);
	command = jr_str_opt(&root, "command", 64, "");
	for (i = 0; i < COMMANDS && strcmp(command, commands[i].command) != 0;)
		i++;
	if (i == COMMANDS)
		return i;
	jr_u32(&root, "version", CONTROL_VERSION, CONTROL_VERSION);
	request->force = jr_bool_opt(&root, "force", false);
	if (commands[i].names_subnet)
		request->subnet = jr_prefix(&root, "subnet");
	if (commands[i].names_node)
		snprintf(request->node, sizeof(request->node), "%s",
			 jr_str(&root, "node", WORD_MAX));
	if (jr_done(json, ERR_DECODE, err) == 0)
		err->code = ERR_NONE;
	return i;
}

static struct order *free_slot(struct orders *orders)
{
	for (size_t i = 0; i < ORDERS_MAX; i++)
		if (!orders->order[i].orders)
			return &orders->order[i];
	return NULL;
}

bool orders_take(struct orders *orders, struct control *control, const struct control_call *call,
		 const char *text, size_t size)
{
	struct request request = { .command = "" };
	struct order spare, *order;
	struct network *network = NULL;
	struct err err = ERR_INIT;
	size_t command = read_request(text, size, &request, &err);

	if (command == COMMANDS)
		return false;
	order = free_slot(orders);
	if (!order) {
		order = &spare;
		err_set(&err, ERR_STATE, "%d orders are under way: try again", ORDERS_MAX);
	}
	*order = (struct order){ .orders = orders,
				 .control = control,
				 .call = *call,
				 .command = commands[command].command };
	if (call->uid != 0 && call->uid != geteuid())
		err_set(&err, ERR_CONFIG, "only root may have weftd change the leases");
	if (!err.code && commands[command].names_subnet)
		network = find_network(orders->self, &request.subnet, &err);
	if (network)
		snprintf(order->network, sizeof(order->network), "%s", network_view(network).name);
	if (err.code || commands[command].run(order, &request, network, &err) < 0)
		refuse(order, &err);
	return true;
}

int orders_new(const struct status_self *self, const char *run_dir, orders_leave_fn *leave_node,
	       void *ctx, struct orders **orders_out, struct err *err)
{
	struct orders *orders = calloc(1, sizeof(*orders));

	if (!orders)
		return err_nomem(err, "the orders");
	orders->self = self;
	orders->run_dir = run_dir;
	orders->leave = leave_node;
	orders->ctx = ctx;
	*orders_out = orders;
	return 0;
}

void orders_free(struct orders *orders)
{
	free(orders);
}
