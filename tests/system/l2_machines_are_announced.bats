#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# Virtual machines behind taps of a bridge of another program, in an L2 network without flooding: weftd,
# as an unprivileged user, announces the addresses that the host's neighbour table has. host2 has a container.

load ../lib/bats

NETWORK='{"Network":"172.18.0.0/16","Backend":{"VNI":7},"Weft":{"Mode":"l2","Bridge":"br-lan"}}'

setup_file() {
	local host
	export LAB_STORE=file WEFTD_USER=nobody
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 2
	mkdir "$LAB_DIR/store"
	chmod 711 "$LAB_DIR"
	chown nobody "$LAB_DIR/store" "$LAB_DIR/host1" "$LAB_DIR/host2"
	store_start "$NETWORK"
	chown nobody "$(store_file)"
	for host in host1 host2; do
		weftd_start "$host"
		wait_for 20 has_range "$host"
		ip -n "$LAB-$host" link add br-lan type bridge
		ip -n "$LAB-$host" address add "$(base "$host").254/16" dev br-lan
		ip -n "$LAB-$host" link set br-lan up
	done
	ns_add peer
	ip -n "$LAB-host2" link add peer mtu 1450 type veth peer name eth0 mtu 1450 netns "$LAB-peer"
	ip -n "$LAB-host2" link set peer master br-lan up
	ip -n "$LAB-peer" address add "$(base host2).1/16" dev eth0
	ip -n "$LAB-peer" link set eth0 up
	weftd_ready host1 host2
	wait_for 20 announced "$(base host2).1"
}

teardown_file() { lab_down; }

store_file() { echo "$LAB_DIR/store/net.json"; }
has_range() { store_key_of "$1" | grep -q .; }                          # HOST
base() { local key && key=$(store_key_of "$1") && echo "${key%.*}"; }    # HOST: "172.18.7" of its range
mac() { printf '52:54:00:00:00:%02x' "$1"; }                            # NUMBER
announced() { jq -e --arg a "$1" '.endpoints | has($a)' "$(store_file)"; } # ADDRESS
announced_mac() { jq -r --arg a "$1" '.endpoints[$a].MAC' "$(store_file)"; }
has_entry() { ip -n "$LAB-host2" neigh show "$1" dev br-lan nud permanent | grep -q lladdr; } # ADDRESS
not_announced() { weftctl_on host1 --json status | jq -e ".networks[0].endpoints.not_announced | $1"; }

# A machine with this number and address on host1.
machine_start() { # NUMBER ADDRESS [OPTION OR PEER...]
	ip -n "$LAB-host1" tuntap add "tap$1" mode tap || return
	ip -n "$LAB-host1" link set "tap$1" mtu 1450 master br-lan up || return
	machine_begin "$@"
}

machine_begin() { # as machine_start, on an existing tap
	rm -f "$LAB_DIR/log/machine$1"
	proc_start "machine$1" host1 "$WEFT_REPO/tests/lib/machine.py" "tap$1" "$(mac "$1")" "${@:2}" || return
	wait_for 10 machine_says "$1" started
}

machine_says() { grep -qx "$2" "$LAB_DIR/log/machine$1"; } # NUMBER TEXT

machine_stop() { # NUMBER
	proc_stop "machine$1" KILL
	ip -n "$LAB-host1" link del "tap$1"
}

@test "a machine that resolves its host is announced, and reached from another node without a broadcast" {
	local address
	address=$(base host1).7
	proc_start wire host2 tcpdump -n -e -l -i weft-vx7 -Q in
	wait_for 10 grep -q 'listening on' "$LAB_DIR/log/wire"
	machine_start 7 "$address" "$(base host1).254"
	wait_for 20 machine_says 7 "reply $(base host1).254"
	wait_for 20 announced "$address"
	assert_equal "$(announced_mac "$address")" "$(mac 7)"
	wait_for 20 has_entry "$address"
	ping_once peer "$address"
	wait_for 10 grep -q "$address > $(base host2).1: ICMP echo reply" "$LAB_DIR/log/wire"
	proc_stop wire INT
	run grep -E 'ff:ff:ff:ff:ff:ff|> 33:33:|> 01:' "$LAB_DIR/log/wire"
	assert_output ''
	# An address that no machine has.
	no_answer peer "$(base host1).77"
}

@test "a machine reaches a remote container, whose address the bridge resolves" {
	proc_stop machine7 KILL
	machine_begin 7 "$(base host1).7" "$(base host2).1"
	wait_for 20 machine_says 7 "reply $(base host2).1"
}

@test "a machine that only announces itself by ARP is announced if the host accepts that" {
	local address
	address=$(base host1).8
	ns_run host1 sysctl -q net.ipv4.conf.br-lan.arp_accept=1
	machine_start 8 "$address"
	wait_for 20 announced "$address"
	wait_for 20 has_entry "$address"
	ping_once peer "$address"
	ns_run host1 sysctl -q net.ipv4.conf.br-lan.arp_accept=0
}

@test "a silent machine is announced by entries of an administrator" {
	local address
	address=$(base host1).9
	machine_start 9 "$address" --silent
	bridge -n "$LAB-host1" fdb add "$(mac 9)" dev tap9 master static
	ip -n "$LAB-host1" neigh add "$address" lladdr "$(mac 9)" dev br-lan nud permanent
	wait_for 20 has_entry "$address"
	ping_once peer "$address"
	machine_stop 9
	wait_for 20 not announced "$address"
	ip -n "$LAB-host1" neigh del "$address" dev br-lan || true # gone if the bridge's MAC changed with its port
}

@test "an address outside the node's range is not announced, and counted" {
	machine_start 10 "$(base host2).200" "$(base host1).254"
	wait_for 20 machine_says 10 "reply $(base host1).254"
	wait_for 20 not_announced '.outside_range == 1'
	not announced "$(base host2).200"
	machine_stop 10
	wait_for 20 not_announced '.outside_range == 0'
}

@test "a machine stays announced without entries, and over a restart of weftd" {
	local address
	address=$(base host1).7
	bridge -n "$LAB-host1" fdb del "$(mac 7)" dev tap7 master
	ip -n "$LAB-host1" neigh del "$address" dev br-lan || true
	# Another machine is counted by a scan that comes after that.
	machine_start 10 "$(base host2).200" "$(base host1).254"
	wait_for 20 machine_says 10 "reply $(base host1).254"
	wait_for 20 not_announced '.outside_range == 1'
	machine_stop 10
	ping_once peer "$address"
	announced "$address"
	flow_start restart peer "$address" 200
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	wait_for 20 announced "$address"
	assert_equal "$(flow_lost restart)" 0
}

@test "a machine that ends vanishes with its tap, or without it" {
	machine_stop 7
	wait_for 20 not announced "$(base host1).7"
	wait_for 20 not has_entry "$(base host1).7"
	announced "$(base host1).8"
	# The tap exists, but no program has it open.
	proc_stop machine8 KILL
	wait_for 20 not announced "$(base host1).8"
	wait_for 20 not has_entry "$(base host1).8"
	no_answer peer "$(base host1).8"
	machine_begin 8 "$(base host1).8" "$(base host1).254"
	wait_for 20 announced "$(base host1).8"
	wait_for 20 has_entry "$(base host1).8"
	ping_once peer "$(base host1).8"
}
