/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/commands.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/cleanup/cleanup.h"
#include "common/control.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/log.h"
#include "common/parse.h"
#include "daemon/control/control.h"
#include "daemon/control/status.h"
#include "daemon/lease/node.h"
#include "daemon/network/network.h"
#include "daemon/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMMANDS_MAX 8 /* in progress at once */

struct command {
	struct commands *commands; /* NULL: the slot is free */
	struct control *control;
	struct control_call call;
	const char *name;
	char network[STATE_NETWORK_NAME_SIZE];
	struct lease peer; /* reserve, release: the lease that is written or deleted */
	size_t next;       /* leave: index of the next network */
};

struct commands {
	const struct status_self *self;
	const char *run_dir;
	commands_leave_fn *leave;
	void *ctx;
	struct command running[COMMANDS_MAX];
};

/* A parsed request. */
struct request {
	char command[16], node[CONTROL_NODE_MAX + 1];
	struct prefix subnet;
	bool force;
};

/* ---- Answers ----------------------------------------------------------------------------- */

/* error NULL: success. Out of memory: no reply, and the connection is closed at the deadline. */
static void send_reply(struct command *command, const char *error)
{
	AUTO(jb) struct jb *jb = jb_new();
	char key[LEASE_KEY_SIZE], *text = NULL;
	const struct lease *peer = &command->peer;
	struct err err;
	struct jb_at at;

	if (!jb)
		return;
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	if (error) {
		jb_str(jb_root(jb), "error", error);
	} else {
		at = jb_obj(jb_root(jb), command->name);
		jb_str(at, "network", command->network);
		jb_str(at, "key", lease_key(peer->subnet, key));
		jb_str(at, "node_id", peer->node);
		jb_str(at, "node_name", peer->name);
		for (enum family f = 0; f < FAMILIES; f++)
			if (ipaddr_is_set(&peer->public_ip[f]))
				jb_ipaddr(at, f == FAMILY_V4 ? "public_ip" : "public_ipv6",
					  &peer->public_ip[f]);
	}
	if (jb_text(jb, &text, &err) == 0)
		control_reply(command->control, &command->call, text);
}

static void refuse(struct command *command, const struct err *err)
{
	send_reply(command, err->text);
	command->commands = NULL;
}

static void on_done(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct command *command = ctx;
	char key[LEASE_KEY_SIZE];

	if (err) {
		refuse(command, err);
		return;
	}
	lease_key(command->peer.subnet, key);
	if (reply->succeeded)
		log_info("command completed", "network", command->network, "command", command->name,
			 "key", key, "node", command->peer.node);
	send_reply(command,
		   reply->succeeded ?
			   NULL :
			   "the store changed concurrently: check weftctl leases and retry");
	command->commands = NULL;
}

/* ---- Look-ups ---------------------------------------------------------------------------- */

/* Returns the network whose address range covers the subnet; NULL with err set: none. */
static struct network *find_network(const struct status_self *self, const struct prefix *subnet,
				    struct err *err)
{
	enum family f = ipaddr_family(&subnet->addr);
	char text[PREFIX_TEXT_SIZE];

	for (size_t i = 0; i < self->network_len; i++) {
		struct network_view view = network_view(self->networks[i]);

		if (view.config && config_has(view.config, f) &&
		    prefix_covers(&view.config->pool[f].network, subnet))
			return self->networks[i];
	}
	err_set(err, ERR_CONFIG, "%s is in no network of this node", prefix_text(subnet, text));
	return NULL;
}

/* Returns the lease that overlaps the subnet; NULL: it is free. */
static const struct lease *find_holder(const struct network_view *view, const struct prefix *subnet)
{
	enum family f = ipaddr_family(&subnet->addr);

	for (size_t i = 0; i < view->leases->leases.len; i++) {
		const struct lease *peer = &view->leases->leases.at[i];

		if (!peer->vanished && prefix_is_set(&peer->subnet[f]) &&
		    prefix_overlaps(&peer->subnet[f], subnet) &&
		    prefix_covers(&view->config->pool[f].network, &peer->subnet[f]))
			return peer;
	}
	return NULL;
}

static bool is_called(const struct lease *peer, const char *word)
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

/* Two nodes with the same name. */
static int is_ambiguous(const struct lease *one, const struct lease *other)
{
	return one->node[0] && strcmp(one->node, other->node) != 0;
}

/* Peers refuse a lease with an address that no node can have, such as 0.0.0.0. */
static bool is_node_address(const char *word, struct ipaddr *addr_out)
{
	struct err ignored;

	return ipaddr_parse(word, addr_out, &ignored) == 0 && addr_out->family == AF_INET &&
	       !ipaddr_is_special(addr_out);
}

/* Resolves a name, id or address: a node with a lease, this node, or an unknown id or address. */
static int find_node(const struct status_self *self, const struct network_view *view,
		     const char *word, struct lease *peer_out, struct err *err)
{
	const struct leases *known = &view->leases->leases;
	struct lease peer = { .mod_revision = 0 };
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
				       "ambiguous node name \"%.64s\": use the node id", word);
		peer = known->at[i];
		found = true;
	}
	if (!found && parse_uuid(word, &ignored) == 0)
		snprintf(peer.node, sizeof(peer.node), "%.*s", (int)sizeof(peer.node) - 1, word);
	else if (!found && !is_node_address(word, &peer.public_ip[FAMILY_V4]))
		return err_set(err, ERR_CONFIG,
			       "unknown node \"%.64s\": use a name from weftctl leases, a node id "
			       "or an IPv4 address of a node",
			       word);
	*peer_out = peer;
	return 0;
}

/* ---- reserve and release ----------------------------------------------------------------- */

static int not_free(const struct lease *holder, const struct prefix *subnet, struct err *err)
{
	char text[PREFIX_TEXT_SIZE], key[LEASE_KEY_SIZE];

	return err_set(err, ERR_CONFIG, "%s is not free: %s is leased by %s",
		       prefix_text(subnet, text), lease_key(holder->subnet, key),
		       holder->name[0] ? holder->name : "an unnamed node");
}

static bool is_same_node(const struct lease *one, const struct lease *other)
{
	if (one->node[0] || other->node[0])
		return !strcmp(one->node, other->node);
	return ipaddr_equal(&one->public_ip[FAMILY_V4], &other->public_ip[FAMILY_V4]);
}

/* Puts the node's existing key again without an etcd lease, or creates a key. */
static int reserve(struct command *command, const struct request *request, struct network *network,
		   struct err *err)
{
	const struct network_view view = network_view(network);
	const struct lease *holder = find_holder(&view, &request->subnet);
	enum family f = ipaddr_family(&request->subnet.addr);
	struct store *store = network_store(network);
	struct store_put put = { .lease = 0 };
	AUTO(free) char *value = NULL;
	char key[LEASE_KEY_SIZE], text[PREFIX_TEXT_SIZE];

	if (!subnet_valid(&view.config->pool[f], &request->subnet))
		return err_set(err, ERR_CONFIG, "%s is not a valid node subnet of network %s",
			       prefix_text(&request->subnet, text), view.name);
	if (find_node(command->commands->self, &view, request->node, &command->peer, err) < 0)
		return -1;
	if (holder && (!is_same_node(holder, &command->peer) || holder->invalid))
		return not_free(holder, &request->subnet, err);
	if (holder) {
		command->peer = *holder;
		put.if_revision = holder->mod_revision;
	} else {
		memset(command->peer.subnet, 0, sizeof(command->peer.subnet));
		command->peer.subnet[f] = request->subnet;
	}
	if ((holder && !mac_is_zero(&holder->vtep_mac[f]) ?
		     lease_value(&command->peer, &value, err) :
		     lease_reserved_value(&command->peer, &value, err)) < 0)
		return -1;
	put.key = lease_key(command->peer.subnet, key);
	put.value = value;
	store->ops->put(store, &put, on_done, command);
	return 0;
}

static int release(struct command *command, const struct request *request, struct network *network,
		   struct err *err)
{
	const struct network_view view = network_view(network);
	const struct lease *holder = find_holder(&view, &request->subnet);
	enum family f = ipaddr_family(&request->subnet.addr);
	struct store *store = network_store(network);
	char key[LEASE_KEY_SIZE], text[PREFIX_TEXT_SIZE];

	prefix_text(&request->subnet, text);
	if (!holder || !prefix_equal(&holder->subnet[f], &request->subnet))
		return err_set(err, ERR_CONFIG, "no lease for subnet %s", text);
	if (view.lease.state == LEASE_HELD && !view.lease.reserved &&
	    prefix_equal(&view.lease.subnet[f], &request->subnet))
		return err_set(err, ERR_CONFIG, "cannot release %s: it is this node's own lease",
			       text);
	command->peer = *holder;
	store->ops->remove(store, lease_key(holder->subnet, key), holder->mod_revision, on_done,
			   command);
	return 0;
}

/* ---- leave ------------------------------------------------------------------------------- */

static void reply_left(struct command *command, const struct cleanup *done)
{
	AUTO(jb) struct jb *jb = jb_new();
	char *text = NULL;
	struct err err;
	struct jb_at at;

	if (!jb)
		return;
	jb_u32(jb_root(jb), "version", CONTROL_VERSION);
	at = jb_obj(jb_root(jb), "leave");
	jb_count(at, "networks", command->next);
	jb_count(at, "devices", done->devices);
	jb_count(at, "routes", done->routes);
	jb_count(at, "neighbours", done->neighbours);
	jb_count(at, "rules", done->rules);
	jb_count(at, "files", done->files);
	if (jb_text(jb, &text, &err) == 0)
		control_reply(command->control, &command->call, text);
}

/* Leaves one network after the other, then cleans up the node. */
static void leave_next(void *ctx, const struct err *failed)
{
	struct command *command = ctx;
	const struct commands *commands = command->commands;
	struct cleanup done = { .devices = 0 };
	struct err err;

	if (failed) {
		refuse(command, failed);
		return;
	}
	while (command->next < commands->self->network_len)
		if (network_leave(commands->self->networks[command->next++], leave_next, command))
			return;
	if (commands->leave(commands->ctx, &done, &err) < 0)
		send_reply(command, err.text);
	else
		reply_left(command, &done);
	command->commands = NULL;
}

static int leave(struct command *command, const struct request *request, struct network *network,
		 struct err *err)
{
	size_t containers = 0;

	(void)network;
	if (cleanup_containers(command->commands->run_dir, &containers, err) < 0)
		return -1;
	if (containers && !request->force)
		return err_set(err, ERR_CONFIG,
			       "%zu containers are attached: remove them first or use --force",
			       containers);
	leave_next(command, NULL);
	return 0;
}

static const struct {
	const char *command;
	int (*run)(struct command *command, const struct request *request, struct network *network,
		   struct err *err);
	bool names_node, names_subnet;
} handlers[] = {
	{ "reserve", reserve, true, true },
	{ "release", release, false, true },
	{ "leave", leave, false, false },
};

#define HANDLERS (ARRAY_LEN(handlers))

/* Returns the index of the command; HANDLERS: not for this module, status_answer replies. */
static size_t read_request(const char *text, size_t size, struct request *request, struct err *err)
{
	AUTO(json) struct json *json = NULL;
	const char *command;
	struct jr root;
	size_t i;

	if (json_parse(text, size, CONTROL_REQUEST_MAX, JSON_STRICT, "request", &json, err) < 0)
		return HANDLERS;
	root = jr_root(json);
	command = jr_str_opt(&root, "command", 64, "");
	for (i = 0; i < HANDLERS && strcmp(command, handlers[i].command) != 0;)
		i++;
	if (i == HANDLERS || jr_u32_opt(&root, "version", 0, UINT32_MAX, 0) != CONTROL_VERSION)
		return HANDLERS;
	request->force = jr_bool_opt(&root, "force", false);
	if (handlers[i].names_subnet)
		request->subnet = jr_prefix(&root, "subnet");
	if (handlers[i].names_node)
		snprintf(request->node, sizeof(request->node), "%s",
			 jr_str(&root, "node", CONTROL_NODE_MAX));
	if (jr_done(json, ERR_DECODE, err) == 0)
		err->code = ERR_NONE;
	return i;
}

static struct command *free_slot(struct commands *commands)
{
	for (size_t i = 0; i < COMMANDS_MAX; i++)
		if (!commands->running[i].commands)
			return &commands->running[i];
	return NULL;
}

bool commands_handle(struct commands *commands, struct control *control,
		     const struct control_call *call, const char *text, size_t size)
{
	struct request request = { .command = "" };
	struct command spare, *command;
	struct network *network = NULL;
	struct err err = ERR_INIT;
	size_t handler = read_request(text, size, &request, &err);

	if (handler == HANDLERS)
		return false;
	command = free_slot(commands);
	if (!command) {
		command = &spare;
		err_set(&err, ERR_STATE, "%d commands are in progress: retry later", COMMANDS_MAX);
	}
	*command = (struct command){ .commands = commands,
				     .control = control,
				     .call = *call,
				     .name = handlers[handler].command };
	if (call->uid != 0 && call->uid != geteuid())
		err_set(&err, ERR_CONFIG, "permission denied: only root may change leases");
	if (!err.code && handlers[handler].names_subnet)
		network = find_network(commands->self, &request.subnet, &err);
	if (network)
		snprintf(command->network, sizeof(command->network), "%s",
			 network_view(network).name);
	if (err.code || handlers[handler].run(command, &request, network, &err) < 0)
		refuse(command, &err);
	return true;
}

int commands_new(const struct status_self *self, const char *run_dir, commands_leave_fn *leave_node,
		 void *ctx, struct commands **commands_out, struct err *err)
{
	struct commands *commands = calloc(1, sizeof(*commands));

	if (!commands)
		return err_nomem(err, "the commands");
	commands->self = self;
	commands->run_dir = run_dir;
	commands->leave = leave_node;
	commands->ctx = ctx;
	*commands_out = commands;
	return 0;
}

void commands_free(struct commands *commands)
{
	free(commands);
}
