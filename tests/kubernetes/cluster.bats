#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output
#
# A Kubernetes cluster of two nodes with weft, whose store is the API server. Debian's containerd,
# kubelet and kube-proxy (iptables mode, nft) run as on any node.

load ../lib/bats
load ../lib/kubernetes
load workloads

setup_file() {
	lab_open_for_file
	kubernetes_up 2
	run kubectl get nodes -o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'
	assert_output 'False False' # without a network
	kubernetes_weft host1 host2
	nodes_ready host1 host2
	workloads_start
}

teardown_file() { kubernetes_down; }

teardown() {
	[[ $BATS_TEST_COMPLETED == 1 ]] || kubernetes_report >&2
}

@test "pods of both nodes reach each other, with their own addresses as source" {
	assert_equal "$(http client1 "$(address web2):8080/")" "$(name web2)"
	assert_equal "$(http client1 "$(address web1):8080/")" "$(name web1)"
	assert_equal "$(http client2 "$(address web1):8080/cgi-bin/who")" "$(address client2)"
	assert_equal "$(http client1 "$(address web1):8080/cgi-bin/who")" "$(address client1)"
}

@test "pods and nodes reach pods of the host network and the other way round" {
	assert_equal "$(http client1 192.168.0.1:9090/)" host1
	assert_equal "$(http client1 192.168.0.2:9090/)" host2
	assert_equal "$(http host1 "$(address web1):8080/")" "$(name web1)"
	assert_equal "$(http host1 "$(address web2):8080/")" "$(name web2)"
}

@test "a Service is reached by ClusterIP from pods, from its own pods, and from nodes" {
	all_answer client1 10.96.0.80/
	all_answer client2 10.96.0.80/
	all_answer web1 10.96.0.80/
	all_answer host1 10.96.0.80/
	run http client1 10.96.0.80/cgi-bin/who
	assert_output --regexp "^($(address client1)|10\.244\.[0-9]+\.1)$"
}

@test "a Service is reached by ClusterIP without br_netfilter" {
	bridge_netfilter 0 host1 host2
	all_answer client1 10.96.0.80/
	all_answer web1 10.96.0.80/
	all_answer client2 10.96.0.80/
	bridge_netfilter 1 host1 host2
	all_answer client1 10.96.0.80/
}

@test "a Service of a UDP port answers from both nodes" {
	all_answer_udp client1 10.96.0.53
	all_answer_udp client2 10.96.0.53
}

@test "the API server is reached by its Service from pods" {
	assert_equal "$(pod_exec "$(name client1)" sh -c \
		'echo | socat -u - TCP:10.96.0.1:443,connect-timeout=10 && echo connected')" connected
}

@test "a NodePort is reached on both nodes, and keeps the source with externalTrafficPolicy Local" {
	all_answer outside 192.168.0.1:30080/
	all_answer outside 192.168.0.2:30080/
	all_answer client1 192.168.0.1:30080/
	all_answer client1 192.168.0.2:30080/
	assert_equal "$(http outside 192.168.0.1:30081/)" "$(name web1)"
	assert_equal "$(http outside 192.168.0.2:30081/)" "$(name web2)"
	assert_equal "$(http outside 192.168.0.1:30081/cgi-bin/who)" 192.168.0.200
}

@test "a hostPort is reached from outside, from pods, from its own pod and from the node" {
	assert_equal "$(http outside 192.168.0.1:8088/)" "$(name web1)"
	assert_equal "$(http outside 192.168.0.2:8088/)" "$(name web2)"
	assert_equal "$(http outside 192.168.0.1:8088/cgi-bin/who)" 192.168.0.200
	assert_equal "$(http client1 192.168.0.1:8088/)" "$(name web1)"
	assert_equal "$(http client1 192.168.0.2:8088/)" "$(name web2)"
	assert_equal "$(http web1 192.168.0.1:8088/)" "$(name web1)"
	assert_equal "$(http host1 192.168.0.1:8088/)" "$(name web1)"
	assert_equal "$(http host1 127.0.0.1:8088/)" "$(name web1)"
}

@test "pods reach the outside with their node's address" {
	assert_equal "$(http client1 192.168.0.200:8080/cgi-bin/who)" 192.168.0.1
	assert_equal "$(http client2 192.168.0.200:8080/cgi-bin/who)" 192.168.0.2
}

@test "a pod whose readiness probe fails gets no more traffic of its Service, until it succeeds" {
	pod_exec "$(name web2)" mv /www/index.html /www/moved
	wait_for 60 endpoints_are "$(address web1)"
	assert_equal "$(http client2 10.96.0.80/cgi-bin/who | wc -l)" 1
	pod_exec "$(name web2)" mv /www/moved /www/index.html
	wait_for 60 endpoints_are "$(address web1)" "$(address web2)"
	services_ready host2
	all_answer client2 10.96.0.80/
}

@test "a deleted pod leaves nothing on its node" {
	local before
	before=$(node_traces host1)
	sed 's/NODE/host1/' "$BATS_TEST_DIRNAME/pod.yaml" | kubectl apply -f -
	kubectl wait --for=condition=Ready --timeout=300s pod/one
	[[ $(node_traces host1) != "$before" ]]
	assert_equal "$(http outside 192.168.0.1:8099/)" one
	kubectl delete pod one --timeout=300s
	wait_for 60 traces_are host1 "$before"
}

@test "no packet between pods is lost while weftd, containerd, kubelet and kube-proxy restart" {
	local before signal host daemon
	before=$(containers)
	pings_start restarts client1 "$(address web2)"
	for signal in TERM KILL; do
		for daemon in weftd containerd kubelet kube-proxy; do
			for host in host1 host2; do
				node_stop "$host" "$daemon" "$signal"
			done
			for host in host1 host2; do
				node_start "$host" "$daemon"
			done
			weft_is_ready_on host1 host2
		done
	done
	assert_equal "$(pings_lost restarts)" 0
	nodes_ready host1 host2
	# The daemons work again: pods start and end.
	sed 's/NODE/host1/' "$BATS_TEST_DIRNAME/pod.yaml" | kubectl apply -f -
	kubectl wait --for=condition=Ready --timeout=300s pod/one
	kubectl delete pod one --timeout=300s
	assert_equal "$(containers)" "$before"
}

@test "no packet between pods is lost while the API server restarts" {
	pings_start api client1 "$(address web2)"
	apiserver_stop KILL
	assert_equal "$(http client1 "$(address web2):8080/")" "$(name web2)"
	apiserver_restart
	nodes_ready host1 host2
	weft_is_ready_on host1 host2
	assert_equal "$(pings_lost api)" 0
}

@test "a drained node's pods move to the other one, and it takes pods again once uncordoned" {
	kubectl scale deployment moving --replicas=3
	kubectl rollout status deployment moving --timeout=300s
	kubectl drain host2 --ignore-daemonsets --delete-emptydir-data --timeout=300s
	kubectl rollout status deployment moving --timeout=300s
	wait_for 60 deployment_is_on moving host1
	all_answer client1 10.96.0.80/
	kubectl uncordon host2
	kubectl scale deployment moving --replicas=0
	kubectl scale deployment moving --replicas=8
	kubectl rollout status deployment moving --timeout=300s
	run nodes_of moving
	assert_output --partial host2
	kubectl scale deployment moving --replicas=0
}

@test "a node that crashed and boots again runs its pods again, in the same subnet" {
	local subnet before
	kubectl wait --for=delete pod -l app=moving --timeout=300s
	subnet=$(subnet_of host2)
	before=$(containers host2)
	ns_del client2 && ns_del web2
	node_crash host2
	assert_equal "$(http client1 "$(address web1):8080/")" "$(name web1)"
	node_boot host2
	node_containerd host2
	node_start host2 weftd
	node_start host2 kubelet
	node_start host2 kube-proxy
	wait_for 60 weft_is_ready_on host2
	nodes_ready host2
	wait_for 120 pods_are_recreated host2 "$before"
	assert_equal "$(subnet_of host2)" "$subnet"
	workloads_find
	services_ready host1 host2
	all_answer client1 10.96.0.80/
	assert_equal "$(http client1 "$(address web2):8080/")" "$(name web2)"
	assert_equal "$(http client2 "$(address web1):8080/cgi-bin/who")" "$(address client2)"
}
