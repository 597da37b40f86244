#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats sets what run has seen
#
# weftctl: tables for people, JSON for programs, exit codes for scripts.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
}

teardown_file() { lab_down; }

@test "status, as JSON, says what is" {
	local status
	status=$(weftctl_on host1 --json status)
	assert_json "$status" ".pid == $(weftd_pid host1) and .name == \"host1\" and (.node | length) == 36"
	assert_json "$status" '(.weftd | type) == "string" and .startedAt > 1600000000'
	assert_json "$status" '.networks | length == 1 and .[0].name == "default"'
	assert_json "$status" '.networks[0] | .state == "ready" and .reason == "" and .since > 1600000000'
	assert_json "$status" ".networks[0].store | .endpoint == \"$ETCD_URL\" and .connected and .error == \"\""
	assert_json "$status" ".networks[0].lease | .subnet == \"$(host_subnet host1)\" and .ttl == 5"
	assert_json "$status" ".networks[0].lease | .key == \"$(etcd_key_of host1)\" and .reserved == false"
	assert_json "$status" '.networks[0].lease | (.id | type) == "string" and .renewedAt > 1600000000'
	assert_json "$status" '.networks[0] | .cluster == "10.5.0.0/16" and .vni == 1 and .port == 8472 and .mtu == 1450'
	assert_json "$status" '.networks[0] | .bridge == "weft-br1" and .vxlan == "weft-vx1"'
	assert_json "$status" ".networks[0].vtepMac == \"$(etcd_value_of host1 | jq -r .BackendData.VtepMAC)\""
	assert_json "$status" '.networks[0].uplink == {name: "eth0", address: "192.168.0.1", publicIP: "192.168.0.1", mtu: 1500}'
	assert_json "$status" '.networks[0].peers == {known: 2, programmed: 2, direct: 0, partial: 0, refused: 0}'
	assert_json "$status" '.networks[0].passes | .run > 0 and .failed == 0 and .lastError == ""'
	# The lease is one that etcd knows.
	run etcd_ctl lease list
	assert_output --partial "$(printf %x "$(jq -r '.networks[0].lease.id' <<<"$status")")"
}

@test "peers, as JSON, are the other nodes' leases" {
	local peers host
	peers=$(weftctl_on host1 --json peers)
	assert_json "$peers" 'length == 2'
	for host in host2 host3; do
		assert_json "$peers" ".[] | select(.name == \"$host\")
			| .publicIP == \"$(host_address $host)\" and .subnet == \"$(host_subnet $host)\"
			and .vtepMac == \"$(etcd_value_of $host | jq -r .BackendData.VtepMAC)\"
			and .node == \"$(etcd_value_of $host | jq -r .Weft.Node)\"
			and .network == \"default\" and .mtu == 1450 and .state == \"programmed\" and .reason == \"\""
	done
}

@test "status, as a table, has the same for people, without colour where no terminal is" {
	run weftctl_on host1 status
	assert_success
	assert_output --partial default
	assert_output --partial ready
	assert_output --partial "$(host_subnet host1)"
	assert_output --partial 192.168.0.1
	refute_output --partial $'\e'
}

@test "peers, as a table, is a line of heads and a line for each" {
	run weftctl_on host1 peers
	assert_success
	assert_equal "${#lines[@]}" 3
	assert_output --regexp "host2 .*192\.168\.0\.2|192\.168\.0\.2 .*host2"
	assert_output --partial "$(host_subnet host3)"
	refute_output --partial $'\e'
}

@test "a refused key is shown with its reason, and hostile text is made harmless" {
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

@test "no weftd: exit 1, and a line that says where it was looked for" {
	run --separate-stderr "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/nowhere" status
	assert_failure 1
	assert_output ''
	assert_equal "${#stderr_lines[@]}" 1
	[[ $stderr == *"$LAB_DIR/nowhere"* ]]
}

@test "wrong usage: exit 2, and what is allowed" {
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

@test "a degraded network: exit 1, in both forms" {
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
