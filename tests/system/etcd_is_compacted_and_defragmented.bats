#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Maintenance of etcd: its history is compacted, also while a node is disconnected that has not
# received it, and its file is defragmented, during which etcd serves no request.

# schedule: first

load ../lib/bats

setup_file() {
	lab_open_for_file
	# The TTL is longer than the tests take.
	lab_overlay 2 '{"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0",
		"Backend":{"Type":"vxlan"},"Weft":{"LeaseTTL":120}}'
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

peer() { # NUMBER [ADDRESS]: a lease of 10.5.NUMBER.0/24
	etcd_put "10.5.$1.0-24" "$(flannel_value "${2-192.168.0.$1}" "0e:00:00:00:01:${1:1}")"
}

status_is() { weftctl_on "$1" --json status | jq -e ".networks[0] | $2"; }

revision() { etcd_ctl get none -w json | jq .header.revision; }

compact() { etcd_ctl compact "$(revision)"; }

# Blocks traffic between a host and etcd, but not the tunnel.
cut_off() { # HOST
	ns_run "$1" nft -f - <<-'RULES'
		table inet lab {
			chain in { type filter hook input priority 0; tcp sport 2379 drop; }
			chain out { type filter hook output priority 0; tcp dport 2379 reject with tcp reset; }
		}
	RULES
}

@test "a node that was cut off recovers after the history of its missed changes was compacted" {
	peer 210
	peer 211
	peer 212
	kernel_settled host1 host2
	flow_start compacted c1 "$(container_address host2 c2)" 3000 0.05
	cut_off host1
	wait_for 90 status_is host1 '.store.connected | not'
	peer 213                    # added,
	etcd_del 10.5.210.0-24      # removed,
	peer 211 192.168.0.221      # changed,
	etcd_del 10.5.212.0-24      # removed, and added again below,
	peer 213 192.168.0.223      # added and changed
	compact
	peer 212 192.168.0.222      # after the compaction
	peer 214
	run kernel_agrees host1
	assert_failure # host1 has received no change
	ns_run host1 nft delete table inet lab
	wait_for 60 kernel_agrees host1
	kernel_settled host2
	status_is host1 '.store.connected and .store.reset_reason == ""'
	proc_stop flow-compacted INT
	assert_equal "$(flow_lost compacted)" 0
}

@test "compaction under a current watch: later changes are applied" {
	local i
	for i in {1..50}; do
		peer 230 "192.168.0.$i"
	done
	compact
	peer 231
	etcd_del 10.5.230.0-24
	kernel_settled host1 host2
}

@test "defragmentation: no peer is removed, no packet is lost, and later changes are applied" {
	local i
	peer 241
	kernel_settled host1 host2
	kernel_have host1 >"$LAB_DIR/before"
	proc_start monitor host1 ip -o monitor route neigh
	flow_start defrag c1 "$(container_address host2 c2)" 3000 0.05
	for i in {1..5}; do
		peer 241 # unchanged
		etcd_ctl defrag
		compact
	done
	kernel_have host1 | same "$LAB_DIR/before" -
	status_is host1 '.store.connected and .state == "ready"'
	proc_stop flow-defrag INT
	assert_equal "$(flow_lost defrag)" 0
	run grep -F 'Deleted 10.5.' "$LAB_DIR/log/monitor"
	assert_output ''
	peer 240
	etcd_del 10.5.241.0-24
	kernel_settled host1 host2
	# The monitor reports a removed peer.
	wait_for 5 grep -F 'Deleted 10.5.241.0/24' "$LAB_DIR/log/monitor"
	proc_stop monitor
}
