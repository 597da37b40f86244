#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# An ADD that comes between the deletion of the bridge and its repair by weftd succeeds. Without
# weftd it fails at once.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 1
	ns_add c1
}

teardown_file() { lab_down; }

teardown() {
	cni_del host1 c1 || true
}

bridge_delete() { ip -n "$LAB-host1" link del "$KERNEL_BRIDGE"; }
bridge_exists() { ip -n "$LAB-host1" link show "$KERNEL_BRIDGE"; }

@test "ADD waits for weftd to restore the bridge" {
	local weftd
	weftd=$(weftd_pid host1)
	kill -s STOP "$weftd"
	bridge_delete
	(sleep 0.2 && kill -s CONT "$weftd") 3>&- &
	run cni_add host1 c1
	wait
	assert_success
	cni_check host1 c1
	ping_once c1 "$(host_gateway host1)"
}

@test "ADD fails if weftd does not restore the bridge, or does not run" {
	kill -s STOP "$(weftd_pid host1)"
	bridge_delete
	run cni_add host1 c1
	kill -s CONT "$(weftd_pid host1)"
	assert_failure
	assert_json "$output" '.code == 50 and (.msg | contains("weft-br1"))'
	wait_for 5 bridge_exists

	weftd_stop host1
	bridge_delete
	run cni_add host1 c1
	assert_failure
	assert_json "$output" '.code == 50 and (.msg | contains("weft-br1"))'
	weftd_start host1
	weftd_ready host1
}

@test "no ADD fails while the bridge is deleted again and again" {
	local i failed=0
	churn 3>&- &
	for ((i = 0; i < 10; i++)); do
		run cni_add host1 c1
		((status == 0)) || { ((failed += 1)) && echo "$output" >&2; }
		cni_del host1 c1
	done
	touch "$LAB_DIR/enough"
	wait
	assert_equal "$failed" 0
}

# Deletes the bridge at another moment of ADD each time, as soon as weftd has restored it.
churn() {
	local n
	for ((n = 0; n < 1000; n++)); do
		[[ ! -e $LAB_DIR/enough ]] || break
		wait_for 10 bridge_exists >/dev/null
		sleep "0.$((1 + n % 3))$((n % 10))"
		bridge_delete || true
	done
}
