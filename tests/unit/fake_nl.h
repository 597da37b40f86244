/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel for tests, linked in the place of common/nl*.c by a test that has the line
 * `fake: nl` in a comment of its own (see the Makefile).
 *
 * At first it is a window: what is called reaches the real kernel, in the caller's network
 * namespace, but for the faults that the test has asked for. So a program's way back from the
 * failure of any step can be followed, and what it left behind looked for.
 * After fake_nl_stand_in there is no kernel at all: what is sent succeeds, and what is asked
 * is answered with what the test has laid out.
 *
 * Both record every request as it was built. One test, one fake: the state is global.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct nl_msg;
struct nlmsghdr;

/* Back to the window; forgets requests, answers and faults. */
void fake_nl_reset(void);
void fake_nl_stand_in(void);

/* How many requests were sent since the reset, and the i-th: requests, queries, dumps, and
 * what was added to batches. The message lives until the reset. */
size_t fake_nl_sent(void);
const struct nlmsghdr *fake_nl_request(size_t i);

/*
 * Lets the nth (from 1) of the calls from now on fail with this errno and text. Calls that
 * count: nl_open, nl_request, nl_query, nl_dump_all, nl_batch_open, nl_batch_add,
 * nl_batch_flush, nl_listen, nl_drain. As from the kernel, ENODEV, ENOENT and ESRCH make a
 * query answer 0.
 */
void fake_nl_fail(unsigned nth, int sys_errno, const char *text);
/* Lets the kernel refuse the nth request added to batches: told by the next flush. */
void fake_nl_refuse(unsigned nth, int sys_errno, const char *text);
/* Lets the nth message that is made find no memory. */
void fake_nl_exhaust(unsigned nth);
/* Whether a fault that was asked for has come: for loops over every n that there is. */
bool fake_nl_faulted(void);

/*
 * Stand-in only. Lays out the next message of an answer, which it takes; NULL ends one. A
 * query takes one message, or NULL, which answers "absent". A dump, or a drain of events,
 * takes all up to NULL. Where nothing is laid out: absent, or empty.
 */
void fake_nl_answer(struct nl_msg *msg);
/* Lets the next dump be interrupted this many times after it has shown its answer. */
void fake_nl_interrupt(unsigned times);
/* Lets the next drain tell that events were lost. */
void fake_nl_lose(void);
