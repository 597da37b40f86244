/* SPDX-License-Identifier: Apache-2.0 */
/* A network without its store: what is kept for it, and how it comes up from that. */
#include "common/auto.h"
#include "common/err.h"
#include "common/log.h"
#include "lastgood.h"
#include "loop.h"
#include "network_private.h"
#include "node.h"
#include "offload.h"

#include <stdlib.h>
#include <string.h>

#define SAVE_MS 5000 /* many changes are one write */
#define SAVE_REST 20 /* and after one, so many times as long as it took none */

static const char *state_dir(const struct network *network)
{
	return network->env.node->state_dir;
}

static void ignore_remark(void *ctx, const char *path, const char *what)
{
	(void)ctx, (void)path, (void)what;
}

/* The subnets that node.json remembers; false: none. */
static bool remembered(const struct network *network, struct prefix subnet_out[static FAMILIES])
{
	const struct state_node_network *known = state_node_find(&network->env.node->state,
								 network->name);

	if (!known || (!prefix_is_set(&known->subnet[FAMILY_V4]) &&
		       !prefix_is_set(&known->subnet[FAMILY_V6])))
		return false;
	memcpy(subnet_out, known->subnet, sizeof(known->subnet));
	return true;
}

void network_come_up_stale(struct network *network)
{
	AUTO_FREE char *text = NULL;
	struct config config;
	struct err err;
	int found;

	if (network->configured || network->stale)
		return;
	if (!remembered(network, network->subnet))
		return;
	found = lastgood_read(state_dir(network), network->name, &text, &network->known, &err);
	if (found < 0)
		log_error("what was known last cannot be read", "reason", err.text);
	if (found <= 0)
		return;
	if (config_parse(text, strlen(text), ignore_remark, NULL, &config, &err) < 0 ||
	    network_admit(network, &config, &err) < 0) {
		log_error("what was known last cannot be used", "reason", err.text);
		return;
	}
	log_warn("no store: the network comes up as it was known last", "network", network->name,
		 "peers", LOG_NUM(network->known.now.peers.len));
	network_config_take(network, &config, text);
	network->stale = true;
	network_store_changed(network);
}

struct store_point network_seen_before(struct network *network)
{
	struct lastgood_head head = { .restored = false };
	struct err err;

	if (lastgood_read_head(state_dir(network), network->name, &head, &err) < 0)
		log_error("what was known last cannot be read", "reason", err.text);
	network->lacked = head.restored;
	return head.seen;
}

void network_recall(struct network *network)
{
	struct known before = { .listing = false };
	AUTO_FREE char *text = NULL;
	struct err err;

	if (network->listed || network->stale)
		return;
	if (lastgood_read(state_dir(network), network->name, &text, &before, &err) < 0)
		log_error("what was known last cannot be read", "reason", err.text);
	peers_free(&network->known.now.peers);
	network->known.now.peers = before.now.peers;
	before.now.peers = (struct peers){ .len = 0 };
	known_free(&before);
}

void network_config_take(struct network *network, const struct config *config, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		log_error("no memory for the configuration's text");
	free(network->config_text);
	network->config_text = copy;
	network->config = *config;
	network->configured = true;
	if (network->uplink.index)
		config_outer(config, network->uplink.address, network->outer);
}

/* A large cluster that is never quiet is not written all the time. */
void network_save_soon(struct network *network)
{
	if (!network->stale && network->config_text && !loop_timer_running(network->save))
		loop_timer_start(network->save,
				 network->save_rest_ms > SAVE_MS ? network->save_rest_ms : SAVE_MS);
}

/* In a child process. */
static int save(void *ctx, uint64_t *number_out, struct err *err)
{
	const struct network *network = ctx;

	const struct lastgood_head head = { .seen = network->store->ops->seen(network->store),
					    .restored = network->wiped };

	*number_out = network->saved;
	return lastgood_write(state_dir(network), network->name, &head, network->config_text,
			      &network->known.now.peers, number_out, err);
}

static void on_saved(void *ctx, uint64_t number, const struct err *err)
{
	struct network *network = ctx;

	offload_free(take_ptr(network->saving));
	network->save_rest_ms = SAVE_REST * (loop_now_ms() - network->save_began_ms);
	if (err)
		log_error("what is known cannot be kept for a start without the store", "reason",
			  err->text);
	else
		network->saved = number;
}

void network_save_stop(struct network *network)
{
	loop_timer_stop(network->save);
	offload_free(take_ptr(network->saving));
}

void network_save(void *ctx)
{
	struct network *network = ctx;
	const struct offload_job job = { save, on_saved, network };
	struct err err;

	if (network->stale || network->leaving || !network->config_text)
		return;
	if (network->saving) {
		network_save_soon(network);
		return;
	}
	network->save_began_ms = loop_now_ms();
	if (offload_start(network->env.loop, &job, &network->saving, &err) < 0)
		log_error("what is known cannot be kept for a start without the store", "reason",
			  err.text);
}
