#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The uplink address in use stays in use while it is configured, whatever else is added to the host:
# virtual addresses, further IPv6 addresses, default routes of a VPN. It is also kept over a restart.
# --public-ip, --iface, --iface-regex and --iface-can-reach choose another one.

load ../lib/bats

DUAL='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'

setup_file() {
	lab_open_for_file
	export LAB_UNDERLAY=46
	lab_overlay 2 "{$DUAL}"
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

teardown() { # each test starts with the first addresses in use
	weftd_stop host1
	on_host1 address flush dev eth0 scope global
	ip -n "$LAB-host1" link del vpn 2>/dev/null || true
	on_host1 link del weft-vx1
	on_host1 address add 192.168.0.1/24 dev eth0
	on_host1 address add fd00::1/64 dev eth0 nodad
	on_host1 route add default via "$LAB_GATEWAY" metric 100
	on_host1 link set eth0 mtu 1500
	on_host1 -6 route replace default via "$LAB_GATEWAY6"
	weftd_start host1
	weftd_ready host1
	wait_for 15 uses 192.168.0.1 fd00::1
	wait_for 15 both_ways
}

on_host1() { ip -n "$LAB-host1" "$@"; }

both_ways() {
	ping_once c1 "$(container_address host2 c2)" -W 0.3 &&
		ping_once c2 "$(container_address host1 c1)" -W 0.3
}

local_of() { on_host1 -d -j link show "$1" | jq -r '.[0].linkinfo.info_data | .local // .local6'; }

published() {
	weftctl_on host1 --json leases | jq -e --arg a "$1" 'any(.. | objects; .public_ip? == $a)'
}

uses() { # IPV4 IPV6: the tunnel has these addresses, and the lease the first
	local used
	used="$(local_of weft-vx1) $(local_of weft-v61)"
	[[ $used == "$1 $2" ]] || { echo "$used" && return 1; }
	published "$1"
}

# What weftd has done by the time that it has followed a new MTU, is permanent.
still_uses() { # IPV4 IPV6
	local mtu=$((1500 - RANDOM % 100 - 1))
	on_host1 link set eth0 mtu "$mtu"
	wait_for 15 bridge_has_mtu $((mtu - 70))
	uses "$@"
}

bridge_has_mtu() { [[ $(on_host1 -j link show weft-br1 | jq '.[0].mtu') == "$1" ]]; }

# The first address gets a finite lifetime, as from DHCP.
lease_address() {
	on_host1 address change 192.168.0.1/24 dev eth0 valid_lft 3600 preferred_lft 3600
}

@test "virtual addresses are not used, also not after a restart" {
	lease_address
	on_host1 address add 192.168.0.201/32 dev eth0
	on_host1 address add 192.168.0.0/24 dev eth0
	on_host1 address add fd00::99/64 dev eth0 nodad
	on_host1 address add fd77::99/64 dev eth0 nodad
	still_uses 192.168.0.1 fd00::1
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	still_uses 192.168.0.1 fd00::1
	both_ways
}

@test "the default route of a VPN changes nothing, also not after a restart" {
	on_host1 link add vpn type veth peer name vpn-peer
	on_host1 address add 10.8.0.2/24 dev vpn
	on_host1 link set vpn-peer up
	on_host1 link set vpn up
	on_host1 route del default via "$LAB_GATEWAY"
	on_host1 route add default via "$LAB_GATEWAY" metric 100
	on_host1 route add default via 10.8.0.1 metric 1
	on_host1 route add 0.0.0.0/1 via 10.8.0.1
	on_host1 route add 128.0.0.0/1 via 10.8.0.1
	still_uses 192.168.0.1 fd00::1
	on_host1 route del default via "$LAB_GATEWAY"
	still_uses 192.168.0.1 fd00::1
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	still_uses 192.168.0.1 fd00::1
	both_ways
}

@test "an address that is gone is replaced, and its return changes nothing" {
	on_host1 address add 192.168.0.101/24 dev eth0
	on_host1 address del fd00::1/64 dev eth0
	on_host1 address add fd00::101/64 dev eth0 nodad
	wait_for 15 uses 192.168.0.1 fd00::101
	on_host1 address add fd00::1/64 dev eth0 nodad
	still_uses 192.168.0.1 fd00::101
	wait_for 15 both_ways
}

@test "a deprecated IPv6 address is replaced" {
	on_host1 address add fd00::102/64 dev eth0 nodad
	on_host1 address change fd00::1/64 dev eth0 valid_lft 3600 preferred_lft 0
	wait_for 15 uses 192.168.0.1 fd00::102
}

start_with() { # FLAG...
	weftd_stop host1
	weftd_start host1 "$@"
	weftd_ready host1
}

@test "--public-ip: an address of the host is the source of tunnel packets" {
	on_host1 address add 192.168.0.50/32 dev eth0
	on_host1 address add fd00::50/64 dev eth0 nodad
	start_with --public-ip 192.168.0.50 --public-ipv6 fd00::50
	wait_for 15 uses 192.168.0.50 fd00::50
	wait_for 15 both_ways
	on_host1 address del 192.168.0.50/32 dev eth0
	wait_for 15 has_locals 192.168.0.1 fd00::50
	published 192.168.0.50
	on_host1 address add 192.168.0.50/32 dev eth0
	wait_for 15 uses 192.168.0.50 fd00::50
}

has_locals() { [[ "$(local_of weft-vx1) $(local_of weft-v61)" == "$1 $2" ]]; }

# host2 reaches host1 by an address that a router translates; host1's packets are not translated.
@test "--public-ip: behind NAT, peers accept packets from the public and from the own address" {
	ns_run net sysctl -qw net.ipv4.ip_forward=1
	ns_run net nft 'add table ip nat
		add chain ip nat prerouting { type nat hook prerouting priority dstnat; }
		add rule ip nat prerouting ip daddr 203.0.113.7 dnat to 192.168.0.1'
	start_with --public-ip 203.0.113.7
	wait_for 15 published 203.0.113.7
	has_locals 192.168.0.1 fd00::1
	wait_for 15 both_ways
	run -0 weftctl_on host2 --json peers
	assert_output --partial '"source_ip": "192.168.0.1"'
	run weftctl_on host1 doctor
	assert_output --partial 'peers send to 203.0.113.7, which is not an address of this host'
	run -0 weftd_log host1 30
	assert_output --partial 'the public address is not one of this host'
	ns_run net nft delete table ip nat
}

@test "--iface with one address of each family" {
	on_host1 address add 192.168.0.51/24 dev eth0
	on_host1 address add fd00::51/64 dev eth0 nodad
	start_with --iface 192.168.0.51,fd00::51
	wait_for 15 uses 192.168.0.51 fd00::51
	wait_for 15 both_ways
}

@test "--iface-regex and --iface-can-reach" {
	on_host1 address add 192.168.0.52/24 dev eth0
	on_host1 address add 192.168.0.53/24 dev eth0
	start_with --iface-regex '^eth9$' --iface-regex '^192\.168\.0\.52$'
	wait_for 15 uses 192.168.0.52 fd00::1
	on_host1 route add 192.168.0.2/32 dev eth0 src 192.168.0.53
	start_with --iface-can-reach 192.168.0.2
	wait_for 15 uses 192.168.0.53 fd00::1
	on_host1 route del 192.168.0.2/32 dev eth0
	still_uses 192.168.0.53 fd00::1
	wait_for 15 both_ways
}
