#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The identity of a node: a copy of its state directory on another machine is refused without an
# effect on the original, a machine keeps its identity after any restart, and a node that ran
# flannel keeps its subnet and MAC.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
	lab_host host3
	lab_host host4
}

teardown_file() { lab_down; }

# Starts weftd with this machine-id(5).
weftd_start_on() { # HOST MACHINE [FLAG...]
	local host=$1 flags
	echo "$2" >"$LAB_DIR/$1/machine-id"
	read -ra flags < <(weftd_flags "$host")
	# shellcheck disable=SC2016 # for the inner shell
	proc_start "$host-weftd" "$host" unshare --mount sh -c \
		'mount --bind "$1" /etc/machine-id && shift && exec "$@"' sh \
		"$LAB_DIR/$1/machine-id" "$WEFT_BIN_DIR/weftd" "${flags[@]}" "${@:3}"
}

reason_has() { # HOST PART
	local status
	status=$(weftctl_on "$1" --json status) || [[ $status ]] || return 1
	jq -e --arg r "$2" '.networks[0].reason | contains($r)' <<<"$status"
}

revision() { etcd_ctl endpoint status -w json | jq '.[0].Status.header.revision'; }
renewed() { weftctl_on "$1" --json status | jq '.networks[0].lease.renewed_at'; }
is_renewed_after() { (($(renewed "$1") > $2)); }

@test "a lease renewal changes no key: the store's revision stays, and a watch reports nothing" {
	local before i renewed_at
	ETCDCTL_API=3 proc_start watch etcd etcdctl --endpoints=http://127.0.0.1:2379 \
		watch --prefix "$ETCD_PREFIX"
	before=$(revision)
	for ((i = 0; i < 4; i++)); do
		renewed_at=$(renewed host1)
		wait_for 20 is_renewed_after host1 "$renewed_at"
	done
	assert_equal "$(revision)" "$before"
	assert_equal "$(cat "$LAB_DIR/log/watch")" ''
	# The watch reports a change.
	etcd_ctl put "$ETCD_PREFIX/other" x
	wait_for 10 grep -q "^$ETCD_PREFIX/other" "$LAB_DIR/log/watch"
	proc_stop watch
}

@test "a copy of a node is refused with a remedy, and the original is not affected" {
	local key before
	weftd_start_on host3 11111111111111111111111111111111
	weftd_ready host3
	key=$(etcd_key_of host3)
	cp -r "$LAB_DIR/host3/state" "$LAB_DIR/host4/"
	before=$(revision)
	weftd_start_on host4 22222222222222222222222222222222
	wait_for 20 reason_has host4 'remove node.json'
	wait_for 20 reason_has host4 "${key%-24}/24 is leased by another machine"
	assert_equal "$(revision)" "$before"
	assert_equal "$(etcd_key_of host3)" "$key"
	assert_equal "$(etcd_key_of host4)" ''
	run -0 weftd_is_ready host3
	# With an id of its own it joins as a new node.
	weftd_stop host4
	rm "$LAB_DIR/host4/state/node.json"
	weftd_start_on host4 22222222222222222222222222222222
	weftd_ready host3 host4
	kernel_settled host3 host4
}

@test "a machine that restarts, is killed, or changes its address is not refused" {
	local key
	key=$(etcd_key_of host3)
	weftd_stop host3 KILL
	weftd_start_on host3 11111111111111111111111111111111
	weftd_ready host3
	assert_equal "$(etcd_key_of host3)" "$key"
	weftd_stop host3 KILL
	ip -n "$LAB-host3" address del 192.168.0.3/24 dev eth0
	ip -n "$LAB-host3" address add 192.168.0.33/24 dev eth0
	ip -n "$LAB-host3" route replace default via 192.168.0.254
	weftd_start_on host3 11111111111111111111111111111111
	weftd_ready host3
	run etcd_leases
	assert_line --regexp "^$key	.*\"PublicIP\":\"192.168.0.33\""
}

@test "a machine that reuses a node's address takes over the node" {
	weftd_stop host3 KILL
	weftd_start_on host3 33333333333333333333333333333333
	weftd_ready host3
	weftd_stop host3
}

@test "a former flannel node keeps subnet and MAC, and a warning names all of flannel's devices" {
	local mac=0e:00:00:00:00:35 subnet
	subnet=$(etcd_free_subnet)
	lab_host host5
	ip -n "$LAB-host5" link add flannel.1 address $mac type vxlan id 1 local 192.168.0.5 \
		dev eth0 dstport 8472 nolearning
	ip -n "$LAB-host5" link set flannel.1 up
	ip -n "$LAB-host5" link add cni0 type bridge
	ip -n "$LAB-host5" address add "${subnet%0}1/24" dev cni0
	ip -n "$LAB-host5" link set cni0 up
	printf 'FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=%s1/24\nFLANNEL_MTU=1450\n' "${subnet%0}" \
		>"$LAB_DIR/host5/subnet.env"
	weftd_start host5
	wait_for 20 reason_has host5 'ip link delete flannel.1'
	wait_for 20 reason_has host5 'ip link delete cni0'
	ip -n "$LAB-host5" link show flannel.1 # weftd has not changed it
	ip -n "$LAB-host5" link del flannel.1
	wait_for 20 reason_has host5 'device cni0 has'
	ip -n "$LAB-host5" link del cni0
	weftd_ready host5
	assert_equal "$(host_subnet host5)" "$subnet/24"
	run ip -n "$LAB-host5" link show weft-vx1
	assert_output --partial "$mac"
	kernel_settled host1 host5
}

@test "without flannel's device, the MAC is taken from the lease" {
	local lease subnet mac=0e:00:00:00:00:36
	subnet=$(etcd_free_subnet)
	lab_host host6
	lease=$(etcd_ctl lease grant 600 | awk '{ print $2 }')
	etcd_put "$subnet-24" "$(flannel_value 192.168.0.6 $mac)" --lease="$lease"
	weftd_start host6
	weftd_ready host6
	assert_equal "$(host_subnet host6)" "$subnet/24"
	run etcd_value_of host6
	assert_output --partial "$mac"
	kernel_settled host1 host6
}
