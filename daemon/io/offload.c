/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child tells its outcome through a pipe, as one struct answer; an end without one is a
 * failure, too.
 */
#include "offload.h"

#include "common/err.h"
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct offload {
	struct offload_job job;
	struct loop_event *event;
	int fd; /* where the answer comes from */
	pid_t child;
};

struct answer {
	int rc;
	uint64_t number;
	struct err err;
};

/* The parent's descriptors would outlive it here: locks, connections. */
static _Noreturn void work(const struct offload_job *job, int fd)
{
	struct answer answer = { .rc = 0 };

	if (dup2(fd, STDERR_FILENO + 1) < 0)
		_exit(1);
	close_range(STDERR_FILENO + 2, ~0U, 0);
	answer.rc = job->work(job->ctx, &answer.number, &answer.err);
	/* Shorter than PIPE_BUF: written as a whole, or not at all. */
	_exit(write(STDERR_FILENO + 1, &answer, sizeof(answer)) != sizeof(answer));
}

_Static_assert(sizeof(struct answer) <= 4096, "a pipe takes so much at once");

static void on_answer(void *ctx, int fd, unsigned ready)
{
	struct offload *offload = ctx;
	struct offload_job job = offload->job;
	struct answer answer;
	struct err err = ERR_INIT;
	ssize_t got = read(fd, &answer, sizeof(answer));

	(void)ready;
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	loop_event_free(offload->event);
	offload->event = NULL;
	if (got != sizeof(answer)) {
		err_set(&err, ERR_IO, "the child process that does it ended without an answer");
		job.done(job.ctx, 0, &err);
		return;
	}
	answer.err.text[sizeof(answer.err.text) - 1] = '\0';
	job.done(job.ctx, answer.number, answer.rc < 0 ? &answer.err : NULL);
}

/* Signals wait meanwhile: the child has the parent's handlers at first, which would ring its bell. */
static pid_t fork_quietly(const struct offload_job *job, int fd)
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
		work(job, fd);
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
		return err_sys(err, ERR_IO, errno, "no pipe to a child process");
	}
	offload->job = *job;
	offload->fd = ends[0];
	offload->child = fork_quietly(job, ends[1]);
	if (offload->child < 0)
		err_sys(err, ERR_IO, errno, "no child process");
	close(ends[1]);
	if (offload->child > 0)
		offload->event = loop_fd(loop, offload->fd, LOOP_READ, on_answer, offload);
	if (!offload->event) {
		if (offload->child > 0)
			err_nomem(err, "a child process");
		offload_free(offload);
		return -1;
	}
	*offload_out = offload;
	return 0;
}

/* One that has answered is about to end; one that has not is not waited for. */
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
