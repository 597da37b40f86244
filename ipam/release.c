/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/release.h"

#include "common/err.h"
#include "common/log.h"
#include "common/spoof/spoof.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"

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
