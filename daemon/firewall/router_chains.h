/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chains that drop what makes a container a router or DHCP server of others. The tables
 * inet weft (packets to the host and through it) and bridge weft (frames between two ports of a
 * bridge) have the same ones. Pure.
 *
 *     chain check-udp {
 *       th sport 67 goto router                     DHCP servers
 *       th dport 68 goto router
 *       th sport 547 goto router
 *       th dport 546 goto router
 *       th sport >= 0 return
 *       goto incomplete
 *     chain check-ip6 {
 *       meta l4proto ipv6-icmp goto check-icmp6
 *       meta l4proto >= 0 return
 *       goto incomplete
 *     chain check-icmp6 {
 *       @th,0,8 134 goto router                     router advertisement
 *       @th,0,8 137 goto router                     redirect
 *       @th,0,8 >= 0 return
 *       goto incomplete
 *     chain check-icmp {
 *       @th,0,8 5 goto router                       redirect
 *       @th,0,8 9 goto router                       router advertisement
 *     chain check-ip4 {                             bridge weft only: the host discards these
 *       meta l4proto >= 0 return
 *       goto router                                 a malformed header
 *     chain incomplete {                            the upper-layer header is not in this packet
 *       meta protocol ip return
 *       frag frag-off != 0 return
 *       goto router
 *
 * The chain router, which permits or drops, differs between the tables. A header chain that
 * continues in the next fragment is dropped by the first one (RFC 7112), and so is a fragmented
 * router advertisement (RFC 6980). The kernel reassembles IPv4 packets before the hook input,
 * but IPv6 packets only with connection tracking, so both tables have all rules.
 *
 * Where the rules are: at the ports, all frames are checked where they leave a container, at
 * the hook prerouting of the bridge, which each routed packet passes on both nodes. Otherwise,
 * routed packets do not pass these rules twice, but those of inet weft once. That table cannot
 * distinguish a frame that br_netfilter bridges from one that is routed, so in an L2 network
 * with br_netfilter, in which the frames of peers pass, the rules are at the ports; and with a
 * bridge of another program, which may have ports of containers that weft attached.
 */
#pragma once

#include "daemon/firewall/firewall_table.h"

#include <stdbool.h>

#define ROUTER_DROPS "router_drops" /* a counter of both tables */

/* Returns whether the table inet weft checks packets to the host and through it. */
bool router_at_host(const struct firewall_builder *builder);
/* Returns whether the table bridge weft checks all frames of containers. */
bool router_at_ports(const struct firewall_builder *builder);
/* Returns whether the table bridge weft checks frames between two ports only. */
bool router_between_ports(const struct firewall_builder *builder);

/* Fill the chains of these names, if the table that is built has the rules. */
void router_add_incomplete(struct firewall_builder *builder);
void router_add_icmp(struct firewall_builder *builder);
void router_add_icmp6(struct firewall_builder *builder);
void router_add_ip4(struct firewall_builder *builder);
void router_add_ip6(struct firewall_builder *builder);
void router_add_udp(struct firewall_builder *builder);
/* "router" of inet weft. */
void router_add_host_verdict(struct firewall_builder *builder);
/* "router" of bridge weft. */
void router_add_port_verdict(struct firewall_builder *builder);

/*
 * Add rules for most packets to the chain, with the verdict: TCP; all others whose first four
 * bytes of the upper-layer header exclude the checked types and ports; and UDP without a port
 * below 1024. The bits of the destination ports in `ports` are not compared, so that no packet
 * to one of them matches, except for TCP.
 */
void router_add_most(struct firewall_builder *builder, const char *chain, uint16_t ports,
		     int32_t verdict, const char *target);
/* Adds a rule to the end for packets of other devices than weft's, which are not checked. */
void router_add_other_devices(struct firewall_builder *builder, const char *chain);
/* Adds the rules that lead to the chains above. */
void router_add_checks(struct firewall_builder *builder, const char *chain);
