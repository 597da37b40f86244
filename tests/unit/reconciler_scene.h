/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of reconciler and schedule: a network with two peers in a namespace of its own, the
 * calls of network.c to both modules, and a clock that the test advances.
 */
#pragma once

#include "common/log.h"
#include "daemon/dataplane/device.h"
#include "daemon/dataplane/reconciler.h"
#include "daemon/io/loop.h"
#include "daemon/network/schedule.h"
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
	struct schedule *schedule;
	struct reconciler *reconciler;
	struct device_want device;
	struct config config;
	struct leases peers;
	struct leases was, now; /* the changed leases */
	bool list_all;          /* even if only changes were requested */
	unsigned listed_all;
	bool unknown; /* no desired state */
	bool trigger; /* trigger again at the end of a run */
	unsigned calls, runs;
};

void add_peer(struct scene *scene, const char *subnet, const char *public_ip, const char *mac);
int setup(void **state);
int teardown(void **state);

#define scene_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* The status of schedule and reconciler. */
struct outcome {
	uint64_t runs, failed, written, programmed;
	bool good;
	const char *error;
};

struct outcome outcome(const struct scene *scene);

/* Triggers a full comparison and runs it. */
struct outcome run(struct scene *scene);
unsigned dumps(void);
