/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that weftd publishes: the network's state for weft (common/state.h) and, for docker
 * and other consumers, flannel's subnet.env:
 *
 *   FLANNEL_NETWORK=10.5.0.0/16           where there is IPv4
 *   FLANNEL_SUBNET=10.5.1.1/24
 *   FLANNEL_IPV6_NETWORK=fd00:5::/48      where there is IPv6
 *   FLANNEL_IPV6_SUBNET=fd00:5:1::1/64
 *   FLANNEL_MTU=1450
 *   FLANNEL_IPMASQ=false                  whether weftd masquerades
 */
#pragma once

#include "common/err.h"
#include "common/ipaddr.h"
#include "daemon/lease/foreign.h"
#include "daemon/network/publish_watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct state_network;

#define PUBLISH_SUBNET_SIZE 384

/*
 * The address that containers of this node's subnet have as their gateway; unset: an L2 network
 * without one.
 */
struct ipaddr publish_gateway(const struct config *config, enum family family,
			      const struct prefix *subnet);

/*
 * Makes the network's state for its file: with these subnets (unset: none) and the devices' MTU in
 * bytes, which is too small for IPv6 subnets if it is below 1280; lease_lost: the subnets are
 * another node's now. Pure.
 */
void publish_make_state(const char *name, const struct config *config,
			const struct prefix subnet[static FAMILIES], uint32_t mtu, bool lease_lost,
			struct state_network *state_out);

/* Returns buf with the text of subnet.env. Pure. */
const char *publish_subnet_text(const struct state_network *network, bool masquerades,
				char buf[static PUBLISH_SUBNET_SIZE]);

/*
 * Writes each file if its content differs, and makes absent directories. The state is written
 * last: its presence means that the network is ready. subnet_file may be NULL. Returns 0 or -1.
 */
int publish_network(const char *run_dir, const char *subnet_file,
		    const struct state_network *network, bool masquerades, struct err *err);

/* What is published; all borrowed. */
struct publish_source {
	/* subnet_file may be NULL; an L2 network has none: its subnet is no node's alone. */
	const char *name, *run_dir, *subnet_file;
	struct nl *nl;
	const struct config *config;
	const struct prefix *subnet; /* FAMILIES of them; unset: none */
	uint32_t mtu;                /* of the devices, in bytes */
	bool lease_lost;             /* the subnets are another node's now */
	bool masquerades;            /* the packet rules masquerade what leaves the cluster */
	const struct foreign_prefix *holder; /* of the subnet (foreign_find_holder); NULL: none */
	bool devices;                        /* those of the network exist */
};

/* The result of publishing. */
struct publication {
	bool done; /* published at least once */
	char error[ERR_TEXT_SIZE];
	char holder[FOREIGN_TEXT_SIZE]; /* which device has the node's subnet; "": none */
	struct publish_watch watch;
};

/*
 * Publishes the network, unless it has never been and the devices are missing. Sets holder, done
 * and error. Returns 1 published, 0 not, -1 failed.
 */
int publish_run(struct publication *publication, const struct publish_source *source);

/*
 * Marks the published networks that are not among names as retired: weft assigns no more
 * addresses in them, and releases those in use as before. Failures are logged.
 */
void publish_retire(const char *run_dir, const char *const names[], size_t len);

/*
 * Makes the run directory, locks RUN/weftd.lock until *lock_out, the caller's, is closed, and
 * checks that files can be written there. ERR_AGAIN when another weftd holds the lock. Errors
 * name the directory.
 */
int publish_take_dir(const char *run_dir, int *lock_out, struct err *err);
