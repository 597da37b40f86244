#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The way to the other nodes changes under weftd: it goes and comes, gets another address,
# another MTU. Lease, devices, ports and files follow; containers keep their subnet.

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

@test "uplink down: said, and nothing is taken away; up: all is well" {
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

@test "uplink removed and made again: the same" {
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

readdress() { # ADDRESS: as a DHCP client does it
	on_host1 address flush dev eth0 scope global
	on_host1 address add "$1/24" dev eth0
	default_route
}

@test "another address: the lease's value and the tunnel follow, the subnet stays" {
	local subnet id
	subnet=$(host_subnet host1)
	id=$(status | jq -r '.networks[0].lease.id')
	readdress 192.168.0.101
	wait_for 15 has_local 192.168.0.101
	wait_for 15 value_has '.PublicIP == "192.168.0.101"'
	wait_for 15 both_ways
	weftd_ready host1
	assert_equal "$(host_subnet host1)" "$subnet"
	assert_equal "$(status | jq -r '.networks[0].lease.id')" "$id"
	kernel_settled host1 host2
	# And back again.
	readdress 192.168.0.1
	wait_for 15 value_has '.PublicIP == "192.168.0.1"'
	wait_for 15 both_ways
	weftd_ready host1
	assert_equal "$(host_subnet host1)" "$subnet"
	kernel_settled host1 host2
}

mtu_of() { on_host1 -j link show "$1" | jq '.[0].mtu'; }

mtu_is() { # NUMBER: everywhere
	local device
	for device in weft-br1 weft-vx1 "$(container_veth host1 c1)"; do
		[[ $(mtu_of "$device") == "$1" ]] || { echo "$device" && return 1; }
	done
	[[ $(host_network host1 .mtu) == "$1" ]] && value_has ".Weft.MTU == $1" &&
		grep -qx "FLANNEL_MTU=$1" "$LAB_DIR/host1/subnet.env"
}

@test "another MTU: devices, ports, files and the lease's value follow; a new container has it" {
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

@test "a second address, or another device, changes nothing" {
	local written
	weftd_ready host1
	written=$(status | jq '.networks[0].passes.written')
	on_host1 address add 192.168.0.201/24 dev eth0
	on_host1 link add spare type veth peer name spare2
	on_host1 address add 172.30.0.1/24 dev spare
	on_host1 link set spare up
	both_ways
	has_local 192.168.0.1
	assert_equal "$(status | jq '.networks[0].passes.written')" "$written"
}
