#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# The demo succeeds, reports a failure, and leaves nothing.

# schedule: first

load ../lib/bats

setup() {
	export WEFT_DEMO_NAME=wt$$-demo
	lab_use "$WEFT_DEMO_NAME"
	demo=$WEFT_REPO/tests/demo/demo.sh
}

teardown() {
	[[ ! -d $LAB_DIR ]] || lab_down
}

nothing_is_left() {
	[[ ! -e $LAB_DIR && -z $(ns_list) ]] || fail "$LAB_DIR or $(ns_list)"
	run find /var/tmp -maxdepth 1 -name "$LAB-*"
	assert_output ''
	run pgrep -f -- "$LAB_DIR/|$LAB-"
	assert_output ''
}

@test "the demo completes, prints no colour without a terminal, and leaves nothing" {
	run "$demo"
	assert_success
	refute_output --partial $'\e'
	assert_output --regexp 'All [0-9]+ steps succeeded'
	assert_output --partial '72 of 72 answered'
	assert_output --partial 'VNI 1'
	nothing_is_left
}

@test "KEEP=1 keeps the lab: a second run reports it, the printed commands work, down removes it" {
	local line count=0
	KEEP=1 run "$demo"
	assert_success
	assert_output --partial "$demo down"
	weftctl_on host1 status
	# Each printed command succeeds; those that never end are skipped.
	while read -r line; do
		[[ $line != *tcpdump* && $line != tail* ]] || continue
		timeout 20 bash -c "${line/ ping / ping -c 1 }" || fail "a printed command fails: $line"
		((count += 1))
	done < <(sed -n -E 's/^  (ip netns exec .*|\/.*\/weftctl .*|tail .*)$/\1/p' <<<"$output")
	assert_equal "$count" 5
	run --separate-stderr "$demo"
	assert_failure 1
	assert_equal "${#stderr_lines[@]}" 1
	[[ $stderr == *"$demo down"* ]]
	weftctl_on host1 status # the second run did not affect it
	run "$demo" down
	assert_success
	nothing_is_left
	run "$demo" down
	assert_success
	assert_output --partial none
}

@test "STORE=file runs without etcd and leaves nothing" {
	local bin=$BATS_TEST_TMPDIR/bin
	# The first etcd and etcdctl in PATH fail.
	mkdir "$bin"
	printf '#!/bin/sh\nexit 1\n' | tee "$bin/etcd" >"$bin/etcdctl"
	chmod +x "$bin/etcd" "$bin/etcdctl"
	PATH=$bin:$PATH STORE=file run "$demo"
	assert_success
	assert_output --regexp 'All [0-9]+ steps succeeded'
	assert_output --partial '72 of 72 answered'
	assert_output --partial 'removes its lease from the file'
	refute_output --partial 192.168.0.250
	nothing_is_left
	STORE=paper run "$demo"
	assert_failure 1
	assert_output 'demo: STORE=paper is not a store; allowed: etcd, file'
}

demo_runs() { [[ -e $LAB_DIR/host3/run/networks/default.json ]]; }

@test "an interrupted demo leaves nothing; a concurrent one is refused" {
	local pid status=0
	"$demo" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	pid=$!
	wait_for 30 demo_runs
	run --separate-stderr "$demo"
	assert_failure 1
	assert_equal "${#stderr_lines[@]}" 1
	[[ $stderr == *"$pid"* ]]
	kill -s TERM "$pid"
	wait "$pid" || status=$?
	assert_equal "$status" 143
	nothing_is_left
}

@test "after a killed demo the next one cleans up and completes" {
	local pid
	"$demo" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	pid=$!
	wait_for 30 demo_runs
	kill -s KILL "$pid"
	wait "$pid" || true
	[[ -d $LAB_DIR ]]
	"$demo" down
	nothing_is_left
}

@test "a failed step ends the demo with status 1, is printed with its output, and leaves nothing" {
	local bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	ln -s "$WEFT_BIN_DIR"/weft{,ctl} "$bin"
	printf '#!/bin/sh\necho weftd: a reason of its own >&2\nexit 2\n' >"$bin/weftd"
	chmod +x "$bin/weftd"
	WEFT_BIN_DIR=$bin run "$demo"
	assert_failure 1
	assert_output --partial 'FAILED in step 2'
	assert_output --partial 'a reason of its own'
	nothing_is_left
}

@test "without root or without the programs, one line states what to do" {
	run setpriv --reuid 65534 --clear-groups "$demo"
	assert_failure 1
	assert_equal "${#lines[@]}" 1
	assert_output --partial root
	WEFT_BIN_DIR=/nonexistent run "$demo"
	assert_failure 1
	assert_equal "${#lines[@]}" 1
	assert_output --partial /nonexistent/weft
}
