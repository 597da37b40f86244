/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor.h"

#include "common/legacy.h"
#include "doctor_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void doctor_facts_free(struct doctor_facts *facts)
{
	for (size_t i = 0; i < facts->networks.len; i++)
		doctor_containers_free(&facts->networks.at[i].containers);
	doctor_networks_free(&facts->networks);
}

void doctor_find(struct doctor *doctor, const char *check, enum doctor_state state,
		 const char *remedy, const char *format, ...)
{
	static const char *const names[] = { "ok", "warning", "wrong" };
	struct jb_at at = jb_obj(doctor->findings, NULL);
	char text[DOCTOR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	jb_str(at, "check", check);
	jb_str(at, "network", doctor->network);
	jb_str(at, "state", names[state]);
	jb_str(at, "text", text);
	jb_str(at, "remedy", state == DOCTOR_OK ? "" : remedy);
	doctor->wrong |= state == DOCTOR_WRONG;
}

const char *doctor_text(const struct jr *at, const char *key)
{
	return jr_str_opt(at, key, DOCTOR_TEXT_MAX, "");
}

uint32_t doctor_number(const struct jr *at, const char *key)
{
	return jr_u32_opt(at, key, 0, UINT32_MAX, 0);
}

const char *doctor_since(const struct doctor *doctor, const struct jr *at, const char *key)
{
	static char texts[2][32];
	static unsigned turn;
	uint64_t since = doctor_number(at, key), now = doctor->facts->now_s;
	uint64_t span = since < now ? now - since : 0;
	char *text = texts[turn++ % 2];

	if (span >= 2 * 86400)
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " days", span / 86400);
	else if (span >= 2 * 3600)
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " h", span / 3600);
	else if (span >= 120)
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " min", span / 60);
	else
		snprintf(text, sizeof(texts[0]), "%" PRIu64 " s", span);
	return text;
}

/* ---- weftd and the store ---------------------------------------------------------------- */

static void check_daemon(struct doctor *doctor, const char *why, const struct jr *status)
{
	if (why)
		doctor_find(doctor, "weftd", DOCTOR_WRONG,
			    "start it (systemctl start weftd), or see why it ends (journalctl -u "
			    "weftd); running containers keep their network meanwhile",
			    "%s", why);
	else
		doctor_find(doctor, "weftd", DOCTOR_OK, "", "answers: version %s, up for %s",
			    doctor_text(status, "weftd"),
			    doctor_since(doctor, status, "startedAt"));
}

static void check_clock(struct doctor *doctor, const struct jr *status)
{
	if (doctor_number(status, "startedAt") > doctor->facts->now_s)
		doctor_find(doctor, "clock", DOCTOR_WARNING,
			    "see that the node's time is set before weftd starts (NTP)",
			    "the clock went back: by it, weftd starts in the future");
}

/* Without weftd, what is seen to be wrong is said. */
static void check_legacy(struct doctor *doctor)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (doctor->facts->legacy[f] == DOCTOR_LEGACY_DROPS)
			doctor_check_legacy(doctor, f);
}

static bool check_unseen(struct doctor *doctor, const char *name)
{
	bool quiet = true;

	for (enum family f = 0; f < FAMILIES; f++)
		if (!strcmp(name, legacy_name(f)))
			quiet = doctor_check_legacy(doctor, f) && quiet;
	return quiet;
}

static void check_rules(struct doctor *doctor, const struct jr *status)
{
	struct jr rules = jr_obj_opt(status, "rules"), list, at;
	const char *error = doctor_text(&rules, "error");
	bool quiet = true;

	if (jr_is_absent(&rules))
		return;
	if (*error) {
		doctor_find(doctor, "rules", DOCTOR_WRONG,
			    "the text names what nftables refused; weftd tries again by itself",
			    "weftd's packet rules are not set: %s", error);
		quiet = false;
	}
	list = jr_arr_opt(&rules, "dropping");
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		if (jr_bool_opt(&at, "accepted", false))
			continue;
		doctor_find(doctor, "rules", DOCTOR_WARNING,
			    "let packets from and to the cluster's network pass there; what one "
			    "chain accepts another may still drop",
			    "%s drops what is forwarded, unless a rule in it accepts containers",
			    doctor_text(&at, "chain"));
		quiet = false;
	}
	list = jr_arr_opt(&rules, "lacking");
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		doctor_find(doctor, "rules", DOCTOR_WARNING, "use a kernel that can",
			    "the kernel cannot do this: %s", jr_str(&at, NULL, DOCTOR_TEXT_MAX));
		quiet = false;
	}
	list = jr_arr_opt(&rules, "unseen");
	for (size_t i = 0; jr_each(&list, &i, &at);)
		quiet = check_unseen(doctor, jr_str(&at, NULL, DOCTOR_TEXT_MAX)) && quiet;
	if (quiet)
		doctor_find(doctor, "rules", DOCTOR_OK, "", "nothing drops what is forwarded");
}

static void check_store(struct doctor *doctor, const struct jr *network)
{
	struct jr store = jr_obj_opt(network, "store");

	if (jr_bool_opt(&store, "connected", false))
		doctor_find(doctor, "store", DOCTOR_OK, "", "%s is reached, for %s",
			    doctor_text(&store, "endpoint"), doctor_since(doctor, &store, "since"));
	else
		doctor_find(doctor, "store", DOCTOR_WRONG,
			    "see that it runs and that this node can reach it; containers keep "
			    "their network, changes on other nodes are not seen",
			    "%s has not been reached for %s: %s", doctor_text(&store, "endpoint"),
			    doctor_since(doctor, &store, "since"), doctor_text(&store, "error"));
	if (jr_bool_opt(network, "stale", false))
		doctor_find(doctor, "store", DOCTOR_WARNING,
			    "it follows the store once that answers",
			    "the node works by what was known before it last started");
}

static void check_lease(struct doctor *doctor, const struct jr *network)
{
	struct jr lease = jr_obj_opt(network, "lease");
	const char *trouble = doctor_text(&lease, "trouble"),
		   *subnet = doctor_text(&lease, "subnet");

	if (jr_is_absent(&lease) || !*subnet)
		doctor_find(doctor, "lease", DOCTOR_WRONG,
			    "weftctl status says what it waits for; where all subnets are leased, "
			    "widen the network or remove nodes",
			    "the node holds no subnet: no container can start");
	else if (jr_bool_opt(&lease, "lost", false))
		doctor_find(doctor, "lease", DOCTOR_WRONG,
			    "move this node's containers away, stop weftd, remove its last lease "
			    "(node.json), start weftd: it takes another subnet",
			    "another node holds %s: %s", subnet, trouble);
	else if (*trouble)
		doctor_find(doctor, "lease", DOCTOR_WARNING,
			    "it is tried again; see the store, too", "%s: %s", subnet, trouble);
	else if (jr_bool_opt(&lease, "reserved", false))
		doctor_find(doctor, "lease", DOCTOR_OK, "", "%s is held, by a reservation", subnet);
	else
		doctor_find(doctor, "lease", DOCTOR_OK, "", "%s is held, renewed %s ago", subnet,
			    doctor_since(doctor, &lease, "renewedAt"));
}

static void check_uplink(struct doctor *doctor, const struct jr *network)
{
	struct jr uplink = jr_obj_opt(network, "uplink");
	uint32_t mtu = doctor_number(network, "mtu"), under = doctor_number(&uplink, "mtu");
	const char *name = doctor_text(&uplink, "name");

	if (jr_is_absent(&uplink))
		doctor_find(doctor, "uplink", DOCTOR_WRONG,
			    "give the node a default route, or weftd --iface",
			    "there is no way to the other nodes");
	else if (mtu && mtu + 50 > under)
		doctor_find(doctor, "uplink", DOCTOR_WRONG,
			    "lower Backend.MTU in the network's configuration, or raise the "
			    "device's MTU",
			    "%s carries %" PRIu32 " bytes; packets of %" PRIu32
			    " need 50 more in the tunnel (70 over IPv6)",
			    name, under, mtu);
	else
		doctor_find(doctor, "uplink", DOCTOR_OK, "", "%s, MTU %" PRIu32, name, under);
}

static void check_port(struct doctor *doctor, const struct jr *network,
		       const struct doctor_network *facts)
{
	uint32_t port = doctor_number(network, "port");

	if (facts->vxlan.there || !port || !doctor->facts->has_udp_port(port))
		return;
	doctor_find(doctor, "port", DOCTOR_WRONG,
		    "see who has it (ss -uanp), and end it or choose another Backend.Port for all "
		    "nodes",
		    "another program has the tunnel's UDP port %" PRIu32, port);
}

/* ---- The kernel's entries, and the peers ------------------------------------------------- */

static void check_entries(struct doctor *doctor, const struct jr *network)
{
	struct jr peers = jr_obj_opt(network, "peers"), passes = jr_obj_opt(network, "passes");
	uint32_t known = doctor_number(&peers, "known");
	uint32_t programmed = doctor_number(&peers, "programmed");
	const char *error = doctor_text(&passes, "lastError");

	if (*error)
		doctor_find(doctor, "entries", DOCTOR_WRONG,
			    "the text is the kernel's; weftd tries again by itself",
			    "the last pass failed: %s", error);
	else if (programmed < known)
		doctor_find(doctor, "entries", DOCTOR_WARNING, "ask again in a second",
			    "%" PRIu32 " of %" PRIu32 " peers are in the kernel", programmed,
			    known);
	else
		doctor_find(doctor, "entries", DOCTOR_OK, "",
			    "the kernel has all of %" PRIu32 " peers", known);
}

/* One that is not used, or in one family alone. */
static void tell_peer(struct doctor *doctor, const struct jr *peer)
{
	const char *dropped = doctor_text(peer, "dropped"), *key = doctor_text(peer, "key");

	if (*key)
		doctor_find(doctor, "keys", DOCTOR_WARNING,
			    "see who writes it; remove it with etcdctl del",
			    "key %s among the leases cannot be read: %s", key,
			    doctor_text(peer, "reason"));
	else if (*dropped)
		doctor_find(doctor, "peers", DOCTOR_WARNING,
			    "set right what its node publishes; the other family works",
			    "%s (%s) is used in one family only: %s", doctor_text(peer, "subnet"),
			    doctor_text(peer, "name"), dropped);
	else
		doctor_find(doctor, "peers", DOCTOR_WARNING,
			    "set right what its node publishes: its containers are not reached",
			    "%s (%s) is refused: %s", doctor_text(peer, "subnet"),
			    doctor_text(peer, "name"), doctor_text(peer, "reason"));
}

static void check_peers(struct doctor *doctor, const struct jr *peers, const char *name)
{
	size_t told = 0, usable = 0;
	struct jr at;

	for (size_t i = 0; jr_each(peers, &i, &at);) {
		bool refused = strcmp(jr_str_opt(&at, "state", 64, "refused"), "refused") == 0;

		if (strcmp(doctor_text(&at, "network"), name) != 0)
			continue;
		usable += !refused;
		if ((refused || *doctor_text(&at, "dropped")) && told++ < DOCTOR_LISTED)
			tell_peer(doctor, &at);
	}
	if (told > DOCTOR_LISTED)
		doctor_find(doctor, "peers", DOCTOR_WARNING, "weftctl peers lists them",
			    "%zu more are like that", told - DOCTOR_LISTED);
	if (!told)
		doctor_find(doctor, "peers", DOCTOR_OK, "", "%zu, none of them refused", usable);
}

static void check_state(struct doctor *doctor, const struct jr *network)
{
	const char *state = doctor_text(network, "state"), *reason = doctor_text(network, "reason");

	if (strcmp(state, "ready") == 0)
		doctor_find(doctor, "network", DOCTOR_OK, "", "ready, for %s",
			    doctor_since(doctor, network, "since"));
	else
		doctor_find(doctor, "network", DOCTOR_WRONG, "the checks below tell more", "%s: %s",
			    state, reason);
}

/* ---- All of it --------------------------------------------------------------------------- */

static const struct doctor_network *facts_of(const struct doctor_facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->networks.len; i++)
		if (strcmp(facts->networks.at[i].state.name, name) == 0)
			return &facts->networks.at[i];
	return NULL;
}

static void check_network(struct doctor *doctor, const struct jr *network, const struct jr *peers)
{
	static const struct doctor_network none;
	const struct doctor_network *facts = facts_of(doctor->facts, doctor_text(network, "name"));

	doctor->network = doctor_text(network, "name");
	check_state(doctor, network);
	check_store(doctor, network);
	check_lease(doctor, network);
	check_uplink(doctor, network);
	check_port(doctor, network, facts ? facts : &none);
	if (facts)
		doctor_check_devices(doctor, facts, network);
	check_entries(doctor, network);
	check_peers(doctor, peers, doctor->network);
	if (facts) {
		doctor_check_containers(doctor, facts);
		doctor_check_pool(doctor, facts);
	}
}

static bool tells_of(const struct jr *networks, const char *name)
{
	struct jr at;

	for (size_t i = 0; jr_each(networks, &i, &at);)
		if (strcmp(doctor_text(&at, "name"), name) == 0)
			return true;
	return false;
}

/* Those that the run directory tells of and weftd does not: all of them where it is silent. */
static void check_left_over(struct doctor *doctor, const struct jr *networks)
{
	for (size_t i = 0; i < doctor->facts->networks.len; i++) {
		const struct doctor_network *facts = &doctor->facts->networks.at[i];

		if (networks && tells_of(networks, facts->state.name))
			continue;
		doctor->network = facts->state.name;
		if (networks)
			doctor_find(doctor, "files", DOCTOR_WARNING,
				    "start weftd with that network again, or remove its file from "
				    "the run directory's networks/",
				    "weftd does not have this network; containers can still be "
				    "attached to it");
		doctor_check_devices(doctor, facts, NULL);
		doctor_check_containers(doctor, facts);
		doctor_check_pool(doctor, facts);
	}
}

bool doctor_judge(const char *why, const struct jr *status, const struct jr *peers,
		  const struct doctor_facts *facts, struct jb_at root)
{
	struct doctor doctor = { .facts = facts, .network = "" };
	struct jr networks, at;

	doctor.findings = jb_arr(root, "findings");
	check_daemon(&doctor, why, status);
	if (!why)
		check_clock(&doctor, status);
	doctor_check_node(&doctor);
	if (why) {
		check_legacy(&doctor);
		check_left_over(&doctor, NULL);
	} else {
		check_rules(&doctor, status);
		networks = jr_arr(status, "networks");
		for (size_t i = 0; jr_each(&networks, &i, &at);)
			check_network(&doctor, &at, peers);
		check_left_over(&doctor, &networks);
	}
	jb_bool(root, "good", !doctor.wrong);
	return !doctor.wrong;
}
