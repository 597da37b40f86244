/* SPDX-License-Identifier: Apache-2.0 */
/* fake: loop */
#include "daemon/status.h"

#include "common/control.h"
#include "common/json.h"
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

/* An answer being read; a wrong type or an absent member fails the test at the end. */
struct reading {
	char *text;
	struct json *json;
	struct jr root;
};

static void read_answer(const struct scene *scene, const char *command, struct reading *reading)
{
	struct err err = ERR_INIT;
	char request[64];

	snprintf(request, sizeof(request), "{\"version\":1,\"command\":\"%s\"}", command);
	reading->text = ask(scene, request, strlen(request));
	assert_done(json_parse(reading->text, strlen(reading->text), CONTROL_ANSWER_MAX,
			       JSON_STRICT, "answer", &reading->json, &err),
		    err);
	reading->root = jr_root(reading->json);
	assert_int_equal(jr_u32(&reading->root, "version", 0, UINT32_MAX), 1);
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

/* No member that control.h does not name. */
static void refuse_unknown(void *ctx, const char *path)
{
	(void)ctx;
	fail_msg("%s is not documented", path);
}

static void assert_members(const struct jr *at, const char *const known[])
{
	jr_unknown(at, known, refuse_unknown, NULL);
}

static void requests_that_are_wrong_are_told_so(void **state)
{
	static const struct {
		const char *request, *says;
	} cases[] = {
		{ "", "request" },
		{ "hello", "request" },
		{ "{\"version\":1", "request" },
		{ "[]", "request" },
		{ "null", "request" },
		{ "{}", "version" },
		{ "{\"version\":2,\"command\":\"status\"}", "version" },
		{ "{\"version\":\"1\",\"command\":\"status\"}", "version" },
		{ "{\"version\":1}", "command" },
		{ "{\"version\":1,\"command\":7}", "command" },
		{ "{\"version\":1,\"command\":\"status\",\"network\":\"blue\"}",
		  "this node has no network \\\"blue\\\"; it has: default" },
		{ "{\"version\":1,\"command\":\"status\",\"network\":7}", "network" },
		{ "{\"version\":1,\"command\":\"\"}", "does not know the command" },
		{ "{\"version\":1,\"command\":\"Status\"}", "command \\\"Status\\\"" },
		{ "{\"version\":1,\"command\":\"status\",\"command\":\"peers\"}", "command" },
		{ "{\"version\":1,\"command\":\"status\"} x", "request" },
		{ "\x1b[2J\xff", "request" },
	};

	for (size_t i = 0; i < LEN(cases); i++) {
		char *answer = ask(*state, cases[i].request, strlen(cases[i].request));

		if (strncmp(answer, "{\"version\":1,\"error\":\"", 22) != 0)
			fail_msg("%s: %s", cases[i].request, answer);
		assert_says(answer, cases[i].says);
		free(answer);
	}
}

static void what_a_newer_client_adds_is_passed_over(void **state)
{
	static const char request[] = "{\"version\":1,\"command\":\"peers\",\"colour\":true}";
	char *answer = ask(*state, request, strlen(request));

	assert_string_equal(answer, "{\"version\":1,\"peers\":[]}");
	free(answer);
}

/* Before anything is known, all members are there that the document promises. */
static void a_node_that_starts_says_so(void **state)
{
	const struct scene *scene = *state;
	struct reading reading;
	struct jr status, networks, network, store;
	size_t i = 0;

	read_answer(scene, "status", &reading);
	status = jr_obj(&reading.root, "status");
	assert_str(&status, "weftd", WEFT_VERSION);
	assert_num(&status, "pid", (uint32_t)getpid());
	assert_str(&status, "node", scene->node.state.id);
	assert_str(&status, "name", "host1");
	assert_num(&status, "startedAt", 1700000000);
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
	static const char *const known[] = { "subnet",   "key",  "id",      "ttl", "renewedAt",
					     "reserved", "lost", "trouble", NULL };
	struct jr lease = jr_obj(network, "lease");

	assert_members(&lease, known);
	assert_str(&lease, "subnet", "10.5.2.0/24");
	assert_str(&lease, "key", "10.5.2.0-24");
	assert_str(&lease, "id", "4660");
	assert_num(&lease, "ttl", 30);
	assert_true(jr_u32(&lease, "renewedAt", 1700000000, UINT32_MAX));
	assert_false(truth(&lease, "reserved"));
	assert_false(truth(&lease, "lost"));
	assert_str(&lease, "trouble", "");
}

static void assert_devices(const struct scene *scene, const struct jr *network)
{
	static const char *const known[] = { "name", "address", "publicIP", "mtu", NULL };
	struct jr uplink = jr_obj(network, "uplink");
	char mac[MAC_TEXT_SIZE];

	assert_str(network, "cluster", "10.5.0.0/16");
	assert_num(network, "vni", 1);
	assert_num(network, "port", 8472);
	assert_num(network, "mtu", 1450);
	assert_str(network, "bridge", "weft-br1");
	assert_str(network, "vxlan", "weft-vx1");
	assert_str(network, "vtepMac", mac_text(&scene->node.state.network[0].vtep_mac, mac));
	assert_members(&uplink, known);
	assert_str(&uplink, "name", "up0");
	assert_str(&uplink, "address", "192.168.0.1");
	assert_str(&uplink, "publicIP", "192.168.0.1");
	assert_num(&uplink, "mtu", 1500);
}

static void assert_counts(const struct jr *network)
{
	static const char *const of_peers[] = { "known",   "programmed", "direct",
						"partial", "refused",    NULL };
	static const char *const of_passes[] = { "run", "failed", "written", "lastError", NULL };
	struct jr peers = jr_obj(network, "peers"), passes = jr_obj(network, "passes");

	assert_members(&peers, of_peers);
	assert_num(&peers, "known", 1);
	assert_num(&peers, "programmed", 1);
	assert_num(&peers, "refused", 3);
	assert_members(&passes, of_passes);
	assert_true(jr_u32(&passes, "run", 1, 10) >=
		    1); /* its own new devices are looked at again */
	assert_num(&passes, "failed", 0);
	assert_num(&passes, "written", 4);
	assert_str(&passes, "lastError", "");
}

/* A good peer, one that clashes, one whose value cannot be read, one that is no lease at all. */
static void come_up_with_peers(struct scene *scene)
{
	tell_reached(scene);
	tell_list_begin(scene, CONFIG);
	tell_peer(scene, "10.5.3.0-24", "192.168.0.3", MAC_3);
	tell_peer(scene, "10.5.4.0-24", "192.168.0.4", MAC_3);
	tell_entry(scene, "10.5.5.0-24", "rubbish", 9);
	tell_entry(scene, "note to self", "{}", 9);
	tell_list_end(scene);
	give_lease(scene);
	settle(scene);
}

static void a_node_that_is_up_tells_everything(void **state)
{
	static const char *const known[] = { "name",  "state",  "reason",  "since",   "stale",
					     "store", "lease",  "cluster", "vni",     "port",
					     "mtu",   "bridge", "vxlan",   "vtepMac", "uplink",
					     "peers", "passes", NULL };
	static const char *const of_store[] = { "endpoint", "tls",   "connected",  "since",
						"error",    "wiped", "wipedUntil", NULL };
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
	assert_str(&store, "wiped", "");
	assert_str(&store, "error", "");
	assert_lease(&network);
	assert_devices(scene, &network);
	assert_counts(&network);
	end_reading(&reading);
}

static void assert_peer(const struct jr *peer, const char *subnet, const char *public_ip,
			const char *name, const char *what)
{
	static const char *const known[] = { "network", "subnet", "publicIP", "vtepMac", "node",
					     "name",    "mtu",    "state",    "reason",  NULL };

	assert_members(peer, known);
	assert_str(peer, "network", "default");
	assert_str(peer, "subnet", subnet);
	assert_str(peer, "publicIP", public_ip);
	assert_str(peer, "vtepMac", MAC_3);
	assert_str(peer, "node", SAMPLE_OTHER);
	assert_str(peer, "name", name);
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

static void peers_are_told_with_what_is_wrong(void **state)
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
	assert_peer(&peer, "10.5.3.0/24", "192.168.0.3", "host3", "programmed");
	assert_str(&peer, "reason", "");
	jr_each(&peers, &i, &peer);
	assert_unread(&peer, "10.5.5.0-24");
	jr_each(&peers, &i, &peer);
	assert_unread(&peer, "note to self");
	end_reading(&reading);
}

static void a_store_that_is_away_is_told(void **state)
{
	struct scene *scene = *state;
	struct reading reading;
	struct jr status, networks, network, store;
	size_t i = 0;

	come_up_with_peers(scene);
	tell_lost(scene, "http://127.0.0.1:2379: connection refused");
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

static void a_lost_lease_is_told(void **state)
{
	struct scene *scene = *state;
	struct reading reading;
	struct jr status, networks, network, lease;
	size_t i = 0;

	come_up_with_peers(scene);
	tell_peer(scene, "10.5.2.0-24", "192.168.0.9", "c6:d2:32:6f:8f:09");
	settle(scene);
	read_answer(scene, "status", &reading);
	status = jr_obj(&reading.root, "status");
	networks = jr_arr(&status, "networks");
	jr_each(&networks, &i, &network);
	assert_str(&network, "state", "degraded");
	lease = jr_obj(&network, "lease");
	assert_true(truth(&lease, "lost"));
	assert_says(jr_str(&lease, "trouble", 512), "is leased by another node (host9");
	end_reading(&reading);
}

/* What others wrote into the store cannot break the document. */
static void hostile_names_are_harmless(void **state)
{
	struct scene *scene = *state;
	struct reading reading;

	come_up_with_peers(scene);
	tell_entry(scene, "\xff\x1b\"\\", "{}", 9);
	tell_entry(scene, "10.5.7.0-24",
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
		network_test(requests_that_are_wrong_are_told_so),
		network_test(what_a_newer_client_adds_is_passed_over),
		network_test(a_node_that_starts_says_so),
		network_test(a_node_that_is_up_tells_everything),
		network_test(peers_are_told_with_what_is_wrong),
		network_test(a_store_that_is_away_is_told),
		network_test(a_lost_lease_is_told),
		network_test(hostile_names_are_harmless),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
