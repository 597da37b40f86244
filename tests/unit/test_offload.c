/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/offload.h"

#include "common/err.h"
#include "daemon/io/loop.h"
#include "tests/unit/samples.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct scene {
	struct loop *loop;
	struct offload *offload;
	int value;
	int fd; /* a descriptor that the child must not inherit */
	unsigned told;
	uint64_t number;
	char text[ERR_TEXT_SIZE];
};

static void done(void *ctx, uint64_t number, const struct err *err)
{
	struct scene *scene = ctx;

	scene->told++;
	scene->number = number;
	snprintf(scene->text, sizeof(scene->text), "%s", err ? err->text : "");
	offload_free(scene->offload);
	scene->offload = NULL;
	loop_stop(scene->loop);
}

static int setup(void **state)
{
	struct scene *scene = test_calloc(1, sizeof(*scene));
	struct err err = ERR_INIT;

	assert_good(loop_new(&scene->loop, &err), err);
	scene->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	offload_free(scene->offload);
	close(scene->fd);
	loop_free(scene->loop);
	test_free(scene);
	return 0;
}

static void start(struct scene *scene, int (*work)(void *, uint64_t *, struct err *))
{
	const struct offload_job job = { work, done, scene };
	struct err err = ERR_INIT;

	assert_good(offload_start(scene->loop, &job, &scene->offload, &err), err);
}

static int add_up(void *ctx, uint64_t *number_out, struct err *err)
{
	struct scene *scene = ctx;

	if (fcntl(scene->fd, F_GETFD) >= 0)
		return err_set(err, ERR_IO, "the child has the parent's descriptor");
	*number_out = (uint64_t)scene->value++ + 40;
	return 0;
}

static void a_number_is_reported_and_memory_unchanged(void **state)
{
	struct scene *scene = *state;

	scene->value = 2;
	start(scene, add_up);
	scene->value = 7; /* the child has a copy of the memory at its start */
	loop_run(scene->loop);
	assert_string_equal(scene->text, "");
	assert_int_equal(scene->number, 42);
	assert_int_equal(scene->value, 7);
	assert_int_equal(scene->told, 1);
}

static int refuse(void *ctx, uint64_t *number_out, struct err *err)
{
	(void)ctx, (void)number_out;
	return err_sys(err, ERR_IO, ENOSPC, "no room for %s", "it");
}

static void an_error_is_reported(void **state)
{
	struct scene *scene = *state;

	start(scene, refuse);
	loop_run(scene->loop);
	assert_says(scene->text, "no room for it");
}

static int die(void *ctx, uint64_t *number_out, struct err *err)
{
	(void)ctx, (void)number_out, (void)err;
	raise(SIGKILL);
	return 0;
}

static void an_exit_without_a_result_is_reported(void **state)
{
	struct scene *scene = *state;

	start(scene, die);
	loop_run(scene->loop);
	assert_says(scene->text, "ended without a result");
}

static int wait_for_ever(void *ctx, uint64_t *number_out, struct err *err)
{
	(void)ctx, (void)number_out, (void)err;
	return pause();
}

static void a_freed_child_is_killed(void **state)
{
	struct scene *scene = *state;

	start(scene, wait_for_ever);
	offload_free(scene->offload);
	scene->offload = NULL;
	assert_int_equal(scene->told, 0);
}

#define offload_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		offload_test(a_number_is_reported_and_memory_unchanged),
		offload_test(an_error_is_reported),
		offload_test(an_exit_without_a_result_is_reported),
		offload_test(a_freed_child_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
