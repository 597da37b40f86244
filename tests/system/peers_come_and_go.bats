#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Nodes join, die and return; the store is down, and returns empty.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
	container_add host1 c1
	container_add host2 c2
	container_add host3 c3
}

teardown_file() { lab_down; }

has_no_peer() { # HOST ADDRESS
	! kernel_have "$1" | grep -F "$2"
}

@test "a node that joins becomes a peer of all nodes" {
	lab_host host4
	weftd_start host4
	weftd_ready host4
	kernel_settled host1 host2 host3 host4
	assert_equal "$(kernel_have host1 | grep -c '^route .* proto 119 ')" 3
	container_add host4 c4
	ping_once c4 "$(container_address host1 c1)"
}

@test "a dead node's entries are removed when its lease expires, and other nodes lose no packet" {
	local subnet
	subnet=$(host_subnet host3)
	flow_start others c1 "$(container_address host2 c2)" 700
	weftd_stop host3 KILL
	lab_link host3 down
	wait_for 20 has_no_peer host1 "${subnet%/*}"
	wait_for 5 has_no_peer host2 "${subnet%/*}"
	run kernel_have host1
	refute_output --partial 192.168.0.3
	kernel_settled host1 host2
	assert_equal "$(flow_lost others)" 0
}

@test "a node that returns has its old identity, and its containers are reachable" {
	lab_link host3 up
	weftd_start host3
	weftd_ready host3
	kernel_settled host1 host2 host3
	wait_for 5 ping_once c3 "$(container_address host1 c1)"
	wait_for 5 ping_once c2 "$(container_address host3 c3)"
}

@test "deleting a peer's key removes its entries at once, and a new key adds them" {
	etcd_put 10.5.240.0-24 "$(flannel_value 192.168.0.66 0e:00:00:00:00:66)"
	kernel_settled host1
	etcd_del 10.5.240.0-24
	wait_for 5 has_no_peer host1 192.168.0.66
	etcd_put 10.5.240.0-24 "$(flannel_value 192.168.0.66 0e:00:00:00:00:66)"
	kernel_settled host1
	etcd_del 10.5.240.0-24
	kernel_settled host1 host2 host3
}

is_degraded() { # HOST
	weftctl_on "$1" --json status |
		jq -e '.networks[0] | .state == "degraded" and .store.connected == false'
}

@test "etcd down for longer than a lease's TTL: traffic passes, status reports it, no packet is lost later" {
	local keys later
	keys=$(etcd_leases | cut -f1)
	kernel_have host1 >"$BATS_TEST_TMPDIR/before"
	flow_start away c1 "$(container_address host2 c2)" 1000
	etcd_stop KILL
	wait_for 20 is_degraded host1
	run weftctl_on host1 status
	assert_failure 1
	later=$(($(now_us) + 7000000))
	wait_for 20 is_past "$later"
	kernel_have host1 >"$BATS_TEST_TMPDIR/during"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/during"
	etcd_start
	wait_for 40 weftd_is_ready host1
	weftd_ready host2 host3
	kernel_settled host1 host2 host3
	assert_equal "$(etcd_leases | cut -f1)" "$keys"
	assert_equal "$(flow_lost away)" 0
}

is_past() { # MICROSECONDS since the epoch
	(($(now_us) >= $1))
}

@test "etcd returns empty: every node registers with its old identity, and no packet is lost" {
	local keys
	keys=$(etcd_leases | cut -f1)
	flow_start empty c1 "$(container_address host3 c3)" 500
	etcd_stop KILL
	rm -rf "$LAB_DIR/etcd/data"
	etcd_start
	etcd_config
	wait_for 40 leases_are "$keys"
	weftd_ready host1 host2 host3
	kernel_settled host1 host2 host3
	assert_equal "$(flow_lost empty)" 0
}

leases_are() { [[ $(etcd_leases | cut -f1) == "$1" ]]; }

@test "all keys deleted: every node registers with its old identity, and no packet is lost" {
	local keys
	keys=$(etcd_leases | cut -f1)
	flow_start deleted c1 "$(container_address host3 c3)" 500
	etcd_ctl del --prefix "$ETCD_PREFIX/subnets/"
	wait_for 40 leases_are "$keys"
	kernel_settled host1 host2 host3
	assert_equal "$(flow_lost deleted)" 0
}
