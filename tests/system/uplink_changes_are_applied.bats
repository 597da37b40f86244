#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The uplink changes while weftd runs: it is set down, recreated, or has a new address or MTU. Lease,
# devices, ports and files are updated; containers keep their subnet.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

on_host1() { ip -n "$LAB-host1" "$@"; }

status() { weftctl_on host1 --json status; }
status_is() { status | jq -e ".networks[0] | $1"; }

both_ways() {
	ping_once c1 "$(container_address host2 c2)" -W 0.3 &&
		ping_once c2 "$(container_address host1 c1)" -W 0.3
}

default_route() { on_host1 route add default via "$LAB_GATEWAY"; }

@test "uplink down: reported, and nothing is removed; up: ready again" {
	kernel_have host1 >"$BATS_TEST_TMPDIR/before"
	on_host1 link set eth0 down
	wait_for 15 status_is '.state == "degraded" and (.reason | contains("no uplink"))'
	kernel_have host1 >"$BATS_TEST_TMPDIR/during"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/during"
	on_host1 link set eth0 up
	default_route
	wait_for 15 both_ways
	wait_for 20 weftd_is_ready host1
}

@test "uplink removed and recreated: reported, and nothing is removed" {
	on_host1 link del eth0
	wait_for 15 status_is '.state == "degraded"'
	ip -n "$LAB-net" link add host1 type veth peer name eth0 netns "$LAB-host1"
	ip -n "$LAB-net" link set host1 master underlay up
	on_host1 address add 192.168.0.1/24 dev eth0
	on_host1 link set eth0 up
	default_route
	wait_for 15 both_ways
	wait_for 20 weftd_is_ready host1
	kernel_settled host1 host2
}

value_has() { # EXPRESSION
	etcd_leases | awk -F '\t' -v k="$(subnet_key)" '$1 == k { print $2 }' | jq -e "$1"
}

subnet_key() { host_subnet host1 | tr / -; }

vxlan_local() { on_host1 -d -j link show weft-vx1 | jq -r '.[0].linkinfo.info_data.local'; }
has_local() { [[ $(vxlan_local) == "$1" ]]; }

readdress() { # ADDRESS: as a DHCP client does
	on_host1 address flush dev eth0 scope global
	on_host1 address add "$1/24" dev eth0
	default_route
}

@test "a new address: lease value and tunnel are updated, and the subnet stays" {
	local subnet id
	subnet=$(host_subnet host1)
	id=$(status | jq -r '.networks[0].lease.etcd_lease_id')
	readdress 192.168.0.101
	wait_for 15 has_local 192.168.0.101
	wait_for 15 value_has '.PublicIP == "192.168.0.101"'
	wait_for 15 both_ways
	weftd_ready host1
	assert_equal "$(host_subnet host1)" "$subnet"
	assert_equal "$(status | jq -r '.networks[0].lease.etcd_lease_id')" "$id"
	kernel_settled host1 host2
	# Restores the first address.
	readdress 192.168.0.1
	wait_for 15 value_has '.PublicIP == "192.168.0.1"'
	wait_for 15 both_ways
	weftd_ready host1
	assert_equal "$(host_subnet host1)" "$subnet"
	kernel_settled host1 host2
}

mtu_of() { on_host1 -j link show "$1" | jq '.[0].mtu'; }

mtu_is() { # NUMBER: on all devices and in all files
	local device
	for device in weft-br1 weft-vx1 "$(container_veth host1 c1)"; do
		[[ $(mtu_of "$device") == "$1" ]] || { echo "$device" && return 1; }
	done
	[[ $(host_network host1 .mtu) == "$1" ]] && value_has ".Weft.MTU == $1" &&
		grep -qx "FLANNEL_MTU=$1" "$LAB_DIR/host1/subnet.env"
}

@test "a new MTU: devices, ports, files, lease value and new containers have it" {
	mtu_is 1450
	on_host1 link set eth0 mtu 1400
	wait_for 15 mtu_is 1350
	container_add host1 c3
	assert_equal "$(ip -n "$LAB-c3" -j link show eth0 | jq '.[0].mtu')" 1350
	wait_for 15 ping_once c1 "$(container_address host2 c2)" -M "do" -s $((1350 - 28))
	on_host1 link set eth0 mtu 1500
	wait_for 15 mtu_is 1450
	assert_equal "$(mtu_of "$(container_veth host1 c3)")" 1450
	wait_for 15 ping_once c1 "$(container_address host2 c2)" -M "do" -s $((1450 - 28))
	container_del host1 c3
}

@test "a second address or another device changes nothing" {
	local written
	weftd_ready host1
	written=$(status | jq '.networks[0].reconciles.entries_written')
	on_host1 address add 192.168.0.201/24 dev eth0
	on_host1 link add spare type veth peer name spare2
	on_host1 address add 172.30.0.1/24 dev spare
	on_host1 link set spare up
	both_ways
	has_local 192.168.0.1
	assert_equal "$(status | jq '.networks[0].reconciles.entries_written')" "$written"
}

# The way to host2 has 1500 bytes, and so has every other port of the underlay.
# Of all routes of the underlay, only a change of the default one is an event for weftd.
paths_are_read() { on_host1 route replace default via "$LAB_GATEWAY" mtu "$((mtu += 1))"; }
mtu=1400

ingress_has() { ns_run host1 nft list chain netdev weft tunnel-in | grep -qw "$1"; } # DEVICE

@test "a route to a peer over another device: tunnel packets from there are recognised, too" {
	ip -n "$LAB-net" link add other1 type veth peer name eth9 netns "$LAB-host1"
	ip -n "$LAB-net" link set other1 master underlay up
	on_host1 link set eth9 up
	ingress_has eth0 || return 0 # a kernel without chains at this hook
	not ingress_has eth9
	on_host1 route add 192.168.0.2/32 dev eth9 src 192.168.0.1
	paths_are_read
	wait_for 10 ingress_has eth9
	ingress_has eth0
	both_ways
	on_host1 route del 192.168.0.2/32
	paths_are_read
	wait_for 10 not ingress_has eth9
	on_host1 link del eth9
	on_host1 route replace default via "$LAB_GATEWAY"
	wait_for 15 both_ways # host2 may have the MAC of eth9 in its ARP table
}

@test "a peer with a smaller MTU: its route has that MTU, and large packets arrive" {
	ip -n "$LAB-net" link set host1 mtu 9000
	on_host1 link set eth0 mtu 9000
	wait_for 15 mtu_is 8950
	wait_for 15 kernel_agrees host1
	run -0 on_host1 route show "$(host_subnet host2)"
	assert_output --partial ' mtu 1450'
	run -0 ip -n "$LAB-host2" route show "$(host_subnet host1)"
	refute_output --partial ' mtu '
	wait_for 15 ping_once c1 "$(container_address host2 c2)" -M dont -s 4000 -W 0.3
	on_host1 link set eth0 mtu 1500
	wait_for 15 mtu_is 1450
	wait_for 15 kernel_agrees host1
	run -0 on_host1 route show "$(host_subnet host2)"
	refute_output --partial ' mtu '
}
