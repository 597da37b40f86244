#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A container that sends from thousands of MAC addresses: the bridge learns a limited number of them,
# and all other containers keep communicating, also new ones.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 1
	container_add host1 c11 && container_add host1 c12 && container_add host1 c13
	ping_once c11 "$(container_address host1 c12)"
}

teardown_file() { lab_down; }

# Sends frames from 20,000 addresses, to the bridge's own MAC.
flood() { # CONTAINER
	ns_run "$1" python3 - "$(ip -n "$LAB-host1" -json link show weft-br1 | jq -r '.[0].address')" <<'PYTHON'
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
to = bytes.fromhex(sys.argv[1].replace(":", ""))
for i in range(20000):
    s.send(to + b"\x02\xf0" + struct.pack("!I", i) + b"\x88\xb5" + bytes(46))
PYTHON
}

learned() { ip netns exec "$LAB-host1" bridge fdb show br weft-br1 | grep -c '^02:f0:'; }

@test "the bridge learns at most 4,096 addresses" {
	flow_start known c11 "$(container_address host1 c12)" 200
	flood c13
	(($(learned) > 1000)) || fail "learned: $(learned)"
	(($(learned) <= 4096)) || fail "learned: $(learned)"
	assert_equal "$(flow_lost known)" 0
}

@test "containers keep communicating, also new ones" {
	local to
	container_add host1 c14
	for to in c11 c12 c13; do
		run -0 ping_once c14 "$(container_address host1 "$to")"
		run -0 ping_once "$to" "$(container_address host1 c14)"
	done
	run -0 ping_once host1 "$(container_address host1 c14)"
}

@test "status and doctor report no problem" {
	run -0 weftctl_on host1 status
	run weftctl_on host1 doctor
	refute_output --partial error
}
