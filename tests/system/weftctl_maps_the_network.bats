#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl map of a network whose nodes measure: with the key, the rows of all nodes; a node that was cut
# off; a node without --probe; and the picture.

load ../lib/bats

export LAB_STORE='file'
CONFIG='{"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0",
	"Backend":{"Type":"vxlan","VNI":1},"Weft":{"ProbeKey":"0123456789abcdef0123456789abcdef"}}'
PROBE=(--probe --probe-interval 1)

setup_file() {
	lab_open_for_file
	lab_hosts 3
	store_start "$CONFIG"
	weftd_start host1 "${PROBE[@]}"
	weftd_start host2 "${PROBE[@]}"
	weftd_start host3 "${PROBE[@]}"
	weftd_ready host1 host2 host3
	kernel_settled host1 host2 host3
}

teardown_file() { lab_down; }

map_is() { weftctl_on "$1" map --json | jq -e "$2"; } # HOST EXPRESSION

# shows HOST LINE: a line of the table matches.
shows() {
	weftctl_on "$1" map | grep -E "$2" || { weftctl_on "$1" map && return 1; }
}

@test "each node shows the measurements of all nodes" {
	local host
	for host in host1 host2 host3; do
		wait_for 60 map_is $host '.missing == [] and (.links | length == 6) and
			all(.links[]; .rtt_us > 0 and .lost < .sent)'
		run -0 weftctl_on $host map
		assert_line "network default, 3 nodes, from $host"
		assert_line --regexp '^2 host2 +~?[0-9.]+[0-9%]  +~?[0-9.]+[0-9%]$'
		refute_output --partial 'measurements missing'
	done
}

@test "a picture of the network is XML and has its nodes" {
	weftctl_on host2 map --svg "$BATS_TEST_TMPDIR/map.svg"
	run -0 python3 -c 'import sys, xml.etree.ElementTree as tree
for text in tree.parse(sys.argv[1]).getroot().iter("{http://www.w3.org/2000/svg}text"): print("".join(text.itertext()))' \
		"$BATS_TEST_TMPDIR/map.svg"
	assert_line host3
	assert_line --regexp '^3 nodes, from host2, 20[0-9-]{8} [0-9:]{5} UTC$'
	assert_line "$(host_subnet host1)"
}

@test "a node that was cut off does not answer, and its measurements are missing" {
	lab_link host3 down
	weftd_stop host1 # which has the last 64 probes, some of which were answered
	weftd_start host1 "${PROBE[@]}"
	weftd_ready host1
	wait_for 60 shows host1 '^1 host1 .* X$'
	wait_for 60 shows host1 '^measurements missing of: host3$'
	lab_link host3 up
	wait_for 60 map_is host1 '.missing == []'
}

@test "a node without --probe is named, and has no map" {
	weftd_stop host2
	weftd_start host2
	weftd_ready host2
	wait_for 60 shows host1 '^weftd has no --probe: host2$'
	run -1 weftctl_on host2 map
	assert_output 'weftctl: weftd: probing is off: start weftd with --probe'
}
