/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/adopt_plan.h"

#include "common/array.h"
#include "common/err.h"
#include "ipam/veth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A node with two containers on cni0, and weft's bridge, which weftd has created. */
struct scene {
	struct adopt_node node;
	struct adopt_weft weft;
	struct adopt_have have;
};

static void add_container(struct scene *scene, const char *id, const char *veth)
{
	struct adopt_container container = { .addr_len = 1 };
	struct err err = ERR_INIT;

	snprintf(container.id, sizeof(container.id), "%s", id);
	snprintf(container.ifname, sizeof(container.ifname), "eth0");
	snprintf(container.veth, sizeof(container.veth), "%s", veth);
	assert_int_equal(ipaddr_parse("10.5.7.2", &container.addr[0], &err), 0);
	assert_true(adopt_containers_push(&scene->node.containers, &container));
}

static void add_port(struct scene *scene, const char *name, bool in_new, bool of_weft)
{
	struct adopt_port port = {
		.index = 40, .in_new = in_new, .is_veth = true, .of_weft = of_weft
	};

	snprintf(port.name, sizeof(port.name), "%s", name);
	assert_true(adopt_ports_push(&scene->have.ports, &port));
}

static const char *weft_name(const struct scene *scene, const char *id,
			     char buf[static IF_NAMESIZE])
{
	const struct attachment_key key = { scene->weft.network, id, "eth0" };

	snprintf(buf, IF_NAMESIZE, "%s", veth_of(&key).name);
	return buf;
}

static void prepare(struct scene *scene)
{
	struct err err = ERR_INIT;

	memset(scene, 0, sizeof(*scene));
	snprintf(scene->node.bridge, IF_NAMESIZE, "cni0");
	snprintf(scene->node.tunnel[FAMILY_V4].name, IF_NAMESIZE, "flannel.1");
	snprintf(scene->node.conflist, ADOPT_FILE_SIZE, "10-flannel.conflist");
	assert_int_equal(prefix_parse("10.5.7.1/24", &scene->node.gateway[FAMILY_V4], &err), 0);
	snprintf(scene->weft.network, sizeof(scene->weft.network), "default");
	snprintf(scene->weft.bridge, IF_NAMESIZE, "weft-br1");
	scene->have.old_bridge = 4;
	scene->have.new_bridge = 5;
	scene->have.gateway_old[FAMILY_V4] = true;
	scene->have.tunnel[FAMILY_V4] = true;
	scene->have.conflist = true;
	add_container(scene, "c1", "veth1111");
	add_container(scene, "c2", "veth2222");
	add_port(scene, "veth1111", false, false);
	add_port(scene, "veth2222", false, false);
}

static void destroy(struct scene *scene)
{
	adopt_node_free(&scene->node);
	adopt_have_free(&scene->have);
}

static void check(const struct scene *scene, bool undo, const enum adopt_kind want[], size_t len)
{
	struct adopt_steps steps = { .len = 0 };
	struct err err = ERR_INIT;
	int rc = undo ? adopt_plan_undo(&scene->node, &scene->weft, &scene->have, &steps, &err) :
			adopt_plan(&scene->node, &scene->weft, &scene->have, &steps, &err);

	assert_int_equal(rc, 0);
	for (size_t i = 0; i < steps.len && i < len; i++)
		if (steps.at[i].kind != want[i])
			fail_msg("step %zu is %d, not %d", i, (int)steps.at[i].kind, (int)want[i]);
	assert_int_equal(steps.len, len);
	adopt_steps_free(&steps);
}

#define CHECK(scene, undo, ...)                                                                    \
	check(scene, undo, (const enum adopt_kind[]){ __VA_ARGS__ },                               \
	      ARRAY_LEN(((const enum adopt_kind[]){ __VA_ARGS__ })))

static void test_all_steps(void **state)
{
	struct scene scene;

	(void)state;
	prepare(&scene);
	CHECK(&scene, false, ADOPT_LINK, ADOPT_MOVE, ADOPT_MOVE, ADOPT_ALIAS, ADOPT_GATEWAY,
	      ADOPT_TUNNEL, ADOPT_READY, ADOPT_CONFLIST, ADOPT_RULES, ADOPT_FILES, ADOPT_BRIDGE,
	      ADOPT_DONE);
	destroy(&scene);
}

/* Everything of flannel is removed last, whatever the point of an interruption. */
static void test_continue(void **state)
{
	struct scene scene;
	char name[IF_NAMESIZE];

	(void)state;
	prepare(&scene);
	scene.have.link = true;
	scene.have.ports.at[0].in_new = true;
	snprintf(scene.have.ports.at[0].name, IF_NAMESIZE, "%s", weft_name(&scene, "c1", name));
	CHECK(&scene, false, ADOPT_MOVE, ADOPT_ALIAS, ADOPT_GATEWAY, ADOPT_TUNNEL, ADOPT_READY,
	      ADOPT_CONFLIST, ADOPT_RULES, ADOPT_FILES, ADOPT_BRIDGE, ADOPT_DONE);
	adopt_ports_clear(&scene.have.ports);
	scene.have.gateway_old[FAMILY_V4] = false;
	CHECK(&scene, false, ADOPT_ALIAS, ADOPT_TUNNEL, ADOPT_READY, ADOPT_CONFLIST, ADOPT_RULES,
	      ADOPT_FILES, ADOPT_BRIDGE, ADOPT_DONE);
	scene.have.tunnel[FAMILY_V4] = false;
	scene.weft.ready = true;
	scene.have.conflist = false;
	CHECK(&scene, false, ADOPT_RULES, ADOPT_FILES, ADOPT_BRIDGE, ADOPT_DONE);
	scene.have.old_bridge = 0;
	CHECK(&scene, false, ADOPT_RULES, ADOPT_FILES, ADOPT_DONE);
	scene.node.done = true;
	check(&scene, false, NULL, 0);
	destroy(&scene);
}

static void test_unknown_port(void **state)
{
	struct scene scene;

	(void)state;
	prepare(&scene);
	add_port(&scene, "veth3333", false, false);
	CHECK(&scene, false, ADOPT_LINK, ADOPT_MOVE, ADOPT_MOVE, ADOPT_MOVE_PORT, ADOPT_ALIAS,
	      ADOPT_GATEWAY, ADOPT_TUNNEL, ADOPT_READY, ADOPT_CONFLIST, ADOPT_RULES, ADOPT_FILES,
	      ADOPT_BRIDGE, ADOPT_DONE);
	destroy(&scene);
}

/* The new bridge with one container; the other one was removed. */
static void take_over(struct scene *scene)
{
	char name[IF_NAMESIZE];

	adopt_ports_clear(&scene->have.ports);
	add_port(scene, weft_name(scene, "c1", name), true, true);
	scene->have.old_bridge = 0;
	scene->have.gateway_old[FAMILY_V4] = scene->have.tunnel[FAMILY_V4] = false;
	scene->have.gateway_new[FAMILY_V4] = true;
	scene->have.conflist = false;
	scene->node.done = true;
}

static void test_undo(void **state)
{
	struct scene scene;

	(void)state;
	prepare(&scene);
	take_over(&scene);
	CHECK(&scene, true, ADOPT_UNDO_BRIDGE, ADOPT_UNDO_RESERVE, ADOPT_UNDO_LINK, ADOPT_UNDO_MOVE,
	      ADOPT_UNDO_GATEWAY, ADOPT_UNDO_TUNNEL, ADOPT_UNDO_ALIAS, ADOPT_UNDO_CONFLIST,
	      ADOPT_UNDO_RECORDS, ADOPT_UNDO_JOURNAL);
	destroy(&scene);
}

static void test_undo_with_containers_of_weft(void **state)
{
	struct scene scene;
	struct adopt_steps steps = { .len = 0 };
	struct err err = ERR_INIT;

	(void)state;
	prepare(&scene);
	take_over(&scene);
	add_port(&scene, "veth0123456789a", true, true);
	assert_int_equal(adopt_plan_undo(&scene.node, &scene.weft, &scene.have, &steps, &err), -1);
	assert_string_equal(
		err.text,
		"veth0123456789a belongs to a container that weft attached: remove it first");
	adopt_steps_free(&steps);
	destroy(&scene);
}

/*
 * What containers of flannel need is removed by a plan that was made after its list was replaced.
 */
static void test_needs_plan(void **state)
{
	static const enum adopt_kind last[] = { ADOPT_RULES, ADOPT_FILES, ADOPT_BRIDGE,
						ADOPT_DONE };
	struct scene scene;

	(void)state;
	prepare(&scene);
	for (size_t i = 0; i < ARRAY_LEN(last); i++) {
		struct adopt_step step = { last[i], 0 };

		scene.have.conflist = true;
		assert_true(adopt_needs_plan(&step, &scene.have));
		scene.have.conflist = false; /* but a port is in flannel's bridge */
		assert_true(adopt_needs_plan(&step, &scene.have));
	}
	assert_false(adopt_needs_plan(&(struct adopt_step){ ADOPT_MOVE, 0 }, &scene.have));
	assert_false(adopt_needs_plan(&(struct adopt_step){ ADOPT_CONFLIST, 0 }, &scene.have));
	scene.have.ports.at[0].in_new = scene.have.ports.at[1].in_new = true;
	for (size_t i = 0; i < ARRAY_LEN(last); i++)
		assert_false(adopt_needs_plan(&(struct adopt_step){ last[i], 0 }, &scene.have));
	destroy(&scene);
}

static void test_port_that_is_no_veth(void **state)
{
	struct scene scene;
	struct adopt_steps steps = { .len = 0 };
	struct err err = ERR_INIT;

	(void)state;
	prepare(&scene);
	add_port(&scene, "tap0", false, false);
	scene.have.ports.at[2].is_veth = false;
	assert_int_equal(adopt_plan(&scene.node, &scene.weft, &scene.have, &steps, &err), -1);
	assert_int_equal(err.code, ERR_STATE);
	assert_string_equal(err.text, "tap0, a port of cni0, is not a veth: remove it first");
	assert_int_equal(steps.len, 0);
	destroy(&scene);
}

static void test_text(void **state)
{
	struct scene scene;
	char text[ADOPT_TEXT_SIZE];
	struct adopt_step step = { ADOPT_MOVE, 1 };

	(void)state;
	prepare(&scene);
	assert_string_equal(adopt_step_text(&step, &scene.node, &scene.weft, &scene.have, text),
			    "move container c2 (10.5.7.2) from cni0 to weft-br1");
	step.kind = ADOPT_UNDO_MOVE;
	assert_string_equal(adopt_step_text(&step, &scene.node, &scene.weft, &scene.have, text),
			    "move container c2 (10.5.7.2) from weft-br1 to cni0");
	snprintf(scene.node.tunnel[FAMILY_V6].name, IF_NAMESIZE, "flannel-v6.1");
	step = (struct adopt_step){ ADOPT_TUNNEL, 0 };
	assert_string_equal(adopt_step_text(&step, &scene.node, &scene.weft, &scene.have, text),
			    "replace flannel.1 and flannel-v6.1 by weft's vxlan device");
	destroy(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_steps),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_unknown_port),
		cmocka_unit_test(test_undo),
		cmocka_unit_test(test_undo_with_containers_of_weft),
		cmocka_unit_test(test_needs_plan),
		cmocka_unit_test(test_port_that_is_no_veth),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
