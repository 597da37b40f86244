/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the lease: one of a node that remembers 10.5.7.0/24, in a loop whose clock the
 * test moves, with a store that answers when the test says so.
 */
#pragma once

#include "daemon/lease.h"
#include "daemon/loop.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_store.h"

#define MAC_SELF "c6:d2:32:6f:8f:01"
#define MAC_OTHER "c6:d2:32:6f:8f:02"
#define OUR_IP "192.168.0.1"
#define TTL 30

struct scene {
	struct loop *loop;
	struct fake_store store;
	struct lease *lease;
	struct config config;
	struct peers known;
	unsigned changes;
	uint64_t revision; /* of the store */
};

static inline void scene_fill(void *ctx, struct peer *peer)
{
	(void)ctx;
	peer->public_ip[FAMILY_V4] = sample_addr(OUR_IP);
	peer->vtep_mac[FAMILY_V4] = sample_mac(MAC_SELF);
	peer->vni[FAMILY_V4] = 1;
	peer->mtu = 1450;
	snprintf(peer->node, sizeof(peer->node), SAMPLE_NODE);
	snprintf(peer->name, sizeof(peer->name), "host1");
}

static inline void scene_changed(void *ctx)
{
	struct scene *scene = ctx;

	scene->changes++;
}

static inline int scene_setup(void **state)
{
	static const struct lease_owner owner = { scene_fill, scene_changed };
	struct scene *scene = test_calloc(1, sizeof(*scene));
	const struct lease_self self = {
		.node = SAMPLE_NODE,
		.machine = "00000000000000aa",
		.public_ip = { sample_addr(OUR_IP) },
		.last = { sample_prefix("10.5.7.0/24") },
	};
	struct err err = ERR_INIT;

	assert_good(loop_new(&scene->loop, &err), err);
	scene->store.store.ops = &fake_store_ops;
	scene->config = sample_config("{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"LeaseTTL\":30}}");
	scene->revision = 100;
	assert_good(lease_new(scene->loop, &scene->store.store, &self, &owner, scene, &scene->lease,
			      &err),
		    err);
	*state = scene;
	return 0;
}

static inline int scene_teardown(void **state)
{
	struct scene *scene = *state;

	lease_free(scene->lease);
	loop_free(scene->loop);
	peers_free(&scene->known);
	test_free(scene);
	return 0;
}

#define lease_test(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

/* The store's content is looked at, as after a list or an event. */
static inline void look(struct scene *scene)
{
	lease_update(scene->lease, &scene->config, &scene->known);
}

/* Somebody else puts a key. */
static inline void put(struct scene *scene, const char *subnet, const char *public_ip,
		       const char *node, uint64_t lease)
{
	struct peer peer = sample_peer(subnet, public_ip, MAC_OTHER, node, ++scene->revision);

	peer.lease = lease;
	sample_put(&scene->known, &peer);
}

static inline void take_away(struct scene *scene, const char *subnet)
{
	const struct prefix prefix[FAMILIES] = { sample_prefix(subnet) };

	assert_true(peers_remove(&scene->known, prefix));
}

static inline enum lease_state state_of(const struct scene *scene)
{
	return lease_view(scene->lease).state;
}

static inline void assert_trouble(const struct scene *scene, const char *part)
{
	assert_says(lease_view(scene->lease).trouble, part);
}

/* It neither waits for an answer, nor for a moment, nor for a list that it asked for. */
static inline void assert_at_rest(const struct scene *scene)
{
	assert_int_equal(scene->store.len, 0);
	assert_true(fake_loop_next_ms(scene->loop) == FAKE_LOOP_IDLE);
}

/* What it does while another has its subnet does not show. */
static inline bool is_doing(const struct scene *scene, enum lease_state state)
{
	return state_of(scene) == state || state_of(scene) == LEASE_LOST;
}

static inline struct fake_op grant(struct scene *scene, uint64_t id)
{
	assert_true(is_doing(scene, LEASE_GRANTING));
	return fake_store_answer(&scene->store, FAKE_GRANT,
				 (struct store_reply){ .lease = id, .ttl_s = TTL });
}

/* The put is carried out: the store has it, and the network knows it. */
static inline struct fake_op carry_out(struct scene *scene)
{
	struct fake_op op = fake_store_take(&scene->store, FAKE_PUT);
	struct store_entry entry = {
		.key = op.key,
		.value = op.value,
		.value_size = strlen(op.value),
		.mod_revision = ++scene->revision,
		.lease = op.lease,
	};
	struct store_reply reply = { .succeeded = true, .mod_revision = entry.mod_revision };
	struct err err = ERR_INIT;
	struct peer peer;

	assert_true(is_doing(scene, LEASE_PUTTING));
	assert_good(peer_parse(&entry, &peer, &err), err);
	sample_put(&scene->known, &peer);
	op.done(op.ctx, &reply, NULL);
	return op;
}

static inline void lose_race(struct scene *scene)
{
	fake_store_answer(&scene->store, FAKE_PUT, (struct store_reply){ .succeeded = false });
}

static inline void assert_held(const struct scene *scene, const char *subnet, uint64_t id)
{
	struct lease_view view = lease_view(scene->lease);

	assert_int_equal(view.state, LEASE_HELD);
	assert_string_equal(sample_subnets_text(view.subnet), subnet);
	assert_true(view.id == id);
	assert_true(view.revision == scene->revision);
	assert_string_equal(view.trouble, "");
	assert_int_equal(scene->store.len, 0);
}

/* From nothing to a lease of the remembered subnet with this id. */
static inline void acquire(struct scene *scene, uint64_t id)
{
	look(scene);
	grant(scene, id);
	carry_out(scene);
	assert_held(scene, "10.5.7.0/24", id);
}

/* The timer that runs asks for a list. */
static inline void assert_retries(struct scene *scene, uint64_t within_ms)
{
	unsigned before = scene->store.refreshes;

	assert_true(fake_loop_next_ms(scene->loop) <= within_ms);
	fake_loop_pass(scene->loop, within_ms);
	assert_int_equal(scene->store.refreshes, before + 1);
}
