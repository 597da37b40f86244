#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# conf/kubernetes/weft.yaml, applied to an empty cluster of two nodes that have the image of
# `make image`: weft runs as a DaemonSet, and is updated and removed under traffic.

load ../lib/bats
load ../lib/kubernetes
load workloads
load daemonset

setup_file() {
	lab_open_for_file
	kubernetes_up 2
	daemonset_images "$(image_of_manifest)" localhost/weft:update
}

teardown_file() { kubernetes_down; }

teardown() {
	[[ $BATS_TEST_COMPLETED == 1 ]] || daemonset_report >&2
}

# Creates the pod of pod.yaml on host1, reaches it, and removes it.
pod_comes_and_goes() {
	pod_create host1
	assert_equal "$(http client2 "$(pod_address one):8080/")" one
	kubectl delete pod one --timeout=300s
}

@test "kubectl apply makes both nodes Ready" {
	local began
	run kubectl get nodes -o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'
	assert_output 'False False' # without a network
	began=$(now_us)
	kubectl apply -f "$MANIFEST"
	nodes_ready host1 host2
	echo "# both nodes are Ready $((($(now_us) - began) / 1000)) ms after kubectl apply" >&3
	daemonset_ready
	echo "# both pods of weft are Ready $((($(now_us) - began) / 1000)) ms after kubectl apply" >&3
	run kubectl get nodes -o 'jsonpath={.items[*].status.conditions[?(@.type=="NetworkUnavailable")].status}'
	assert_output 'False False'
}

@test "pods of both nodes reach each other, Services and the outside" {
	workloads_start
	assert_equal "$(http client1 "$(address web2):8080/cgi-bin/who")" "$(address client1)"
	assert_equal "$(http client2 "$(address web1):8080/cgi-bin/who")" "$(address client2)"
	all_answer client1 10.96.0.80/
	all_answer outside 192.168.0.2:30080/
	assert_equal "$(http client1 192.168.0.200:8080/cgi-bin/who)" 192.168.0.1
}

@test "weftctl in the pods of weft reports no problem" {
	local host
	for host in host1 host2; do
		assert_json "$(weftctl_in "$host" --json status)" \
			'.networks[0] | .state == "ready" and .peers.installed == 1'
		weftctl_in "$host" doctor
	done
}

@test "a rolling update of the DaemonSet loses no packet between pods" {
	local before
	before=$(containers)
	pings_start update client1 "$(address web2)"
	kubectl -n weft set image daemonset/weft weftd=localhost/weft:update
	daemonset_ready
	run weft_pods '.spec.containers[0].image'
	assert_output "$(printf 'localhost/weft:update\nlocalhost/weft:update')"
	pod_comes_and_goes
	assert_equal "$(pings_lost update)" 0
	assert_equal "$(containers)" "$before"
}

@test "without the pods of weft, pods keep their network and new pods get one" {
	pings_start without client1 "$(address web2)"
	kubectl delete -f "$MANIFEST" --timeout=300s
	pod_comes_and_goes
	kubectl apply -f "$MANIFEST"
	daemonset_ready
	nodes_ready host1 host2
	pod_comes_and_goes
	assert_equal "$(pings_lost without)" 0
	all_answer client1 10.96.0.80/
}
