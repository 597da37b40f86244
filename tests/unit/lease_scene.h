/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the lease client: of a node whose last subnet was 10.5.7.0/24, in a loop whose clock
 * the test advances, with a store whose replies the test provides.
 */
#pragma once

#include "daemon/io/loop.h"
#include "daemon/lease/lease_choose.h"
#include "daemon/lease/lease_client.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_store.h"

#define MAC_SELF "c6:d2:32:6f:8f:01"
#define MAC_OTHER "c6:d2:32:6f:8f:02"
#define OUR_IP "192.168.0.1"
#define TTL 30

struct scene {
	struct loop *loop;
	struct fake_store store;
	struct lease_client *lease;
	struct config config;
	struct leases known;
	unsigned changes;
	uint64_t revision;     /* of the store */
	const char *public_ip; /* of this node */
};

int scene_setup(void **state);
int scene_teardown(void **state);

#define lease_test(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

/* Calls lease_client_update() with the content of the store, as after a list or an event. */
void look(struct scene *scene);

/* Another node puts a key. */
void put(struct scene *scene, const char *subnet, const char *public_ip, const char *node,
	 uint64_t lease);
void take_away(struct scene *scene, const char *subnet);
enum lease_state state_of(const struct scene *scene);
void assert_error(const struct scene *scene, const char *part);

/* Asserts that no operation, delay or list is pending. */
void assert_at_rest(const struct scene *scene);
struct fake_op grant(struct scene *scene, uint64_t id);

/* Carries out the pending put: changes the store's content, and replies. */
struct fake_op carry_out(struct scene *scene);
void lose_race(struct scene *scene);
void assert_held(const struct scene *scene, const char *subnet, uint64_t id);

/* Acquires a lease of the remembered subnet with this etcd lease ID. */
void acquire(struct scene *scene, uint64_t id);

/* Asserts that the running timer requests a list. */
void assert_retries(struct scene *scene, uint64_t within_ms);
