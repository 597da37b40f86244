/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/leave.h"

#include "common/err.h"
#include "common/log.h"
#include "daemon/l2/l2.h"
#include "daemon/lease/lease.h"
#include "daemon/network/own_lease.h"
#include "daemon/network/store_view.h"
#include "daemon/store/store.h"

static void on_revoked(void *ctx, const struct store_reply *reply, const struct err *err)
{
	(void)ctx, (void)reply, (void)err; /* if it fails, the etcd lease expires by itself */
}

static void on_removed(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct leave *leave = ctx;
	struct lease_client_view lease = own_lease_view(leave->own);
	struct err changed = ERR_INIT;

	if (!err && !reply->succeeded) {
		err_set(&changed, ERR_STORE,
			"this node's key in the store was changed meanwhile: try again");
		err = &changed;
	}
	leave->active = err == NULL;
	if (err) {
		store_view_resume_snapshots(leave->view);
		l2_resume(leave->l2);
		leave->resume(leave->resume_ctx);
	} else {
		log_info("network left", "network", leave->own->network);
		if (lease.etcd_lease)
			leave->store->ops->revoke(leave->store, lease.etcd_lease, on_revoked,
						  leave);
	}
	leave->done(leave->done_ctx, err);
}

static void remove_key(void *ctx)
{
	struct leave *leave = ctx;
	const struct lease_client_view lease = own_lease_view(leave->own);
	char key[LEASE_KEY_SIZE];

	leave->store->ops->remove(leave->store, lease_key(lease.subnet, key), lease.revision,
				  on_removed, leave);
}

bool leave_start(struct leave *leave, struct store *store, leave_done_fn *done, void *ctx)
{
	/* A child process that is still writing would do so after its file was removed. */
	store_view_stop_snapshots(leave->view);
	leave->active = true;
	leave->store = store;
	leave->done = done;
	leave->done_ctx = ctx;
	if (own_lease_view(leave->own).state != LEASE_HELD)
		return false;
	if (!l2_withdraw(leave->l2, remove_key, leave))
		remove_key(leave);
	return true;
}
