#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A malformed lease is refused and reported. It removes no peer and delays no peer. (In flannel one
# such key removes all peers.)

load ../lib/bats

GOOD_MAC=0e:00:00:00:00:31

setup_file() {
	lab_open_for_file
	lab_overlay 3
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

setup() {
	kernel_have host1 >"$BATS_TEST_TMPDIR/before"
	refused_before=$(refused)
}

refused() { weftctl_on host1 --json status | jq '.networks[0].peers.refused'; }

refuses() { [[ $(refused) == "$1" ]]; }

# refuse KEY VALUE: writes the key, waits until it is refused, checks that the kernel entries are
# unchanged, and deletes the key.
refuse() {
	etcd_put "$1" "$2"
	wait_for 10 refuses $((refused_before + 1)) || fail "'$1' with '$2' is not counted as refused"
	kernel_have host1 >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	run weftctl_on host1 --json peers
	assert_json "$output" "[.[] | select(.state == \"refused\" and .reason != \"\")] | length > 0"
	etcd_del "$1"
	wait_for 10 refuses "$refused_before"
	kernel_have host1 >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "a key that is not a subnet" {
	refuse rubbish "$(flannel_value 192.168.0.131 $GOOD_MAC)"
	refuse 10.5.131.0 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
	refuse 10.5.131.0-33 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
	refuse 10x5x131x0-24 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
	refuse 010.5.131.0-24 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
}

@test "a key with host bits" {
	refuse 10.5.131.7-24 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
}

@test "a value that is not JSON" {
	refuse 10.5.131.0-24 '{'
	refuse 10.5.131.0-24 'null and void'
	refuse 10.5.131.0-24 "$(flannel_value 192.168.0.131 $GOOD_MAC)trailing"
	refuse 10.5.131.0-24 $'\x80\xff'
}

@test "an empty value" {
	refuse 10.5.131.0-24 ''
}

@test "JSON of the wrong structure" {
	refuse 10.5.131.0-24 '[]'
	refuse 10.5.131.0-24 '"10.5.131.0"'
	refuse 10.5.131.0-24 '{}'
	refuse 10.5.131.0-24 '{"PublicIP":"192.168.0.131","PublicIPv6":null,"BackendType":"vxlan","BackendData":7}'
}

@test "a PublicIP that is null, empty, or not a host address" {
	local value
	value=$(flannel_value 192.168.0.131 $GOOD_MAC)
	refuse 10.5.131.0-24 "${value/\"192.168.0.131\"/null}"
	refuse 10.5.131.0-24 "${value/192.168.0.131/}"
	refuse 10.5.131.0-24 "${value/192.168.0.131/192.168.0.256}"
	refuse 10.5.131.0-24 "${value/192.168.0.131/0.0.0.0}"
	refuse 10.5.131.0-24 "${value/192.168.0.131/127.0.0.1}"
	refuse 10.5.131.0-24 "${value/192.168.0.131/224.0.0.1}"
}

@test "a MAC that is invalid or not unicast" {
	refuse 10.5.131.0-24 "$(flannel_value 192.168.0.131 zz:00:00:00:00:31)"
	refuse 10.5.131.0-24 "$(flannel_value 192.168.0.131 0e:00:00:00:31)"
	refuse 10.5.131.0-24 "$(flannel_value 192.168.0.131 00:00:00:00:00:00)"
	refuse 10.5.131.0-24 "$(flannel_value 192.168.0.131 01:00:5e:00:00:31)"
}

@test "the node's own MAC, and the MAC of another peer" {
	refuse 10.5.131.0-24 "$(flannel_value 192.168.0.131 \
		"$(etcd_value_of host1 | jq -r .BackendData.VtepMAC)")"
	refuse 10.5.131.0-24 "$(flannel_value 192.168.0.131 \
		"$(etcd_value_of host2 | jq -r .BackendData.VtepMAC)")"
}

@test "a subnet outside the network" {
	refuse 10.99.1.0-24 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
	refuse 0.0.0.0-0 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
	refuse 192.168.0.0-24 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
}

@test "a subnet that overlaps the node's own or another peer's" {
	local own peer
	own=$(host_subnet host1)
	peer=$(host_subnet host2)
	refuse "${own%.0/24}.128-25" "$(flannel_value 192.168.0.131 $GOOD_MAC)"
	refuse 10.5.0.0-16 "$(flannel_value 192.168.0.131 $GOOD_MAC)"
	refuse "${peer%.0/24}.64-26" "$(flannel_value 192.168.0.131 $GOOD_MAC)"
}

@test "another backend type" {
	local value
	value=$(flannel_value 192.168.0.131 $GOOD_MAC)
	refuse 10.5.131.0-24 "${value/vxlan/host-gw}"
}

@test "many invalid leases at once, in a list and in events: peers stay, and a valid one is added" {
	local i
	flow_start rubbish c1 "$(container_address host2 c2)" 500
	for ((i = 0; i < 20; i++)); do
		etcd_put "rubbish$i" "$i"
	done
	etcd_put 10.5.132.0-24 "$(flannel_value 192.168.0.132 0e:00:00:00:00:32)"
	wait_for 10 refuses $((refused_before + 20))
	wait_for 10 has_peer host1 192.168.0.132
	weftd_stop host1 KILL # the next start receives them in a list
	weftd_start host1
	weftd_ready host1
	wait_for 10 refuses $((refused_before + 20))
	has_peer host1 192.168.0.132
	assert_equal "$(flow_lost rubbish)" 0
	etcd_ctl del --prefix "$ETCD_PREFIX/subnets/rubbish"
	etcd_del 10.5.132.0-24
	kernel_settled host1 host2 host3
	wait_for 10 refuses "$refused_before"
}

has_peer() { kernel_have "$1" | grep -qF "$2"; }
