/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftd's end of the control socket (common/control.h): reads a request line, passes it to the
 * answer function, sends the answer, closes. A client that is idle or slow, or sends too much, is
 * disconnected; no client can block the daemon.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_LATER_MS 20000

struct err;
struct loop;

struct control;

/* Identifies a request for control_reply. */
struct control_call {
	size_t slot;
	uint64_t serial;
	uid_t uid; /* of the client */
};

/*
 * Answers one request line. The answer is malloc'ed and passes to the control. NULL: it follows by
 * control_reply.
 */
typedef int control_answer_fn(void *ctx, const char *request, size_t size, char **answer_out,
			      struct err *err);

/*
 * Listens on RUN/control.sock and replaces an existing socket: the caller holds the run
 * directory's lock (publish_take_dir), so no process uses that socket.
 */
int control_new(struct loop *loop, const char *run_dir, control_answer_fn *answer, void *ctx,
		struct control **control_out, struct err *err);
/* Returns the current request; only during control_answer_fn. */
struct control_call control_call(const struct control *control);
/* Sends a later answer, within CONTROL_LATER_MS; ignored if the client is gone. Takes answer. */
void control_reply(struct control *control, const struct control_call *call, char *answer);
/* Closes everything and removes the socket. NULL is allowed. */
void control_free(struct control *control);
