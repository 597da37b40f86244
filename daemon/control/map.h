/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request "map" (common/control.h): the nodes of a network and the measured paths between them,
 * this node's own and, with Weft.ProbeKey, those that the other nodes report. The reply follows
 * within PROBE_COLLECT_MS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct control;
struct control_call;
struct err;
struct loop;
struct map;
struct probe;
struct status_self;

/* self and probe (NULL: without --probe) are borrowed. ERR_NOMEM. */
int map_new(struct loop *loop, const struct status_self *self, struct probe *probe,
	    struct map **map_out, struct err *err);
/* A collection in progress gets no reply. To be called before probe_free. NULL is allowed. */
void map_free(struct map *map);

/* Returns whether the request is this one; then control_reply is called, now or later. */
bool map_handle(struct map *map, struct control *control, const struct control_call *call,
		const char *request, size_t size);
