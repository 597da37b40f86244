/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request "watch" (common/control.h): requests the node that has an address to count packets
 * with a mark, or its counts (daemon/probe/probe_watch.h). For root only, since each costs another
 * node some work. The reply follows within a second.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct control;
struct control_call;
struct err;
struct loop;
struct probe;
struct remote_watch;
struct status_self;

/* self and probe (NULL: without --probe) are borrowed. ERR_NOMEM. */
int remote_watch_new(struct loop *loop, const struct status_self *self, struct probe *probe,
		     struct remote_watch **watch_out, struct err *err);
/* A request in progress gets no reply. To be called before probe_free. NULL is allowed. */
void remote_watch_free(struct remote_watch *watch);

/* Returns whether the request is this one; then control_reply is called, now or later. */
bool remote_watch_handle(struct remote_watch *watch, struct control *control,
			 const struct control_call *call, const char *request, size_t size);
