/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the sync: a network with two peers in a namespace of its own, and a clock to move. */
#pragma once

#include "common/log.h"
#include "daemon/device.h"
#include "daemon/loop.h"
#include "daemon/sync.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"
#include "tests/unit/samples.h"

#include <errno.h>
#include <linux/rtnetlink.h>

/* A network with two peers, in a namespace of its own. */
struct scene {
	struct nl *nl;
	struct loop *loop;
	struct sync *sync;
	struct device_want device;
	struct config config;
	struct peers peers;
	struct peers was, now; /* of those that changed */
	bool told_all;         /* whatever is asked for */
	unsigned asked_all;
	bool unknown; /* what should be */
	bool mark;    /* again, while a pass is told */
	unsigned wants, passes;
};

static inline bool want(void *ctx, struct sync_want *want_out)
{
	struct scene *scene = ctx;

	scene->wants++;
	if (scene->unknown)
		return false;
	*want_out = (struct sync_want){
		.device = &scene->device,
		.config = &scene->config,
	};
	return true;
}

/* All of them, or what the test says has changed. */
static inline int usable(void *ctx, bool all, struct sync_peers *peers_out, struct err *err)
{
	struct scene *scene = ctx;
	const struct peers *now = all || scene->told_all ? &scene->peers : &scene->now;

	(void)err;
	scene->asked_all += all || scene->told_all;
	peers_out->all = all || scene->told_all;
	for (size_t i = 0; i < now->len; i++)
		sample_put(&peers_out->now, &now->at[i]);
	for (size_t i = 0; !peers_out->all && i < scene->was.len; i++)
		sample_put(&peers_out->was, &scene->was.at[i]);
	return 0;
}

static inline void passed(void *ctx)
{
	struct scene *scene = ctx;

	scene->passes++;
	if (scene->mark)
		sync_mark(scene->sync, SYNC_ALL);
	scene->mark = false;
}

static const struct sync_owner owner = { want, usable, passed };

static inline void add_peer(struct scene *scene, const char *subnet, const char *public_ip,
			    const char *mac)
{
	struct peer peer = sample_peer(subnet, public_ip, mac, "", 1);

	sample_put(&scene->peers, &peer);
}

static inline int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	fake_nl_reset();
	scene->nl = kernel_fresh();
	assert_done(loop_new(&scene->loop, &err), err);
	scene->config = sample_config("{\"Network\":\"10.5.0.0/16\"}");
	scene->device = (struct device_want){
		.network = "default",
		.vni = 1,
		.port = 8472,
		.mtu = 1450,
		.mac = sample_mac("c6:d2:32:6f:8f:01"),
		.local = { sample_addr("192.168.0.1") },
		.gateway = { sample_prefix("10.5.1.1/24") },
	};
	add_peer(scene, "10.5.2.0/24", "192.168.0.2", "c6:d2:32:6f:8f:02");
	add_peer(scene, "10.5.3.0/24", "192.168.0.3", "c6:d2:32:6f:8f:03");
	scene->told_all = true;
	assert_done(sync_new(scene->loop, scene->nl, &owner, scene, &scene->sync, &err), err);
	*state = scene;
	return 0;
}

static inline int teardown(void **state)
{
	struct scene *scene = *state;

	sync_free(scene->sync);
	loop_free(scene->loop);
	nl_free(scene->nl);
	peers_free(&scene->peers);
	peers_free(&scene->was);
	peers_free(&scene->now);
	fake_nl_reset();
	test_free(scene);
	return 0;
}

#define scene_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* Marks, and lets the pass that follows run. */
static inline struct sync_stats pass(struct scene *scene)
{
	unsigned before = scene->passes;

	sync_mark(scene->sync, SYNC_ALL);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->passes, before + 1);
	return sync_stats(scene->sync);
}

static inline unsigned dumps(void)
{
	unsigned count = 0;

	for (size_t i = 0; i < fake_nl_sent(); i++)
		count += fake_nl_request(i)->nlmsg_type == RTM_GETNEIGH;
	return count;
}
