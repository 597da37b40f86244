/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weftctl has weftd change (common/control.h): reserve, release, leave. Called by main.c for
 * each request; each of the first two is one transaction, whose outcome is the answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct control;
struct control_call;
struct err;
struct orders;
struct remains;
struct status_self;

/*
 * leave is called when all networks have been left: it takes away what stands on the node and has
 * weftd end, once it has been told to people.
 */
typedef int orders_leave_fn(void *ctx, struct remains *done, struct err *err);
int orders_new(const struct status_self *self, const char *run_dir, orders_leave_fn *leave,
	       void *ctx, struct orders **orders_out, struct err *err);
/* Those under way are not answered any more. Before the networks are freed. NULL is allowed. */
void orders_free(struct orders *orders);

/*
 * Whether the request is an order; then it is answered, now or later. Only root, and the user that
 * weftd is, may give one.
 */
bool orders_take(struct orders *orders, struct control *control, const struct control_call *call,
		 const char *request, size_t size);
