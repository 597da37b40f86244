/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/lease_scene.h"

static void scene_fill(void *ctx, struct lease *peer)
{
	peer->public_ip[FAMILY_V4] = sample_addr(((const struct scene *)ctx)->public_ip);
	peer->vtep_mac[FAMILY_V4] = sample_mac(MAC_SELF);
	peer->vni[FAMILY_V4] = 1;
	peer->mtu = 1450;
	snprintf(peer->node, sizeof(peer->node), SAMPLE_NODE);
	snprintf(peer->name, sizeof(peer->name), "host1");
}

static void scene_changed(void *ctx)
{
	struct scene *scene = ctx;

	scene->changes++;
}

int scene_setup(void **state)
{
	static const struct lease_client_owner owner = { scene_fill, scene_changed };
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
	scene->public_ip = OUR_IP;
	assert_good(lease_client_new(scene->loop, &scene->store.store, &self, &owner, scene,
				     &scene->lease, &err),
		    err);
	*state = scene;
	return 0;
}

int scene_teardown(void **state)
{
	struct scene *scene = *state;

	lease_client_free(scene->lease);
	loop_free(scene->loop);
	leases_free(&scene->known);
	test_free(scene);
	return 0;
}

void look(struct scene *scene)
{
	lease_client_update(scene->lease, &scene->config, &scene->known);
}

void put(struct scene *scene, const char *subnet, const char *public_ip, const char *node,
	 uint64_t lease)
{
	struct lease peer = sample_peer(subnet, public_ip, MAC_OTHER, node, ++scene->revision);

	peer.etcd_lease = lease;
	sample_put(&scene->known, &peer);
}

void take_away(struct scene *scene, const char *subnet)
{
	const struct prefix prefix[FAMILIES] = { sample_prefix(subnet) };

	assert_true(leases_remove(&scene->known, prefix));
}

enum lease_state state_of(const struct scene *scene)
{
	return lease_client_view(scene->lease).state;
}

void assert_error(const struct scene *scene, const char *part)
{
	assert_says(lease_client_view(scene->lease).error, part);
}

void assert_at_rest(const struct scene *scene)
{
	assert_int_equal(scene->store.len, 0);
	assert_true(fake_loop_next_ms(scene->loop) == FAKE_LOOP_IDLE);
}

/* Its transient states while another node holds the subnet are not visible. */
static bool is_doing(const struct scene *scene, enum lease_state state)
{
	return state_of(scene) == state || state_of(scene) == LEASE_LOST;
}

struct fake_op grant(struct scene *scene, uint64_t id)
{
	assert_true(is_doing(scene, LEASE_GRANTING));
	return fake_store_answer(&scene->store, FAKE_GRANT,
				 (struct store_reply){ .lease = id, .ttl_s = TTL });
}

struct fake_op carry_out(struct scene *scene)
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
	struct lease peer;

	assert_true(is_doing(scene, LEASE_PUTTING));
	assert_good(lease_parse(&entry, &peer, &err), err);
	sample_put(&scene->known, &peer);
	op.done(op.ctx, &reply, NULL);
	return op;
}

void lose_race(struct scene *scene)
{
	fake_store_answer(&scene->store, FAKE_PUT, (struct store_reply){ .succeeded = false });
}

void assert_held(const struct scene *scene, const char *subnet, uint64_t id)
{
	struct lease_client_view view = lease_client_view(scene->lease);

	assert_int_equal(view.state, LEASE_HELD);
	assert_string_equal(sample_subnets_text(view.subnet), subnet);
	assert_true(view.etcd_lease == id);
	assert_true(view.revision == scene->revision);
	assert_string_equal(view.error, "");
	assert_int_equal(scene->store.len, 0);
}

void acquire(struct scene *scene, uint64_t id)
{
	look(scene);
	grant(scene, id);
	carry_out(scene);
	assert_held(scene, "10.5.7.0/24", id);
}

void assert_retries(struct scene *scene, uint64_t within_ms)
{
	unsigned before = scene->store.refreshes;

	assert_true(fake_loop_next_ms(scene->loop) <= within_ms);
	fake_loop_pass(scene->loop, within_ms);
	assert_int_equal(scene->store.refreshes, before + 1);
}
