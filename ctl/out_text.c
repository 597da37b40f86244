/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/out_part.h"

#include "common/array.h"
#include "common/json/json.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define CELL_SIZE 128

/* ---- Status ----------------------------------------------------------------------------- */

static void put_daemon(const struct out_to *to, const struct jr *status)
{
	char started[OUT_AGO_SIZE];

	fputs("weftd ", to->file);
	term_put(to->file, out_text_at(status, "version"), 0);
	fputs(" on ", to->file);
	term_put(to->file, out_text_at(status, "node_name"), 0);
	fprintf(to->file, ", pid %" PRIu32 ", started %s\nnode ", out_number_at(status, "pid"),
		out_ago(started, to, out_number_at(status, "started_at")));
	term_put(to->file, out_text_at(status, "node_id"), 0);
	fputc('\n', to->file);
}

static const char *lease_text(char buf[static CELL_SIZE], const struct out_to *to,
			      const struct jr *lease)
{
	char ttl[SPAN_SIZE], renewed[OUT_AGO_SIZE];

	if (jr_is_absent(lease))
		return "none";
	if (jr_bool_opt(lease, "lost", false))
		return "lost";
	if (jr_bool_opt(lease, "reserved", false))
		return "reserved";
	snprintf(buf, CELL_SIZE, "%s, renewed %s", span_text(ttl, out_number_at(lease, "ttl")),
		 out_ago(renewed, to, out_number_at(lease, "renewed_at")));
	return buf;
}

static const char *const health_heads[] = { "NETWORK", "STATE", "FOR",  "SUBNET",
					    "LEASE",   "PEERS", "STORE" };

static void health_row(struct table *table, const struct out_to *to, const struct jr *network)
{
	struct jr lease = jr_obj_opt(network, "lease");
	struct jr store = jr_obj_opt(network, "store");
	struct jr peers = jr_obj_opt(network, "peers");
	uint32_t usable = out_number_at(&peers, "usable");
	uint32_t installed = out_number_at(&peers, "installed");
	bool connected = jr_bool_opt(&store, "connected", false);
	const char *state = out_text_at(network, "state");
	char since[SPAN_SIZE], held[CELL_SIZE], count[CELL_SIZE], subnets[OUT_PAIR_SIZE];

	snprintf(count, sizeof(count), "%" PRIu32 " of %" PRIu32, installed, usable);

	const struct table_cell cells[] = {
		{ out_text_at(network, "name"), TERM_PLAIN },
		{ state, out_mark(state) },
		{ out_since(since, to, out_number_at(network, "since")), TERM_PLAIN },
		{ out_pair_at(subnets, &lease, "subnet", "subnet6"), TERM_PLAIN },
		{ lease_text(held, to, &lease),
		  jr_bool_opt(&lease, "lost", false) ? TERM_BAD : TERM_PLAIN },
		{ count, installed < usable ? TERM_WARN : TERM_PLAIN },
		{ out_text_at(&store, "endpoint"), connected ? TERM_PLAIN : TERM_BAD },
	};

	table_row(table, cells);
}

static const char *const device_heads[] = { "NETWORK", "CLUSTER", "VNI",    "PORT",     "MTU",
					    "BRIDGE",  "VXLAN",   "UPLINK", "PUBLIC IP" };

static void device_row(struct table *table, const struct out_to *to, const struct jr *network)
{
	struct jr uplink = jr_obj_opt(network, "uplink");
	char vni[OUT_NUMBER_SIZE], port[OUT_NUMBER_SIZE], mtu[OUT_NUMBER_SIZE];
	char cluster[OUT_PAIR_SIZE], vxlan[OUT_PAIR_SIZE], public_ip[OUT_PAIR_SIZE];
	const struct table_cell cells[] = {
		{ out_text_at(network, "name"), TERM_PLAIN },
		{ out_pair_at(cluster, network, "cluster", "cluster6"), TERM_PLAIN },
		{ out_number_text(vni, network, "vni"), TERM_PLAIN },
		{ out_number_text(port, network, "port"), TERM_PLAIN },
		{ out_number_text(mtu, network, "mtu"), TERM_PLAIN },
		{ out_text_at(network, "bridge"), TERM_PLAIN },
		{ out_pair_at(vxlan, network, "vxlan", "vxlan6"), TERM_PLAIN },
		{ out_text_at(&uplink, "name"), TERM_PLAIN },
		{ out_pair_at(public_ip, &uplink, "public_ip", "public_ipv6"), TERM_PLAIN },
	};

	(void)to;
	table_row(table, cells);
}

static const char *yes(const struct jr *at, const char *key)
{
	return jr_bool_opt(at, key, false) ? "on" : "off";
}

/* The packet rules and the packets that they dropped. */
static void put_rules(const struct out_to *to, const struct jr *rules)
{
	fputs("\npacket rules ", to->file);
	term_put(to->file, out_text_at(rules, "state"), 0);
	fprintf(to->file, ": masquerade %s, forward %s, tunnel guard %s\n",
		yes(rules, "masquerade"), yes(rules, "forward"), yes(rules, "tunnel_guard"));
	fprintf(to->file,
		"dropped: %" PRIu64 " VXLAN packets from unknown sources, %" PRIu64
		" from containers, %" PRIu64 " packets between networks\n",
		jr_u64_text_opt(rules, "vtep_filter_drops", 0),
		jr_u64_text_opt(rules, "injection_drops", 0),
		jr_u64_text_opt(rules, "isolation_drops", 0));
	fprintf(to->file,
		"dropped: %" PRIu64
		" router advertisements, redirects and DHCP replies of containers, %" PRIu64
		" frames bridged between containers and tunnel, %" PRIu64
		" broadcasts beyond the limit, %" PRIu64
		" broadcasts in networks without flooding, %" PRIu64
		" frames with addresses of others, %" PRIu64
		" packets between isolated ports, %" PRIu64 " probes of containers\n",
		jr_u64_text_opt(rules, "router_drops", 0),
		jr_u64_text_opt(rules, "bridged_tunnel_drops", 0),
		jr_u64_text_opt(rules, "flood_drops", 0),
		jr_u64_text_opt(rules, "unflooded_drops", 0),
		jr_u64_text_opt(rules, "spoof_drops", 0),
		jr_u64_text_opt(rules, "port_isolation_drops", 0),
		jr_u64_text_opt(rules, "probe_drops", 0));
}

static void put_fast_path(const struct out_to *to, const struct jr *fast_path)
{
	const char *state = out_text_at(fast_path, "state");

	if (!strcmp(state, "on"))
		fprintf(to->file, "fast path: on, %u devices, %u flows\n",
			out_number_at(fast_path, "devices"), out_number_at(fast_path, "flows"));
	else if (!strcmp(state, "unsupported"))
		fputs("fast path: not supported by the kernel\n", to->file);
	else
		fprintf(to->file, "fast path: %s\n", strcmp(state, "failed") ? "off" : "failed");
}

/* The problems, below the tables. */
struct notes {
	FILE *file;
	bool any;           /* a blank line precedes the first note */
	const char *reason; /* of the network's state; other members may repeat it */
};

/* "default: what: why", unless why is empty or repeats the reason. */
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
	put_note_of(notes, out_text_at(network, "name"), what, why);
}

static void put_rule_notes(struct notes *notes, const struct jr *rules)
{
	struct jr lacking = jr_arr_opt(rules, "unsupported"),
		  dropping = jr_arr_opt(rules, "other_chains");
	struct jr at;

	notes->reason = "";
	put_note_of(notes, "packet rules", "not installed", out_text_at(rules, "error"));
	for (size_t i = 0; jr_each(&lacking, &i, &at);)
		put_note_of(notes, "packet rules", "not supported by the kernel",
			    jr_str(&at, NULL, OUT_TEXT_MAX));
	for (size_t i = 0; jr_each(&dropping, &i, &at);)
		if (!jr_bool_opt(&at, "accepted", false))
			put_note_of(
				notes, "packet rules",
				out_number_at(&at, "port") ?
					"chain drops tunnel packets" :
					"chain drops forwarded packets and has no rule for weft",
				out_text_at(&at, "chain"));
}

/* "default: store wiped or restored, absent peers are kept for 4 min: revision 7 in term 2". */
static void put_reset_note(struct notes *notes, const struct out_to *to, const struct jr *network,
			   const struct jr *store)
{
	uint64_t until_s = out_number_at(store, "grace_until");
	char text[CELL_SIZE], span[SPAN_SIZE];

	snprintf(text, sizeof(text), "store wiped or restored, absent peers are kept for %s",
		 span_text(span, until_s > to->now_s ? until_s - to->now_s : 0));
	put_note(notes, network, text, out_text_at(store, "reset_reason"));
}

static void put_sysctl_notes(struct notes *notes, const struct jr *network)
{
	struct jr list = jr_arr_opt(network, "sysctls"), at;
	char text[CELL_SIZE];

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		snprintf(text, sizeof(text), "sysctl %.64s is %.16s instead of %.16s",
			 out_text_at(&at, "name"), out_text_at(&at, "value"),
			 out_text_at(&at, "wanted"));
		put_note(notes, network, text, out_text_at(&at, "error"));
	}
}

/*
 * "default: docker0 has 10.5.3.0/24, which overlaps subnets of 1 peers: first 10.5.3.0/24 host3".
 */
static void put_overlap_notes(struct notes *notes, const struct jr *network)
{
	struct jr list = jr_arr_opt(network, "overlaps"), at;
	char text[CELL_SIZE], which[CELL_SIZE];

	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const uint32_t peers = out_number_at(&at, "peers");

		if (!peers || jr_bool_opt(&at, "blocks_add", false))
			continue; /* the latter is the network's reason */
		snprintf(text, sizeof(text),
			 "%s has %s, which overlaps the subnets of %" PRIu32 " peers",
			 out_text_at(&at, "device"), out_text_at(&at, "prefix"), peers);
		snprintf(which, sizeof(which), "first %s %s", out_text_at(&at, "peer_subnet"),
			 out_text_at(&at, "peer_name"));
		put_note(notes, network, text, which);
	}
}

static void put_notes(struct notes *notes, const struct out_to *to, const struct jr *network)
{
	struct jr store = jr_obj_opt(network, "store");
	struct jr lease = jr_obj_opt(network, "lease");
	struct jr peers = jr_obj_opt(network, "peers");
	struct jr reconciles = jr_obj_opt(network, "reconciles");
	struct jr probe = jr_obj_opt(network, "probe");
	uint32_t refused = out_number_at(&peers, "refused");
	char text[CELL_SIZE], since[SPAN_SIZE];

	notes->reason = out_text_at(network, "reason");
	put_note(notes, network, out_text_at(network, "state"), notes->reason);
	if (!jr_bool_opt(&store, "connected", false)) {
		snprintf(text, sizeof(text), "store unreachable for %s",
			 out_since(since, to, out_number_at(&store, "since")));
		put_note(notes, network, text, out_text_at(&store, "error"));
	}
	put_reset_note(notes, to, network, &store);
	put_note(notes, network, "lease", out_text_at(&lease, "error"));
	put_note(notes, network, "last reconcile", out_text_at(&reconciles, "last_error"));
	if (!strcmp(out_text_at(&probe, "state"), "failed"))
		put_note(notes, network, "probes", out_text_at(&probe, "error"));
	if (refused) {
		snprintf(text, sizeof(text), "%" PRIu32 " leases refused", refused);
		put_note(notes, network, text, "see weftctl peers");
	}
	put_sysctl_notes(notes, network);
	put_overlap_notes(notes, network);
}

static void put_secret_notes(struct notes *notes, const struct jr *status)
{
	struct jr list = jr_arr_opt(status, "exposed_files"), at;

	notes->reason = "";
	for (size_t i = 0; jr_each(&list, &i, &at);)
		put_note_of(notes, out_text_at(&at, "option"), "other users can read the file",
			    out_text_at(&at, "path"));
}

static void put_cni_notes(struct notes *notes, const struct jr *status)
{
	struct jr cni = jr_obj_opt(status, "cni"), list, at;

	if (jr_is_absent(&cni))
		return;
	notes->reason = "";
	if (*out_text_at(&cni, "error"))
		put_note_of(notes, "CNI", "--install-cni", out_text_at(&cni, "error"));
	list = jr_arr_opt(&cni, "preferred");
	for (size_t i = 0; jr_each(&list, &i, &at);)
		put_note_of(notes, "CNI", "another configuration precedes weft's",
			    jr_str(&at, NULL, NAME_MAX));
}

static void put_status(const struct out_to *to, const struct jr *status)
{
	static const struct out_columns health = OUT_COLUMNS(health_heads, health_row);
	static const struct out_columns devices = OUT_COLUMNS(device_heads, device_row);
	struct notes notes = { .file = to->file };
	struct jr networks = jr_arr(status, "networks");
	struct jr rules = jr_obj_opt(status, "rules");
	struct jr fast_path = jr_obj_opt(status, "fast_path");
	struct jr at;

	put_daemon(to, status);
	fputc('\n', to->file);
	out_table(&health, to, &networks);
	fputc('\n', to->file);
	out_table(&devices, to, &networks);
	if (!jr_is_absent(&rules))
		put_rules(to, &rules);
	if (!jr_is_absent(&fast_path))
		put_fast_path(to, &fast_path);
	put_secret_notes(&notes, status);
	put_cni_notes(&notes, status);
	for (size_t i = 0; jr_each(&networks, &i, &at);)
		put_notes(&notes, to, &at);
	if (!jr_is_absent(&rules))
		put_rule_notes(&notes, &rules);
	put_note_of(&notes, "fast path", "not installed",
		    strcmp(out_text_at(&fast_path, "state"), "failed") ?
			    "" :
			    out_text_at(&fast_path, "error"));
}

/* ---- Peers ------------------------------------------------------------------------------ */

static const char *const peer_heads[] = { "NETWORK",  "SUBNET", "NODE", "PUBLIC IP",
					  "VTEP MAC", "MTU",    "STATE" };

/* With --probe. */
static const char *const probed_peer_heads[] = { "NETWORK",  "SUBNET", "NODE",  "PUBLIC IP",
						 "VTEP MAC", "MTU",    "PROBE", "STATE" };

#define PEER_STATE 6 /* the column of the state in peer_heads */
#define PROBE_SIZE 64

/* "0.34 ms, 2/64 lost" */
static const char *probe_text(char buf[static PROBE_SIZE], const struct jr *probe)
{
	const char *state = out_text_at(probe, "state");
	const uint32_t sent = out_number_at(probe, "sent"), lost = out_number_at(probe, "lost"),
		       rtt_us = out_number_at(probe, "rtt_us");

	if (!strcmp(state, "answering"))
		snprintf(buf, PROBE_SIZE,
			 "%" PRIu32 ".%02" PRIu32 " ms, %" PRIu32 "/%" PRIu32 " lost",
			 rtt_us / 1000, rtt_us % 1000 / 10, lost, sent);
	else if (!strcmp(state, "silent"))
		snprintf(buf, PROBE_SIZE, "silent, %" PRIu32 "/%" PRIu32 " lost", lost, sent);
	else
		snprintf(buf, PROBE_SIZE, "%.32s", state);
	return buf;
}

static unsigned probe_rank(const struct jr *probe)
{
	static const char *const states[] = { "disabled", "direct", "pending", "answering",
					      "silent" };
	const char *state = out_text_at(probe, "state");

	for (unsigned i = 0; i < ARRAY_LEN(states); i++)
		if (!strcmp(state, states[i]))
			return i;
	return 0;
}

/* Of two families, the silent one, else the one that loses the greater share. */
static struct jr worse_probe(const struct jr *peer)
{
	const struct jr first = jr_obj_opt(peer, "probe"), second = jr_obj_opt(peer, "probe6");
	const uint64_t first_lost = out_number_at(&first, "lost"),
		       second_lost = out_number_at(&second, "lost");

	if (jr_is_absent(&second))
		return first;
	if (probe_rank(&first) != probe_rank(&second))
		return probe_rank(&first) > probe_rank(&second) ? first : second;
	return second_lost * out_number_at(&first, "sent") >
			       first_lost * out_number_at(&second, "sent") ?
		       second :
		       first;
}

static void peer_row(struct table *table, const struct out_to *to, const struct jr *peer)
{
	/* An invalid key has no subnet. */
	const char *state = jr_str_opt(peer, "state", OUT_TEXT_MAX, "refused");
	const char *reason = out_text_at(peer, "reason");
	const char *dropped = out_text_at(peer, "single_family_reason");
	char mtu[OUT_NUMBER_SIZE], shown[3 * OUT_TEXT_MAX + 32], subnets[OUT_PAIR_SIZE],
		public_ip[OUT_PAIR_SIZE], measured[PROBE_SIZE];
	const struct jr probe = worse_probe(peer);
	const char *subnet = out_pair_at(subnets, peer, "subnet", "subnet6");

	snprintf(shown, sizeof(shown), "%s%s%s%s%s", state, *reason ? ": " : "", reason,
		 *dropped ? "; used in one family only: " : "", dropped);

	struct table_cell cells[] = {
		{ out_text_at(peer, "network"), TERM_PLAIN },
		{ *subnet ? subnet : out_text_at(peer, "key"), TERM_PLAIN },
		{ out_text_at(peer, "node_name"), TERM_PLAIN },
		{ out_pair_at(public_ip, peer, "public_ip", "public_ipv6"), TERM_PLAIN },
		{ out_text_at(peer, "vtep_mac"), TERM_PLAIN },
		{ out_number_text(mtu, peer, "mtu"), TERM_PLAIN },
		{ shown, out_mark(state) },
		{ NULL, TERM_PLAIN },
	};

	(void)to;
	if (table->heads == probed_peer_heads) {
		cells[PEER_STATE + 1] = cells[PEER_STATE];
		cells[PEER_STATE].text = probe_text(measured, &probe);
		cells[PEER_STATE].mark = out_mark(out_text_at(&probe, "state"));
	}
	table_row(table, cells);
}

static bool has_probes(const struct jr *peers)
{
	struct jr at;

	for (size_t i = 0; jr_each(peers, &i, &at);)
		if (jr_has(&at, "probe"))
			return true;
	return false;
}

static void put_peers(const struct out_to *to, const struct jr *peers)
{
	static const struct out_columns columns = OUT_COLUMNS(peer_heads, peer_row),
					probed = OUT_COLUMNS(probed_peer_heads, peer_row);

	if (jr_len(peers) == 0)
		fputs("no peers\n", to->file);
	else
		out_table(has_probes(peers) ? &probed : &columns, to, peers);
}

/* ---- Leases ----------------------------------------------------------------------------- */

static const char *const lease_heads[] = { "NETWORK", "KEY", "NODE", "PUBLIC IP", "TTL", "STATE" };

/* The time to live without renewals, which is known for this node's own lease only. */
static const char *ttl_text(char buf[static 32], const struct jr *lease)
{
	uint32_t ttl_s = out_number_at(lease, "ttl");

	if (jr_bool_opt(lease, "reserved", false))
		return "unlimited";
	if (!ttl_s)
		return "";
	snprintf(buf, 32, "%" PRIu32 " s", ttl_s);
	return buf;
}

static void lease_row(struct table *table, const struct out_to *to, const struct jr *lease)
{
	const char *state = jr_str(lease, "state", OUT_TEXT_MAX),
		   *reason = out_text_at(lease, "reason");
	char shown[2 * OUT_TEXT_MAX], ttl[32];

	if (!state)
		state = "";
	snprintf(shown, sizeof(shown), "%.64s%s%.4000s", state, *reason ? ": " : "", reason);

	const struct table_cell cells[] = {
		{ out_text_at(lease, "network"), TERM_PLAIN },
		{ out_text_at(lease, "key"), TERM_PLAIN },
		{ out_text_at(lease, "node_name"), TERM_PLAIN },
		{ out_text_at(lease,
			      *out_text_at(lease, "public_ip") ? "public_ip" : "public_ipv6"),
		  TERM_PLAIN },
		{ ttl_text(ttl, lease), TERM_PLAIN },
		{ shown, out_mark(state) },
	};

	(void)to;
	table_row(table, cells);
}

static void put_leases(const struct out_to *to, const struct jr *leases)
{
	static const struct out_columns columns = OUT_COLUMNS(lease_heads, lease_row);

	if (jr_len(leases) == 0)
		fputs("no leases\n", to->file);
	else
		out_table(&columns, to, leases);
}

static void put_key(const struct out_to *to, const struct jr *done, const char *what)
{
	static const char *const names[] = { "node_name", "node_id", "public_ip", "public_ipv6" };
	const char *whose = "";

	for (size_t i = 0; i < ARRAY_LEN(names) && !*whose; i++)
		whose = out_text_at(done, names[i]);
	term_put(to->file, out_text_at(done, "key"), 0);
	fputs(what, to->file);
	term_put(to->file, *whose ? whose : "an unnamed node", 0);
	fputc('\n', to->file);
}

static void put_reserved(const struct out_to *to, const struct jr *done)
{
	put_key(to, done, " is reserved for ");
}

static void put_released(const struct out_to *to, const struct jr *done)
{
	put_key(to, done, " is released; it was held by ");
}

static void put_removed(const struct out_to *to, const struct jr *done)
{
	static const char *const names[] = { "networks", "devices", "routes", "rules", "files" };
	const char *between = "removed: ";

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!jr_has(done, names[i]))
			continue;
		fprintf(to->file, "%s%" PRIu32 " %s", between,
			jr_u32(done, names[i], 0, UINT32_MAX), names[i]);
		between = ", ";
	}
	fputc('\n', to->file);
}

/* ---- Doctor ----------------------------------------------------------------------------- */

static void put_finding(const struct out_to *to, const struct jr *at)
{
	const char *state = jr_str(at, "state", OUT_TEXT_MAX);
	const char *network = jr_str_opt(at, "network", OUT_TEXT_MAX, "");
	const char *remedy = jr_str_opt(at, "remedy", OUT_TEXT_MAX, "");

	out_cell(to, state, 9, out_mark(state));
	out_cell(to, jr_str(at, "check", OUT_TEXT_MAX), 12, TERM_PLAIN);
	if (*network) {
		term_put(to->file, network, 0);
		fputs(": ", to->file);
	}
	term_put(to->file, jr_str(at, "text", OUT_TEXT_MAX), 0);
	fputc('\n', to->file);
	if (!*remedy)
		return;
	fprintf(to->file, "%*s-> ", 21, "");
	term_put(to->file, remedy, 0);
	fputc('\n', to->file);
}

static void put_findings(const struct out_to *to, const struct jr *findings)
{
	struct jr list = jr_arr(findings, "findings"), at;

	for (size_t i = 0; jr_each(&list, &i, &at);)
		put_finding(to, &at);
}

/* ---- Config ----------------------------------------------------------------------------- */

static void put_config_finding(const struct out_to *to, const struct jr *at)
{
	const char *severity = jr_str(at, "severity", OUT_TEXT_MAX);
	const char *path = jr_str(at, "path", OUT_TEXT_MAX);
	const uint32_t line = out_number_at(at, "line");

	out_cell(to, severity, 9, out_mark(severity));
	if (line)
		fprintf(to->file, "line %" PRIu32 ", column %" PRIu32 ": ", line,
			out_number_at(at, "column"));
	term_put(to->file, path, 0);
	fputs(*path ? ": " : "", to->file);
	term_put(to->file, jr_str(at, "text", OUT_TEXT_MAX), 0);
	fputc('\n', to->file);
}

static void put_config(const struct out_to *to, const struct jr *at)
{
	struct jr findings = jr_arr(at, "findings"), finding;

	for (size_t i = 0; jr_each(&findings, &i, &finding);)
		put_config_finding(to, &finding);
	term_put(to->file, jr_str(at, "file", OUT_TEXT_MAX), 0);
	fputs(jr_bool_opt(at, "valid", false) ? ": valid\n" : ": weftd would reject it\n",
	      to->file);
}

static void put_adopted(const struct out_to *to, const struct jr *at)
{
	const bool dry_run = jr_bool_opt(at, "dry_run", false);
	const struct jr steps = jr_arr(at, "steps"), warnings = jr_arr_opt(at, "warnings");
	struct jr each;

	for (size_t i = 0; jr_each(&steps, &i, &each);) {
		fputs(dry_run ? "would " : "", to->file);
		term_put(to->file, jr_str(&each, NULL, OUT_TEXT_MAX), 0);
		fputc('\n', to->file);
	}
	if (!jr_len(&steps))
		fputs("nothing to do\n", to->file);
	for (size_t i = 0; jr_each(&warnings, &i, &each);) {
		fputs("warning: ", to->file);
		term_put(to->file, jr_str(&each, NULL, OUT_TEXT_MAX), 0);
		fputc('\n', to->file);
	}
}

static void put_version(const struct out_to *to, const char *version, const char *commit)
{
	fprintf(to->file, "weftctl %s%s%s%s\n", version, *commit ? " (commit " : "", commit,
		*commit ? ")" : "");
}

const struct out out_text = {
	.status = put_status,
	.peers = put_peers,
	.doctor = put_findings,
	.leases = put_leases,
	.reserved = put_reserved,
	.released = put_released,
	.removed = put_removed,
	.pods = out_pods,
	.ipam = out_ipam,
	.map = out_map,
	.trace = out_trace,
	.config = put_config,
	.events = out_events,
	.event_lines = out_events,
	.adopted = put_adopted,
	.version = put_version,
};
