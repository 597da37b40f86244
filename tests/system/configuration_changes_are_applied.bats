#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The network configuration changes in the store while weftd runs. A valid change is applied, and
# containers stay attached and reachable; an invalid one is refused and reported.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

# Writes the lab's configuration with changed members.
configure() { # EXPRESSION
	etcd_config "$(jq -cn '{Network:"10.5.0.0/16",SubnetLen:24,SubnetMin:"10.5.1.0",
		SubnetMax:"10.5.99.0",Backend:{Type:"vxlan",VNI:1},Weft:{LeaseTTL:15}} | '"$1")"
}

both_ways() {
	ping_once c1 "$(container_address host2 c2)" -W 0.3 &&
		ping_once c2 "$(container_address host1 c1)" -W 0.3
}

vxlan_has() { # HOST EXPRESSION
	ip -n "$LAB-$1" -d -j link show dev "$KERNEL_VXLAN" | jq -e ".[0] | $2"
}

status_is() { weftctl_on "$1" --json status | jq -e ".networks[0] | $2"; }

restored() {
	configure .
	wait_for 5 status_is host1 '.port == 8472 and .vni == 1 and .mtu == 1450'
	wait_for 5 status_is host2 '.port == 8472 and .vni == 1 and .mtu == 1450'
	weftd_ready host1 host2
	kernel_settled host1 host2
	wait_for 5 both_ways
}

@test "Port, Learning, GBP: the device is replaced and has all peers at once" {
	configure '.Backend += {Port: 4789, Learning: true, GBP: true}'
	for host in host1 host2; do
		wait_for 5 vxlan_has "$host" '.linkinfo.info_data
			| .port == 4789 and .learning and .gbp'
		vxlan_has "$host" '.linkinfo.info_slave_data.learning'
	done
	wait_for 5 both_ways
	weftd_ready host1 host2
	restored
}

mtu_is() { vxlan_has "$1" ".mtu == $2" && [[ $(host_network "$1" .mtu) == "$2" ]]; }

@test "MTU: devices and ports are changed" {
	configure '.Backend.MTU = 1400'
	wait_for 5 mtu_is host1 1350
	wait_for 5 mtu_is host2 1350
	both_ways
	restored
}

ttl_is() { status_is "$1" ".lease | .ttl == $2 and (.lost | not)"; }

@test "LeaseTTL: the key is attached to a new etcd lease, and the old lease is revoked" {
	local leases
	leases=$(etcd_ctl lease list | wc -l)
	configure '.Weft.LeaseTTL = 60'
	wait_for 5 ttl_is host1 60
	wait_for 5 ttl_is host2 60
	wait_for 5 leases_are "$leases"
	restored
	wait_for 5 ttl_is host1 15
}

leases_are() { [[ $(etcd_ctl lease list | wc -l) == "$1" ]]; }

@test "VNI: containers move to new devices, and the old devices are deleted" {
	configure '.Backend.VNI = 77'
	for host in host1 host2; do
		wait_for 5 status_is "$host" '.vni == 77 and .state == "ready"'
		assert_equal "$(host_network "$host" .bridge)" weft-br77
	done
	wait_for 5 both_ways
	run ip -n "$LAB-host1" link show
	refute_output --partial "$KERNEL_BRIDGE"
	refute_output --partial "$KERNEL_VXLAN"
	container_add host1 c3
	ping_once c3 "$(container_address host2 c2)"
	container_del host1 c3
	restored
	run ip -n "$LAB-host1" link show
	refute_output --partial weft-br77
	refute_output --partial weft-vx77
}

@test "a Network without the node's subnet is refused; a wider one is applied" {
	weftctl_on host1 --json status | jq .networks[0].lease.subnet >"$BATS_TEST_TMPDIR/subnet"
	configure '.Network = "10.9.0.0/16" | .SubnetMin = "10.9.1.0" | .SubnetMax = "10.9.99.0"'
	wait_for 5 status_is host1 '.state == "degraded" and (.reason | contains("refused"))'
	both_ways
	kernel_settled host1 host2
	configure '.Network = "10.4.0.0/15"'
	wait_for 5 status_is host1 '.state == "ready" and .cluster == "10.4.0.0/15"'
	wait_for 5 both_ways
	restored
	run weftctl_on host1 --json status
	assert_json "$output" ".networks[0].lease.subnet == $(<"$BATS_TEST_TMPDIR/subnet")"
}

@test "a Network over the hosts or over a reserved range is refused, and all peers stay" {
	local network
	kernel_have host1 >"$BATS_TEST_TMPDIR/before"
	for network in 192.168.0.0/16 0.0.0.0/0 169.254.0.0/16; do
		configure ".Network = \"$network\" | del(.SubnetMin, .SubnetMax)"
		for host in host1 host2; do
			wait_for 5 status_is "$host" ".state == \"degraded\" and (.reason
				| contains(\"$network\") and contains(\"stays in use\"))"
		done
	done
	both_ways
	kernel_have host1 >"$BATS_TEST_TMPDIR/during"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/during"
	weftd_stop host1
	weftd_start host1
	wait_for 5 status_is host1 '.reason | contains("169.254.0.0/16 (link-local)")'
	both_ways
	restored
}

@test "a VNI in use by a foreign device is refused, and nothing changes" {
	ip -n "$LAB-host1" link add other type vxlan id 88 dstport 8472 local 192.168.0.1
	configure '.Backend.VNI = 88'
	wait_for 5 status_is host1 '.state == "degraded" and (.reason | contains("other"))'
	status_is host1 '.vni == 1'
	ip -n "$LAB-host1" link show "$KERNEL_BRIDGE"
	ip -n "$LAB-host1" link del other
	restored
}

@test "an invalid or missing configuration is reported, and the previous one stays in use" {
	etcd_config '{"Network":'
	wait_for 5 status_is host1 '.state == "degraded" and (.reason | contains("stays in use"))'
	both_ways
	etcd_ctl del "$ETCD_PREFIX/config"
	wait_for 5 status_is host1 '.state == "degraded" and (.reason | contains("there is no"))'
	both_ways
	restored
}
