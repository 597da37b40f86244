/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/networks.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "common/netlink/nl.h"
#include "daemon/dataplane/watch.h"
#include "daemon/firewall/firewall.h"
#include "daemon/io/loop.h"
#include "daemon/network/last_known.h"
#include "daemon/network/network.h"
#include "daemon/network/publish.h"
#include "daemon/network/sweep.h"
#include "daemon/store/store.h"
#include "ipam/config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct member {
	struct network *network;
	struct store *store; /* until the network is started, which then owns it */
	struct sweep *sweep;
	struct peer_network *others; /* the configured networks but this one */
	size_t other_len;
	bool others_stale; /* others has changed since the network was notified */
};

#define NOTIFY_MS 20       /* after the first change */
#define NOTIFY_MAX_MS 1000 /* as long as networks are still being started */

struct networks {
	struct network_env env;
	struct networks_options options;
	/* NETWORKS_MAX of each, len in use */
	struct member *members;
	struct network **all; /* the members' networks, for networks_all */
	char **names;         /* of the networks */
	size_t len, started;
	struct loop_event *next;   /* starts the next one */
	struct loop_event *notify; /* notifies the networks that the others have changed */
	struct loop_event *turn;   /* the end of a turn of the loop in which dumps are shared */
	uint64_t notify_since_ms;
	struct last_known *last_known;
};

/* ---- What the networks share -------------------------------------------------------------- */

static int admit(void *ctx, const struct network *network, const struct config *config,
		 struct err *err)
{
	const struct networks *networks = ctx;

	for (size_t i = 0; i < networks->len; i++) {
		struct network_view other;

		if (!networks->all[i] || networks->all[i] == network)
			continue;
		other = network_view(networks->all[i]);
		if (other.config &&
		    config_check_coexistence(config, other.config, other.name, err) < 0)
			return -1;
	}
	return 0;
}

#if !defined(__clang__)
#pragma GCC diagnostic push
/* GCC 12's analyzer loses track of what is stored at an index of an allocated array. */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static void list_others(const struct networks *networks, struct member *member)
{
	struct peer_network *others = calloc(networks->len, sizeof(*others));
	size_t len = 0;

	for (size_t i = 0; others && i < networks->len; i++) {
		const struct network *network = networks->all[i];

		if (network && network != member->network && network_config(network))
			others[len++] = (struct peer_network){ networks->names[i],
							       network_config(network) };
	}
	if (!others)
		log_error("no memory for the list of networks");
	free(member->others);
	member->others = others;
	member->other_len = len;
}

/*
 * Several changes lead to one notification: at a start, each network would reconcile after each
 * other one.
 */
static void on_notify(void *ctx)
{
	struct networks *networks = ctx;

	if (networks->started < networks->len &&
	    loop_now_ms() - networks->notify_since_ms < NOTIFY_MAX_MS) {
		loop_timer_start(networks->notify, NOTIFY_MS);
		return;
	}
	for (size_t i = 0; i < networks->len; i++) {
		struct member *member = &networks->members[i];

		if (member->others_stale)
			network_others_changed(member->network);
		member->others_stale = false;
	}
}

/* No peer of a network may have an address inside another one. */
static void on_config_used(void *ctx, const struct network *network)
{
	struct networks *networks = ctx;

	for (size_t i = 0; i < networks->len; i++) {
		struct member *member = &networks->members[i];

		list_others(networks, member);
		if (member->network && member->network != network)
			member->others_stale = true;
	}
	if (loop_timer_running(networks->notify))
		return;
	networks->notify_since_ms = loop_now_ms();
	loop_timer_start(networks->notify, NOTIFY_MS);
}
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif

static const struct peer_network *others(void *ctx, const struct network *network, size_t *len_out)
{
	const struct networks *networks = ctx;

	*len_out = 0;
	for (size_t i = 0; i < networks->len; i++) {
		if (networks->members[i].network != network)
			continue;
		*len_out = networks->members[i].other_len;
		return networks->members[i].others;
	}
	return NULL;
}

/* By a timer: the network is in the middle of an event of its store. */
static void on_store_event(void *ctx, const struct network *network)
{
	struct networks *networks = ctx;

	if (networks->started < networks->len && networks->started > 0 &&
	    networks->all[networks->started - 1] == network)
		loop_timer_start(networks->next, 0);
}

static void on_status_changed(void *ctx)
{
	const struct networks *networks = ctx;

	if (networks->options.status_changed)
		networks->options.status_changed(networks->options.ctx);
}

static const struct network_owner network_owner = {
	.admit = admit,
	.config_used = on_config_used,
	.others = others,
	.store_event = on_store_event,
	.status_changed = on_status_changed,
};

static int start_next(struct networks *networks, struct err *err)
{
	struct member *member = &networks->members[networks->started++];

	return network_start(member->network, take_ptr(member->store), err);
}

/* A network that cannot be started does not stop the next one. */
static void on_next(void *ctx)
{
	struct networks *networks = ctx;
	struct err err = ERR_INIT;

	while (networks->started < networks->len && start_next(networks, &err) < 0)
		log_error("network not started", "network", networks->names[networks->started - 1],
			  "error", err.text);
}

/* ---- Packet rules ------------------------------------------------------------------------- */

static void on_gathered(void *ctx)
{
	const struct networks *networks = ctx;

	for (size_t i = 0; i < networks->len; i++)
		if (networks->all[i] && !firewall_waits(networks->env.firewall, networks->names[i]))
			network_rules_applied(networks->all[i]);
}

/* ---- Dumps -------------------------------------------------------------------------------- */

/* The timer expires after the timers that are due in this turn. */
static void on_filled(void *ctx)
{
	const struct networks *networks = ctx;

	loop_timer_start(networks->turn, 0);
}

static void on_turn(void *ctx)
{
	const struct networks *networks = ctx;

	nl_shared_clear(networks->env.nl);
}

/* ---- Members ------------------------------------------------------------------------------ */

static void free_member(struct networks *networks, size_t i)
{
	struct member *member = &networks->members[i];

	sweep_free(member->sweep);
	network_free(member->network);
	if (member->store)
		member->store->ops->free(member->store);
	free(member->others);
	free(networks->names[i]);
	*member = (struct member){ .network = NULL };
	networks->all[i] = NULL;
	networks->names[i] = NULL;
}

const char *networks_main_name(const char *const *names, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strcmp(names[i], "default"))
			return names[i];
	return len ? names[0] : "default";
}

#if !defined(__clang__)
#pragma GCC diagnostic push
/* GCC 12's analyzer loses track of what is stored at an index of an allocated array. */
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
/* The new member is the last one. A failure leaves nothing of it. */
static int make_member(struct networks *networks, const char *name, struct err *err)
{
	const struct networks_options *options = &networks->options;
	struct network_env env = networks->env;
	const size_t i = networks->len;
	struct member *member = &networks->members[i];

	if (strcmp(name, networks_main_name(options->names, options->len)) != 0)
		env.subnet_file = NULL;
	env.owner = &network_owner;
	env.owner_ctx = networks;
	networks->names[i] = strdup(name);
	if (!networks->names[i])
		return err_nomem(err, "the networks");
	networks->len++;
	if (network_new(&env, networks->names[i], &member->network, err) == 0) {
		networks->all[i] = member->network;
		list_others(networks, member);
		if (options->make_store(options->ctx, name, member->network, &member->store, err) ==
			    0 &&
		    sweep_new(env.loop, env.nl, env.run_dir, networks->names[i], &member->sweep,
			      err) == 0)
			return 0;
	}
	free_member(networks, i);
	networks->len--;
	return err_wrap(err, "network %s", name);
}
#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif

static void remove_member(struct networks *networks, size_t i)
{
	const size_t after = networks->len - i - 1;

	log_info("network removed", "network", networks->names[i]);
	if (networks->env.firewall)
		firewall_retire(networks->env.firewall, networks->names[i]);
	free_member(networks, i);
	memmove(&networks->members[i], &networks->members[i + 1],
		after * sizeof(*networks->members));
	memmove(&networks->all[i], &networks->all[i + 1], after * sizeof(*networks->all));
	memmove(&networks->names[i], &networks->names[i + 1], after * sizeof(*networks->names));
	networks->len--;
	networks->started -= i < networks->started;
	networks->members[networks->len] = (struct member){ .network = NULL };
	networks->all[networks->len] = NULL;
	networks->names[networks->len] = NULL;
}

static bool is_among(const char *name, const char *const names[], size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static const char *const *names_of(const struct networks *networks)
{
	return (const char *const *)networks->names;
}

int networks_set(struct networks *networks, const char *const names[], size_t len, struct err *err)
{
	const size_t before = networks->len;
	bool removed = false;
	int rc = 0;

	for (size_t i = networks->len; i > 0; i--) {
		if (is_among(networks->names[i - 1], names, len))
			continue;
		remove_member(networks, i - 1);
		removed = true;
	}
	for (size_t i = 0; rc == 0 && i < len; i++) {
		if (is_among(names[i], names_of(networks), networks->len))
			continue;
		if (networks->len == NETWORKS_MAX) {
			log_warn("too many networks, the rest is ignored", "network", names[i]);
			break;
		}
		rc = make_member(networks, names[i], err);
	}
	publish_retire(networks->env.run_dir, names_of(networks), networks->len);
	last_known_set(networks->last_known, names_of(networks), networks->len);
	if (networks->env.firewall)
		firewall_expect(networks->env.firewall, networks->len);
	if (removed)
		on_config_used(networks, NULL);
	if (networks->started < networks->len)
		loop_timer_start(networks->next, 0);
	if (removed || before != networks->len)
		on_status_changed(networks);
	return rc;
}

/* ---- Construction ------------------------------------------------------------------------- */

void networks_free(struct networks *networks)
{
	if (!networks)
		return;
	for (size_t i = 0; i < networks->len; i++)
		free_member(networks, i);
	last_known_free(networks->last_known);
	watch_free(networks->env.watch);
	if (networks->env.nl)
		nl_shared_close(networks->env.nl);
	if (networks->env.firewall)
		firewall_gather(networks->env.firewall, NULL, NULL);
	loop_event_free(networks->next);
	loop_event_free(networks->notify);
	loop_event_free(networks->turn);
	free(networks->members);
	free(networks->all);
	free(networks->names);
	free(networks);
}
AUTO_DEFINE(networks, struct networks, networks_free);

int networks_new(const struct network_env *env, const struct networks_options *options,
		 struct networks **networks_out, struct err *err)
{
	AUTO(networks) struct networks *networks = calloc(1, sizeof(*networks));

	if (!networks)
		return err_nomem(err, "the networks");
	networks->members = calloc(NETWORKS_MAX, sizeof(*networks->members));
	networks->all = calloc(NETWORKS_MAX, sizeof(*networks->all));
	networks->names = calloc(NETWORKS_MAX, sizeof(*networks->names));
	networks->next = loop_timer(env->loop, on_next, networks);
	networks->notify = loop_timer(env->loop, on_notify, networks);
	networks->turn = loop_timer(env->loop, on_turn, networks);
	if (!networks->members || !networks->all || !networks->names || !networks->next ||
	    !networks->notify || !networks->turn)
		return err_nomem(err, "the networks");
	networks->env = *env;
	if (nl_shared_open(env->nl, on_filled, networks, err) < 0 ||
	    watch_new(env->loop, &networks->env.watch, err) < 0)
		return -1;
	if (env->firewall)
		firewall_gather(env->firewall, on_gathered, networks);
	networks->options = *options;
	for (size_t i = 0; i < options->len; i++)
		if (make_member(networks, options->names[i], err) < 0)
			return -1;
	if (options->len)
		publish_retire(env->run_dir, names_of(networks), networks->len);
	if (last_known_new(env, names_of(networks), networks->len, &networks->last_known, err) < 0)
		return -1;
	if (networks->len && start_next(networks, err) < 0)
		return -1;
	*networks_out = take_ptr(networks);
	return 0;
}

void networks_check(const struct networks *networks)
{
	for (size_t i = 0; i < networks->started; i++)
		network_check_stores(networks->all[i]);
}

struct network *const *networks_all(const struct networks *networks, size_t *len_out)
{
	*len_out = networks->len;
	return networks->all;
}
