/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
#include "daemon/control/status.h"

#include "common/array.h"
#include "common/control.h"
#include "common/json/json.h"
#include "common/log.h"
#include "tests/unit/network_scene.h"

static char *ask(const struct scene *scene, const char *request, size_t size)
{
	const struct status_self self = {
		.node = &scene->node,
		.node_name = "host1",
		.started_at = 1700000000,
		.networks = &scene->network,
		.network_len = 1,
	};
	struct err err = ERR_INIT;
	char *answer = NULL;

	assert_done(status_answer(&self, request, size, &answer, &err), err);
	assert_null(strchr(answer, '\n'));
	return answer;
}

/* Reads an answer. A wrong type or an absent member fails the test at the end. */
struct reading {
	char *text;
	struct json *json;
	struct jr root;
};

static void read_answer(const struct scene *scene, const char *command, struct reading *reading)
{
	struct err err = ERR_INIT;
	char request[64];

	snprintf(request, sizeof(request), "{\"version\":2,\"command\":\"%s\"}", command);
	reading->text = ask(scene, request, strlen(request));
	assert_done(json_parse(reading->text, strlen(reading->text), CONTROL_ANSWER_MAX,
			       JSON_STRICT, "answer", &reading->json, &err),
		    err);
	reading->root = jr_root(reading->json);
	assert_int_equal(jr_u32(&reading->root, "version", 0, UINT32_MAX), 2);
}

static void end_reading(struct reading *reading)
{
	struct err err = ERR_INIT;

	assert_done(jr_done(reading->json, ERR_DECODE, &err), err);
	json_free(reading->json);
	free(reading->text);
}

static void assert_str(const struct jr *at, const char *key, const char *want)
{
	assert_string_equal(jr_str(at, key, 1024), want);
}

static void assert_num(const struct jr *at, const char *key, uint32_t want)
{
	assert_int_equal(jr_u32(at, key, 0, UINT32_MAX), want);
}

static bool truth(const struct jr *at, const char *key)
{
	assert_true(jr_has(at, key));
	return jr_bool_opt(at, key, false);
}

/* The answer has no members beyond those of control.h. */
static void refuse_unknown(void *ctx, const char *path)
{
	(void)ctx;
	fail_msg("%s is not documented", path);
}

static void assert_members(const struct jr *at, const char *const known[])
{
	jr_unknown(at, known, refuse_unknown, NULL);
}

static void invalid_requests_are_answered_with_an_error(void **state)
{
	static const struct {
		const char *request, *says;
	} cases[] = {
		{ "", "request" },
		{ "hello", "request" },
		{ "{\"version\":2", "request" },
		{ "[]", "request" },
		{ "null", "request" },
		{ "{}", "version" },
		{ "{\"version\":1,\"command\":\"status\"}",
		  "weftctl uses version 1 of the control protocol" },
		{ "{\"version\":1,\"command\":\"leave\"}", "uses version 2" },
		{ "{\"version\":\"1\",\"command\":\"status\"}", "version" },
		{ "{\"version\":2}", "command" },
		{ "{\"version\":2,\"command\":7}", "command" },
		{ "{\"version\":2,\"command\":\"status\",\"network\":\"blue\"}",
		  "this node has no network \\\"blue\\\"; it has: default" },
		{ "{\"version\":2,\"command\":\"status\",\"network\":7}", "network" },
		{ "{\"version\":2,\"command\":\"peers\",\"address\":7}", "address" },
		{ "{\"version\":2,\"command\":\"peers\",\"address\":\"10.5.3\"}", "address" },
		{ "{\"version\":2,\"command\":\"peers\",\"address\":\"10.5.3.0/24\"}", "address" },
		{ "{\"version\":2,\"command\":\"\"}", "unknown command" },
		{ "{\"version\":2,\"command\":\"Status\"}", "command \\\"Status\\\"" },
		{ "{\"version\":2,\"command\":\"status\",\"command\":\"peers\"}", "command" },
		{ "{\"version\":2,\"command\":\"status\"} x", "request" },
		{ "\x1b[2J\xff", "request" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *answer = ask(*state, cases[i].request, strlen(cases[i].request));

		if (strncmp(answer, "{\"version\":2,\"error\":\"", 22) != 0)
			fail_msg("%s: %s", cases[i].request, answer);
		assert_says(answer, cases[i].says);
		free(answer);
	}
}

static void unknown_request_members_are_ignored(void **state)
{
	static const char request[] = "{\"version\":2,\"command\":\"peers\",\"colour\":true}";
	char *answer = ask(*state, request, strlen(request));

	assert_string_equal(answer, "{\"version\":2,\"peers\":[]}");
	free(answer);
}

/* All documented members are present before the first report of the store. */
static void status_reports_a_starting_node(void **state)
{
	const struct scene *scene = *state;
	struct reading reading;
	struct jr status, networks, network, store;
	size_t i = 0;

	read_answer(scene, "status", &reading);
	status = jr_obj(&reading.root, "status");
	assert_str(&status, "version", WEFT_VERSION);
	assert_num(&status, "pid", (uint32_t)getpid());
	assert_str(&status, "node_id", scene->node.state.id);
	assert_str(&status, "node_name", "host1");
	assert_num(&status, "started_at", 1700000000);
	networks = jr_arr(&status, "networks");
	assert_int_equal(jr_len(&networks), 1);
	jr_each(&networks, &i, &network);
	assert_str(&network, "name", "default");
	assert_str(&network, "state", "starting");
	store = jr_obj(&network, "store");
	assert_false(truth(&store, "connected"));
	assert_false(jr_has(&network, "lease"));
	assert_false(jr_has(&network, "uplink"));
	assert_false(jr_has(&network, "cluster"));
	assert_says(reading.text, "\"lease\":null");
	assert_says(reading.text, "\"uplink\":null");
	end_reading(&reading);
}

static void assert_lease(const struct jr *network)
{
	static const char *const known[] = { "subnet", "key",        "etcd_lease_id",
					     "ttl",    "renewed_at", "reserved",
					     "lost",   "error",      NULL };
	struct jr lease = jr_obj(network, "lease");

	assert_members(&lease, known);
	assert_str(&lease, "subnet", "10.5.2.0/24");
	assert_str(&lease, "key", "10.5.2.0-24");
	assert_str(&lease, "etcd_lease_id", "4660");
	assert_num(&lease, "ttl", 30);
	assert_true(jr_u32(&lease, "renewed_at", 1700000000, UINT32_MAX));
	assert_false(truth(&lease, "reserved"));
	assert_false(truth(&lease, "lost"));
	assert_str(&lease, "error", "");
}

static void assert_devices(const struct scene *scene, const struct jr *network)
{
	static const char *const known[] = { "name", "address", "public_ip", "mtu", NULL };
	struct jr uplink = jr_obj(network, "uplink");
	char mac[MAC_TEXT_SIZE];

	assert_str(network, "cluster", "10.5.0.0/16");
	assert_num(network, "vni", 1);
	assert_num(network, "port", 8472);
	assert_num(network, "mtu", 1450);
	assert_str(network, "bridge", "weft-br1");
	assert_str(network, "vxlan", "weft-vx1");
	assert_str(network, "vtep_mac", mac_text(&scene->node.state.network[0].vtep_mac, mac));
	assert_members(&uplink, known);
	assert_str(&uplink, "name", "up0");
	assert_str(&uplink, "address", "192.168.0.1");
	assert_str(&uplink, "public_ip", "192.168.0.1");
	assert_num(&uplink, "mtu", 1500);
}

static void assert_counts(const struct jr *network)
{
	static const char *const of_peers[] = { "usable",        "installed", "direct",
						"single_family", "refused",   NULL };
	static const char *const of_passes[] = { "total", "failed", "entries_written", "last_error",
						 NULL };
	struct jr peers = jr_obj(network, "peers"), passes = jr_obj(network, "reconciles");

	assert_members(&peers, of_peers);
	assert_num(&peers, "usable", 1);
	assert_num(&peers, "installed", 1);
	assert_num(&peers, "refused", 3);
	assert_members(&passes, of_passes);
	assert_true(jr_u32(&passes, "total", 1, 10) >= 1); /* triggers a check of the new devices */
	assert_num(&passes, "failed", 0);
	assert_num(&passes, "entries_written", 4);
	assert_str(&passes, "last_error", "");
}

/* A valid peer, a conflicting one, an unreadable value, and a key that is no lease. */
static void come_up_with_peers(struct scene *scene)
{
	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	deliver_peer(scene, "10.5.3.0-24", "192.168.0.3", MAC_3);
	deliver_peer(scene, "10.5.4.0-24", "192.168.0.4", MAC_3);
	deliver_entry(scene, "10.5.5.0-24", "rubbish", 9);
	deliver_entry(scene, "note to self", "{}", 9);
	deliver_list_end(scene);
	give_lease(scene);
	settle(scene);
}

static void status_of_a_ready_node_has_all_members(void **state)
{
	static const char *const known[] = {
		"name",    "state", "reason",     "since",   "from_snapshot", "store", "lease",
		"cluster", "vni",   "port",       "mtu",     "bridge",        "vxlan", "vtep_mac",
		"uplink",  "peers", "reconciles", "sysctls", "overlaps",      "mode",  NULL
	};
	static const char *const of_store[] = { "endpoint", "tls",          "connected",   "since",
						"error",    "reset_reason", "grace_until", NULL };
	struct scene *scene = *state;
	struct reading reading;
	struct jr status, networks, network, store;
	size_t i = 0;

	come_up_with_peers(scene);
	read_answer(scene, "status", &reading);
	status = jr_obj(&reading.root, "status");
	networks = jr_arr(&status, "networks");
	jr_each(&networks, &i, &network);
	assert_members(&network, known);
	assert_str(&network, "state", "ready");
	assert_str(&network, "reason", "");
	assert_true(jr_u32(&network, "since", 1700000000, UINT32_MAX));
	store = jr_obj(&network, "store");
	assert_members(&store, of_store);
	assert_str(&store, "endpoint", "http://127.0.0.1:2379");
	assert_true(truth(&store, "connected"));
	assert_false(truth(&store, "tls"));
	assert_str(&store, "reset_reason", "");
	assert_str(&store, "error", "");
	assert_lease(&network);
	assert_devices(scene, &network);
	assert_counts(&network);
	end_reading(&reading);
}

static void assert_peer(const struct jr *peer, const char *subnet, const char *public_ip,
			const char *name, const char *what)
{
	static const char *const known[] = { "network", "subnet",    "public_ip", "vtep_mac",
					     "node_id", "node_name", "mtu",       "state",
					     "reason",  NULL };

	assert_members(peer, known);
	assert_str(peer, "network", "default");
	assert_str(peer, "subnet", subnet);
	assert_str(peer, "public_ip", public_ip);
	assert_str(peer, "vtep_mac", MAC_3);
	assert_str(peer, "node_id", SAMPLE_OTHER);
	assert_str(peer, "node_name", name);
	assert_num(peer, "mtu", 1450);
	assert_str(peer, "state", what);
}

static void assert_unread(const struct jr *peer, const char *key)
{
	static const char *const known[] = { "network", "key", "state", "reason", NULL };

	assert_members(peer, known);
	assert_str(peer, "network", "default");
	assert_str(peer, "key", key);
	assert_str(peer, "state", "refused");
	assert_true(*jr_str(peer, "reason", 512));
}

static void peers_are_reported_with_their_errors(void **state)
{
	struct scene *scene = *state;
	struct reading reading;
	struct jr peers, peer;
	size_t i = 0;

	come_up_with_peers(scene);
	read_answer(scene, "peers", &reading);
	peers = jr_arr(&reading.root, "peers");
	assert_int_equal(jr_len(&peers), 4);
	jr_each(&peers, &i, &peer);
	assert_peer(&peer, "10.5.4.0/24", "192.168.0.4", "host4", "refused");
	assert_says(jr_str(&peer, "reason", 512), "its VtepMAC is that of 10.5.3.0/24");
	jr_each(&peers, &i, &peer);
	assert_peer(&peer, "10.5.3.0/24", "192.168.0.3", "host3", "installed");
	assert_str(&peer, "reason", "");
	jr_each(&peers, &i, &peer);
	assert_unread(&peer, "10.5.5.0-24");
	jr_each(&peers, &i, &peer);
	assert_unread(&peer, "note to self");
	end_reading(&reading);
}

static void an_unreachable_store_is_reported(void **state)
{
	struct scene *scene = *state;
	struct reading reading;
	struct jr status, networks, network, store;
	size_t i = 0;

	come_up_with_peers(scene);
	deliver_lost(scene, "http://127.0.0.1:2379: connection refused");
	read_answer(scene, "status", &reading);
	status = jr_obj(&reading.root, "status");
	networks = jr_arr(&status, "networks");
	jr_each(&networks, &i, &network);
	assert_str(&network, "state", "degraded");
	assert_str(&network, "reason", "http://127.0.0.1:2379: connection refused");
	store = jr_obj(&network, "store");
	assert_false(truth(&store, "connected"));
	assert_str(&store, "error", "http://127.0.0.1:2379: connection refused");
	end_reading(&reading);
}

static void a_lost_lease_is_reported(void **state)
{
	struct scene *scene = *state;
	struct reading reading;
	struct jr status, networks, network, lease;
	size_t i = 0;

	come_up_with_peers(scene);
	deliver_peer(scene, "10.5.2.0-24", "192.168.0.9", "c6:d2:32:6f:8f:09");
	settle(scene);
	read_answer(scene, "status", &reading);
	status = jr_obj(&reading.root, "status");
	networks = jr_arr(&status, "networks");
	jr_each(&networks, &i, &network);
	assert_str(&network, "state", "degraded");
	lease = jr_obj(&network, "lease");
	assert_true(truth(&lease, "lost"));
	assert_says(jr_str(&lease, "error", 512), "is leased by another node (host9");
	end_reading(&reading);
}

/* Returns how many peers the answer has, the subnet of the last one, and its state. */
static size_t peers_with(const struct scene *scene, const char *address, char subnet[static 32],
			 char peer_state[static 32])
{
	struct reading reading;
	struct err err = ERR_INIT;
	struct jr peers, peer;
	char request[128];
	size_t len;

	snprintf(request, sizeof(request),
		 "{\"version\":2,\"command\":\"peers\",\"address\":\"%s\"}", address);
	reading.text = ask(scene, request, strlen(request));
	assert_done(json_parse(reading.text, strlen(reading.text), CONTROL_ANSWER_MAX, JSON_STRICT,
			       "answer", &reading.json, &err),
		    err);
	reading.root = jr_root(reading.json);
	peers = jr_arr(&reading.root, "peers");
	len = jr_len(&peers);
	for (size_t i = 0; jr_each(&peers, &i, &peer);) {
		snprintf(subnet, 32, "%s", jr_str(&peer, "subnet", 31));
		snprintf(peer_state, 32, "%s", jr_str(&peer, "state", 31));
	}
	end_reading(&reading);
	return len;
}

static void peers_can_be_limited_to_an_address(void **state)
{
	struct scene *scene = *state;
	char subnet[32], is[32];

	come_up_with_peers(scene);
	assert_int_equal(peers_with(scene, "10.5.3.7", subnet, is), 1);
	assert_string_equal(subnet, "10.5.3.0/24");
	assert_string_equal(is, "installed");
	assert_int_equal(peers_with(scene, "10.5.4.255", subnet, is), 1);
	assert_string_equal(subnet, "10.5.4.0/24");
	assert_string_equal(is, "refused");
	assert_int_equal(peers_with(scene, "10.5.6.1", subnet, is), 0);
	assert_int_equal(peers_with(scene, "fd00::1", subnet, is), 0);
}

/* Values of other nodes in the store cannot break the JSON document. */
static void names_with_control_characters_are_escaped(void **state)
{
	struct scene *scene = *state;
	struct reading reading;

	come_up_with_peers(scene);
	deliver_entry(scene, "\xff\x1b\"\\", "{}", 9);
	deliver_entry(scene, "10.5.7.0-24",
		      "{\"PublicIP\":\"192.168.0.7\",\"BackendType\":\"vxlan\",\"BackendData\":"
		      "{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:07\"},\"Weft\":{\"Name\":"
		      "\"\\\"},\\u0007\\nääääääääääääääääääääääääääääää\"}}",
		      9);
	settle(scene);
	read_answer(scene, "peers", &reading);
	end_reading(&reading);
	read_answer(scene, "status", &reading);
	end_reading(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		network_test(invalid_requests_are_answered_with_an_error),
		network_test(unknown_request_members_are_ignored),
		network_test(status_reports_a_starting_node),
		network_test(status_of_a_ready_node_has_all_members),
		network_test(peers_are_reported_with_their_errors),
		network_test(peers_can_be_limited_to_an_address),
		network_test(an_unreachable_store_is_reported),
		network_test(a_lost_lease_is_reported),
		network_test(names_with_control_characters_are_escaped),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
