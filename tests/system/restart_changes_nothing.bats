#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# weftd can be stopped, killed and started at any time: the kernel's tables stay, packets pass, and
# the node keeps its identity.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

# Both monitors of iproute2 on host1. An entry marks the begin and the end of their output, so that
# the lines in between are all events of that time.
MARK=02:00:00:00:be

watch_start() {
	proc_start watch-ip host1 ip monitor all
	proc_start watch-bridge host1 bridge monitor all
	wait_for 5 watch_marked $MARK:01
}

watch_stop() {
	wait_for 5 watch_marked $MARK:02
	bridge -n "$LAB-host1" fdb del $MARK:01 dev eth0 self
	bridge -n "$LAB-host1" fdb del $MARK:02 dev eth0 self
	proc_stop watch-ip
	proc_stop watch-bridge
}

watch_marked() { # MAC
	bridge -n "$LAB-host1" fdb del "$1" dev eth0 self 2>/dev/null
	bridge -n "$LAB-host1" fdb add "$1" dev eth0 self
	grep -q "$1" "$LAB_DIR/log/watch-ip" && grep -q "$1" "$LAB_DIR/log/watch-bridge"
}

# Prints the events without the marks, and without the kernel's own probing of neighbours (no program
# changes an ARP entry that becomes stale).
watch_seen() {
	cat "$LAB_DIR"/log/watch-{ip,bridge} | grep -v "$MARK" |
		grep -v -E ' (REACHABLE|STALE|DELAY|PROBE|INCOMPLETE|FAILED) *$'
}

addresses_settled() { # duplicate address detection changes an address a second after its creation
	[[ -z $(ip -n "$LAB-host1" -6 address show tentative) ]]
}

# The kernel delays events of a link's state by up to a second (net/core/link_watch.c), on a loaded
# machine by more. Since 6.8, a request for one device brings its event at once.
links_settled() {
	local device
	for device in $(ip -n "$LAB-host1" -br link show | sed 's/[@ ].*//'); do
		ip -n "$LAB-host1" link show dev "$device" >/dev/null
	done
	[[ -z $(ns_run host1 timeout 2.5 ip monitor link) ]]
}

tables() { # the kernel's state of a host, without timers
	local ns=$LAB-$1
	ip -n "$ns" -d link show | sed -E 's/_timer +[0-9.]+//g'
	ip -n "$ns" address show | grep -v valid_lft
	ip -n "$ns" route show table all
	kernel_have "$1"
}

@test "a second start changes nothing in the kernel, and the monitors report nothing" {
	wait_for 10 addresses_settled
	wait_for 15 links_settled
	ping_once c1 "$(container_address host2 c2)"
	tables host1 >"$BATS_TEST_TMPDIR/before"
	watch_start
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	watch_stop
	run watch_seen
	assert_output ''
	tables host1 >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	run weftctl_on host1 --json status
	assert_json "$output" '.networks[0].reconciles | .total > 0 and .failed == 0 and .entries_written == 0'
}

@test "the monitors report an entry that weftd must write" {
	watch_start
	ip -n "$LAB-host1" route flush proto 0x77
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	kernel_settled host1
	watch_stop
	run watch_seen
	assert_output --partial ' proto 119 '
}

@test "SIGKILL, SIGTERM and restarts lose none of 1,000 packets per second" {
	flow_start out c1 "$(container_address host2 c2)" 5000 0.001
	flow_start in c2 "$(container_address host1 c1)" 5000 0.001
	weftd_stop host1 KILL
	weftd_start host1
	weftd_ready host1
	weftd_stop host2 KILL
	weftd_start host2
	weftd_ready host2
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	flow_runs out && flow_runs in
	assert_equal "$(flow_lost out) $(flow_lost in)" '0 0'
}

@test "the flow test detects lost packets" {
	flow_start broken c1 "$(container_address host2 c2)" 200
	lab_link host2 down
	run flow_lost broken
	lab_link host2 up
	refute_output 0
	wait_for 10 ping_once c1 "$(container_address host2 c2)"
}

@test "SIGTERM ends weftd with 0, and keeps devices, entries and lease" {
	local key
	key=$(etcd_key_of host3)
	kernel_have host3 >"$BATS_TEST_TMPDIR/before"
	weftd_stop host3
	kernel_have host3 >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	assert_equal "$(etcd_key_of host3)" "$key"
	# Started as a child of this test, so that its exit status is available.
	local flags pid status=0
	read -ra flags < <(weftd_flags host3)
	nsenter --net="$(ns_path host3)" -- "$WEFT_BIN_DIR/weftd" "${flags[@]}" \
		>>"$LAB_DIR/log/host3-weftd" 2>&1 3>&- &
	pid=$!
	wait_for 20 weftd_responds host3 "$pid"
	kill -s TERM "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" 0
	weftd_start host3
	weftd_ready host3
}

weftd_responds() { # HOST PID
	weftctl_on "$1" --json status | jq -e --argjson pid "$2" '.pid == $pid'
}

@test "a start after a kill at any moment of the previous start restores everything" {
	local ms
	for ms in 0 2 4 8 12 16 24 32 48 64 96 128; do
		weftd_stop host1 KILL
		ip -n "$LAB-host1" link del "$KERNEL_VXLAN" 2>/dev/null || true
		weftd_start host1
		sleep "0.$(printf %03d $ms)" # the moment of the kill, not a wait
	done
	weftd_stop host1 KILL
	weftd_start host1
	weftd_ready host1
	kernel_settled host1
	wait_for 5 ping_once c1 "$(container_address host2 c2)"
}

@test "a restart keeps the node's subnet, MAC and id" {
	local key value
	key=$(etcd_key_of host1)
	value=$(etcd_value_of host1)
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	assert_equal "$(etcd_key_of host1)" "$key"
	assert_equal "$(etcd_value_of host1)" "$value"
}

@test "a reboot keeps the node's subnet, MAC and id" {
	local key value
	key=$(etcd_key_of host3)
	value=$(etcd_value_of host3)
	weftd_stop host3 KILL
	rm -rf "$LAB_DIR/host3/run" "$LAB_DIR/host3/subnet.env"
	ip -n "$LAB-host3" link del "$KERNEL_BRIDGE"
	ip -n "$LAB-host3" link del "$KERNEL_VXLAN"
	weftd_start host3
	weftd_ready host3
	assert_equal "$(etcd_key_of host3)" "$key"
	assert_equal "$(etcd_value_of host3)" "$value"
	kernel_settled host1 host2 host3
}

@test "a node acquires its old subnet after its lease expired" {
	local key mac
	key=$(etcd_key_of host3)
	mac=$(etcd_value_of host3 | jq -r .BackendData.VtepMAC)
	weftd_stop host3 KILL
	wait_for 20 lease_is_gone host3
	weftd_start host3
	weftd_ready host3
	assert_equal "$(etcd_key_of host3)" "$key"
	assert_equal "$(etcd_value_of host3 | jq -r .BackendData.VtepMAC)" "$mac"
	kernel_settled host1 host2 host3
}

lease_is_gone() { [[ -z $(etcd_key_of "$1") ]]; }
