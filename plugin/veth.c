/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/veth.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct veth veth_of(const struct attachment_key *key)
{
	uint64_t hash = attachment_hash(key);
	uint8_t low[6];
	struct veth veth;

	for (size_t i = 0; i < sizeof(low); i++)
		low[i] = (uint8_t)(hash >> (40 - 8 * i));
	snprintf(veth.name, sizeof(veth.name), "weft%011" PRIx64, hash >> 20);
	snprintf(veth.alias, sizeof(veth.alias), "weft %s %s %s", key->network, key->container_id,
		 key->ifname);
	veth.mac = mac_local(low);
	return veth;
}

bool veth_is(const struct veth *veth, const struct link *link)
{
	if (link->kind != LINK_KIND_VETH || strcmp(link->name, veth->name) != 0)
		return false;
	if (link->alias[0])
		return strcmp(link->alias, veth->alias) == 0;
	return mac_cmp(&link->mac, &veth->mac) == 0;
}
