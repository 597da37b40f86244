/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity of an attachment's veth in the host: name, MAC and alias are derived from the
 * attachment's key, so that DEL finds the veth without a record and without the container's
 * namespace, and never mistakes another device for it. Pure, except for veth_find.
 */
#pragma once

#include "common/netlink/link.h"
#include "ipam/attachment.h"

#include <net/if.h>
#include <stdbool.h>

struct err;
struct nl;

struct veth {
	char name[IF_NAMESIZE];      /* "veth" and the upper 44 bits of the hash */
	char old_name[IF_NAMESIZE];  /* "weft" and the same: created by weft 0.1.0 */
	struct mac mac;              /* the lower 48, as a local address */
	char alias[LINK_ALIAS_SIZE]; /* "weft NETWORK CONTAINERID IFNAME", truncated if too long */
};

/* Derives the veth from the key. */
struct veth veth_of(const struct attachment_key *key);

/* Derives name and MAC from the record's name; alias is empty. */
struct veth veth_of_record(const char name[static ATTACHMENT_NAME_SIZE]);

/*
 * Returns the bridge port's flags for an attachment. A locked port accepts frames only from MACs
 * with an FDB entry for the port; with learning off, that is the static entry alone (bridge(8),
 * "locked").
 */
struct link_port veth_port(const struct attachment_port *port);

/*
 * Returns the name of the first flag in which the port differs from what was set for the attachment
 * ("locked", "isolated", "learning", "hairpin", "flood", "mcast_flood", "bcast_flood",
 * "neigh_suppress"), or NULL. The port's state is ignored.
 */
const char *veth_port_difference(const struct attachment_port *port, const struct link_port *have);

/*
 * Whether the device is this veth. Compares name, either one, and alias; if either alias is empty
 * (an ADD was killed before it set the alias), name and MAC.
 */
bool veth_is(const struct veth *veth, const struct link *link);

/*
 * Gets the device that has the veth's name, or its old name. Returns 1 found, 0 absent, -1 failed.
 * A device for which veth_is is false belongs to another owner; the veth itself does not exist
 * then.
 */
int veth_find(struct nl *nl, const struct veth *veth, struct link *link_out, struct err *err);

/* Returns whether the device is the host end of a container's veth in the network. */
bool veth_is_of_network(const struct link *link, const char *network);

/*
 * Derives the name of the record of a veth of the network. Returns false if it cannot be derived
 * from name, alias and MAC.
 */
bool veth_record(const struct link *link, const char *network,
		 char name_out[static ATTACHMENT_NAME_SIZE]);
