/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition NetworkUnavailable of this node's own Node: False while containers can be attached.
 * A Node that is created again gets it again. A failure is logged and retried. Used by
 * store_kube.c.
 */
#pragma once

#include "daemon/store/kube/kube_table.h"

#include <stdbool.h>

struct err;
struct kube_ops;
struct kube_own;
struct loop;
struct loop_event;

struct kube_condition {
	struct kube_ops *ops;
	const struct kube_own *own;
	struct loop_event *timer;
	bool enabled, available; /* it is to be set; is wanted */
	char uid[KUBE_UID_SIZE]; /* of the Node that has got it; "": none */
};

/* ops and own are borrowed. Returns 0, or -1 with ERR_NOMEM. */
int kube_condition_init(struct kube_condition *condition, struct loop *loop, bool enabled,
			struct kube_ops *ops, const struct kube_own *own, struct err *err);
void kube_condition_free(struct kube_condition *condition);

/* Whether containers can be attached, from now on. */
void kube_condition_set(struct kube_condition *condition, bool available);
/* To be called when the own Node has changed. */
void kube_condition_update(struct kube_condition *condition);
/* The node leaves: sets the condition to True at once. */
void kube_condition_withdraw(struct kube_condition *condition);
