#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl adopt-flannel on a dual-stack node of flannel, which has a device and a MAC per family. Its
# peers keep the MAC of flannel-v6.1 in their entries until they read the new lease.

load ../lib/bats
load ../lib/flannel

export FLANNEL_DUAL=yes

# host1 and host3 are nodes of flannel, host2 is one of weft.
setup_file() {
	export LAB_UNDERLAY=46
	lab_open_for_file
	etcd_machine && etcd_start
	etcd_config_of '"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0","EnableIPv6":true,"IPv6Network":"fd00:5::/48"'
	lab_hosts 3
	flannel_host host1 71
	flannel_host host3 73
	weftd_start host2 # its subnet is one that the leases of flannel leave free
	weftd_ready host2
	container_add host2 p1
	flannel_add host1 71 c1
	flannel_add host1 71 c2
	flannel_add host3 73 f1
	flannel_peers host1 73 host3
	flannel_peers host3 71 host1
	wait_for 20 all_reach
}

teardown_file() { lab_down; }

flannel_peers() { # HOST NUMBER OTHER-FLANNEL-HOST
	local subnet mac
	subnet=$(host_subnet host2) mac=$(weft_mac host2)
	flannel_peer "$1" "$2" "$3"
	flannel_peer "$1" "$(cut -d. -f3 <<<"$subnet")" host2 "$mac" "$mac"
}

all_reach() {
	local to
	for to in c2 p1 f1; do
		ping_once c1 "$(ip4 $to)" && ping_once $to "$(ip4 c1)" &&
			ping_once c1 "$(ip6 $to)" && ping_once $to "$(ip6 c1)" || return
	done
}

@test "containers keep both addresses, and a flannel peer with old entries reaches them" {
	local flow lost
	weftd_beside_flannel host1
	flow_begin same c1 "$(ip6 c2)"
	flow_begin weft c1 "$(ip6 p1)"
	flow_begin flannel f1 "$(ip6 c1)"
	adopt_on host1
	sleep 1 # packets that are sent after the last step
	for flow in same weft flannel; do
		lost=$(flow_end $flow)
		echo "# IPv6, $flow: $lost lost of 1000/s" >&3
		[[ $lost != all ]]
		((lost <= 200))
	done
	weftd_ready host1
	kernel_settled host1
	all_reach
	run ip -n "$LAB-host1" -o link
	refute_output --partial cni0
	refute_output --partial flannel.1
	refute_output --partial flannel-v6.1
}

# The tunnel over IPv6 needs 20 bytes more than flannel's bridge assumes.
@test "containers get weft's MTU, and packets of that size pass in both families" {
	local mtu to
	mtu=$(host_network host1 .mtu)
	assert_equal "$(ip -n "$LAB-c1" -j link show eth0 | jq '.[0].mtu')" "$mtu"
	for to in c2 p1; do
		ping_once c1 "$(ip4 $to)" -M "do" -s $((mtu - 28))
		ping_once c1 "$(ip6 $to)" -M "do" -s $((mtu - 48))
	done
}

@test "--undo restores both devices with their MACs" {
	weftd_stop host1
	adopt_on host1 --undo
	run ip -n "$LAB-host1" -o link
	assert_output --regexp "flannel\.1: .*$(flannel_mac 71)"
	assert_output --regexp "flannel-v6\.1: .*$(flannel_mac6 71)"
	refute_output --partial weft-
	run on host1 find /var/lib/cni/networks/cbr0 -type f
	assert_line "/var/lib/cni/networks/cbr0/$(ip4 c1)"
	assert_line "/var/lib/cni/networks/cbr0/$(ip6 c1)"
	flannel_peers host1 73 host3
	wait_for 15 all_reach
}
