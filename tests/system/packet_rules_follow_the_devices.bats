#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The devices of a network that weftd does not serve keep their packet rules: the network stays
# isolated and guarded, and its containers stay connected. blue is the second network of both hosts.

load ../lib/bats
load ../lib/packets

# The network blue, or an invalid configuration of it. Its lease outlasts the test.
blue_config() { # [NETWORK]
	local json="\"Network\":\"${1-10.6.0.0/16}\",\"SubnetMin\":\"10.6.1.0\",\"SubnetMax\":\"10.6.99.0\""
	json+=",\"Backend\":{\"VNI\":2},\"Weft\":{\"LeaseTTL\":600}"
	ETCD_PREFIX=$ETCD_PREFIX/networks/blue etcd_config "{$json}"
}

in_network() { # HOST NETWORK CONTAINER
	cni_use "$1" ".name = \"$2\" | (.plugins[] | select(.type == \"weft\")).network = \"$2\"" \
		<"$WEFT_REPO/conf/10-weft.conflist"
	ns_add "$3"
	cni_add "$1" "$3" >/dev/null
}

setup_file() {
	local host
	lab_open_for_file
	lab_hosts 2
	etcd_machine
	etcd_start
	etcd_config
	blue_config
	for host in host1 host2; do
		weftd_start $host --network default --network blue
	done
	weftd_ready host1 host2
	LAB_NETWORK=blue weftd_ready host1 host2
	in_network host1 default c11
	in_network host1 blue b11
	in_network host2 blue b21
	wait_for 10 ping_once b11 "$(container_address host2 b21)"
	wait_for 10 test -e "$LAB_DIR/host1/state/networks/blue.json"
	receiver_start b11 999
}

teardown_file() { lab_down; }

# Starts weftd of host1 again, and waits until the rules are installed.
restart() { # FLAG...
	weftd_stop host1
	weftd_start host1 "$@"
	weftd_ready host1
	wait_for 20 rules_stand
}

rules_stand() { weftctl_on host1 --json status | jq -e '.rules.state == "installed"'; }

# blue is isolated from default, accepts no forged packet of VNI 2, and works otherwise.
is_protected() { # TEXT
	local mac before
	mac=$(ip -n "$LAB-host1" -j link show weft-br2 | jq -r '.[0].address')
	ping_once b11 "$(container_address host2 b21)" || return
	ping_once b21 "$(container_address host1 b11)" || return
	before=$(dropped host1 isolation_drops)
	no_answer c11 "$(container_address host1 b11)" || return
	no_answer b11 "$(container_address host1 c11)" || return
	[[ $(dropped host1 isolation_drops) -ge $((before + 2)) ]] || return
	before=$(dropped host1 vtep_filter_drops)
	forge net 192.168.0.254 192.168.0.1 2 "$mac" 10.6.198.1 "$(container_address host1 b11)" 999 "$1"
	wait_for 5 drops host1 vtep_filter_drops $((before + 1))
	not received b11 "$1"
}

@test "a network is protected while weftd serves it" { is_protected served; }

@test "a network is protected, and works, while weftd runs without it" {
	restart
	is_protected retired
}

@test "so it is if the rules were flushed before the start" {
	weftd_stop host1
	ns_run host1 nft flush ruleset
	restart
	is_protected flushed
}

@test "so it is if its configuration in the store became invalid" {
	blue_config 10.6.0.0/30
	restart --network default --network blue
	run weftctl_on host1 --json status
	assert_json "$output" '.networks[] | select(.name == "blue") | .state == "degraded" or .state == "starting"'
	# The table of the earlier weftd is kept for some seconds.
	is_protected invalid-early
	ns_run host1 nft flush ruleset
	wait_for 5 ns_run host1 nft list table inet weft
	is_protected invalid
	blue_config
}

@test "so it is if nothing about it is on disk" {
	weftd_stop host1
	mv "$LAB_DIR/host1/state/networks/blue.json" "$LAB_DIR/snapshot"
	mv "$LAB_DIR/host1/run/networks/blue.json" "$LAB_DIR/published"
	cp "$LAB_DIR/host1/state/node.json" "$LAB_DIR/node.json"
	jq 'del(.networks.blue)' "$LAB_DIR/node.json" >"$LAB_DIR/host1/state/node.json"
	ns_run host1 nft flush ruleset
	weftd_start host1
	weftd_ready host1
	wait_for 20 rules_stand
	is_protected unknown
	weftd_stop host1
	mv "$LAB_DIR/snapshot" "$LAB_DIR/host1/state/networks/blue.json"
	mv "$LAB_DIR/published" "$LAB_DIR/host1/run/networks/blue.json"
	mv "$LAB_DIR/node.json" "$LAB_DIR/host1/state/node.json"
}

@test "devices in another interface group get the group of weft again" {
	local veth
	veth=$(container_veth host1 b11)
	ip -n "$LAB-host1" link set weft-br2 group default
	ip -n "$LAB-host1" link set "$veth" group default
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	wait_for 20 in_group 119 "$veth"
	in_group 119 weft-br2
	is_protected group
}

in_group() { # GROUP DEVICE
	ip -n "$LAB-host1" -j link show "$2" | jq -e --arg group "$1" '.[0].group == $group'
}

@test "the rules of a network without devices are removed" {
	weftd_stop host1
	ip -n "$LAB-host1" link del weft-vx2
	ip -n "$LAB-host1" link del weft-br2
	restart
	run -0 ns_run host1 nft list table inet weft
	refute_output --partial weft-br2
	refute_output --partial peers4-2
}
