#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# Debian's containerd with runc on two nodes: containers that ctr(8) attaches through weft reach
# each other, survive a restart of containerd, and leave nothing.

load ../lib/bats
# shellcheck source=tests/lib/runtime.bash
source "${BATS_TEST_DIRNAME}/../lib/runtime.bash"

setup_file() {
	lab_open_for_file
	lab_overlay 2
	runtime_rootfs
	runtime_host host1
	runtime_host host2
	containerd_start host1
	containerd_start host2
}

teardown_file() {
	lab_end_processes
	runtime_end_cgroups
	lab_down
}

@test "containers of two nodes start and reach each other" {
	ctr_run_detached host1 a1 /bin/sleep 1000
	ctr_run host1 a2 /bin/sleep 1000
	ctr_run host2 b1 /bin/sleep 1000
	ctr_exec host1 a1 /bin/ping -c 1 -W 2 "$(ctr_address host1 a2)"
	ctr_exec host1 a1 /bin/ping -c 1 -W 2 "$(ctr_address host2 b1)"
	ctr_exec host2 b1 /bin/ping -c 1 -W 2 "$(ctr_address host1 a1)"
	ping_once host1 "$(ctr_address host2 b1)"
	run runtime_clean host1
	assert_failure # the check detects a running container
}

@test "a container that exits leaves nothing" {
	ctr_on host1 task kill --signal KILL a2
	wait_for 10 not proc_pid ctr-a2
	assert_equal "$(runtime_traces host1 | grep -c '/attachments/')" 1
}

@test "containers survive a restart of containerd" {
	local address
	address=$(ctr_address host2 b1)
	proc_stop host1-containerd KILL
	ping_once host1 "$address"
	containerd_start host1
	ctr_exec host1 a1 /bin/ping -c 1 -W 2 "$address"
	ctr_run host1 a3 /bin/sleep 1000
	ctr_exec host1 a3 /bin/ping -c 1 -W 2 "$address"
}

@test "after the last container nothing is left on either node" {
	ctr_on host1 task kill --signal KILL a3
	ctr_on host2 task kill --signal KILL b1
	wait_for 10 not proc_pid ctr-a3
	wait_for 10 not proc_pid ctr-b1
	wait_for 5 runtime_clean host2
	# DEL is never called for a1: weftd removes attachments of dead namespaces, at its start too.
	assert_equal "$(runtime_traces host1 | grep -c '/attachments/')" 1
	ctr_on host1 task rm --force a1
	ctr_on host1 container rm a1
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	wait_for 10 not_attached host1
}

# The CNI cache of ctr stays, since ctr does not call DEL.
not_attached() { ! runtime_traces "$1" | grep -v /var/lib/cni; }
