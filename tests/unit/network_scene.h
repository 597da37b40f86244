/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of a whole network: a node with an uplink in a namespace of its own, a store whose
 * events the test reports, a loop whose clock it advances, and a directory for published files.
 */
#pragma once

#include "daemon/io/loop.h"
#include "daemon/lease/node.h"
#include "daemon/network/network.h"
#include "tests/unit/fake_loop.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/kernel.h"
#include "tests/unit/tempdir.h"

#define CONFIG "{\"Network\":\"10.5.0.0/16\",\"Weft\":{\"LeaseTTL\":30}}"
#define MAC_2 "c6:d2:32:6f:8f:02"
#define MAC_3 "c6:d2:32:6f:8f:03"

struct scene {
	struct nl *nl;
	struct watch *watch;
	struct loop *loop;
	struct node node;
	struct fake_store store;
	struct network *network;
	char run_dir[96], state_dir[96], subnet_file[96];
	uint64_t revision; /* of the store */
};

int scene_setup(void **state);
int scene_teardown(void **state);

#define network_test(function)                                                                     \
	cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

void deliver_reached(struct scene *scene);
void deliver_lost(struct scene *scene, const char *why);

/* Reports an entry with the next revision of the store. */
void deliver_entry(struct scene *scene, const char *key, const char *value, uint64_t lease);

/* Reports a peer, another weft node named host2, host3, ... by the last digit of its address. */
void deliver_peer(struct scene *scene, const char *key, const char *public_ip, const char *mac);
void deliver_list_begin(struct scene *scene, const char *config);
void deliver_list_end(struct scene *scene);

/* Replies to a pending grant, carries out the put, and reports its key. */
void give_lease(struct scene *scene);

/* Runs the reconcile runs that are due. */
void settle(struct scene *scene);

/* Starts the network up to the published state: store, configuration, lease, devices, files. */
void come_up(struct scene *scene);
