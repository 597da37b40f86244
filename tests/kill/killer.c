/* SPDX-License-Identifier: Apache-2.0 */
/*
 * killer N PROGRAM [ARGUMENT...]: runs the program and kills it with SIGKILL as it enters
 * its N-th system call after exec, before the kernel acts on it (ptrace(2)). Says on
 * standard error "killed at N: NUMBER" with the number of the call, or "ended: COUNT" when
 * the program came to its end before, and how many calls it made. Exit status 0 when it was
 * killed, 1 when it ended, 2 when something is wrong. A child that the program forks is
 * not followed: it lives on, as it does when an operator kills the program alone.
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

static int end_here(pid_t pid, long count, long call)
{
	int status;

	if (kill(pid, SIGKILL) < 0 || waitpid(pid, &status, 0) < 0)
		return wrong("SIGKILL");
	fprintf(stderr, "killed at %ld: %ld\n", count, call);
	return KILLED;
}

/* From one stop to the next: at each entry and exit of a call, at a signal, after exec. */
static int trace(pid_t pid, long at)
{
	long count = 0, signal_due = 0;
	int started = 0;

	for (int status;;) {
		int stop;

		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)signal_due) < 0 ||
		    waitpid(pid, &status, 0) < 0)
			return wrong("ptrace");
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			fprintf(stderr, "ended: %ld\n", count);
			return ENDED;
		}
		signal_due = 0;
		stop = status >> 8;
		if (stop == (SIGTRAP | 0x80)) {
			long call = started ? entered(pid) : -1;

			if (call >= 0 && ++count == at)
				return end_here(pid, count, call);
		} else if (stop == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
			started = 1;
		} else {
			signal_due = WSTOPSIG(status);
		}
	}
}

int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC;
	char *end = NULL;
	long at = argc > 2 ? strtol(argv[1], &end, 10) : 0;
	pid_t pid;
	int status;

	if (at < 1 || *end) {
		fprintf(stderr, "usage: killer N PROGRAM [ARGUMENT...]\n");
		return WRONG;
	}
	pid = fork();
	if (pid < 0)
		return wrong("fork");
	if (pid == 0)
		become(argv + 2);
	if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) < 0)
		return wrong("ptrace");
	return trace(pid, at);
}
