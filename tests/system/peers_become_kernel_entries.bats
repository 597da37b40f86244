#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The kernel has exactly three entries for each other node, as drawn in docs/design.md.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
}

teardown_file() { lab_down; }

@test "each kernel has the entries that the leases require, and no others" {
	local host
	for host in host1 host2 host3; do
		run kernel_agrees "$host"
		assert_success
	done
}

@test "each peer has one ARP entry, two halves of an FDB entry and one route" {
	run kernel_have host2
	assert_equal "$(grep -c '^neigh ' <<<"$output")" 2
	assert_equal "$(grep -c '^fdb .* self sticky static$' <<<"$output")" 2
	assert_equal "$(grep -c '^fdb .* sticky master weft-br1 static$' <<<"$output")" 2
	assert_equal "$(grep -c '^route .* proto 119 .* onlink$' <<<"$output")" 2
}

@test "the comparison detects a missing, an extra and a different entry" {
	local peer="10.5.251.0"
	kill -s STOP "$(weftd_pid host3)" # weftd would repair this at once
	ip -n "$LAB-host3" neigh add $peer lladdr 0e:00:00:00:00:01 dev "$KERNEL_BRIDGE" nud permanent
	run kernel_agrees host3
	assert_failure
	assert_line "+neigh $peer lladdr 0e:00:00:00:00:01 PERMANENT"
	ip -n "$LAB-host3" neigh del $peer dev "$KERNEL_BRIDGE"
	kill -s CONT "$(weftd_pid host3)"
	etcd_put 10.5.251.0-24 "$(flannel_value 192.168.0.99 0e:00:00:00:00:01)"
	run diff <(kernel_want host3) <(kernel_have host3 | grep -v 10.5.251.0)
	assert_failure
	etcd_put 10.5.251.0-24 "$(flannel_value 192.168.0.99 0e:00:00:00:00:01 2)"
	run kernel_agrees host3
	assert_failure
	assert_line "-vni id 2"
	etcd_del 10.5.251.0-24
	kernel_settled host1 host2 host3
}

@test "bridge and VXLAN device have the documented attributes" {
	local details
	details=$(ip -n "$LAB-host1" -d -j link show "$KERNEL_VXLAN")
	assert_json "$details" '.[0].master == "weft-br1"'
	assert_json "$details" '.[0].mtu == 1450 and (.[0].flags | index("UP") != null)'
	assert_json "$details" '.[0].linkinfo.info_data
		| .id == 1 and .port == 8472 and .learning == false and (has("link") | not)'
	assert_json "$details" '.[0].linkinfo.info_slave_data
		| .learning == false and .flood == false and .mcast_flood == false and .bcast_flood == false'
	details=$(ip -n "$LAB-host1" -d -j link show "$KERNEL_BRIDGE")
	assert_json "$details" '.[0].mtu == 1450 and (.[0].flags | index("UP") != null)'
	run ip -n "$LAB-host1" -j -4 address show "$KERNEL_BRIDGE"
	assert_json "$output" "[.[0].addr_info[] | \"\\(.local)/\\(.prefixlen)\"] == [\"$(host_gateway host1)/24\"]"
}

@test "forwarding is on, redirects are off, and rp_filter is unchanged" {
	local dir=/proc/sys/net/ipv4/conf
	lab_machine plain 50 # a machine without weft, to compare with
	assert_equal "$(ns_run host1 cat /proc/sys/net/ipv4/ip_forward)" 1
	assert_equal "$(ns_run host1 cat $dir/all/send_redirects)" 0
	assert_equal "$(ns_run host1 cat "$dir/$KERNEL_BRIDGE/send_redirects")" 0
	assert_equal "$(ns_run host1 cat $dir/eth0/rp_filter)" "$(ns_run plain cat $dir/eth0/rp_filter)"
	assert_equal "$(ns_run host1 cat $dir/all/rp_filter)" "$(ns_run plain cat $dir/all/rp_filter)"
	assert_equal "$(ns_run host1 cat "/proc/sys/net/ipv6/conf/$KERNEL_BRIDGE/accept_ra")" 0
}

@test "a peer's old entries are removed when its address or MAC changes" {
	etcd_put 10.5.250.0-24 "$(flannel_value 192.168.0.90 0e:00:00:00:00:0a)"
	kernel_settled host1
	etcd_put 10.5.250.0-24 "$(flannel_value 192.168.0.91 0e:00:00:00:00:0b)"
	kernel_settled host1 host2 host3
	run kernel_have host1
	assert_line 'fdb 0e:00:00:00:00:0b dst 192.168.0.91 self sticky static'
	refute_output --partial 0e:00:00:00:00:0a
	etcd_del 10.5.250.0-24
	kernel_settled host1 host2 host3
}

@test "foreign routes, ARP entries and FDB entries are kept" {
	local ns=$LAB-host1
	ip -n "$ns" route add 10.77.0.0/16 via "$LAB_GATEWAY" proto static
	ip -n "$ns" neigh add 192.168.0.88 lladdr 0e:00:00:00:00:88 dev eth0 nud permanent
	etcd_put 10.5.252.0-24 "$(flannel_value 192.168.0.92 0e:00:00:00:00:0c)"
	kernel_settled host1
	etcd_del 10.5.252.0-24
	kernel_settled host1
	run ip -n "$ns" route show 10.77.0.0/16
	assert_output --partial "via $LAB_GATEWAY"
	run ip -n "$ns" neigh show dev eth0 nud permanent
	assert_output --partial 0e:00:00:00:00:88
}
