#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A node with the devices and entries of flannel and its CNI plugins: flannel.1 for IPv4 and
# flannel-v6.1 for IPv6, each with its own MAC and an address of its subnet, not in a bridge;
# containers on a bridge cni0; ARP, FDB and routes as flanneld derives them from a lease. Traffic
# between its container and one of weft: TCP with large segments, UDP, the largest packets that fit.

load ../lib/bats

setup_file() {
	lab_open_for_file
	etcd_machine && etcd_start
	etcd_config_of '"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0","EnableIPv6":true,"IPv6Network":"fd00:5::/48"'
	LAB_UNDERLAY=46 lab_host host1
	weftd_start host1
	weftd_ready host1
	flannel_node
	etcd_put '10.5.200.0-24&fd00:5:0:c8::-64' "$(flannel_dual)"
	container_add host1 c1
	flannel_peer
	wait_for 15 has_route
}

teardown_file() { lab_down; }

has_route() { ip -n "$LAB-host1" -6 route show fd00:5:0:c8::/64 | grep -q fd00; }

flannel_dual() {
	printf '{"PublicIP":"192.168.0.60","PublicIPv6":"fd00::60","BackendType":"vxlan"'
	printf ',"BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:04"}'
	printf ',"BackendV6Data":{"VNI":1,"VtepMAC":"02:00:00:00:00:06"}}'
}

# pkg/backend/vxlan/device.go: not in a bridge, bound to the uplink, nolearning.
flannel_node() {
	local ns=$LAB-flannel
	LAB_UNDERLAY=46 lab_machine flannel 60
	# A forwarding node sends no neighbour solicitation before its link-local address is usable: with
	# duplicate address detection, two seconds after the bridge has a carrier.
	ns_run flannel sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv6.conf.default.accept_dad=0
	ip -n "$ns" link add flannel.1 address 02:00:00:00:00:04 mtu 1450 type vxlan id 1 \
		local 192.168.0.60 dev eth0 dstport 8472 nolearning
	ip -n "$ns" link add flannel-v6.1 address 02:00:00:00:00:06 mtu 1430 type vxlan id 1 \
		local fd00::60 dev eth0 dstport 8472 nolearning
	ip -n "$ns" address add 10.5.200.0/32 dev flannel.1
	ip -n "$ns" address add fd00:5:0:c8::/128 dev flannel-v6.1 nodad
	ip -n "$ns" link set flannel.1 up
	ip -n "$ns" link set flannel-v6.1 up
	# Created by its CNI plugin, bridge.
	ip -n "$ns" link add cni0 mtu 1430 type bridge
	ip -n "$ns" address add 10.5.200.1/24 dev cni0
	ip -n "$ns" address add fd00:5:0:c8::1/64 dev cni0 nodad
	ip -n "$ns" link set cni0 up
	ns_add pod
	ip -n "$ns" link add veth0 mtu 1430 type veth peer name eth0 mtu 1430 netns "$LAB-pod"
	ip -n "$ns" link set veth0 master cni0 up
	ip -n "$LAB-pod" link set eth0 up
	ip -n "$LAB-pod" address add 10.5.200.2/24 dev eth0
	ip -n "$LAB-pod" address add fd00:5:0:c8::2/64 dev eth0 nodad
	ip -n "$LAB-pod" route add default via 10.5.200.1
	ip -n "$LAB-pod" route add default via fd00:5:0:c8::1
}

# pkg/backend/vxlan/vxlan_network.go: the ARP or ND entry, FDB entry and route of each family.
flannel_peer() {
	local ns=$LAB-flannel value subnet subnet6 mac mac6
	value=$(etcd_value_of host1)
	IFS='&' read -r subnet subnet6 < <(etcd_key_of host1)
	mac=$(jq -r .BackendData.VtepMAC <<<"$value")
	mac6=$(jq -r .BackendV6Data.VtepMAC <<<"$value")
	ip -n "$ns" neigh replace "${subnet%-*}" lladdr "$mac" dev flannel.1 nud permanent
	bridge -n "$ns" fdb replace "$mac" dev flannel.1 dst 192.168.0.1 self permanent
	ip -n "$ns" route replace "${subnet/-//}" via "${subnet%-*}" dev flannel.1 onlink
	ip -n "$ns" neigh replace "${subnet6%-*}" lladdr "$mac6" dev flannel-v6.1 nud permanent
	bridge -n "$ns" fdb replace "$mac6" dev flannel-v6.1 dst fd00::1 self permanent
	ip -n "$ns" route replace "${subnet6/-//}" via "${subnet6%-*}" dev flannel-v6.1 onlink
}

address_of() { # 4|6: the address of weft's container
	jq -r --argjson i "$((($1 - 4) / 2))" '.result.ips[$i].address | split("/")[0]' \
		"$(cni_result_file host1 c1)"
}

pod_address() { if [[ $1 == 4 ]]; then echo 10.5.200.2; else echo fd00:5:0:c8::2; fi; }

answers_tcp() { ns_run "$1" ss -Hltn sport = :5201 | grep -q 5201; }

# One run of iperf3 from the client's namespace to the server's.
iperf_between() { # SERVER CLIENT ADDRESS OPTION...
	local server=$1 client=$2 address=$3
	shift 3
	proc_start "iperf-$server" "$server" iperf3 -s -1
	wait_for 15 answers_tcp "$server"
	timeout 60 nsenter --net="$(ns_path "$client")" -- iperf3 -c "$address" -J "$@"
	wait_for 15 not proc_pid "iperf-$server"
}

@test "containers reach each other, and each node reaches the other node's, in both families" {
	local f
	for f in 4 6; do
		ping_once c1 "$(pod_address $f)"
		ping_once pod "$(address_of $f)"
		ping_once host1 "$(pod_address $f)"
		ping_once flannel "$(address_of $f)"
	done
}

# iperf3 sends up to one block more than -n, and stops counting the received bytes when the sender
# ends: the socket buffers, of up to 32 MB, are still in flight then.
tcp_passes() { # SERVER CLIENT ADDRESS
	local answer
	answer=$(iperf_between "$@" -n 200M -l 64K)
	assert_json "$answer" '.end.sum_sent.bytes >= 200 * 1024 * 1024 and .end.sum_received.bytes >= 100 * 1024 * 1024'
}

@test "TCP passes in each direction and family, with segments larger than the MTU" {
	local f
	for f in 4 6; do
		tcp_passes pod c1 "$(pod_address $f)"
		tcp_passes c1 pod "$(address_of $f)"
	done
}

# The mean size of the packets that the stack passed to the container's interface.
@test "a segment of 64 KB is split at the tunnel, not in the container" {
	local before after
	before=$(ip -n "$LAB-c1" -s -j link show eth0 | jq '.[0].stats64.tx | .bytes, .packets' | xargs)
	iperf_between pod c1 "$(pod_address 4)" -n 20M -l 64K >/dev/null
	after=$(ip -n "$LAB-c1" -s -j link show eth0 | jq '.[0].stats64.tx | .bytes, .packets' | xargs)
	awk -v b="$before" -v a="$after" 'BEGIN { split(b, x, " "); split(a, y, " ")
		size = (y[1] - x[1]) / (y[2] - x[2]); print "bytes a packet:", size; exit size < 4000 }'
}

@test "UDP passes in each direction and family" {
	local f answer
	for f in 4 6; do
		answer=$(iperf_between pod c1 "$(pod_address $f)" -u -b 5M -l 1200 -n 600K)
		assert_json "$answer" '.end.sum.packets >= 500 and .end.sum.lost_percent < 5'
		answer=$(iperf_between c1 pod "$(address_of $f)" -u -b 5M -l 1200 -n 600K)
		assert_json "$answer" '.end.sum.packets >= 500 and .end.sum.lost_percent < 5'
	done
}

@test "the largest packet passes each underlay unfragmented, and a larger one is refused" {
	# 1430 bytes: IPv4 20, IPv6 40, ICMP 8.
	ping_once c1 "$(pod_address 4)" -M "do" -s 1402
	ping_once pod "$(address_of 4)" -M "do" -s 1402
	ping_once c1 "$(pod_address 6)" -M "do" -s 1382
	ping_once pod "$(address_of 6)" -M "do" -s 1382
	no_answer c1 "$(pod_address 4)" -M "do" -s 1403
	no_answer c1 "$(pod_address 6)" -M "do" -s 1383
}

@test "the outer packets have the family of the inner ones" {
	local f
	proc_start outer host1 tcpdump -lnni eth0 -c 40 udp port 8472
	wait_for 15 grep -q 'listening on' "$LAB_DIR/log/outer"
	for f in 4 6; do
		ping_once c1 "$(pod_address $f)"
	done
	wait_for 15 grep -q 'IP6 fd00::60.* > fd00::1.8472' "$LAB_DIR/log/outer"
	wait_for 15 grep -q 'IP 192.168.0.60.* > 192.168.0.1.8472' "$LAB_DIR/log/outer"
	proc_stop outer
	run grep -E 'IP6? .*8472: ' "$LAB_DIR/log/outer"
	refute_output --regexp 'IP 192.168.0.*IP6 fd00:5'
}

@test "a changed MAC and a changed address of the flannel node are applied" {
	local ns=$LAB-flannel
	ip -n "$ns" link set flannel.1 address 02:00:00:00:00:14
	flannel_peer # the kernel removed the ARP entries with the MAC
	ip -n "$ns" address replace 192.168.0.61/24 dev eth0
	# The tunnel guard drops packets from the old address, which no lease has.
	ip -n "$ns" link set flannel.1 type vxlan id 1 local 192.168.0.61 dev eth0
	etcd_put '10.5.200.0-24&fd00:5:0:c8::-64' "$(flannel_dual |
		sed 's/192.168.0.60/192.168.0.61/; s/00:00:04/00:00:14/')"
	wait_for 15 ping_once c1 10.5.200.2
	run kernel_have host1
	assert_line 'fdb 02:00:00:00:00:14 dst 192.168.0.61 self sticky static'
	refute_output --partial 02:00:00:00:00:04
	etcd_del '10.5.200.0-24&fd00:5:0:c8::-64'
	wait_for 15 not has_route
	no_answer c1 10.5.200.2
}
