/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the netlink layer itself: a scripted kernel at the other end of a socket pair.
 * The objects of a dump are represented by numbers.
 */
#pragma once

#include "common/err.h"
#include "common/netlink/nl_socket.h"

#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

struct script {
	struct nl nl;
	int kernel;
};

int script_setup(void **state);
int script_teardown(void **state);

#define script_test(function)                                                                      \
	cmocka_unit_test_setup_teardown(function, script_setup, script_teardown)

void say(const struct script *script, uint16_t type, uint16_t flags, uint32_t seq, const void *body,
	 size_t size);
void say_verdict(const struct script *script, uint32_t seq, int sys_errno);
void say_number(const struct script *script, uint32_t seq, uint16_t flags, uint32_t number);
void say_done(const struct script *script, uint32_t seq, uint16_t flags, int sys_errno);
struct nl_msg *small_message(void);

struct numbers {
	unsigned len, restarts;
	uint32_t at[64];
	uint32_t refuse;
};

int take_number(void *ctx, const struct nlmsghdr *header, struct err *err);
void restart_numbers(void *ctx);
struct nl_dump dump_of(struct numbers *numbers);
int never_visited(void *ctx, const struct nlmsghdr *header, struct err *err);
