/* SPDX-License-Identifier: Apache-2.0 */
/* A planned end: our key goes, so that the other nodes drop us at once. */
#include "common/err.h"
#include "common/log.h"
#include "network_private.h"
#include "store.h"

static void on_revoked(void *ctx, const struct store_reply *reply, const struct err *err)
{
	(void)ctx, (void)reply, (void)err; /* it ends by itself */
}

static void on_removed(void *ctx, const struct store_reply *reply, const struct err *err)
{
	struct network *network = ctx;
	struct lease_view lease = lease_view(network->lease);
	struct err changed = ERR_INIT;

	if (!err && !reply->succeeded) {
		err_set(&changed, ERR_STORE,
			"this node's key in the store was changed meanwhile: try again");
		err = &changed;
	}
	network->leaving = err == NULL;
	if (err) {
		network_store_changed(network);
	} else {
		log_info("network left", "network", network->name);
		if (lease.id)
			network->store->ops->revoke(network->store, lease.id, on_revoked, network);
	}
	network->left(network->left_ctx, err);
}

bool network_leave(struct network *network, network_left_fn *left, void *ctx)
{
	struct lease_view lease = network->lease ? lease_view(network->lease) :
						   (struct lease_view){ .id = 0 };
	char key[PEER_KEY_SIZE];

	/* A child process that still writes would do so after its file was removed. */
	network_save_stop(network);
	network->leaving = true;
	network->left = left;
	network->left_ctx = ctx;
	if (lease.state != LEASE_HELD)
		return false;
	network->store->ops->remove(network->store, peer_key(lease.subnet, key), lease.revision,
				    on_removed, network);
	return true;
}
