/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an attachment's veth is known in the host: its name, its MAC and its alias follow from
 * whose it is, so that DEL finds it without a record and without the container's
 * namespace, and that a veth of somebody else is never taken for it. Pure.
 */
#pragma once

#include "common/link.h"
#include "ipam/attachment.h"

#include <net/if.h>
#include <stdbool.h>

struct veth {
	char name[IF_NAMESIZE];      /* "weft" and the upper 44 bits of the hash */
	struct mac mac;              /* the lower 48, as a local address */
	char alias[LINK_ALIAS_SIZE]; /* "weft NETWORK CONTAINERID IFNAME", cut where too long */
};

struct veth veth_of(const struct attachment_key *key);

/* The same from the record's name alone, for those that have no more: without an alias. */
struct veth veth_of_record(const char name[static ATTACHMENT_NAME_SIZE]);

/*
 * Whether the device is this veth, or what an ADD has left of it that was killed before it
 * could set the alias. Where either has no alias, the MAC decides.
 */
bool veth_is(const struct veth *veth, const struct link *link);
