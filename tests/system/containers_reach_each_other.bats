#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Traffic between containers and hosts, on one node and across nodes.

load ../lib/bats

setup_file() {
	local host
	lab_open_for_file
	lab_overlay 3
	for host in 1 2 3; do
		container_add "host$host" "c${host}1"
		container_add "host$host" "c${host}2"
	done
}

teardown_file() { lab_down; }

address_of() { # c12 is the second container of host1
	container_address "host${1:1:1}" "$1"
}

@test "all containers reach each other, on one node and across nodes" {
	local from to
	for from in c11 c12 c21 c22 c31 c32; do
		for to in c11 c12 c21 c22 c31 c32; do
			ping_once "$from" "$(address_of "$to")" || fail "$from does not reach $to"
		done
	done
}

@test "all hosts reach all containers, and all containers reach all gateways" {
	local i to
	for i in 1 2 3; do
		for to in c11 c21 c31; do
			ping_once "host$i" "$(address_of "$to")" || fail "host$i does not reach $to"
			ping_once "$to" "$(host_gateway "host$i")" || fail "$to does not reach host$i"
		done
	done
}

@test "the source address is preserved across nodes" {
	proc_start seen c21 tcpdump -n -l -c 1 -i eth0 icmp and src "$(address_of c11)"
	wait_for 5 grep -q 'listening on' "$LAB_DIR/log/seen"
	ping_once c11 "$(address_of c21)"
	wait_for 5 grep -q "$(address_of c11) > $(address_of c21): ICMP echo request" "$LAB_DIR/log/seen"
	proc_stop seen
}

@test "a host uses its overlay address towards remote containers" {
	run ip -n "$LAB-host1" -j route get "$(address_of c21)"
	assert_json "$output" ".[0].prefsrc == \"$(host_gateway host1)\" and .[0].dev == \"weft-br1\""
}

@test "packets of the full MTU pass unfragmented, and larger ones do not" {
	ping_once c11 "$(address_of c31)" -M "do" -s $((1450 - 28))
	run ping_once c11 "$(address_of c31)" -M "do" -s $((1450 - 27))
	assert_failure
	ping_once c11 "$(address_of c31)" -M dont -s $((1450 - 27)) # passes in fragments
	run ip -n "$LAB-c11" -j link show eth0
	assert_json "$output" '.[0].mtu == 1450'
}

@test "TCP passes, with segments larger than the MTU" {
	local sum
	head -c 4M /dev/urandom >"$LAB_DIR/sent"
	proc_start sink c32 /usr/bin/python3 -c "
import socket
s = socket.create_server(('$(address_of c32)', 7)); c, _ = s.accept()
with open('$LAB_DIR/received', 'wb') as f:
    while (b := c.recv(65536)): f.write(b)"
	wait_for 5 listens c32 7
	ns_run c11 /usr/bin/python3 -c "
import socket
s = socket.create_connection(('$(address_of c32)', 7), timeout=10)
s.sendall(open('$LAB_DIR/sent', 'rb').read())"
	wait_for 10 not proc_pid sink
	sum=$(sha256sum <"$LAB_DIR/sent")
	assert_equal "$(sha256sum <"$LAB_DIR/received")" "$sum"
}

listens() { # NAMESPACE PORT
	ns_run "$1" ss -Htln "sport = $2" | grep -q .
}

@test "no host sends a redirect" {
	local i
	for i in 1 2 3; do
		ns_run "c${i}1" ping -n -q -c 20 -i 0.01 "$(address_of c$((i % 3 + 1))1)"
		run redirects_of "host$i"
		assert_output 0
	done
}

redirects_of() { # HOST: the kernel's count of sent redirects
	ns_run "$1" nstat -a -s -z --json IcmpOutRedirects | jq '.kernel.IcmpOutRedirects'
}

@test "an ARP request for an absent neighbour does not leave the node" {
	local absent
	absent=$(host_subnet host1)
	absent=${absent%.0/24}.250
	proc_start wire net tcpdump -n -l -i underlay udp port 8472
	wait_for 5 grep -q 'listening on' "$LAB_DIR/log/wire"
	run ping_once c11 "$absent"
	assert_failure
	ping_once c11 "$(address_of c21)" # the capture works: it has this request
	wait_for 5 grep -q 'ICMP echo request' "$LAB_DIR/log/wire"
	proc_stop wire
	run cat "$LAB_DIR/log/wire"
	refute_output --partial "$absent"
}

@test "frames on the underlay are VXLAN on port 8472, VNI 1, between the hosts' addresses" {
	rm -f "$LAB_DIR/log/frame"
	proc_start frame net tcpdump -n -l -e -c 1 -i underlay udp port 8472 and src "$(host_address host1)"
	wait_for 5 grep -q 'listening on' "$LAB_DIR/log/frame"
	ping_once c11 "$(address_of c31)"
	wait_for 5 not proc_pid frame
	run cat "$LAB_DIR/log/frame"
	assert_output --regexp '192\.168\.0\.1\.[0-9]+ > 192\.168\.0\.3\.8472: OTV|192\.168\.0\.1\.[0-9]+ > 192\.168\.0\.3\.8472: VXLAN'
	assert_output --partial "$(address_of c11) > $(address_of c31): ICMP echo request"
}
