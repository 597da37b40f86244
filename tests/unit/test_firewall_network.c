/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/firewall/firewall_network.h"

#include "common/array.h"
#include "tests/unit/samples.h"

static struct firewall_network sample(void)
{
	const struct ipaddr peer = sample_addr("192.168.0.2");
	struct firewall_network network = { .name = "blue", .bridge = "weft-br7", .vni = 7 };

	strcpy(network.vxlan[0], "weft-vx7");
	network.port = 8472;
	network.uplink = 2;
	network.cluster[FAMILY_V4] = sample_prefix("10.5.0.0/16");
	network.subnet[FAMILY_V4] = sample_prefix("10.5.1.0/24");
	network.rules.non_masquerade[0] = sample_prefix("10.9.0.0/16");
	network.rules.non_masquerade_len = 1;
	strcpy(network.rules.allow_from[0], "red");
	network.rules.allow_from_len = 1;
	assert_true(firewall_elements_add(&network.peers[FAMILY_V4], &peer));
	return network;
}

typedef void change_fn(struct firewall_network *network);

#define CHANGE(name, statement)                                                                    \
	static void name(struct firewall_network *network)                                         \
	{                                                                                          \
		statement;                                                                         \
	}

CHANGE(name, network->name[0] = 'x')
CHANGE(bridge, network->bridge[0] = 'x')
CHANGE(first, network->vxlan[0][0] = 'x')
CHANGE(second, strcpy(network->vxlan[1], "weft-v67"))
CHANGE(vni, network->vni++)
CHANGE(port, network->port++)
CHANGE(outer, network->outer[FAMILY_V6] = true)
CHANGE(uplink, network->uplink++)
CHANGE(path, network->path[0] = 2)
CHANGE(local, network->local[FAMILY_V4] = sample_addr("192.168.0.1"))
CHANGE(published, network->published[FAMILY_V6] = sample_addr("fd00::1"))
CHANGE(over_bridge, network->over_bridge = true)
CHANGE(group, network->group = sample_addr("239.1.1.1"))
CHANGE(arrivals, strcpy(network->arrivals.name[network->arrivals.len++], "eth0"))
CHANGE(cluster, network->cluster[FAMILY_V6] = sample_prefix("fd00:5::/48"))
CHANGE(subnet, network->subnet[FAMILY_V4].len++)
CHANGE(non_masquerade, network->rules.non_masquerade[0].len++)
CHANGE(fewer_non_masquerade, network->rules.non_masquerade_len = 0)
CHANGE(allow_from, network->rules.allow_from[0][0] = 'x')
CHANGE(fewer_allow_from, network->rules.allow_from_len = 0)
CHANGE(allow_routers, network->rules.allow_routers = true)
CHANGE(last_known, network->last_known = true)
CHANGE(closed, network->closed = true)
CHANGE(bridged, network->bridged = true)
CHANGE(flood_limit, network->flood_limit = 1)
CHANGE(is_switch, network->is_switch = true)
CHANGE(foreign, network->foreign = true)
CHANGE(probe_port, network->probe_port++)
CHANGE(gateway, network->gateway[FAMILY_V6] = sample_addr("fd00:5:1::1"))

static void peers(struct firewall_network *network)
{
	const struct ipaddr peer = sample_addr("192.168.0.3");

	assert_true(firewall_elements_add(&network->peers[FAMILY_V4], &peer));
}

/* A state that is taken for an applied one would leave the previous rules in the kernel. */
static void each_difference_is_found(void **state)
{
	static change_fn *const changes[] = {
		name,
		bridge,
		first,
		second,
		vni,
		port,
		outer,
		uplink,
		path,
		local,
		group,
		arrivals,
		cluster,
		subnet,
		peers,
		non_masquerade,
		fewer_non_masquerade,
		allow_from,
		fewer_allow_from,
		allow_routers,
		last_known,
		closed,
		bridged,
		flood_limit,
		is_switch,
		foreign,
		probe_port,
		gateway,
		published,
		over_bridge,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct firewall_network a = sample(), b = sample();

		assert_true(firewall_network_equal(&a, &b));
		changes[i](&b);
		if (firewall_network_equal(&a, &b))
			fail_msg("change %zu", i);
		firewall_network_free(&a);
		firewall_network_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_difference_is_found) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
