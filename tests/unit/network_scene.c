/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/network_scene.h"

#include "daemon/dataplane/watch.h"

static const struct mac no_flannel;

/* The node has had this subnet before, so that its random id does not choose another. */
static void scene_remember(struct scene *scene)
{
	const struct prefix subnet[FAMILIES] = { sample_prefix("10.5.2.0/24") };
	struct err err = ERR_INIT;

	assert_non_null(
		node_network(&scene->node, scene->nl, "default", "weft-vx1", &no_flannel, &err));
	assert_done(node_remember_lease(&scene->node, "default", subnet, &err), err);
}

int scene_setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));
	static const char *const iface[] = { "up0", NULL };
	struct network_env env = {
		.node_name = "host1",
		.machine = "",
		.uplink = { .iface = iface },
	};
	struct err err = ERR_INIT;

	if (tempdir_make(state))
		return -1;
	snprintf(scene->run_dir, sizeof(scene->run_dir), "%s/run", tempdir_path);
	snprintf(scene->state_dir, sizeof(scene->state_dir), "%s/state", tempdir_path);
	snprintf(scene->subnet_file, sizeof(scene->subnet_file), "%s/subnet.env", tempdir_path);
	scene->nl = kernel_with_uplink();
	assert_done(loop_new(&scene->loop, &err), err);
	assert_done(node_load(&scene->node, scene->state_dir, &err), err);
	scene_remember(scene);
	scene->revision = 100;
	env.loop = scene->loop;
	env.nl = scene->nl;
	assert_done(watch_new(scene->loop, &scene->watch, &err), err);
	env.watch = scene->watch;
	env.node = &scene->node;
	env.run_dir = scene->run_dir;
	env.subnet_file = scene->subnet_file;
	assert_done(network_new(&env, "default", &scene->network, &err), err);
	scene->store.store.ops = &fake_store_ops;
	assert_done(network_start(scene->network, &scene->store.store, &err), err);
	*state = scene;
	return 0;
}

int scene_teardown(void **state)
{
	struct scene *scene = *state;

	network_free(scene->network);
	watch_free(scene->watch);
	assert_true(scene->store.freed);
	assert_true(fake_loop_next_ms(scene->loop) == FAKE_LOOP_IDLE);
	loop_free(scene->loop);
	nl_free(scene->nl);
	test_free(scene);
	return tempdir_remove(state);
}

void deliver_reached(struct scene *scene)
{
	network_listener.link(scene->network, true, "http://127.0.0.1:2379", NULL);
}

void deliver_lost(struct scene *scene, const char *why)
{
	struct err err = ERR_INIT;

	(void)err_set(&err, ERR_STORE, "%s", why);
	network_listener.link(scene->network, false, "http://127.0.0.1:2379", &err);
}

void deliver_entry(struct scene *scene, const char *key, const char *value, uint64_t lease)
{
	const struct store_entry entry = {
		.key = key,
		.value = value,
		.value_size = strlen(value),
		.mod_revision = ++scene->revision,
		.lease = lease,
	};

	network_listener.entry(scene->network, &entry);
}

void deliver_peer(struct scene *scene, const char *key, const char *public_ip, const char *mac)
{
	char value[512];

	snprintf(value, sizeof(value),
		 "{\"PublicIP\":\"%s\",\"PublicIPv6\":null,\"BackendType\":\"vxlan\","
		 "\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"%s\"},\"Weft\":{\"Node\":\"" SAMPLE_OTHER
		 "\",\"Name\":\"host%s\",\"MTU\":1450}}",
		 public_ip, mac, public_ip + strlen(public_ip) - 1);
	deliver_entry(scene, key, value, 9);
}

void deliver_list_begin(struct scene *scene, const char *config)
{
	network_listener.list_begin(scene->network);
	network_listener.config(scene->network, config, config ? strlen(config) : 0);
}

void deliver_list_end(struct scene *scene)
{
	network_listener.list_end(scene->network);
}

void give_lease(struct scene *scene)
{
	struct store_reply reply = { .succeeded = true };
	struct fake_op op;

	if (network_view(scene->network).lease.state == LEASE_GRANTING)
		fake_store_answer(&scene->store, FAKE_GRANT,
				  (struct store_reply){ .lease = 0x1234, .ttl_s = 30 });
	op = fake_store_take(&scene->store, FAKE_PUT);
	reply.mod_revision = ++scene->revision;
	op.done(op.ctx, &reply, NULL);
}

void settle(struct scene *scene)
{
	fake_loop_pass(scene->loop, 10);
}

void come_up(struct scene *scene)
{
	deliver_reached(scene);
	deliver_list_begin(scene, CONFIG);
	deliver_list_end(scene);
	give_lease(scene);
	settle(scene);
}
