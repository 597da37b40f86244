/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/status_probe.h"

#include "daemon/io/loop.h"
#include "daemon/lease/lease.h"
#include "daemon/network/publish.h"
#include "daemon/probe/probe_network.h"
#include "daemon/probe/probe_table.h"

void status_put_probe(const struct probe_network *net, struct jb_at network)
{
	struct probe_network_view view;
	struct jb_at at, families;

	if (!net)
		return;
	view = probe_network_view(net);
	at = jb_obj(network, "probe");
	jb_str(at, "state", view.failed ? "failed" : view.error[0] ? "off" : "on");
	jb_str(at, "error", view.error);
	families = jb_arr(at, "families");
	for (enum family f = 0; f < FAMILIES; f++)
		if (ipaddr_is_set(&view.gateway[f]))
			jb_str(families, NULL, f == FAMILY_V6 ? "ipv6" : "ipv4");
}

static void put_target(struct jb_at peer, const char *key, const struct probe_target *target)
{
	const struct probe_view view = probe_view(target, loop_now_us());
	struct jb_at at = jb_obj(peer, key);

	jb_str(at, "state", probe_state_name[view.state]);
	if (!view.sent)
		return;
	jb_u32(at, "sent", view.sent);
	jb_u32(at, "lost", view.lost);
	if (view.rtt_us == PROBE_NO_RTT)
		return;
	jb_u32(at, "rtt_us", view.rtt_us);
	jb_u32(at, "mean_rtt_us", view.mean_us);
	jb_count(at, "age", view.age_us / 1000000);
}

void status_put_probes(const struct probe_network *net, const struct config *config,
		       const struct lease *lease, struct jb_at peer)
{
	const char *key = "probe";

	for (enum family f = 0; net && f < FAMILIES; f++) {
		const struct probe_target *target;
		struct ipaddr gateway;

		if (!prefix_is_set(&lease->subnet[f]))
			continue;
		gateway = publish_gateway(config, f, &lease->subnet[f]);
		target = probe_table_find(probe_network_view(net).table, &gateway);
		if (!target)
			continue;
		put_target(peer, key, target);
		key = "probe6";
	}
}
