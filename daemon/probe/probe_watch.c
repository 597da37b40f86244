/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe_watch.h"

#include "common/control.h"
#include "common/err.h"
#include "common/log.h"
#include "common/state.h"
#include "daemon/firewall/packet_watch.h"
#include "daemon/io/loop.h"
#include "daemon/probe/probe_message.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#define WARN_EVERY_MS 60000
#define HEAD_SIZE 8 /* of a request */
#define COUNTS_AT 2

_Static_assert(PROBE_WATCH_PLACES == PACKET_PLACES, "a reply has a count for each place");
_Static_assert(sizeof(CONTROL_WATCH_PREFIX) - 1 + PROBE_WATCH_NUMBER == PACKET_WATCH_MARK,
	       "prefix and number are the mark");
_Static_assert(COUNTS_AT + 2 * PROBE_WATCH_PLACES <= PROBE_PAYLOAD_SMALL, "a reply fits");

const char *const probe_watch_state_name[PROBE_WATCH_STATES] = {
	[PROBE_WATCH_WATCHING] = "watching", [PROBE_WATCH_BUSY] = "busy",
	[PROBE_WATCH_ABSENT] = "absent",     [PROBE_WATCH_ENDED] = "ended",
	[PROBE_WATCH_FAILED] = "failed",
};

/* ---- Messages ---------------------------------------------------------------------------- */

void probe_watch_write_request(const struct probe_watch_request *request,
			       struct probe_message *message)
{
	size_t size;
	const void *wire = ipaddr_wire(&request->address, &size);

	message->payload[0] = request->counts ? 2 : 1;
	memcpy(message->payload + 1, request->number, PROBE_WATCH_NUMBER);
	memcpy(message->payload + HEAD_SIZE, wire, size);
	message->payload_size = (uint16_t)(HEAD_SIZE + size);
}

int probe_watch_read_request(const struct probe_message *message,
			     struct probe_watch_request *request_out)
{
	struct probe_watch_request request = { .counts = message->payload[0] == 2 };
	const size_t size = message->payload_size - (size_t)HEAD_SIZE;
	struct err unused;

	if (message->payload_size < HEAD_SIZE || (size != 4 && size != 16) ||
	    message->payload[0] < 1 || message->payload[0] > 2)
		return -1;
	memcpy(request.number, message->payload + 1, PROBE_WATCH_NUMBER);
	if (ipaddr_from_wire(message->payload + HEAD_SIZE, size, &request.address, &unused) < 0)
		return -1;
	*request_out = request;
	return 0;
}

void probe_watch_write_reply(const struct probe_watch_reply *reply, struct probe_message *message)
{
	message->payload[0] = (uint8_t)reply->state;
	message->payload[1] = 0;
	for (size_t i = 0; i < PROBE_WATCH_PLACES; i++) {
		const uint16_t be = htobe16(reply->count[i]);

		memcpy(message->payload + COUNTS_AT + 2 * i, &be, sizeof(be));
	}
	message->payload_size = COUNTS_AT + 2 * PROBE_WATCH_PLACES;
}

int probe_watch_read_reply(const struct probe_message *message, struct probe_watch_reply *reply_out)
{
	if (message->payload_size != COUNTS_AT + 2 * PROBE_WATCH_PLACES ||
	    message->payload[0] < PROBE_WATCH_WATCHING ||
	    message->payload[0] >= PROBE_WATCH_STATES || message->payload[1])
		return -1;
	reply_out->state = (enum probe_watch_state)message->payload[0];
	for (size_t i = 0; i < PROBE_WATCH_PLACES; i++) {
		uint16_t be;

		memcpy(&be, message->payload + COUNTS_AT + 2 * i, sizeof(be));
		reply_out->count[i] = be16toh(be);
	}
	return 0;
}

/* ---- The watch --------------------------------------------------------------------------- */

struct probe_watch {
	const char *run_dir;
	struct loop *loop;
	struct loop_event *timer;     /* the end of the watch */
	struct packet_watch *packets; /* NULL: none */
	bool counted; /* its counts were read, so that another node's watch may replace it */
	uint64_t began_ms;
	/* Whose it is. */
	struct ipaddr gateway;
	struct probe_watch_request request;
	char network[STATE_NETWORK_NAME_SIZE];
	/* Watches that may begin now, and since when that is so. */
	uint32_t allowed;
	uint64_t refilled_ms;
	uint64_t warned_ms, warnings_held; /* log_limit */
};

static void end_watch(void *ctx)
{
	struct probe_watch *watch = ctx;

	loop_timer_stop(watch->timer);
	packet_watch_close(watch->packets);
	watch->packets = NULL;
}

int probe_watch_new(struct loop *loop, const char *run_dir, struct probe_watch **watch_out,
		    struct err *err)
{
	struct probe_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_nomem(err, "the watch of packets");
	watch->loop = loop;
	watch->run_dir = run_dir;
	watch->allowed = PROBE_WATCH_BURST;
	watch->timer = loop_timer(loop, end_watch, watch);
	if (!watch->timer) {
		free(watch);
		return err_nomem(err, "the watch of packets");
	}
	*watch_out = watch;
	return 0;
}

void probe_watch_free(struct probe_watch *watch)
{
	if (!watch)
		return;
	end_watch(watch);
	loop_event_free(watch->timer);
	free(watch);
}

static bool is_of(const struct probe_watch *watch, const struct probe_watch_peer *peer)
{
	return watch->packets && ipaddr_equal(&watch->gateway, peer->gateway) &&
	       !strcmp(watch->network, peer->network);
}

/* Whether it is the request of the watch, repeated, or for its counts. */
static bool is_same(const struct probe_watch *watch, const struct probe_watch_peer *peer,
		    const struct probe_watch_request *request)
{
	return is_of(watch, peer) &&
	       !memcmp(watch->request.number, request->number, PROBE_WATCH_NUMBER) &&
	       ipaddr_equal(&watch->request.address, &request->address);
}

/* Another node has to wait for the watch. */
static bool is_taken(const struct probe_watch *watch)
{
	return watch->packets && !watch->counted &&
	       loop_now_ms() - watch->began_ms < PROBE_WATCH_HOLD_MS;
}

static bool take_turn(struct probe_watch *watch)
{
	const uint64_t now_ms = loop_now_ms();
	const uint64_t more = (now_ms - watch->refilled_ms) / PROBE_WATCH_REFILL_MS;

	if (watch->allowed + more >= PROBE_WATCH_BURST) {
		watch->allowed = PROBE_WATCH_BURST;
		watch->refilled_ms = now_ms;
	} else {
		watch->allowed += (uint32_t)more;
		watch->refilled_ms += more * PROBE_WATCH_REFILL_MS;
	}
	if (!watch->allowed)
		return false;
	watch->allowed--;
	return true;
}

/* ---- The container ----------------------------------------------------------------------- */

struct find_port {
	const struct probe_watch *watch;
	const char *network;
	const struct ipaddr *address;
	char port[IF_NAMESIZE]; /* "": not found */
};

static void read_record(struct find_port *find, const char *name)
{
	struct attachment attachment;
	struct err ignored;

	if (attachment_read_unlocked(find->watch->run_dir, find->network, name, &attachment,
				     &ignored) <= 0)
		return;
	for (size_t i = 0; i < attachment.address_len; i++)
		if (ipaddr_equal(&attachment.addresses[i], find->address))
			memcpy(find->port, attachment.host_veth, sizeof(find->port));
}

static int on_address(void *ctx, const struct ipaddr *addr, const char *record, struct err *err)
{
	struct find_port *find = ctx;

	(void)err;
	if (record && ipaddr_equal(addr, find->address))
		read_record(find, record);
	return 0;
}

/* An address of another IPAM plugin is in no pool. */
static int on_record(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *err)
{
	struct find_port *find = ctx;

	(void)err;
	if (!find->port[0])
		read_record(find, name);
	return 0;
}

static void find_port(struct find_port *find)
{
	struct err ignored = ERR_INIT;

	(void)pool_each(find->watch->run_dir, find->network, on_address, find, &ignored);
	if (!find->port[0])
		(void)attachment_each(find->watch->run_dir, find->network, on_record, find,
				      &ignored);
}

/* ---- Answers ----------------------------------------------------------------------------- */

static enum probe_watch_state open_watch(struct probe_watch *watch,
					 const struct probe_watch_peer *peer,
					 const struct probe_watch_request *request)
{
	struct find_port to = { .watch = watch,
				.network = peer->network,
				.address = &request->address };
	struct packet_watch_request packets = { .family = ipaddr_family(&request->address) };
	const size_t prefix = sizeof(CONTROL_WATCH_PREFIX) - 1;
	struct err err = ERR_INIT;

	if (!ipaddr_equal(&request->address, &peer->own->addr)) {
		find_port(&to);
		if (!to.port[0])
			return PROBE_WATCH_ABSENT;
		packets.port = to.port;
	}
	memcpy(packets.mark, CONTROL_WATCH_PREFIX, prefix);
	memcpy(packets.mark + prefix, request->number, PROBE_WATCH_NUMBER);
	if (packet_watch_open(&packets, &watch->packets, &err) == 0)
		return PROBE_WATCH_WATCHING;
	if (log_limit(&watch->warned_ms, &watch->warnings_held, loop_now_ms(), WARN_EVERY_MS))
		log_warn("packets cannot be counted for another node's weftctl trace", "network",
			 peer->network, "error", err.text);
	return PROBE_WATCH_FAILED;
}

static enum probe_watch_state begin(struct probe_watch *watch, const struct probe_watch_peer *peer,
				    const struct probe_watch_request *request)
{
	enum probe_watch_state state;

	if (is_same(watch, peer, request))
		return PROBE_WATCH_WATCHING;
	if (!prefix_has(peer->own, &request->address))
		return PROBE_WATCH_ABSENT;
	if ((is_taken(watch) && !is_of(watch, peer)) || !take_turn(watch))
		return PROBE_WATCH_BUSY;
	end_watch(watch);
	state = open_watch(watch, peer, request);
	if (state != PROBE_WATCH_WATCHING)
		return state;
	watch->counted = false;
	watch->began_ms = loop_now_ms();
	watch->gateway = *peer->gateway;
	watch->request = *request;
	snprintf(watch->network, sizeof(watch->network), "%s", peer->network);
	loop_timer_start(watch->timer, PROBE_WATCH_MS);
	return state;
}

static enum probe_watch_state count(struct probe_watch *watch, const struct probe_watch_peer *peer,
				    const struct probe_watch_request *request,
				    uint16_t count_out[static PROBE_WATCH_PLACES])
{
	uint64_t counts[PACKET_PLACES];
	struct err ignored = ERR_INIT;

	if (!is_same(watch, peer, request))
		return PROBE_WATCH_ENDED;
	if (packet_watch_read(watch->packets, counts, &ignored) < 0)
		return PROBE_WATCH_FAILED;
	watch->counted = true;
	for (size_t i = 0; i < PROBE_WATCH_PLACES; i++)
		count_out[i] = counts[i] < UINT16_MAX ? (uint16_t)counts[i] : UINT16_MAX;
	return PROBE_WATCH_WATCHING;
}

int probe_watch_answer(struct probe_watch *watch, const struct probe_watch_peer *peer,
		       const struct probe_message *request, struct probe_message *reply)
{
	struct probe_watch_reply answer = { .state = PROBE_WATCH_FAILED };
	struct probe_watch_request wanted;

	if (probe_watch_read_request(request, &wanted) < 0)
		return -1;
	answer.state = wanted.counts ? count(watch, peer, &wanted, answer.count) :
				       begin(watch, peer, &wanted);
	probe_watch_write_reply(&answer, reply);
	return 0;
}
