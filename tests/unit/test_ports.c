/* SPDX-License-Identifier: Apache-2.0 */
/* fake: nl */
#include "daemon/ports.h"

#include "common/log.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"
#include "tests/unit/samples.h"

#include <linux/rtnetlink.h>

#define OURS "weft00000000001"

struct scene {
	struct nl *nl;
	struct ports seen;
	struct ports_want want;
};

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static uint32_t index_of(struct nl *nl, const char *name)
{
	struct err err = ERR_INIT;
	struct link link;

	assert_int_equal(link_get(nl, name, &link, &err), 1);
	return link.index;
}

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));

	fake_nl_reset();
	scene->nl = kernel_fresh();
	run("ip link add br0 mtu 1450 type bridge && ip link set br0 up");
	run("ip link add " OURS " mtu 1450 type veth peer name c1 && ip link set " OURS
	    " alias 'weft default c1 eth0' master br0 up");
	run("ip link add other mtu 1450 type veth peer name c2 && ip link set other up");
	scene->want = (struct ports_want){
		.network = "default",
		.bridge = index_of(scene->nl, "br0"),
		.mtu = 1450,
		.mtu_before = 1450,
	};
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	ports_free(&scene->seen);
	nl_free(scene->nl);
	fake_nl_reset();
	test_free(scene);
	return 0;
}

#define ports_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static bool ensure(struct scene *scene)
{
	struct err err = ERR_INIT;
	bool changed;

	assert_good(ports_ensure(scene->nl, &scene->want, &scene->seen, &changed, &err), err);
	return changed;
}

static void nothing_is_done_where_all_is_right(void **state)
{
	struct scene *scene = *state;

	assert_false(ensure(scene));
	assert_int_equal(scene->seen.len, 1);
	assert_int_equal(fake_nl_sent(), 1 + 1); /* our look for the bridge, and one dump */
}

static void a_port_is_put_back_with_its_flags(void **state)
{
	struct scene *scene = *state;

	run("bridge link set dev " OURS " hairpin off isolated on learning off");
	ensure(scene);
	run("ip link del br0 && ip link add br0 mtu 1450 type bridge && ip link set br0 up");
	scene->want.bridge = index_of(scene->nl, "br0");
	assert_true(ensure(scene));
	assert_false(ensure(scene));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "hairpin off"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "isolated on"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "learning off"));
	assert_false(kernel_shows("ip link show dev other", "br0"));
}

static void a_port_that_was_never_seen_gets_the_default(void **state)
{
	struct scene *scene = *state;

	run("ip link set " OURS " nomaster down");
	assert_true(ensure(scene));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "hairpin on"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "learning on flood on"));
	assert_true(kernel_shows("ip link show dev " OURS, ",UP"));
}

static void somebody_elses_port_stays(void **state)
{
	struct scene *scene = *state;

	run("ip link add br1 type bridge && ip link set " OURS " master br1");
	assert_false(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "master br1"));
}

static void what_the_network_once_had_goes(void **state)
{
	struct scene *scene = *state;

	run("ip link add weft-br7 type bridge && ip link set " OURS " master weft-br7");
	run("bridge link set dev " OURS " hairpin on isolated on");
	run("ip link add weft-vx7 type vxlan id 7 dstport 8472 && ip link set weft-vx7 up");
	run("ip link set weft-br7 alias 'weft network default'");
	run("ip link set weft-vx7 alias 'weft network other'");
	assert_true(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "master br0"));
	assert_true(kernel_shows("bridge -d link show dev " OURS, "isolated on"));
	assert_false(kernel_shows("ip link show", "weft-br7"));
	assert_true(kernel_shows("ip link show", "weft-vx7"));
	run("ip link set weft-vx7 alias 'weft network default'");
	assert_true(ensure(scene));
	assert_false(kernel_shows("ip link show", "weft-vx7"));
	assert_false(ensure(scene));
}

static void mtu_follows(void **state)
{
	struct scene *scene = *state;

	scene->want.mtu = 1400;
	assert_true(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "mtu 1400"));
	scene->want.mtu_before = 1400;
	scene->want.mtu = 1450;
	assert_true(ensure(scene));
	assert_true(kernel_shows("ip link show dev " OURS, "mtu 1450"));
	/* Less than the bridge's was somebody's wish. */
	run("ip link set " OURS " mtu 1300");
	scene->want.mtu_before = 1450;
	scene->want.mtu = 1400;
	assert_false(ensure(scene));
	assert_true(kernel_shows("ip link show dev other", "mtu 1450"));
}

static void who_is_ours(void **state)
{
	static const struct {
		const char *name, *alias;
		enum link_kind kind;
		bool ours;
	} cases[] = {
		{ OURS, "weft default c1 eth0", LINK_KIND_VETH, true },
		{ OURS, "weft default c1 eth0", LINK_KIND_OTHER, false },
		{ OURS, "weft defaults c1 eth0", LINK_KIND_VETH, false },
		{ OURS, "weft default", LINK_KIND_VETH, false },
		{ OURS, "", LINK_KIND_VETH, false },
		{ "weft0", "weft default c1 eth0", LINK_KIND_VETH, false },
		{ "veth00000000001", "weft default c1 eth0", LINK_KIND_VETH, false },
	};

	(void)state;
	for (size_t i = 0; i < LEN(cases); i++) {
		struct link link = { .kind = cases[i].kind };

		snprintf(link.name, sizeof(link.name), "%s", cases[i].name);
		snprintf(link.alias, sizeof(link.alias), "%s", cases[i].alias);
		if (ports_is_ours(&link, "default") != cases[i].ours)
			fail_msg("case %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ports_test(nothing_is_done_where_all_is_right),
		ports_test(a_port_is_put_back_with_its_flags),
		ports_test(a_port_that_was_never_seen_gets_the_default),
		ports_test(somebody_elses_port_stays),
		ports_test(what_the_network_once_had_goes),
		ports_test(mtu_follows),
		cmocka_unit_test(who_is_ours),
	};

	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, -1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
