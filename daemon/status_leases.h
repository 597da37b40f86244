/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answer to "leases" (common/control.h): every key that the store holds, and what this node
 * makes of it. Used by status.c.
 */
#pragma once

struct err;
struct jb_at;
struct status_self;

/* Of the network only, or (NULL) of all. */
int status_put_leases(const struct status_self *self, const char *only, struct jb_at root,
		      struct err *err);
