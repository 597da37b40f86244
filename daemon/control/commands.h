/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of weftctl that change something (common/control.h): reserve, release, leave.
 * main.c calls commands_handle for each request. reserve and release are one store transaction
 * each; the reply follows when it ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cleanup;
struct commands;
struct control;
struct control_call;
struct err;
struct status_self;

/*
 * Called when all networks have been left: removes weft's devices, rules and files from the node,
 * counts them in done, and makes weftd exit after the reply.
 */
typedef int commands_leave_fn(void *ctx, struct cleanup *done, struct err *err);

/* self and run_dir are borrowed. */
int commands_new(const struct status_self *self, const char *run_dir, commands_leave_fn *leave,
		 void *ctx, struct commands **commands_out, struct err *err);
/*
 * Commands in progress get no reply. To be called before the networks are freed. NULL is allowed.
 */
void commands_free(struct commands *commands);

/*
 * Returns whether the request is one of these commands; then control_reply is called, now or
 * later. Only root and weftd's own user are permitted.
 */
bool commands_handle(struct commands *commands, struct control *control,
		     const struct control_call *call, const char *request, size_t size);
