#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The underlay family of tunnel packets: hosts with IPv4, with IPv6 and with both, in one dual-stack
# network; and a flannel node, which has a device for each family.

load ../lib/bats

DUAL='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'

# host1 and host2 have both families, host3 IPv4 only, host4 IPv6 only.
setup_file() {
	lab_open_for_file
	etcd_machine && etcd_start && etcd_config "{$DUAL,\"Weft\":{\"LeaseTTL\":15}}"
	LAB_UNDERLAY=46 lab_host host1
	LAB_UNDERLAY=46 lab_host host2
	LAB_UNDERLAY=4 lab_host host3
	LAB_UNDERLAY=6 lab_host host4
	for host in host1 host2 host3 host4; do
		weftd_start "$host"
	done
	weftd_ready host1 host2 host3 host4
	container_add host1 c11 && container_add host2 c21 && container_add host3 c31 &&
		container_add host4 c41
}

teardown_file() { lab_down; }

# A container's address of a family.
address_of() { # HOST CONTAINER 4|6
	jq -r --argjson i "$((($3 - 4) / 2))" '.result.ips[$i].address | split("/")[0]' \
		"$(cni_result_file "$1" "$2")"
}

mtu_of() { ip -n "$LAB-$1" -j link show "$2" | jq '.[0].mtu'; } # NAMESPACE DEVICE

@test "a node publishes its addresses, and never a PublicIP of null" {
	run etcd_leases
	assert_line --partial '{"PublicIP":"192.168.0.1","PublicIPv6":"fd00::1",'
	assert_line --partial '{"PublicIP":"192.168.0.3","PublicIPv6":null,'
	assert_line --partial '{"PublicIP":"0.0.0.0","PublicIPv6":"fd00::4",'
	assert_line --regexp 'fd00::1.*"BackendV6Data":\{"VNI":1,"VtepMAC"'
}

@test "only a dual-stack node has a second device, and the MTU fits the used underlays" {
	run -0 ip -n "$LAB-host1" -d link show weft-vx1
	assert_output --partial 'local 192.168.0.1'
	run -0 ip -n "$LAB-host1" -d link show weft-v61
	assert_output --partial 'local fd00::1'
	assert_output --partial 'master weft-br1'
	run ! ip -n "$LAB-host3" link show weft-v61
	run ! ip -n "$LAB-host4" link show weft-v61
	run -0 ip -n "$LAB-host4" -d link show weft-vx1
	assert_output --partial 'local fd00::4'
	assert_equal "$(mtu_of host1 weft-br1) $(mtu_of host3 weft-br1) $(mtu_of host4 weft-br1)" \
		'1430 1450 1430'
	assert_equal "$(mtu_of c11 eth0) $(mtu_of c31 eth0)" '1430 1450'
}

@test "each pair of nodes uses a common family, IPv4 first" {
	local vtep
	vtep=$(etcd_value_of host2 | jq -r .BackendData.VtepMAC)
	run -0 bridge -n "$LAB-host1" fdb show dev weft-vx1
	assert_line --partial "$vtep dst 192.168.0.2"
	assert_line --partial 'dst 192.168.0.3'
	run -0 bridge -n "$LAB-host1" fdb show dev weft-v61
	refute_output --partial 'dst fd00::2'
	assert_line --partial 'dst fd00::4'
}

@test "nodes with a common underlay family reach each other's containers in both families" {
	local pair family
	for pair in c11:host2/c21 c21:host1/c11 c11:host3/c31 c31:host1/c11 c11:host4/c41 c41:host2/c21; do
		local to=${pair#*:}
		for family in 4 6; do
			run -0 ping_once "${pair%:*}" "$(address_of "${to%/*}" "${to#*/}" "$family")"
		done
	done
}

@test "nodes without a common underlay family refuse each other and report it" {
	run -0 weftctl_on host3 --json peers
	assert_json "$output" '[.[] | select(.state == "refused")] | length == 1
		and (.[0].reason | contains("no address on the underlay"))'
}

@test "packets of 1430 bytes pass an IPv6 underlay unfragmented" {
	run -0 ping_once c11 "$(address_of host4 c41 4)" -M 'do' -s $((1430 - 28))
	run -0 ping_once c11 "$(address_of host4 c41 6)" -M 'do' -s $((1430 - 48))
	no_answer c11 "$(address_of host4 c41 6)" -M 'do' -s $((1431 - 48))
}

limited() { # HOST: IPv6 is off there, and nothing else
	local status
	status=$(weftctl_on "$1" --json status)
	assert_json "$status" '.networks[0] | .state == "degraded"
		and (.reason | contains("IPv6 of containers is disabled: their MTU of 1230"))'
	[[ $(host_network "$1" '.families | length') == 1 ]]
}

refused_in_ipv6() { # HOST PEER
	local peers
	peers=$(weftctl_on "$1" --json peers)
	assert_json "$peers" "any(.[]; .node_name == \"$2\" and
		(.single_family_reason // \"\" | contains(\"IPv6 of containers is disabled on its node\")))"
}

reaches() { ping_once "$1" "$(address_of "$2" "$3" "$4")" -W 0.3; } # CONTAINER HOST CONTAINER 4|6

@test "an uplink with too small an MTU for IPv6: IPv4 continues, and IPv6 returns with the MTU" {
	local key
	key=$(etcd_key_of host1)
	ip -n "$LAB-host1" link set eth0 mtu 1300
	wait_for 15 limited host1
	wait_for 15 refused_in_ipv6 host2 host1
	wait_for 15 reaches c11 host2 c21 4
	container_add host1 c12
	assert_equal "$(jq '.result.ips | length' "$(cni_result_file host1 c12)")" 1
	run weftctl_on host1 doctor
	assert_output --partial 'containers have no IPv6: their MTU of 1230 is below 1280'
	assert_output --partial 'ip link set dev eth0 mtu 1350'
	refute_output --partial 'the last reconcile failed'
	weftd_stop host1
	weftd_start host1
	wait_for 15 limited host1
	wait_for 15 reaches c12 host2 c21 4
	ip -n "$LAB-host1" link set eth0 mtu 1500
	weftd_ready host1
	assert_equal "$(host_network host1 '.families | length')" 2
	assert_equal "$(etcd_key_of host1)" "$key"
	wait_for 15 reaches c21 host1 c11 6
	wait_for 15 reaches c11 host2 c21 6
	wait_for 15 kernel_agrees host1
	container_del host1 c12
}

# Creates flanneld's devices on a host: one for each family, each with its own MAC.
flannel_node() {
	LAB_UNDERLAY=46 lab_machine flannel 60 || return
	ns_run flannel sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	local ns=$LAB-flannel
	ip -n "$ns" link add flannel.1 address 02:00:00:00:00:04 mtu 1450 type vxlan id 1 \
		local 192.168.0.60 dev eth0 dstport 8472 nolearning || return
	ip -n "$ns" link add flannel-v6.1 address 02:00:00:00:00:06 mtu 1430 type vxlan id 1 \
		local fd00::60 dev eth0 dstport 8472 nolearning || return
	ip -n "$ns" address add 10.5.200.0/32 dev flannel.1
	ip -n "$ns" address add fd00:5:0:c8::/128 dev flannel-v6.1 nodad
	ip -n "$ns" link set flannel.1 up && ip -n "$ns" link set flannel-v6.1 up || return
	ip -n "$ns" address add 10.5.200.1/24 dev lo
	ip -n "$ns" address add fd00:5:0:c8::1/64 dev lo nodad
}

# Creates the entries that flanneld derives from a weft node's lease.
flannel_peer() { # HOST
	local value subnet6 subnet
	value=$(etcd_value_of "$1")
	IFS='&' read -r subnet subnet6 < <(etcd_key_of "$1")
	local base=${subnet%-*} base6=${subnet6%-*} ns=$LAB-flannel mac mac6
	mac=$(jq -r .BackendData.VtepMAC <<<"$value")
	mac6=$(jq -r .BackendV6Data.VtepMAC <<<"$value")
	ip -n "$ns" neigh replace "$base" lladdr "$mac" dev flannel.1 nud permanent &&
		bridge -n "$ns" fdb replace "$mac" dev flannel.1 dst "$(jq -r .PublicIP <<<"$value")" self permanent &&
		ip -n "$ns" route replace "$base/24" via "$base" dev flannel.1 onlink src 10.5.200.1 &&
		ip -n "$ns" neigh replace "$base6" lladdr "$mac6" dev flannel-v6.1 nud permanent &&
		bridge -n "$ns" fdb replace "$mac6" dev flannel-v6.1 dst "$(jq -r .PublicIPv6 <<<"$value")" self permanent &&
		ip -n "$ns" route replace "$base6/64" via "$base6" dev flannel-v6.1 onlink src fd00:5:0:c8::1
}

host_has() { # HOST ARGUMENTS...
	local host=$1
	shift
	ip -n "$LAB-$host" "$@" | grep -q .
}

@test "a flannel node is reached in each family over the same underlay family, in both directions" {
	local value='{"PublicIP":"192.168.0.60","PublicIPv6":"fd00::60","BackendType":"vxlan"'
	value+=',"BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:04"}'
	value+=',"BackendV6Data":{"VNI":1,"VtepMAC":"02:00:00:00:00:06"}}'
	flannel_node
	flannel_peer host1
	etcd_put '10.5.200.0-24&fd00:5:0:c8::-64' "$value"
	wait_for 10 host_has host1 -6 route show fd00:5:0:c8::/64
	run -0 bridge -n "$LAB-host1" fdb show
	assert_line --partial '02:00:00:00:00:04 dev weft-vx1 dst 192.168.0.60'
	assert_line --partial '02:00:00:00:00:06 dev weft-v61 dst fd00::60'
	run -0 ping_once c11 10.5.200.1
	run -0 ping_once c11 fd00:5:0:c8::1
	run -0 ping_once flannel "$(address_of host1 c11 4)"
	run -0 ping_once flannel "$(address_of host1 c11 6)"
	# A node with IPv4 only reaches it over IPv4.
	wait_for 10 host_has host3 -4 route show 10.5.200.0/24
	run ! host_has host3 -6 route show fd00:5:0:c8::/64
}

@test "the kernel agrees with the leases on every node" {
	kernel_settled host1 host2
}

@test "a restart of a node with two devices writes nothing to the kernel" {
	local host
	for host in host1 host4; do
		weftd_stop "$host"
		weftd_start "$host"
		weftd_ready "$host"
		run -0 weftctl_on "$host" --json status
		assert_json "$output" '.networks[0].reconciles.entries_written == 0'
	done
}

@test "Underlay ipv6 removes the second device and IPv4 from the tunnel" {
	etcd_config "{$DUAL,\"Weft\":{\"LeaseTTL\":15,\"Underlay\":\"ipv6\"}}"
	local host
	for host in host1 host2 host4; do
		weftd_stop "$host"
		weftd_start "$host"
	done
	weftd_ready host1 host2 host4
	run ! ip -n "$LAB-host1" link show weft-v61
	run -0 ip -n "$LAB-host1" -d link show weft-vx1
	assert_output --partial 'local fd00::1'
	run -0 ping_once c11 "$(address_of host2 c21 4)"
	run -0 ping_once c11 "$(address_of host2 c21 6)"
	run -0 bridge -n "$LAB-host1" fdb show dev weft-vx1
	assert_line --partial 'dst fd00::2'
	refute_output --partial 'dst 192.168'
}
