#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# All nodes boot while the store is down: they restore their data path from the snapshot, and
# their status reports it.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

saved() { # HOST NUMBER: the snapshot has this number of leases
	jq -e --argjson n "$2" '.version == 1 and (.subnets | length == $n)' \
		"$LAB_DIR/$1/state/networks/default.json"
}

power_off() { # HOST: removes what a reboot removes
	weftd_stop "$1" KILL
	rm -rf "$LAB_DIR/$1/run" "$LAB_DIR/$1/subnet.env"
	ip -n "$LAB-$1" link del "$KERNEL_BRIDGE"
	ip -n "$LAB-$1" link del "$KERNEL_VXLAN"
}

status_is() { weftctl_on "$1" --json status | jq -e ".networks[0] | $2"; }

@test "the snapshot is written once, and again only after a change" {
	local file=$LAB_DIR/host1/state/networks/default.json inode
	wait_for 20 saved host1 3
	wait_for 20 saved host2 3
	inode=$(stat -c %i "$file")
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	etcd_put 10.5.240.0-24 "$(flannel_value 192.168.0.66 0e:00:00:00:00:66)"
	wait_for 20 saved host1 4
	assert [ "$(stat -c %i "$file")" != "$inode" ]
	etcd_del 10.5.240.0-24
	wait_for 20 saved host1 3
}

@test "without the store: traffic passes, ADD works, and status reports the store" {
	kernel_have host1 >"$BATS_TEST_TMPDIR/before"
	etcd_stop KILL
	power_off host1
	power_off host2
	weftd_start host1
	weftd_start host2
	wait_for 20 status_is host1 '.from_snapshot and .state == "degraded" and .reconciles.total > 0'
	wait_for 20 status_is host2 '.from_snapshot and .state == "degraded" and .reconciles.total > 0'
	status_is host1 '.reason | contains("from the snapshot")'
	run weftctl_on host1 status
	assert_failure 1
	assert_output --partial 'from the snapshot'
	kernel_have host1 >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	wait_for 5 ping_once c1 "$(container_address host2 c2)"
	container_add host1 c3
	ping_once c3 "$(container_address host2 c2)"
}

@test "when the store returns, the node is ready again" {
	etcd_start
	wait_for 40 weftd_is_ready host1
	wait_for 40 weftd_is_ready host2
	weftd_ready host3
	status_is host1 '.from_snapshot == false'
	kernel_settled host1 host2 host3
	ping_once c3 "$(container_address host2 c2)"
}

@test "a damaged snapshot is reported, and weftd waits for the store" {
	weftd_stop host3
	echo '{"version":1,' >"$LAB_DIR/host3/state/networks/default.json"
	etcd_stop
	power_off host3
	weftd_start host3
	wait_for 20 log_has host3 'snapshot cannot be read'
	status_is host3 '.state == "starting" and (.from_snapshot | not)'
	etcd_start
	wait_for 40 weftd_is_ready host3
	kernel_settled host1 host2 host3
}

log_has() { weftd_log "$1" 50 | grep -F "$2"; }
