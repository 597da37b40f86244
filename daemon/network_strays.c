/* SPDX-License-Identifier: Apache-2.0 */
/* Which containers of this node have addresses of a subnet that it lost, by their records. */
#include "common/err.h"
#include "common/log.h"
#include "ipam/attachment.h"
#include "loop.h"
#include "network_private.h"

#include <string.h>

#define AGAIN_MS 2000 /* where somebody was at work on a record */

/* One look at all records. */
struct look {
	const struct network *network;
	const struct prefix *own;
	struct strays strays;
	bool busy;
};

static int visit(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *err)
{
	AUTO_ATTACHMENT_LOCK struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct look *look = ctx;
	const struct network *network = look->network;
	struct attachment record;
	int found;

	found = attachment_lock_record(network->env.run_dir, network->name, name, false, &lock,
				       err);
	if (found <= 0) {
		look->busy |= found == 0;
		return found;
	}
	/* One that is damaged, or empty yet, says nothing. */
	if (attachment_read(&lock, &record, err) <= 0)
		return 0;
	for (size_t i = 0; i < record.address_len; i++)
		if (!strays_add(&look->strays, &record.addresses[i], &network->config, look->own))
			return err_nomem(err, "the containers");
	return 0;
}

/* The records are read where the subnet has changed, and while there are strays. */
static bool is_due(const struct network *network, const struct prefix own[static FAMILIES])
{
	return network->strays.container.len || network->strays_busy ||
	       memcmp(network->strays_of, own, sizeof(network->strays_of)) != 0;
}

void network_strays_again(void *ctx)
{
	const struct network *network = ctx;

	sync_mark(network->sync, SYNC_DEVICES);
}

bool network_strays_look(struct network *network, const struct prefix own[static FAMILIES])
{
	struct look look = { .network = network, .own = own };
	struct err err;
	bool same;

	if (!is_due(network, own))
		return false;
	memcpy(network->strays_of, own, sizeof(network->strays_of));
	if (attachment_each(network->env.run_dir, network->name, visit, &look, &err) < 0) {
		if (!network->strays_busy)
			log_warn("containers of a subnet that was lost are not looked for",
				 "reason", err.text);
		look.busy = true;
	}
	network->strays_busy = look.busy;
	if (look.busy)
		loop_timer_start(network->strays_timer, AGAIN_MS);
	/* A record that somebody works on may be of any of them: nothing is taken away meanwhile. */
	same = strays_equal(&look.strays, &network->strays);
	if (same || (look.busy && network->strays.container.len)) {
		strays_free(&look.strays);
		return false;
	}
	if (look.strays.container.len != network->strays.container.len)
		log_info("containers with addresses of a subnet that is another node's", "network",
			 network->name, "containers", LOG_NUM(look.strays.container.len));
	strays_free(&network->strays);
	network->strays = look.strays;
	return true;
}
