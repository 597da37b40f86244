#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Packet rules of two networks on one node: packets of one network do not reach the other, unless
# AllowFrom permits connections; replies then pass, too.

load ../lib/bats
load ../lib/packets

# The network blue with these networks in AllowFrom.
blue_config() { # NAMES
	local json='"Network":"10.6.0.0/16","SubnetMin":"10.6.1.0","SubnetMax":"10.6.99.0"'
	json+=",\"Backend\":{\"VNI\":2},\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL,\"AllowFrom\":[$1]}"
	ETCD_PREFIX=$ETCD_PREFIX/networks/blue etcd_config "{$json}"
}

in_network() { # NETWORK CONTAINER
	cni_use host1 ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\"" \
		<"$WEFT_REPO/conf/10-weft.conflist"
	ns_add "$2"
	cni_add host1 "$2" >/dev/null
}

setup_file() {
	lab_open_for_file
	lab_hosts 1
	etcd_machine
	etcd_start
	etcd_config
	blue_config ''
	weftd_start host1 --network default --network blue --ip-masq
	weftd_ready host1
	wait_for 20 test -e "$LAB_DIR/host1/run/networks/blue.json"
	in_network default c11
	in_network blue b11
	witness_start b11
	witness_start c11
}

teardown_file() { lab_down; }

@test "containers of one network do not reach the other, and the drops are counted" {
	local before
	no_answer c11 "$(container_address host1 b11)"
	no_answer b11 "$(container_address host1 c11)"
	before=$(dropped host1 isolation_drops)
	((before >= 2)) || fail "$before"
}

routed_by_source() { # TEXT
	source_route c11 "$(host_network host1 '.families[0].gateway')" \
		"$(ip -n "$LAB-host1" -j link show "$KERNEL_BRIDGE" | jq -r '.[0].address')" \
		"$(container_address host1 b11)" 4244 "$1"
}

# The kernel puts the destination into the packet after the forward chains.
@test "nor by a source route, which the host accepts on other devices" {
	local accept=/proc/sys/net/ipv4/conf/$KERNEL_BRIDGE/accept_source_route
	ns_run host1 sysctl -qw net.ipv4.conf.all.accept_source_route=1
	# The value that a container inherits from its machine.
	ns_run b11 sysctl -qw net.ipv4.conf.all.accept_source_route=1
	assert_equal "$(ns_run host1 cat "$accept")" 0
	receiver_start b11 4244
	routed_by_source isolated
	ns_run host1 sh -c "echo 1 >$accept"
	routed_by_source arrives
	wait_for 5 received b11 arrives
	run ! received b11 isolated
	ns_run host1 sh -c "echo 0 >$accept"
	ns_run host1 sysctl -qw net.ipv4.conf.all.accept_source_route=0
}

@test "services of the host are not reachable by IPv6 link-local addresses" {
	local mac link_local
	mac=$(ip -n "$LAB-host1" -j link show "$KERNEL_BRIDGE" | jq -r '.[0].address')
	link_local=$(python3 -c 'import sys; m = bytearray.fromhex(sys.argv[1].replace(":", "")); m[0] ^= 2
print("fe80::%x%02x:%xff:fe%02x:%x%02x" % tuple(m))' "$mac")
	witness_start host1
	assert_equal "$(seen_as c11 "$(ip -n "$LAB-host1" -j -4 address show "$KERNEL_BRIDGE" |
		jq -r '.[0].addr_info[0].local')")" "$(container_address host1 c11)"
	run ! ns_run c11 socat -T 1 - "TCP6:[$link_local%eth0]:7,connect-timeout=1"
	run -0 ip -n "$LAB-host1" -6 address show dev "$KERNEL_BRIDGE"
	assert_output ''
}

@test "AllowFrom permits connections from one network with the original source, but not back" {
	blue_config '"default"'
	wait_for 10 connects c11 b11
	assert_equal "$(seen_as c11 "$(container_address host1 b11)")" "$(container_address host1 c11)"
	no_answer b11 "$(container_address host1 c11)"
	blue_config ''
	wait_for 10 not connects c11 b11
}

connects() { [[ $(seen_as "$1" "$(container_address host1 "$2")" 2>/dev/null) ]]; }

@test "a restart with both networks writes nothing" {
	ns_run host1 nft -a list table inet weft >"$LAB_DIR/before"
	weftd_stop host1
	weftd_start host1 --network default --network blue --ip-masq
	weftd_ready host1
	wait_for 10 rules_stand
	run -0 diff <(grep -v packets "$LAB_DIR/before") \
		<(ns_run host1 nft -a list table inet weft | grep -v packets)
}

rules_stand() { weftctl_on host1 --json status | jq -e '.rules.state == "installed"'; }
