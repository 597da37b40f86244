/* SPDX-License-Identifier: Apache-2.0 */
/*
 * killer [-c|-a] N PROGRAM [ARGUMENT...]: runs the program and kills it with SIGKILL as it enters
 * its N-th system call after exec, before the kernel acts on it (ptrace(2)). Says on
 * standard error "killed at N: NUMBER" with the number of the call, or "ended: COUNT" when
 * the program came to its end before, and how many calls it made. Exit status 0 when it was
 * killed, 1 when it ended, 2 when something is wrong.
 *
 * A child that the program forks is not followed: it lives on, as it does when an operator kills
 * the program alone. With -c, its calls are those that count, and it is what is killed, while
 * the program goes on to its end; with -a too, but with it the program is killed, as when
 * a whole control group is.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLED, ENDED, WRONG };

/* Whose calls count, and who is killed. */
enum whom { PROGRAM, CHILD, ALL };

/* The program, the child that it has forked (0: none), and what was counted. */
struct traced {
	enum whom whom;
	pid_t program, child;
	long at, count;
	int started; /* exec is over */
	int over;    /* the program has ended */
	int status;  /* what the killer ends with; -1: not known */
};

static int wrong(const char *what)
{
	fprintf(stderr, "killer: %s: %s\n", what, strerror(errno));
	return WRONG;
}

static _Noreturn void become(char **argv)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0) {
		raise(SIGSTOP);
		execvp(argv[0], argv);
	}
	_exit(wrong(argv[0]));
}

/* The call that is being entered; -1: it is left, or this is no call. */
static long entered(pid_t pid)
{
	struct __ptrace_syscall_info info;
	void *size = (void *)(uintptr_t)sizeof(info);

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, size, &info) <= 0 ||
	    info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return -1;
	return (long)info.entry.nr;
}

static void end_here(struct traced *traced, pid_t pid, long call)
{
	traced->status = KILLED;
	if (kill(pid, SIGKILL) < 0 ||
	    (traced->whom == ALL && !traced->over && kill(traced->program, SIGKILL) < 0)) {
		traced->status = wrong("SIGKILL");
		return;
	}
	fprintf(stderr, "killed at %ld: %ld\n", traced->count, call);
}

static int counts(const struct traced *traced, pid_t pid)
{
	return traced->whom == PROGRAM ? traced->started : pid == traced->child;
}

/* One stop: at the entry or exit of a call, at a signal, after exec or fork. Answers the signal. */
static long stopped(struct traced *traced, pid_t pid, int status)
{
	const int stop = status >> 8;
	long call;

	if (stop == (SIGTRAP | 0x80)) {
		call = counts(traced, pid) ? entered(pid) : -1;
		if (call >= 0 && ++traced->count == traced->at)
			end_here(traced, pid, call);
		return 0;
	}
	if (stop == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
		traced->started = 1;
		return 0;
	}
	if (stop == (SIGTRAP | PTRACE_EVENT_FORK << 8))
		return 0;
	/* A child begins with a stop, which is none of its own. */
	if (pid != traced->program && !traced->child) {
		traced->child = pid;
		return 0;
	}
	return WSTOPSIG(status);
}

/* Until nobody is left who is traced, or the one that counts is dead. */
static int trace(struct traced *traced)
{
	if (ptrace(PTRACE_SYSCALL, traced->program, NULL, NULL) < 0)
		return wrong("ptrace");
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);
		long signal_due;

		if (pid < 0 && errno == ECHILD)
			break;
		if (pid < 0)
			return wrong("waitpid");
		if (!WIFSTOPPED(status)) {
			traced->over |= pid == traced->program;
			continue;
		}
		signal_due = stopped(traced, pid, status);
		/* ESRCH: it was killed while it stood. */
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)signal_due) < 0 && errno != ESRCH)
			return wrong("ptrace");
	}
	if (traced->status < 0) {
		fprintf(stderr, "ended: %ld\n", traced->count);
		traced->status = ENDED;
	}
	return traced->status;
}

int main(int argc, char **argv)
{
	struct traced traced = { .status = -1 };
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC;
	char *end = NULL;
	int status;

	if (argc > 1 && (strcmp(argv[1], "-c") == 0 || strcmp(argv[1], "-a") == 0)) {
		traced.whom = argv[1][1] == 'c' ? CHILD : ALL;
		options |= PTRACE_O_TRACEFORK;
		argc--;
		argv++;
	}
	traced.at = argc > 2 ? strtol(argv[1], &end, 10) : 0;
	if (traced.at < 1 || *end) {
		fprintf(stderr, "usage: killer [-c|-a] N PROGRAM [ARGUMENT...]\n");
		return WRONG;
	}
	traced.program = fork();
	if (traced.program < 0)
		return wrong("fork");
	if (traced.program == 0)
		become(argv + 2);
	if (waitpid(traced.program, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, traced.program, NULL, (void *)options) < 0)
		return wrong("ptrace");
	return trace(&traced);
}
