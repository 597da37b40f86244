#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# DirectRouting on an underlay of two segments with a router between them: host1 and host2 on
# one, host3 on the other.
#
#   host1  host2        router        host3
#     |      |         |      |         |
#   underlay (192.168.0.0/24)   second (192.168.7.0/24)

load ../lib/bats

DIRECT='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DIRECT+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48"'
DIRECT+=',"Backend":{"Type":"vxlan","VNI":1,"DirectRouting":true}'

setup_file() {
	lab_open_for_file
	ns_run net sysctl -qw net.ipv4.ip_forward=1
	ip -n "$LAB-net" link add second type bridge
	ip -n "$LAB-net" address add 192.168.7.254/24 dev second
	ip -n "$LAB-net" link set second up
	etcd_machine && etcd_start && etcd_config "{$DIRECT,\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL}}"
	lab_hosts 3
	ip -n "$LAB-net" link set host3 master second
	ip -n "$LAB-host3" address flush dev eth0
	ip -n "$LAB-host3" address add 192.168.7.3/24 dev eth0
	ip -n "$LAB-host3" route add default via 192.168.7.254
	for host in host1 host2 host3; do
		weftd_start "$host"
	done
	weftd_ready host1 host2 host3
	container_add host1 c11 && container_add host2 c21 && container_add host3 c31
}

teardown_file() { lab_down; }

route_is() { # HOST SUBNET TEXT
	ip -n "$LAB-$1" route show "$2" | grep -F -- "$3"
}

# Waits until HOST's route to the subnet of OTHER contains the text.
routed() { # HOST OTHER TEXT
	wait_for 10 route_is "$1" "$(host_subnet "$2")" "$3"
}

@test "peers on the same segment are routed directly, peers behind the router are tunnelled" {
	routed host1 host2 'via 192.168.0.2 dev eth0 proto 119'
	routed host2 host1 'via 192.168.0.1 dev eth0 proto 119'
	routed host1 host3 'dev weft-br1 proto 119'
	routed host3 host1 'dev weft-br1 proto 119'
}

@test "a directly routed peer has no ARP or FDB entry, except for its tunnelled family" {
	run -0 ip -n "$LAB-host1" -4 neigh show dev weft-br1 nud permanent
	assert_line --partial "$(host_subnet host3 | cut -d/ -f1)"
	refute_line --partial "$(host_subnet host2 | cut -d/ -f1)"
}

@test "containers reach each other over both paths, and routed packets are not VXLAN" {
	local dump=$LAB_DIR/log/direct
	proc_start direct host1 tcpdump -lni eth0 'udp port 8472 or icmp'
	wait_for 10 grep -q listening "$dump"
	run -0 ping_once c11 "$(container_address host2 c21)"
	run -0 ping_once c21 "$(container_address host1 c11)"
	wait_for 10 grep -q 'ICMP echo reply' "$dump"
	run grep 8472 "$dump"
	refute_output
	# The capture works: it has the tunnelled packets.
	run -0 ping_once c11 "$(container_address host3 c31)"
	run -0 ping_once c31 "$(container_address host2 c21)"
	wait_for 10 grep -q 8472 "$dump"
	proc_stop direct
}

@test "IPv6 of a peer without PublicIPv6 stays in the tunnel" {
	local subnet
	subnet=$(host_network host2 '.families[1].subnet')
	run -0 ip -n "$LAB-host1" -6 route show "$subnet"
	assert_output --partial 'dev weft-br1'
	run -0 ping_once c11 "$(jq -r '.result.ips[1].address | split("/")[0]' \
		"$(cni_result_file host2 c21)")"
}

@test "weftctl shows the number of directly routed peers" {
	run -0 weftctl_on host1 --json status
	assert_json "$output" '.networks[0].peers | .usable == 2 and .direct == 1'
}

@test "a restart writes nothing to the kernel" {
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	run -0 weftctl_on host1 --json status
	assert_json "$output" '.networks[0].reconciles.entries_written == 0'
}

# weftd checks the paths in each reconciliation; a change in the store triggers one.
trigger_reconcile() {
	etcd_put 10.5.250.0-24 "$(flannel_value 192.168.0.99 02:00:00:00:00:99)"
	etcd_del 10.5.250.0-24
}

@test "a peer that moves behind a gateway is tunnelled, and is routed after it moves back" {
	ip -n "$LAB-host1" route add 192.168.0.2/32 via "$LAB_GATEWAY"
	trigger_reconcile
	routed host1 host2 'dev weft-br1 proto 119'
	run -0 ping_once c11 "$(container_address host2 c21)"
	ip -n "$LAB-host1" route del 192.168.0.2/32
	trigger_reconcile
	routed host1 host2 'via 192.168.0.2 dev eth0'
	run -0 ping_once c11 "$(container_address host2 c21)"
}

@test "the direct route of a removed peer is deleted" {
	etcd_put 10.5.201.0-24 "$(flannel_value 192.168.0.98 02:00:00:00:00:98)"
	wait_for 10 route_is host1 10.5.201.0/24 'via 192.168.0.98 dev eth0'
	etcd_del 10.5.201.0-24
	wait_for 10 not route_is host1 10.5.201.0/24 via
}

@test "a flushed direct route is restored, and a foreign one is kept" {
	ip -n "$LAB-host1" route add 10.5.222.0/24 via 192.168.0.2 proto static
	ip -n "$LAB-host1" route del "$(host_subnet host2)" proto 119
	trigger_reconcile
	routed host1 host2 'via 192.168.0.2 dev eth0'
	run -0 route_is host1 10.5.222.0/24 'via 192.168.0.2'
	ip -n "$LAB-host1" route del 10.5.222.0/24
}

@test "without DirectRouting all peers are tunnelled again" {
	etcd_config "{${DIRECT/true\}/false\}},\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL}}"
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	routed host1 host2 'dev weft-br1 proto 119'
	run -0 ping_once c11 "$(container_address host2 c21)"
}
