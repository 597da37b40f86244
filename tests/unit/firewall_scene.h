/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the firewall: a namespace of its own, in which the rules of the network default are
 * installed, and a loop whose clock the test advances. Needs the fakes of loop and nl.
 */
#pragma once

#include "daemon/firewall/firewall.h"
#include "daemon/io/loop.h"
#include "tests/unit/kernel.h"

struct scene {
	struct loop *loop;
	struct firewall *rules;
};

int firewall_scene_setup(void **state);
int firewall_scene_teardown(void **state);

#define firewall_test(function)                                                                    \
	cmocka_unit_test_setup_teardown(function, firewall_scene_setup, firewall_scene_teardown)

/* The network default, with one peer; the caller frees it. */
struct firewall_network sample(const char *peer_text);

/* The network state that every full reconcile run passes to the firewall; cluster6 may be NULL. */
void deliver(struct scene *scene, const char *cluster6);

/* Whether the table has the network's set of peers. */
bool has_rules(uint32_t vni);

/* Sets the network default, as in setup but for one member. Returns the number of requests. */
size_t set_default(struct scene *scene, void (*alter)(struct firewall_network *network));

/* For set_default: a second peer with the address of the first one. */
void add_peer(struct firewall_network *network);
