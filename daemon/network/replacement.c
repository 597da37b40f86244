/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/network/replacement.h"

#include "common/err.h"
#include "daemon/dataplane/device.h"
#include "daemon/network/config_check.h"
#include "daemon/network/desired.h"
#include "daemon/network/own_lease.h"
#include "daemon/network/store_view.h"
#include "ipam/config.h"

#include <string.h>

int replacement_check(const struct replacement *replacement, struct err *err)
{
	const struct lease_client_view lease = own_lease_view(replacement->own);
	const struct config *current = &replacement->view->config;
	const struct device_want device = desired_device(replacement->network, replacement->next,
							 replacement->underlay,
							 replacement->own->vtep_mac, lease.subnet,
							 replacement->displaced);

	if (!prefix_is_set(&lease.subnet[FAMILY_V4]) && !prefix_is_set(&lease.subnet[FAMILY_V6]))
		return 0;
	if (current->mode != replacement->next->mode)
		return err_set(err, ERR_CONFIG,
			       "network configuration refused: Weft.Mode cannot change while the "
			       "network is in use: remove its containers and restart weftd");
	if (strcmp(current->bridge, replacement->next->bridge) != 0)
		return err_set(err, ERR_CONFIG,
			       "network configuration refused: Weft.Bridge cannot change while the "
			       "network is in use: remove its containers and restart weftd");
	if (own_lease_check_config(replacement->own, replacement->next, err) < 0 ||
	    config_check_peers(current, replacement->next,
			       &replacement->view->leases.current.leases, replacement->self,
			       err) < 0)
		return -1;
	if (device_check(replacement->nl, &device, err) < 0)
		return err_wrap(err, "network configuration refused");
	return 0;
}
