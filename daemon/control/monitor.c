/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/monitor.h"

#include "common/array.h"
#include "common/auto.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/log.h"
#include "daemon/control/health.h"
#include "daemon/control/metrics.h"
#include "daemon/control/plugin_calls.h"
#include "daemon/control/prometheus.h"
#include "daemon/control/status.h"
#include "daemon/dataplane/device.h"
#include "daemon/firewall/fast_path.h"
#include "daemon/firewall/firewall.h"
#include "daemon/io/http_server.h"
#include "daemon/io/loop.h"
#include "daemon/lease/node.h"
#include "daemon/network/network.h"
#include "daemon/network/publish.h"
#include "daemon/probe/probe.h"
#include "ipam/pool.h"
#include "ipam/range.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CALLS_EVERY_MS 30000 /* while nothing scrapes; the file is full after 65,536 calls */

struct monitor {
	const struct status_self *self;
	struct nl *nl;
	const char *run_dir;
	struct plugin_calls calls;
	struct loop_event *calls_timer;
	struct http_server *server;
	struct metrics_cache metrics;
};

static struct network_view *view_networks(const struct status_self *self)
{
	struct network_view *views = calloc(self->network_len, sizeof(*views));

	for (size_t i = 0; views && i < self->network_len; i++)
		views[i] = network_view(self->networks[i]);
	return views;
}

/* ---- Health ------------------------------------------------------------------------------ */

static void get_health(struct monitor *monitor, struct http_reply *reply)
{
	(void)monitor;
	reply->status = 200;
}

static void get_readiness(struct monitor *monitor, struct http_reply *reply)
{
	AUTO(free) struct network_view *views = view_networks(monitor->self);

	reply->status = 500;
	if (views)
		reply->status = health_text(views, monitor->self->network_len, &reply->body) ? 200 :
											       503;
}

/* ---- Metrics ----------------------------------------------------------------------------- */

static void read_addresses(const struct monitor *monitor, struct metrics_network *network)
{
	const struct network_view *view = network->view;
	struct err unused;

	for (enum family f = 0; f < FAMILIES; f++) {
		const struct prefix *subnet = &view->lease.subnet[f];
		struct ipaddr gateway;

		if (!view->config || !prefix_is_set(subnet))
			continue;
		gateway = publish_gateway(view->config, f, subnet);
		network->size[f] = range_capacity(subnet, &gateway);
	}
	(void)pool_count(monitor->run_dir, view->name, network->used, &unused);
}

static void read_device(const struct monitor *monitor, struct metrics_network *network,
			uint32_t index, const char *name)
{
	struct metrics_device *device = &network->devices[network->device_len];
	struct err unused;

	if (!index)
		return;
	snprintf(device->name, sizeof(device->name), "%s", name);
	device->tunnel = index != network->view->installed.bridge;
	/* A device that is missing is not up. */
	if (link_get_stats_index(monitor->nl, index, &device->stats, &unused) < 0)
		return;
	network->device_len++;
}

static void read_devices(const struct monitor *monitor, struct metrics_network *network)
{
	const struct reconciler_installed *installed = &network->view->installed;
	uint32_t first, second, vni;
	char name[IF_NAMESIZE];

	if (!network->view->config)
		return;
	vni = network->view->config->vni;
	first = installed->vxlan[FAMILY_V4] ? installed->vxlan[FAMILY_V4] :
					      installed->vxlan[FAMILY_V6];
	second = installed->vxlan[FAMILY_V6] != first ? installed->vxlan[FAMILY_V6] : 0;
	device_bridge_of(network->view->config, name);
	read_device(monitor, network, installed->bridge, name);
	device_vxlan_name(vni, name);
	read_device(monitor, network, first, name);
	device_second_name(vni, name);
	read_device(monitor, network, second, name);
}

static void read_probes(const struct monitor *monitor, struct metrics_network *network)
{
	const struct probe *probe = monitor->self->probe;
	const struct probe_network *net = probe ? probe_find(probe, network->view->name) : NULL;
	const uint64_t now_us = loop_now_us();
	struct probe_network_view view;

	if (!net)
		return;
	view = probe_network_view(net);
	network->probes = view.table;
	network->probe_failed = view.failed;
	for (enum family f = 0; f < FAMILIES; f++)
		network->probe_open |= ipaddr_is_set(&view.gateway[f]);
	network->probe_refused = view.refused;
	for (size_t i = 0; i < view.table->targets.len; i++)
		network->probed[probe_view(&view.table->targets.at[i], now_us).state]++;
}

/* The second number of statm is the resident pages (proc(5)). */
static void read_process(struct metrics_source *source)
{
	struct rusage usage = { .ru_maxrss = 0 };
	const char *resident;
	struct err unused;
	char text[128];
	size_t len = 0;

	getrusage(RUSAGE_SELF, &usage);
	source->cpu_us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
			 (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	if (fs_read_head(AT_FDCWD, "/proc/self/statm", text, sizeof(text) - 1, &len, &unused) <= 0)
		return;
	text[len] = '\0';
	resident = strchr(text, ' ');
	if (resident)
		source->resident_bytes = strtoull(resident, NULL, 10) *
					 (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A count that fails is 0, like the number of a path that is not installed. */
static void read_fast_path(const struct fast_path *fast_path, struct fast_path_view *view,
			   struct metrics_source *source)
{
	struct err unused;

	if (!fast_path)
		return;
	*view = fast_path_view(fast_path);
	source->fast_path = view;
	(void)fast_path_count_flows(fast_path, &source->flows, &unused);
}

/* Returns the document, malloc'ed; NULL: out of memory. */
static char *make_metrics(struct monitor *monitor)
{
	const struct status_self *self = monitor->self;
	AUTO(free) struct network_view *views = view_networks(self);
	AUTO(free)
	struct metrics_network *networks = calloc(self->network_len, sizeof(*networks));
	struct firewall_view rules;
	struct fast_path_view fast_path;
	struct metrics_source source = {
		.node_id = self->node->state.id,
		.node_name = self->node_name,
		.networks = networks,
		.network_len = self->network_len,
		.calls = &monitor->calls,
		.now = (uint64_t)time(NULL),
		.started_at = self->started_at,
	};

	if (!views || !networks)
		return NULL;
	for (size_t i = 0; i < self->network_len; i++) {
		networks[i].view = &views[i];
		read_addresses(monitor, &networks[i]);
		read_devices(monitor, &networks[i]);
		read_probes(monitor, &networks[i]);
	}
	if (self->rules) {
		self->rules(self->firewall_ctx, &rules);
		source.firewall = &rules;
	}
	read_fast_path(self->fast_path, &fast_path, &source);
	plugin_calls_read(&monitor->calls);
	log_counts(source.log_lines, &source.log_suppressed);
	read_process(&source);
	return metrics_text(&source);
}

static void get_metrics(struct monitor *monitor, struct http_reply *reply)
{
	const uint64_t begun_us = loop_now_us();
	char *text;

	if (!metrics_cache_is_fresh(&monitor->metrics, begun_us)) {
		text = make_metrics(monitor);
		metrics_cache_set(&monitor->metrics, text, begun_us, loop_now_us());
	}
	reply->status = 500;
	reply->body = monitor->metrics.text ? strdup(monitor->metrics.text) : NULL;
	reply->content_type = PROMETHEUS_CONTENT_TYPE;
	if (reply->body)
		reply->status = 200;
}

/* ---- The server -------------------------------------------------------------------------- */

static const struct {
	const char *path;
	void (*get)(struct monitor *monitor, struct http_reply *reply);
} documents[] = {
	{ "/healthz", get_health },
	{ "/readyz", get_readiness },
	{ "/metrics", get_metrics },
};

static void get(void *ctx, const char *path, struct http_reply *reply)
{
	for (size_t i = 0; i < ARRAY_LEN(documents); i++)
		if (!strcmp(path, documents[i].path))
			documents[i].get(ctx, reply);
}

static void on_calls_timer(void *ctx)
{
	struct monitor *monitor = ctx;

	plugin_calls_read(&monitor->calls);
	loop_timer_start(monitor->calls_timer, CALLS_EVERY_MS);
}

AUTO_DEFINE(monitor, struct monitor, monitor_free);

int monitor_new(const struct monitor_env *env, const struct status_self *self,
		struct monitor **monitor_out, struct err *err)
{
	AUTO(monitor) struct monitor *monitor = calloc(1, sizeof(*monitor));
	struct err why;

	if (!monitor)
		return err_nomem(err, "the monitor");
	monitor->self = self;
	monitor->nl = env->nl;
	monitor->run_dir = env->run_dir;
	monitor->calls = PLUGIN_CALLS_INIT;
	monitor->calls_timer = loop_timer(env->loop, on_calls_timer, monitor);
	if (!monitor->calls_timer)
		return err_nomem(err, "the monitor");
	if (http_server_new(env->loop, env->address, env->port, get, monitor, &monitor->server,
			    err) < 0)
		return err_wrap(err, "--healthz-port");
	if (plugin_calls_open(&monitor->calls, env->run_dir, &why) < 0)
		log_warn("the plugin's calls are not counted", "error", why.text);
	on_calls_timer(monitor);
	*monitor_out = take_ptr(monitor);
	return 0;
}

void monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
	http_server_free(monitor->server);
	loop_event_free(monitor->calls_timer);
	plugin_calls_close(&monitor->calls);
	free(monitor->metrics.text);
	free(monitor);
}
