#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# weft's packet rules with traffic, in both families: the source address that a receiver sees, the
# entries of connection tracking, and the accepted tunnel packets. host1 masquerades, host2 does not.

load ../lib/bats
load ../lib/packets

BOTH='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
BOTH+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'
EXCEPT='"NonMasquerade":["203.0.113.0/24","fd00:aa::/64"]'
OUTSIDE4=192.168.0.254 OUTSIDE6=fd00::254
KEPT4=203.0.113.1 KEPT6=fd00:aa::1

setup_file() {
	local i
	lab_open_for_file
	export LAB_UNDERLAY=46
	lab_hosts 2
	etcd_machine
	etcd_start
	etcd_config "{$BOTH,\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL,$EXCEPT}}"
	weftd_start host1 --ip-masq
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c11 && container_add host1 c12 && container_add host2 c21
	ip -n "$LAB-net" address add "$KEPT4/32" dev underlay
	ip -n "$LAB-net" address add "$KEPT6/128" dev underlay nodad
	for i in 1 2; do
		ip -n "$LAB-net" route add "$(host_subnet "host$i")" via "192.168.0.$i"
		ip -n "$LAB-net" route add "$(host_network "host$i" '.families[1].subnet')" via "fd00::$i"
	done
	witness_start net
	witness_start c21
	witness_start host2
}

teardown_file() { lab_down; }

address6() { jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file "$1" "$2")"; }

@test "between containers on different nodes the source address is preserved" {
	assert_equal "$(seen_as c11 "$(container_address host2 c21)")" "$(container_address host1 c11)"
	assert_equal "$(seen_as c11 "$(address6 host2 c21)")" "$(address6 host1 c11)"
}

@test "to external addresses the source is the node's address if the node masquerades" {
	assert_equal "$(seen_as c11 "$OUTSIDE4")" 192.168.0.1
	assert_equal "$(seen_as c11 "$OUTSIDE6")" fd00::1
	assert_equal "$(seen_as c11 192.168.0.2)" 192.168.0.1
	assert_equal "$(seen_as c11 fd00::2)" fd00::1
}

@test "the source stays the container's without masquerading, and towards NonMasquerade" {
	assert_equal "$(seen_as c21 "$OUTSIDE4")" "$(container_address host2 c21)"
	assert_equal "$(seen_as c21 "$OUTSIDE6")" "$(address6 host2 c21)"
	assert_equal "$(seen_as c11 "$KEPT4")" "$(container_address host1 c11)"
	assert_equal "$(seen_as c11 "$KEPT6")" "$(address6 host1 c11)"
}

@test "a changed NonMasquerade is applied" {
	etcd_config "{$BOTH,\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL,\"NonMasquerade\":[\"192.168.0.0/24\"]}}"
	wait_for 5 source_is "$(container_address host1 c11)" c11 192.168.0.2
	wait_for 5 source_is 192.168.0.1 c11 "$KEPT4"
	etcd_config "{$BOTH,\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL,$EXCEPT}}"
	wait_for 5 source_is 192.168.0.1 c11 192.168.0.2
}

source_is() { [[ $(seen_as "$2" "$3") == "$1" ]]; }

@test "packets marked by kube-proxy are not masqueraded by weft" {
	ns_run host1 nft -f - <<'RULES'
table inet proxy {
	chain marks {
		type filter hook prerouting priority mangle
		ip daddr 192.168.0.254 meta mark set meta mark or 0x4000
	}
}
RULES
	assert_equal "$(seen_as c11 "$OUTSIDE4")" "$(container_address host1 c11)"
	ns_run host1 nft delete table inet proxy
	assert_equal "$(seen_as c11 "$OUTSIDE4")" 192.168.0.1
}

@test "subnet.env has the masquerading setting" {
	run -0 grep -x FLANNEL_IPMASQ=true "$LAB_DIR/host1/subnet.env"
	run -0 grep -x FLANNEL_IPMASQ=false "$LAB_DIR/host2/subnet.env"
}

@test "connection tracking has the containers' connections, and none of the tunnel's" {
	proc_start iperf-server c21 iperf3 -s
	wait_for 10 ns_run c11 iperf3 -c "$(container_address host2 c21)" -t 1 -P 4
	run -0 ns_run host1 cat /proc/net/nf_conntrack
	assert_output --partial dport=5201
	refute_output --partial dport=8472
	proc_stop iperf-server
}

@test "a frame from an unknown VTEP is dropped and counted, a frame from a peer passes" {
	local mac before to
	mac=$(ip -n "$LAB-host1" -j link show "$KERNEL_BRIDGE" | jq -r '.[0].address')
	to=$(container_address host1 c11)
	receiver_start c11 999
	before=$(dropped host1 vtep_filter_drops)
	forge net 192.168.0.254 192.168.0.1 1 "$mac" "$(container_address host2 c21)" "$to" 999 forged4
	forge net fd00::254 fd00::1 1 "$mac" "$(container_address host2 c21)" "$to" 999 forged6
	forge net 192.168.0.254 192.168.0.1 77 "$mac" "$(container_address host2 c21)" "$to" 999 other
	forge host2 192.168.0.2 192.168.0.1 1 "$mac" "$(container_address host2 c21)" "$to" 999 peer4
	forge host2 fd00::2 fd00::1 1 "$mac" "$(container_address host2 c21)" "$to" 999 peer6
	wait_for 5 received c11 peer4
	wait_for 5 received c11 peer6
	wait_for 5 drops host1 vtep_filter_drops $((before + 2))
	run ! received c11 forged
	run -0 weftctl_on host1 status
	assert_line "dropped: $((before + 2)) VXLAN packets from unknown sources, 0 from containers, 0 packets between networks"
}

# The ingress hook leaves fragments to connection tracking, which reassembles them.
@test "a fragmented tunnel packet passes from a peer only" {
	local mac before to long
	mac=$(ip -n "$LAB-host1" -j link show "$KERNEL_BRIDGE" | jq -r '.[0].address')
	to=$(container_address host1 c11)
	printf -v long '%2000s' ''
	receiver_start c11 998
	before=$(dropped host1 vtep_filter_drops)
	forge net 192.168.0.254 192.168.0.1 1 "$mac" "$(container_address host2 c21)" "$to" 998 "forged4$long"
	forge net fd00::254 fd00::1 1 "$mac" "$(container_address host2 c21)" "$to" 998 "forged6$long"
	forge host2 192.168.0.2 192.168.0.1 1 "$mac" "$(container_address host2 c21)" "$to" 998 "peer4$long"
	forge host2 fd00::2 fd00::1 1 "$mac" "$(container_address host2 c21)" "$to" 998 "peer6$long"
	wait_for 5 received c11 peer4
	wait_for 5 received c11 peer6
	wait_for 5 drops host1 vtep_filter_drops $((before + 2))
	run ! received c11 forged
}

@test "tunnel packets are matched at the ingress of the uplink, or at prerouting" {
	local chain='{ type filter hook ingress device eth0 priority 0; }'
	if ns_run host1 nft "add table netdev probe; add chain netdev probe c $chain; delete table netdev probe"; then
		run -0 ns_run host1 nft list ruleset
		assert_output --regexp 'hook ingress device.*eth0'
		refute_output --partial 'hook prerouting priority raw'
		ns_run host1 nft delete table netdev weft
		wait_for 5 ns_run host1 nft list chain netdev weft tunnel-in
	else
		run -0 ns_run host1 nft list ruleset
		assert_output --partial 'hook prerouting priority raw'
	fi
}

@test "another program's tunnel on the same port is not filtered" {
	ip -n "$LAB-host1" link add other type vxlan id 77 dstport 8472 local 192.168.0.1 nolearning
	ip -n "$LAB-host1" address add 10.77.0.1/24 dev other
	ip -n "$LAB-host1" link set other up
	ip -n "$LAB-net" link add other type vxlan id 77 dstport 8472 remote 192.168.0.1
	ip -n "$LAB-net" address add 10.77.0.2/24 dev other
	ip -n "$LAB-net" link set other up
	ns_run host1 bridge fdb append 00:00:00:00:00:00 dev other dst 192.168.0.254
	wait_for 5 ping_once net 10.77.0.1
	ip -n "$LAB-host1" link del other
	ip -n "$LAB-net" link del other
}

@test "a new peer passes the tunnel guard, and a removed one no longer does" {
	run -0 ns_run host1 nft get element inet weft peers4-1 '{ 192.168.0.2 }'
	run ! ns_run host1 nft get element inet weft peers4-1 '{ 192.168.0.77 }'
	etcd_put 10.5.120.0-24 "$(flannel_value 192.168.0.77 02:00:00:00:00:77)"
	wait_for 5 ns_run host1 nft get element inet weft peers4-1 '{ 192.168.0.77 }'
	etcd_del 10.5.120.0-24
	wait_for 5 not ns_run host1 nft get element inet weft peers4-1 '{ 192.168.0.77 }'
}

@test "--tunnel-guard=false removes the guard and no other rule" {
	weftd_stop host1
	weftd_start host1 --ip-masq --tunnel-guard=false
	weftd_ready host1
	run -0 ns_run host1 nft list table inet weft
	refute_output --partial 'goto refused'
	assert_output --partial notrack
	assert_output --partial masquerade
	weftd_stop host1
	weftd_start host1 --ip-masq
	weftd_ready host1
}

@test "over a bridge with br_netfilter, tunnel packets are not tracked either" {
	[[ -e /proc/sys/net/bridge ]] || skip 'the kernel has no br_netfilter'
	lab_host host3
	ip -n "$LAB-host3" address flush dev eth0
	ip -n "$LAB-host3" -batch - <<-'BATCH'
		link add br0 type bridge
		link set br0 up
		link set eth0 master br0
		address add 192.168.0.3/24 dev br0
		address add fd00::3/64 dev br0 nodad
		route add default via 192.168.0.254 dev br0
	BATCH
	ns_run host3 sysctl -q -w net.bridge.bridge-nf-call-iptables=1
	weftd_start host3 --ip-masq
	weftd_ready host3
	container_add host3 c31
	wait_for 20 ping_once c31 "$(container_address host1 c11)"
	run -0 ns_run host3 nft list ruleset
	assert_output --partial 'hook prerouting priority raw'
	run -0 ns_run host3 cat /proc/net/nf_conntrack
	assert_output --partial icmp
	refute_output --partial dport=8472
}
