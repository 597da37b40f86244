/* SPDX-License-Identifier: Apache-2.0 */
/* What the store tells a network (store.h), and what becomes of it. */
#include "common/log.h"
#include "loop.h"
#include "network_private.h"
#include "store.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WARN_EVERY_MS 10000
#define LINGER_MS 300   /* how long a key's end may be the first of all keys' end */
#define GRACE_MS 300000 /* ten times the longest pause between a node's tries to reach the store */

static void on_restored(void *ctx, const char *why)
{
	struct network *network = ctx;

	network_recall(network);
	known_list_restored(&network->known);
	snprintf(network->restored, sizeof(network->restored), "%s", why);
}

static void on_list_begin(void *ctx)
{
	struct network *network = ctx;

	known_list_begin(&network->known);
	network->restored[0] = '\0';
	if (!network->listed && network->lacked)
		on_restored(network, "that was so before weftd was started");
}

static void warn_config(void *ctx, const char *path, const char *what)
{
	(void)ctx;
	log_warn("network configuration", "key", path, "remark", what);
}

static void ignore_config(void *ctx, const char *path, const char *what)
{
	(void)ctx, (void)path, (void)what;
}

/* What the network configuration in the store is not, though the one in use goes on. */
static void config_fault(struct network *network, const char *why)
{
	if (!network->configured) {
		network_config_missing(network, why);
		return;
	}
	snprintf(network->config_error, sizeof(network->config_error),
		 "%.360s; the one before stays in use", why);
	network_judge(network);
}

int network_admit(const struct network *network, const struct config *config, struct err *err)
{
	const struct network_siblings *siblings = network->env.siblings;

	return siblings ? siblings->admit(network->env.siblings_ctx, network, config, err) : 0;
}

static void tell_siblings(const struct network *network)
{
	if (network->env.siblings)
		network->env.siblings->heard(network->env.siblings_ctx, network);
}

/* Whether it can be used from now on. */
static int check_config(const struct network *network, const struct config *config, struct err *err)
{
	if (network->configured && config_equal(config, &network->config))
		return 0;
	if (network_admit(network, config, err) < 0)
		return -1;
	return network->configured ? network_check_config(network, config, err) : 0;
}

static void on_config(void *ctx, const char *text, size_t size)
{
	struct network *network = ctx;
	struct config config;
	struct err err;
	char absent[320];

	if (!text) {
		snprintf(absent, sizeof(absent),
			 "there is no network configuration in the store: "
			 "put one under %.240s",
			 network->store->config_name);
		config_fault(network, absent);
		return;
	}
	/* Read quietly first: its remarks are worth a line once, not at every list. */
	if (config_parse(text, size, ignore_config, NULL, &config, &err) < 0 ||
	    check_config(network, &config, &err) < 0) {
		config_fault(network, err.text);
		return;
	}
	network->config_error[0] = '\0';
	if (network->configured && config_equal(&config, &network->config)) {
		network_judge(network);
		return;
	}
	config_parse(text, size, warn_config, NULL, &config, &err);
	if (network->configured)
		log_info("network configuration changed", "network", network->name);
	network_config_take(network, &config, text);
	sync_mark(network->sync, SYNC_ALL);
	if (!network->known.listing)
		network_store_changed(network);
}

static void warn_entry(struct network *network, const struct err *err)
{
	if (!log_limit(&network->warned_ms, &network->warnings_held, loop_now_ms(), WARN_EVERY_MS))
		return;
	log_warn("key in the store ignored", "reason", err->text, "not_shown",
		 LOG_NUM(network->warnings_held));
	network->warnings_held = 0;
}

static void on_entry(void *ctx, const struct store_entry *entry)
{
	struct network *network = ctx;
	struct prefix subnet[FAMILIES];
	struct err err;

	if (!network->known.listing && peer_parse_key(entry->key, subnet, &err) == 0)
		network_lease_changes(network, subnet);
	if (known_entry(&network->known, entry, &err) < 0)
		warn_entry(network, &err);
	if (!network->known.listing)
		network_leases_changed(network);
}

/* The subnet that we hold, or NULL. */
static const struct prefix *held_subnet(const struct network *network, struct lease_view *lease)
{
	if (!network->lease)
		return NULL;
	*lease = lease_view(network->lease);
	return lease->state == LEASE_HELD ? lease->subnet : NULL;
}

/* A store that has lost our lease was wiped, restored, or is being emptied. */
static void begin_grace(struct network *network, const char *why)
{
	log_warn("the store was wiped or restored; peers that it lacks stay for a while", "network",
		 network->name, "reason", why, "seconds", LOG_NUM(GRACE_MS / 1000));
	network->wiped = true;
	network->wiped_until = (uint64_t)time(NULL) + GRACE_MS / 1000;
	snprintf(network->wiped_why, sizeof(network->wiped_why), "%s", why);
	loop_timer_start(network->grace, GRACE_MS);
	/* Our own puts may let its revisions catch up soon with what was seen before. */
	network_save(network);
}

static const char lost_lease[] = "it has lost our lease";

static void on_list_end(void *ctx)
{
	struct network *network = ctx;
	struct lease_view lease;

	network->stale = false;
	network->listed = true;
	if (known_list_end(&network->known, held_subnet(network, &lease)))
		begin_grace(network, network->restored[0] ? network->restored : lost_lease);
	network_store_changed(network);
	tell_siblings(network);
}

static void drop_vanished(void *ctx, const struct peer *peer)
{
	network_lease_changes(ctx, peer->subnet);
}

void network_grace_over(void *ctx)
{
	struct network *network = ctx;
	size_t gone;

	/* Only a store that can be asked has had time to tell. */
	if (network->wiped && !network->connected) {
		network->wiped_until = (uint64_t)time(NULL) + GRACE_MS / 1000;
		loop_timer_start(network->grace, GRACE_MS);
		return;
	}
	gone = known_drop_vanished(&network->known, drop_vanished, network);
	log_info("peers removed", "network", network->name, "peers", LOG_NUM(gone));
	network->wiped = false;
	network_leases_changed(network);
}

static void on_list_failed(void *ctx)
{
	struct network *network = ctx;

	known_list_failed(&network->known);
}

static void on_gone(void *ctx, const char *key, uint64_t mod_revision)
{
	struct network *network = ctx;
	struct prefix subnet[FAMILIES];
	struct lease_view lease;
	struct err ignored;

	if (peer_parse_key(key, subnet, &ignored) == 0)
		network_lease_changes(network, subnet);
	if (known_gone(&network->known, key, mod_revision, held_subnet(network, &lease)))
		begin_grace(network, lost_lease);
	else if (!network->wiped && !loop_timer_running(network->grace))
		loop_timer_start(network->grace, LINGER_MS);
	network_leases_changed(network);
}

static void on_link(void *ctx, bool connected, const char *endpoint, const struct err *why)
{
	struct network *network = ctx;

	if (network->connected != connected || !network->connected_since)
		network->connected_since = (uint64_t)time(NULL);
	network->connected = connected;
	snprintf(network->endpoint, sizeof(network->endpoint), "%s", endpoint);
	snprintf(network->store_error, sizeof(network->store_error), "%s", why ? why->text : "");
	if (connected)
		log_info("store reached", "network", network->name, "endpoint", endpoint);
	else
		network_come_up_stale(network);
	network_judge(network);
	if (!connected)
		tell_siblings(network);
}

const struct store_listener network_listener = {
	.list_begin = on_list_begin,
	.restored = on_restored,
	.config = on_config,
	.entry = on_entry,
	.list_end = on_list_end,
	.list_failed = on_list_failed,
	.gone = on_gone,
	.link = on_link,
};
