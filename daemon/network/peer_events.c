/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/peer_events.h"

#include "common/err.h"
#include "common/log.h"
#include "common/vec.h"
#include "daemon/io/loop.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_name[PEER_EVENTS] = {
	[PEER_CAME] = "peer installed",
	[PEER_CHANGED] = "peer changed",
	[PEER_WENT] = "peer removed",
};

/* ---- The set ----------------------------------------------------------------------------- */

static void add(struct peer_event_set *set, enum peer_event_kind kind, const struct lease *lease)
{
	set->count[kind]++;
	if (set->len == PEER_EVENTS_NAMED)
		return;
	set->named[set->len].kind = kind;
	memcpy(set->named[set->len].subnet, lease->subnet, sizeof(lease->subnet));
	memcpy(set->named[set->len].public_ip, lease->public_ip, sizeof(lease->public_ip));
	memcpy(set->named[set->len].name, lease->name, sizeof(lease->name));
	set->len++;
}

/* Whether packets to the peer have another destination. */
static bool differs(const struct lease *a, const struct lease *b)
{
	for (enum family f = 0; f < FAMILIES; f++)
		if (!ipaddr_equal(&a->public_ip[f], &b->public_ip[f]) ||
		    mac_cmp(&a->vtep_mac[f], &b->vtep_mac[f]) != 0)
			return true;
	return false;
}

/* A vec_merge_fn. */
static bool compare(void *ctx, const void *a, const void *b)
{
	const struct lease *before = a, *now = b;

	if (!before)
		add(ctx, PEER_CAME, now);
	else if (!now)
		add(ctx, PEER_WENT, before);
	else if (differs(before, now))
		add(ctx, PEER_CHANGED, now);
	return true;
}

/* Adds the differences between two sorted lists. */
static void add_differences(struct peer_event_set *set, const struct leases *before,
			    const struct leases *now)
{
	vec_merge(before->at, before->len, now->at, now->len, sizeof(struct lease), lease_cmp,
		  compare, set);
}

static size_t total(const struct peer_event_set *set)
{
	return set->count[PEER_CAME] + set->count[PEER_CHANGED] + set->count[PEER_WENT];
}

static void join(struct peer_event_set *set, const struct peer_event_set *more)
{
	for (size_t i = 0; i < PEER_EVENTS; i++)
		set->count[i] += more->count[i];
	for (size_t i = 0; i < more->len && set->len < PEER_EVENTS_NAMED; i++)
		set->named[set->len++] = more->named[i];
}

/* ---- The log ----------------------------------------------------------------------------- */

#define SUBNETS_SIZE (2 * PREFIX_TEXT_SIZE)

/* One or both: "10.5.2.0/24 fd00:5:2::/64". Returns buf. */
static const char *subnets_text(const struct prefix subnet[static FAMILIES],
				char buf[static SUBNETS_SIZE])
{
	char text[PREFIX_TEXT_SIZE];
	size_t len = 0;

	buf[0] = '\0';
	for (enum family f = 0; f < FAMILIES; f++)
		if (prefix_is_set(&subnet[f]))
			len += (size_t)snprintf(buf + len, SUBNETS_SIZE - len, "%s%s",
						len ? " " : "", prefix_text(&subnet[f], text));
	return buf;
}

static void log_named(const char *network, const struct peer_event_set *set)
{
	char subnets[SUBNETS_SIZE], public_ip[IPADDR_TEXT_SIZE];

	for (size_t i = 0; i < set->len; i++) {
		const struct ipaddr *addrs = set->named[i].public_ip;
		const bool v4 = ipaddr_is_set(&addrs[FAMILY_V4]);

		log_info(kind_name[set->named[i].kind], "network", network, "peer",
			 set->named[i].name, "subnet", subnets_text(set->named[i].subnet, subnets),
			 "public_ip", ipaddr_text(&addrs[v4 ? FAMILY_V4 : FAMILY_V6], public_ip));
	}
}

static void log_peers(struct peer_events *events)
{
	const struct peer_event_set *set = &events->set;

	if (set->len == total(set))
		log_named(events->network, set);
	else
		log_info("peers changed", "network", events->network, "installed",
			 LOG_NUM(set->count[PEER_CAME]), "changed",
			 LOG_NUM(set->count[PEER_CHANGED]), "removed",
			 LOG_NUM(set->count[PEER_WENT]), "peers", LOG_NUM(events->before.usable));
	memset(&events->set, 0, sizeof(events->set));
}

static void log_refused(struct peer_events *events)
{
	for (size_t i = 0; i < PEER_REFUSALS; i++) {
		const size_t was = events->refused[i], now = events->before.refused[i];

		events->refused[i] = now;
		if (now > was)
			log_warn("leases refused", "network", events->network, "cause",
				 peer_refusal_name[i], "leases", LOG_NUM(now), "before",
				 LOG_NUM(was));
		else if (now < was)
			log_info("leases no longer refused", "network", events->network, "cause",
				 peer_refusal_name[i], "leases", LOG_NUM(now), "before",
				 LOG_NUM(was));
	}
}

static void log_drift(struct peer_events *events)
{
	for (size_t i = 0; i < DRIFTS; i++) {
		const uint64_t healed = events->stats.drift_healed[i] - events->drift[i];

		events->drift[i] = events->stats.drift_healed[i];
		if (healed)
			log_info("change by another program repaired", "network", events->network,
				 "object", reconciler_drift_name[i], "count", LOG_NUM(healed));
	}
}

static void on_timer(void *ctx)
{
	struct peer_events *events = ctx;

	events->logged_ms = loop_now_ms();
	log_peers(events);
	log_refused(events);
	log_drift(events);
}

static bool has_changes(const struct peer_events *events)
{
	return total(&events->set) ||
	       memcmp(events->refused, events->before.refused, sizeof(events->refused)) != 0 ||
	       memcmp(events->drift, events->stats.drift_healed, sizeof(events->drift)) != 0;
}

static void log_later(struct peer_events *events)
{
	const bool quiet = !events->logged_ms ||
			   loop_now_ms() - events->logged_ms > PEER_EVENTS_MAX_MS;

	if (loop_timer_running(events->timer))
		return;
	events->wait_ms = quiet ? PEER_EVENTS_MS : 2 * events->wait_ms;
	if (events->wait_ms > PEER_EVENTS_MAX_MS)
		events->wait_ms = PEER_EVENTS_MAX_MS;
	loop_timer_start(events->timer, events->wait_ms);
}

/* ---- Reconciles -------------------------------------------------------------------------- */

void peer_events_build(struct peer_events *events, const struct desired_state *desired)
{
	memset(&events->built, 0, sizeof(events->built));
	events->built_all = desired->listed == DESIRED_PEERS_ALL;
	if (desired->listed == DESIRED_PEERS_CHANGED)
		add_differences(&events->built, &desired->before, &desired->peers);
}

void peer_events_finish(struct peer_events *events, int rc, const struct desired_counts *now,
			const struct reconciler *reconciler)
{
	const size_t was = events->before.usable;

	if (rc < 0)
		return;
	if (events->built_all && now->usable > was)
		events->built.count[PEER_CAME] = now->usable - was;
	else if (events->built_all)
		events->built.count[PEER_WENT] = was - now->usable;
	join(&events->set, &events->built);
	memset(&events->built, 0, sizeof(events->built));
	events->built_all = false;
	events->before = *now;
	events->stats = reconciler_stats(reconciler);
	if (has_changes(events))
		log_later(events);
}

int peer_events_init(struct peer_events *events, struct loop *loop, const char *network,
		     struct err *err)
{
	events->network = network;
	events->timer = loop_timer(loop, on_timer, events);
	return events->timer ? 0 : err_nomem(err, "the peers' events");
}

void peer_events_free(struct peer_events *events)
{
	loop_event_free(events->timer);
}
