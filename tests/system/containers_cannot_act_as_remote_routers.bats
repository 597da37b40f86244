#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Router advertisements, redirects and DHCP replies of a container reach neither its node nor, routed, a
# container of another node, in any encoding; tests/system/containers_cannot_act_as_routers.bats has siblings.

load ../lib/bats
load ../lib/packets

DUAL='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'
OPEN='"Network":"10.6.0.0/16","SubnetMin":"10.6.1.0","SubnetMax":"10.6.99.0"'
OPEN+=',"EnableIPv6":true,"IPv6Network":"fd00:6::/48","Backend":{"VNI":2}'

setup_file() {
	lab_open_for_file
	lab_hosts 2
	etcd_machine
	etcd_start
	etcd_config "{$DUAL,\"Weft\":{\"LeaseTTL\":15}}"
	open_config true
	weftd_start host1 --network default,open --ip-masq
	weftd_start host2 --network default,open --ip-masq
	for name in default open; do
		LAB_NETWORK=$name weftd_ready host1 host2
	done
	in_network default host1 c11
	in_network default host1 c12
	in_network default host2 c21
	in_network open host1 o11
	in_network open host2 o21
	for ns in c11 c21 o11 o21; do
		wait_for 10 has_no_tentative "$ns"
	done
	wait_for 10 ping_once c11 "$(address_of c21)"
	wait_for 10 ping_once c11 "$(address_of c21 6)"
}

teardown_file() { lab_down; }

open_config() { # true|false
	ETCD_PREFIX=$ETCD_PREFIX/networks/open etcd_config "{$OPEN,\"Weft\":{\"LeaseTTL\":15,\"AllowRouters\":$1}}"
}

in_network() { # NETWORK HOST CONTAINER
	cni_use "$2" ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\"" \
		<"$WEFT_REPO/conf/10-weft.conflist"
	ns_add "$3"
	cni_add "$2" "$3" >/dev/null
}

has_no_tentative() { ! ip -n "$LAB-$1" -6 address show dev eth0 tentative | grep -q inet6; }

address_of() { # CONTAINER [4|6]
	ip -n "$LAB-$1" -j "-${2-4}" address show dev eth0 scope global | jq -r '.[0].addr_info[0].local'
}

bridge_mac() { ip -n "$LAB-$1" -j link show "$2" | jq -r '.[0].address'; } # HOST BRIDGE

to_host() { # CONTAINER BRIDGE KIND...
	python3 "$WEFT_REPO/tests/lib/frames.py" "$(ns_path "$1")" "$(ns_path host1):$2" "${@:3}"
}

# Routed by the node; the source of IPv6 is that of a container, since no router forwards link-local ones.
to_remote() { # CONTAINER CONTAINER BRIDGE KIND...
	local kind kinds=() address
	address=$(address_of "$1" 6)
	for kind in "${@:4}"; do
		[[ $kind != ra* && $kind != redirect ]] || kind+=",ip=$address"
		kinds+=("$kind")
	done
	GATEWAY=$(bridge_mac host1 "$3") python3 "$WEFT_REPO/tests/lib/frames.py" "$(ns_path "$1")" "$(ns_path "$2")" \
		"${kinds[@]}"
}

# Whole packets, which sockets receive.
ROUTER=(ra-unicast ra-hopbyhop ra-destination ra-atomic redirect icmp-redirect icmp-router icmp-redirect-fragments
	dhcp dhcp-odd-server dhcp-high-server dhcp-odd-client dhcp-fragments dhcp-tag
	dhcp6 dhcp6-odd-server dhcp6-high-server dhcp6-odd-client dhcp6-destination dhcp6-fragments dhcp6-tag)
# The first fragment has no UDP header: a kernel since Linux 5.10 discards it, but only after these rules.
SPLIT=dhcp6-split
GROUP=(ra ra-priority-tag dhcp-broadcast)
OTHER=(udp udp-low udp-query udp-as-type dhcp-client dhcp6-client echo6 tcp)

drops_all() { refute_output --partial passed; }
passes_all() { refute_output --partial dropped; }

@test "what a router or DHCP server sends does not reach the node, and is counted" {
	local before
	before=$(dropped host1 router_drops)
	run -0 to_host c11 weft-br1 "${ROUTER[@]}" "${GROUP[@]}" "$SPLIT"
	drops_all
	assert_equal "$(dropped host1 router_drops)" "$((before + ${#ROUTER[@]} + ${#GROUP[@]} + 1))"
}

@test "what a router or DHCP server sends is not routed to a container of another node, and is counted" {
	local before
	before=$(dropped host1 router_drops)
	run -0 to_remote c11 c21 weft-br1 "${ROUTER[@]}" "$SPLIT"
	drops_all
	assert_equal "$(dropped host1 router_drops)" "$((before + ${#ROUTER[@]} + 1))"
	run -0 to_remote c11 c21 weft-br1 "${OTHER[@]}"
	passes_all
}

@test "nor to a sibling by way of the node" {
	run -0 to_remote c11 c12 weft-br1 "${ROUTER[@]}"
	drops_all
	run -0 to_remote c11 c12 weft-br1 "${OTHER[@]}"
	passes_all
}

@test "AllowRouters of another network permits them in that one only" {
	run -0 to_host o11 weft-br2 "${ROUTER[@]}" "${GROUP[@]}"
	passes_all
	run -0 to_remote o11 o21 weft-br2 "${ROUTER[@]}"
	passes_all
	run -0 to_host c11 weft-br1 dhcp redirect
	drops_all
}

# weftd sets 0.
accept_advertisements() { # BRIDGE
	ns_run host1 sh -c "echo 2 >/proc/sys/net/ipv6/conf/$1/accept_ra"
}

has_default() { ip -n "$LAB-host1" -6 route show default dev "$1" | grep -q 'proto ra'; } # BRIDGE

@test "a node that accepts advertisements on its bridge is not configured by a container" {
	weftd_stop host1
	accept_advertisements weft-br1
	accept_advertisements weft-br2
	run -0 to_host o11 weft-br2 ra
	wait_for 10 has_default weft-br2
	run -0 to_host c11 weft-br1 "${ROUTER[@]}" "${GROUP[@]}"
	run ! has_default weft-br1
	weftd_start host1 --network default,open --ip-masq
	LAB_NETWORK=default weftd_ready host1
	LAB_NETWORK=open weftd_ready host1
}

# br_netfilter passes bridged frames to the host's chains, too.
without_br_netfilter() {
	local host
	[[ -d /proc/sys/net/bridge ]] || skip "no br_netfilter in this kernel"
	for host in host1 host2; do
		ns_run "$host" sh -c 'cd /proc/sys/net/bridge && echo 0 >bridge-nf-call-iptables && echo 0 >bridge-nf-call-ip6tables'
	done
}

@test "without br_netfilter, nothing changes" {
	local before
	without_br_netfilter
	before=$(dropped host1 router_drops)
	run -0 to_host c11 weft-br1 "${ROUTER[@]}" "${GROUP[@]}"
	drops_all
	run -0 to_remote c11 c21 weft-br1 "${ROUTER[@]}"
	drops_all
	run -0 to_remote c11 c12 weft-br1 "${ROUTER[@]}"
	drops_all
	assert_equal "$(dropped host1 router_drops)" "$((before + 3 * ${#ROUTER[@]} + ${#GROUP[@]}))"
}

@test "without AllowRouters, the other network drops them as well" {
	open_config false
	wait_for 10 open_is_closed
	run -0 to_remote o11 o21 weft-br2 "${ROUTER[@]}"
	drops_all
}

open_is_closed() { [[ $(to_host o11 weft-br2 dhcp) == *dropped ]]; }

# As before the checks moved to the host: a chain at prerouting of the bridges, none in the other table.
@test "an earlier version's table is replaced after the other one has its rules" {
	local log=$LAB_DIR/log/monitor
	weftd_stop host1
	ns_run host1 nft -f - <<-'NFT'
		add chain bridge weft prerouting { type filter hook prerouting priority dstnat; }
		add rule bridge weft prerouting goto routers
		flush chain bridge weft forward
		flush chain inet weft forward
	NFT
	run -0 to_host c11 weft-br1 dhcp redirect
	drops_all
	proc_start monitor host1 stdbuf -oL nft monitor
	wait_for 10 monitor_runs
	weftd_start host1 --network default,open --ip-masq
	LAB_NETWORK=default weftd_ready host1
	wait_for 10 grep -q 'delete table bridge weft' "$log"
	proc_stop monitor
	run -0 grep -E '^(add table inet|delete table bridge) weft$' "$log"
	assert_output $'add table inet weft\ndelete table bridge weft'
	run ! ns_run host1 nft list chain bridge weft prerouting
}

monitor_runs() {
	ns_run host1 nft add table ip monitored && ns_run host1 nft delete table ip monitored
	grep -q monitored "$LAB_DIR/log/monitor"
}
