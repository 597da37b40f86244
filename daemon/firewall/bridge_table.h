/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet rules of weft's bridges as one nf_tables table, as `nft list table bridge weft` prints
 * it. They see what the table inet weft does not: frames between two ports of a bridge. Pure:
 * firewall_apply.h applies the table.
 *
 *   table bridge weft {
 *     counter router_drops; counter bridged_tunnel_drops; counter flood_drops; counter unflooded_drops
 *     counter probe_drops
 *
 *     chain prerouting {        type filter hook prerouting priority dstnat
 *       meta l4proto tcp accept
 *       @th,0,32 & 0x70000000 != 0 @th,0,32 & 0xfc00 != 0 accept         most others: no type that is matched
 *                                                 below, and no port below 1024; with probes to port 8473,
 *                                                 0xdc00: nor one of 8192 to 9215
 *       meta l4proto udp @th,0,32 & 0xfc000000 != 0 @th,0,32 & 0xfc00 != 0 accept      no port below 1024;
 *                                                 with probes the same
 *       iifgroup != 119 accept                      no port of weft's bridges
 *       meta l4proto udp goto check-udp
 *       meta protocol ip6 goto check-ip6
 *       meta l4proto icmp goto check-icmp
 *       meta protocol 8021q goto router             a second VLAN tag
 *       meta protocol 8021ad goto router
 *     chain check-udp {
 *       th sport 67 goto router                     DHCP servers
 *       th dport 68 goto router
 *       th sport 547 goto router
 *       th dport 546 goto router
 *       th dport 8473 goto probe                    with weftd --probe
 *       th sport >= 0 accept
 *       goto incomplete
 *     chain probe {
 *       iifname "weft-v*" accept                    from a peer
 *       th dport 8473 ip daddr 10.5.1.1 counter name "probe_drops" drop     the gateway
 *       th dport 8473 ip saddr 10.5.1.1 counter name "probe_drops" drop
 *       ip saddr & 255.255.255.0 == 10.5.1.0 accept         without L2 networks: what is forged, with
 *       ip ttl 255 counter name "probe_drops" drop          br_netfilter to another node past the host
 *     chain check-ip6 {
 *       meta l4proto ipv6-icmp goto check-icmp6
 *       meta l4proto >= 0 accept
 *       goto incomplete
 *     chain check-icmp6 {
 *       @th,0,8 134 goto router                     router advertisement
 *       @th,0,8 137 goto router                     redirect
 *       @th,0,8 >= 0 accept
 *       goto incomplete
 *     chain check-icmp {
 *       @th,0,8 5 goto router                       redirect
 *       @th,0,8 9 goto router                       router advertisement
 *     chain incomplete {                            the upper-layer header is not in this packet
 *       meta protocol ip accept
 *       frag frag-off != 0 accept
 *       goto router
 *     chain router {
 *       iifname "weft-v*" accept                    from a peer, which filters its own containers
 *       meta ibrname "weft-br1" accept              AllowRouters in one of several networks
 *       counter name "router_drops" drop
 *     chain forward {           type filter hook forward priority filter
 *       oifname "weft-v*" ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 drop     STP, LLDP; with
 *       iifname "weft-v*" ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 drop     an L2 network
 *       oifname "weft-vx5" @ll,0,8 & 1 == 1 limit rate over 1000/second burst 1000 packets counter
 *       name "flood_drops" drop                     broadcast and multicast; of an L2 network that floods
 *       oifname "weft-vx6" @ll,0,8 & 1 == 1 goto local      the same of an L2 network that does not flood
 *       ether type ip accept                        with br_netfilter, by family
 *       ether type ip6 accept
 *       oifname "weft-vx5" accept                   the tunnel of an L2 network
 *       iifname "weft-vx5" accept
 *       oifname "weft-v*" counter name "bridged_tunnel_drops" drop
 *       iifname "weft-v*" counter name "bridged_tunnel_drops" drop
 *     chain output {            type filter hook output priority 200
 *       oifname "weft-v*" ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 drop     STP of the bridge
 *       oifname "weft-vx6" @ll,0,8 & 1 == 1 drop    without flooding: also ARP of the host
 *     chain local {
 *       ether type arp drop                         also the bridge answers it; and what every host sends:
 *       meta l4proto ipv6-icmp drop                 neighbour discovery, MLD
 *       meta l4proto igmp drop
 *       counter name "unflooded_drops" drop
 *   }
 *
 * In a routed network, only the bridge device itself sends to the tunnel and receives from it, so every packet between
 * nodes passes the host's forward chains. A TCP packet of a container passes one rule; between two
 * containers of a bridge two more.
 *
 * With br_netfilter, bridged packets without a VLAN tag pass the host's forward chains, too. After a
 * translated destination it bridges a packet from the container to the tunnel, or back, instead of
 * routing it: a Service with a backend on another node.
 *
 * A receiver ignores the VLAN tag 0 of a frame, and a second one. The kernel has removed the outer
 * tag of a frame in these chains, so tagged frames are treated as untagged ones; a frame with
 * another tag is dropped, because its content cannot be matched. A header chain that continues in
 * the next fragment is dropped by the first one (RFC 7112), and so is a fragmented router
 * advertisement (RFC 6980).
 */
#pragma once

#include "daemon/firewall/firewall_table.h"

#define BRIDGE_ROUTER_DROPS "router_drops" /* counters */
#define BRIDGE_TUNNEL_DROPS "bridged_tunnel_drops"
#define BRIDGE_FLOOD_DROPS "flood_drops"
#define BRIDGE_UNFLOODED_DROPS "unflooded_drops"
#define BRIDGE_PROBE_DROPS "probe_drops"

/*
 * Returns false if out of memory. The caller frees *table_out in either case. A table without name
 * means that the kernel does not support any of it.
 */
bool bridge_table_build(const struct firewall_options *options,
			const struct firewall_network *networks, size_t len,
			struct firewall_table *table_out);
