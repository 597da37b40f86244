/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet rules of all networks of the node as one nf_tables table, as
 * `nft list table inet weft` prints it. Pure: firewall_apply.h applies it.
 *
 *   table inet weft {
 *     counter vtep_filter_drops; counter injection_drops; counter isolation_drops; counter router_drops
 *     set peers4-1 peers6-1     public addresses of the peers in the network with VNI 1, with a limit
 *                               (size) unless the network has more than 4,096 subnets
 *     set own4-1 own6-1         this node's subnet in it
 *     set except4-1 except6-1   destinations without masquerading: NonMasquerade, multicast
 *     set isolated4-1 isolated6-1     networks on this node that do not allow it
 *     set cluster4 cluster6     all networks on this node
 *
 *     chain from-peers {                            unless the table netdev weft (ingress_table.h) does it
 *       ip saddr @peers4-1 notrack                  with several networks, after the VNI
 *     chain to-peers {                              with several networks, or without a known address
 *       @th,96,32 & 0xffffff00 == 0x100 ip saddr 192.168.0.1 notrack
 *     chain tunnel-in {         type filter hook prerouting priority raw
 *       udp dport 8472 goto from-peers
 *     chain tunnel-out {        type filter hook output priority raw
 *       th dport 8472 @nh,72,8 17 ip saddr 192.168.0.1 notrack  a single network; else
 *       udp dport 8472 goto to-peers
 *     chain refused {
 *       counter name "vtep_filter_drops" drop
 *     chain injected {
 *       counter name "injection_drops" drop
 *     chain tunnel-input {
 *       @ll,0,48 & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 goto injected     with another program's bridge
 *       iifgroup 119 goto injected                  from containers: the devices of weft
 *       iifname "br-lan" goto injected              another program's bridge (Weft.Bridge)
 *       @th,96,32 & 0xffffff00 == 0x100 ip saddr @peers4-1 ip daddr & 255.255.0.0 != 10.5.0.0 accept
 *       ip daddr @cluster4 goto injected            no tunnel endpoint
 *       @th,96,32 & 0xffffff00 == 0x100 goto refused        the VNI in a VXLAN header
 *       @th,96,32 >= 0x0 accept                     a VNI of no network here, or of another program
 *       goto refused                                cut short, or a fragment without a VNI
 *     chain tunnel-forward {
 *       oifgroup 119 return                         into an overlay
 *       ip daddr @cluster4 return                   to a container, not to a node
 *       iifgroup 119 goto injected                  (with another program's bridge, the same by its name)
 *       @th,96,32 & 0xffffff00 == 0x100 ip daddr @peers4-1 ip saddr != @peers4-1 goto injected
 *       @th,96,32 >= 0x0 return
 *       ip daddr @peers4-1 goto injected            cut short, or a fragment without a VNI
 *     chain router {
 *       iifname "weft-br2" return                   AllowRouters in one of several networks
 *       counter name "router_drops" drop
 *     (chains incomplete, check-icmp, check-icmp6, check-ip6, check-udp: router_chains.h)
 *     chain routers {
 *       meta l4proto udp goto check-udp
 *       meta protocol ip6 goto check-ip6
 *       meta l4proto icmp goto check-icmp
 *     chain isolation {
 *       iifname "weft-br1" ip daddr @isolated4-1 ct state established,related accept
 *       iifname "weft-br1" ip daddr @isolated4-1 counter name "isolation_drops" drop
 *       (of a closed network: iifname "weft-br3" oifname != "weft-br3" oifgroup 119, and vice
 *       versa, counter name "isolation_drops" drop; of an L2 network without a gateway the same with
 *       any other device; of another program's bridge the same with weft's devices and with other
 *       such bridges, after accepts for networks that AllowFrom permits)
 *     chain input {             type filter hook input priority filter
 *       th dport 8472 @th,96,32 0x100 ip saddr @peers4-1 ip daddr 192.168.0.1 iifgroup != 119 accept
 *                                                   a single network: most packets of the tunnel
 *       udp dport 8472 goto tunnel-input
 *       iifgroup 119 iifname != "weft-br*" drop     a port is no input device of the host
 *       iifname "weft-br5" counter name "isolation_drops" drop      an L2 network without a gateway
 *       iifgroup 119 goto routers                   from weft's bridges
 *     chain forward {           type filter hook forward priority filter
 *       meta l4proto tcp accept                     with several networks, goto isolation
 *       @th,0,32 & 0x70000000 != 0 @th,0,32 & 0xdc00 != 0 accept    most others: no type or port that a chain
 *                                                   checks, and no port of a tunnel: the bits of 8472 are not compared
 *       meta l4proto udp @th,0,32 & 0xfc000000 != 0 @th,0,32 & 0xdc00 != 0 accept
 *       udp dport 8472 jump tunnel-forward
 *       iifgroup 119 jump routers
 *       goto isolation
 *     chain postrouting {       type nat hook postrouting priority srcnat
 *       meta mark & 0x4000 == 0x4000 return         masqueraded by kube-proxy
 *       ip saddr @own4-1 ip daddr @own4-1 ct status dnat masquerade     not with br_netfilter
 *       ip saddr @own4-1 ip daddr != @cluster4 ip daddr != @except4-1 masquerade fully-random
 *   }
 *
 * The same for IPv6. Objects that no network needs are absent. With several clusters, a set
 * replaces the comparison in tunnel-input. udp dport compares the port first and then the protocol:
 * most packets leave the chains after this comparison, for which the kernel calls no function.
 */
#pragma once

#include "common/cleanup/cleanup.h"
#include "daemon/firewall/firewall_network.h"
#include "daemon/firewall/rule_table.h"

#include <stdbool.h>
#include <stddef.h>

#define FIREWALL_FAMILY 1 /* NFPROTO_INET */
#define FIREWALL_TABLE CLEANUP_TABLE
#define FIREWALL_VTEP_FILTER_DROPS "vtep_filter_drops" /* counters */
#define FIREWALL_INJECTION_DROPS "injection_drops"
#define FIREWALL_ISOLATION_DROPS "isolation_drops"

struct firewall_options {
	bool ip_masq, forward, guard;
	bool probe;        /* weftd answers probes */
	bool inet_missing; /* inet weft is not known to be installed: bridge weft does not rely on it */
	unsigned unsupported; /* parts to leave out: bits 1 << enum firewall_part */
	/* br_netfilter passes bridged packets of the family to connection tracking. */
	bool bridge_nf[FAMILIES];
	const char *run_dir; /* of the records of attachments; NULL: none */
};

/* Returns false if out of memory. The caller frees *table_out in either case. */
bool firewall_table_build(const struct firewall_options *options,
			  const struct firewall_network *networks, size_t len,
			  struct firewall_table *table_out);
