/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For unit tests with the real kernel (as root): a fresh network namespace for the calling program,
 * and the output of iproute2 and nft as an independent check.
 */
#pragma once

#include "common/err.h"
#include "common/ipaddr.h"
#include "common/netlink/link.h"
#include "common/netlink/nl.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Asserts that a call succeeded; prints its error otherwise. */
#define assert_done(call, err)                                                                     \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s", #call, (err).text);                                     \
	} while (0)

/* Leaves the namespace and its devices, and enters an empty one with lo up. */
struct nl *kernel_fresh(void);

/* The same with an uplink up0 that has 192.168.0.1/24. */
struct nl *kernel_with_uplink(void);

/* A cmocka fixture: *state is the socket of a fresh namespace. */
int kernel_setup(void **state);
int kernel_teardown(void **state);

#define kernel_test(function)                                                                      \
	cmocka_unit_test_setup_teardown(function, kernel_setup, kernel_teardown)
#define KERNEL_TEXT_SIZE 65536

/* Returns the output of a command, which must succeed. Valid until the next call. */
const char *kernel_says(const char *command);
bool kernel_shows(const char *command, const char *text);
struct mac kernel_mac(const char *text);
struct ipaddr kernel_addr(const char *text);
struct prefix kernel_prefix(const char *text);

/* Creates a bridge br0 that is up, for addresses, neighbours and routes. Returns its index. */
uint32_t kernel_bridge(struct nl *nl);
