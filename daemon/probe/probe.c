/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/probe/probe.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/vec.h"
#include "daemon/io/loop.h"
#include "daemon/network/network.h"
#include "daemon/probe/probe_watch.h"

#include <stdlib.h>
#include <string.h>

#define UPDATE_MS 1000

VEC_DEFINE(probe_networks, struct probe_network *);

struct probe {
	struct loop *loop;
	struct probe_options options;
	struct loop_event *timer;
	struct probe_networks nets;
	struct probe_watch *watch;
	struct reply_handler {
		probe_network_reply_fn *fn;
		void *ctx;
	} handlers[PROBE_KINDS];
};

struct probe_network *probe_find(const struct probe *probe, const char *network)
{
	for (size_t i = 0; i < probe->nets.len; i++)
		if (!strcmp(probe_network_name(probe->nets.at[i]), network))
			return probe->nets.at[i];
	return NULL;
}

static struct probe_network *add_network(struct probe *probe, const char *name)
{
	const uint64_t interval_us = (uint64_t)probe->options.interval_s * 1000000;
	struct probe_network *net;
	struct err err;

	if (probe_network_new(probe->loop, name, interval_us, probe->watch, &net, &err) < 0) {
		log_error("the network is not probed", "network", name, "error", err.text);
		return NULL;
	}
	if (!probe_networks_push(&probe->nets, &net)) {
		probe_network_free(net);
		return NULL;
	}
	for (enum probe_kind kind = 0; kind < PROBE_KINDS; kind++)
		probe_network_on_reply(net, kind, probe->handlers[kind].fn,
				       probe->handlers[kind].ctx);
	return net;
}

static bool is_named(struct network *const *networks, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++)
		if (!strcmp(network_view(networks[i]).name, name))
			return true;
	return false;
}

/* Ends the networks that the node is no longer in. */
static void remove_others(struct probe *probe, struct network *const *networks, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < probe->nets.len; i++) {
		struct probe_network *net = probe->nets.at[i];

		if (is_named(networks, len, probe_network_name(net)))
			probe->nets.at[kept++] = net;
		else
			probe_network_free(net);
	}
	probe->nets.len = kept;
}

/* Returns the network whose tunnel has the port; NULL: none. */
static const char *find_tunnel(struct network *const *networks, size_t len, uint16_t port)
{
	for (size_t i = 0; i < len; i++) {
		const struct network_view view = network_view(networks[i]);

		if (view.config && view.config->port == port)
			return view.name;
	}
	return NULL;
}

static void update(struct probe *probe, struct network *const *networks, size_t len,
		   struct network *network)
{
	const struct network_view view = network_view(network);
	struct probe_network *net = probe_find(probe, view.name);
	bool answers;

	if (!net)
		net = add_network(probe, view.name);
	if (!net)
		return;
	answers = probe_network_view(net).answers;
	probe_network_update(net, &view,
			     view.config ? find_tunnel(networks, len, view.config->probe_port) :
					   NULL);
	if (probe_network_view(net).answers != answers)
		network_others_changed(network);
}

static void on_timer(void *ctx)
{
	struct probe *probe = ctx;
	size_t len = 0;
	struct network *const *networks = probe->options.networks(probe->options.ctx, &len);

	if (probe->nets.len)
		remove_others(probe, networks, len);
	for (size_t i = 0; i < len; i++)
		update(probe, networks, len, networks[i]);
	loop_timer_start(probe->timer, UPDATE_MS);
}

AUTO_DEFINE(probe, struct probe, probe_free);

int probe_new(struct loop *loop, const struct probe_options *options, struct probe **probe_out,
	      struct err *err)
{
	AUTO(probe) struct probe *probe = calloc(1, sizeof(*probe));

	if (!probe)
		return err_nomem(err, "the probes");
	probe->loop = loop;
	probe->options = *options;
	if (probe_watch_new(loop, options->run_dir, &probe->watch, err) < 0)
		return -1;
	probe->timer = loop_timer(loop, on_timer, probe);
	if (!probe->timer)
		return err_nomem(err, "the probes");
	loop_timer_start(probe->timer, 0);
	*probe_out = take_ptr(probe);
	return 0;
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	for (size_t i = 0; i < probe->nets.len; i++)
		probe_network_free(probe->nets.at[i]);
	probe_networks_free(&probe->nets);
	loop_event_free(probe->timer);
	probe_watch_free(probe->watch);
	free(probe);
}

void probe_on_reply(struct probe *probe, enum probe_kind kind, probe_network_reply_fn *fn,
		    void *ctx)
{
	probe->handlers[kind] = (struct reply_handler){ fn, ctx };
	for (size_t i = 0; i < probe->nets.len; i++)
		probe_network_on_reply(probe->nets.at[i], kind, fn, ctx);
}

bool probe_works(const void *probe, const char *network)
{
	const struct probe_network *net = probe_find(probe, network);

	return !net || probe_network_view(net).answers;
}

uint32_t probe_interval_s(const struct probe *probe)
{
	return probe->options.interval_s;
}
