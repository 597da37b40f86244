/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/err.h"
#include "common/nl.h"
#include "common/state.h"
#include "plugin/assign.h"
#include "plugin/netconf.h"

#include <net/if.h>

/*
 * A device without which the containers that there are do not reach everything. Of which kind it
 * is ADD and CHECK look at: that would wait for whoever changes devices.
 */
static int check_device(const struct nl *nl, const char *name, struct err *err)
{
	uint32_t flags = 0;
	int found = nl_device_flags(nl, name, &flags, err);

	if (found < 0)
		return -1;
	if (!found || !(flags & IFF_UP))
		return err_set(err, ERR_LIMITED, "device %s is %s (weftd makes it: is it running?)",
			       name, found ? "down" : "missing");
	return 0;
}

int cmd_status(const struct env *env, const struct netconf *netconf, char **answer_out,
	       struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	struct state_network network;
	int found = state_read_network(netconf->run_dir, netconf->network, &network, err);

	(void)answer_out;
	if (found < 0) {
		err->code = ERR_UNAVAILABLE;
		return -1;
	}
	if (!found)
		return err_set(err, ERR_UNAVAILABLE,
			       "weftd has not published network \"%s\" in %s/networks (is it "
			       "running, and ready?)",
			       netconf->network, netconf->run_dir);
	if (network.retired)
		return err_set(err, ERR_UNAVAILABLE,
			       "weftd does not serve network \"%s\" any more: add it to its "
			       "--network, or name another one",
			       netconf->network);
	if (network.lease_lost)
		return err_set(err, ERR_LIMITED,
			       "this node has lost its subnet of network \"%s\" to another node",
			       netconf->network);
	if (nl_open(&nl, err) < 0 || check_device(nl, network.bridge, err) < 0 ||
	    check_device(nl, network.vxlan, err) < 0)
		return -1;
	return assign_check_room(env, netconf, &network, err);
}
