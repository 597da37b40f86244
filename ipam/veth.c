/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/veth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct veth of_hash(uint64_t hash)
{
	struct veth veth = { .alias = "" };
	uint8_t low[6];

	for (size_t i = 0; i < sizeof(low); i++)
		low[i] = (uint8_t)(hash >> (40 - 8 * i));
	snprintf(veth.name, sizeof(veth.name), "weft%011" PRIx64, hash >> 20);
	veth.mac = mac_local(low);
	return veth;
}

struct veth veth_of(const struct attachment_key *key)
{
	struct veth veth = of_hash(attachment_hash(key));

	snprintf(veth.alias, sizeof(veth.alias), "weft %s %s %s", key->network, key->container_id,
		 key->ifname);
	return veth;
}

struct veth veth_of_record(const char name[static ATTACHMENT_NAME_SIZE])
{
	return of_hash(strtoull(name, NULL, 16));
}

bool veth_is(const struct veth *veth, const struct link *link)
{
	if (link->kind != LINK_KIND_VETH || strcmp(link->name, veth->name) != 0)
		return false;
	if (link->alias[0] && veth->alias[0])
		return strcmp(link->alias, veth->alias) == 0;
	return mac_cmp(&link->mac, &veth->mac) == 0;
}
