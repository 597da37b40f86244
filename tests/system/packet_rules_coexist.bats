#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Packet rules of other programs: chains that drop forwarded packets, created before weftd starts and
# while it runs, and rules that flannel left. weftd does not change them. host2 has none of them.

load ../lib/bats
load ../lib/packets

setup_file() {
	lab_open_for_file
	lab_hosts 2
	etcd_machine
	etcd_start
	etcd_config
	ns_run host1 iptables-nft -A FORWARD -d 10.5.209.9 -j DROP
	ns_run host1 iptables-nft -P FORWARD DROP
	ns_run host1 ip6tables-nft -P FORWARD DROP
	ns_run host1 nft -f - <<'RULES'
table inet foreign {
	set mine { type ipv4_addr; elements = { 10.9.9.9 }; }
	chain input { type filter hook input priority 10; policy accept; udp dport 8472 accept; }
}
RULES
	ns_run host1 nft list table inet foreign >"$LAB_DIR/foreign"
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c11 && container_add host1 c12 && container_add host2 c21
}

teardown_file() { lab_down; }

pods_reach() {
	ping_once c11 "$(container_address host2 c21)" && ping_once c21 "$(container_address host1 c11)"
}

# Succeeds if weftd on host1 reports the chain, and whether it accepts weft's packets.
found() { # CHAIN true|false
	weftctl_on host1 --json status | jq -e --arg chain "$1" --argjson accepted "$2" \
		'.rules.other_chains[] | select(.chain == $chain and .accepted == $accepted)'
}

accepts() { ns_run host1 "$1" -S "$2" | grep -c -e '-m comment --comment weft -j ACCEPT'; } # TOOL CHAIN

@test "a FORWARD chain with policy drop does not stop containers" {
	run -0 pods_reach
	run -0 ns_run host1 iptables-nft -S FORWARD
	assert_line -n 0 -- '-P FORWARD DROP'
	# weft's rules come after the chain's own rules, which can still drop a packet.
	assert_line -n 1 -- '-A FORWARD -d 10.5.209.9/32 -j DROP'
	assert_line -n 2 -- '-A FORWARD -i weft-br1 -m comment --comment weft -j ACCEPT'
	assert_line -n 3 -- '-A FORWARD -o weft-br1 -m comment --comment weft -j ACCEPT'
	run -0 found 'ip filter FORWARD' true
	# A network without IPv6 needs no rule in ip6tables.
	run ! accepts ip6tables-nft FORWARD
}

@test "bridged packets pass with and without bridge-nf-call-iptables" {
	local value
	for value in 1 0; do
		ns_run host1 sysctl -q "net.bridge.bridge-nf-call-iptables=$value"
		run -0 ping_once c11 "$(container_address host1 c12)"
		run -0 pods_reach
	done
}

@test "a flushed accept rule is restored" {
	ns_run host1 iptables-nft -F FORWARD
	wait_for 5 accepts iptables-nft FORWARD
	assert_equal "$(accepts iptables-nft FORWARD)" 2
	run -0 pods_reach
}

@test "DOCKER-USER gets the accept rule before a final drop, and only then" {
	ns_run host1 iptables-nft -N DOCKER-USER
	ns_run host1 iptables-nft -A DOCKER-USER -j RETURN
	ns_run host1 iptables-nft -I FORWARD -j DOCKER-USER
	run -0 pods_reach
	run ! accepts iptables-nft DOCKER-USER
	ns_run host1 iptables-nft -D DOCKER-USER -j RETURN
	ns_run host1 iptables-nft -A DOCKER-USER -s 10.5.209.9 -j REJECT
	ns_run host1 iptables-nft -A DOCKER-USER -j DROP
	wait_for 5 accepts iptables-nft DOCKER-USER
	run -0 pods_reach
	run -0 ns_run host1 iptables-nft -S DOCKER-USER
	assert_line -n 1 --partial '-s 10.5.209.9/32'
	assert_line -n 2 -- '-A DOCKER-USER -i weft-br1 -m comment --comment weft -j ACCEPT'
	assert_line -n 3 -- '-A DOCKER-USER -o weft-br1 -m comment --comment weft -j ACCEPT'
	assert_line -n 4 -- '-A DOCKER-USER -j DROP'
	run -0 found 'ip filter DOCKER-USER' true
	ns_run host1 iptables-nft -D DOCKER-USER -j DROP
	wait_for 5 not accepts iptables-nft DOCKER-USER
	ns_run host1 iptables-nft -D FORWARD -j DOCKER-USER
	ns_run host1 iptables-nft -F DOCKER-USER
	ns_run host1 iptables-nft -X DOCKER-USER
}

@test "a FORWARD chain that ends in a reject is treated as dropping; one that drops nothing is unchanged" {
	ns_run host1 iptables-nft -P FORWARD ACCEPT
	wait_for 5 not accepts iptables-nft FORWARD
	ns_run host1 iptables-nft -A FORWARD -j REJECT
	wait_for 5 accepts iptables-nft FORWARD
	run -0 ns_run host1 iptables-nft -S FORWARD
	assert_line -n -1 --partial '-A FORWARD -j REJECT'
	run -0 pods_reach
	ns_run host1 iptables-nft -F FORWARD
	ns_run host1 iptables-nft -P FORWARD DROP
	wait_for 5 accepts iptables-nft FORWARD
}

@test "another program's chain is reported until it has a rule marked as weft's" {
	ns_run host1 nft -f - <<'RULES'
table inet hardened {
	chain forward { type filter hook forward priority 5; policy drop; }
}
RULES
	wait_for 5 found 'inet hardened forward' false
	run ! pods_reach
	run weftctl_on host1 status
	assert_line 'packet rules: chain drops forwarded packets and has no rule for weft: inet hardened forward'
	ns_run host1 nft add rule inet hardened forward iifname weft-br1 accept comment '"weft"'
	ns_run host1 nft add rule inet hardened forward oifname weft-br1 accept comment '"weft"'
	wait_for 5 found 'inet hardened forward' true
	run -0 pods_reach
	ns_run host1 nft delete table inet hardened
	wait_for 5 not found 'inet hardened forward' true
}

@test "weft's table is restored after any change" {
	local what
	ns_run host1 nft list table inet weft >"$LAB_DIR/weft-table"
	for what in 'delete table inet weft' 'flush chain inet weft tunnel-input' 'flush ruleset' \
		'add rule inet weft input udp dport 8472 accept' 'add table inet weft { flags dormant; }' \
		'delete element inet weft peers4-1 { 192.168.0.2 }' \
		'add element inet weft peers4-1 { 192.168.0.254 }' 'add chain inet weft more'; do
		ns_run host1 nft "$what"
		wait_for 5 table_is_right
	done
	ns_run host1 iptables-nft -P FORWARD DROP
	wait_for 5 accepts iptables-nft FORWARD
}

table_is_right() { diff -u "$LAB_DIR/weft-table" <(ns_run host1 nft list table inet weft); }

@test "foreign tables stay unchanged" {
	ns_run host1 nft -f "$LAB_DIR/foreign"
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	etcd_put 10.5.120.0-24 "$(flannel_value 192.168.0.77 02:00:00:00:00:77)"
	wait_for 5 ns_run host1 nft get element inet weft peers4-1 '{ 192.168.0.77 }'
	etcd_del 10.5.120.0-24
	run -0 diff "$LAB_DIR/foreign" <(ns_run host1 nft list table inet foreign)
}

# Writes the rules of a network as flannel's trafficmngr does.
flannel_rules() { # NETWORK
	ns_run host1 iptables-nft -N FLANNEL-FWD
	ns_run host1 iptables-nft -A FLANNEL-FWD -s "$1" -m comment --comment 'flanneld forward' -j ACCEPT
	ns_run host1 iptables-nft -A FLANNEL-FWD -d "$1" -m comment --comment 'flanneld forward' -j ACCEPT
	ns_run host1 iptables-nft -A FORWARD -m comment --comment 'flanneld forward' -j FLANNEL-FWD
	ns_run host1 iptables-nft -t nat -N FLANNEL-POSTRTG
	ns_run host1 iptables-nft -t nat -A FLANNEL-POSTRTG -s "$1" ! -d 224.0.0.0/4 -j MASQUERADE
	ns_run host1 iptables-nft -t nat -A POSTROUTING -m comment --comment 'flanneld masq' -j FLANNEL-POSTRTG
	ns_run host1 nft "add table ip flannel-ipv4
add chain ip flannel-ipv4 forward { type filter hook forward priority filter; }
add rule ip flannel-ipv4 forward ip saddr $1 accept"
}

flannel_left() { ns_run host1 nft list ruleset | grep -i flannel; }

@test "flannel's rules stay until weftctl cleanup --flannel, which leaves weft's alone" {
	flannel_rules 10.5.0.0/16
	ns_run host1 iptables-nft -A FORWARD -s 10.1.2.3 -j ACCEPT
	weftd_stop host1
	weftd_start host1 --ip-masq
	weftd_ready host1
	run -0 ns_run host1 iptables-nft -S FLANNEL-FWD
	run -0 ns_run host1 iptables-nft -t nat -S FLANNEL-POSTRTG
	run -0 ns_run host1 nft list table ip flannel-ipv4
	run -0 weftctl_on host1 cleanup --flannel
	run ! flannel_left
	run -0 ns_run host1 nft list table inet weft
	run -0 ns_run host1 iptables-nft -C FORWARD -s 10.1.2.3 -j ACCEPT
	run -0 weftctl_on host1 status
	run -0 pods_reach
}

@test "--iptables-forward-rules=false removes the accept rules" {
	run -0 accepts iptables-nft FORWARD
	weftd_stop host1
	weftd_start host1 --iptables-forward-rules=false
	weftd_ready host1
	wait_for 5 not accepts iptables-nft FORWARD
	run -0 found 'ip filter FORWARD' false
	run ! pods_reach
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	run -0 pods_reach
}

remove_rules() {
	ns_run host1 "$WEFT_BIN_DIR/weftd" --remove-rules --run-dir "$LAB_DIR/host1/run"
}

@test "--remove-rules removes all rules when weftd exits" {
	run -1 remove_rules
	assert_output --partial 'another weftd is running'
	run -0 accepts iptables-nft FORWARD
	weftd_stop host1
	run -0 ns_run host1 nft list table inet weft
	run -0 remove_rules
	run ! ns_run host1 nft list table inet weft
	run ! accepts iptables-nft FORWARD
	run -0 diff "$LAB_DIR/foreign" <(ns_run host1 nft list table inet foreign)
	run -0 remove_rules
}
