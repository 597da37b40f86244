#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# A lease with an address or a MAC of this node, of its containers, or of another of its networks
# would attract their traffic. It is refused by name, and no other peer is affected.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
	ETCD_PREFIX=$ETCD_PREFIX/networks/blue etcd_config \
		'{"Network":"10.77.0.0/16","Backend":{"VNI":77},"Weft":{"LeaseTTL":15}}'
	cni_use host1 '(.plugins[] | select(.type == "weft")).capabilities = {mac: true}' \
		<"$WEFT_REPO/conf/10-weft.conflist"
	weftd_stop host1
	weftd_start host1 --network default,blue
	weftd_ready host1
	kernel_settled host1 host2
	container_add host1 c11
	container_add host2 c21
}

teardown_file() { lab_down; }

peer_is() { # SUBNET STATE REASON
	weftctl_on host1 --json peers | jq -e --arg s "$1" --arg t "$2" --arg r "$3" 'any(.[];
		.subnet == $s and .state == $t and (.reason | contains($r)))'
}

put_lease() { # NUMBER ADDRESS MAC
	etcd_put "10.5.$1.0-24" "$(flannel_value "$2" "$3")"
}

mac_of() { ip -n "$LAB-$1" -j link show "$2" | jq -r '.[0].address'; } # NAMESPACE DEVICE

both_ways() {
	ping_once c11 "$(container_address host2 c21)" -W 0.3 &&
		ping_once c21 "$(container_address host1 c11)" -W 0.3
}

@test "addresses of this node, its subnets' network and broadcast addresses, another network's range" {
	ip -n "$LAB-host1" link add docker0 type bridge
	ip -n "$LAB-host1" address add 172.17.0.1/16 dev docker0
	put_lease 211 192.168.0.255 0e:00:00:00:00:11
	put_lease 212 192.168.0.0 0e:00:00:00:00:12
	put_lease 213 172.17.0.1 0e:00:00:00:00:13
	put_lease 214 10.77.3.1 0e:00:00:00:00:14
	put_lease 215 192.168.0.15 0e:00:00:00:00:15
	wait_for 5 peer_is 10.5.211.0/24 refused 'the broadcast address of this node'
	wait_for 5 peer_is 10.5.212.0/24 refused 'the network address of this node'
	wait_for 5 peer_is 10.5.213.0/24 refused "an address of this node's docker0"
	wait_for 5 peer_is 10.5.214.0/24 refused 'network "blue"'
	wait_for 5 peer_is 10.5.215.0/24 installed ''
	run ip -n "$LAB-host1" route show proto 119
	assert_output --partial 10.5.215.0/24
	refute_output --regexp '10\.5\.21[1-4]\.'
	both_ways
}

@test "an address that this node gets later refuses the peer, until it is gone" {
	ip -n "$LAB-host1" address add 192.168.0.15/32 dev lo
	wait_for 5 peer_is 10.5.215.0/24 refused "an address of this node's lo"
	ip -n "$LAB-host1" address del 192.168.0.15/32 dev lo
	wait_for 5 peer_is 10.5.215.0/24 installed ''
}

@test "MACs of this node's devices and containers, and those that containers get" {
	put_lease 221 192.168.0.21 "$(mac_of c11 eth0)"
	put_lease 222 192.168.0.22 "$(mac_of host1 docker0)"
	put_lease 223 192.168.0.23 "$(mac_of host1 eth0)"
	put_lease 224 192.168.0.24 02:00:00:00:00:24
	wait_for 5 peer_is 10.5.221.0/24 refused 'is one that containers have'
	wait_for 5 peer_is 10.5.222.0/24 refused "this node's docker0"
	wait_for 5 peer_is 10.5.223.0/24 refused "this node's eth0"
	wait_for 5 peer_is 10.5.224.0/24 installed ''
	# A container with this MAC comes later.
	CNI_CAPS='{"mac":"02:00:00:00:00:24"}' container_add host1 c12
	wait_for 5 peer_is 10.5.224.0/24 refused 'is that of a container of this node'
	ping_once c12 "$(container_address host1 c11)"
	ping_once host1 "$(container_address host1 c12)"
	container_del host1 c12
	wait_for 10 peer_is 10.5.224.0/24 installed ''
	# Another bridge gets the MAC, has no address, and is deleted.
	ip -n "$LAB-host1" link add br9 address 02:00:00:00:00:24 type bridge
	wait_for 5 peer_is 10.5.224.0/24 refused "this node's br9"
	ip -n "$LAB-host1" link del br9
	wait_for 5 peer_is 10.5.224.0/24 installed ''
	both_ways
}
