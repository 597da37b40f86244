#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# Firewalls of hosts that reject incoming UDP: iptables as on cloud images, ufw, firewalld, plain nft.
# weftd adds its accept to iptables' INPUT; other chains that drop tunnel packets, at any hook, are
# reported, with the command.
# host1 has the rules.

load ../lib/bats
load ../lib/packets

setup_file() {
	lab_open_for_file
	lab_overlay 2
	container_add host1 c11 && container_add host2 c21
}

teardown_file() { lab_down; }

setup() { run ! ns_run host1 nft list table ip filter; }

teardown() {
	ns_run host1 nft delete table ip filter 2>/dev/null || true
	ns_run host1 nft delete table ip raw 2>/dev/null || true
	ns_run host1 nft delete table ip mangle 2>/dev/null || true
	ns_run host1 nft delete table inet firewalld 2>/dev/null || true
	ns_run host1 nft delete table inet hardened 2>/dev/null || true
	ns_run host1 nft delete table netdev hardened 2>/dev/null || true
}

# From host2 only: a reply would pass as part of a connection.
tunnel_is_open() { ping_once c21 "$(container_address host1 c11)"; }

tunnel_is_closed() {
	run ping_once c21 "$(container_address host1 c11)"
	assert_failure
}

# Succeeds if weftd on host1 reports the chain, and whether it accepts weft's packets.
found() { # CHAIN true|false [HOOK]
	weftctl_on host1 --json status | jq -e --arg chain "$1" --argjson accepted "$2" --arg hook "${3-input}" \
		'any(.rules.other_chains[]; .chain == $chain and .hook == $hook and .port == 8472 and
			.accepted == $accepted)' >/dev/null
}

nothing_found() {
	weftctl_on host1 --json status | jq -e 'all(.rules.other_chains[]; .hook == "forward")' >/dev/null
}

remedy() { # CHAIN: prints the command of doctor's finding
	local report
	report=$(weftctl_on host1 --json doctor) || (($? == 1)) || return 1
	jq -er --arg text "$1 drops UDP packets to port 8472" \
		'.findings[] | select(.state == "error" and (.text | startswith($text))) | .remedy' <<<"$report"
}

accepts() { ns_run host1 iptables-nft -S INPUT | grep -c -e '--dport 8472 -m comment --comment weft -j ACCEPT'; }

restore_rules() { ns_run host1 iptables-nft-restore; } # <RULES

@test "an INPUT chain that ends in a reject, as on cloud images, admits peers" {
	restore_rules <<-'RULES'
		*filter
		:INPUT ACCEPT [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
		-A INPUT -p icmp -j ACCEPT
		-A INPUT -i lo -j ACCEPT
		-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
		-A INPUT -j REJECT --reject-with icmp-host-prohibited
		COMMIT
	RULES
	wait_for 5 accepts
	wait_for 5 tunnel_is_open
	run -0 ns_run host1 iptables-nft -S INPUT
	assert_line -n 5 -- '-A INPUT -p udp -m udp --dport 8472 -m comment --comment weft -j ACCEPT'
	assert_line -n 6 --partial '-A INPUT -j REJECT'
	wait_for 5 found 'ip filter INPUT' true
	# Others than peers do not pass, because of weft's own rules.
	run -0 ns_run host1 nft list chain inet weft input
	assert_output --partial 'th dport 8472'
	ns_run host1 iptables-nft -D INPUT -j REJECT --reject-with icmp-host-prohibited
	wait_for 5 not accepts
	wait_for 5 tunnel_is_open
}

@test "policy drop; what other rules drop stays dropped, and is reported with the command" {
	restore_rules <<-'RULES'
		*filter
		:INPUT DROP [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		-A INPUT -i lo -j ACCEPT
		COMMIT
	RULES
	wait_for 5 accepts
	wait_for 5 tunnel_is_open
	ns_run host1 iptables-nft -I INPUT -p udp --dport 8472 -j DROP
	wait_for 5 found 'ip filter INPUT' false
	tunnel_is_closed
	run weftctl_on host1 status
	assert_line 'packet rules: chain drops tunnel packets: ip filter INPUT'
	run -0 remedy 'ip filter INPUT'
	assert_output 'iptables -I INPUT -p udp --dport 8472 -j ACCEPT'
	ns_run host1 iptables-nft -I INPUT -p udp --dport 8472 -j ACCEPT
	wait_for 5 found 'ip filter INPUT' true
	wait_for 5 tunnel_is_open
}

@test "ufw with its defaults, and with 'default reject incoming'" {
	local rules=$WEFT_REPO/tests/fixtures/ufw.save
	restore_rules <"$rules"
	wait_for 5 accepts
	wait_for 5 tunnel_is_open
	sed -e 's/^COMMIT/-A ufw-reject-input -j REJECT --reject-with icmp-port-unreachable\n&/' \
		-e 's/^\(-A ufw-skip-to-policy-input -j\) DROP/\1 REJECT --reject-with icmp-port-unreachable/' \
		"$rules" >"$BATS_TEST_TMPDIR/reject"
	restore_rules <"$BATS_TEST_TMPDIR/reject"
	wait_for 5 accepts
	wait_for 5 tunnel_is_open
	run -0 ns_run host1 iptables-nft -S INPUT
	assert_output --regexp 'weft -j ACCEPT.-A INPUT -j ufw-reject-input'
}

@test "firewalld: the chain and the command are reported, and the command's rule is recognised" {
	ns_run host1 nft -f "$WEFT_REPO/tests/fixtures/firewalld.nft"
	wait_for 5 found 'inet firewalld filter_INPUT' false
	tunnel_is_closed
	run -0 remedy 'inet firewalld filter_INPUT'
	assert_output --partial 'firewall-cmd --permanent --add-port=8472/udp && firewall-cmd --reload'
	# What that command adds.
	ns_run host1 nft add rule inet firewalld filter_IN_public_allow udp dport 8472 accept
	wait_for 5 nothing_found
	# firewalld also rejects forwarded packets, which is another finding.
	ping_once c21 "$(host_gateway host1)"
}

@test "a plain nft chain with policy drop: doctor's command opens it" {
	local command
	ns_run host1 nft -f - <<-'RULES'
		table inet hardened {
			chain input {
				type filter hook input priority 5; policy drop;
				iifname "lo" accept
				ct state established,related accept
				tcp dport { 22, 443 } accept
				meta l4proto { icmp, ipv6-icmp } accept
			}
		}
	RULES
	wait_for 5 found 'inet hardened input' false
	tunnel_is_closed
	command=$(remedy 'inet hardened input')
	assert_equal "$command" 'nft insert rule inet hardened input udp dport 8472 accept'
	# shellcheck disable=SC2086 # several words
	ns_run host1 $command
	wait_for 5 nothing_found
	tunnel_is_open
}

@test "a chain that admits the tunnel by port range, device or source is not reported" {
	local rule
	for rule in 'udp dport 8000-9000 accept' 'iifname "eth0" accept' \
		'ip saddr 192.168.0.0/24 accept' 'udp dport vmap { 53 : accept, 8472 : accept }'; do
		ns_run host1 nft -f - <<-RULES
			table inet hardened {
				chain input { type filter hook input priority 5; policy drop; $rule; }
			}
		RULES
		wait_for 5 tunnel_is_open
		wait_for 5 nothing_found
		ns_run host1 nft delete table inet hardened
	done
}

@test "a chain whose verdict maps lead to its policy is reported" {
	ns_run host1 nft -f - <<-'RULES'
		table inet hardened {
			chain input_ipv4 {
				icmp type echo-request limit rate 5/second accept
			}
			chain input {
				type filter hook input priority 5; policy drop;
				ct state vmap { established : accept, related : accept, invalid : drop }
				iifname vmap { "lo" : accept, "docker0" : accept }
				meta protocol vmap { ip : jump input_ipv4, ip6 : accept }
				tcp dport { 22, 80, 443 } accept
			}
		}
	RULES
	tunnel_is_closed
	wait_for 5 remedy 'inet hardened input'
	ns_run host1 nft insert rule inet hardened input_ipv4 udp dport vmap '{ 53 : drop, 8472 : accept }'
	wait_for 5 nothing_found
	tunnel_is_open
	ns_run host1 nft delete table inet hardened
}

# The rules drop tunnel packets, and the command that doctor prints admits them.
reported_and_remedied() { # CHAIN HOOK COMMAND
	local command
	wait_for 5 found "$1" false "$2"
	tunnel_is_closed
	command=$(remedy "$1")
	assert_equal "$command" "$3"
	# shellcheck disable=SC2086 # words
	ns_run host1 ${command/#iptables/iptables-nft}
	wait_for 5 nothing_found
	wait_for 5 tunnel_is_open
}

@test "what drops tunnel packets before input, or as they leave, is reported" {
	ns_run host1 nft -f - <<-'RULES'
		table inet hardened {
			chain out { type filter hook output priority filter; policy drop; meta l4proto tcp accept; }
		}
	RULES
	reported_and_remedied 'inet hardened out' output 'nft insert rule inet hardened out udp dport 8472 accept'
	ns_run host1 nft delete table inet hardened
	ns_run host1 nft -f - <<-'RULES'
		table inet hardened {
			chain post { type filter hook postrouting priority filter; oifname "eth0" meta l4proto udp drop; }
		}
	RULES
	reported_and_remedied 'inet hardened post' postrouting \
		'nft insert rule inet hardened post udp dport 8472 accept'
	ns_run host1 nft delete table inet hardened
	ns_run host1 nft -f - <<-'RULES'
		table inet hardened {
			chain pre {
				type filter hook prerouting priority mangle
				iifname "eth0" jump closed
			}
			chain closed { ct state established,related accept; tcp dport 22 accept; meta l4proto udp drop; }
		}
	RULES
	reported_and_remedied 'inet hardened pre' prerouting 'nft insert rule inet hardened pre udp dport 8472 accept'
	ns_run host1 nft delete table inet hardened
	ns_run host1 iptables-nft -t raw -A PREROUTING -p udp -j DROP
	reported_and_remedied 'ip raw PREROUTING' prerouting 'iptables -t raw -I PREROUTING -p udp --dport 8472 -j ACCEPT'
	ns_run host1 iptables-nft -A OUTPUT -p udp -j REJECT
	reported_and_remedied 'ip filter OUTPUT' output 'iptables -I OUTPUT -p udp --dport 8472 -j ACCEPT'
}

@test "what drops tunnel packets at the hooks of the uplink is reported" {
	ns_run host1 nft -f - <<-'RULES'
		table netdev hardened {
			chain in { type filter hook ingress device "eth0" priority 0; udp dport 8472 drop; }
		}
	RULES
	reported_and_remedied 'netdev hardened in' ingress 'nft insert rule netdev hardened in udp dport 8472 accept'
	ns_run host1 nft delete table netdev hardened
	ns_run host1 nft -f - <<-'RULES'
		table netdev hardened {
			chain out {
				type filter hook egress devices = { "lo", "eth0" } priority 0; policy drop
				meta protocol { arp, ip6 } accept
				ip protocol { tcp, icmp } accept
			}
		}
	RULES
	reported_and_remedied 'netdev hardened out' egress 'nft insert rule netdev hardened out udp dport 8472 accept'
	ns_run host1 nft -f - <<-'RULES'
		table inet hardened {
			chain in {
				type filter hook ingress device "eth0" priority 0
				ct state established,related accept
				meta l4proto udp jump closed
			}
			chain closed { drop; }
		}
	RULES
	reported_and_remedied 'inet hardened in' ingress 'nft insert rule inet hardened in udp dport 8472 accept'
}

@test "a chain at the hooks of other devices, or that admits the tunnel, is not reported" {
	ns_run host1 nft -f - <<-'RULES'
		table netdev hardened {
			chain at_lo { type filter hook ingress device "lo" priority 0; udp dport 8472 drop; }
			chain at_bridge { type filter hook egress device "weft-br1" priority 0; udp dport 8472 drop; }
			chain in {
				type filter hook ingress device "eth0" priority 0; policy drop
				meta protocol { arp, ip6 } accept
				ip protocol { tcp, icmp } accept
				udp dport 8000-9000 accept
			}
		}
	RULES
	tunnel_is_open
	# A later finding proves that the others were evaluated.
	ns_run host1 nft add table inet hardened
	ns_run host1 nft add chain inet hardened late '{ type filter hook input priority 10; policy drop; }'
	wait_for 5 found 'inet hardened late' false
	weftctl_on host1 --json status |
		jq -e 'all(.rules.other_chains[]; .hook == "forward" or .chain == "inet hardened late")' >/dev/null
}

@test "what these hooks drop of other packets is not reported" {
	ns_run host1 nft -f - <<-'RULES'
		table inet hardened {
			chain pre {
				type filter hook prerouting priority filter
				ct state invalid drop
				fib saddr . iif oif missing drop
				iifname "eth1" drop
				udp dport 8473 drop
			}
			chain out {
				type filter hook output priority filter; policy drop
				oifname { "lo", "eth0" } accept
			}
			chain post { type filter hook postrouting priority filter; iifname "eth0" udp dport 8472 drop; }
		}
	RULES
	tunnel_is_open
	# A later finding proves that the others were evaluated.
	ns_run host1 nft add chain inet hardened late '{ type filter hook input priority 10; policy drop; }'
	wait_for 5 found 'inet hardened late' false
	weftctl_on host1 --json status |
		jq -e 'all(.rules.other_chains[]; .hook == "forward" or .chain == "inet hardened late")' >/dev/null
}

@test "weftctl cleanup removes the accept" {
	restore_rules <<-'RULES'
		*filter
		:INPUT DROP [0:0]
		COMMIT
	RULES
	wait_for 5 accepts
	weftd_stop host1
	run -0 weftctl_on host1 cleanup --force
	run ! accepts
}
