#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A cluster of three nodes of flannel, with Kubernetes' API as store, moves to weft node by node.

load ../lib/bats
load ../lib/kube
load ../lib/flannel

export FLANNEL_NET=10.244

setup_file() {
	local host
	lab_open_for_file
	kube_start
	lab_hosts 3
	for host in 1 2 3; do
		flannel_host "host$host" $host
		flannel_add "host$host" $host "c$host"
	done
	for host in 1 2 3; do
		flannel_peer "host$host" $((host % 3 + 1)) "host$((host % 3 + 1))"
		flannel_peer "host$host" $(((host + 1) % 3 + 1)) "host$(((host + 1) % 3 + 1))"
	done
	wait_for 20 all_reach
}

teardown_file() { lab_down; }

all_reach() {
	local from to
	for from in 1 2 3; do
		for to in 1 2 3; do
			ping_once c$from "$(ip4 c$to)" || return
		done
	done
}

annotation_of() { kube_get "$1" '.metadata.annotations["flannel.alpha.coreos.com/backend-data"]'; } # HOST

@test "node by node, containers reach each other and peers need no new entry" {
	local host lost before
	for host in 1 2 3; do
		before=$(annotation_of host$host)
		weftd_beside_flannel host$host
		flow_begin "$host" c$host "$(ip4 c$((host % 3 + 1)))"
		adopt_on host$host
		weftd_ready host$host
		lost=$(flow_end "$host")
		echo "# host$host: $lost lost of 1000/s" >&3
		[[ $lost != all ]]
		((lost <= 200))
		all_reach
		assert_equal "$(annotation_of host$host)" "$before"
		assert_equal "$(host_subnet host$host)" "10.244.$host.0/24"
	done
	kernel_settled host1 host2 host3
}
