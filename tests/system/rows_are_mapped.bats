#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # expressions of jq; run sets output and lines
#
# weftctl map of a network whose nodes measure: why measurements of other nodes are missing (no key,
# DirectRouting), and a node that was cut off. A store file that has the key and that others can read.

load ../lib/bats

export LAB_STORE='file'
NETWORK='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
TUNNEL='"Backend":{"Type":"vxlan","VNI":1}' DIRECT='"Backend":{"Type":"vxlan","VNI":1,"DirectRouting":true}'
KEY='"Weft":{"ProbeKey":"0123456789abcdef0123456789abcdef"}'
PROBE=(--probe --probe-interval 1)

setup_file() {
	lab_open_for_file
	lab_hosts 2
	store_start "{$NETWORK,$TUNNEL}"
	weftd_start host1 "${PROBE[@]}"
	weftd_start host2 "${PROBE[@]}"
	weftd_ready host1 host2
	kernel_settled host1 host2
}

teardown_file() { lab_down; }

set_config() { store_file_edit '.config = $config' --argjson config "$1"; }

# map_is HOST EXPRESSION: the map as JSON, which is shown if the expression is false.
map_is() {
	local map
	map=$(weftctl_on "$1" map --json)
	jq -e "$2" <<<"$map" >/dev/null || { echo "$map" && return 1; }
}

# shows COMMAND PATTERN: a line of weftctl's output on host1 matches.
shows() {
	local text
	text=$(weftctl_on host1 "$1")
	grep -qE "$2" <<<"$text" || { echo "$text" && return 1; }
}

exposed() { # EXPRESSION
	weftctl_on host1 --json status | jq -e ".exposed_files | $1"
}

@test "without a key, the reason is shown" {
	wait_for 30 map_is host1 '(.links | length == 1) and (.reason | test("ProbeKey"))'
	run -0 weftctl_on host1 map
	assert_line 'measurements missing of: host2'
	assert_line 'reason: the network configuration has no Weft.ProbeKey, which other nodes require'
}

@test "a store file that others can read is reported while it has a key" {
	local file
	file=$(store_file)
	chmod 0644 "$file"
	exposed '. == []'
	set_config "{$NETWORK,$TUNNEL,$KEY}"
	chmod 0644 "$file"
	wait_for 30 exposed 'map(.option) == ["--store"]'
	shows status '^--store: other users can read the file'
	chmod o= "$file"
	exposed '. == []'
}

@test "a node that was cut off has no answer, although earlier probes were answered" {
	wait_for 30 map_is host1 '.missing == [] and (.reason // "") == "" and (.links | length == 2) and
		any(.links[]; .from == 0 and .sent > .lost)'
	lab_link host2 down
	wait_for 60 map_is host1 'any(.links[]; .from == 0 and .silent and .sent > .lost)'
	wait_for 10 shows map '^1 host1 .* X$'
	lab_link host2 up
	wait_for 60 map_is host1 '.missing == [] and all(.links[]; .silent | not)'
}

@test "nodes that are reached without the tunnel are not queried" {
	set_config "{$NETWORK,$DIRECT,$KEY}"
	wait_for 60 map_is host1 '.missing == [1] and .links == [] and (.reason | test("DirectRouting"))'
	shows map '^reason: nodes that are reached without the tunnel \(DirectRouting\): 1$'
}
