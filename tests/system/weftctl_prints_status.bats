#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl: tables for users, JSON for programs, exit codes for scripts.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
}

teardown_file() { lab_down; }

@test "status --json matches the node's state" {
	local status
	status=$(weftctl_on host1 --json status)
	assert_json "$status" ".pid == $(weftd_pid host1) and .node_name == \"host1\" and (.node_id | length) == 36"
	assert_json "$status" '(.version | type) == "string" and .started_at > 1600000000'
	assert_json "$status" '.networks | length == 1 and .[0].name == "default"'
	assert_json "$status" '.networks[0] | .state == "ready" and .reason == "" and .since > 1600000000'
	assert_json "$status" ".networks[0].store | .endpoint == \"$ETCD_URL\" and .connected and .error == \"\""
	assert_json "$status" ".networks[0].lease | .subnet == \"$(host_subnet host1)\" and .ttl == $WEFT_TEST_LEASE_TTL"
	assert_json "$status" ".networks[0].lease | .key == \"$(etcd_key_of host1)\" and .reserved == false"
	assert_json "$status" '.networks[0].lease | (.etcd_lease_id | type) == "string" and .renewed_at > 1600000000'
	assert_json "$status" '.networks[0] | .cluster == "10.5.0.0/16" and .vni == 1 and .port == 8472 and .mtu == 1450'
	assert_json "$status" '.networks[0] | .bridge == "weft-br1" and .vxlan == "weft-vx1"'
	assert_json "$status" ".networks[0].vtep_mac == \"$(etcd_value_of host1 | jq -r .BackendData.VtepMAC)\""
	assert_json "$status" '.networks[0].uplink == {name: "eth0", address: "192.168.0.1", public_ip: "192.168.0.1", mtu: 1500}'
	assert_json "$status" '.networks[0].peers == {usable: 2, installed: 2, direct: 0, single_family: 0, refused: 0}'
	assert_json "$status" '.networks[0].reconciles | .total > 0 and .failed == 0 and .last_error == ""'
	# The lease exists in etcd.
	run etcd_ctl lease list
	assert_output --partial "$(printf %x "$(jq -r '.networks[0].lease.etcd_lease_id' <<<"$status")")"
}

@test "peers --json lists the other nodes' leases" {
	local peers host
	peers=$(weftctl_on host1 --json peers)
	assert_json "$peers" 'length == 2'
	for host in host2 host3; do
		assert_json "$peers" ".[] | select(.node_name == \"$host\")
			| .public_ip == \"$(host_address $host)\" and .subnet == \"$(host_subnet $host)\"
			and .vtep_mac == \"$(etcd_value_of $host | jq -r .BackendData.VtepMAC)\"
			and .node_id == \"$(etcd_value_of $host | jq -r .Weft.Node)\"
			and .network == \"default\" and .mtu == 1450 and .state == \"installed\" and .reason == \"\""
	done
}

@test "status as a table has the same values, without colour if there is no terminal" {
	run weftctl_on host1 status
	assert_success
	assert_output --partial default
	assert_output --partial ready
	assert_output --partial "$(host_subnet host1)"
	assert_output --partial 192.168.0.1
	refute_output --partial $'\e'
}

@test "peers as a table has a header line and a line for each peer" {
	run weftctl_on host1 peers
	assert_success
	assert_equal "${#lines[@]}" 3
	assert_output --regexp "host2 .*192\.168\.0\.2|192\.168\.0\.2 .*host2"
	assert_output --partial "$(host_subnet host3)"
	refute_output --partial $'\e'
}

@test "a refused key is shown with its reason, and control characters are escaped" {
	etcd_put $'evil\e[31m' '{"PublicIP":null}'
	etcd_put 10.5.144.0-24 "$(flannel_value 192.168.0.44 zz)"
	wait_for 10 shows_refused 2
	run weftctl_on host1 peers
	assert_output --partial 10.5.144.0
	assert_output --partial zz
	refute_output --partial $'\e'
	etcd_del $'evil\e[31m'
	etcd_del 10.5.144.0-24
	wait_for 10 shows_refused 0
}

shows_refused() {
	weftctl_on host1 --json peers |
		jq -e --argjson n "$1" '[.[] | select(.state == "refused" or has("subnet") == false)] | length == $n'
}

@test "options may follow the command" {
	run ns_run host1 "$WEFT_BIN_DIR/weftctl" status --run-dir "$LAB_DIR/host1/run" --json
	assert_success
	assert_json "$output" '.networks[0].state == "ready"'
}

@test "without weftd: exit 1, and one line with the socket's path" {
	run --separate-stderr "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/nowhere" status
	assert_failure 1
	assert_output ''
	assert_equal "${#stderr_lines[@]}" 1
	[[ $stderr == *"$LAB_DIR/nowhere"* ]]
}

@test "a network that weftd does not have: exit 1, and one line that names it" {
	local command
	for command in status peers leases doctor; do
		run -1 weftctl_on host1 "$command" --network absent
		assert_output 'weftctl: weftd: this node has no network "absent"; it has: default'
	done
}

@test "wrong usage: exit 2, and the allowed values" {
	local arguments
	for arguments in '' nonsense --nonsense 'status more' '--run-dir'; do
		# shellcheck disable=SC2086 # they are words
		run --separate-stderr "$WEFT_BIN_DIR/weftctl" $arguments
		assert_failure 2
		assert_output ''
		[[ -n $stderr ]]
	done
}

@test "version and help" {
	run "$WEFT_BIN_DIR/weftctl" version
	assert_success
	assert_output --regexp '[0-9]+\.[0-9]+\.[0-9]+'
	run "$WEFT_BIN_DIR/weftctl" help
	assert_success
	assert_output --partial status
	assert_output --partial peers
}

@test "a degraded network: exit 1, as table and as JSON" {
	etcd_stop KILL
	wait_for 20 is_degraded
	run weftctl_on host1 status
	assert_failure 1
	assert_output --partial degraded
	run weftctl_on host1 --json status
	assert_failure 1
	assert_json "$output" '.networks[0] | .reason != "" and .store.error != ""'
}

is_degraded() {
	weftctl_on host1 --json status | jq -e '.networks[0].state == "degraded"'
}
