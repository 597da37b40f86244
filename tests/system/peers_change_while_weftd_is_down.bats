#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# While weftd is down, peers are added, removed and changed in each of their values. The next start
# removes all stale entries.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

peer() { # NUMBER [ADDRESS [MAC]]: a lease of 10.5.NUMBER.0/24
	etcd_put "10.5.$1.0-24" "$(flannel_value "${2-192.168.0.$1}" "${3-0e:00:00:00:00:$1}")"
}

set_of_peers() { # a node that stays, and a node for each kind of change
	local i
	for i in 110 120 130 140 150 160 170; do
		peer "$i" "192.168.0.$i" "0e:00:00:00:01:${i::2}"
	done
}

change_all() {
	etcd_del 10.5.120.0-24                             # removed
	peer 130 192.168.0.130 0e:00:00:00:02:13           # another MAC
	peer 140 192.168.0.241 0e:00:00:00:01:14           # another public address
	etcd_del 10.5.150.0-24                             # another subnet,
	peer 151 192.168.0.150 0e:00:00:00:01:15           # the same node
	peer 160 192.168.0.170 0e:00:00:00:01:17           # two nodes have changed their subnets
	peer 170 192.168.0.160 0e:00:00:00:01:16
	peer 180 192.168.0.180 0e:00:00:00:01:18           # new
}

@test "peers that change while weftd is down are updated at its start" {
	set_of_peers
	kernel_settled host1 host2
	flow_start during c1 "$(container_address host2 c2)" 300
	weftd_stop host1 KILL
	change_all
	weftd_start host1
	weftd_ready host1
	kernel_settled host1
	assert_equal "$(flow_lost during)" 0
	run kernel_have host1
	refute_output --partial 10.5.120.
	refute_output --partial 0e:00:00:00:01:13
	refute_output --partial 192.168.0.140
	refute_output --partial 10.5.150.
}

@test "peers that change while weftd runs are updated" {
	kernel_settled host2 # it received each change at once
	set_of_peers
	etcd_del 10.5.151.0-24
	etcd_del 10.5.180.0-24
	kernel_settled host1 host2
	change_all
	kernel_settled host1 host2
}
