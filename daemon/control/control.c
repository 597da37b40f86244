/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control/control.h"

#include "common/auto.h"
#include "common/control.h"
#include "common/err.h"
#include "common/fs.h"
#include "common/fs_dir.h"
#include "common/log.h"
#include "daemon/io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define CLIENTS_MAX 32
#define IDLE_TIMEOUT_MS 5000 /* of one client */
#define PAUSE_MS 100         /* after a failed accept(2) */
#define WARN_EVERY_MS 60000

struct client {
	struct control *control; /* NULL: the slot is free */
	struct loop_event *io, *deadline;
	int fd;
	char request[CONTROL_REQUEST_MAX];
	size_t request_size;
	uint64_t serial;
	uid_t uid;
	char *answer; /* with its newline; NULL until the request is whole */
	size_t answer_size, sent;
};

struct control {
	struct loop *loop;
	struct loop_event *listener; /* NULL: pausing */
	struct loop_event *pause;
	uint64_t warned_ms, warnings_held; /* log_limit */
	int fd;
	struct sockaddr_un address;
	control_answer_fn *answer;
	void *ctx;
	const struct client *asking; /* during answer */
	uint64_t serials;
	struct client client[CLIENTS_MAX];
};

static void drop_client(struct client *client)
{
	loop_event_free(client->io);
	loop_event_free(client->deadline);
	close(client->fd);
	free(client->answer);
	memset(client, 0, sizeof(*client));
}

static void send_answer(struct client *client)
{
	ssize_t sent = send(client->fd, client->answer + client->sent,
			    client->answer_size - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (sent > 0)
		client->sent += (size_t)sent;
	if (sent <= 0 || client->sent == client->answer_size)
		drop_client(client);
	else
		loop_timer_start(client->deadline, IDLE_TIMEOUT_MS);
}

static void on_ready(void *ctx, int fd, unsigned ready);

static void give_answer(struct client *client, char *answer)
{
	struct control *control = client->control;

	client->answer = answer;
	client->answer_size = strlen(answer) + 1;
	answer[client->answer_size - 1] = '\n'; /* over its NUL: it is sent by size */
	loop_event_free(client->io);
	client->io = loop_fd(control->loop, client->fd, LOOP_WRITE, on_ready, client);
	if (!client->io) {
		drop_client(client);
		return;
	}
	loop_timer_start(client->deadline, IDLE_TIMEOUT_MS);
	send_answer(client);
}

/* The request line is complete. */
static void answer_request(struct client *client, size_t line_size)
{
	struct control *control = client->control;
	uint64_t serial = client->serial;
	struct err err;
	char *answer = NULL;
	int rc;

	control->asking = client;
	rc = control->answer(control->ctx, client->request, line_size, &answer, &err);
	control->asking = NULL;
	if (client->serial != serial || client->answer)
		return; /* answered by control_reply already */
	if (rc < 0) {
		log_error("cannot answer a control request", "error", err.text);
		drop_client(client);
	} else if (answer) {
		give_answer(client, answer);
	} else {
		/* Stop reading; a disconnect is noticed when the answer is written. */
		loop_event_free(client->io);
		client->io = NULL;
		loop_timer_start(client->deadline, CONTROL_LATER_MS);
	}
}

struct control_call control_call(const struct control *control)
{
	const struct client *client = control->asking;

	return (struct control_call){ (size_t)(client - control->client), client->serial,
				      client->uid };
}

void control_reply(struct control *control, const struct control_call *call, char *answer)
{
	struct client *client = &control->client[call->slot];

	if (client->control && client->serial == call->serial && !client->answer)
		give_answer(client, answer);
	else
		free(answer);
}

static void read_request(struct client *client)
{
	size_t room = sizeof(client->request) - client->request_size;
	char *into = client->request + client->request_size, *end;
	ssize_t got = recv(client->fd, into, room, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop_client(client);
		return;
	}
	client->request_size += (size_t)got;
	end = memchr(into, '\n', (size_t)got);
	if (end)
		answer_request(client, (size_t)(end - client->request));
	else if (client->request_size == sizeof(client->request))
		drop_client(client);
}

static void on_ready(void *ctx, int fd, unsigned ready)
{
	struct client *client = ctx;

	(void)fd, (void)ready;
	if (client->answer)
		send_answer(client);
	else
		read_request(client);
}

static void on_deadline(void *ctx)
{
	drop_client(ctx);
}

static struct client *free_slot(struct control *control)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (!control->client[i].control)
			return &control->client[i];
	return NULL;
}

static void on_connection(void *ctx, int fd, unsigned ready);

static void listen_again(void *ctx)
{
	struct control *control = ctx;

	control->listener = loop_fd(control->loop, control->fd, LOOP_READ, on_connection, control);
	if (!control->listener)
		loop_timer_start(control->pause, PAUSE_MS);
}

/*
 * After a failed accept(2), such as EMFILE, the connection stays pending and would wake us at once.
 */
static void pause_listening(struct control *control, int error)
{
	loop_event_free(control->listener);
	control->listener = NULL;
	loop_timer_start(control->pause, PAUSE_MS);
	if (log_limit(&control->warned_ms, &control->warnings_held, loop_now_ms(), WARN_EVERY_MS))
		log_warn("cannot accept a control connection", "error", strerror(error));
}

static void on_connection(void *ctx, int fd, unsigned ready)
{
	struct control *control = ctx;
	AUTO(close) int taken = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int error = taken < 0 ? errno : 0;
	struct client *client = free_slot(control);
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);

	(void)ready;
	/* The client may be gone already. */
	if (error && error != EAGAIN && error != ECONNABORTED && error != EINTR)
		pause_listening(control, error);
	if (error || !client)
		return;
	client->control = control;
	client->serial = ++control->serials;
	client->uid = getsockopt(taken, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? (uid_t)-1 :
										     peer.uid;
	client->fd = take_fd(&taken);
	client->io = loop_fd(control->loop, client->fd, LOOP_READ, on_ready, client);
	client->deadline = loop_timer(control->loop, on_deadline, client);
	if (!client->io || !client->deadline) {
		drop_client(client);
		return;
	}
	loop_timer_start(client->deadline, IDLE_TIMEOUT_MS);
}

static int listen_on(struct control *control, const char *run_dir, struct err *err)
{
	AUTO(close) int dir_fd = -1;
	char path[FS_PATH_SIZE];
	int found, rc;
	mode_t mask;

	if (fs_join(path, run_dir, CONTROL_SOCKET, err) < 0)
		return -1;
	if (strlen(path) >= sizeof(control->address.sun_path))
		return err_set(err, ERR_CONFIG,
			       "%s is longer than %zu bytes, the limit of a socket path", path,
			       sizeof(control->address.sun_path) - 1);
	control->address.sun_family = AF_UNIX;
	memcpy(control->address.sun_path, path, strlen(path) + 1);
	found = fs_open_dir(run_dir, false, &dir_fd, err);
	if (found < 0)
		return -1;
	if (found > 0 && fs_unlink(dir_fd, CONTROL_SOCKET, err) < 0)
		return err_wrap(err, "%s", run_dir);
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (control->fd < 0)
		return err_sys(err, ERR_IO, errno, "cannot create a Unix socket");
	mask = umask(0177);
	rc = bind(control->fd, (const struct sockaddr *)&control->address,
		  sizeof(control->address));
	umask(mask);
	if (rc < 0 || listen(control->fd, CLIENTS_MAX) < 0)
		return err_sys(err, ERR_IO, errno, "cannot listen on %s", path);
	return 0;
}

int control_new(struct loop *loop, const char *run_dir, control_answer_fn *answer, void *ctx,
		struct control **control_out, struct err *err)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return err_nomem(err, "the control socket");
	control->loop = loop;
	control->answer = answer;
	control->ctx = ctx;
	control->fd = -1;
	if (listen_on(control, run_dir, err) < 0) {
		if (control->fd >= 0)
			close(control->fd);
		free(control);
		return -1;
	}
	control->pause = loop_timer(loop, listen_again, control);
	control->listener = loop_fd(loop, control->fd, LOOP_READ, on_connection, control);
	if (!control->pause || !control->listener) {
		control_free(control);
		return err_nomem(err, "the control socket");
	}
	*control_out = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (control->client[i].control)
			drop_client(&control->client[i]);
	loop_event_free(control->listener);
	loop_event_free(control->pause);
	unlink(control->address.sun_path);
	close(control->fd);
	free(control);
}
