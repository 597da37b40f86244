#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# Type=notify: `systemctl start weftd` returns when bridge, state file and subnet.env exist, and not
# before; `systemctl status` has a line about the networks.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_hosts 1
	etcd_machine
}

teardown_file() { lab_down; }

manager_start() { # the socket, in the host's namespace
	local dir=$LAB_DIR/host1
	rm -f "$LAB_DIR/log/manager"
	proc_start manager host1 python3 "$WEFT_REPO/tests/lib/notify_socket.py" "$1" "$KERNEL_BRIDGE" \
		"$dir/run/networks/default.json" "$dir/subnet.env"
	wait_for 10 manager_listens
}

# A datagram to a socket that is not bound yet would be lost.
manager_listens() { ns_run host1 grep -qF "$LAB-manager" /proc/net/unix; }

start_under_manager() {
	NOTIFY_SOCKET=@$LAB-manager weftd_start host1
}

received() { # EXPRESSION of jq(1): true for one of the datagrams
	jq -se "any(.[]; $1)" "$LAB_DIR/log/manager" >/dev/null || { cat "$LAB_DIR/log/manager" && return 1; }
}

is_ready='(.lines | index("READY=1"))'

@test "without a store or a snapshot weftd is not started, and the status has the reason" {
	manager_start "@$LAB-manager"
	start_under_manager
	wait_for 10 received '.lines[0] | endswith("cannot connect: Connection refused")'
	run ! received "$is_ready"
}

@test "READY=1 arrives once bridge, state file and subnet.env exist" {
	etcd_start
	etcd_config
	wait_for 20 received "$is_ready"
	run received "$is_ready and (.complete | not)"
	assert_failure
	received "$is_ready and (.lines | any(startswith(\"STATUS=default: \")))"
	wait_for 10 received '.lines == ["STATUS=default: ready"] or (.lines | index("STATUS=default: ready"))'
	assert_equal "$(jq -s "[.[] | select($is_ready)] | length" "$LAB_DIR/log/manager")" 1
}

snapshot_is_saved() { jq -e '.subnets | length == 1' "$LAB_DIR/host1/state/networks/default.json"; }

@test "a state change updates the status, and the end is announced" {
	lab_link host1 down
	wait_for 30 received '.lines[0] | startswith("STATUS=default: degraded: ")'
	lab_link host1 up
	weftd_ready host1
	wait_for 20 snapshot_is_saved
	weftd_stop host1
	wait_for 5 received '.lines == ["STOPPING=1"]'
	proc_stop manager
}

@test "a boot without the store is complete with the snapshot" {
	etcd_stop KILL
	rm -rf "$LAB_DIR/host1/run" "$LAB_DIR/host1/subnet.env"
	ip -n "$LAB-host1" link del "$KERNEL_BRIDGE"
	manager_start "@$LAB-manager"
	start_under_manager
	wait_for 20 received "$is_ready and .complete"
	run ! received "$is_ready and (.complete | not)"
	received '.lines | any(contains("running from the snapshot"))'
}

@test "the watchdog is fed, by the process that it is meant for" {
	weftd_stop host1
	WATCHDOG_USEC=200000 start_under_manager
	wait_for 10 received '.lines == ["WATCHDOG=1"]'
	weftd_stop host1
	proc_stop manager
}

@test "another value of NOTIFY_SOCKET is an error" {
	NOTIFY_SOCKET=vsock:2:1 weftd_start host1
	wait_for 10 not weftd_pid host1
	run weftd_log host1 2
	assert_output --partial 'NOTIFY_SOCKET is not the path of a Unix socket: vsock:2:1'
}
