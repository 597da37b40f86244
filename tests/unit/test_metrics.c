/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/metrics.h"

#include "common/auto.h"
#include "daemon/control/plugin_calls.h"
#include "daemon/firewall/fast_path.h"
#include "daemon/firewall/firewall.h"
#include "daemon/network/network.h"
#include "daemon/probe/probe_network.h"
#include "daemon/store/store_stats.h"
#include "tests/unit/samples.h"

/* One network and all that is read of it. */
struct scene {
	struct store_stats stats;
	struct lease_set leases;
	struct network_view view;
	struct metrics_network network;
	struct firewall_view firewall;
	struct fast_path_view fast_path;
	struct plugin_calls calls;
	struct metrics_source source;
};

static void set_scene(struct scene *scene)
{
	*scene = (struct scene){
		.view = { .name = "default",
			  .connected = true,
			  .reason = "",
			  .published = true,
			  .schedule = { .good = true, .error = "" },
			  .lease = { .state = LEASE_HELD,
				     .ttl_s = 100,
				     .renewed_at = 1000,
				     .error = "" },
			  .reconciler = { .devices = true } },
		.calls = PLUGIN_CALLS_INIT,
		.source = { .node_id = SAMPLE_NODE, .node_name = "host1", .now = 1030 },
	};
	scene->view.store = &scene->stats;
	scene->view.leases = &scene->leases;
	scene->network.view = &scene->view;
	scene->source.networks = &scene->network;
	scene->source.network_len = 1;
	scene->source.firewall = &scene->firewall;
	scene->source.fast_path = &scene->fast_path;
	scene->source.calls = &scene->calls;
}

static void assert_line(const char *text, const char *line)
{
	char pattern[256];

	snprintf(pattern, sizeof(pattern), "\n%s\n", line);
	assert_says(text, pattern);
}

static void values_are_in_their_samples(void **state)
{
	AUTO(free) char *text = NULL;
	struct scene scene;

	(void)state;
	set_scene(&scene);
	store_stats_add(&scene.stats, STORE_OP_PUT, STORE_OUTCOME_CONFLICT, 700);
	scene.view.schedule.failed_by[SCHEDULE_RETRY] = 3;
	scene.view.reconciler.written_by[PLAN_BRIDGE_DEL] = 4;
	scene.view.reconciler.drift_found[DRIFT_FDB] = 5;
	scene.view.reconciler.drift_healed[DRIFT_FDB] = 4;
	scene.view.peers = (struct desired_counts){ .usable = 6 };
	scene.view.peers.refused[PEER_REFUSED_CONFLICT] = 7;
	scene.network.size[FAMILY_V4] = 253;
	scene.network.used[FAMILY_V4] = 3;
	scene.network.device_len = 1;
	scene.network.devices[0] = (struct metrics_device){
		.name = "weft-vx1",
		.tunnel = true,
		.stats = { .up = true, .rx_bytes = 8, .tx_bytes = 9 },
	};
	scene.firewall.spoof_drops = 10;
	scene.calls.count[CALL_DEL][CALL_RETRY] = 11;
	scene.fast_path = (struct fast_path_view){ .installed = true, .devices = 12 };
	scene.source.flows = 13;
	text = metrics_text(&scene.source);
	assert_non_null(text);
	assert_line(text, "weft_network_ready{network=\"default\"} 1");
	assert_line(text, "weft_store_requests_total{network=\"default\",operation=\"put\","
			  "outcome=\"conflict\"} 1");
	assert_line(text, "weft_store_request_duration_seconds_bucket{network=\"default\","
			  "operation=\"put\",le=\"0.001\"} 1");
	assert_line(text, "weft_lease_remaining_seconds{network=\"default\"} 70");
	assert_line(text, "weft_lease_ttl_seconds{network=\"default\"} 100");
	assert_line(text, "weft_reconciles_total{network=\"default\",cause=\"retry\","
			  "outcome=\"error\"} 3");
	assert_line(text, "weft_kernel_operations_total{network=\"default\",object=\"bridge_fdb\","
			  "operation=\"delete\",outcome=\"success\"} 4");
	assert_line(text, "weft_drift_found_total{network=\"default\",kind=\"fdb\"} 5");
	assert_line(text, "weft_drift_healed_total{network=\"default\",kind=\"fdb\"} 4");
	assert_line(text, "weft_peers_wanted{network=\"default\"} 6");
	assert_line(text, "weft_peers_refused{network=\"default\",reason=\"conflict\"} 7");
	assert_line(text, "weft_addresses_free{network=\"default\",family=\"ipv4\"} 250");
	assert_line(text, "weft_device_up{network=\"default\",device=\"weft-vx1\"} 1");
	assert_line(text, "weft_tunnel_bytes_total{network=\"default\",device=\"weft-vx1\","
			  "direction=\"receive\"} 8");
	assert_line(text, "weft_tunnel_bytes_total{network=\"default\",device=\"weft-vx1\","
			  "direction=\"transmit\"} 9");
	assert_line(text, "weft_rules_dropped_packets_total{rule=\"spoof\"} 10");
	assert_line(text, "weft_plugin_calls_total{verb=\"DEL\",outcome=\"retry\"} 11");
	assert_line(text, "weft_fast_path_installed 1");
	assert_line(text, "weft_fast_path_devices 12");
	assert_line(text, "weft_fast_path_flows 13");
}

static void what_does_not_exist_has_no_sample(void **state)
{
	AUTO(free) char *text = NULL;
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.view.lease.reserved = true; /* does not expire */
	scene.view.store = NULL;
	scene.view.leases = NULL;
	scene.source.firewall = NULL;
	scene.source.fast_path = NULL;
	text = metrics_text(&scene.source);
	assert_non_null(text);
	assert_null(strstr(text, "\nweft_lease_remaining_seconds{"));
	assert_null(strstr(text, "\nweft_addresses_free{"));
	assert_null(strstr(text, "\nweft_store_requests_total{"));
	assert_line(text, "# TYPE weft_store_requests_total counter");
	assert_line(text, "weft_rules_installed 0");
	assert_line(text, "weft_fast_path_installed 0");
}

static void probes_are_summed_for_all_peers(void **state)
{
	const uint64_t refused[PROBE_REFUSALS] = { [PROBE_REFUSED_SEAL] = 5 };
	struct probe_table table = { .sent = 100, .lost = 7 };
	AUTO(free) char *none = NULL, *text = NULL;
	struct scene scene;

	(void)state;
	set_scene(&scene);
	none = metrics_text(&scene.source);
	assert_non_null(none);
	assert_null(strstr(none, "\nweft_probe_"));
	free(take_ptr(none));
	histogram_add(&table.rtt, 300);
	scene.network.probes = &table;
	scene.network.probe_refused = refused;
	scene.network.probed[PROBE_SILENT_PEER] = 2;
	none = metrics_text(&scene.source);
	assert_non_null(none);
	/* There is no socket yet, and no failure. */
	assert_null(strstr(none, "\nweft_probe_up"));
	scene.network.probe_open = true;
	text = metrics_text(&scene.source);
	assert_non_null(text);
	assert_line(text, "weft_probe_requests_total{network=\"default\",outcome=\"answered\"} 93");
	assert_line(text, "weft_probe_requests_total{network=\"default\",outcome=\"lost\"} 7");
	assert_line(text, "weft_probe_up{network=\"default\"} 1");
	free(take_ptr(text));
	scene.network.probe_failed = true;
	text = metrics_text(&scene.source);
	assert_non_null(text);
	assert_line(text, "weft_probe_up{network=\"default\"} 0");
	assert_line(text, "weft_probe_rtt_seconds_count{network=\"default\"} 1");
	assert_line(text, "weft_probe_peers{network=\"default\",state=\"silent\"} 2");
	assert_line(text, "weft_probe_peers{network=\"default\",state=\"answering\"} 0");
	assert_line(text, "weft_probe_refused_messages_total{network=\"default\","
			  "reason=\"seal\"} 5");
}

/* The lease has expired, or the clock was set. */
static void the_remaining_time_is_not_negative(void **state)
{
	AUTO(free) char *text = NULL;
	struct scene scene;

	(void)state;
	set_scene(&scene);
	scene.source.now = 5000;
	text = metrics_text(&scene.source);
	assert_non_null(text);
	assert_line(text, "weft_lease_remaining_seconds{network=\"default\"} 0");
}

static void a_document_is_served_again_for_a_multiple_of_its_duration(void **state)
{
	struct metrics_cache cache = { .text = NULL };

	(void)state;
	assert_false(metrics_cache_is_fresh(&cache, 0));
	metrics_cache_set(&cache, strdup("a"), 1000, 1500);
	assert_true(metrics_cache_is_fresh(&cache, 1500));
	assert_true(metrics_cache_is_fresh(&cache, 1500 + METRICS_REUSE * 500 - 1));
	assert_false(metrics_cache_is_fresh(&cache, 1500 + METRICS_REUSE * 500));
	metrics_cache_set(&cache, strdup("b"), 20000, 20100);
	assert_string_equal(cache.text, "b");
	assert_false(metrics_cache_is_fresh(&cache, 20100 + METRICS_REUSE * 100));
	/* The process was suspended. */
	metrics_cache_set(&cache, strdup("c"), 20000, 10020000);
	assert_true(metrics_cache_is_fresh(&cache, 10020000 + METRICS_REUSE_MAX_US - 1));
	assert_false(metrics_cache_is_fresh(&cache, 10020000 + METRICS_REUSE_MAX_US));
	metrics_cache_set(&cache, NULL, 30000, 30100); /* out of memory */
	assert_false(metrics_cache_is_fresh(&cache, 30100));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_in_their_samples),
		cmocka_unit_test(what_does_not_exist_has_no_sample),
		cmocka_unit_test(probes_are_summed_for_all_peers),
		cmocka_unit_test(the_remaining_time_is_not_negative),
		cmocka_unit_test(a_document_is_served_again_for_a_multiple_of_its_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
