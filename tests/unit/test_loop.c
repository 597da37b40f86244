/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/loop.h"

#include "common/err.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct loop *loop;
	char log[64]; /* a letter for each callback, in order */
	struct loop_event *event;
	int fds[2];
};

static int set_up(void **state)
{
	static struct fixture fixture;
	struct err err = ERR_INIT;

	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(loop_new(&fixture.loop, &err), 0);
	assert_int_equal(pipe(fixture.fds), 0);
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->fds[0]);
	close(f->fds[1]);
	loop_free(f->loop);
	return 0;
}

static void note(struct fixture *f, char letter)
{
	f->log[strlen(f->log)] = letter;
}

static void on_a(void *ctx)
{
	note(ctx, 'a');
}

static void on_b(void *ctx)
{
	note(ctx, 'b');
}

static void on_stop(void *ctx)
{
	struct fixture *f = ctx;

	note(f, '.');
	loop_stop(f->loop);
}

static void test_timers_fire_once_in_order(void **state)
{
	struct fixture *f = *state;
	struct loop_event *a = loop_timer(f->loop, on_a, f);
	struct loop_event *b = loop_timer(f->loop, on_b, f);
	struct loop_event *stop = loop_timer(f->loop, on_stop, f);
	uint64_t before_ms = loop_now_ms();

	assert_false(loop_timer_running(a));
	loop_timer_start(b, 10);
	loop_timer_start(a, 5);
	loop_timer_start(stop, 20);
	assert_true(loop_timer_running(a));
	assert_string_equal(f->log, "");
	loop_run(f->loop);
	assert_string_equal(f->log, "ab.");
	assert_false(loop_timer_running(a));
	assert_true(loop_now_ms() - before_ms >= 20);
	loop_event_free(a);
	loop_event_free(b);
	loop_event_free(stop);
}

static void test_restarted_timer_counts_from_the_restart(void **state)
{
	struct fixture *f = *state;
	struct loop_event *a = loop_timer(f->loop, on_a, f);
	struct loop_event *b = loop_timer(f->loop, on_b, f);
	struct loop_event *stop = loop_timer(f->loop, on_stop, f);

	loop_timer_start(a, 1);
	loop_timer_start(a, 10000);
	loop_timer_start(b, 1);
	loop_timer_stop(b);
	assert_false(loop_timer_running(b));
	loop_timer_start(stop, 10);
	loop_run(f->loop);
	assert_string_equal(f->log, ".");
	assert_true(loop_timer_running(a));
	loop_event_free(a);
	loop_event_free(b);
	loop_event_free(stop);
}

static void on_read(void *ctx, int fd, unsigned ready)
{
	struct fixture *f = ctx;
	char letter = '\0';

	assert_int_equal(fd, f->fds[0]);
	assert_int_equal(ready, LOOP_READ);
	assert_int_equal(read(fd, &letter, 1), 1);
	note(f, letter);
	if (letter == 'z')
		loop_stop(f->loop);
}

static void test_descriptor_is_reported_while_ready(void **state)
{
	struct fixture *f = *state;
	struct loop_event *event;

	assert_int_equal(write(f->fds[1], "xyz", 3), 3);
	event = loop_fd(f->loop, f->fds[0], LOOP_READ, on_read, f);
	assert_string_equal(f->log, "");
	loop_run(f->loop);
	assert_string_equal(f->log, "xyz");
	loop_event_free(event);
}

static void on_write_once(void *ctx, int fd, unsigned ready)
{
	struct fixture *f = ctx;

	assert_int_equal(ready, LOOP_WRITE);
	note(f, 'w');
	assert_int_equal(write(fd, "!", 1), 1); /* it is still open */
	loop_event_free(f->event);
}

static void test_event_is_freed_within_its_own_callback(void **state)
{
	struct fixture *f = *state;
	struct loop_event *stop = loop_timer(f->loop, on_stop, f);

	f->event = loop_fd(f->loop, f->fds[1], LOOP_WRITE, on_write_once, f);
	loop_timer_start(stop, 10);
	loop_run(f->loop);
	assert_string_equal(f->log, "w.");
	loop_event_free(stop);
	loop_event_free(NULL);
}

static void on_signal(void *ctx, int number)
{
	struct fixture *f = ctx;

	note(f, number == SIGUSR1 ? 's' : '?');
	if (strlen(f->log) == 2)
		loop_stop(f->loop);
	else
		raise(SIGUSR1);
}

static void test_signal(void **state)
{
	struct fixture *f = *state;
	struct loop_event *event = loop_signal(f->loop, SIGUSR1, on_signal, f);

	raise(SIGUSR1);
	loop_run(f->loop);
	assert_string_equal(f->log, "ss");
	loop_event_free(event);
}

static void test_broken_pipe_is_an_error_not_a_signal(void **state)
{
	struct fixture *f = *state;

	close(f->fds[0]);
	assert_int_equal(write(f->fds[1], "x", 1), -1);
	f->fds[0] = dup(f->fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timers_fire_once_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_restarted_timer_counts_from_the_restart,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_descriptor_is_reported_while_ready, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_event_is_freed_within_its_own_callback, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_signal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken_pipe_is_an_error_not_a_signal, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
