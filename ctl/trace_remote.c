/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/trace_remote.h"

#include "ctl/client.h"
#include "ctl/trace.h"

#include "common/auto.h"
#include "common/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define QUERY_MS 3000
#define WORD_MAX 32
#define ANSWER                                                                                     \
	4 /* the place at which a container's answer enters the bridge: the first of an answer */

static const char *const places[TRACE_REMOTE_PLACES] = CONTROL_WATCH_PLACES;

/* ---- weftd ------------------------------------------------------------------------------- */

/* busy, ended or failed */
static const char *reason_of(const char *state)
{
	if (!strcmp(state, "busy"))
		return "it is busy with another trace, or with too many: retry";
	if (!strcmp(state, "ended"))
		return "it has stopped counting: retry";
	return "its kernel cannot count packets: Linux 5.12 or later, and its weftd's log";
}

static int read_answer(struct json *json, struct trace_remote *remote, struct err *err)
{
	struct jr root = jr_root(json), at = jr_obj(&root, "watch"), counts = jr_obj(&at, "counts");
	const char *state = jr_str(&at, "state", WORD_MAX);

	snprintf(remote->node, sizeof(remote->node), "%s",
		 jr_str(&at, "node", sizeof(remote->node) - 1));
	for (size_t i = 0; i < TRACE_REMOTE_PLACES; i++)
		remote->counts[i] = jr_u32(&counts, places[i], 0, UINT32_MAX);
	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	remote->absent = !strcmp(state, "absent");
	if (!remote->absent && strcmp(state, "watching") != 0)
		snprintf(remote->reason, sizeof(remote->reason), "%s", reason_of(state));
	return 0;
}

bool trace_remote_query(const char *run_dir, const struct trace_facts *facts, uint64_t number,
			bool counts, struct trace_remote *remote)
{
	AUTO(json) struct json *answer = NULL;
	char request[CONTROL_REQUEST_MAX], address[IPADDR_TEXT_SIZE];
	struct err err = ERR_INIT;

	snprintf(request, sizeof(request),
		 "{\"version\":%d,\"command\":\"watch\",\"network\":\"%s\",\"address\":\"%s\","
		 "\"number\":\"%" PRIu64 "\",\"counts\":%s}",
		 CONTROL_VERSION, facts->network->name, ipaddr_text(&facts->to, address), number,
		 counts ? "true" : "false");
	if (client_send(run_dir, request, QUERY_MS, &answer, &err) < 0 ||
	    read_answer(answer, remote, &err) < 0)
		snprintf(remote->reason, sizeof(remote->reason), "%s", err.text);
	return !remote->absent && !*remote->reason;
}

/* ---- The meaning ------------------------------------------------------------------------- */

/* What it means that a place is the last one, and where the next fault can be. */
static const struct meaning {
	const char *place, *next, *remedy; /* of the remedy, $ADDRESS and $SOURCE are replaced */
} meanings[TRACE_REMOTE_PLACES] = {
	{ "the underlay", "the vxlan device",
	  "a packet filter drops it, or its VNI is another: weftctl doctor; nft list ruleset" },
	{ "the vxlan device", "the end of the forward chains",
	  "a packet filter drops it at the hook forward, or the bridge does not route it: "
	  "weftctl doctor; nft list ruleset; weftctl trace $ADDRESS" },
	{ "the end of the forward chains", "the container's port",
	  "the container's interface is down, or does not answer ARP: weftctl trace $ADDRESS; "
	  "ip neigh show $ADDRESS" },
	{ "the container's port", "the bridge, with an answer",
	  "the container has dropped it, or does not answer: its interface, routes and packet filter" },
	{ "the bridge, with an answer", "the vxlan device",
	  "the answer is lost between the container's port and the tunnel: weftctl trace $SOURCE" },
	{ "the vxlan device, with an answer", "the underlay",
	  "the answer has entered the tunnel and not left: weftctl doctor; weftctl trace $SOURCE" },
	{ "the underlay, with an answer", NULL,
	  "the answer has left that node: it is lost between the nodes, or by a packet filter of this one: "
	  "weftctl doctor on both" },
};

static const char never_seen[] =
	"it is lost between the nodes, or by a packet filter of that node before the tunnel (netdev ingress, raw "
	"prerouting): if only large packets are, weftctl doctor --probe measures the MTU of the path";

static void put_remedy(const char *remedy, const struct trace_facts *facts, char *buf, size_t size)
{
	char address[IPADDR_TEXT_SIZE], source[IPADDR_TEXT_SIZE];
	FILE *out = fmemopen(buf, size, "w");

	if (!out)
		return;
	ipaddr_text(&facts->to, address);
	ipaddr_text(&facts->source, source);
	for (const char *c = remedy; *c; c++) {
		if (!strncmp(c, "$ADDRESS", 8)) {
			fputs(address, out);
			c += 7;
		} else if (!strncmp(c, "$SOURCE", 7)) {
			fputs(source, out);
			c += 6;
		} else {
			fputc(*c, out);
		}
	}
	fclose(out);
	buf[size - 1] = '\0';
}

static const char is_refused[] =
	"that node itself refuses it with an ICMP error: a packet filter with reject, or no route to the "
	"container: nft list ruleset; weftctl trace $ADDRESS";

/* An ICMP error of the node itself leaves through the tunnel, and has not entered the bridge. */
static bool node_refuses(const struct trace_remote *remote)
{
	return !remote->counts[ANSWER] && !remote->counts[ANSWER - 1] &&
	       (remote->counts[ANSWER + 1] || remote->counts[ANSWER + 2]);
}

/* The last place; NULL: none. */
static const struct meaning *last_place(const struct trace_remote *remote)
{
	for (size_t i = node_refuses(remote) ? ANSWER : TRACE_REMOTE_PLACES; i-- > 0;)
		if (remote->counts[i])
			return &meanings[i];
	return NULL;
}

static void put_seen(const struct trace_remote *remote, const struct trace_facts *facts,
		     struct jb_at at)
{
	const struct meaning *last = last_place(remote);
	char text[TRACE_TEXT_SIZE], remedy[2 * TRACE_TEXT_SIZE] = "", meant[TRACE_TEXT_SIZE] = "";
	struct jb_at seen = jb_arr(at, "seen"), answer = jb_arr(at, "answer_seen");

	for (size_t i = 0; i < TRACE_REMOTE_PLACES; i++)
		if (remote->counts[i])
			jb_str(i < ANSWER ? seen : answer, NULL, places[i]);
	put_remedy(node_refuses(remote) ? is_refused :
		   last                 ? last->remedy :
					  never_seen,
		   facts, meant, sizeof(meant));
	if (!last)
		snprintf(text, sizeof(text), "not seen on node %s", remote->node);
	else if (last->next)
		snprintf(text, sizeof(text), "seen on node %s at %s; not at %s", remote->node,
			 last->place, last->next);
	else
		snprintf(text, sizeof(text), "seen on node %s at %s", remote->node, last->place);
	snprintf(remedy, sizeof(remedy), "%s%s%s%s", last && last->next ? "on " : "",
		 last && last->next ? remote->node : "", last && last->next ? ": " : "", meant);
	jb_str(at, "text", text);
	jb_str(at, "remedy", remedy);
}

void trace_remote_put(const struct trace_remote *remote, const struct trace_facts *facts,
		      struct jb_at probe)
{
	const bool unavailable = *remote->reason;
	struct jb_at at = jb_obj(probe, "remote");
	char text[2 * ERR_TEXT_SIZE];

	jb_str(at, "node", *remote->node ? remote->node : facts->peer.name);
	jb_str(at, "state", unavailable ? "unavailable" : remote->absent ? "absent" : "counted");
	if (!unavailable && !remote->absent) {
		put_seen(remote, facts, at);
		return;
	}
	jb_arr(at, "seen");
	jb_arr(at, "answer_seen");
	if (unavailable)
		snprintf(text, sizeof(text),
			 "what the node of the address has seen is not known: %s", remote->reason);
	else
		snprintf(text, sizeof(text), "no container of node %s has the address",
			 remote->node);
	jb_str(at, "text", text);
	jb_str(at, "remedy",
	       unavailable ? "repeat the trace on that node, to this node's address" :
			     "weftctl pods lists the containers of that node");
}
