/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/cmd.h"

#include "common/err.h"
#include "common/netlink/nl.h"
#include "common/state.h"
#include "plugin/assign.h"
#include "plugin/holder.h"
#include "plugin/netconf.h"

#include <net/if.h>

/*
 * Existing containers depend on this device. Its kind is checked by ADD and CHECK only: a netlink
 * request would wait for other holders of the RTNL lock.
 */
static int check_device(const struct nl *nl, const char *name, struct err *err)
{
	uint32_t flags = 0;
	int found = nl_device_flags(nl, name, &flags, err);

	if (found < 0)
		return -1;
	if (!found || !(flags & IFF_UP))
		return err_set(err, ERR_LIMITED, "device %s is %s; is weftd running?", name,
			       found ? "down" : "missing");
	return 0;
}

int cmd_status(const struct env *env, const struct netconf *netconf, char **output_out,
	       struct err *err)
{
	AUTO(nl) struct nl *nl = NULL;
	struct state_network network;
	int found = state_read_network(netconf->run_dir, netconf->network, &network, err);

	(void)output_out;
	if (found < 0) {
		err->code = ERR_UNAVAILABLE;
		return -1;
	}
	if (!found)
		return err_set(err, ERR_UNAVAILABLE,
			       "network \"%s\" is not published in %s/networks; is weftd "
			       "running and ready?",
			       netconf->network, netconf->run_dir);
	if (network.retired)
		return err_set(err, ERR_UNAVAILABLE,
			       "network \"%s\" is no longer served by weftd; add it to "
			       "weftd's --network or configure another one",
			       netconf->network);
	if (network.lease_lost)
		return err_set(err, ERR_LIMITED,
			       "this node lost its subnet of network \"%s\" to another node",
			       netconf->network);
	if (nl_open(&nl, err) < 0 || holder_check(nl, &network, err) < 0 ||
	    check_device(nl, network.bridge, err) < 0 || check_device(nl, network.vxlan, err) < 0)
		return -1;
	return assign_check_free(env, netconf, &network, err);
}
