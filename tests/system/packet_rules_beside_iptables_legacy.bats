#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A node whose firewall is iptables-legacy, the kernel's ip_tables, of which nf_tables tells nothing:
# its FORWARD drops what is forwarded, and weft's accepts come into it and go, while all else in it
# stays as it is. host2 has none of it, and gets none.

load ../lib/bats

TOOLS=(iptables-legacy ip6tables-legacy)
DUAL='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'

setup_file() {
	local tool
	lab_open_for_file
	lab_hosts 2
	store_start "{$DUAL,\"Weft\":{\"LeaseTTL\":5}}"
	for tool in "${TOOLS[@]}"; do
		firewall "$tool"
	done
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c11 && container_add host2 c21
}

teardown_file() { lab_down; }

# As a firewall script of before nf_tables has it, with chains that jump to each other, and rules
# that have counted packets. What it holds without weft's is kept in $LAB_DIR/TOOL.
firewall() { # TOOL
	ns_run host1 "$1-restore" -c <<'RULES'
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:in - [0:0]
:out - [0:0]
:limit - [0:0]
[3:300] -A INPUT -i lo -j in
[5:500] -A FORWARD -i never0 -j in
[7:700] -A FORWARD -o never1 -g out
[2:200] -A OUTPUT -o lo -j out
[1:100] -A in -p tcp -m tcp --dport 4 -m comment --comment "not weft" -j DROP
[4:400] -A in -j limit
[9:900] -A out -j limit
[8:800] -A limit -m limit --limit 5/min -j RETURN
COMMIT
RULES
	others "$1" >"$LAB_DIR/$1"
}

# All rules but weft's, with their counters; without those of policies, which count the lab's packets.
others() { # TOOL
	ns_run host1 "$1-save" -c | grep -v -e '--comment weft -j ACCEPT' |
		sed 's/^# .*//; s/^\(:.*\) \[.*\]$/\1/'
}

others_are_as_before() { # TOOL
	run -0 diff -u "$LAB_DIR/$1" <(others "$1")
}

accepts() { ns_run host1 "$1" -S "$2" | grep -c -e '-m comment --comment weft -j ACCEPT'; } # TOOL CHAIN
accepted() { [[ $(accepts "$1" "$2") == 2 ]]; } # TOOL CHAIN

# Any change in nf_tables makes weftd look at once, instead of within ten seconds.
nudge() { ns_run host1 nft 'add table ip nudge; delete table ip nudge'; }

address6() { # HOST CONTAINER
	jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file "$1" "$2")"
}

pods_reach() {
	ping_once c11 "$(container_address host2 c21)" && ping_once c21 "$(container_address host1 c11)" &&
		ping_once c11 "$(address6 host2 c21)" && ping_once c21 "$(address6 host1 c11)"
}

# What weftd has found at host1: a chain, and whether it is provided for.
found() { # CHAIN true|false
	weftctl_on host1 --json status | jq -e --arg chain "$1" --argjson accepted "$2" \
		'.rules.dropping[] | select(.chain == $chain and .accepted == $accepted)'
}

@test "a FORWARD that drops, made before weftd, does not stop containers" {
	local tool
	run -0 pods_reach
	for tool in "${TOOLS[@]}"; do
		run -0 ns_run host1 "$tool" -S FORWARD
		assert_line -n 0 -- '-P FORWARD DROP'
		assert_line -n 3 -- '-A FORWARD -i weft-br1 -m comment --comment weft -j ACCEPT'
		assert_line -n 4 -- '-A FORWARD -o weft-br1 -m comment --comment weft -j ACCEPT'
		run -0 found "$tool filter FORWARD" true
	done
	run weftctl_on host1 doctor
	refute_output --partial legacy
}

@test "rules of others, their jumps and counters stay as they are" {
	for tool in "${TOOLS[@]}"; do
		others_are_as_before "$tool"
	done
	# That they are the same to the kernel, too: packets go their way.
	ns_run host1 ping -n -q -c 1 127.0.0.1
	run -0 ns_run host1 iptables-legacy -v -x -n -L limit
	assert_line --regexp '^ *[1-9][0-9]+ .*RETURN'
	# What was counted goes on from where it was.
	others iptables-legacy >"$LAB_DIR/iptables-legacy"
	ns_run host1 iptables-legacy -D FORWARD -i weft-br1 -m comment --comment weft -j ACCEPT
	nudge
	wait_for 5 accepted iptables-legacy FORWARD
	others_are_as_before iptables-legacy
}

@test "an accept that is flushed comes back, without anybody telling of it" {
	local tool
	for tool in "${TOOLS[@]}"; do
		ns_run host1 "$tool" -F FORWARD
	done
	for tool in "${TOOLS[@]}"; do
		wait_for 15 accepted "$tool" FORWARD
	done
	run -0 pods_reach
	for tool in "${TOOLS[@]}"; do
		firewall "$tool"
	done
	for tool in "${TOOLS[@]}"; do
		wait_for 15 accepted "$tool" FORWARD
		others_are_as_before "$tool"
	done
}

@test "what rules of others refuse stays refused" {
	ns_run host1 iptables-legacy -I FORWARD -s "$(container_address host2 c21)" -j DROP
	ns_run host1 iptables-legacy -D FORWARD -i weft-br1 -m comment --comment weft -j ACCEPT
	nudge
	wait_for 5 accepted iptables-legacy FORWARD
	run ! ping_once c11 "$(container_address host2 c21)"
	ns_run host1 iptables-legacy -D FORWARD 1
	run -0 pods_reach
	others_are_as_before iptables-legacy
}

@test "docker's DOCKER-USER accepts, too, where it ends in a drop" {
	local tool
	for tool in "${TOOLS[@]}"; do
		ns_run host1 "$tool" -N DOCKER-USER
		ns_run host1 "$tool" -A DOCKER-USER -o never2 -j ACCEPT
		ns_run host1 "$tool" -A DOCKER-USER -j DROP
		ns_run host1 "$tool" -I FORWARD -j DOCKER-USER
	done
	nudge
	for tool in "${TOOLS[@]}"; do
		wait_for 5 accepted "$tool" DOCKER-USER
		run -0 accepted "$tool" FORWARD
		run -0 found "$tool filter DOCKER-USER" true
		run -0 ns_run host1 "$tool" -S DOCKER-USER
		assert_line -n 1 -- '-A DOCKER-USER -o never2 -j ACCEPT'
		assert_line -n 4 -- '-A DOCKER-USER -j DROP'
	done
	run -0 pods_reach
	for tool in "${TOOLS[@]}"; do
		ns_run host1 "$tool" -D DOCKER-USER -j DROP
	done
	nudge
	for tool in "${TOOLS[@]}"; do
		wait_for 5 not accepts "$tool" DOCKER-USER
		run -0 accepted "$tool" FORWARD
		ns_run host1 "$tool" -D FORWARD -j DOCKER-USER
		ns_run host1 "$tool" -F DOCKER-USER
		ns_run host1 "$tool" -X DOCKER-USER
		others_are_as_before "$tool"
	done
}

@test "a FORWARD that ends in a rejection is one that drops; one that drops nothing is left alone" {
	ns_run host1 iptables-legacy -P FORWARD ACCEPT
	nudge
	wait_for 5 not accepts iptables-legacy FORWARD
	run ! found 'iptables-legacy filter FORWARD' true
	ns_run host1 iptables-legacy -A FORWARD -j REJECT
	nudge
	wait_for 5 accepted iptables-legacy FORWARD
	run -0 pods_reach
	ns_run host1 iptables-legacy -D FORWARD -j REJECT
	ns_run host1 iptables-legacy -P FORWARD DROP
	nudge
	wait_for 5 accepted iptables-legacy FORWARD
	others_are_as_before iptables-legacy
}

says_that_it_waits() {
	weftctl_on host1 --json status | jq -e '.rules.error | contains("/run/xtables.lock")'
}

# iptables waits for the lock, too, also to list: it has another one here.
@test "who holds the lock of iptables is waited for" {
	local -x XTABLES_LOCKFILE=$LAB_DIR/lock
	proc_start holder host1 flock -F /run/xtables.lock sleep 60
	wait_for 5 not flock -n /run/xtables.lock true
	ns_run host1 iptables-legacy -F FORWARD
	nudge
	wait_for 5 says_that_it_waits
	run ! accepts iptables-legacy FORWARD
	proc_stop holder
	wait_for 15 accepted iptables-legacy FORWARD
	wait_for 5 not says_that_it_waits
	firewall iptables-legacy
	nudge
	wait_for 5 accepted iptables-legacy FORWARD
}

@test "where there is no such table, none is made" {
	local names
	run -0 weftctl_on host2 doctor
	run -0 weftctl_on host2 --json status
	assert_json "$output" '.rules.unseen == [] and (.rules.dropping | length) == 0'
	weftd_stop host2
	run -0 ns_run host2 "$WEFT_BIN_DIR/weftd" --remove-rules --run-dir "$LAB_DIR/host2/run"
	weftd_start host2
	weftd_ready host2
	for names in ip_tables_names ip6_tables_names; do
		run ns_run host2 cat "/proc/net/$names"
		refute_output --partial filter
		run -0 ns_run host1 cat "/proc/net/$names"
		assert_output --partial filter
	done
}

@test "started by root, it sees such a table as another user, too" {
	chown nobody "$LAB_DIR/host1" # for subnet.env
	weftd_stop host1
	weftd_start host1 --user nobody
	weftd_ready host1
	ns_run host1 iptables-legacy -F FORWARD
	nudge
	wait_for 5 accepted iptables-legacy FORWARD
	run -0 pods_reach
	firewall iptables-legacy
	weftd_stop host1
}

# As the unit starts it: never root.
start_without_root() { # OPTION OF setpriv...
	local flags
	weftd_stop host1
	chown -R nobody "$LAB_DIR/host1"
	read -ra flags < <(weftd_flags host1)
	proc_start host1-weftd host1 setpriv --reuid nobody --regid nogroup "$@" \
		--inh-caps +net_admin --ambient-caps +net_admin "$WEFT_BIN_DIR/weftd" "${flags[@]}"
	weftd_ready host1
}

@test "never root, it says what it does not see, and doctor knows the way out" {
	start_without_root --clear-groups
	run -0 weftctl_on host1 --json status
	assert_json "$output" '.rules.unseen == ["iptables-legacy", "ip6tables-legacy"]'
	assert_equal "$(weftd_log host1 100 | grep -c 'cannot be seen.*program=iptables-legacy')" 1
	run ! accepts iptables-legacy FORWARD
	run weftctl_on host1 doctor
	assert_output --partial 'iptables-legacy filter FORWARD drops what is forwarded'
	assert_output --partial 'iptables-legacy -I FORWARD -i weft-br1 -j ACCEPT'
	# Of IPv6 there are weft's own of before, of IPv4 there will be a hand's.
	ns_run host1 iptables-legacy -I FORWARD -i weft-br1 -j ACCEPT
	ns_run host1 iptables-legacy -I FORWARD -o weft-br1 -j ACCEPT
	run weftctl_on host1 doctor
	refute_output --partial legacy
	run -0 pods_reach
	weftd_stop host1
	firewall iptables-legacy
}

@test "with root's group, as the manual says, it sees all" {
	run -0 grep -c SupplementaryGroups=root "$WEFT_REPO/docs/weftd.8.scd"
	start_without_root --groups root
	wait_for 5 accepted iptables-legacy FORWARD
	run -0 pods_reach
	weftd_stop host1
}

@test "--iptables-forward-rules=false takes the accepts away" {
	local tool
	weftd_stop host1
	weftd_start host1 --iptables-forward-rules=false
	weftd_ready host1
	for tool in "${TOOLS[@]}"; do
		wait_for 5 not accepts "$tool" FORWARD
		run -0 found "$tool filter FORWARD" false
		others_are_as_before "$tool"
	done
	run ! pods_reach
	weftd_stop host1
}

@test "--remove-rules, cleanup and leave take them away, and nothing else" {
	local how tool
	weftd_stop host1
	for how in remove_rules cleanup leave; do
		weftd_start host1 --user nobody
		weftd_ready host1
		for tool in "${TOOLS[@]}"; do
			wait_for 5 accepted "$tool" FORWARD
		done
		run -0 "$how"
		for tool in "${TOOLS[@]}"; do
			run ! accepts "$tool" FORWARD
			others_are_as_before "$tool"
		done
		wait_for 10 not weftd_pid host1
	done
}

remove_rules() {
	weftd_stop host1
	accepted iptables-legacy FORWARD || return
	ns_run host1 "$WEFT_BIN_DIR/weftd" --remove-rules --run-dir "$LAB_DIR/host1/run"
}

cleanup() {
	weftd_stop host1
	accepted ip6tables-legacy FORWARD || return
	weftctl_on host1 cleanup --force
}

leave() { weftctl_on host1 leave --force; }
