#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# IPv6 is added to an IPv4 network, and removed again: nodes keep their subnets, and the leases
# contain each IPv4 subnet at every moment.

load ../lib/bats

V4='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0","Backend":{"Type":"vxlan"}'
DUAL="$V4,\"EnableIPv6\":true,\"IPv6Network\":\"fd00:5::/48\""

setup_file() {
	lab_open_for_file
	lab_overlay 2 "{$V4,\"Weft\":{\"LeaseTTL\":60}}"
	container_add host1 c11 && container_add host2 c21
}

teardown_file() { lab_down; }

restart() { # HOST
	weftd_stop "$1"
	weftd_start "$1"
	weftd_ready "$1"
}

key_is() { [[ $(etcd_key_of "$1") == "$2" ]]; } # HOST KEY

# Prints the added and deleted keys of each transaction, in order. One response of etcd can have the
# events of several revisions.
changes() {
	jq -n -r '[inputs.Events[]] | group_by(.kv.mod_revision)[] | [.[] | (if .type == 1 then "-"
		else "+" end) + (.kv.key | @base64d | split("/subnets/")[1])] | join(" ")' "$LAB_DIR/log/watch"
}

is_put_alone() { changes | grep -q -x -F -- "+$1"; } # KEY

has_changed_to() { changes | grep -q -F -- "+$1"; } # KEY

@test "the key becomes a dual-stack key with the same IPv4 subnet, which always has a key" {
	local before after revision
	before=$(etcd_key_of host1)
	revision=$(etcd_ctl get -w json "$ETCD_PREFIX/config" | jq -e .header.revision)
	after="$before&fd00:5:0:$(printf %x "$(cut -d. -f3 <<<"$before")")::-64"
	ETCDCTL_API=3 proc_start watch etcd etcdctl --endpoints=http://127.0.0.1:2379 \
		watch -w json --rev $((revision + 1)) --prefix "$ETCD_PREFIX/subnets/$before"
	etcd_config "{$DUAL,\"Weft\":{\"LeaseTTL\":60}}"
	restart host1
	wait_for 30 key_is host1 "$after"
	wait_for 30 has_changed_to "$after"
	wait_for 30 is_put_alone "$after"
	proc_stop watch
	# In one transaction, the old key first: a flannel node then deletes the old route before it adds
	# the new one. Once more in a revision of its own, for flannel before 0.21.5, which reads only the
	# first event of a revision.
	run changes
	assert_line "-$before +$after"
	run awk -v first="-$before +$after" -v second="+$after" \
		'$0 == first { seen = 1 } $0 == second && seen { found = 1 } END { exit !found }' \
		<(changes)
	assert_success
	run -1 grep -E "^-$before( \+|\$)" <(changes | grep -vF -- "+$after")
}

@test "the claim of the IPv6 subnet is outside flannel's prefix" {
	local key
	key=$(etcd_key_of host1)
	run -0 etcd_ctl get --prefix --keys-only "$ETCD_PREFIX/claims/"
	assert_output --partial "$ETCD_PREFIX/claims/${key#*&}/$key"
}

@test "IPv4 works for a node that has not changed yet" {
	run -0 ping_once c21 "$(container_address host1 c11)"
}

@test "with both nodes changed, new containers reach each other over IPv6" {
	restart host2
	kernel_settled host1 host2
	container_add host1 c12 && container_add host2 c22
	run -0 ping_once c12 "$(jq -r '.result.ips[1].address | split("/")[0]' \
		"$(cni_result_file host2 c22)")"
	run -0 ping_once c11 "$(container_address host2 c21)"
}

@test "without IPv6 again: one key, the same IPv4 subnet, and no IPv6 entries in the kernel" {
	local before
	before=$(etcd_key_of host1)
	etcd_config "{$V4,\"Weft\":{\"LeaseTTL\":60}}"
	restart host1
	wait_for 30 key_is host1 "${before%&*}"
	restart host2
	# The bridge keeps its IPv6 address for running containers; the entries of peers are removed.
	run -0 ip -n "$LAB-host1" -6 route show proto 119
	assert_output ''
	run -0 ip -n "$LAB-host1" -6 neigh show dev weft-br1 nud permanent
	assert_output ''
	run -0 ping_once c11 "$(container_address host2 c21)"
}
