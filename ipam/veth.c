/* SPDX-License-Identifier: Apache-2.0 */
#include "ipam/veth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "veth"
#define OLD_PREFIX "weft" /* of weft 0.1.0 */
#define DIGITS 11
#define ALIAS "weft "

static struct veth of_hash(uint64_t hash)
{
	struct veth veth = { .alias = "" };
	uint8_t low[6];

	for (size_t i = 0; i < sizeof(low); i++)
		low[i] = (uint8_t)(hash >> (40 - 8 * i));
	snprintf(veth.name, sizeof(veth.name), PREFIX "%0*" PRIx64, DIGITS, hash >> 20);
	snprintf(veth.old_name, sizeof(veth.old_name), OLD_PREFIX "%0*" PRIx64, DIGITS, hash >> 20);
	veth.mac = mac_local(low);
	return veth;
}

struct veth veth_of(const struct attachment_key *key)
{
	struct veth veth = of_hash(attachment_hash(key));

	snprintf(veth.alias, sizeof(veth.alias), ALIAS "%s %s %s", key->network, key->container_id,
		 key->ifname);
	return veth;
}

struct veth veth_of_record(const char name[static ATTACHMENT_NAME_SIZE])
{
	return of_hash(strtoull(name, NULL, 16));
}

bool veth_is(const struct veth *veth, const struct link *link)
{
	if (link->kind != LINK_KIND_VETH ||
	    (strcmp(link->name, veth->name) != 0 && strcmp(link->name, veth->old_name) != 0))
		return false;
	if (link->alias[0] && veth->alias[0])
		return strcmp(link->alias, veth->alias) == 0;
	return mac_cmp(&link->mac, &veth->mac) == 0;
}

int veth_find(struct nl *nl, const struct veth *veth, struct link *link_out, struct err *err)
{
	struct link link, old;
	int found = link_get(nl, veth->name, &link, err), found_old;

	if (found < 0)
		return -1;
	if (!found || !veth_is(veth, &link)) {
		found_old = link_get(nl, veth->old_name, &old, err);
		if (found_old < 0)
			return -1;
		/* A foreign device is reported only if the veth has neither name. */
		if (found_old && (!found || veth_is(veth, &old))) {
			link = old;
			found = 1;
		}
	}
	if (found)
		*link_out = link;
	return found;
}

/* The digits of a name that veth_of could have given, or NULL. */
static const char *digits_of(const char *name)
{
	const char *digits = name + strlen(PREFIX);

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 &&
	    strncmp(name, OLD_PREFIX, strlen(OLD_PREFIX)) != 0)
		return NULL;
	return strlen(digits) == DIGITS && strspn(digits, "0123456789abcdef") == DIGITS ? digits :
											  NULL;
}

bool veth_is_of_network(const struct link *link, const char *network)
{
	const size_t len = strlen(network);

	return link->kind == LINK_KIND_VETH && digits_of(link->name) &&
	       strncmp(link->alias, ALIAS, strlen(ALIAS)) == 0 &&
	       strncmp(link->alias + strlen(ALIAS), network, len) == 0 &&
	       link->alias[strlen(ALIAS) + len] == ' ';
}

/* The hash of the key in the alias. Returns false if the alias has none, or is truncated. */
static bool hash_of_alias(const struct link *link, const char *network, uint64_t *hash_out)
{
	char text[LINK_ALIAS_SIZE], *rest;
	struct attachment_key key = { .network = network };

	if (strlen(link->alias) >= LINK_ALIAS_SIZE - 1)
		return false;
	snprintf(text, sizeof(text), "%s", link->alias + strlen(ALIAS) + strlen(network) + 1);
	rest = text;
	key.container_id = strsep(&rest, " ");
	key.ifname = rest;
	if (!rest)
		return false;
	*hash_out = attachment_hash(&key);
	return true;
}

bool veth_record(const struct link *link, const char *network,
		 char name_out[static ATTACHMENT_NAME_SIZE])
{
	const char *digits = digits_of(link->name);
	const uint8_t *mac = link->mac.octet;
	uint64_t hash;
	char name[ATTACHMENT_NAME_SIZE];
	struct veth veth;

	if (!veth_is_of_network(link, network))
		return false;
	if (hash_of_alias(link, network, &hash)) {
		snprintf(name_out, ATTACHMENT_NAME_SIZE, "%016" PRIx64, hash);
		return strncmp(name_out, digits, DIGITS) == 0;
	}
	/* The lower digits are in the MAC. */
	snprintf(name, sizeof(name), "%s%05x", digits,
		 (mac[3] & 0xfU) << 16 | (unsigned)mac[4] << 8 | mac[5]);
	veth = veth_of_record(name);
	if (mac_cmp(&veth.mac, &link->mac) != 0)
		return false;
	memcpy(name_out, name, sizeof(name));
	return true;
}

struct link_port veth_port(const struct attachment_port *port)
{
	struct link_port flags = LINK_PORT_NEW;

	flags.hairpin = port->hairpin;
	flags.isolated = port->isolated;
	flags.locked = port->locked;
	flags.learning = !port->locked;
	return flags;
}

const char *veth_port_difference(const struct attachment_port *port, const struct link_port *have)
{
	const struct link_port want = veth_port(port);

	return want.locked != have->locked                 ? "locked" :
	       want.isolated != have->isolated             ? "isolated" :
	       want.learning != have->learning             ? "learning" :
	       want.hairpin != have->hairpin               ? "hairpin" :
	       want.flood != have->flood                   ? "flood" :
	       want.mcast_flood != have->mcast_flood       ? "mcast_flood" :
	       want.bcast_flood != have->bcast_flood       ? "bcast_flood" :
	       want.neigh_suppress != have->neigh_suppress ? "neigh_suppress" :
							     NULL;
}
