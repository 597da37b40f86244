/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/auto.h"
#include "common/err.h"
#include "common/json/json.h"
#include "common/log.h"
#include "common/netlink/nl.h"
#include "common/vec.h"
#include "ipam/attachment.h"
#include "ipam/veth.h"
#include "plugin/assign.h"
#include "plugin/attach.h"
#include "plugin/container_event.h"
#include "plugin/netconf.h"

#include <stdlib.h>
#include <string.h>

#define ID_MAX (256 << 10)

/* Attachments are identified by their hash, which is also the name of the record. */
VEC_DEFINE(hashes, uint64_t);

struct gc {
	const struct netconf *netconf;
	struct nl *host;
	struct hashes valid;
	size_t failed;
	struct err first; /* error of the first failure */
};

static void close_gc(struct gc *gc)
{
	auto_nl(&gc->host);
	hashes_free(&gc->valid);
}
AUTO_DEFINE_VALUE(gc, struct gc, close_gc);

/*
 * Absent, null and [] all mean that no attachment is valid: runtimes send each of the three.
 * cni.dev/attachments is the name in drafts of 1.1.0.
 */
static int read_valid(struct gc *gc, struct err *err)
{
	struct jr root = jr_root(gc->netconf->json), at;
	struct jr list = jr_arr_opt(&root, "cni.dev/valid-attachments");

	if (jr_is_absent(&list))
		list = jr_arr_opt(&root, "cni.dev/attachments");
	for (size_t i = 0; jr_each(&list, &i, &at);) {
		const struct attachment_key key = {
			.network = gc->netconf->network,
			.container_id = jr_str(&at, "containerID", ID_MAX),
			.ifname = jr_str(&at, "ifname", ID_MAX),
		};
		const uint64_t hash = attachment_hash(&key);

		if (!hashes_push(&gc->valid, &hash))
			return err_nomem(err, "valid attachments");
	}
	return jr_done(gc->netconf->json, ERR_CONFIG, err);
}

static bool is_valid(const struct gc *gc, const char *name)
{
	const uint64_t hash = strtoull(name, NULL, 16);

	for (size_t i = 0; i < gc->valid.len; i++) {
		if (gc->valid.at[i] == hash)
			return true;
	}
	return false;
}

/* As cmd_del, by the record's name. */
static int remove_attachment(struct gc *gc, const char name[static ATTACHMENT_NAME_SIZE],
			     struct err *err)
{
	const struct veth veth = veth_of_record(name);
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	int found = attachment_lock_record(gc->netconf->run_dir, gc->netconf->network, name, true,
					   &lock, err);

	if (found <= 0)
		return found;
	if (attach_remove(gc->host, &veth, err) < 0)
		return -1;
	return container_event_release(&lock, err);
}

/* Continues after a failure, so that one attachment does not block the others. */
static int visit(void *ctx, const char name[static ATTACHMENT_NAME_SIZE], struct err *unused)
{
	struct gc *gc = ctx;
	struct err err = ERR_INIT;

	(void)unused;
	if (is_valid(gc, name) || remove_attachment(gc, name, &err) == 0)
		return 0;
	log_error("cannot remove attachment", "record", name, "error", err.text);
	if (gc->failed++ == 0)
		gc->first = err;
	return 0;
}

int cmd_gc(const struct env *env, const struct netconf *netconf, char **output_out, struct err *err)
{
	AUTO(gc) struct gc gc = { .netconf = netconf };
	struct err ipam_error = ERR_INIT;
	int forwarded;

	(void)output_out;
	if (read_valid(&gc, err) < 0 || nl_open(&gc.host, err) < 0 ||
	    attachment_each(netconf->run_dir, netconf->network, visit, &gc, err) < 0)
		return -1;
	forwarded = assign_forward(env, netconf, "GC", &ipam_error);
	if (gc.failed == 0 && forwarded == 0)
		return 0;
	*err = gc.failed ? gc.first : ipam_error;
	if (gc.failed > 1)
		(void)err_wrap(err, "cannot remove %zu attachments; first error", gc.failed);
	return gc.failed && forwarded < 0 ? err_details(err, "%.200s", ipam_error.text) : -1;
}
