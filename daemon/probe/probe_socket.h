/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UDP socket of probes in one family of a network: bound to the node's gateway address. It
 * accepts what came through the network's bridge with a hop limit of 255, which no router has
 * decremented (RFC 5082): not from a container of another node, whose packets that node forwards.
 * A filter in the kernel drops what cannot be a probe before it takes space in the buffer.
 */
#pragma once

#include "common/ipaddr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBE_SOCKET_BATCH 32 /* packets that are received at once */

struct err;

/* A packet as it arrived. */
struct probe_packet {
	struct ipaddr from;
	const uint8_t *data; /* valid until the next probe_socket_receive */
	size_t size;         /* more than PROBE_SIZE_LARGE: the data is truncated to that */
	uint32_t device;     /* index of the device; 0: unknown */
	int hop_limit;       /* -1: unknown */
	uint16_t port;       /* of the source */
	uint64_t arrived_us; /* when the kernel received it, of CLOCK_MONOTONIC */
};

/*
 * What passes the kernel's filter: through the device, from the port, with a hop limit of 255, the
 * size and the first bytes of a message, and not from the node's own subnet, as its containers'
 * packets are; those of other nodes' containers have a smaller hop limit. own: the gateway, with
 * the length of the subnet.
 */
struct probe_filter {
	uint32_t device;
	uint16_t port;
	const struct prefix *own;
};

/*
 * Opens the socket at the gateway's address, which need not exist yet. *fd_out is the caller's.
 * Returns 0, or -1 with ERR_IO.
 */
int probe_socket_open(const struct probe_filter *filter, int *fd_out, struct err *err);

/* Replaces the filter. Errors as above; the filter is unchanged. */
int probe_socket_set_filter(int fd, const struct probe_filter *filter, struct err *err);

/* Returns how many packets the kernel has dropped, by the filter or because the buffer was full. */
uint32_t probe_socket_dropped(int fd);

/*
 * Receives up to max packets, at most PROBE_SOCKET_BATCH, in the order of their arrival, without
 * blocking. Returns their number; less than max: the socket has no more.
 */
size_t probe_socket_receive(int fd, struct probe_packet packets_out[static PROBE_SOCKET_BATCH],
			    size_t max);

/* Sends without blocking. Returns 0, or the errno of the failure. */
int probe_socket_send(int fd, const struct ipaddr *to, uint16_t port, const uint8_t *message,
		      size_t size);
