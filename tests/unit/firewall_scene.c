/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/firewall_scene.h"

#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_nl.h"

#include <stdlib.h>
#include <string.h>

/* The network default, with one peer; the caller frees it. */
struct firewall_network sample(const char *peer_text)
{
	const struct ipaddr peer = kernel_addr(peer_text);
	struct firewall_network network = { .name = "default", .bridge = "weft-br1", .vni = 1 };

	network.port = 8472;
	network.outer[FAMILY_V4] = true;
	network.cluster[FAMILY_V4] = kernel_prefix("10.5.0.0/16");
	network.subnet[FAMILY_V4] = kernel_prefix("10.5.1.0/24");
	assert_true(firewall_elements_add(&network.peers[FAMILY_V4], &peer));
	return network;
}

/* The network state that every full reconcile run passes to the firewall. */
void deliver(struct scene *scene, const char *cluster6)
{
	struct firewall_network network = sample("192.168.0.2");

	if (cluster6)
		network.cluster[FAMILY_V6] = kernel_prefix(cluster6);
	firewall_set_network(scene->rules, &network);
	firewall_network_free(&network);
}

int firewall_scene_setup(void **state)
{
	const struct firewall_options options = { .guard = true, .forward = true };
	struct scene *scene = calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	nl_free(kernel_fresh());
	fake_nl_reset();
	assert_non_null(scene);
	assert_int_equal(loop_new(&scene->loop, &err), 0);
	assert_done(firewall_new(scene->loop, &options, 1, &scene->rules, &err), err);
	deliver(scene, NULL);
	assert_true(firewall_view(scene->rules).installed);
	*state = scene;
	return 0;
}

int firewall_scene_teardown(void **state)
{
	struct scene *scene = *state;

	firewall_free(scene->rules);
	loop_free(scene->loop);
	free(scene);
	fake_nl_reset();
	return 0;
}

bool has_rules(uint32_t vni)
{
	char text[32];

	snprintf(text, sizeof(text), "set peers4-%u ", vni);
	return kernel_shows("nft list table inet weft", text);
}

/* Sets the network default, as in setup but for one member. Returns the number of requests. */
size_t set_default(struct scene *scene, void (*alter)(struct firewall_network *network))
{
	struct firewall_network network = sample("192.168.0.2");

	if (alter)
		alter(&network);
	fake_nl_reset();
	assert_true(firewall_set_network(scene->rules, &network));
	firewall_network_free(&network);
	return fake_nl_sent();
}

/* A second peer with the address of the first one. */
void add_peer(struct firewall_network *network)
{
	network->change = true;
}
