/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet rules for ports with macSpoofCheck or portIsolation, as `nft list table bridge
 * weft-spoof` prints them, apart from the offsets. Pure.
 *
 *   table bridge weft-spoof {
 *     counter spoof_drops; counter port_isolation_drops
 *     set ports       ifname                  the checked ports
 *     set macs        ifname . ether_addr     and their addresses, in IPv6 also the link-local
 *     set addresses4  ifname . ipv4_addr      address that the kernel derives from the MAC
 *     set addresses6  ifname . ipv6_addr
 *     set isolated    ifname                  the isolated ports
 *     set isolated4   ipv4_addr               and the addresses of their containers
 *     set isolated6   ipv6_addr
 *
 *     chain prerouting {        type filter hook prerouting priority dstnat - 1
 *       iifname @isolated jump isolated
 *       iifname @ports goto checked
 *     chain isolated {                           the bridge keeps isolated ports apart, but not
 *                                                packets by way of the gateway
 *       meta protocol ip ip daddr @isolated4 goto isolated-drop
 *       meta protocol ip6 ip6 daddr @isolated6 goto isolated-drop
 *       meta protocol 8021q goto isolated-drop   a second VLAN tag
 *       meta protocol 8021ad goto isolated-drop
 *     chain isolated-drop {
 *       counter name "port_isolation_drops" drop
 *     chain checked {
 *       iifname . ether saddr != @macs goto spoofed
 *       meta protocol ip goto check-ip4
 *       meta protocol ip6 goto check-ip6
 *       meta protocol arp goto check-arp
 *       meta protocol 8021q goto spoofed         a second VLAN tag (daemon/firewall/bridge_table.h)
 *       meta protocol 8021ad goto spoofed
 *     chain check-ip4 {
 *       iifname . ip saddr @addresses4 accept
 *       ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept      a DHCP client
 *       goto spoofed
 *     chain check-arp {                          for Ethernet and IPv4
 *       arp hlen . plen != 6 . 4 goto spoofed
 *       iifname . arp saddr ether != @macs goto spoofed
 *       iifname . arp saddr ip @addresses4 accept
 *       arp saddr ip 0.0.0.0 accept              a probe (RFC 5227)
 *       goto spoofed
 *     chain check-ip6 {
 *       iifname . ip6 saddr @addresses6 goto ip6-known
 *       ip6 saddr :: goto unspecified
 *       goto spoofed
 *     chain ip6-known {
 *       meta l4proto ipv6-icmp goto check-icmp6
 *       meta l4proto >= 0 accept
 *       goto incomplete
 *     chain check-icmp6 {
 *       type nd-neighbor-solicit goto solicitation
 *       type nd-neighbor-advert goto advertisement
 *       type nd-router-solicit goto router-solicitation
 *       type >= 0 accept
 *       goto incomplete
 *     chain solicitation {
 *       exthdr frag exists goto spoofed          RFC 6980
 *       1st option is a link-layer address: type 1 length 1 iifname . address @macs goto one-option
 *       a first option exists: goto spoofed
 *     chain router-solicitation { the same }
 *     chain advertisement { the same with type 2, and before:
 *       iifname . target != @addresses6 goto spoofed
 *     chain one-option {
 *       a second option exists: goto spoofed
 *     chain unspecified {                        source address ::
 *       type nd-neighbor-solicit iifname . target @addresses6 accept    (duplicate detection)
 *       type nd-router-solicit accept
 *       type 131, 132, 143 accept                multicast listener reports
 *       goto spoofed
 *     chain incomplete {                         the ICMPv6 header is not in this packet
 *       frag frag-off != 0 accept
 *       goto spoofed
 *     chain spoofed {
 *       counter name "spoof_drops" drop
 *   }
 */
#pragma once

#include "common/cleanup/cleanup.h"
#include "common/ipaddr.h"
#include "common/netfilter/nft.h"

#include <stdbool.h>
#include <stddef.h>

#define SPOOF_FAMILY 7 /* NFPROTO_BRIDGE */
#define SPOOF_TABLE CLEANUP_SPOOF_TABLE
#define SPOOF_DROPS "spoof_drops" /* counters */
#define SPOOF_ISOLATION_DROPS "port_isolation_drops"

enum spoof_set {
	SPOOF_PORTS,
	SPOOF_MACS,
	SPOOF_V4,
	SPOOF_V6,
	SPOOF_ISOLATED,
	SPOOF_ISOLATED_V4,
	SPOOF_ISOLATED_V6,
	SPOOF_SETS
};
extern const struct nft_set spoof_set[SPOOF_SETS];

/* Visits the chains and rules in the order of the kernel. A visit that returns false ends it. */
typedef bool spoof_chain_fn(void *ctx, const struct nft_chain *chain);
typedef bool spoof_rule_fn(void *ctx, const char *chain, const struct nft_expr *expr);
bool spoof_each_chain(spoof_chain_fn *visit, void *ctx);
bool spoof_each_rule(spoof_rule_fn *visit, void *ctx);

/* A port, with the addresses of its container. */
struct spoof_port {
	const char *name;
	bool checked;  /* macSpoofCheck */
	bool isolated; /* portIsolation */
	struct mac mac;
	const struct ipaddr *addresses;
	size_t address_len;
};

/* The number of elements of a port in a set, and one of them. */
size_t spoof_element_count(const struct spoof_port *port, enum spoof_set set);
struct nft_element spoof_element(const struct spoof_port *port, enum spoof_set set, size_t i);
