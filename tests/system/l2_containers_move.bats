#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# An L2 network with a file as its store: a container keeps its address when it moves to another
# node; of two containers with one address the later one is reached, and the other one is named.

load ../lib/bats

ADDRESS=172.18.200.200 # in no node's range

setup_file() {
	export LAB_STORE=file
	lab_open_for_file
	lab_hosts 3
	store_start '{"Network":"172.18.0.0/16","SubnetMax":"172.18.99.0","Backend":{"VNI":7},
		"Weft":{"Mode":"l2"}}'
	for host in host1 host2 host3; do
		weftd_start "$host"
	done
	weftd_ready host1 host2 host3
	container_add host3 client
}

teardown_file() { lab_down; }

# move_to HOST CONTAINER: creates a container with the address.
move_to() {
	ns_add "$2" && CNI_EXTRA="IP=$ADDRESS" cni_add "$1" "$2"
}

stored_node() { jq -r --arg a "$ADDRESS" '.endpoints[$a].Node' "$(store_file)"; }
node_of() { weftctl_on "$1" --json status | jq -r .node_id; } # HOST

# The address is reached on that host: by the store, and by the entries of host3.
is_on() { # HOST
	[[ $(stored_node) == "$(node_of "$1")" ]] &&
		bridge -n "$LAB-host3" fdb show dev weft-vx7 |
		grep "^0a:58:ac:12:c8:c8 dst $(host_address "$1") self"
}

duplicates_are() { # HOST EXPRESSION
	weftctl_on "$1" --json status | jq -e ".networks[0].endpoints.duplicates | $2"
}

@test "announcements are in the file, and containers reach each other" {
	local address
	address=$(container_add host1 c1)
	wait_for 20 jq -e --arg a "$address" '.endpoints[$a].MAC' "$(store_file)"
	wait_for 20 ping_once client "$address"
	ping_once c1 "$(container_address host3 client)"
}

@test "a container that moves to another node with its address is reached there" {
	move_to host1 mover1
	wait_for 20 is_on host1
	ping_once client "$ADDRESS"
	container_del host1 mover1
	move_to host2 mover2
	wait_for 20 is_on host2
	wait_for 20 ping_once client "$ADDRESS"
	run ns_run mover2 ip -o -4 address show dev eth0
	assert_output --partial "$ADDRESS/16"
}

@test "of two containers with one address the later one is reached, and its node's duplicate is named" {
	wait_for 20 is_on host2
	move_to host1 later
	wait_for 20 is_on host1
	wait_for 20 ping_once client "$ADDRESS"
	wait_for 20 duplicates_are host2 \
		"length == 1 and .[0].address == \"$ADDRESS\" and .[0].node_id == \"$(node_of host1)\""
	duplicates_are host1 'length == 0'
	# A restart does not take the address back.
	weftd_stop host2
	weftd_start host2
	weftd_ready host2
	wait_for 20 duplicates_are host2 'length == 1'
	is_on host1
	# The end of the later one does.
	container_del host1 later
	wait_for 20 is_on host2
	wait_for 20 duplicates_are host2 'length == 0'
	wait_for 20 ping_once client "$ADDRESS"
}

@test "an address outside the network is refused by name" {
	ns_add other
	CNI_EXTRA=IP=172.19.0.7 run cni_add host1 other
	assert_failure
	assert_output --partial '172.19.0.7'
}

@test "a node that leaves removes its announcements from the file" {
	local node
	node=$(node_of host2)
	weftctl_on host2 leave --force
	run jq -e --arg n "$node" '[.endpoints[] | select(.Node == $n)] == []' "$(store_file)"
	assert_success
}
