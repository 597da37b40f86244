#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The packet rules of the bridge: router advertisements, redirects and DHCP replies of a container do
# not reach other containers, in any encoding, and frames do not cross the tunnel without passing the
# host.

load ../lib/bats
load ../lib/packets

DUAL='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'

setup_file() {
	lab_open_for_file
	lab_overlay 2 "{$DUAL,\"Weft\":{\"LeaseTTL\":15}}"
	container_add host1 c11 && container_add host1 c12 && container_add host2 c21
}

teardown_file() { lab_down; }

frames() { # FROM TO KIND...
	python3 "$WEFT_REPO/tests/lib/frames.py" "$(ns_path "$1")" "$(ns_path "$2")" "${@:3}"
}

ROUTER=(ra ra-unicast ra-hopbyhop ra-routing ra-destination ra-fragment ra-atomic ra-split ra-cut
	ra-priority-tag ra-two-tags ra-provider-tags udp-split redirect icmp-redirect icmp-router
	dhcp dhcp-odd-server dhcp-high-server dhcp-odd-client dhcp-fragment dhcp-options
	dhcp6 dhcp6-odd-server dhcp6-high-server dhcp6-odd-client)
MALFORMED=(dhcp-long dhcp-version)
OTHER=(tcp udp udp-low udp-query udp-reply udp-as-type udp-fragment udp6-second dhcp-client dhcp6-client echo6 echo6-first
	echo6-second solicitation solicitation-local dad advertisement mld arp-request arp-reply
	arp-probe other)

@test "what a router or DHCP server sends does not reach a sibling, and is counted" {
	local before
	before=$(dropped host1 router_drops)
	run -0 frames c11 c12 "${ROUTER[@]}"
	refute_output --partial passed
	assert_equal "$(dropped host1 router_drops)" "$((before + ${#ROUTER[@]}))"
}

# Without br_netfilter, a bridge passes malformed packets on. A DHCP client that reads raw frames may ignore the
# length or the version of IPv4.
@test "nor does a DHCP reply with a malformed header" {
	local before
	without_br_netfilter host1
	before=$(dropped host1 router_drops)
	run -0 frames c11 c12 "${ROUTER[@]}" "${MALFORMED[@]}"
	refute_output --partial passed
	assert_equal "$(dropped host1 router_drops)" "$((before + ${#ROUTER[@]} + ${#MALFORMED[@]}))"
	run -0 frames c11 c12 "${OTHER[@]}"
	refute_output --partial dropped
}

@test "all other frames reach a sibling" {
	run -0 frames c11 c12 "${OTHER[@]}"
	refute_output --partial dropped
}

@test "other bridges of the host are not affected" {
	ns_add o1 && ns_add o2
	ip -n "$LAB-host1" -batch - <<-BATCH
		link add br9 up type bridge
		link add o1 up master br9 type veth peer name eth0 netns $LAB-o1
		link add o2 up master br9 type veth peer name eth0 netns $LAB-o2
	BATCH
	for ns in o1 o2; do
		ip -n "$LAB-$ns" address add "192.0.2.${ns#o}/24" dev eth0
		ip -n "$LAB-$ns" link set eth0 up
	done
	wait_for 10 ping_once o1 192.0.2.2
	run -0 frames o1 o2 "${ROUTER[@]}"
	refute_output --partial dropped
}

# Sends a datagram with the bridge's address of another node as the destination MAC.
send_to_mac() { # CONTAINER MAC
	python3 "$WEFT_REPO/tests/lib/frames.py" "$(ns_path "$1")" "$(ns_path c12)" "udp,dmac=$2"
}

# With br_netfilter, the forward chain of iptables and nf_tables sees bridged packets, and weft's rules
# leave them to it: see services_work_within_a_node.bats.
without_br_netfilter() { # HOST
	[[ -d /proc/sys/net/bridge && $(ns_run "$1" cat /proc/sys/net/bridge/bridge-nf-call-iptables) == 1 ]] || return 0
	weftd_stop "$1"
	ns_run "$1" sh -c 'cd /proc/sys/net/bridge && echo 0 >bridge-nf-call-iptables && echo 0 >bridge-nf-call-ip6tables'
	weftd_start "$1"
	weftd_ready "$1"
	wait_for 10 accepts_no_protocol "$1"
}

accepts_no_protocol() { # HOST
	local rules
	rules=$(ns_run "$1" nft list chain bridge weft forward) && [[ $rules == *weft-v* && $rules != *"ether type"* ]]
}

@test "a container does not send to another node past the host's forward chain" {
	local before vtep
	without_br_netfilter host1
	vtep=$(ip -n "$LAB-host2" -json link show weft-vx1 | jq -r '.[0].address')
	before=$(dropped host1 bridged_tunnel_drops)
	run -0 send_to_mac c11 "$vtep"
	assert_output 'udp,dmac='"$vtep"' dropped'
	assert_equal "$(dropped host1 bridged_tunnel_drops)" "$((before + 1))"
	run -0 ping_once c11 "$(container_address host2 c21)"
}

@test "a peer does not send to a container past the host's forward chain" {
	local before mac to
	without_br_netfilter host1
	mac=$(ip -n "$LAB-c11" -json link show eth0 | jq -r '.[0].address')
	to=$(container_address host1 c11)
	before=$(dropped host1 bridged_tunnel_drops)
	receiver_start c11 7777
	forge host2 192.168.0.2 192.168.0.1 1 "$mac" "$(container_address host2 c21)" "$to" 7777 bridged
	wait_for 5 drops host1 bridged_tunnel_drops $((before + 1))
	mac=$(ip -n "$LAB-host1" -json link show weft-vx1 | jq -r '.[0].address')
	forge host2 192.168.0.2 192.168.0.1 1 "$mac" "$(container_address host2 c21)" "$to" 7777 routed
	wait_for 5 received c11 routed
	run ! received c11 bridged
}

@test "the table is repaired after changes by other programs" {
	ns_run host1 nft list table bridge weft | grep -v packets >"$LAB_DIR/before"
	ns_run host1 nft delete table bridge weft
	wait_for 5 rules_are_back
	ns_run host1 nft flush chain bridge weft check-icmp6
	wait_for 5 rules_are_back
}

rules_are_back() {
	diff "$LAB_DIR/before" <(ns_run host1 nft list table bridge weft | grep -v packets)
}

autoconfigured() { ip -n "$LAB-c12" -6 address show dev eth0 | grep -q 2001:db8:; }

@test "AllowRouters permits them" {
	run ! autoconfigured
	etcd_config "{$DUAL,\"Weft\":{\"LeaseTTL\":15,\"AllowRouters\":true}}"
	wait_for 10 frames_pass
	run -0 frames c11 c12 "${ROUTER[@]}"
	refute_output --partial dropped
	wait_for 5 autoconfigured
	etcd_config "{$DUAL,\"Weft\":{\"LeaseTTL\":15}}"
	wait_for 10 not frames_pass
}

frames_pass() { [[ $(frames c11 c12 dhcp) == *passed ]]; }
