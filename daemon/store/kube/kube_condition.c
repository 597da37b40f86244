/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/store/kube/kube_condition.h"

#include "common/err.h"
#include "common/log.h"
#include "daemon/io/loop.h"
#include "daemon/store/kube/kube_ops.h"
#include "daemon/store/kube/kube_own.h"

#include <stdio.h>
#include <string.h>

#define RETRY_MS 10000

static void on_patched(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct kube_condition *condition = ctx;

	(void)reply;
	if (!err)
		return;
	log_warn("cannot set the condition NetworkUnavailable", "error", err->text);
	loop_timer_start(condition->timer, RETRY_MS);
}

static void patch(void *ctx)
{
	struct kube_condition *condition = ctx;
	const struct kube_node *node = &condition->own->node;

	snprintf(condition->uid, sizeof(condition->uid), "%s", node->uid ? node->uid : "");
	kube_ops_run(condition->ops, condition->available ? KUBE_OP_AVAILABLE : KUBE_OP_UNAVAILABLE,
		     NULL, NULL, on_patched, condition);
}

int kube_condition_init(struct kube_condition *condition, struct loop *loop, bool enabled,
			struct kube_ops *ops, const struct kube_own *own, struct err *err)
{
	*condition = (struct kube_condition){ .ops = ops, .own = own, .enabled = enabled };
	condition->timer = loop_timer(loop, patch, condition);
	return condition->timer ? 0 : err_nomem(err, "the store");
}

void kube_condition_free(struct kube_condition *condition)
{
	loop_event_free(condition->timer);
}

void kube_condition_set(struct kube_condition *condition, bool available)
{
	if (!condition->enabled || condition->available == available)
		return;
	condition->available = available;
	loop_timer_start(condition->timer, 0);
}

/* Its condition is that of a Node which has no network yet. */
void kube_condition_update(struct kube_condition *condition)
{
	const struct kube_node *node = &condition->own->node;

	if (condition->available && condition->own->exists && node->name &&
	    strncmp(condition->uid, node->uid, sizeof(condition->uid) - 1) != 0)
		loop_timer_start(condition->timer, 0);
}

void kube_condition_withdraw(struct kube_condition *condition)
{
	if (!condition->enabled)
		return;
	condition->available = false;
	loop_timer_stop(condition->timer);
	patch(condition);
}
