#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Twelve nodes request a subnet at the same moment, from a network with twelve subnets.

load ../lib/bats

NODES=12

setup_file() {
	local i
	lab_open_for_file
	lab_hosts $NODES
	etcd_machine
	etcd_start
	for ((i = 1; i <= NODES; i++)); do
		weftd_start "host$i"
	done
}

teardown_file() { lab_down; }

hosts() { seq -f 'host%g' $NODES; }

waits_for_configuration() { # HOST
	weftctl_on "$1" --json status | jq -e '.networks[0].reason | test("no network configuration")'
}

has_no_subnet() { # HOST
	weftctl_on "$1" --json status | jq -e '.networks[0].reason | test("no free subnet: all 12 of")'
}

@test "nodes that see the configuration at once acquire one subnet each and have all other nodes as peers" {
	local host subnets=()
	for host in $(hosts); do
		wait_for 60 waits_for_configuration "$host"
	done
	etcd_config '{"Network":"10.5.0.0/16","SubnetLen":24,"SubnetMin":"10.5.1.0","SubnetMax":"10.5.12.0","Backend":{"Type":"vxlan","VNI":1},"Weft":{"LeaseTTL":60}}'
	for host in $(hosts); do
		wait_for 60 weftd_is_ready "$host"
		subnets+=("$(host_subnet "$host")")
	done
	assert_equal "$(printf '%s\n' "${subnets[@]}" | sort -u | wc -l)" $NODES
	run etcd_leases
	assert_equal "${#lines[@]}" $NODES
	for host in $(hosts); do
		assert_equal "$(etcd_key_of "$host")" "$(host_subnet "$host" | tr / -)"
		wait_for 60 kernel_agrees "$host"
		assert_equal "$(kernel_have "$host" | grep -c '^route .* proto 119 ')" $((NODES - 1))
	done
}

@test "a node without a free subnet reports that all are leased, and acquires the first released one" {
	local key
	lab_host host13
	weftd_start host13
	wait_for 60 has_no_subnet host13
	assert [ ! -e "$LAB_DIR/host13/run/networks/default.json" ]
	key=$(etcd_key_of host5)
	weftd_stop host5
	etcd_del "$key"
	wait_for 60 weftd_is_ready host13
	assert_equal "$(host_subnet host13 | tr / -)" "$key"
}

@test "nodes that restart at once keep their subnets" {
	local host before after
	before=$(etcd_leases | cut -f 1 | sort)
	for host in $(hosts | grep -v 'host5$'); do
		weftd_stop "$host" KILL
	done
	for host in $(hosts | grep -v 'host5$'); do
		weftd_start "$host"
	done
	for host in $(hosts | grep -v 'host5$'); do
		wait_for 60 weftd_is_ready "$host"
		assert_equal "$(etcd_key_of "$host")" "$(host_subnet "$host" | tr / -)"
	done
	after=$(etcd_leases | cut -f 1 | sort)
	assert_equal "$after" "$before"
}
