/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/delegate.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX (1 << 20)
#define EXIT_NO_EXEC 127

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int delegate_find(const char *cni_path, const char *type, char path_out[static FS_PATH_SIZE],
		  struct err *err)
{
	AUTO_FREE char *copy = strdup(cni_path ? cni_path : "");
	char path[FS_PATH_SIZE], *rest = copy, *dir;
	struct err too_long = ERR_INIT;

	if (!copy)
		return err_nomem(err, "CNI_PATH");
	if (strchr(type, '/'))
		return err_set(err, ERR_CONFIG,
			       "ipam.type: \"%s\" has a slash: it is a name, not a path",
			       ERR_SHOW(type));
	while ((dir = strsep(&rest, ":"))) {
		if (!*dir || fs_join(path, dir, type, &too_long) < 0 || !is_program(path))
			continue;
		memcpy(path_out, path, sizeof(path));
		return 1;
	}
	(void)err_set(err, ERR_DELEGATE, "plugin \"%s\" (ipam.type) is not in CNI_PATH %s",
		      ERR_SHOW(type), ERR_SHOW(cni_path ? cni_path : "\"\""));
	return 0;
}

/* The configuration as a file: a pipe could fill up while the child does not read. */
static int make_input(const char *config, int *fd_out, struct err *err)
{
	AUTO_CLOSE int fd = memfd_create("config", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot make a file in memory");
	if (fs_write_fd(fd, "the configuration", config, strlen(config), err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, ERR_IO, errno, "cannot go back in a file");
	*fd_out = take_fd(&fd);
	return 0;
}

static _Noreturn void become(const char *path, const char *verb, int input, int output)
{
	char *const argv[] = { strdup(path), NULL };

	if (!argv[0] || dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    setenv("CNI_COMMAND", verb, 1) < 0)
		_exit(EXIT_NO_EXEC);
	/* Ours are close-on-exec from birth; what the runtime let us inherit is as little its own. */
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	signal(SIGPIPE, SIG_DFL);
	execv(path, argv);
	_exit(EXIT_NO_EXEC);
}

/* What it says of its failure, as far as it can be understood. */
static int say_failed(const char *path, const char *verb, int status, const char *answer,
		      struct err *err)
{
	AUTO(json) struct json *json = NULL;
	const char *name = strrchr(path, '/') + 1;
	struct err unused = ERR_INIT;
	struct jr root;
	uint32_t code;

	if (WIFSIGNALED(status))
		return err_set(err, ERR_DELEGATE, "%s (%s) was killed by signal %d", name, verb,
			       WTERMSIG(status));
	if (json_parse(answer, strlen(answer), ANSWER_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE,
		       "answer", &json, &unused) < 0)
		return err_set(err, ERR_DELEGATE, "%s (%s) ended with status %d and said: \"%s\"",
			       name, verb, WEXITSTATUS(status), ERR_SHOW(answer));
	root = jr_root(json);
	code = jr_u32_opt(&root, "code", 0, UINT32_MAX, 0);
	err_set(err,
		code == 50 ? ERR_UNAVAILABLE :
		code == 51 ? ERR_LIMITED :
			     ERR_DELEGATE,
		"%s (%s): %s (its code: %u)", name, verb,
		jr_str_opt(&root, "msg", ERR_TEXT_SIZE / 2, "it gives no reason"), code);
	return err_details(err, "%s", jr_str_opt(&root, "details", ERR_DETAILS_SIZE - 1, ""));
}

int delegate_run(const char *path, const char *verb, const char *config, char **answer_out,
		 struct err *err)
{
	AUTO_FREE char *answer = NULL;
	AUTO_CLOSE int input = -1;
	int pipes[2], status = 0, got;
	size_t size;
	pid_t pid;

	if (make_input(config, &input, err) < 0)
		return -1;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, ERR_IO, errno, "pipe");

	AUTO_CLOSE int from = pipes[0];
	AUTO_CLOSE int to = pipes[1];

	pid = fork();
	if (pid < 0)
		return err_sys(err, ERR_IO, errno, "cannot start %s", path);
	if (pid == 0)
		become(path, verb, input, to);
	close(take_fd(&to));
	got = fs_read_fd(from, path, ANSWER_MAX, &answer, &size, err);
	if (got < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (got < 0)
		return err_wrap(err, "%s", verb);
	if (status != 0)
		return say_failed(path, verb, status, answer, err);
	*answer_out = take_ptr(answer);
	return 0;
}
