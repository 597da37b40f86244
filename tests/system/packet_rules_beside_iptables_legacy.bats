#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A node whose firewall is iptables-legacy, the kernel's ip_tables: its FORWARD drops forwarded
# packets. weftd leaves it alone; weftctl doctor detects it and prints commands that make traffic
# pass. host2 has no such table.

load ../lib/bats

TOOLS=(iptables-legacy ip6tables-legacy)
DUAL='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'

setup_file() {
	local tool
	lab_open_for_file
	lab_hosts 2
	store_start "{$DUAL,\"Weft\":{\"LeaseTTL\":15}}"
	for tool in "${TOOLS[@]}"; do
		ns_run host1 "$tool" -P FORWARD DROP
		ns_run host1 "$tool" -A FORWARD -i never0 -m comment --comment "not weft" -j ACCEPT
		ns_run host1 "$tool-save" -t filter | rules >"$LAB_DIR/$tool"
	done
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c11 && container_add host2 c21
}

teardown_file() { lab_down; }

# Removes comments, and the counters of the policies.
rules() { sed 's/^# .*//; s/^\(:.*\) \[.*\]$/\1/'; }

address6() { # HOST CONTAINER
	jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file "$1" "$2")"
}

pods_reach4() {
	ping_once c11 "$(container_address host2 c21)" && ping_once c21 "$(container_address host1 c11)"
}

pods_reach6() { ping_once c11 "$(address6 host2 c21)" && ping_once c21 "$(address6 host1 c11)"; }

# Prints the remedies of doctor's findings about TOOL at host1, one per line.
remedies() { # TOOL
	weftctl_on host1 --json doctor |
		jq -r --arg tool "$1" '.findings[] | select(.check == "rules" and
			(.text | startswith($tool + " filter FORWARD drops"))) | .remedy'
}

type_commands() { # of each line
	local line
	while IFS= read -r line; do
		ns_run host1 sh -c "$line" || return
	done
}

@test "a FORWARD chain that drops is detected, and not changed" {
	local tool
	run ! pods_reach4
	run ! pods_reach6
	run weftctl_on host1 doctor
	for tool in "${TOOLS[@]}"; do
		assert_output --partial "$tool filter FORWARD drops packets forwarded from and to weft-br1"
		assert_output --partial "$tool -I FORWARD -i weft-br1 -j ACCEPT"
		assert_output --partial "$tool -I FORWARD -o weft-br1 -j ACCEPT"
		run -0 diff -u "$LAB_DIR/$tool" <(ns_run host1 "$tool-save" -t filter | rules)
		run weftctl_on host1 doctor
	done
}

@test "without root, doctor cannot inspect it" {
	run ns_run host1 setpriv --reuid nobody --regid nogroup --clear-groups \
		--inh-caps -all --bounding-set -all \
		"$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/host1/run" doctor
	assert_output --partial 'cannot inspect iptables-legacy: needs root'
	assert_output --partial 'cannot inspect ip6tables-legacy: needs root'
}

@test "a FORWARD chain that ends in a reject is treated as dropping" {
	ns_run host1 iptables-legacy -P FORWARD ACCEPT
	run -0 remedies iptables-legacy
	assert_output ''
	ns_run host1 iptables-legacy -A FORWARD -j REJECT
	run remedies iptables-legacy
	assert_line 'iptables-legacy -I FORWARD -i weft-br1 -j ACCEPT; iptables-legacy -I FORWARD -o weft-br1 -j ACCEPT'
}

@test "the commands that doctor prints let packets pass, and resolve the finding" {
	run ! pods_reach4
	type_commands < <(remedies iptables-legacy)
	run -0 pods_reach4
	run ! pods_reach6
	type_commands < <(remedies ip6tables-legacy)
	run -0 pods_reach6
	run -0 weftctl_on host1 doctor
	refute_output --partial legacy
	ns_run host1 iptables-legacy -D FORWARD -o weft-br1 -j ACCEPT
	run remedies iptables-legacy
	assert_output 'iptables-legacy -I FORWARD -o weft-br1 -j ACCEPT'
}

@test "a program that cannot be run is a finding, within bounded time" {
	# The lock is held: the program waits for two seconds, and fails.
	proc_start holder host1 flock -F /run/xtables.lock sleep 60
	wait_for 5 not flock -n /run/xtables.lock true
	run weftctl_on host1 doctor
	proc_stop holder
	assert_output --partial 'cannot inspect iptables-legacy: exit status 4'
}

@test "a missing table is not created" {
	local names
	run -0 weftctl_on host2 doctor
	refute_output --partial legacy
	for names in ip_tables_names ip6_tables_names; do
		run ns_run host2 cat "/proc/net/$names"
		refute_output --partial filter
		run -0 ns_run host1 cat "/proc/net/$names"
		assert_output --partial filter
	done
}
