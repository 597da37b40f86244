/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other programs have configured on this node: the addresses, on-link routes and MACs of
 * devices that do not belong to the network. A subnet or a peer must not conflict with them.
 * Collected by dataplane/foreign_scan.h. Pure.
 */
#pragma once

#include "common/ipaddr.h"
#include "common/vec.h"

#include <net/if.h>
#include <stdbool.h>

struct foreign_device {
	char name[IF_NAMESIZE];
	bool is_virtual; /* a bridge or vxlan device: it can be deleted */
};

/* A prefix that a device reaches without a gateway. */
struct foreign_prefix {
	struct prefix prefix; /* masked */
	struct ipaddr addr;   /* the device's address in it; unset: known from a route only */
	struct foreign_device device;
};
VEC_DEFINE(foreign_prefixes, struct foreign_prefix);

enum foreign_kind { FOREIGN_LOCAL, FOREIGN_NETWORK, FOREIGN_BROADCAST };

/* An address that is local to this node, or the network or broadcast address of its prefix. */
struct foreign_address {
	struct ipaddr addr;
	enum foreign_kind kind;
	char device[IF_NAMESIZE];
};
VEC_DEFINE(foreign_addresses, struct foreign_address);

struct foreign_mac {
	struct mac mac;
	char device[IF_NAMESIZE];
};
VEC_DEFINE(foreign_macs, struct foreign_mac);

/* All sorted, after foreign_sort. Zero-initialized: empty. */
struct foreign {
	struct foreign_prefixes prefixes;
	struct foreign_addresses addresses; /* of all devices, those of the network too */
	struct foreign_macs macs;
};

void foreign_free(struct foreign *foreign);

/*
 * Adds an address of a device, with its prefix's length: to the addresses, and if foreign to the
 * prefixes. Loopback, link-local and multicast addresses are skipped. Returns false if out of
 * memory, as all of these.
 */
bool foreign_add_address(struct foreign *foreign, const struct prefix *addr,
			 const struct foreign_device *device, bool is_foreign);
/* Adds the destination of an on-link route. */
bool foreign_add_route(struct foreign *foreign, const struct prefix *dst,
		       const struct foreign_device *device);
/* Zero and group addresses are skipped. */
bool foreign_add_mac(struct foreign *foreign, const struct mac *mac, const char *device);

/* Sorts and removes duplicates. To be called once after all were added. */
void foreign_sort(struct foreign *foreign);
bool foreign_equal(const struct foreign *a, const struct foreign *b);

/* Return the entry, or NULL. foreign may be NULL: nothing is known. */
const struct foreign_address *foreign_find_address(const struct foreign *foreign,
						   const struct ipaddr *addr);
const struct foreign_mac *foreign_find_mac(const struct foreign *foreign, const struct mac *mac);

/* Sort a list of MACs, compare two, and find one in it (macs may be NULL: it is empty). */
void foreign_macs_sort(struct foreign_macs *macs);
bool foreign_macs_equal(const struct foreign_macs *a, const struct foreign_macs *b);
const struct foreign_mac *foreign_macs_find(const struct foreign_macs *macs, const struct mac *mac);

/* Returns whether the prefix is a holder of one of the subnets, as below. */
bool foreign_holds(const struct foreign_prefix *prefix,
		   const struct prefix subnet[static FAMILIES]);

/*
 * Returns a foreign prefix that equals one of the subnets or is inside it, or whose address is: the
 * device attracts packets to the subnet's containers. NULL: none. An enclosing prefix is no
 * conflict, because the bridge's route is more specific.
 */
const struct foreign_prefix *foreign_find_holder(const struct foreign *foreign,
						 const struct prefix subnet[static FAMILIES]);

#define FOREIGN_TEXT_SIZE 256

/*
 * Write the command that removes the prefix from the node: "ip link delete cni0", "ip address del
 * 10.5.3.1/24 dev eth1"; and what is wrong with the holder of a subnet, with that command. Return
 * buf.
 */
const char *foreign_command(const struct foreign_prefix *prefix,
			    char buf[static FOREIGN_TEXT_SIZE]);
const char *foreign_holder_text(const struct foreign_prefix *holder,
				char buf[static FOREIGN_TEXT_SIZE]);

/*
 * Returns whether a subnet that is to be chosen in the network overlaps a foreign prefix. Prefixes
 * that contain the whole network do not count: every subnet would.
 */
bool foreign_occupies(const struct foreign_prefix *prefix, const struct prefix *network);
