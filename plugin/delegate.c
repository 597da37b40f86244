/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/delegate.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"

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

#define OUTPUT_MAX (1 << 20)
#define EXIT_NO_EXEC 127
#define NESTED "WEFT_DELEGATED" /* in the environment of delegated plugins */
#define OWN_NAME "weft"

static bool is_program(const char *path, struct stat *st_out)
{
	return stat(path, st_out) == 0 && S_ISREG(st_out->st_mode) && access(path, X_OK) == 0;
}

/* Whether it is the running program, by any name. */
static bool is_self(const struct stat *program)
{
	struct stat self;

	return stat("/proc/self/exe", &self) == 0 && self.st_dev == program->st_dev &&
	       self.st_ino == program->st_ino;
}

static int set_self_error(const char *type, struct err *err)
{
	(void)err_set(
		err, ERR_CONFIG,
		"ipam.type: \"%s\" is weft itself, which is no IPAM plugin; without ipam.type "
		"weft assigns addresses of the node's subnet",
		ERR_SHOW(type));
	return 0;
}

int delegate_find(const char *cni_path, const char *type, char path_out[static FS_PATH_SIZE],
		  struct err *err)
{
	AUTO(free) char *copy = strdup(cni_path ? cni_path : "");
	char path[FS_PATH_SIZE], *rest = copy, *dir;
	struct err too_long = ERR_INIT;
	struct stat program;

	if (!copy)
		return err_nomem(err, "CNI_PATH");
	if (strchr(type, '/')) {
		(void)err_set(err, ERR_CONFIG,
			      "ipam.type: \"%s\" is not a name: it contains a slash",
			      ERR_SHOW(type));
		return 0;
	}
	if (strcmp(type, OWN_NAME) == 0)
		return set_self_error(type, err);
	while ((dir = strsep(&rest, ":"))) {
		if (!*dir || fs_join(path, dir, type, &too_long) < 0 || !is_program(path, &program))
			continue;
		if (is_self(&program))
			return set_self_error(type, err);
		memcpy(path_out, path, sizeof(path));
		return 1;
	}
	(void)err_set(err, ERR_DELEGATE, "plugin \"%s\" (ipam.type) not found in CNI_PATH %s",
		      ERR_SHOW(type), ERR_SHOW(cni_path ? cni_path : "\"\""));
	return 0;
}

/* A file in memory: a pipe could fill up, and block, before the child is started. */
static int make_input(const char *config, int *fd_out, struct err *err)
{
	AUTO(close) int fd = memfd_create("config", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot create the input of the IPAM plugin");
	if (fs_write_fd(fd, "the configuration", config, strlen(config), err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, ERR_IO, errno, "cannot rewind the input of the IPAM plugin");
	*fd_out = take_fd(&fd);
	return 0;
}

static _Noreturn void exec_plugin(const char *path, const char *verb, int input_fd, int output_fd)
{
	char *const argv[] = { strdup(path), NULL };

	if (!argv[0] || dup2(input_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 ||
	    setenv("CNI_COMMAND", verb, 1) < 0 || setenv(NESTED, "1", 1) < 0)
		_exit(EXIT_NO_EXEC);
	/*
	 * The plugin's own are close-on-exec already; this covers those inherited from the runtime.
	 */
	close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	signal(SIGPIPE, SIG_DFL);
	execv(path, argv);
	_exit(EXIT_NO_EXEC);
}

/* Sets err from the error document that a failed plugin printed, if it can be parsed. */
static int set_plugin_error(const char *path, const char *verb, int status, const char *output,
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
	if (json_parse(output, strlen(output), OUTPUT_MAX, JSON_ANY_CASE | JSON_LAST_DUPLICATE,
		       "output", &json, &unused) < 0)
		return err_set(err, ERR_DELEGATE,
			       "%s (%s) exited with status %d and printed: \"%s\"", name, verb,
			       WEXITSTATUS(status), ERR_SHOW(output));
	root = jr_root(json);
	code = jr_u32_opt(&root, "code", 0, UINT32_MAX, 0);
	err_set(err,
		code == 50 ? ERR_UNAVAILABLE :
		code == 51 ? ERR_LIMITED :
			     ERR_DELEGATE,
		"%s (%s): %s (code %u)", name, verb,
		jr_str_opt(&root, "msg", ERR_TEXT_SIZE / 2, "no error message"), code);
	return err_details(err, "%s", jr_str_opt(&root, "details", ERR_DETAILS_SIZE - 1, ""));
}

int delegate_run(const char *path, const char *verb, const char *config, char **output_out,
		 struct err *err)
{
	AUTO(free) char *output = NULL;
	AUTO(close) int input = -1;
	int pipes[2], status = 0, result;
	size_t size;
	pid_t pid;

	if (make_input(config, &input, err) < 0)
		return -1;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, ERR_IO, errno, "cannot create a pipe to the IPAM plugin");

	AUTO(close) int from = pipes[0];
	AUTO(close) int to = pipes[1];

	pid = fork();
	if (pid < 0)
		return err_sys(err, ERR_IO, errno, "cannot start %s", path);
	if (pid == 0)
		exec_plugin(path, verb, input, to);
	close(take_fd(&to));
	result = fs_read_fd(from, path, OUTPUT_MAX, &output, &size, err);
	if (result < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (result < 0)
		return err_wrap(err, "%s", verb);
	if (status != 0)
		return set_plugin_error(path, verb, status, output, err);
	*output_out = take_ptr(output);
	return 0;
}

int delegate_check_nesting(struct err *err)
{
	if (!getenv(NESTED))
		return 0;
	return err_set(err, ERR_CONFIG,
		       "ipam.type leads back to weft: the IPAM plugin that weft runs started weft");
}
