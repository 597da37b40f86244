#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output; jq has variables, too
#
# The Kubernetes store with a real API server and nothing else of Kubernetes: Nodes are created and
# changed by the tests, as kubelets and kube-controller-manager do it.

load ../lib/bats
load ../lib/kubernetes

F=flannel.alpha.coreos.com

setup_file() {
	lab_open_for_file
	apiserver_start
	weft_permissions >/dev/null
	lab_hosts 2
	node_create host1
	node_create host2
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	wait_for 30 has_peer host1 192.168.0.2 # settled may mean that a peer is not there yet
	wait_for 30 has_peer host2 192.168.0.1
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { kubernetes_down; }

status_is() { weftctl_on "$1" --json status | jq -e "$2"; }   # HOST EXPRESSION
has_peer() { kernel_have "$1" | grep -qF "$2"; }              # HOST ADDRESS
has_no_peer() { not has_peer "$1" "$2"; }
reconciles() { weftctl_on "$1" --json status | jq '.networks[0].reconciles.total'; }
node_get() { apiserver_curl "api/v1/nodes/$1" | jq -r "$2"; } # NODE EXPRESSION
node_is() { [[ $(node_get "$1" "$2") == "$3" ]]; }            # NODE EXPRESSION TEXT
unavailable='.status.conditions[] | select(.type == "NetworkUnavailable").status'

flannel_annotations() { # ADDRESS MAC
	jq -nc --arg ip "$1" --arg data "{\"VNI\":1,\"VtepMAC\":\"$2\"}" --arg f "$F" '{
		"\($f)/backend-data": $data, "\($f)/backend-type": "vxlan",
		"\($f)/kube-subnet-manager": "true", "\($f)/public-ip": $ip}'
}

node_patch() { # NODE PATCH
	apiserver_curl -X PATCH -o /dev/null -H 'Content-Type: application/strategic-merge-patch+json' \
		-d "$2" "api/v1/nodes/$1/status"
}

# What a kubelet writes every few seconds; each time another time.
heartbeat() { # NODE [READY]
	node_patch "$1" '{"status":{"conditions":[{"type":"Ready","status":"'"${2-True}"'","reason":"KubeletReady",
		"message":"m","lastHeartbeatTime":"'"$(date -u -d "@$((RANDOM * 1000))" +%Y-%m-%dT%H:%M:%SZ)"'"}]}}'
}

@test "the subnet is spec.podCIDRs, and the annotations are flannel's byte for byte" {
	local mac
	assert_equal "$(host_subnet host1)" 10.244.1.0/24
	ping_once c1 "$(container_address host2 c2)"
	mac=$(weftctl_on host1 --json status | jq -r '.networks[0].vtep_mac')
	assert_equal "$(node_get host1 '.metadata.annotations | del(."weft.cni/lease") | tojson')" \
		"$(flannel_annotations 192.168.0.1 "$mac" | jq -cS .)"
	node_get host1 '.metadata.annotations["weft.cni/lease"]' |
		jq -e '.Name == "host1" and .MTU == 1450 and .Subnets == ["10.244.1.0/24"]'
	wait_for 20 node_is host1 "$unavailable" False
	node_get host1 '.status.conditions[] | select(.type == "NetworkUnavailable")' |
		jq -e '.reason and .message and .lastHeartbeatTime == .lastTransitionTime'
}

@test "a Node becomes a peer, stays one while it is NotReady, and goes with its deletion" {
	node_create node7 10.244.7.0/24 "$(flannel_annotations 192.168.0.77 0e:00:00:00:00:77)"
	wait_for 20 has_peer host1 192.168.0.77
	heartbeat node7 False
	node_create node8 10.244.8.0/24 "$(flannel_annotations 192.168.0.78 0e:00:00:00:00:78)"
	wait_for 20 has_peer host1 192.168.0.78
	has_peer host1 192.168.0.77
	node_delete node7
	wait_for 20 has_no_peer host1 192.168.0.77
	node_delete node8
	wait_for 20 has_no_peer host1 192.168.0.78
}

@test "a node waits for its Node and its podCIDRs, and reports what is missing" {
	lab_host host3
	weftd_start host3
	wait_for 20 status_is host3 '.networks[0].reason | test("node host3 does not exist")'
	node_create host3 ''
	wait_for 20 status_is host3 '.networks[0].reason | test("host3 has no spec.podCIDRs.*allocate-node-cidrs")'
	# As kube-controller-manager does it: podCIDRs can be set once.
	apiserver_curl -X PATCH -o /dev/null -H 'Content-Type: application/strategic-merge-patch+json' \
		-d '{"spec":{"podCIDR":"10.244.3.0/24","podCIDRs":["10.244.3.0/24"]}}' api/v1/nodes/host3
	wait_for 30 weftd_is_ready host3
	wait_for 20 has_peer host1 192.168.0.3
}

@test "a Node that is deleted and created again leads to the new subnet, and a podCIDR outside is named" {
	node_delete host3
	node_create host3 10.99.3.0/24
	wait_for 30 status_is host3 '.networks[0].reason | test("10.99.3.0/24 .* is not in the network 10.244.0.0/16")'
	node_delete host3
	node_create host3 10.244.30.0/24
	moved() { [[ $(host_subnet host3) == 10.244.30.0/24 ]]; }
	wait_for 30 moved
	wait_for 20 kernel_agrees host1
	status_is host3 '.networks[0].store.reset_reason == ""'
}

@test "annotations that others change are repaired, although the Node changes all the time" {
	local beats
	(while heartbeat host1; do :; done) 3>&- &
	beats=$!
	node_patch host1 '{"metadata":{"annotations":{"'$F/public-ip'":"192.0.2.9",
		"'$F/backend-data'":"rubbish","weft.cni/lease":null}}}'
	wait_for 20 node_is host1 ".metadata.annotations[\"$F/public-ip\"]" 192.168.0.1
	kill "$beats"
	node_get host1 ".metadata.annotations[\"$F/backend-data\"]" | grep -q '^{"VNI":1,"VtepMAC":"'
	node_get host1 '.metadata.annotations["weft.cni/lease"]' | jq -e .Node
	wait_for 10 status_is host1 '.networks[0].state == "ready"'
}

@test "each verb that is not permitted is named, and packets continue" {
	local verb rules all
	all='[{"apiGroups":[""],"resources":["nodes"],"verbs":["get","list","watch"]},
		{"apiGroups":[""],"resources":["nodes/status"],"verbs":["patch"]}]'
	named() { status_is host1 ".networks[0] | tojson | test(\"cannot $1 $2.*$3\")"; }
	flow_start rbac c1 "$(container_address host2 c2)" 1000
	for verb in get list watch; do
		rules=$(jq -nc --argjson all "$all" --arg verb "$verb" '$all | .[0].verbs -= [$verb]')
		kubectl patch clusterrole weft --type merge -p "{\"rules\":$rules}" >/dev/null
		weftd_stop host1
		weftd_start host1
		wait_for 60 named "$verb" nodes 'cannot '"$verb"' resource.*permit it in weftd.s ClusterRole'
		has_peer host1 192.168.0.2
	done
	assert_equal "$(flow_lost rbac)" 0
	rules=$(jq -nc --argjson all "$all" '$all[0:1]')
	kubectl patch clusterrole weft --type merge -p "{\"rules\":$rules}" >/dev/null
	node_patch host1 '{"metadata":{"annotations":{"'$F/kube-subnet-manager'":"no"}}}'
	patch_is_named() { grep -q 'cannot patch nodes/status.*cannot patch resource.*ClusterRole' "$LAB_DIR/log/host1-weftd"; }
	wait_for 60 patch_is_named
	kubectl patch clusterrole weft --type merge -p "{\"rules\":$all}" >/dev/null
	wait_for 60 node_is host1 ".metadata.annotations[\"$F/kube-subnet-manager\"]" true
	wait_for 60 weftd_is_ready host1
}

@test "status updates of kubelets cause no reconcile" {
	local before
	node_create node9 10.244.9.0/24
	before=$(reconciles host1)
	for _ in {1..20}; do
		heartbeat host2
		heartbeat node9
	done
	# A change that is reported after all others.
	node_create node7 10.244.7.0/24 "$(flannel_annotations 192.168.0.77 0e:00:00:00:00:77)"
	wait_for 20 has_peer host1 192.168.0.77
	(($(reconciles host1) - before <= 2))
	node_delete node7
	node_delete node9
	wait_for 20 has_no_peer host1 192.168.0.77
}

@test "a restart of the API server loses no packet and no change" {
	flow_start restart c1 "$(container_address host2 c2)" 2000
	apiserver_stop KILL
	wait_for 30 status_is host1 '.networks[0].state == "degraded"'
	apiserver_restart
	node_create node7 10.244.7.0/24 "$(flannel_annotations 192.168.0.77 0e:00:00:00:00:77)"
	wait_for 60 has_peer host1 192.168.0.77
	wait_for 60 weftd_is_ready host1
	node_delete node7
	wait_for 20 has_no_peer host1 192.168.0.77
	assert_equal "$(flow_lost restart)" 0
	status_is host1 '.networks[0].store.reset_reason == ""'
}

# Without its cache, the API server watches in etcd.
@test "changes that etcd has compacted meanwhile are found by a list" {
	local pid revision
	pid=$(weftd_pid host1)
	flow_start compact c1 "$(container_address host2 c2)" 2000
	node_create node7 10.244.7.0/24 "$(flannel_annotations 192.168.0.77 0e:00:00:00:00:77)"
	wait_for 20 has_peer host1 192.168.0.77
	kill -s STOP "$pid"
	apiserver_stop KILL
	apiserver_restart --watch-cache=false
	node_delete node7
	revision=$(etcd_ctl get nothing -w json | jq .header.revision)
	etcd_ctl compaction --physical "$revision" >/dev/null
	kill -s CONT "$pid"
	wait_for 60 has_no_peer host1 192.168.0.77
	wait_for 30 weftd_is_ready host1
	apiserver_stop KILL
	apiserver_restart
	wait_for 60 weftd_is_ready host1
	assert_equal "$(flow_lost compact)" 0
}

@test "with several API servers, the loss of one loses no change" {
	local dir=$LAB_DIR/kubernetes
	proc_start kube-apiserver2 etcd "$KUBERNETES_DIR/kube-apiserver" \
		--etcd-servers http://127.0.0.1:2379 --advertise-address "$APISERVER_ADDRESS" --secure-port 6444 \
		--tls-cert-file "$dir/api.crt" --tls-private-key-file "$dir/api.key" \
		--service-cluster-ip-range "$SERVICE_NETWORKS" --feature-gates "$FEATURE_GATES" \
		--service-account-issuer https://kubernetes.default.svc \
		--service-account-signing-key-file "$dir/sa.key" --service-account-key-file "$dir/sa.pub" \
		--token-auth-file "$dir/tokens.csv" --authorization-mode Node,RBAC
	second() { APISERVER_URL=${APISERVER_URL/6443/6444} "$@"; }
	second_is_ready() { [[ $(second apiserver_curl readyz) == ok ]]; }
	wait_for 60 second_is_ready
	weftd_stop host1
	weftd_start host1 --kube-api-url "https://$APISERVER_ADDRESS:6443,https://$APISERVER_ADDRESS:6444"
	weftd_ready host1
	apiserver_stop KILL
	second node_create node7 10.244.7.0/24 "$(flannel_annotations 192.168.0.77 0e:00:00:00:00:77)"
	wait_for 60 has_peer host1 192.168.0.77
	wait_for 30 status_is host1 '.networks[0].store | .connected and (.endpoint | test("6444"))'
	apiserver_restart
	proc_stop kube-apiserver2
	node_delete node7
	wait_for 60 has_no_peer host1 192.168.0.77
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
}

@test "an etcd that is restored from a backup loses no peer and no packet" {
	local snapshot=$BATS_TEST_TMPDIR/snapshot
	etcd_snapshot "$snapshot"
	# More than the API server itself writes when it starts.
	for _ in {1..300}; do
		heartbeat host2
	done
	heartbeat host1
	wait_for 20 kernel_agrees host1
	flow_start restore c1 "$(container_address host2 c2)" 2000
	apiserver_stop KILL
	etcd_restore "$snapshot"
	apiserver_restart
	wait_for 60 status_is host1 '.networks[0].store.reset_reason | test("has decreased")'
	wait_for 60 weftd_is_ready host1
	wait_for 60 weftd_is_ready host2
	kernel_settled host1 host2
	assert_equal "$(flow_lost restore)" 0
}

@test "5,000 Nodes become peers, in 20 MB, and their status updates cause no reconcile" {
	local before
	echo '{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan","VNI":1}}' >"$LAB_DIR/kubernetes/net-conf.json"
	ns_run etcd python3 "$WEFT_REPO/tests/lib/kube_nodes.py" create 5000 "$APISERVER_URL" \
		"$LAB_DIR/kubernetes/ca.crt" admin-token
	peers() { weftctl_on "$1" --json status | jq -e '.networks[0].peers.installed >= 5000'; }
	wait_for 60 peers host1
	weftd_stop host1
	weftd_start host1
	wait_for 60 peers host1
	weftd_ready host1
	(($(awk '/^VmRSS/ { print $2 }' "/proc/$(weftd_pid host1)/status") <= 20 * 1024))
	before=$(reconciles host1)
	ns_run etcd python3 "$WEFT_REPO/tests/lib/kube_nodes.py" heartbeat 2000 "$APISERVER_URL" \
		"$LAB_DIR/kubernetes/ca.crt" admin-token
	# A change that is reported after all others.
	node_create node7 10.244.7.0/24 "$(flannel_annotations 192.168.0.77 0e:00:00:00:00:77)"
	wait_for 60 has_peer host1 192.168.0.77
	(($(reconciles host1) - before <= 2))
}
