/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_network.h"

#include "common/auto.h"
#include "common/log.h"
#include "daemon/io/loop.h"
#include "daemon/lease/peer.h"
#include "daemon/network/network.h"
#include "daemon/network/publish.h"
#include "daemon/probe/probe_message.h"
#include "daemon/probe/probe_row.h"
#include "daemon/probe/probe_seal.h"
#include "daemon/probe/probe_socket.h"
#include "daemon/probe/probe_table.h"
#include "daemon/probe/probe_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/*
 * The shortest time between two checks of what is due. If targets are due in each, the packets that
 * have arrived meanwhile are read there, too, so that weftd does not wake up for each of them. That
 * adds nothing to round-trip times, because the kernel records when packets arrive, and a reply has
 * the time since the request's arrival.
 */
#define TICK_MS (PROBE_BURST_US / 1000)
/*
 * Packets that are read per WINDOW_MS: WINDOW_PACKETS, and WINDOW_FACTOR for each request that is
 * sent meanwhile, by far more than peers send. What exceeds them stays in the socket's buffer, and
 * what exceeds that is dropped by the kernel.
 */
#define WINDOW_MS 10
#define WINDOW_PACKETS 64
#define WINDOW_FACTOR 8
#define NONCES 64

const char *const probe_refusal_name[PROBE_REFUSALS] = {
	[PROBE_REFUSED_FILTER] = "filter",       [PROBE_REFUSED_PATH] = "path",
	[PROBE_REFUSED_MALFORMED] = "malformed", [PROBE_REFUSED_SOURCE] = "source",
	[PROBE_REFUSED_SEAL] = "seal",           [PROBE_REFUSED_REPLY] = "reply",
};

struct probe_network {
	struct loop *loop;
	char name[STATE_NETWORK_NAME_SIZE];
	struct probe_table table;
	struct loop_event *timer; /* the next target */
	/* The sockets; -1: none. */
	int fd[FAMILIES];
	bool polled; /* they are read at each tick */
	/* NULL also if polled, and while the window is full. */
	struct loop_event *readable[FAMILIES];
	struct loop_event *window; /* its end, if it is full */
	uint64_t window_began_ms;
	size_t window_packets;
	struct ipaddr gateway[FAMILIES]; /* that the sockets are bound to; unset: none */
	struct filter_of {               /* that they have */
		uint32_t device;
		uint8_t len;
	} filter[FAMILIES];
	uint32_t dropped[FAMILIES]; /* by the kernel, as counted so far */
	uint16_t port;
	/* Of the configuration in use. */
	uint32_t vni, bridge;
	char key_text[CONFIG_PROBE_KEY_MAX + 1];
	struct probe_key *key; /* NULL: none */
	uint64_t runs;         /* reconciles that the table is up to date with */
	bool filled;
	char error[ERR_TEXT_SIZE];
	bool failed;
	uint64_t nonces[NONCES];
	size_t nonces_left;
	uint64_t refused[PROBE_REFUSALS];
	struct probe_watch *watch;
	struct reply_handler {
		probe_network_reply_fn *fn; /* NULL: nothing is requested */
		void *ctx;
	} handlers[PROBE_KINDS];
};

/* ---- Sending ----------------------------------------------------------------------------- */

static bool take_nonce(struct probe_network *net, uint64_t *nonce_out)
{
	if (!net->nonces_left) {
		if (getrandom(net->nonces, sizeof(net->nonces), GRND_NONBLOCK) !=
		    sizeof(net->nonces))
			return false;
		net->nonces_left = NONCES;
	}
	*nonce_out = net->nonces[--net->nonces_left];
	return true;
}

/* Returns 0, or the errno of the failure. */
static int send_message(const struct probe_network *net, const struct ipaddr *to,
			struct probe_message *message)
{
	const enum family f = ipaddr_family(to);
	const struct probe_path path = { &net->gateway[f], to };
	uint8_t bytes[PROBE_SIZE_LARGE];
	size_t size;

	if (net->fd[f] < 0)
		return EADDRNOTAVAIL;
	message->vni = net->vni;
	size = probe_message_write(message, bytes);
	if (!probe_seal(net->key, &path, bytes, size))
		return ENOMEM;
	return probe_socket_send(net->fd[f], to, net->port, bytes, size);
}

/* The node itself has no space at the moment, which is no property of the path. */
static bool is_local(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM ||
	       error == EADDRNOTAVAIL;
}

bool probe_network_send(struct probe_network *net, const struct ipaddr *to,
			struct probe_message *message)
{
	return take_nonce(net, &message->nonce) && send_message(net, to, message) == 0;
}

static void probe_target(struct probe_network *net, struct probe_target *target)
{
	struct probe_message request = { .kind = PROBE_REQUEST };
	uint64_t now_us;

	if (!take_nonce(net, &request.nonce))
		return;
	now_us = loop_now_us();
	if (!is_local(send_message(net, &target->gateway, &request)))
		probe_table_sent(target, request.nonce, now_us);
}

/* ---- Receiving --------------------------------------------------------------------------- */

static void send_reply(const struct probe_network *net, const struct ipaddr *to,
		       const struct probe_packet *packet, const struct probe_message *request,
		       struct probe_message *reply)
{
	const uint64_t held_us = loop_now_us() - packet->arrived_us;

	reply->nonce = request->nonce;
	reply->held_us = held_us < UINT32_MAX ? (uint32_t)held_us : UINT32_MAX;
	(void)send_message(net, to, reply);
}

static enum probe_refusal answer_row(const struct probe_network *net, const struct ipaddr *from,
				     const struct probe_packet *packet,
				     const struct probe_message *request)
{
	struct probe_message reply = { .kind = PROBE_ROW_REPLY };

	/* What others measured is for holders of the key only. */
	if (!net->key)
		return PROBE_REFUSED_SEAL;
	if (probe_row_reply(request, &net->table, loop_now_us(), &reply) < 0)
		return PROBE_REFUSED_MALFORMED;
	send_reply(net, from, packet, request, &reply);
	return PROBE_REFUSALS;
}

static enum probe_refusal answer_watch(const struct probe_network *net, const struct ipaddr *from,
				       const struct probe_packet *packet,
				       const struct probe_message *request)
{
	const enum family f = ipaddr_family(from);
	const struct prefix own = { net->gateway[f], net->filter[f].len };
	const struct probe_watch_peer peer = { net->name, from, &own };
	struct probe_message reply = { .kind = PROBE_WATCH_REPLY };

	/* Without a key, every host that can forge a gateway's address could request it. */
	if (!net->key)
		return PROBE_REFUSED_SEAL;
	if (probe_watch_answer(net->watch, &peer, request, &reply) < 0)
		return PROBE_REFUSED_MALFORMED;
	send_reply(net, from, packet, request, &reply);
	return PROBE_REFUSALS;
}

/* A reply to a request that probe_network_send has sent. */
static bool pass_reply(const struct probe_network *net, const struct ipaddr *from,
		       const struct probe_message *reply)
{
	const struct reply_handler *handler = &net->handlers[reply->kind];

	return net->key && handler->fn && handler->fn(handler->ctx, net, from, reply);
}

static bool record_reply(struct probe_network *net, struct probe_target *target,
			 const struct probe_packet *packet, const struct probe_message *reply)
{
	/* Until the arrival: the packet may have been in the socket's buffer for long. */
	const uint64_t until_us = packet->arrived_us > target->sent_us ?
					  packet->arrived_us - target->sent_us :
					  0;
	const uint64_t rtt_us = until_us > reply->held_us ? until_us - reply->held_us : 0;

	return probe_table_replied(&net->table, target, reply->nonce,
				   rtt_us < PROBE_NO_RTT ? (uint32_t)rtt_us : 0,
				   target->sent_us + until_us);
}

/* A message that is authentic. Returns why it is not used; PROBE_REFUSALS: it is. */
static enum probe_refusal use_message(struct probe_network *net, struct probe_target *target,
				      const struct probe_packet *packet,
				      const struct probe_message *message)
{
	struct probe_message reply = { .kind = PROBE_REPLY };
	bool used = false;

	switch (message->kind) {
	case PROBE_REQUEST:
		send_reply(net, &target->gateway, packet, message, &reply);
		return PROBE_REFUSALS;
	case PROBE_REPLY:
		used = record_reply(net, target, packet, message);
		break;
	case PROBE_ROW_REQUEST:
		return answer_row(net, &target->gateway, packet, message);
	case PROBE_WATCH_REQUEST:
		return answer_watch(net, &target->gateway, packet, message);
	case PROBE_ROW_REPLY:
	case PROBE_WATCH_REPLY:
		used = pass_reply(net, &target->gateway, message);
		break;
	case PROBE_KINDS:
		break;
	}
	return used ? PROBE_REFUSALS : PROBE_REFUSED_REPLY;
}

/* Returns why the packet is not used; PROBE_REFUSALS: it is. */
static enum probe_refusal use_packet(struct probe_network *net, const struct probe_packet *packet)
{
	const struct probe_path path = { &packet->from,
					 &net->gateway[ipaddr_family(&packet->from)] };
	struct probe_message message;
	struct probe_target *target;

	if (packet->device != net->bridge || packet->hop_limit != 255 || packet->port != net->port)
		return PROBE_REFUSED_PATH;
	if (probe_message_parse(packet->data, packet->size, &message) < 0 ||
	    message.vni != net->vni)
		return PROBE_REFUSED_MALFORMED;
	target = probe_table_find(&net->table, &packet->from);
	if (!target)
		return PROBE_REFUSED_SOURCE;
	if (!probe_seal_is_valid(net->key, &path, packet->data, packet->size))
		return PROBE_REFUSED_SEAL;
	return use_message(net, target, packet, &message);
}

static void on_readable(void *ctx, int fd, unsigned ready);

static bool listen_to(struct probe_network *net, enum family f)
{
	if (net->fd[f] < 0 || net->polled || net->readable[f])
		return true;
	net->readable[f] = loop_fd(net->loop, net->fd[f], LOOP_READ, on_readable, net);
	return net->readable[f];
}

static void stop_listening(struct probe_network *net, enum family f)
{
	loop_event_free(net->readable[f]);
	net->readable[f] = NULL;
}

static size_t window_size(const struct probe_network *net)
{
	return WINDOW_PACKETS + (size_t)(WINDOW_FACTOR * net->table.order.len * WINDOW_MS * 1000 /
					 net->table.interval_us);
}

/* Returns how many packets may be read now; 0: the sockets are left alone for a while. */
static size_t window_left(struct probe_network *net)
{
	const uint64_t now_ms = loop_now_ms();

	if (now_ms - net->window_began_ms >= WINDOW_MS) {
		net->window_began_ms = now_ms;
		net->window_packets = 0;
	}
	if (net->window_packets < window_size(net))
		return window_size(net) - net->window_packets;
	for (enum family f = 0; f < FAMILIES; f++)
		stop_listening(net, f);
	loop_timer_start(net->window, WINDOW_MS);
	return 0;
}

/* Reads what the socket has, as far as the window permits. */
static void read_socket(struct probe_network *net, int fd)
{
	struct probe_packet packets[PROBE_SOCKET_BATCH];
	size_t left, max, got;

	while ((left = window_left(net))) {
		max = left < PROBE_SOCKET_BATCH ? left : PROBE_SOCKET_BATCH;
		got = probe_socket_receive(fd, packets, max);
		net->window_packets += got;
		for (size_t i = 0; i < got; i++) {
			const enum probe_refusal refusal = use_packet(net, &packets[i]);

			if (refusal < PROBE_REFUSALS)
				net->refused[refusal]++;
		}
		if (got < max)
			return;
	}
}

static void read_sockets(struct probe_network *net)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (net->fd[f] >= 0)
			read_socket(net, net->fd[f]);
}

static void on_readable(void *ctx, int fd, unsigned ready)
{
	(void)ready;
	read_socket(ctx, fd);
}

/* At its end, or because there was no memory. */
static void on_window(void *ctx)
{
	struct probe_network *net = ctx;

	if (net->polled)
		read_sockets(net);
	for (enum family f = 0; f < FAMILIES; f++)
		if (!listen_to(net, f))
			loop_timer_start(net->window, WINDOW_MS);
}

/* ---- The timer --------------------------------------------------------------------------- */

static void set_polled(struct probe_network *net, bool polled)
{
	if (net->polled == polled)
		return;
	net->polled = polled;
	for (enum family f = 0; f < FAMILIES; f++)
		if (polled)
			stop_listening(net, f);
	if (!polled)
		on_window(net);
}

static void start_timer(struct probe_network *net)
{
	const uint64_t wait_us = probe_table_wait_us(&net->table, loop_now_us());

	set_polled(net, probe_table_step_us(&net->table) <= PROBE_BURST_US);
	if (wait_us == UINT64_MAX)
		loop_timer_stop(net->timer);
	else
		loop_timer_start(net->timer, wait_us / 1000 > TICK_MS ? wait_us / 1000 : TICK_MS);
}

static void on_timer(void *ctx)
{
	struct probe_network *net = ctx;
	struct probe_target *target;

	while ((target = probe_table_take_due(&net->table, loop_now_us())))
		probe_target(net, target);
	if (net->polled && !loop_timer_running(net->window))
		read_sockets(net);
	start_timer(net);
}

/* ---- The network ------------------------------------------------------------------------- */

static void count_dropped(struct probe_network *net, enum family f)
{
	const uint32_t dropped = probe_socket_dropped(net->fd[f]);

	net->refused[PROBE_REFUSED_FILTER] += dropped - net->dropped[f];
	net->dropped[f] = dropped;
}

static void close_socket(struct probe_network *net, enum family f)
{
	stop_listening(net, f);
	if (net->fd[f] >= 0) {
		count_dropped(net, f);
		close(net->fd[f]);
	}
	/* What was measured ends with the socket. */
	net->filled = net->filled && net->fd[f] < 0;
	net->fd[f] = -1;
	net->dropped[f] = 0;
	net->gateway[f] = (struct ipaddr){ .family = AF_UNSPEC };
}

static void set_error(struct probe_network *net, const char *error, bool failed)
{
	net->failed = failed && *error;
	if (*error && strcmp(net->error, error) != 0)
		log_warn("the network is not probed", "network", net->name, "error", error);
	snprintf(net->error, sizeof(net->error), "%s", error);
}

/* An open socket: its filter follows the bridge and the length of the subnet. */
static int update_filter(struct probe_network *net, enum family f,
			 const struct probe_filter *filter, struct err *err)
{
	count_dropped(net, f);
	if (net->filter[f].device == filter->device && net->filter[f].len == filter->own->len)
		return 0;
	if (probe_socket_set_filter(net->fd[f], filter, err) < 0)
		return -1;
	net->filter[f] = (struct filter_of){ filter->device, filter->own->len };
	return 0;
}

/* own: the gateway, with the length of the subnet; unset: not probed in the family. */
static int open_socket(struct probe_network *net, enum family f, const struct prefix *own,
		       struct err *err)
{
	const struct probe_filter filter = { net->bridge, net->port, own };

	if (net->fd[f] >= 0 && ipaddr_equal(&net->gateway[f], &own->addr))
		return update_filter(net, f, &filter, err);
	close_socket(net, f);
	if (!ipaddr_is_set(&own->addr))
		return 0;
	if (probe_socket_open(&filter, &net->fd[f], err) < 0)
		return -1;
	net->filled = false;
	net->gateway[f] = own->addr;
	net->filter[f] = (struct filter_of){ filter.device, own->len };
	return listen_to(net, f) ? 0 : err_nomem(err, "the socket of probes");
}

/* The gateway follows from the subnet; unset: not probed in the family. */
static struct ipaddr find_gateway(const struct network_view *view, enum family f)
{
	if (!view->installed.bridge || !prefix_is_set(&view->self.subnet[f]) ||
	    !config_has(view->config, f))
		return (struct ipaddr){ .family = AF_UNSPEC };
	return publish_gateway(view->config, f, &view->self.subnet[f]);
}

static int update_key(struct probe_network *net, const char *text, struct err *err)
{
	struct probe_key *key = NULL;

	if (!strcmp(net->key_text, text) && !net->key == !*text)
		return 0;
	if (*text)
		key = probe_key_new(text);
	if (*text && !key)
		return err_set(err, ERR_INTERNAL, "libcrypto has no HMAC-SHA256, or no memory");
	probe_key_free(net->key);
	net->key = key;
	snprintf(net->key_text, sizeof(net->key_text), "%s", text);
	return 0;
}

static void close_sockets(struct probe_network *net)
{
	for (enum family f = 0; f < FAMILIES; f++)
		close_socket(net, f);
}

static void update_sockets(struct probe_network *net, const struct network_view *view,
			   const char *tunnel, struct err *err)
{
	if (tunnel || net->port != view->config->probe_port)
		close_sockets(net);
	net->port = view->config->probe_port;
	if (tunnel) {
		err_set(err, ERR_CONFIG,
			"UDP port %u is that of the tunnel of network \"%s\": change Weft.ProbePort",
			net->port, tunnel);
		return;
	}
	for (enum family f = 0; f < FAMILIES; f++) {
		const struct prefix own = { find_gateway(view, f), view->self.subnet[f].len };

		if (open_socket(net, f, &own, err) < 0)
			close_socket(net, f);
	}
}

/* Whether weft's route to the subnet leaves through another device than the bridge. */
static bool is_direct(const struct network_view *view, const struct prefix *subnet)
{
	const struct plan_routes *routes = &view->installed.entries->route;
	size_t low = 0, high = routes->len;

	if (!view->config->direct_routing)
		return false;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (prefix_cmp(&routes->at[middle].dst, subnet) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < routes->len && prefix_equal(&routes->at[low].dst, subnet) &&
	       routes->at[low].index != view->installed.bridge;
}

static bool add_targets(const struct probe_network *net, const struct network_view *view,
			const struct lease *peer, struct probe_targets *targets)
{
	for (enum family f = 0; f < FAMILIES; f++) {
		struct probe_target target = { .answers = peer->probe };

		if (!ipaddr_is_set(&net->gateway[f]) || !prefix_is_set(&peer->subnet[f]))
			continue;
		target.gateway = publish_gateway(view->config, f, &peer->subnet[f]);
		target.direct = is_direct(view, &peer->subnet[f]);
		if (!probe_targets_push(targets, &target))
			return false;
	}
	return true;
}

/* Returns false if out of memory: the next update tries again. */
static bool fill_table(struct probe_network *net, const struct network_view *view)
{
	AUTO(leases) struct leases usable = { .len = 0 };
	AUTO(probe_targets) struct probe_targets targets = { .len = 0 };

	if (!peers_filter(&view->leases->leases, view->config, &view->self, &usable, NULL, NULL,
			  NULL))
		return false;
	for (size_t i = 0; i < usable.len; i++)
		if (!add_targets(net, view, &usable.at[i], &targets))
			return false;
	return probe_table_set(&net->table, &targets, net->gateway, loop_now_us());
}

void probe_network_update(struct probe_network *net, const struct network_view *view,
			  const char *tunnel)
{
	struct probe_targets none = { .len = 0 };
	struct err err = ERR_INIT;

	if (!view->config || view->config->mode != CONFIG_ROUTED) {
		close_sockets(net);
		probe_table_set(&net->table, &none, net->gateway, 0);
		set_error(net, view->config ? "an L2 network is not probed" : "", false);
		net->filled = false;
		return;
	}
	net->vni = view->config->vni;
	net->bridge = view->installed.bridge;
	if (update_key(net, view->config->probe_key, &err) == 0)
		update_sockets(net, view, tunnel, &err);
	else
		close_sockets(net);
	set_error(net, err.text, true);
	if (net->filled && net->runs == view->schedule.runs)
		return;
	net->filled = fill_table(net, view);
	net->runs = view->schedule.runs;
	start_timer(net);
}

int probe_network_new(struct loop *loop, const char *name, uint64_t interval_us,
		      struct probe_watch *watch, struct probe_network **net_out, struct err *err)
{
	struct probe_network *net = calloc(1, sizeof(*net));

	if (!net)
		return err_nomem(err, "the probes");
	net->loop = loop;
	net->watch = watch;
	snprintf(net->name, sizeof(net->name), "%s", name);
	net->table.interval_us = interval_us;
	net->fd[FAMILY_V4] = net->fd[FAMILY_V6] = -1;
	net->timer = loop_timer(loop, on_timer, net);
	net->window = loop_timer(loop, on_window, net);
	if (!net->timer || !net->window) {
		probe_network_free(net);
		return err_nomem(err, "the probes");
	}
	*net_out = net;
	return 0;
}

void probe_network_free(struct probe_network *net)
{
	if (!net)
		return;
	close_sockets(net);
	probe_key_free(net->key);
	loop_event_free(net->timer);
	loop_event_free(net->window);
	probe_table_free(&net->table);
	free(net);
}

const char *probe_network_name(const struct probe_network *net)
{
	return net->name;
}

struct probe_network_view probe_network_view(const struct probe_network *net)
{
	struct probe_network_view view = {
		.error = net->error,
		.has_key = net->key != NULL,
		.failed = net->failed,
		.refused = net->refused,
		.table = &net->table,
	};

	memcpy(view.gateway, net->gateway, sizeof(view.gateway));
	view.answers = !net->failed || ipaddr_is_set(&net->gateway[FAMILY_V4]) ||
		       ipaddr_is_set(&net->gateway[FAMILY_V6]);
	return view;
}

void probe_network_on_reply(struct probe_network *net, enum probe_kind kind,
			    probe_network_reply_fn *fn, void *ctx)
{
	net->handlers[kind] = (struct reply_handler){ fn, ctx };
}
