/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/holder.h"

#include "common/err.h"
#include "common/netlink/link.h"
#include "common/state.h"

/* weftd may be down since the device was deleted. */
int holder_check(struct nl *nl, const struct state_network *network, struct err *err)
{
	struct link link;
	int found = network->holder[0] ? link_get(nl, network->holder, &link, err) : 0;

	if (found <= 0)
		return found;
	if (link.kind != LINK_KIND_BRIDGE && link.kind != LINK_KIND_VXLAN)
		return err_set(err, ERR_UNAVAILABLE,
			       "device %s has an address or route in this node's subnet of network "
			       "\"%s\", a new container would be unreachable: weftctl doctor shows "
			       "the command that removes it",
			       network->holder, network->name);
	return err_set(err, ERR_UNAVAILABLE,
		       "device %s has addresses of this node's subnet of network \"%s\", a new "
		       "container would be unreachable: move its containers away and run: "
		       "ip link delete %s",
		       network->holder, network->name, network->holder);
}
