#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output
#
# A dual-stack cluster whose nodes have iptables-legacy: kubelet, kube-proxy and portmap write their
# rules with it, while weftd uses nf_tables.

export LAB_FAMILIES=46 LAB_IPTABLES=legacy
load ../lib/bats
load ../lib/kubernetes
load workloads

setup_file() {
	lab_open_for_file
	kubernetes_up 2
	kubernetes_weft host1 host2
	nodes_ready host1 host2
	workloads_start
	kubectl apply -f "$BATS_TEST_DIRNAME/services6.yaml"
	wait_for 60 endpoints_have web6 2
	wait_for 60 endpoints_have names6 2
}

teardown_file() { kubernetes_down; }

teardown() {
	[[ $BATS_TEST_COMPLETED == 1 ]] || kubernetes_report >&2
}

endpoints_have() { # SERVICE NUMBER
	[[ $(kubectl get endpoints "$1" -o jsonpath='{.subsets[*].addresses[*].ip}' | wc -w) == "$2" ]]
}

address6() { # WEB1
	kubectl get pod "$(name "$1")" -o json | command jq -r '.status.podIPs[1].ip'
}

@test "the nodes' iptables is the legacy one, and has the rules of kube-proxy" {
	run node_run host1 iptables --version
	assert_output --partial legacy
	node_run host1 iptables-save -t nat | grep -q -e '-A KUBE-SERVICES -d 10.96.0.80/32'
	node_run host1 ip6tables-save -t nat | grep -q -e '-A KUBE-SERVICES -d fd96::80/128'
}

@test "pods of both nodes reach each other in both families, with their own addresses" {
	assert_equal "$(http client1 "$(address web2):8080/cgi-bin/who")" "$(address client1)"
	assert_equal "$(http client1 "[$(address6 web2)]:8080/")" "$(name web2)"
	assert_equal "$(http client1 "[$(address6 web1)]:8080/")" "$(name web1)"
	assert_equal "$(http client2 "[$(address6 web1)]:8080/cgi-bin/who")" "$(address6 client2)"
}

@test "Services are reached by ClusterIP in both families, also from their own pods" {
	all_answer client1 10.96.0.80/
	all_answer web1 10.96.0.80/
	all_answer host1 10.96.0.80/
	all_answer client1 '[fd96::80]/'
	all_answer client2 '[fd96::80]/'
	all_answer web1 '[fd96::80]/'
	all_answer host1 '[fd96::80]/'
}

@test "Services are reached by ClusterIP without br_netfilter in both families" {
	bridge_netfilter 0 host1
	all_answer client1 10.96.0.80/
	all_answer client1 '[fd96::80]/'
	all_answer web1 '[fd96::80]/'
	bridge_netfilter 1 host1
}

@test "Services of a UDP port answer in both families" {
	all_answer_udp client1 10.96.0.53
	all_answer_udp client1 fd96::53
}

@test "NodePorts and hostPorts are reached from outside" {
	all_answer outside 192.168.0.1:30080/
	all_answer outside '[fd00::1]:30086/'
	assert_equal "$(http outside 192.168.0.1:30081/cgi-bin/who)" 192.168.0.200
	assert_equal "$(http outside 192.168.0.2:8088/)" "$(name web2)"
	assert_equal "$(http client1 192.168.0.2:8088/)" "$(name web2)"
	assert_equal "$(http web1 192.168.0.1:8088/)" "$(name web1)"
}

@test "pods reach the outside with their node's address in both families" {
	assert_equal "$(http client1 192.168.0.200:8080/cgi-bin/who)" 192.168.0.1
	assert_equal "$(http client1 '[fd00::200]:8080/cgi-bin/who')" fd00::1
}

@test "no packet is lost in either family while weftd and kube-proxy restart" {
	local host daemon
	pings_start four client1 "$(address web2)"
	pings_start six client1 "$(address6 web2)"
	for daemon in weftd kube-proxy; do
		for host in host1 host2; do
			node_stop "$host" "$daemon" KILL
			node_start "$host" "$daemon"
		done
		weft_is_ready_on host1 host2
	done
	all_answer client1 10.96.0.80/
	assert_equal "$(pings_lost four)" 0
	assert_equal "$(pings_lost six)" 0
}
