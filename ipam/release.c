/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/release.h"

#include "common/err.h"
#include "common/log.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"

int release_record(const struct attachment_lock *lock, struct err *err)
{
	struct attachment record;
	int found = attachment_read(lock, &record, err);

	if (found < 0 && err->code == ERR_ATTACHED) {
		log_warn("record is another attachment's, left alone", "error", err->text);
		return 0;
	}
	if (found < 0)
		log_warn("record is damaged, removed", "error", err->text);
	if ((found > 0 ? pool_release(lock, &record, err) : pool_release_all(lock, err)) < 0)
		return -1;
	return attachment_remove(lock, err);
}
