/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/err.h"
#include "common/log.h"
#include "common/nl.h"
#include "ipam/attachment.h"
#include "ipam/pool.h"
#include "plugin/attach.h"
#include "plugin/env.h"
#include "plugin/netconf.h"
#include "plugin/veth.h"

/* Gives back what the record names; where it names nothing, all that leads to it. */
static int release(const struct attachment_lock *lock, struct err *err)
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

int cmd_del(const struct env *env, const struct netconf *netconf, char **answer_out,
	    struct err *err)
{
	const struct attachment_key key = env_key(env, netconf->network);
	const struct veth veth = veth_of(&key);
	AUTO_ATTACHMENT_LOCK struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	AUTO(nl) struct nl *host = NULL;
	int known;

	(void)answer_out;
	/* No record, no ADD that is under way: there is nothing that a lock would keep apart. */
	known = attachment_lock_known(netconf->run_dir, &key, &lock, err);
	if (known < 0 || nl_open(&host, err) < 0)
		return -1;
	/* An address that is given back may be another's at once: its device has to be gone. */
	if (attach_remove(host, &veth, err) < 0)
		return -1;
	return known ? release(&lock, err) : 0;
}
