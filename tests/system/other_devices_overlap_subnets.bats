#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# Other devices of a node have addresses in the network: in this node's subnet, as flannel's cni0 on
# a drained node; in a peer's; in a free one.

load ../lib/bats

setup_file() {
	local i
	lab_open_for_file
	lab_hosts 2 && store_start '{"Network":"10.5.0.0/21","SubnetLen":24,"Weft":{"LeaseTTL":15}}'
	bridge_add host1 docker0 10.5.1.1/24
	bridge_add host1 storage0 10.5.6.129/25
	for i in 2 3 4 5; do
		etcd_put "10.5.$i.0-24" "$(flannel_value "192.168.0.10$i" "0e:00:00:00:00:0$i")"
	done
	weftd_start host1
	weftd_ready host1
}

teardown_file() { lab_down; }

bridge_add() { # HOST DEVICE ADDRESS
	ip -n "$LAB-$1" -batch - <<-BATCH
		link add $2 type bridge
		address add $3 dev $2
		link set $2 up
	BATCH
}

bridge_del() { ip -n "$LAB-$1" link del "$2"; }

status_is() { weftctl_on "$1" --json status | jq -e ".networks[0] | $2"; }

finds() { # HOST STATE TEXT REMEDY: among doctor's findings
	{ weftctl_on "$1" --json doctor || (($? == 1)); } | jq -e --arg s "$2" --arg t "$3" \
		--arg r "$4" 'any(.findings[]; .check == "overlap" and .state == $s and
			(.text | contains($t)) and .remedy == $r)'
}

# Calls STATUS as libcni does.
status_of() { # HOST
	cni_exec STATUS "$1" none eth0 weft < <(jq '.plugins[0] + {name, cniVersion: "1.1.0"}' \
		"$LAB_DIR/$1/10-weft.conflist")
}

no_overlap() { status_is "$1" '.overlaps == []'; }

@test "a subnet that overlaps another device's prefix is not chosen" {
	local i
	assert_equal "$(host_subnet host1)" 10.5.7.0/24 # 10.5.1.0 and 10.5.6.0 are free, too
	weftd_stop host1
	rm -r "$LAB_DIR/host1/state" "$LAB_DIR/host1/run"
	etcd_put 10.5.7.0-24 "$(flannel_value 192.168.0.107 0e:00:00:00:00:07)"
	weftd_start host1
	wait_for 10 status_is host1 '.reason | contains("or overlap another device of this node")'
	for i in 2 3 4 5 7; do
		etcd_del "10.5.$i.0-24"
	done
	wait_for 15 weftd_is_ready host1
	no_overlap host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host2 c21
	# host2 may have one of these subnets.
	bridge_del host1 docker0
	bridge_del host1 storage0
	reaches_host2() { ping_once host1 "$(container_address host2 c21)"; }
	wait_for 5 reaches_host2
}

@test "a peer's subnet is programmed, and the device that overlaps it is reported" {
	local subnet
	subnet=$(host_subnet host2)
	bridge_add host1 br-storage "${subnet%.0/24}.65/26"
	wait_for 5 status_is host1 ".overlaps == [{device: \"br-storage\",
		prefix: \"${subnet%.0/24}.64/26\", own_subnet: false, blocks_add: false, peers: 1,
		peer_subnet: \"$subnet\", peer_name: \"host2\", command: \"ip link delete br-storage\"}]"
	run -0 ip -n "$LAB-host1" route show proto 119 "$subnet"
	assert_output --partial "$KERNEL_BRIDGE"
	run -0 weftctl_on host1 status
	assert_output --partial "br-storage has ${subnet%.0/24}.64/26, which overlaps"
	finds host1 warning "first $subnet (host2)" 'ip link delete br-storage'
	status_is host1 '.state == "ready"'
	bridge_del host1 br-storage
	wait_for 5 no_overlap host1
}

@test "a device in this node's subnet: no ADD until it is deleted, then at once" {
	local subnet gateway
	subnet=$(host_subnet host1)
	gateway=$(host_gateway host1)
	container_add host1 c11
	bridge_add host1 cni0 "$gateway/24"
	wait_for 5 status_is host1 '.state == "degraded" and (.reason
		| contains("device cni0 has") and contains("ip link delete cni0"))'
	status_is host1 ".overlaps[0] | .device == \"cni0\" and .blocks_add and .prefix == \"$subnet\""
	finds host1 error 'containers cannot start' 'ip link delete cni0'
	run container_add host1 c12
	assert_failure
	assert_output --partial 'ip link delete cni0'
	assert_json "$(grep -o '{.*}' <<<"$output")" '.code == 50'
	run status_of host1
	assert_failure
	assert_output --partial 'ip link delete cni0'
	assert_equal "$(host_subnet host1)" "$subnet"
	cni_check host1 c11
	bridge_del host1 cni0
	wait_for 5 weftd_is_ready host1
	container_add host1 c13
	ping_once c13 "$(container_address host2 c21)"
	status_of host1
}

@test "an address or a route of another device in this node's subnet blocks ADD, a wider prefix does not" {
	local subnet
	subnet=$(host_subnet host1)
	bridge_add host1 wide0 10.5.0.1/21
	wait_for 5 status_is host1 '.overlaps[0].device == "wide0"'
	status_is host1 '.state == "ready" and (.overlaps[0] | .own_subnet and (.blocks_add | not))'
	finds host1 warning 'wide0 has 10.5.0.0/21' 'ip link delete wide0'
	bridge_del host1 wide0
	ip -n "$LAB-host1" address add "${subnet%.0/24}.200/32" dev eth0
	wait_for 5 status_is host1 ".reason | contains(\"ip address del ${subnet%.0/24}.200/32 dev eth0\")"
	run container_add host1 c14
	assert_failure
	assert_output --partial 'weftctl doctor'
	ip -n "$LAB-host1" address del "${subnet%.0/24}.200/32" dev eth0
	wait_for 5 weftd_is_ready host1
	ip -n "$LAB-host1" route add "${subnet%.0/24}.32/27" dev eth0
	wait_for 5 status_is host1 ".reason | contains(\"ip route del ${subnet%.0/24}.32/27 dev eth0\")"
	ip -n "$LAB-host1" route del "${subnet%.0/24}.32/27" dev eth0
	wait_for 5 weftd_is_ready host1
}

@test "weftd is down while the device is deleted: ADD works" {
	bridge_add host1 cni0 "$(host_gateway host1)/24"
	wait_for 5 status_is host1 '.state == "degraded"'
	weftd_stop host1
	run container_add host1 c15
	assert_failure
	bridge_del host1 cni0
	container_add host1 c16
	ping_once c16 "$(container_address host2 c21)"
	weftd_start host1
	weftd_ready host1
}
