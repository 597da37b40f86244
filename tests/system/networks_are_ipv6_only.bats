#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Hosts and containers without IPv4.

load ../lib/bats
load ../lib/packets

V6='"EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'

setup_file() {
	lab_open_for_file
	LAB_UNDERLAY=6 lab_overlay 2 "{$V6,\"Weft\":{\"LeaseTTL\":15}}"
	container_add host1 c11 && container_add host2 c21
}

teardown_file() { lab_down; }

@test "the key is the IPv6 subnet, and the value has no IPv4 members" {
	run etcd_leases
	assert_line --regexp '^fd00:5:0:[0-9a-f]+::-64	\{"PublicIP":null,"PublicIPv6":"fd00::1","BackendType":"vxlan","BackendV6Data":\{'
	refute_output --partial '"BackendData"'
}

@test "each kernel has the entries that the leases require, and no others" {
	kernel_settled host1 host2
}

@test "containers have IPv6 only, and reach each other with packets of the full MTU" {
	run -0 ip -n "$LAB-c11" -4 address show dev eth0
	assert_output ''
	run -0 ping_once c11 "$(container_address host2 c21)" -M 'do' -s $((1430 - 48))
	no_answer c11 "$(container_address host2 c21)" -M 'do' -s $((1431 - 48))
	run -0 ping_once host2 "$(container_address host1 c11)"
}

@test "packet rules have IPv6 only, and masquerade" {
	weftd_stop host1
	weftd_start host1 --ip-masq
	weftd_ready host1
	run -0 ns_run host1 nft list table inet weft
	assert_output --partial 'ip6 saddr @own6-1 ip6 daddr != @cluster6 ip6 daddr != @except6-1 masquerade'
	assert_output --partial '@th,96,32 & 0xffffff00 == 0x100 ip6 saddr @peers6-1 ip6 daddr != fd00:5'
	refute_output --regexp 'ip (s|d)addr'
	witness_start net
	assert_equal "$(seen_as c11 "$LAB_GATEWAY6")" fd00::1
}

@test "CHECK and DEL succeed" {
	run -0 container_add host1 c12
	run -0 cni_check host1 c12
	run -0 container_del host1 c12
}

@test "a reused address is reachable from the node at once" {
	local address
	container_add host1 c13 >/dev/null
	address=$(container_address host1 c13)
	run -0 ping_once host1 "$address"
	container_del host1 c13
	ns_add c14
	CNI_EXTRA="IP=$address" run -0 cni_add host1 c14
	run -0 ping_once host1 "$(container_address host1 c14)"
	container_del host1 c14
}

@test "a restart writes nothing to the kernel" {
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	run -0 weftctl_on host1 --json status
	assert_json "$output" '.networks[0] | .reconciles.entries_written == 0 and (.lease.subnet | startswith("fd00:5:"))'
}

@test "subnet.env has IPv6 only" {
	run -0 cat "$LAB_DIR/host1/subnet.env"
	assert_line 'FLANNEL_IPV6_NETWORK=fd00:5::/48'
	refute_output --partial FLANNEL_NETWORK
}
