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
 *     chain router {
 *       iifname "weft-v*" return                    from a peer, which filters its own containers
 *       meta ibrname "weft-br1" return              AllowRouters in one of several networks
 *       @ll,0,8 & 1 == 0 counter name "router_drops"        not a broadcast, which inet weft counts
 *       meta protocol ip6 @ll,0,8 & 1 == 1 counter name "router_drops"      unless the host has no IPv6 there
 *       drop
 *     (chains incomplete, check-icmp, check-icmp6, check-ip4, check-ip6, check-udp: router_chains.h)
 *     chain routers {
 *       meta l4proto tcp return
 *       @th,0,32 & 0x70000000 != 0 @th,0,32 & 0xfc00 != 0 return    most others: no type that is matched
 *                                                   below, and no port below 1024
 *       meta l4proto udp @th,0,32 & 0xfc000000 != 0 @th,0,32 & 0xfc00 != 0 return      no port below 1024
 *       iifgroup != 119 return                      no port of weft's bridges
 *       meta l4proto udp goto check-udp
 *       meta protocol ip6 goto check-ip6
 *       meta l4proto icmp goto check-icmp
 *       meta protocol ip goto check-ip4
 *       meta protocol 8021q goto router             a second VLAN tag
 *       meta protocol 8021ad goto router
 *     chain probe {                                 with weftd --probe
 *       iifname "weft-v*" return                    from a peer
 *       th dport 8473 ip daddr 10.5.1.1 counter name "probe_drops" drop     the gateway
 *       th dport 8473 ip saddr 10.5.1.1 counter name "probe_drops" drop
 *       ip saddr & 255.255.255.0 == 10.5.1.0 return         without L2 networks: what is forged, with
 *       ip ttl 255 counter name "probe_drops" drop          br_netfilter to another node past the host
 *     chain tagged {                              with weftd --probe
 *       iifname "weft-v*" return                    from a peer
 *       counter name "probe_drops" drop             could be a probe: the host removes the tags
 *     chain prerouting {        type filter hook prerouting priority dstnat; with weftd --probe
 *       th dport 8473 meta l4proto udp iifgroup 119 jump probe
 *       @th,0,16 >= 0 return
 *       meta protocol 8021q iifgroup 119 goto tagged        a second VLAN tag
 *       meta protocol 8021ad iifgroup 119 goto tagged
 *                                                   and the rules of the chain routers, if all frames are
 *                                                   checked at the ports (router_chains.h)
 *     chain forward {           type filter hook forward priority filter
 *       jump routers                                unless they are at prerouting
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
 * In a routed network, only the bridge device itself sends to the tunnel and receives from it, so
 * every packet between nodes passes the host's forward chains, and of this table no chain, unless
 * weftd answers probes. Between two containers of a bridge, a TCP packet passes four rules.
 *
 * With br_netfilter, bridged packets without a VLAN tag pass the host's forward chains, too. After
 * a translated destination it bridges a packet from the container to the tunnel, or back, instead
 * of routing it: a Service with a backend on another node.
 *
 * A receiver ignores the VLAN tag 0 of a frame, and a second one. The kernel has removed the outer
 * tag of a frame in these chains, so tagged frames are treated as untagged ones; a frame with
 * another tag is dropped, because its content cannot be matched: also if the network allows
 * routers, with weftd --probe.
 */
#pragma once

#include "daemon/firewall/firewall_table.h"

#define BRIDGE_TUNNEL_DROPS "bridged_tunnel_drops" /* counters */
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
