/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn ROUNDS PAUSE_MS DIRECTORY...: measures processes from fork until they have ended and closed
 * their output, as a container runtime waits for its plugins. In each round the command of each
 * directory runs once, in order, so that other load on the machine affects all of them alike. The
 * pause between two commands excludes work that a command leaves to the kernel from the time of
 * the next one. A directory contains:
 *
 *   argv    the program and its arguments, one per line
 *   env     its complete environment, one variable per line
 *   stdin   its standard input
 *   status  its expected exit status, if it is not 0
 *
 * Prints "name microseconds peak-kB" for each command; name is the last part of the directory. If a
 * command fails, prints its output and exits with 1. For tests/bench/run.sh.
 *
 * spawn together DIRECTORY...: starts all commands at once, and prints the microseconds until the
 * last one has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINES_MAX 32
#define COMMANDS_MAX 64

struct command {
	const char *name;
	char *argv[LINES_MAX + 1];
	char *env[LINES_MAX + 1];
	int input;
	int status; /* the expected wait4(2) status */
};

static void die(const char *what)
{
	fprintf(stderr, "spawn: %s: %s\n", what, strerror(errno));
	exit(1);
}

static FILE *open_part(const char *dir, const char *part)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, part);
	file = fopen(path, "re");
	if (!file)
		die(path);
	return file;
}

static void read_lines(const char *dir, const char *part, char *lines[static LINES_MAX + 1])
{
	FILE *file = open_part(dir, part);
	size_t len = 0, room = 0;
	ssize_t got;

	while (len < LINES_MAX && (got = getline(&lines[len], &room, file)) > 0) {
		if (lines[len][got - 1] == '\n')
			lines[len][got - 1] = '\0';
		len++;
		room = 0; /* the next line gets memory of its own */
	}
	lines[len] = NULL;
	fclose(file);
}

static int read_status(const char *dir)
{
	char path[4096], text[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/status", dir);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (!fgets(text, sizeof(text), file))
		die(path);
	fclose(file);
	return W_EXITCODE((int)strtol(text, NULL, 10), 0);
}

static void command_read(struct command *command, const char *dir)
{
	const char *slash = strrchr(dir, '/');

	command->name = slash ? slash + 1 : dir;
	read_lines(dir, "argv", command->argv);
	read_lines(dir, "env", command->env);
	command->input = fcntl(fileno(open_part(dir, "stdin")), F_DUPFD_CLOEXEC, 3);
	if (command->input < 0)
		die(dir);
	command->status = read_status(dir);
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void child(const struct command *command, int output)
{
	if (lseek(command->input, 0, SEEK_SET) < 0 || dup2(command->input, 0) < 0 ||
	    dup2(output, 1) < 0)
		_exit(126);
	execve(command->argv[0], command->argv, command->env);
	_exit(127);
}

/* Runs the command once. Returns the time in microseconds, and sets its peak memory. */
static int64_t run(const struct command *command, long *peak_kb_out)
{
	static char text[65536];
	size_t len = 0;
	ssize_t got;
	struct rusage usage;
	int ends[2], status;
	int64_t began, took;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		die("pipe");
	began = now_us();
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		child(command, ends[1]);
	close(ends[1]);
	while (len < sizeof(text) && (got = read(ends[0], text + len, sizeof(text) - len)) > 0)
		len += (size_t)got;
	if (wait4(pid, &status, 0, &usage) < 0)
		die("wait4");
	took = now_us() - began;
	*peak_kb_out = usage.ru_maxrss;
	close(ends[0]);
	if (status != command->status) {
		fprintf(stderr, "spawn: %s ended with status 0x%x: %.*s\n", command->name,
			(unsigned)status, (int)len, text);
		exit(1);
	}
	return took;
}

/* The output is discarded: pipes would be read one after the other and block the commands. */
static int run_together(const struct command commands[], int count)
{
	const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int status, failed = 0;
	int64_t began;

	if (null < 0)
		die("/dev/null");
	began = now_us();
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			child(&commands[i], null);
	}
	while (wait(&status) > 0)
		failed += status != 0;
	if (failed) {
		fprintf(stderr, "spawn: %d of %d commands failed\n", failed, count);
		return 1;
	}
	printf("%" PRId64 "\n", now_us() - began);
	return 0;
}

int main(int argc, char *argv[])
{
	static struct command commands[COMMANDS_MAX];
	const bool together = argc > 1 && strcmp(argv[1], "together") == 0;
	char **dirs = argv + (together ? 2 : 3);
	struct timespec pause = { 0 };
	int count = argc - (together ? 2 : 3), rounds, pause_ms;
	long peak_kb;

	if (count < 1 || count > COMMANDS_MAX) {
		fprintf(stderr, "usage: spawn ROUNDS PAUSE_MS|together DIRECTORY... (at most %d)\n",
			COMMANDS_MAX);
		return 2;
	}
	for (int i = 0; i < count; i++)
		command_read(&commands[i], dirs[i]);
	if (together)
		return run_together(commands, count);
	rounds = (int)strtol(argv[1], NULL, 10);
	pause_ms = (int)strtol(argv[2], NULL, 10);
	pause.tv_sec = pause_ms / 1000;
	pause.tv_nsec = pause_ms % 1000 * 1000000L;
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < count; i++) {
			nanosleep(&pause, NULL);
			const int64_t took = run(&commands[i], &peak_kb);

			printf("%s %" PRId64 " %ld\n", commands[i].name, took, peak_kb);
		}
	}
	return 0;
}
