/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/client.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/json/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct call {
	const char *path; /* of the socket, for error messages */
	unsigned timeout_ms;
	uint64_t deadline_ms;
};

struct answer {
	char *text;
	size_t size, cap;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int no_answer(const struct call *call, struct err *err)
{
	return err_set(err, ERR_STATE,
		       "no answer from weftd at %s within %u.%u s: check its log or restart it",
		       call->path, call->timeout_ms / 1000, call->timeout_ms % 1000 / 100);
}

static int refused(const struct call *call, int sys_errno, struct err *err)
{
	switch (sys_errno) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		return err_sys(err, ERR_STATE, sys_errno,
			       "weftd is not running, or uses another run directory: %s",
			       call->path);
	case EACCES:
	case EPERM:
		return err_sys(err, ERR_STATE, sys_errno, "connecting to weftd requires root: %s",
			       call->path);
	case EAGAIN: /* the listener's queue stayed full until SO_SNDTIMEO ran out */
		return no_answer(call, err);
	default:
		return err_sys(err, ERR_STATE, sys_errno, "connect to weftd: %s", call->path);
	}
}

/*
 * Opens the socket's file below the run directory, whose owner may be less privileged than this
 * process: a symbolic or hard link could lead to another program's socket.
 */
static int open_socket(const struct call *call, int dir_fd, int *fd_out, struct err *err)
{
	AUTO(close) int fd = fs_open_beneath(dir_fd, CONTROL_SOCKET, O_PATH);
	struct stat is;

	if (fd < 0 || fstat(fd, &is) < 0)
		return refused(call, errno, err);
	if (!S_ISSOCK(is.st_mode) || is.st_nlink > 1)
		return err_set(err, ERR_STATE, "%s is not a socket with one name: restart weftd",
			       call->path);
	*fd_out = take_fd(&fd);
	return 0;
}

/* The listening process is of root, of this user, or of the owner of the run directory. */
static int check_peer(const struct call *call, int fd, int dir_fd, struct err *err)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	struct stat dir;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || fstat(dir_fd, &dir) < 0)
		return err_sys(err, ERR_IO, errno, "check the peer of %s", call->path);
	if (peer.uid != 0 && peer.uid != geteuid() && peer.uid != dir.st_uid)
		return err_set(err, ERR_STATE,
			       "%s is served by user %u, who does not own the run directory",
			       call->path, (unsigned)peer.uid);
	return 0;
}

/* Connects to the very file that was checked. */
static int dial(const struct call *call, int dir_fd, int *fd_out, struct err *err)
{
	struct timeval limit = { .tv_sec = call->timeout_ms / 1000,
				 .tv_usec = (suseconds_t)(call->timeout_ms % 1000) * 1000 };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO(close) int file = -1;
	AUTO(close) int fd = -1;

	if (open_socket(call, dir_fd, &file, err) < 0)
		return -1;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", file);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* For a Unix socket, SO_SNDTIMEO also bounds connect(2). */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(err, ERR_IO, errno, "cannot create a Unix socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return refused(call, errno, err);
	if (check_peer(call, fd, dir_fd, err) < 0)
		return -1;
	*fd_out = take_fd(&fd);
	return 0;
}

/* A request is far smaller than the socket buffer, so it is sent completely or not at all. */
static int send_request(const struct call *call, int fd, const char *request, struct err *err)
{
	char line[CONTROL_REQUEST_MAX];
	int len = snprintf(line, sizeof(line), "%s\n", request);

	if (len >= (int)sizeof(line))
		return err_set(err, ERR_CONFIG, "the request has more than %d bytes",
			       CONTROL_REQUEST_MAX);
	if (send(fd, line, (size_t)len, MSG_NOSIGNAL) != len)
		return err_sys(err, ERR_STATE, errno, "send to weftd at %s", call->path);
	return 0;
}

/* Waits until the socket is readable or the deadline passes. */
static int wait_readable(const struct call *call, int fd, struct err *err)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int ready;

	do {
		uint64_t now = now_ms();

		if (now >= call->deadline_ms)
			return no_answer(call, err);
		ready = poll(&wait, 1, (int)(call->deadline_ms - now));
	} while (ready == 0 || (ready < 0 && errno == EINTR));
	if (ready < 0)
		return err_sys(err, ERR_IO, errno, "wait for weftd at %s", call->path);
	return 0;
}

static int make_room(struct answer *answer, struct err *err)
{
	size_t cap = answer->cap ? answer->cap * 2 : 16384;
	char *grown;

	if (answer->size < answer->cap)
		return 0;
	if (answer->size > CONTROL_ANSWER_MAX)
		return err_set(err, ERR_DECODE, "weftd's answer has more than %d bytes",
			       CONTROL_ANSWER_MAX);
	grown = realloc(answer->text, cap);
	if (!grown)
		return err_nomem(err, "weftd's answer");
	answer->text = grown;
	answer->cap = cap;
	return 0;
}

/* Reads up to the newline and removes it. */
static int read_answer(const struct call *call, int fd, struct answer *answer, struct err *err)
{
	for (;;) {
		const char *end;
		ssize_t got;

		if (make_room(answer, err) < 0 || wait_readable(call, fd, err) < 0)
			return -1;
		got = recv(fd, answer->text + answer->size, answer->cap - answer->size, 0);
		if (got < 0)
			return err_sys(err, ERR_STATE, errno, "weftd's answer at %s", call->path);
		if (got == 0)
			return err_set(err, ERR_STATE,
				       "weftd closed the connection early at %s: check its log",
				       call->path);
		end = memchr(answer->text + answer->size, '\n', (size_t)got);
		answer->size += (size_t)got;
		if (end) {
			answer->size = (size_t)(end - answer->text);
			return 0;
		}
	}
}

/* Checks the version before the error: an older weftd reports an error about the version. */
static int check(struct json *json, struct err *err)
{
	struct jr root = jr_root(json);
	uint32_t version = jr_u32(&root, "version", 1, UINT32_MAX);
	const char *error = jr_str_opt(&root, "error", CONTROL_REQUEST_MAX, NULL);

	if (jr_done(json, ERR_DECODE, err) < 0)
		return -1;
	if (version != CONTROL_VERSION)
		return err_set(err, ERR_DECODE,
			       "weftd uses version %" PRIu32
			       " of the control protocol, weftctl " WEFT_VERSION
			       " uses version %d: install the same version of both",
			       version, CONTROL_VERSION);
	if (error)
		return err_set(err, ERR_CONFIG, "weftd: %s", error);
	return 0;
}

static void auto_answer(struct answer *answer)
{
	free(answer->text);
}

int client_query(const char *run_dir, const char *command, const char *network, unsigned timeout_ms,
		 struct json **answer_out, struct err *err)
{
	char request[CONTROL_REQUEST_MAX];

	/* Neither needs escaping: parse_network_name checked the network. */
	if (snprintf(request, sizeof(request), "{\"version\":%d,\"command\":\"%s\"%s%s%s}",
		     CONTROL_VERSION, command, network ? ",\"network\":\"" : "",
		     network ? network : "", network ? "\"" : "") >= (int)sizeof(request))
		return err_set(err, ERR_CONFIG, "the network's name is too long");
	return client_send(run_dir, request, timeout_ms, answer_out, err);
}

int client_send(const char *run_dir, const char *request, unsigned timeout_ms,
		struct json **answer_out, struct err *err)
{
	AUTO(answer) struct answer answer = { .text = NULL };
	AUTO(json) struct json *json = NULL;
	AUTO(close) int dir_fd = -1;
	AUTO(close) int fd = -1;
	char path[FS_PATH_SIZE];
	struct call call = { path, timeout_ms, now_ms() + timeout_ms };
	int found;

	if (fs_join(path, run_dir, CONTROL_SOCKET, err) < 0)
		return -1;
	found = fs_open_dir(run_dir, false, &dir_fd, err);
	if (found == 0 || (found < 0 && err->sys_errno))
		return refused(&call, found == 0 ? ENOENT : err->sys_errno, err);
	if (found < 0)
		return -1;
	if (dial(&call, dir_fd, &fd, err) < 0 || send_request(&call, fd, request, err) < 0 ||
	    read_answer(&call, fd, &answer, err) < 0)
		return -1;
	if (json_parse(answer.text, answer.size, CONTROL_ANSWER_MAX, JSON_STRICT, "weftd's answer",
		       &json, err) < 0 ||
	    check(json, err) < 0)
		return -1;
	*answer_out = take_ptr(json);
	return 0;
}
