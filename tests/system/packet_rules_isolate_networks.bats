#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Packet rules of two networks on one node: nothing passes from one to the other unless AllowFrom
# lets it in, and then answers do.

load ../lib/bats
load ../lib/packets

# The network blue, which lets these in.
blue_config() { # NAMES
	local json='"Network":"10.6.0.0/16","SubnetMin":"10.6.1.0","SubnetMax":"10.6.99.0"'
	json+=",\"Backend\":{\"VNI\":2},\"Weft\":{\"LeaseTTL\":5,\"AllowFrom\":[$1]}"
	ETCD_PREFIX=$ETCD_PREFIX/networks/blue etcd_config "{$json}"
}

in_network() { # NETWORK CONTAINER
	cni_use host1 ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\"" \
		<"$WEFT_REPO/conf/10-weft.conflist"
	ns_add "$2"
	cni_add host1 "$2" >/dev/null
}

setup_file() {
	lab_open_for_file
	lab_hosts 1
	etcd_machine
	etcd_start
	etcd_config
	blue_config ''
	weftd_start host1 --network default --network blue --ip-masq
	weftd_ready host1
	wait_for 20 test -e "$LAB_DIR/host1/run/networks/blue.json"
	in_network default c11
	in_network blue b11
	witness_start b11
	witness_start c11
}

teardown_file() { lab_down; }

@test "one network's containers do not reach the other's, and are counted" {
	local before
	run ! ping_once c11 "$(container_address host1 b11)"
	run ! ping_once b11 "$(container_address host1 c11)"
	before=$(dropped host1 apart)
	((before >= 2)) || fail "$before"
}

@test "AllowFrom lets one in, with its own address, and the other answer, but not ask" {
	blue_config '"default"'
	wait_for 10 asks c11 b11
	assert_equal "$(seen_as c11 "$(container_address host1 b11)")" "$(container_address host1 c11)"
	run ! ping_once b11 "$(container_address host1 c11)"
	blue_config ''
	wait_for 10 not asks c11 b11
}

asks() { [[ $(seen_as "$1" "$(container_address host1 "$2")" 2>/dev/null) ]]; }

@test "a restart with both networks writes nothing" {
	ns_run host1 nft -a list table inet weft >"$LAB_DIR/before"
	weftd_stop host1
	weftd_start host1 --network default --network blue --ip-masq
	weftd_ready host1
	wait_for 10 rules_stand
	run -0 diff <(grep -v packets "$LAB_DIR/before") \
		<(ns_run host1 nft -a list table inet weft | grep -v packets)
}

rules_stand() { weftctl_on host1 --json status | jq -e '.rules.state == "ok"'; }
