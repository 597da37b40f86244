/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weftctl has weftd change in the store (common/control.h): reserve and release. Called by
 * main.c for each request; each order is one transaction, whose outcome is the answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct control;
struct control_call;
struct err;
struct orders;
struct status_self;

int orders_new(const struct status_self *self, struct orders **orders_out, struct err *err);
/* Those under way are not answered any more. Before the networks are freed. NULL is allowed. */
void orders_free(struct orders *orders);

/*
 * Whether the request is an order; then it is answered, now or later. Only root, and the user that
 * weftd is, may give one.
 */
bool orders_take(struct orders *orders, struct control *control, const struct control_call *call,
		 const char *request, size_t size);
