/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/displaced_scan.h"

#include "common/err.h"
#include "common/log.h"
#include "ipam/attachment.h"

#include <string.h>

void displaced_scan_free(struct displaced_scan *scan)
{
	displaced_free(&scan->found);
}

/* One scan of all records. */
struct scan_state {
	const char *run_dir, *network;
	const struct config *config;
	const struct prefix *own;
	struct displaced found;
	bool incomplete;
};

static int visit(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *err)
{
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	struct scan_state *state = ctx;
	struct attachment record;
	int found;

	found = attachment_lock_record(state->run_dir, state->network, name, false, &lock, err);
	if (found <= 0) {
		state->incomplete |= found == 0;
		return found;
	}
	/* A record that is damaged, or still empty, has no addresses. */
	if (attachment_read(&lock, &record, err) <= 0)
		return 0;
	for (size_t i = 0; i < record.address_len; i++)
		if (!displaced_add(&state->found, &record.addresses[i], state->config, state->own))
			return err_nomem(err, "the containers");
	return 0;
}

static bool is_due(const struct displaced_scan *scan, const struct prefix own[static FAMILIES])
{
	return scan->found.container.len || scan->incomplete ||
	       memcmp(scan->own, own, sizeof(scan->own)) != 0;
}

bool displaced_scan_run(struct displaced_scan *scan, const char *run_dir, const char *network,
			const struct config *config, const struct prefix own[static FAMILIES])
{
	struct scan_state state = {
		.run_dir = run_dir, .network = network, .config = config, .own = own
	};
	struct err err;

	if (!is_due(scan, own))
		return false;
	memcpy(scan->own, own, sizeof(scan->own));
	if (attachment_each(run_dir, network, visit, &state, &err) < 0) {
		if (!scan->incomplete)
			log_warn("cannot scan for containers of a lost subnet, retrying", "network",
				 network, "error", err.text);
		state.incomplete = true;
	}
	scan->incomplete = state.incomplete;
	/* The record that was locked may be of any of them: none is removed meanwhile. */
	if (displaced_equal(&state.found, &scan->found) ||
	    (state.incomplete && scan->found.container.len)) {
		displaced_free(&state.found);
		return false;
	}
	if (state.found.container.len != scan->found.container.len)
		log_info("containers with addresses of a subnet that is another node's", "network",
			 network, "containers", LOG_NUM(state.found.container.len));
	displaced_free(&scan->found);
	scan->found = state.found;
	return true;
}
