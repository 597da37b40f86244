/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/err.h"
#include "common/netlink/nl.h"
#include "ipam/attachment.h"
#include "ipam/release.h"
#include "ipam/veth.h"
#include "plugin/assign.h"
#include "plugin/attach.h"
#include "plugin/container_event.h"
#include "plugin/env.h"
#include "plugin/netconf.h"

int cmd_del(const struct env *env, const struct netconf *netconf, char **output_out,
	    struct err *err)
{
	const struct attachment_key key = env_key(env, netconf->network);
	const struct veth veth = veth_of(&key);
	AUTO(attachment_lock) struct attachment_lock lock = ATTACHMENT_LOCK_INIT;
	AUTO(nl) struct nl *host = NULL;
	int locked;

	(void)output_out;
	/* Without a record there is no ADD in progress: a lock would exclude nothing. */
	locked = release_lock(netconf->run_dir, &key, &lock, err);
	if (locked < 0 || nl_open(&host, err) < 0)
		return -1;
	/* The device goes first: a released address may be assigned again at once. */
	if (attach_remove(host, &veth, err) < 0)
		return -1;
	if (assign_forward(env, netconf, "DEL", err) < 0)
		return -1;
	return locked ? container_event_release(&lock, err) : 0;
}
