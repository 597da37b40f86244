#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# --network '*': weftd serves all networks that etcd has, added and removed while it runs.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_hosts 2
	etcd_machine && etcd_start
	weftd_start host1 --network '*'
	weftd_start host2 --network '*'
}

teardown_file() { lab_down; }

config() { # NAME NETWORK VNI [MEMBERS]
	local prefix=$ETCD_PREFIX/networks/$1
	[[ $1 != default ]] || prefix=$ETCD_PREFIX
	ETCD_PREFIX=$prefix etcd_config "{\"Network\":\"$2\",\"Backend\":{\"VNI\":$3},\"Weft\":{\"LeaseTTL\":15${4-}}}"
}

unconfig() { etcd_ctl del "$ETCD_PREFIX/networks/$1/config"; } # NAME

use() { # NETWORK HOST
	cni_use "$2" ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\"" \
		<"$WEFT_REPO/conf/10-weft.conflist"
}
in_network() { use "$1" "$2" && ns_add "$3" && cni_add "$2" "$3" "${4-eth0}" >/dev/null; } # NETWORK HOST CONTAINER

address_of() { ns_run "$1" ip -j -4 address show dev "${2-eth0}" | jq -r '.[0].addr_info[0].local'; } # CONTAINER

networks_are() { # HOST NAME...
	[[ $(weftctl_on "$1" --json status | jq -r '.networks[].name' | sort | xargs) == "${*:2}" ]]
}

ready() { # NETWORK HOST...
	LAB_NETWORK=$1 weftd_ready "${@:2}"
}

@test "weftd starts without a network, and serves those that are added" {
	wait_for 20 networks_are host1 ''
	config blue 10.6.0.0/16 6
	config default 10.5.0.0/16 5
	wait_for 30 networks_are host1 blue default
	wait_for 30 networks_are host2 blue default
	wait_for 20 ready blue host1 host2
	wait_for 20 ready default host1 host2
	in_network blue host1 b1
	in_network blue host2 b2
	wait_for 20 ping_once b1 "$(address_of b2)"
	grep FLANNEL_NETWORK=10.5.0.0/16 "$LAB_DIR/host1/subnet.env"
}

@test "a network is added beside others without a lost packet" {
	flow_start addition b1 "$(address_of b2)" 1000
	config red 172.18.0.0/16 7 ',"Mode":"l2"'
	wait_for 30 networks_are host1 blue default red
	wait_for 20 ready red host1 host2
	in_network red host1 r1
	in_network red host2 r2
	wait_for 20 ping_once r1 "$(address_of r2)"
	assert_equal "$(flow_lost addition)" 0
}

@test "keys of a network without a configuration, and names that no network has, are ignored" {
	etcd_ctl put "$ETCD_PREFIX/networks/ghost/subnets/10.9.1.0-24" '{}'
	etcd_ctl put "$ETCD_PREFIX/networks/Bad Name/config" '{}'
	etcd_ctl put "$ETCD_PREFIX/networks/default/config" '{}'
	config violet 10.8.0.0/16 8
	wait_for 30 networks_are host1 blue default red violet
	etcd_ctl del --prefix "$ETCD_PREFIX/networks/default/"
}

@test "a network with the VNI, or the addresses, of another one is refused by name" {
	config vni 10.20.0.0/16 6
	config addresses 10.6.128.0/17 9
	wait_for 30 networks_are host1 addresses blue default red violet vni
	wait_for 20 eval 'weftctl_on host1 status | grep -F "Backend.VNI: 6 is already used by network \"blue\""'
	wait_for 20 eval 'weftctl_on host1 status | grep -F "Network: 10.6.128.0/17 overlaps 10.6.0.0/16 of network \"blue\""'
	unconfig vni
	unconfig addresses
	wait_for 30 networks_are host1 blue default red violet
	ping_once b1 "$(address_of b2)"
}

@test "a removed network accepts no container, the others and its own containers continue" {
	unconfig red
	wait_for 30 networks_are host1 blue default violet
	wait_for 30 networks_are host2 blue default violet
	ping_once r1 "$(address_of r2)"
	ping_once b1 "$(address_of b2)"
	use red host1 && ns_add r3
	run cni_add host1 r3
	assert_failure
	assert_output --partial red
	# Another network cannot take its devices.
	config pink 10.30.0.0/16 7
	wait_for 30 eval 'weftctl_on host1 status | grep -F "weft-br7"'
	unconfig pink
	config red 172.18.0.0/16 7 ',"Mode":"l2"'
	wait_for 30 networks_are host1 blue default red violet
	wait_for 30 ready red host1 host2
	cni_add host1 r3
	wait_for 20 ping_once r3 "$(address_of r2)"
}

@test "a restart while etcd is down serves the networks from their snapshots" {
	local name
	for name in blue default red violet; do
		wait_for 90 test -e "$LAB_DIR/host1/state/networks/$name.json"
	done
	etcd_stop
	weftd_stop host1
	weftd_start host1 --network '*'
	wait_for 60 eval 'weftctl_on host1 --json status | jq -e "[.networks[] | select(.name == \"blue\" or .name == \"red\")] | length == 2"'
	wait_for 60 eval 'weftctl_on host1 --json status | jq -e ".networks[] | select(.name == \"blue\") | .from_snapshot"'
	ping_once b1 "$(address_of b2)"
	etcd_start
	wait_for 60 networks_are host1 blue default red violet
	wait_for 60 ready blue host1
}

@test "other names beside the asterisk are refused" {
	run ns_run host1 "$WEFT_BIN_DIR/weftd" --network '*,blue'
	assert_failure
	run ns_run host1 "$WEFT_BIN_DIR/weftd" --network 'blue' --network '*'
	assert_failure
	assert_output --partial '"*" excludes other networks'
}

# The claims of a dual-stack network precede its configuration in etcd. The list of the names is read
# again after the claims exist: it has the other network.
@test "a dual-stack network stays when its nodes have leases" {
	dual_config dual 10.20.0.0/16 fd00:20::/48 20
	wait_for 20 ready dual host1 host2
	assert [ -n "$(etcd_ctl get --prefix --keys-only "$ETCD_PREFIX/networks/dual/claims/")" ]
	dual_config later 10.21.0.0/16 fd00:21::/48 21
	wait_for 30 serves host1 later
	wait_for 30 serves host2 later
	serves host1 dual
	serves host2 dual
	run weftd_log host1 1000
	refute_output --partial 'network removed network=dual'
}

dual_config() { # NAME NETWORK NETWORK6 VNI
	ETCD_PREFIX=$ETCD_PREFIX/networks/$1 etcd_config "{\"Network\":\"$2\",\"EnableIPv6\":true,
		\"IPv6Network\":\"$3\",\"Backend\":{\"VNI\":$4},\"Weft\":{\"LeaseTTL\":15}}"
}

serves() { weftctl_on "$1" --json status | jq -e --arg name "$2" 'any(.networks[]; .name == $name)'; } # HOST NETWORK
