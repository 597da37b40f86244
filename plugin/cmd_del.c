/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/err.h"
#include "common/nl.h"
#include "ipam/attachment.h"
#include "ipam/release.h"
#include "ipam/veth.h"
#include "plugin/assign.h"
#include "plugin/attach.h"
#include "plugin/env.h"
#include "plugin/netconf.h"

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
	if (assign_forward(env, netconf, "DEL", err) < 0)
		return -1;
	return known ? release_record(&lock, err) : 0;
}
