/* SPDX-License-Identifier: Apache-2.0 */
#include "networks.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "config.h"
#include "loop.h"
#include "network.h"
#include "publish.h"
#include "store.h"
#include "sweep.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct member {
	struct network *network;
	struct store *store; /* the network's, once that is started; until then ours */
	struct sweep *sweep;
};

struct networks {
	struct member *members;
	struct network **all; /* the same, for who looks at them */
	size_t len, started;
	struct loop_event *next; /* starts the next one */
};

/* ---- Beside one another ------------------------------------------------------------------ */

static int admit(void *ctx, const struct network *network, const struct config *config,
		 struct err *err)
{
	const struct networks *networks = ctx;

	for (size_t i = 0; i < networks->len; i++) {
		struct network_view other;

		if (!networks->all[i] || networks->all[i] == network)
			continue;
		other = network_view(networks->all[i]);
		if (other.config && config_beside(config, other.config, other.name, err) < 0)
			return -1;
	}
	return 0;
}

/* Not at once: the network that has heard is in the middle of it. */
static void heard(void *ctx, const struct network *network)
{
	struct networks *networks = ctx;

	if (networks->started < networks->len && networks->started > 0 &&
	    networks->all[networks->started - 1] == network)
		loop_timer_start(networks->next, 0);
}

static const struct network_siblings siblings = { admit, heard };

static int start_next(struct networks *networks, struct err *err)
{
	struct member *member = &networks->members[networks->started++];

	return network_start(member->network, take_ptr(member->store), err);
}

static void on_next(void *ctx)
{
	struct networks *networks = ctx;
	struct err err = ERR_INIT;

	if (networks->started < networks->len && start_next(networks, &err) < 0)
		log_error("network not started", "reason", err.text);
}

/* ---- Making them ------------------------------------------------------------------------- */

void networks_free(struct networks *networks)
{
	if (!networks)
		return;
	for (size_t i = 0; i < networks->len; i++) {
		struct member *member = &networks->members[i];

		sweep_free(member->sweep);
		network_free(member->network);
		if (member->store)
			member->store->ops->free(member->store);
	}
	loop_event_free(networks->next);
	free(networks->members);
	free(networks->all);
	free(networks);
}
AUTO_DEFINE(networks, struct networks, networks_free);

/* Where the subnet file is about: a name of those that there are. */
static const char *in_subnet_file(const struct networks_options *options)
{
	for (size_t i = 0; i < options->len; i++)
		if (!strcmp(options->names[i], "default"))
			return options->names[i];
	return options->names[0];
}

static int make_member(struct networks *networks, size_t i, struct network_env env,
		       const struct networks_options *options, struct err *err)
{
	struct member *member = &networks->members[i];
	const char *name = options->names[i];

	if (strcmp(name, in_subnet_file(options)) != 0)
		env.subnet_file = NULL;
	env.siblings = &siblings;
	env.siblings_ctx = networks;
	if (network_new(&env, name, &member->network, err) < 0)
		return -1;
	networks->all[i] = member->network;
	if (options->make_store(options->ctx, name, member->network, &member->store, err) < 0)
		return -1;
	return sweep_new(env.loop, env.nl, env.run_dir, name, &member->sweep, err);
}

int networks_new(const struct network_env *env, const struct networks_options *options,
		 struct networks **networks_out, struct err *err)
{
	AUTO(networks) struct networks *networks = calloc(1, sizeof(*networks));

	if (!networks)
		return err_nomem(err, "the networks");
	networks->members = calloc(options->len, sizeof(*networks->members));
	networks->all = calloc(options->len, sizeof(*networks->all));
	networks->next = loop_timer(env->loop, on_next, networks);
	if (!networks->members || !networks->all || !networks->next)
		return err_nomem(err, "the networks");
	networks->len = options->len;
	for (size_t i = 0; i < networks->len; i++)
		if (make_member(networks, i, *env, options, err) < 0)
			return err_wrap(err, "network %s", options->names[i]);
	publish_retire(env->run_dir, options->names, options->len);
	if (start_next(networks, err) < 0)
		return -1;
	*networks_out = take_ptr(networks);
	return 0;
}

void networks_check(const struct networks *networks)
{
	for (size_t i = 0; i < networks->started; i++) {
		struct store *store = network_store(networks->all[i]);

		store->ops->check(store);
	}
}

struct network *const *networks_all(const struct networks *networks, size_t *len_out)
{
	*len_out = networks->len;
	return networks->all;
}
