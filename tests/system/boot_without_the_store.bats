#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The power comes back, and the store does not: nodes bring their data path up from what they
# knew last, and say so.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

saved() { # HOST NUMBER: so many leases are kept
	jq -e --argjson n "$2" '.version == 1 and (.subnets | length == $n)' \
		"$LAB_DIR/$1/state/networks/default.json"
}

power_off() { # HOST: what a reboot takes away
	weftd_stop "$1" KILL
	rm -rf "$LAB_DIR/$1/run" "$LAB_DIR/$1/subnet.env"
	ip -n "$LAB-$1" link del "$KERNEL_BRIDGE"
	ip -n "$LAB-$1" link del "$KERNEL_VXLAN"
}

status_is() { weftctl_on "$1" --json status | jq -e ".networks[0] | $2"; }

@test "what is known is kept, and not written again while it stays so" {
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

@test "without the store: traffic, a new container, and a status that says so" {
	kernel_have host1 >"$BATS_TEST_TMPDIR/before"
	etcd_stop KILL
	power_off host1
	power_off host2
	weftd_start host1
	weftd_start host2
	wait_for 20 status_is host1 '.stale and .state == "degraded" and .passes.run > 0'
	wait_for 20 status_is host2 '.stale and .state == "degraded" and .passes.run > 0'
	status_is host1 '.reason | contains("as it was known last")'
	run weftctl_on host1 status
	assert_failure 1
	assert_output --partial 'as it was known last'
	kernel_have host1 >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	wait_for 5 ping_once c1 "$(container_address host2 c2)"
	container_add host1 c3
	ping_once c3 "$(container_address host2 c2)"
}

@test "the store comes back: the node is as any other again" {
	etcd_start
	wait_for 40 weftd_is_ready host1
	wait_for 40 weftd_is_ready host2
	weftd_ready host3
	status_is host1 '.stale == false'
	kernel_settled host1 host2 host3
	ping_once c3 "$(container_address host2 c2)"
}

@test "what is kept is damaged: said, and waited for the store" {
	weftd_stop host3
	echo '{"version":1,' >"$LAB_DIR/host3/state/networks/default.json"
	etcd_stop
	power_off host3
	weftd_start host3
	wait_for 20 log_says host3 'what was known last cannot be read'
	status_is host3 '.state == "starting" and (.stale | not)'
	etcd_start
	wait_for 40 weftd_is_ready host3
	kernel_settled host1 host2 host3
}

log_says() { weftd_log "$1" 50 | grep -F "$2"; }
