/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weftd tells others by file: the network's state for weft (common/state.h)
 * and, for docker and other consumers, flannel's subnet.env:
 *
 *   FLANNEL_NETWORK=10.5.0.0/16           where there is IPv4
 *   FLANNEL_SUBNET=10.5.1.1/24
 *   FLANNEL_IPV6_NETWORK=fd00:5::/48      where there is IPv6
 *   FLANNEL_IPV6_SUBNET=fd00:5:1::1/64
 *   FLANNEL_MTU=1450
 *   FLANNEL_IPMASQ=false                  whether weftd masquerades
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct state_network;

#define PUBLISH_SUBNET_SIZE 384

/* The text of subnet.env. Pure. */
const char *publish_subnet_text(const struct state_network *network, bool masquerades,
				char buf[static PUBLISH_SUBNET_SIZE]);

/*
 * Writes both files where they differ, the directories where they are absent. subnet_file may
 * be NULL. 0 / -1.
 */
int publish_network(const char *run_dir, const char *subnet_file,
		    const struct state_network *network, bool masquerades, struct err *err);

/*
 * Marks what is published of networks that are none of these: weft gives no address in them any
 * more, and takes away as before. What fails is logged.
 */
void publish_retire(const char *run_dir, const char *const names[], size_t len);

/*
 * Makes the run directory, takes it for this weftd by a lock on RUN/weftd.lock, which lasts
 * until *lock_out is closed, and proves that files can be written there. ERR_AGAIN when
 * another weftd has it. Errors name the directory.
 */
int publish_take_dir(const char *run_dir, int *lock_out, struct err *err);
