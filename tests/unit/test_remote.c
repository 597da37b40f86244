/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/l2/remote.h"

#include "common/array.h"
#include "daemon/l2/announce.h"
#include "tests/unit/samples.h"

#include <stdlib.h>

#define THIRD "8ba7b810-9dad-11d1-80b4-00c04fd430c8"
#define CONFIG                                                                                     \
	"{\"Network\":\"172.18.0.0/16\",\"EnableIPv6\":true,\"IPv6Network\":\"fd00:18::/48\","     \
	"\"Weft\":{\"Mode\":\"l2\",\"Gateway\":\"172.18.0.1\",\"IPv6Gateway\":\"fd00:18::1\"}}"

struct scene {
	struct endpoints endpoints;
	struct leases peers;
	struct local_endpoints locals;
	struct remotes remotes;
	struct remote_counts counts;
	struct config config;
};

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));
	struct lease peer = sample_peer("172.18.2.0/24", "192.168.0.2", "c6:00:00:00:00:02",
					SAMPLE_OTHER, 1);

	scene->config = sample_config(CONFIG);
	sample_put(&scene->peers, &peer);
	peer = sample_peer("172.18.3.0/24", "192.168.0.3", "c6:00:00:00:00:03", THIRD, 1);
	sample_put(&scene->peers, &peer);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	endpoints_free(&scene->endpoints);
	leases_free(&scene->peers);
	local_endpoints_free(&scene->locals);
	remotes_free(&scene->remotes);
	test_free(scene);
	return 0;
}

#define scene_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void add(struct scene *scene, const char *addr, const char *mac, const char *node,
		uint64_t revision)
{
	struct endpoint endpoint = {
		.addr = sample_addr(addr),
		.mac = sample_mac(mac),
		.mod_revision = revision,
	};

	snprintf(endpoint.node, sizeof(endpoint.node), "%s", node);
	assert_true(endpoints_put(&scene->endpoints, &endpoint));
}

static void add_local(struct scene *scene, const char *addr, const char *mac)
{
	const struct local_endpoint local = { .endpoint = { .addr = sample_addr(addr),
							    .mac = sample_mac(mac) } };

	assert_true(local_endpoints_push(&scene->locals, &local));
}

/* "172.18.2.7>192.168.0.2 ..." */
static const char *find(struct scene *scene)
{
	const struct remote_source source = {
		.config = &scene->config,
		.endpoints = &scene->endpoints,
		.peers = &scene->peers,
		.locals = &scene->locals,
		.node = SAMPLE_NODE,
		.vtep_mac = sample_mac("c6:00:00:00:00:01"),
		.outer = { true, false },
	};
	static char text[512];
	size_t len = 0;

	assert_true(remotes_find(&source, &scene->remotes, &scene->counts));
	text[0] = '\0';
	for (size_t i = 0; i < scene->remotes.len; i++) {
		char addr[IPADDR_TEXT_SIZE], vtep[IPADDR_TEXT_SIZE];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s>%s", i ? " " : "",
					ipaddr_text(&scene->remotes.at[i].addr, addr),
					ipaddr_text(&scene->remotes.at[i].vtep, vtep));
	}
	return text;
}

static void containers_of_peers_are_reached_by_their_vteps(void **state)
{
	struct scene *scene = *state;

	add(scene, "172.18.2.7", "0a:58:ac:12:02:07", SAMPLE_OTHER, 5);
	add(scene, "172.18.3.7", "0a:58:ac:12:03:07", THIRD, 6);
	add(scene, "172.18.1.7", "0a:58:ac:12:01:07", SAMPLE_NODE, 7);
	add(scene, "fd00:18::7", "0a:58:ac:12:02:07", SAMPLE_OTHER, 8);
	assert_string_equal(find(scene), "172.18.2.7>192.168.0.2 172.18.3.7>192.168.0.3 "
					 "fd00:18::7>192.168.0.2");
	assert_int_equal(scene->counts.refused + scene->counts.waiting, 0);
}

static void a_container_waits_for_its_nodes_lease(void **state)
{
	struct scene *scene = *state;

	add(scene, "172.18.2.7", "0a:58:ac:12:02:07", "9ba7b810-9dad-11d1-80b4-00c04fd430c8", 5);
	assert_string_equal(find(scene), "");
	assert_int_equal(scene->counts.waiting, 1);
	assert_int_equal(scene->counts.refused, 0);
}

static void addresses_and_macs_of_others_are_refused(void **state)
{
	static const struct {
		const char *addr, *mac;
	} cases[] = {
		{ "172.19.2.7", "0a:58:ac:12:02:07" }, /* not in the network */
		{ "172.18.0.1", "0a:58:ac:12:02:07" }, /* the gateway */
		{ "172.18.2.7", "0a:58:ac:12:00:01" }, /* its MAC */
		{ "172.18.2.7", "c6:00:00:00:00:01" }, /* the VTEP's */
		{ "172.18.2.7", "0a:58:ac:12:01:09" }, /* a container's of this node */
		{ "fd00:19::7", "0a:58:ac:12:02:07" },
	};
	struct scene *scene = *state;

	add_local(scene, "172.18.1.9", "0a:58:ac:12:01:09");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		endpoints_clear(&scene->endpoints);
		add(scene, cases[i].addr, cases[i].mac, SAMPLE_OTHER, 5);
		assert_string_equal(find(scene), "");
		assert_int_equal(scene->counts.refused, 1);
	}
}

static void an_address_of_this_node_is_not_remote(void **state)
{
	struct scene *scene = *state;

	add_local(scene, "172.18.2.7", "0a:58:ac:12:02:07");
	add(scene, "172.18.2.7", "0a:58:ac:12:02:07", SAMPLE_OTHER, 5);
	assert_string_equal(find(scene), "");
	assert_int_equal(scene->counts.refused, 0);
}

static void the_oldest_key_keeps_a_mac(void **state)
{
	struct scene *scene = *state;

	add(scene, "172.18.3.8", "0a:00:00:00:00:08", THIRD, 6);
	add(scene, "172.18.2.8", "0a:00:00:00:00:08", SAMPLE_OTHER, 7);
	add(scene, "172.18.3.9", "0a:00:00:00:00:08", THIRD, 8);
	assert_string_equal(find(scene), "172.18.3.8>192.168.0.3 172.18.3.9>192.168.0.3");
	assert_int_equal(scene->counts.refused, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scene_test(containers_of_peers_are_reached_by_their_vteps),
		scene_test(a_container_waits_for_its_nodes_lease),
		scene_test(addresses_and_macs_of_others_are_refused),
		scene_test(an_address_of_this_node_is_not_remote),
		scene_test(the_oldest_key_keeps_a_mac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
