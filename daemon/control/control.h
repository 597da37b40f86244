/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftd's end of the control socket (common/control.h): takes a line, sends
 * what the answerer says, closes. A client that is silent, slow or talks too
 * much is cut off; none can hold the daemon up.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_LATER_MS 20000

struct err;
struct loop;

struct control;

/* A request, to whoever answers it. */
struct control_call {
	size_t slot;
	uint64_t serial;
	uid_t uid; /* of who asks */
};

/*
 * Answers one request line; the answer is malloc'ed and becomes the control's. NULL: it comes
 * later, by control_reply.
 */
typedef int control_answer_fn(void *ctx, const char *request, size_t size, char **answer_out,
			      struct err *err);

/*
 * Listens on RUN/control.sock, in the place of one that is there: whoever has the run
 * directory's lock (publish_take_dir) knows that it is nobody's.
 */
int control_new(struct loop *loop, const char *run_dir, control_answer_fn *answer, void *ctx,
		struct control **control_out, struct err *err);
/* The request that is being answered; during control_answer_fn only. */
struct control_call control_call(const struct control *control);
/* The answer to it, at most CONTROL_LATER_MS later; who asked may have gone. Takes answer. */
void control_reply(struct control *control, const struct control_call *call, char *answer);
/* Closes everything and removes the socket. NULL is allowed. */
void control_free(struct control *control);
