/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/release.h"

#include "common/err.h"
#include "common/log.h"
#include "common/spoof/spoof.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * A leftover concerns a port that no longer exists, or keeps isolated ports from an address, until
 * weftd removes it.
 */
void release_spoof_check(const struct attachment *record)
{
	const struct spoof_port port = attachment_spoof_port(record);
	char pod[POD_TEXT_SIZE];
	struct err err = ERR_INIT;

	if ((record->port.locked || record->port.isolated) && spoof_remove(&port, &err) < 0)
		log_warn("packet rules of the port not removed", "device", record->host_veth,
			 "container", record->container_id, "pod", pod_text(&record->pod, pod),
			 "error", err.text);
}

struct search {
	char name[ATTACHMENT_NAME_SIZE];
	bool found;
};

static int compare(void *ctx, const struct ipaddr *addr, const char *record, struct err *err)
{
	struct search *search = ctx;

	(void)addr, (void)err;
	search->found |= record && !strcmp(record, search->name);
	return 0;
}

int release_lock(const char *run_dir, const struct attachment_key *key,
		 struct attachment_lock *lock_out, struct err *err)
{
	struct search search = { .found = false };
	struct err unused = ERR_INIT;
	int found = attachment_lock_existing(run_dir, key, lock_out, err);

	if (found > 0 || (found < 0 && attachment_discard(run_dir, key, &unused) <= 0))
		return found;
	snprintf(search.name, sizeof(search.name), "%016" PRIx64, attachment_hash(key));
	if (pool_each(run_dir, key->network, compare, &search, err) < 0)
		return -1;
	if (!search.found)
		return 0;
	log_warn("record is missing, its addresses are released", "record", search.name,
		 "container", key->container_id);
	return attachment_lock(run_dir, key, lock_out, err) < 0 ? -1 : 1;
}

int release_record(const struct attachment_lock *lock, struct err *err)
{
	struct attachment record;
	int found = attachment_read(lock, &record, err);

	if (found < 0 && err->code == ERR_ATTACHED) {
		log_warn("record belongs to another attachment, left alone", "error", err->text);
		return 0;
	}
	if (found < 0)
		log_warn("record is damaged, removed", "error", err->text);
	if (found > 0)
		release_spoof_check(&record);
	if ((found > 0 ? pool_release(lock, &record, err) : pool_release_all(lock, err)) < 0)
		return -1;
	return attachment_remove(lock, err);
}
