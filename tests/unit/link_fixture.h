/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of common/netlink/link.c: a fresh namespace accessed through fake_nl, a second
 * namespace, and a device as read from the kernel.
 */
#pragma once

#include "common/netlink/link.h"
#include "common/netlink/netns.h"
#include "tests/unit/fake_nl.h"
#include "tests/unit/kernel.h"

#include <sched.h>
#include <unistd.h>

int link_setup(void **state);
int link_teardown(void **state);

#define link_test(function) cmocka_unit_test_setup_teardown(function, link_setup, link_teardown)

struct link must_get(struct nl *nl, const char *name);
void assert_mac(const struct mac *mac, const char *text);

/* Creates another namespace and a socket in it; the calling thread does not move. */
struct other {
	int netns;
	struct nl *nl;
};

struct other make_other(void);
void free_other(const struct other *other);
struct link_add_veth veth(uint32_t master, int netns);
