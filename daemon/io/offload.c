/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child writes its result to a pipe, as one struct result. End of file without a result is a
 * failure.
 */
#include "daemon/io/offload.h"

#include "common/err.h"
#include "daemon/io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct offload {
	struct offload_job job;
	struct loop_event *event;
	int fd; /* the pipe's read end */
	pid_t child;
};

struct result {
	int rc;
	uint64_t number;
	struct err err;
};

/* Closes the parent's descriptors: locks and connections must not outlive the parent here. */
static _Noreturn void run_child(const struct offload_job *job, int fd)
{
	struct result result = { .rc = 0 };

	if (dup2(fd, STDERR_FILENO + 1) < 0)
		_exit(1);
	close_range(STDERR_FILENO + 2, ~0U, 0);
	result.rc = job->work(job->ctx, &result.number, &result.err);
	/* At most PIPE_BUF: written whole or not at all. */
	_exit(write(STDERR_FILENO + 1, &result, sizeof(result)) != sizeof(result));
}

_Static_assert(sizeof(struct result) <= 4096, "PIPE_BUF: one write(2) is atomic");

static void on_result(void *ctx, int fd, unsigned ready)
{
	struct offload *offload = ctx;
	struct offload_job job = offload->job;
	struct result result;
	struct err err = ERR_INIT;
	ssize_t got = read(fd, &result, sizeof(result));

	(void)ready;
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	loop_event_free(offload->event);
	offload->event = NULL;
	if (got != sizeof(result)) {
		err_set(&err, ERR_IO, "the child process ended without a result");
		job.done(job.ctx, 0, &err);
		return;
	}
	result.err.text[sizeof(result.err.text) - 1] = '\0';
	job.done(job.ctx, result.number, result.rc < 0 ? &result.err : NULL);
}

/* Signals are blocked meanwhile: the child must not run the parent's handlers. */
static pid_t fork_child(const struct offload_job *job, int fd)
{
	sigset_t all, before;
	pid_t child;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (child == 0) {
		for (int number = 1; number < NSIG; number++)
			signal(number, SIG_DFL);
		sigprocmask(SIG_SETMASK, &before, NULL);
		run_child(job, fd);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return child;
}

int offload_start(struct loop *loop, const struct offload_job *job, struct offload **offload_out,
		  struct err *err)
{
	struct offload *offload = calloc(1, sizeof(*offload));
	int ends[2];

	if (!offload)
		return err_nomem(err, "a child process");
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(offload);
		return err_sys(err, ERR_IO, errno, "cannot create a pipe to a child process");
	}
	offload->job = *job;
	offload->fd = ends[0];
	offload->child = fork_child(job, ends[1]);
	if (offload->child < 0)
		err_sys(err, ERR_IO, errno, "cannot fork a child process");
	close(ends[1]);
	if (offload->child > 0)
		offload->event = loop_fd(loop, offload->fd, LOOP_READ, on_result, offload);
	if (!offload->event) {
		if (offload->child > 0)
			err_nomem(err, "a child process");
		offload_free(offload);
		return -1;
	}
	*offload_out = offload;
	return 0;
}

/* A child that has written its result is about to exit; one that has not is killed. */
void offload_free(struct offload *offload)
{
	if (!offload)
		return;
	if (offload->child > 0) {
		if (offload->event)
			kill(offload->child, SIGKILL);
		while (waitpid(offload->child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	loop_event_free(offload->event);
	close(offload->fd);
	free(offload);
}
