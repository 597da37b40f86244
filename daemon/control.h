/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weftd's end of the control socket (common/control.h): takes a line, sends
 * what the answerer says, closes. A client that is silent, slow or talks too
 * much is cut off; none can hold the daemon up.
 */
#pragma once

#include <stddef.h>

struct err;
struct loop;

struct control;

/* Answers one request line; the answer is malloc'ed and becomes the control's. */
typedef int control_answer_fn(void *ctx, const char *request, size_t size, char **answer_out,
			      struct err *err);

/*
 * Listens on RUN/control.sock, in the place of one that is there: whoever has the run
 * directory's lock (publish_take_dir) knows that it is nobody's.
 */
int control_new(struct loop *loop, const char *run_dir, control_answer_fn *answer, void *ctx,
		struct control **control_out, struct err *err);
/* Closes everything and removes the socket. NULL is allowed. */
void control_free(struct control *control);
