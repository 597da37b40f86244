/* SPDX-License-Identifier: Apache-2.0 */
/*
 * killer [-c|-a] N PROGRAM [ARGUMENT...]: runs the program and kills it with SIGKILL at the entry
 * of its N-th system call after exec, before the kernel executes it (ptrace(2)). Prints on
 * standard error "killed at N: NUMBER" with the number of the call, or "ended: COUNT" with the
 * number of calls if the program ended first. Exit status 0 if the program was killed, 1 if it
 * ended, 2 on an error.
 *
 * By default a child that the program forks is neither counted nor killed, as if an operator
 * killed the program alone. -c: the calls of the child count, and only the child is killed; the
 * program continues to its end. -a: the calls of the child count, and the child and the program
 * are killed, like a whole control group.
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

/* Selects the process whose calls count, and the processes that are killed. */
enum whom { PROGRAM, CHILD, ALL };

/* The program, the child that it has forked (0: none), and the number of calls. */
struct traced {
	enum whom whom;
	pid_t program, child;
	long at, count;
	int started; /* exec is over */
	int over;    /* the program has ended */
	int status;  /* the exit status of killer; -1: not known */
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

/* The number of the call that is entered; -1 at the exit of a call and at other stops. */
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

/*
 * Handles one stop: at the entry or exit of a call, at a signal, after exec or fork. Returns the
 * signal to deliver.
 */
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
	/* A new child stops with a SIGSTOP, which is not delivered. */
	if (pid != traced->program && !traced->child) {
		traced->child = pid;
		return 0;
	}
	return WSTOPSIG(status);
}

/* Until no traced process is left, or the process whose calls count has ended. */
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
		/* ESRCH: it was killed while it was stopped. */
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
