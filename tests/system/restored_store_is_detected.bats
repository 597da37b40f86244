#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# etcd is restored from a backup while weftd is down: the next start compares the store with the
# snapshot on disk, and keeps a peer that is absent from the older store.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_hosts 2
	store_start
	weftd_start host1
	weftd_ready host1
	etcd_snapshot "$LAB_DIR/backup"
	weftd_start host2
	weftd_ready host2
	kernel_settled host1 host2
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

snapshot_is() { # HOST EXPRESSION
	jq -e "$2" "$LAB_DIR/$1/state/networks/default.json"
}

status_is() { weftctl_on "$1" --json status | jq -e ".networks[0] | $2"; }

status_has() { weftctl_on "$1" status | grep -F -- "$2"; }

has_peer() { kernel_have "$1" | grep -F -- "$2"; } # HOST SUBNET

@test "the snapshot names the store's history" {
	wait_for 20 snapshot_is host1 ".subnets[\"$(etcd_key_of host2)\"]"
	snapshot_is host1 '.version == 1 and .seen.cluster != "0" and (.seen.revision | tonumber) > 1'
}

@test "a peer missing in the backup is kept, traffic passes, and status has the reason" {
	local subnet
	subnet=$(host_subnet host2)
	flow_start restored c1 "$(container_address host2 c2)" 3000
	weftd_stop host1 KILL
	weftd_stop host2 KILL
	etcd_restore "$LAB_DIR/backup"
	assert_equal "$(etcd_key_of host2)" ''
	weftd_start host1
	weftd_ready host1
	status_is host1 '.store.reset_reason != "" and .store.grace_until > 0'
	status_has host1 'absent peers are kept for'
	has_peer host1 "$subnet"
	run weftctl_on host1 peers
	assert_output --partial installed
	# A second restart within the grace period.
	weftd_stop host1 KILL
	weftd_start host1
	weftd_ready host1
	status_is host1 '.store.reset_reason != ""'
	has_peer host1 "$subnet"
	proc_stop flow-restored INT
	assert_equal "$(flow_lost restored)" 0
}

@test "the peer registers again with its old subnet" {
	local subnet
	subnet=$(host_subnet host2)
	weftd_start host2
	weftd_ready host2
	assert_equal "$(host_subnet host2)" "$subnet"
	kernel_settled host1 host2
	ping_once c1 "$(container_address host2 c2)"
}

# Shows that the snapshot is the cause of the result above.
@test "without the snapshot the peer would be removed" {
	local subnet
	subnet=$(host_subnet host2)
	weftd_stop host1 KILL
	weftd_stop host2 KILL
	rm "$LAB_DIR/host1/state/networks/default.json"
	etcd_restore "$LAB_DIR/backup"
	weftd_start host1
	weftd_ready host1
	status_is host1 '.store.reset_reason == ""'
	run has_peer host1 "$subnet"
	assert_failure
}
