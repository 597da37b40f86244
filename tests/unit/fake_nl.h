/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel for tests, linked instead of common/netlink/nl*.c by a test with the line `fake: nl` in
 * a comment (see the Makefile).
 *
 * By default, requests are passed to the real kernel in the network namespace of the caller, except
 * for the faults that the test has requested. So a test can let every step fail and check the
 * rollback.
 *
 * After fake_nl_stand_in() there is no kernel: requests succeed, and queries are answered with the
 * prepared answers.
 *
 * In both modes, every request is recorded. The state is global: one fake for each test program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct nl_msg;
struct nlmsghdr;

/* Returns to the real kernel; discards requests, answers and faults. */
void fake_nl_reset(void);
void fake_nl_stand_in(void);

/*
 * Returns the number of requests since the reset, and the i-th of them: requests, queries, dumps,
 * and requests added to batches. The message is valid until the reset.
 */
size_t fake_nl_sent(void);
const struct nlmsghdr *fake_nl_request(size_t i);

/*
 * Lets the nth call (from 1) from now on fail with this errno and text. These calls count: nl_open,
 * nl_request, nl_query, nl_dump_all, nl_batch_open, nl_batch_add, nl_batch_flush, nl_listen,
 * nl_read_events. As from the kernel, ENODEV, ENOENT and ESRCH make a query return 0.
 */
void fake_nl_fail(unsigned nth, int sys_errno, const char *text);
/* Lets the kernel refuse the nth request added to batches; the next flush reports it. */
void fake_nl_refuse(unsigned nth, int sys_errno, const char *text);
/* Lets the nth allocation of a message fail. */
void fake_nl_exhaust(unsigned nth);
/* Returns whether the requested fault has occurred: for loops over all n until it does not. */
bool fake_nl_faulted(void);

/*
 * After fake_nl_stand_in() only. Appends the next message of an answer, and owns it; NULL ends an
 * answer. A query takes one message, or NULL, which means "absent". A dump or a read of events
 * takes all messages up to NULL. Without a prepared answer: absent, or empty.
 */
void fake_nl_answer(struct nl_msg *msg);
/* Interrupts the next dump this many times, each time after its answer. */
void fake_nl_interrupt(unsigned times);
/* Lets the next read of events report lost events. */
void fake_nl_lose(void);
