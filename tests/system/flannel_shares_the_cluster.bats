#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# flannel nodes in the same cluster: what they change is followed. What weft makes of each kind of lease is tests/unit/test_flannel_leases.c's.

load ../lib/bats

V4='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL="$V4"',"EnableIPv6":true,"IPv6Network":"fd00:5::/48"'
DUAL+=',"IPv6SubnetMin":"fd00:5:0:1::","IPv6SubnetMax":"fd00:5:0:63::"'

setup_file() {
	lab_open_for_file
	etcd_machine && etcd_start
	etcd_config_of "$DUAL"
	LAB_UNDERLAY=46 lab_host host1
	weftd_start host1
	weftd_ready host1
}

teardown_file() { lab_down; }

routes_are() { # USED: the families that other nodes' routes have
	local have
	have=$(kernel_have host1 | awk '/proto 119/ { print ($2 ~ /:/) ? "v6" : "v4" }' | sort | xargs)
	[[ $have == "$1" ]] || { echo "routes: '$have'" && return 1; }
}

kernel_shows() { kernel_have host1 | grep -qxF "$1"; }

@test "a PUT with a new MAC, a new address, or both, and a DELETE, are followed and leave nothing" {
	local key=10.5.131.0-24
	etcd_put $key "$(flannel_value 192.168.0.131 0e:00:00:00:00:31)"
	wait_for 15 kernel_shows 'fdb 0e:00:00:00:00:31 dst 192.168.0.131 self sticky static'
	etcd_put $key "$(flannel_value 192.168.0.131 0e:00:00:00:00:32)"
	wait_for 15 kernel_shows 'fdb 0e:00:00:00:00:32 dst 192.168.0.131 self sticky static'
	kernel_settled host1
	etcd_put $key "$(flannel_value 192.168.0.132 0e:00:00:00:00:32)"
	wait_for 15 kernel_shows 'fdb 0e:00:00:00:00:32 dst 192.168.0.132 self sticky static'
	kernel_settled host1
	etcd_put $key "$(flannel_value 192.168.0.133 0e:00:00:00:00:33)"
	wait_for 15 kernel_shows 'fdb 0e:00:00:00:00:33 dst 192.168.0.133 self sticky static'
	kernel_settled host1
	etcd_del $key
	wait_for 15 routes_are ''
	run kernel_have host1
	refute_output --partial 0e:00:00:00:00:3
}
