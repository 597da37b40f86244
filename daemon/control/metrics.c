/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/metrics.h"

#include "common/array.h"
#include "common/build_version.h"
#include "common/log.h"
#include "daemon/control/health.h"
#include "daemon/control/plugin_calls.h"
#include "daemon/control/prometheus.h"
#include "daemon/firewall/fast_path.h"
#include "daemon/firewall/firewall.h"
#include "daemon/network/network.h"
#include "daemon/probe/probe_network.h"
#include "daemon/store/store_stats.h"

#include <stdlib.h>

static void counter(struct prometheus *to, const char *name, const char *help)
{
	prometheus_family(to, PROMETHEUS_COUNTER, name, help);
}

static void gauge(struct prometheus *to, const char *name, const char *help)
{
	prometheus_family(to, PROMETHEUS_GAUGE, name, help);
}

/* The networks one by one: network is the metrics_network, view its view. */
#define EACH_NETWORK(source, network, view)                                                        \
	for (const struct metrics_network *network = (source)->networks,                           \
					  *end_ = network + (source)->network_len;                 \
	     network < end_; network++)                                                            \
		for (const struct network_view *view = network->view; view; view = NULL)

/* ---- The store and the lease ------------------------------------------------------------- */

static void put_store(struct prometheus *to, const struct metrics_source *source)
{
	gauge(to, "weft_store_connected", "Whether the store is reached.");
	EACH_NETWORK(source, network, view)
	prometheus_count(to, view->connected, LABELS("network", view->name));
	counter(to, "weft_store_requests_total",
		"Operations of the store; conflict: a transaction's condition did not hold.");
	EACH_NETWORK(source, network, view)
	for (size_t op = 0; view->store && op < STORE_OPS; op++)
		for (size_t i = 0; i < STORE_OUTCOMES; i++)
			prometheus_count(to, view->store->count[op][i],
					 LABELS("network", view->name, "operation",
						store_op_name[op], "outcome",
						store_outcome_name[i]));
	prometheus_family(to, PROMETHEUS_HISTOGRAM, "weft_store_request_duration_seconds",
			  "Duration of the store's operations.");
	EACH_NETWORK(source, network, view)
	for (size_t op = 0; view->store && op < STORE_OPS; op++)
		prometheus_histogram(to, &view->store->took[op],
				     LABELS("network", view->name, "operation", store_op_name[op]));
	counter(to, "weft_store_watch_restarts_total",
		"Watches that ended and were started again.");
	EACH_NETWORK(source, network, view)
	prometheus_count(to, view->store ? view->store->watches_ended : 0,
			 LABELS("network", view->name));
}

static double remaining_s(const struct lease_client_view *lease, uint64_t now)
{
	double until = (double)lease->renewed_at + lease->ttl_s;

	return until > (double)now ? until - (double)now : 0;
}

static void put_lease(struct prometheus *to, const struct metrics_source *source)
{
	gauge(to, "weft_lease_held", "Whether this node holds a subnet lease.");
	EACH_NETWORK(source, network, view)
	prometheus_count(to, view->lease.state == LEASE_HELD, LABELS("network", view->name));
	gauge(to, "weft_lease_remaining_seconds",
	      "Time until the lease expires unless it is renewed; absent if it does not expire.");
	EACH_NETWORK(source, network, view)
	if (view->lease.state == LEASE_HELD && !view->lease.reserved)
		prometheus_number(to, remaining_s(&view->lease, source->now),
				  LABELS("network", view->name));
	gauge(to, "weft_lease_ttl_seconds",
	      "Time to live of the lease; absent if it does not expire.");
	EACH_NETWORK(source, network, view)
	if (view->lease.state == LEASE_HELD && !view->lease.reserved)
		prometheus_count(to, view->lease.ttl_s, LABELS("network", view->name));
	counter(to, "weft_lease_renewals_total", "Renewals of the lease.");
	EACH_NETWORK(source, network, view)
	{
		prometheus_count(to, view->lease.renewals,
				 LABELS("network", view->name, "outcome", "success"));
		prometheus_count(to, view->lease.renewals_failed,
				 LABELS("network", view->name, "outcome", "error"));
	}
}

/* ---- Reconciles -------------------------------------------------------------------------- */

static void put_reconciles(struct prometheus *to, const struct metrics_source *source)
{
	counter(to, "weft_reconciles_total", "Comparisons of the kernel with the desired state.");
	EACH_NETWORK(source, network, view)
	for (size_t i = 0; i < SCHEDULE_CAUSES; i++) {
		prometheus_count(to, view->schedule.succeeded_by[i],
				 LABELS("network", view->name, "cause", schedule_cause_name[i],
					"outcome", "success"));
		prometheus_count(to, view->schedule.failed_by[i],
				 LABELS("network", view->name, "cause", schedule_cause_name[i],
					"outcome", "error"));
	}
	prometheus_family(to, PROMETHEUS_HISTOGRAM, "weft_reconcile_duration_seconds",
			  "Duration of reconciles.");
	EACH_NETWORK(source, network, view)
	prometheus_histogram(to, &view->schedule.took, LABELS("network", view->name));
}

static void put_operations(struct prometheus *to, const struct metrics_source *source)
{
	static const struct {
		const char *object, *operation;
	} kinds[PLAN_KINDS] = {
		[PLAN_ARP_ADD] = { "arp", "add" },
		[PLAN_FDB_ADD] = { "fdb", "add" },
		[PLAN_FLOOD_ADD] = { "flood", "add" },
		[PLAN_ROUTE_ADD] = { "route", "add" },
		[PLAN_ROUTE_DEL] = { "route", "delete" },
		[PLAN_ARP_DEL] = { "arp", "delete" },
		[PLAN_FLOOD_DEL] = { "flood", "delete" },
		[PLAN_SELF_DEL] = { "fdb", "delete" },
		[PLAN_BRIDGE_DEL] = { "bridge_fdb", "delete" },
	};

	counter(to, "weft_kernel_operations_total", "Kernel entries of peers written.");
	EACH_NETWORK(source, network, view)
	for (size_t i = 0; i < PLAN_KINDS; i++) {
		const char *object = kinds[i].object, *operation = kinds[i].operation;

		prometheus_count(to, view->reconciler.written_by[i],
				 LABELS("network", view->name, "object", object, "operation",
					operation, "outcome", "success"));
		prometheus_count(to, view->reconciler.failed_by[i],
				 LABELS("network", view->name, "object", object, "operation",
					operation, "outcome", "error"));
	}
}

static void put_endpoints(struct prometheus *to, const struct metrics_source *source)
{
	counter(to, "weft_endpoints_held_back_total",
		"Changes of containers' addresses that were not announced at once.");
	EACH_NETWORK(source, network, view)
	if (view->l2.unannounced)
		prometheus_count(to, view->l2.unannounced->held_total,
				 LABELS("network", view->name));
}

static void put_drift(struct prometheus *to, const struct metrics_source *source)
{
	counter(to, "weft_drift_found_total",
		"Differences found between the kernel and what weftd had installed there.");
	EACH_NETWORK(source, network, view)
	for (size_t i = 0; i < DRIFTS; i++)
		prometheus_count(to, view->reconciler.drift_found[i],
				 LABELS("network", view->name, "kind", reconciler_drift_name[i]));
	counter(to, "weft_drift_healed_total", "Such differences that weftd has corrected.");
	EACH_NETWORK(source, network, view)
	for (size_t i = 0; i < DRIFTS; i++)
		prometheus_count(to, view->reconciler.drift_healed[i],
				 LABELS("network", view->name, "kind", reconciler_drift_name[i]));
}

/* ---- Peers, containers, addresses -------------------------------------------------------- */

static void put_peers(struct prometheus *to, const struct metrics_source *source)
{
	gauge(to, "weft_peers_wanted", "Other nodes whose leases are usable.");
	EACH_NETWORK(source, network, view)
	prometheus_count(to, view->peers.usable, LABELS("network", view->name));
	gauge(to, "weft_peers_installed", "Peers whose entries are in the kernel.");
	EACH_NETWORK(source, network, view)
	prometheus_count(to, view->reconciler.programmed, LABELS("network", view->name));
	gauge(to, "weft_peers_direct", "Installed peers that are reached without the tunnel.");
	EACH_NETWORK(source, network, view)
	prometheus_count(to, view->reconciler.direct, LABELS("network", view->name));
	gauge(to, "weft_peers_refused", "Leases of other nodes that are not usable.");
	EACH_NETWORK(source, network, view)
	{
		for (size_t i = 0; i < PEER_REFUSALS; i++)
			prometheus_count(to, view->peers.refused[i],
					 LABELS("network", view->name, "reason",
						peer_refusal_name[i]));
		prometheus_count(to, view->leases ? view->leases->invalid_hashes.len : 0,
				 LABELS("network", view->name, "reason", "invalid"));
	}
}

static void put_addresses(struct prometheus *to, const struct metrics_source *source)
{
	static const char *const families[FAMILIES] = { "ipv4", "ipv6" };

	gauge(to, "weft_containers", "Interfaces of containers on this node.");
	EACH_NETWORK(source, network, view)
	prometheus_count(to, view->installed.containers, LABELS("network", view->name));
	gauge(to, "weft_addresses_used", "Addresses of the node's subnet that are assigned.");
	EACH_NETWORK(source, network, view)
	for (enum family f = 0; f < FAMILIES; f++)
		if (network->size[f])
			prometheus_count(to, network->used[f],
					 LABELS("network", view->name, "family", families[f]));
	gauge(to, "weft_addresses_free", "Addresses of the node's subnet that can be assigned.");
	EACH_NETWORK(source, network, view)
	for (enum family f = 0; f < FAMILIES; f++)
		if (network->size[f])
			prometheus_number(to,
					  network->size[f] > network->used[f] ?
						  (double)(network->size[f] - network->used[f]) :
						  0,
					  LABELS("network", view->name, "family", families[f]));
}

/* ---- Devices and rules ------------------------------------------------------------------- */

/* Both directions of a counter of the vxlan devices, at these offsets in struct link_stats. */
static void put_tunnel(struct prometheus *to, const struct metrics_source *source, const char *name,
		       const char *help, size_t rx, size_t tx)
{
	counter(to, name, help);
	EACH_NETWORK(source, network, view)
	for (size_t i = 0; i < network->device_len; i++) {
		const struct metrics_device *device = &network->devices[i];
		const char *stats = (const char *)&device->stats;

		if (!device->tunnel)
			continue;
		prometheus_count(to, *(const uint64_t *)(const void *)(stats + rx),
				 LABELS("network", view->name, "device", device->name, "direction",
					"receive"));
		prometheus_count(to, *(const uint64_t *)(const void *)(stats + tx),
				 LABELS("network", view->name, "device", device->name, "direction",
					"transmit"));
	}
}

#define TUNNEL(to, source, name, help, member)                                                     \
	put_tunnel(to, source, name, help, offsetof(struct link_stats, rx_##member),               \
		   offsetof(struct link_stats, tx_##member))

static void put_devices(struct prometheus *to, const struct metrics_source *source)
{
	gauge(to, "weft_device_up", "Whether the device is up and has a carrier.");
	EACH_NETWORK(source, network, view)
	for (size_t i = 0; i < network->device_len; i++)
		prometheus_count(to, network->devices[i].stats.up,
				 LABELS("network", view->name, "device", network->devices[i].name));
	TUNNEL(to, source, "weft_tunnel_packets_total", "Packets through the tunnel.", packets);
	TUNNEL(to, source, "weft_tunnel_bytes_total", "Bytes through the tunnel.", bytes);
	TUNNEL(to, source, "weft_tunnel_errors_total", "Packets with an error.", errors);
	TUNNEL(to, source, "weft_tunnel_dropped_packets_total",
	       "Packets that the vxlan device dropped, as for an unknown destination.", dropped);
}

static void put_rules(struct prometheus *to, const struct metrics_source *source)
{
	const struct firewall_view *view = source->firewall;
	const struct {
		const char *rule;
		uint64_t packets;
	} drops[] = {
		{ "vtep_filter", view ? view->vtep_filter_drops : 0 },
		{ "injection", view ? view->injection_drops : 0 },
		{ "isolation", view ? view->isolation_drops : 0 },
		{ "router", view ? view->router_drops : 0 },
		{ "bridged_tunnel", view ? view->tunnel_drops : 0 },
		{ "flood", view ? view->flood_drops : 0 },
		{ "unflooded", view ? view->unflooded_drops : 0 },
		{ "probe", view ? view->probe_drops : 0 },
		{ "spoof", view ? view->spoof_drops : 0 },
		{ "port_isolation", view ? view->port_isolation_drops : 0 },
	};

	gauge(to, "weft_rules_installed", "Whether the packet rules are installed.");
	prometheus_count(to, view && view->installed, NO_LABELS);
	counter(to, "weft_rules_restored_total",
		"Tables of packet rules that weftd has restored after a change by another program.");
	prometheus_count(to, view ? view->restored : 0, NO_LABELS);
	counter(to, "weft_rules_dropped_packets_total", "Packets that the packet rules dropped.");
	for (size_t i = 0; i < ARRAY_LEN(drops); i++)
		prometheus_count(to, drops[i].packets, LABELS("rule", drops[i].rule));
}

static void put_fast_path(struct prometheus *to, const struct metrics_source *source)
{
	const struct fast_path_view *view = source->fast_path;

	gauge(to, "weft_fast_path_installed",
	      "Whether established connections take the kernel's flow table.");
	prometheus_count(to, view && view->installed, NO_LABELS);
	gauge(to, "weft_fast_path_devices", "Devices in the flow table.");
	prometheus_count(to, view ? view->devices : 0, NO_LABELS);
	gauge(to, "weft_fast_path_flows", "Connections in the flow table.");
	prometheus_count(to, source->flows, NO_LABELS);
}

/* ---- Probes ------------------------------------------------------------------------------ */

/* No series for each peer: with n nodes, all nodes together would have n * n of them. */
static void put_probes(struct prometheus *to, const struct metrics_source *source)
{
	gauge(to, "weft_probe_up",
	      "Whether the network's probes work on this node; 0: weftctl status has the error.");
	EACH_NETWORK(source, network, view)
	if (network->probe_failed || network->probe_open)
		prometheus_count(to, !network->probe_failed, LABELS("network", view->name));
	counter(to, "weft_probe_requests_total", "Probes of peers, by outcome.");
	EACH_NETWORK(source, network, view)
	if (network->probes) {
		prometheus_count(to, network->probes->sent - network->probes->lost,
				 LABELS("network", view->name, "outcome", "answered"));
		prometheus_count(to, network->probes->lost,
				 LABELS("network", view->name, "outcome", "lost"));
	}
	prometheus_family(to, PROMETHEUS_HISTOGRAM, "weft_probe_rtt_seconds",
			  "Round-trip times of probes to all peers.");
	EACH_NETWORK(source, network, view)
	if (network->probes)
		prometheus_histogram(to, &network->probes->rtt, LABELS("network", view->name));
	gauge(to, "weft_probe_peers", "Peers, once in each family, by what their probes show.");
	EACH_NETWORK(source, network, view)
	for (size_t i = 0; network->probes && i < PROBE_STATES; i++)
		prometheus_count(to, network->probed[i],
				 LABELS("network", view->name, "state", probe_state_name[i]));
	counter(to, "weft_probe_refused_messages_total",
		"Messages to the port of probes that were not used.");
	EACH_NETWORK(source, network, view)
	for (size_t i = 0; network->probes && i < PROBE_REFUSALS; i++)
		prometheus_count(to, network->probe_refused[i],
				 LABELS("network", view->name, "reason", probe_refusal_name[i]));
}

/* ---- The plugin and the process ---------------------------------------------------------- */

static void put_calls(struct prometheus *to, const struct metrics_source *source)
{
	const struct plugin_calls *calls = source->calls;

	counter(to, "weft_plugin_calls_total", "Calls of the CNI plugin.");
	for (size_t verb = 0; verb < CALL_VERBS; verb++)
		for (size_t i = 0; i < CALL_OUTCOMES; i++)
			prometheus_count(to, calls->count[verb][i],
					 LABELS("verb", call_verb_name[verb], "outcome",
						call_outcome_name[i]));
	prometheus_family(to, PROMETHEUS_HISTOGRAM, "weft_plugin_call_duration_seconds",
			  "Duration of the CNI plugin's calls, without the start of the process.");
	for (size_t verb = 0; verb < CALL_VERBS; verb++)
		prometheus_histogram(to, &calls->took[verb], LABELS("verb", call_verb_name[verb]));
}

static void put_process(struct prometheus *to, const struct metrics_source *source)
{
	counter(to, "weft_log_lines_total",
		"Lines of weftd's log, with those that were suppressed.");
	for (size_t i = 0; i < LOG_LEVELS; i++)
		prometheus_count(to, source->log_lines[i], LABELS("level", log_level_name[i]));
	counter(to, "weft_log_suppressed_lines_total", "Lines that the rate limit suppressed.");
	prometheus_count(to, source->log_suppressed, NO_LABELS);
	counter(to, "process_cpu_seconds_total", "User and system CPU time of weftd in seconds.");
	prometheus_number(to, (double)source->cpu_us / 1e6, NO_LABELS);
	gauge(to, "process_resident_memory_bytes", "Resident memory of weftd in bytes.");
	prometheus_count(to, source->resident_bytes, NO_LABELS);
	gauge(to, "process_start_time_seconds", "Start time of weftd since the epoch in seconds.");
	prometheus_count(to, source->started_at, NO_LABELS);
}

static void put_state(struct prometheus *to, const struct metrics_source *source)
{
	gauge(to, "weft_build_info", "The version of weftd; always 1.");
	prometheus_count(to, 1, LABELS("version", WEFT_VERSION, "commit", build_commit));
	gauge(to, "weft_node_info", "The node; always 1.");
	prometheus_count(to, 1, LABELS("node_id", source->node_id, "node_name", source->node_name));
	gauge(to, "weft_network_ready", "Whether the network is ready, as in /readyz.");
	EACH_NETWORK(source, network, view)
	{
		const char *unused;

		prometheus_count(to, health_network(view, &unused), LABELS("network", view->name));
	}
	gauge(to, "weft_network_from_snapshot",
	      "Whether the network runs from the snapshot, because the store was never reached.");
	EACH_NETWORK(source, network, view)
	prometheus_count(to, view->stale, LABELS("network", view->name));
}

char *metrics_text(const struct metrics_source *source)
{
	char *text = NULL;
	size_t size = 0;
	struct prometheus to = { .file = open_memstream(&text, &size) };

	if (!to.file)
		return NULL;
	put_state(&to, source);
	put_store(&to, source);
	put_lease(&to, source);
	put_reconciles(&to, source);
	put_operations(&to, source);
	put_drift(&to, source);
	put_endpoints(&to, source);
	put_peers(&to, source);
	put_addresses(&to, source);
	put_devices(&to, source);
	put_rules(&to, source);
	put_fast_path(&to, source);
	put_probes(&to, source);
	put_calls(&to, source);
	put_process(&to, source);
	if (fclose(to.file) == 0)
		return text;
	free(text);
	return NULL;
}

bool metrics_cache_is_fresh(const struct metrics_cache *cache, uint64_t now_us)
{
	const uint64_t age_us = now_us - cache->made_us;

	return cache->text && age_us < METRICS_REUSE * cache->took_us &&
	       age_us < METRICS_REUSE_MAX_US;
}

void metrics_cache_set(struct metrics_cache *cache, char *text, uint64_t begun_us, uint64_t now_us)
{
	free(cache->text);
	*cache = (struct metrics_cache){
		.text = text,
		.made_us = now_us,
		.took_us = now_us - begun_us,
	};
}
