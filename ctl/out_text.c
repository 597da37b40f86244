/* SPDX-License-Identifier: Apache-2.0 */
#include "out.h"

#include "out_leases.h"
#include "table.h"
#include "term.h"

#include "common/json.h"

#include <inttypes.h>
#include <string.h>

#define TEXT_MAX 4096 /* bytes of a member's text; weftd writes far less */
#define SPAN_SIZE 32
#define AGO_SIZE (SPAN_SIZE + 4)
#define CELL_SIZE 128
#define NUMBER_SIZE 12
#define PAIR_SIZE (2 * TEXT_MAX + 2)

/* A member's text; "" where there is none, as from a weftd that does not know it. */
static const char *text_at(const struct jr *at, const char *key)
{
	return jr_str_opt(at, key, TEXT_MAX, "");
}

static uint32_t number_at(const struct jr *at, const char *key)
{
	return jr_u32_opt(at, key, 0, UINT32_MAX, 0);
}

/* "" where there is none: no VNI, port or MTU is 0. */
static const char *number_text(char buf[static NUMBER_SIZE], const struct jr *at, const char *key)
{
	uint32_t number = number_at(at, key);

	if (!number)
		return "";
	snprintf(buf, NUMBER_SIZE, "%" PRIu32, number);
	return buf;
}

/* Both members where there are both: "10.5.1.0/24 fd00:5:1::/64". */
static const char *pair_at(char buf[static PAIR_SIZE], const struct jr *at, const char *key,
			   const char *v6_key)
{
	const char *first = text_at(at, key), *second = text_at(at, v6_key);

	snprintf(buf, PAIR_SIZE, "%s%s%s", first, *first && *second ? " " : "", second);
	return buf;
}

/* ---- Time ------------------------------------------------------------------------------- */

/* "12 s", "3 min", "5 h", "9 days": the largest unit of which there are two or more. */
static const char *span_text(char buf[static SPAN_SIZE], uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 86400, "days" }, { 3600, "h" }, { 60, "min" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds < 2 * units[i].seconds)
			continue;
		snprintf(buf, SPAN_SIZE, "%" PRIu64 " %s", seconds / units[i].seconds,
			 units[i].name);
		return buf;
	}
	snprintf(buf, SPAN_SIZE, "%" PRIu64 " s", seconds);
	return buf;
}

/* How long something lasts already; "-" for 0, no moment. A clock that was set back makes it 0 s. */
static const char *since_text(char buf[static SPAN_SIZE], const struct out_to *to, uint64_t then_s)
{
	if (!then_s)
		return "-";
	return span_text(buf, to->now_s > then_s ? to->now_s - then_s : 0);
}

static const char *ago_text(char buf[static AGO_SIZE], const struct out_to *to, uint64_t then_s)
{
	char span[SPAN_SIZE];

	if (!then_s)
		return "-";
	snprintf(buf, AGO_SIZE, "%s ago", since_text(span, to, then_s));
	return buf;
}

/* ---- Tables ----------------------------------------------------------------------------- */

typedef void row_fn(struct table *table, const struct out_to *to, const struct jr *at);

struct columns {
	const char *const *heads;
	size_t len;
	row_fn *row;
};

#define COLUMNS(heads, row)                                                                        \
	{                                                                                          \
		(heads), sizeof(heads) / sizeof((heads)[0]), (row)                                 \
	}

static void each_row(struct table *table, const struct columns *columns, const struct out_to *to,
		     const struct jr *list)
{
	struct jr at;

	for (size_t i = 0; jr_each(list, &i, &at);)
		columns->row(table, to, &at);
}

static void put_table(const struct columns *columns, const struct out_to *to, const struct jr *list)
{
	struct table table = { .heads = columns->heads, .len = columns->len };

	each_row(&table, columns, to, list);
	table_print(&table, to->file, to->colour);
	each_row(&table, columns, to, list);
}

static enum term_mark mark_of(const char *state)
{
	static const struct {
		const char *state;
		enum term_mark mark;
	} marks[] = {
		{ "ready", TERM_GOOD },   { "programmed", TERM_GOOD }, { "starting", TERM_WARN },
		{ "pending", TERM_WARN }, { "degraded", TERM_BAD },    { "refused", TERM_BAD },
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strcmp(state, marks[i].state) == 0)
			return marks[i].mark;
	return TERM_PLAIN;
}

/* ---- Status ----------------------------------------------------------------------------- */

static void put_daemon(const struct out_to *to, const struct jr *status)
{
	char started[AGO_SIZE];

	fputs("weftd ", to->file);
	term_put(to->file, text_at(status, "weftd"), 0);
	fputs(" on ", to->file);
	term_put(to->file, text_at(status, "name"), 0);
	fprintf(to->file, ", pid %" PRIu32 ", started %s\nnode ", number_at(status, "pid"),
		ago_text(started, to, number_at(status, "startedAt")));
	term_put(to->file, text_at(status, "node"), 0);
	fputc('\n', to->file);
}

static const char *lease_text(char buf[static CELL_SIZE], const struct out_to *to,
			      const struct jr *lease)
{
	char ttl[SPAN_SIZE], renewed[AGO_SIZE];

	if (jr_is_absent(lease))
		return "none";
	if (jr_bool_opt(lease, "lost", false))
		return "lost";
	if (jr_bool_opt(lease, "reserved", false))
		return "reserved";
	snprintf(buf, CELL_SIZE, "%s, renewed %s", span_text(ttl, number_at(lease, "ttl")),
		 ago_text(renewed, to, number_at(lease, "renewedAt")));
	return buf;
}

static const char *const health_heads[] = { "NETWORK", "STATE", "FOR",  "SUBNET",
					    "LEASE",   "PEERS", "STORE" };

static void health_row(struct table *table, const struct out_to *to, const struct jr *network)
{
	struct jr lease = jr_obj_opt(network, "lease");
	struct jr store = jr_obj_opt(network, "store");
	struct jr peers = jr_obj_opt(network, "peers");
	uint32_t known = number_at(&peers, "known");
	uint32_t programmed = number_at(&peers, "programmed");
	bool connected = jr_bool_opt(&store, "connected", false);
	const char *state = text_at(network, "state");
	char since[SPAN_SIZE], held[CELL_SIZE], count[CELL_SIZE], subnets[PAIR_SIZE];

	snprintf(count, sizeof(count), "%" PRIu32 " of %" PRIu32, programmed, known);

	const struct table_cell cells[] = {
		{ text_at(network, "name"), TERM_PLAIN },
		{ state, mark_of(state) },
		{ since_text(since, to, number_at(network, "since")), TERM_PLAIN },
		{ pair_at(subnets, &lease, "subnet", "subnet6"), TERM_PLAIN },
		{ lease_text(held, to, &lease),
		  jr_bool_opt(&lease, "lost", false) ? TERM_BAD : TERM_PLAIN },
		{ count, programmed < known ? TERM_WARN : TERM_PLAIN },
		{ text_at(&store, "endpoint"), connected ? TERM_PLAIN : TERM_BAD },
	};

	table_row(table, cells);
}

static const char *const device_heads[] = { "NETWORK", "CLUSTER", "VNI",    "PORT",     "MTU",
					    "BRIDGE",  "VXLAN",   "UPLINK", "PUBLIC IP" };

static void device_row(struct table *table, const struct out_to *to, const struct jr *network)
{
	struct jr uplink = jr_obj_opt(network, "uplink");
	char vni[NUMBER_SIZE], port[NUMBER_SIZE], mtu[NUMBER_SIZE];
	char cluster[PAIR_SIZE], vxlan[PAIR_SIZE], public_ip[PAIR_SIZE];
	const struct table_cell cells[] = {
		{ text_at(network, "name"), TERM_PLAIN },
		{ pair_at(cluster, network, "cluster", "cluster6"), TERM_PLAIN },
		{ number_text(vni, network, "vni"), TERM_PLAIN },
		{ number_text(port, network, "port"), TERM_PLAIN },
		{ number_text(mtu, network, "mtu"), TERM_PLAIN },
		{ text_at(network, "bridge"), TERM_PLAIN },
		{ pair_at(vxlan, network, "vxlan", "vxlan6"), TERM_PLAIN },
		{ text_at(&uplink, "name"), TERM_PLAIN },
		{ pair_at(public_ip, &uplink, "publicIP", "publicIPv6"), TERM_PLAIN },
	};

	(void)to;
	table_row(table, cells);
}

static const char *yes(const struct jr *at, const char *key)
{
	return jr_bool_opt(at, key, false) ? "on" : "off";
}

/* One line: the node's packet rules, and what they dropped. */
static void put_rules(const struct out_to *to, const struct jr *rules)
{
	fputs("\npacket rules ", to->file);
	term_put(to->file, text_at(rules, "state"), 0);
	fprintf(to->file, ": masquerade %s, forward %s, tunnel guard %s\n",
		yes(rules, "masquerade"), yes(rules, "forward"), yes(rules, "guard"));
	fprintf(to->file,
		"dropped: %" PRIu64 " to the tunnel from strangers, %" PRIu64 " between networks\n",
		jr_u64_text_opt(rules, "guarded", 0), jr_u64_text_opt(rules, "apart", 0));
}

/* What is wrong, below the tables. */
struct notes {
	FILE *file;
	bool any;           /* a blank line stands before the first note */
	const char *reason; /* of the network's state, which other members may repeat */
};

/* "default: what: why", where there is a why that was not said yet. */
static void put_note_of(struct notes *notes, const char *whose, const char *what, const char *why)
{
	if (!*why || (why != notes->reason && strcmp(why, notes->reason) == 0))
		return;
	if (!notes->any)
		fputc('\n', notes->file);
	notes->any = true;
	term_put(notes->file, whose, 0);
	fputs(": ", notes->file);
	term_put(notes->file, what, 0);
	fputs(": ", notes->file);
	term_put(notes->file, why, 0);
	fputc('\n', notes->file);
}

static void put_note(struct notes *notes, const struct jr *network, const char *what,
		     const char *why)
{
	put_note_of(notes, text_at(network, "name"), what, why);
}

static void put_rule_notes(struct notes *notes, const struct jr *rules)
{
	struct jr lacking = jr_arr_opt(rules, "lacking"), dropping = jr_arr_opt(rules, "dropping");
	struct jr at;

	notes->reason = "";
	put_note_of(notes, "packet rules", "not set", text_at(rules, "error"));
	for (size_t i = 0; jr_each(&lacking, &i, &at);)
		put_note_of(notes, "packet rules", "the kernel cannot do this",
			    jr_str(&at, NULL, TEXT_MAX));
	for (size_t i = 0; jr_each(&dropping, &i, &at);)
		if (!jr_bool_opt(&at, "accepted", false))
			put_note_of(
				notes, "packet rules",
				"drops what is forwarded, unless a rule in it accepts containers",
				text_at(&at, "chain"));
}

/* "default: store wiped or restored, what it lacks stays for 4 min: revision 7 in term 2, .." */
static void put_wiped_note(struct notes *notes, const struct out_to *to, const struct jr *network,
			   const struct jr *store)
{
	uint64_t until_s = number_at(store, "wipedUntil");
	char text[CELL_SIZE], span[SPAN_SIZE];

	snprintf(text, sizeof(text), "store wiped or restored, peers that it lacks stay for %s",
		 span_text(span, until_s > to->now_s ? until_s - to->now_s : 0));
	put_note(notes, network, text, text_at(store, "wiped"));
}

static void put_notes(struct notes *notes, const struct out_to *to, const struct jr *network)
{
	struct jr store = jr_obj_opt(network, "store");
	struct jr lease = jr_obj_opt(network, "lease");
	struct jr peers = jr_obj_opt(network, "peers");
	struct jr passes = jr_obj_opt(network, "passes");
	uint32_t refused = number_at(&peers, "refused");
	char text[CELL_SIZE], since[SPAN_SIZE];

	notes->reason = text_at(network, "reason");
	put_note(notes, network, text_at(network, "state"), notes->reason);
	if (!jr_bool_opt(&store, "connected", false)) {
		snprintf(text, sizeof(text), "store away for %s",
			 since_text(since, to, number_at(&store, "since")));
		put_note(notes, network, text, text_at(&store, "error"));
	}
	put_wiped_note(notes, to, network, &store);
	put_note(notes, network, "lease", text_at(&lease, "trouble"));
	put_note(notes, network, "last pass", text_at(&passes, "lastError"));
	if (refused) {
		snprintf(text, sizeof(text), "leases refused: %" PRIu32, refused);
		put_note(notes, network, text, "weftctl peers says why");
	}
}

static void put_status(const struct out_to *to, const struct jr *status)
{
	static const struct columns health = COLUMNS(health_heads, health_row);
	static const struct columns devices = COLUMNS(device_heads, device_row);
	struct notes notes = { .file = to->file };
	struct jr networks = jr_arr(status, "networks");
	struct jr rules = jr_obj_opt(status, "rules");
	struct jr at;

	put_daemon(to, status);
	fputc('\n', to->file);
	put_table(&health, to, &networks);
	fputc('\n', to->file);
	put_table(&devices, to, &networks);
	if (!jr_is_absent(&rules))
		put_rules(to, &rules);
	for (size_t i = 0; jr_each(&networks, &i, &at);)
		put_notes(&notes, to, &at);
	if (!jr_is_absent(&rules))
		put_rule_notes(&notes, &rules);
}

/* ---- Peers ------------------------------------------------------------------------------ */

static const char *const peer_heads[] = { "NETWORK",  "SUBNET", "NODE", "PUBLIC IP",
					  "VTEP MAC", "MTU",    "STATE" };

static void peer_row(struct table *table, const struct out_to *to, const struct jr *peer)
{
	/* A key that could not be read has neither subnet nor state. */
	const char *state = jr_str_opt(peer, "state", TEXT_MAX, "refused");
	const char *reason = text_at(peer, "reason");
	const char *dropped = text_at(peer, "dropped");
	char mtu[NUMBER_SIZE], judged[3 * TEXT_MAX + 32], subnets[PAIR_SIZE], public_ip[PAIR_SIZE];
	const char *subnet = pair_at(subnets, peer, "subnet", "subnet6");

	snprintf(judged, sizeof(judged), "%s%s%s%s%s", state, *reason ? ": " : "", reason,
		 *dropped ? "; its other family is not used: " : "", dropped);

	const struct table_cell cells[] = {
		{ text_at(peer, "network"), TERM_PLAIN },
		{ *subnet ? subnet : text_at(peer, "key"), TERM_PLAIN },
		{ text_at(peer, "name"), TERM_PLAIN },
		{ pair_at(public_ip, peer, "publicIP", "publicIPv6"), TERM_PLAIN },
		{ text_at(peer, "vtepMac"), TERM_PLAIN },
		{ number_text(mtu, peer, "mtu"), TERM_PLAIN },
		{ judged, mark_of(state) },
	};

	(void)to;
	table_row(table, cells);
}

static void put_peers(const struct out_to *to, const struct jr *peers)
{
	static const struct columns columns = COLUMNS(peer_heads, peer_row);

	if (jr_len(peers) == 0)
		fputs("no peers\n", to->file);
	else
		put_table(&columns, to, peers);
}

static void put_version(const struct out_to *to, const char *version)
{
	fprintf(to->file, "weftctl %s\n", version);
}

const struct out out_text = {
	.status = put_status,
	.peers = put_peers,
	.doctor = out_doctor_text,
	.leases = out_leases,
	.reserved = out_reserved,
	.released = out_released,
	.removed = out_removed,
	.version = put_version,
};
