#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# A cluster whose store is Kubernetes' API: Nodes are the leases, spec.podCIDRs the subnets.

load ../lib/bats
load ../lib/kube

F=flannel.alpha.coreos.com

setup_file() {
	lab_open_for_file
	lab_hosts 2
	kube_start
	kube_node host1
	kube_node host2
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

teardown() {
	kube_set '{"deny":[],"times":0,"hang":false,"watch_s":0,"bookmark_s":60}' || true
}

status_is() { weftctl_on "$1" --json status | jq -e "$2"; }          # HOST EXPRESSION
has_peer() { kernel_have "$1" | grep -qF "$2"; }                     # HOST ADDRESS
has_no_peer() { not has_peer "$1" "$2"; }
annotation_is() { [[ $(kube_get "$1" ".metadata.annotations[\"$2\"]") == "$3" ]]; } # NODE NAME TEXT
node_is() { [[ $(kube_get "$1" "$2") == "$3" ]]; }                   # NODE EXPRESSION TEXT
unavailable='.status.conditions[] | select(.type == "NetworkUnavailable").status'
reconciles() { weftctl_on "$1" --json status | jq '.networks[0].reconciles | .total'; }

flannel_annotations() { # ADDRESS MAC
	jq -nc --arg ip "$1" --arg data "{\"VNI\":1,\"VtepMAC\":\"$2\"}" --arg f "$F" '{
		"\($f)/backend-data": $data, "\($f)/backend-type": "vxlan",
		"\($f)/kube-subnet-manager": "true", "\($f)/public-ip": $ip}'
}

@test "the subnet is spec.podCIDRs, and the annotations are flannel's byte for byte" {
	local mac
	assert_equal "$(host_subnet host1)" 10.244.1.0/24
	assert_equal "$(host_subnet host2)" 10.244.2.0/24
	ping_once c1 "$(container_address host2 c2)"
	mac=$(weftctl_on host1 --json status | jq -r '.networks[0].vtep_mac')
	assert_equal "$(kube_get host1 ".metadata.annotations[\"$F/backend-data\"]")" \
		"{\"VNI\":1,\"VtepMAC\":\"$mac\"}"
	annotation_is host1 $F/backend-type vxlan
	annotation_is host1 $F/kube-subnet-manager true
	annotation_is host1 $F/public-ip 192.168.0.1
	assert_equal "$(kube_get host1 '.metadata.annotations["weft.cni/lease"] | fromjson |
		"\(.Name) \(.MTU) \(.Subnets[0])"')" 'host1 1450 10.244.1.0/24'
	annotation_is host1 volumes.kubernetes.io/x true
	wait_for 10 node_is host1 "$unavailable" False
	assert_equal "$(kube_get host1 '.status.conditions | length')" 2
}

@test "Nodes are read as metadata, whole only the own one" {
	run kube_log
	assert_line 'GET /api/v1/nodes/host1 application/json'
	refute_line --regexp 'GET /api/v1/nodes\?.* application/json$'
	assert_output --partial 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
	assert_output --regexp 'allowWatchBookmarks=true&resourceVersion=[0-9]+&timeoutSeconds=[0-9]+&watch=true'
	assert_output --regexp 'PATCH /api/v1/nodes/host1/status application/strategic-merge-patch\+json'
}

@test "a Node becomes a peer, and its deletion removes it" {
	kube_node node7 10.244.7.0/24 "$(flannel_annotations 192.168.0.77 0e:00:00:00:00:77)"
	wait_for 10 has_peer host1 192.168.0.77
	# It has flannel's annotations only: its podCIDRs are read once.
	kube_heartbeat node7
	kube_heartbeat node7
	kube_node node8 10.244.8.0/24 "$(flannel_annotations 192.168.0.78 0e:00:00:00:00:78)"
	wait_for 10 has_peer host1 192.168.0.78
	assert_equal "$(kube_log | grep -c 'GET /api/v1/nodes/node7 application/json$')" 2 # each host once
	kube_delete node7
	wait_for 10 has_no_peer host1 192.168.0.77
	has_peer host1 192.168.0.78
	kube_delete node8
	wait_for 10 has_no_peer host1 192.168.0.78
}

@test "status updates of kubelets cause no reconcile and no write" {
	local before patches
	before=$(reconciles host1)
	patches=$(kube_log | grep -c '^PATCH .*annotations')
	for _ in 1 2 3 4 5; do
		kube_heartbeat host1
		kube_heartbeat host2
	done
	kube_node node9 10.244.9.0/24 "$(flannel_annotations 192.168.0.79 0e:00:00:00:00:79)"
	wait_for 10 has_peer host1 192.168.0.79
	kube_delete node9
	wait_for 10 has_no_peer host1 192.168.0.79
	assert_equal "$(kube_log | grep -c '^PATCH .*annotations')" "$patches"
	(($(reconciles host1) - before <= 4)) # of node9
}

@test "annotations that others change are repaired, also when the Node changes all the time" {
	kube_curl -X PATCH -o /dev/null -d '{"metadata":{"annotations":{
		"'$F/public-ip'":"192.0.2.9","'$F/backend-data'":"rubbish","weft.cni/lease":null}}}' \
		api/v1/nodes/host1/status
	for _ in 1 2 3 4 5 6; do
		kube_heartbeat host1
	done
	wait_for 10 annotation_is host1 $F/public-ip 192.168.0.1
	[[ $(kube_get host1 ".metadata.annotations[\"$F/backend-data\"]") == '{"VNI":1,"VtepMAC":"'* ]]
	kube_get host1 '.metadata.annotations["weft.cni/lease"]' | jq -e .Node
	wait_for 10 status_is host1 '.networks[0].state == "ready"'
	ping_once c1 "$(container_address host2 c2)"
}

@test "public-ip-overwrite is what peers get" {
	kube_curl -X PATCH -o /dev/null -d '{"metadata":{"annotations":{
		"'$F/public-ip-overwrite'":"203.0.113.2"}}}' api/v1/nodes/host2/status
	wait_for 10 annotation_is host2 $F/public-ip 203.0.113.2
	wait_for 10 has_peer host1 203.0.113.2
	status_is host2 '.networks[0].state == "ready"'
	kube_curl -X PATCH -o /dev/null -d '{"metadata":{"annotations":{
		"'$F/public-ip-overwrite'":null}}}' api/v1/nodes/host2/status
	wait_for 10 annotation_is host2 $F/public-ip 192.168.0.2
	wait_for 10 has_no_peer host1 203.0.113.2
	wait_for 10 ping_once c1 "$(container_address host2 c2)"
}

@test "a Node cannot take the subnet of another one by its annotation" {
	local lease='{"Node":"0f8fad5b-d9cb-469f-a165-70867728950e","Subnets":["10.244.2.0/24"]}'
	flow_start claim c1 "$(container_address host2 c2)" 200
	kube_node evil 10.244.66.0/24 "$(flannel_annotations 192.168.0.66 0e:00:00:00:00:66 |
		jq -c --arg lease "$lease" '."weft.cni/lease" = $lease')"
	wait_for 10 grep -q 'node evil: annotation weft.cni/lease has the subnet 10.244.2.0/24' \
		"$LAB_DIR/log/host1-weftd"
	has_no_peer host1 192.168.0.66
	kube_delete evil
	assert_equal "$(flow_lost claim)" 0
	has_peer host1 192.168.0.2
	status_is host2 '.networks[0].state == "ready"'
}

@test "a Node with the id, address and MAC of another one disables neither it nor its peers" {
	local id mac lease
	id=$(kube_get host2 '.metadata.annotations["weft.cni/lease"] | fromjson | .Node')
	mac=$(weftctl_on host2 --json status | jq -r '.networks[0].vtep_mac')
	lease="{\"Node\":\"$id\",\"Name\":\"host2\",\"Machine\":\"00000000000000bb\",\"Subnets\":[\"10.244.66.0/24\"]}"
	flow_start claim c1 "$(container_address host2 c2)" 400
	kube_node evil 10.244.66.0/24 "$(flannel_annotations 192.168.0.2 "$mac" |
		jq -c --arg lease "$lease" '."weft.cni/lease" = $lease')"
	kube_node evil2 10.244.67.0/24 "$(flannel_annotations 192.168.0.77 0e:00:00:00:00:77 |
		jq -c --arg lease "${lease/.66./.67.}" '."weft.cni/lease" = $lease')"
	wait_for 10 has_peer host1 192.168.0.77
	for _ in 1 2 3; do
		kube_heartbeat host2
		kube_heartbeat evil
	done
	# It is listed before host2.
	weftd_stop host2
	weftd_start host2
	wait_for 30 weftd_is_ready host2
	assert_equal "$(host_subnet host2)" 10.244.2.0/24
	wait_for 10 has_peer host2 192.168.0.77
	kube_delete evil
	kube_delete evil2
	wait_for 10 has_no_peer host1 192.168.0.77
	assert_equal "$(flow_lost claim)" 0
}

@test "a verb that is not permitted is named, and packets continue" {
	kube_set '{"deny":["get nodes","list nodes"]}'
	weftd_stop host1
	weftd_start host1
	wait_for 20 status_is host1 '.networks[0].reason | test("cannot (get|list) resource .*ClusterRole")'
	ping_once c1 "$(container_address host2 c2)"
	kube_set '{"deny":["watch nodes"]}'
	wait_for 60 status_is host1 '.networks[0].reason | test("cannot watch resource.*ClusterRole")'
	kube_set '{"deny":[]}'
	wait_for 60 weftd_is_ready host1
}

@test "a wrong token is reported, and a rotated one is used" {
	echo wrong >"$LAB_DIR/kube/token.new"
	mv "$LAB_DIR/kube/token.new" "$LAB_DIR/kube/token"
	weftd_stop host1
	weftd_start host1
	wait_for 20 status_is host1 '.networks[0].reason | test("401")'
	echo secret >"$LAB_DIR/kube/token.new"
	mv "$LAB_DIR/kube/token.new" "$LAB_DIR/kube/token"
	wait_for 60 weftd_is_ready host1
}

@test "a node without podCIDRs waits and reports the remedy" {
	lab_host host3
	weftd_start host3
	wait_for 10 status_is host3 '.networks[0].reason | test("node host3 does not exist")'
	kube_node host3 ''
	wait_for 20 status_is host3 '.networks[0].reason | test("host3 has no spec.podCIDRs.*allocate-node-cidrs")'
	kube_node host3 10.99.3.0/24
	wait_for 20 status_is host3 '.networks[0].reason | test("10.99.3.0/24 .* is not in the network 10.244.0.0/16")'
	# The first subnet of the network and any length are valid here.
	kube_delete host3
	kube_node host3 10.244.0.0/26
	wait_for 30 weftd_is_ready host3
	assert_equal "$(host_subnet host3)" 10.244.0.0/26
	wait_for 10 has_peer host1 192.168.0.3
}

@test "a Node that is created again with another subnet leads to that subnet" {
	kube_delete host3
	kube_node host3 10.244.30.0/24
	host3_has_moved() { [[ $(host_subnet host3) == 10.244.30.0/24 ]]; }
	wait_for 20 host3_has_moved
	wait_for 20 weftd_is_ready host3
	wait_for 10 node_is host3 '.metadata.annotations["weft.cni/lease"] | fromjson | .Subnets[0]' 10.244.30.0/24
	status_is host3 '.networks[0].store.reset_reason == ""'
	peers_follow() { kernel_have host1 | grep -q 10.244.30.0 && ! kernel_have host1 | grep -q '10\.244\.0\.0'; }
	wait_for 10 peers_follow
}

@test "the configuration is watched, also behind links as of a ConfigMap" {
	local dir=$LAB_DIR/kube
	mkdir "$dir/..1" && mv "$dir/net-conf.json" "$dir/..1/" && ln -s ..1 "$dir/..data" &&
		ln -s ..data/net-conf.json "$dir/net-conf.json"
	mkdir "$dir/..2" && jq -c '.Backend.MTU = 1400' "$dir/..1/net-conf.json" >"$dir/..2/net-conf.json"
	ln -s ..2 "$dir/..new" && mv -T "$dir/..new" "$dir/..data"
	mtu_is() { [[ $(host_network "$1" .mtu) == "$2" ]]; }
	wait_for 15 mtu_is host1 1350
	echo '{' >"$dir/..2/net-conf.json"
	wait_for 15 status_is host1 '.networks[0].reason | test("line")'
	kube_config_default >"$dir/..2/net-conf.json"
	wait_for 15 mtu_is host1 1450
	wait_for 10 status_is host1 '.networks[0].state == "ready"'
}

@test "a restart changes nothing, in the kernel or in the Nodes" {
	local before patches
	kernel_settled host1 host2
	before=$(kernel_have host1)
	patches=$(kube_log | grep -c '^PATCH .*annotations')
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	assert_equal "$(kernel_have host1)" "$before"
	assert_equal "$(kube_log | grep -c '^PATCH .*annotations')" "$patches"
}

@test "weftctl reserve and release are refused with the reason" {
	run weftctl_on host1 release 10.244.2.0/24
	assert_failure
	run weftctl_on host1 reserve 10.244.77.0/24 --node host7
	assert_failure
	annotation_is host1 $F/kube-subnet-manager true
	annotation_is host2 $F/kube-subnet-manager true
}

@test "a node that leaves removes its own annotations" {
	weftctl_on host3 leave --yes 2>/dev/null || weftctl_on host3 leave
	wait_for 10 node_is host3 '.metadata.annotations | keys | join(" ")' volumes.kubernetes.io/x
	wait_for 10 has_no_peer host1 192.168.0.3
	wait_for 10 node_is host3 "$unavailable" True
}

@test "a watch that is over or too old is followed by another one, or by a list" {
	local lists watches
	count() { kube_log | grep -cF "$1"; }
	counts() { [[ $(count "$1") -ge $2 ]]; }
	flow_start watch c1 "$(container_address host2 c2)" 300
	lists=$(count 'nodes?limit')
	watches=$(count 'watch=true')
	kube_set '{"watch_s":2}'
	kube_node node4 10.244.4.0/24 "$(flannel_annotations 192.168.0.74 0e:00:00:00:00:74)"
	wait_for 20 has_peer host1 192.168.0.74
	wait_for 20 counts 'watch=true' "$((watches + 4))"
	assert_equal "$(count 'nodes?limit')" "$lists"
	# The history of a change is lost before a watch gets it.
	kube_set '{"watch_s":0}'
	kube_curl -o /dev/null -d '{"delete":"node4"}' lab/compact
	wait_for 20 has_no_peer host1 192.168.0.74
	wait_for 20 counts 'nodes?limit' "$((lists + 2))"
	wait_for 10 status_is host1 '.networks[0].state == "ready"'
	assert_equal "$(flow_lost watch)" 0
}

@test "a node that boots while the API server is down starts from the snapshot" {
	local file=$LAB_DIR/host1/state/networks/default.json
	# It is written five seconds after a change: node4 was deleted just before.
	snapshot_is_current() { jq -e '.subnets | has("10.244.2.0-24") and (has("10.244.4.0-24") | not)' "$file"; }
	wait_for 20 snapshot_is_current
	kernel_settled host1 host2
	kernel_have host1 >"$BATS_TEST_TMPDIR/before"
	proc_stop kube KILL
	weftd_stop host1 KILL
	rm -rf "$LAB_DIR/host1/run" "$LAB_DIR/host1/subnet.env"
	ip -n "$LAB-host1" link del "$KERNEL_BRIDGE"
	ip -n "$LAB-host1" link del "$KERNEL_VXLAN"
	weftd_start host1
	wait_for 20 status_is host1 '.networks[0] | .from_snapshot and .reconciles.total > 0'
	kernel_have host1 >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	container_add host1 c3
	wait_for 5 ping_once c3 "$(container_address host2 c2)"
	kube_api_start
	kube_node host1
	kube_node host2
	wait_for 60 weftd_is_ready host1
	wait_for 60 weftd_is_ready host2
	wait_for 60 status_is host1 '.networks[0].from_snapshot | not'
	ping_once c3 "$(container_address host2 c2)"
	kernel_settled host1 host2
}

@test "an API server that loses all Nodes, and 429, lose no peer and no packet" {
	flow_start watch c1 "$(container_address host2 c2)" 1500
	proc_stop kube KILL
	wait_for 20 status_is host1 '.networks[0].state == "degraded"'
	kube_api_start
	# The new API server has another history, and no annotations of weft.
	kube_set '{"status":429,"retry_after":1,"times":4}'
	kube_node host1
	kube_node host2
	wait_for 60 status_is host1 '.networks[0].state == "ready"'
	wait_for 60 status_is host2 '.networks[0].state == "ready"'
	kernel_settled host1 host2
	assert_equal "$(flow_lost watch)" 0
}

@test "Nodes that register late after all were lost, are peers all the time" {
	flow_start watch c1 "$(container_address host2 c2)" 1500
	proc_stop kube KILL
	wait_for 20 status_is host1 '.networks[0].state == "degraded"'
	kube_api_start
	wait_for 60 status_is host1 '.networks[0].reason | test("node host1 does not exist")'
	wait_for 60 status_is host2 '.networks[0].reason | test("node host2 does not exist")'
	kube_node host2
	wait_for 60 status_is host2 '.networks[0].state == "ready"'
	kube_node host1
	wait_for 60 status_is host1 '.networks[0].state == "ready"'
	status_is host1 '.networks[0].store.reset_reason | test("has decreased")'
	kernel_settled host1 host2
	assert_equal "$(flow_lost watch)" 0
}
