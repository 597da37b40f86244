/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/reconciler_scene.h"

#include <linux/neighbour.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

/* Lists all peers, or only those that the test has changed. */
static void list_peers(struct scene *scene, enum desired_peers needed,
		       struct desired_state *desired)
{
	const struct leases *now;

	desired_state_free(desired);
	desired->listed = needed;
	if (needed == DESIRED_PEERS_SAME)
		return;
	if (scene->list_all)
		desired->listed = DESIRED_PEERS_ALL;
	scene->listed_all += desired->listed == DESIRED_PEERS_ALL;
	now = desired->listed == DESIRED_PEERS_ALL ? &scene->peers : &scene->now;
	for (size_t i = 0; i < now->len; i++)
		sample_put(&desired->peers, &now->at[i]);
	for (size_t i = 0; desired->listed == DESIRED_PEERS_CHANGED && i < scene->was.len; i++)
		sample_put(&desired->before, &scene->was.at[i]);
}

/* Like network_reconcile(). */
static bool reconcile(void *ctx, unsigned scope)
{
	struct scene *scene = ctx;
	struct desired_state desired = { .device = &scene->device, .config = &scene->config };
	enum desired_peers needed;
	struct err err = ERR_INIT;
	int rc;

	scene->calls++;
	if (scene->unknown)
		return false;
	needed = reconciler_needed_peers(scene->reconciler, scope);
	do {
		list_peers(scene, needed, &desired);
		rc = reconciler_apply(scene->reconciler, scope, &desired, &err);
		needed = DESIRED_PEERS_ALL;
	} while (rc == RECONCILER_NEEDS_ALL);
	desired_state_free(&desired);
	schedule_finish(scene->schedule, rc, &err);
	scene->runs++;
	if (scene->trigger)
		schedule_trigger(scene->schedule, RECONCILE_ALL);
	scene->trigger = false;
	return true;
}

void add_peer(struct scene *scene, const char *subnet, const char *public_ip, const char *mac)
{
	struct lease peer = sample_peer(subnet, public_ip, mac, "", 1);

	sample_put(&scene->peers, &peer);
}

int setup(void **state)
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
	scene->list_all = true;
	assert_done(reconciler_new(scene->nl, NULL, &scene->reconciler, &err), err);
	assert_done(schedule_new(scene->loop, "default", reconcile, scene, &scene->schedule, &err),
		    err);
	*state = scene;
	return 0;
}

int teardown(void **state)
{
	struct scene *scene = *state;

	schedule_free(scene->schedule);
	reconciler_free(scene->reconciler);
	loop_free(scene->loop);
	nl_free(scene->nl);
	leases_free(&scene->peers);
	leases_free(&scene->was);
	leases_free(&scene->now);
	fake_nl_reset();
	test_free(scene);
	return 0;
}

struct outcome outcome(const struct scene *scene)
{
	const struct schedule_stats schedule = schedule_stats(scene->schedule);
	const struct reconciler_stats reconciler = reconciler_stats(scene->reconciler);

	return (struct outcome){
		.runs = schedule.runs,
		.failed = schedule.failed,
		.written = reconciler.written,
		.programmed = reconciler.programmed,
		.good = schedule.good,
		.error = schedule.error,
	};
}

struct outcome run(struct scene *scene)
{
	unsigned before = scene->runs;

	schedule_trigger(scene->schedule, RECONCILE_ALL);
	fake_loop_pass(scene->loop, 10);
	assert_int_equal(scene->runs, before + 1);
	return outcome(scene);
}

unsigned dumps(void)
{
	unsigned count = 0;

	/* One entry, the bridge's own, is requested without a dump. */
	for (size_t i = 0; i < fake_nl_sent(); i++) {
		const struct nlmsghdr *request = fake_nl_request(i);
		const int size = sizeof(struct ndmsg);

		count += request->nlmsg_type == RTM_GETNEIGH &&
			 !nla_find(nlmsg_attrdata(request, size), nlmsg_attrlen(request, size),
				   NDA_LLADDR);
	}
	return count;
}
