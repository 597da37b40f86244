/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts packets with a mark at places of their way from the tunnel to a container of this node,
 * and their answers on the way back: the probes of `weftctl trace --probe` on another node. weftd
 * has no CAP_NET_RAW, so the counters are those of two nf_tables tables, which drop nothing:
 *
 *   table inet weft-watch {
 *     chain prerouting  (priority -450)  outer UDP packet with the mark             underlay
 *     chain forward     (priority 450)   packet with the mark                       forwarded
 *     chain input       (priority 450)   to an address of this host                 delivered
 *     chain postrouting (priority 450)   outer UDP packet with an answer            answer_underlay
 *   table bridge weft-watch {
 *     chain prerouting  (priority -450)  from the tunnel with the mark              tunnel
 *                                        an answer                                  answer
 *     chain postrouting (priority 450)   to the container's port                    delivered
 *                                        an answer                                  answer_tunnel
 *
 * The mark is at the beginning of the data of ICMP echo requests, of their replies and of UDP, and
 * is quoted by ICMP errors. The kernel removes the tables when weftd exits, however it does
 * (NFT_TABLE_F_OWNER, since Linux 5.12).
 */
#pragma once

#include "common/auto.h"
#include "common/ipaddr.h"

#include <stdint.h>

struct err;

#define PACKET_WATCH_MARK 16
#define PACKET_WATCH_TABLE "weft-watch"

enum packet_place {
	PACKET_UNDERLAY,  /* the tunnel packet has arrived */
	PACKET_TUNNEL,    /* the packet has left the tunnel */
	PACKET_FORWARDED, /* it has passed the forward chains */
	PACKET_DELIVERED, /* it has left through the container's port */
	PACKET_ANSWER,    /* the answer has entered the bridge */
	PACKET_ANSWER_TUNNEL,
	PACKET_ANSWER_UNDERLAY,
	PACKET_PLACES
};

struct packet_watch_request {
	enum family family; /* of the packet in the tunnel */
	uint8_t mark[PACKET_WATCH_MARK];
	const char *port; /* of the container, on this host; NULL: to an address of this host */
};

struct packet_watch;

/* Creates the tables; there can be one watch at a time. Returns 0, or -1 with ERR_KERNEL. */
int packet_watch_open(const struct packet_watch_request *request, struct packet_watch **watch_out,
		      struct err *err);
/* The packets so far. Returns 0 or -1. */
int packet_watch_read(const struct packet_watch *watch, uint64_t count_out[static PACKET_PLACES],
		      struct err *err);
/* Removes the tables. NULL is allowed. */
void packet_watch_close(struct packet_watch *watch);
AUTO_DEFINE(packet_watch, struct packet_watch, packet_watch_close);
