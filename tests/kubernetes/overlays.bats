#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output; jq has variables, too
#
# The kustomize base and overlays in conf/kubernetes: what they render, and a dual-stack cluster of
# two nodes to which each overlay is applied with `kubectl apply -k`.

export LAB_FAMILIES=46
load ../lib/bats
load ../lib/kubernetes
load workloads
load daemonset

CONF=$WEFT_REPO/conf/kubernetes

setup_file() {
	lab_open_for_file
	kubernetes_up 2
	daemonset_images "$(image_of_manifest)"
}

teardown_file() { kubernetes_down; }

teardown() {
	[[ $BATS_TEST_COMPLETED == 1 ]] || daemonset_report >&2
}

# Objects as sorted JSON, from YAML on standard input.
objects() {
	kubectl create --dry-run=client -o json -f - | command jq -s -S 'map(if .kind == "List" then .items[] else . end)
		| sort_by(.kind, .metadata.name)'
}

rendered() { kubectl kustomize "$CONF/$1" | objects; } # DIRECTORY

arguments_of() { # DIRECTORY
	rendered "$1" | jq -r '.[] | select(.kind == "DaemonSet").spec.template.spec.containers[].args[]' | sort
}

# The network configuration in the ConfigMap.
configuration_of() { # DIRECTORY
	rendered "$1" | jq -S '.[] | select(.kind == "ConfigMap").data["net-conf.json"] | fromjson'
}

# The pods one and two, on a node each, reach each other in both families.
pods_reach_each_other() {
	local name other addresses
	pod_create host1 one
	pod_create host2 two
	for name in one two; do
		pod_netns "$name" "$name"
	done
	for name in one two; do
		other=$([[ $name == one ]] && echo two || echo one)
		addresses=$(kubectl get pod "$other" -o jsonpath='{.status.podIPs[*].ip}')
		assert_equal "$(http "$name" "${addresses% *}:8080/")" "$other"
		assert_equal "$(http "$name" "[${addresses#* }]:8080/")" "$other"
		ns_del "$name"
	done
	kubectl delete pod one two --timeout=300s
}

node_is_not_ready() { # HOST
	[[ $(kubectl get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == False ]]
}

# Removes weft from the cluster, as docs/kubernetes.md describes it.
overlay_remove() { # DIRECTORY
	local host
	kubectl delete -k "$1" --timeout=300s
	for host in host1 host2; do
		node_run "$host" "$WEFT_BIN_DIR/weftctl" cleanup
		node_run "$host" rm /etc/cni/net.d/10-weft.conflist
	done
	for host in host1 host2; do
		wait_for 60 node_is_not_ready "$host"
	done
}

# An etcd for weft, with TLS, and client certificates.
weft_etcd_start() {
	local dir=$LAB_DIR/kubernetes
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /O=weft \
		-keyout "$dir/tls.key" -out "$dir/tls.csr" 2>/dev/null
	openssl x509 -req -in "$dir/tls.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
		-out "$dir/tls.crt" 2>/dev/null
	proc_start weft-etcd etcd etcd --name weft --data-dir "$LAB_DIR/etcd/weft" \
		--listen-client-urls https://192.168.0.250:2479,http://127.0.0.1:2479 \
		--advertise-client-urls https://192.168.0.250:2479 --client-cert-auth \
		--cert-file "$dir/api.crt" --key-file "$dir/api.key" --trusted-ca-file "$dir/ca.crt" \
		--listen-peer-urls http://127.0.0.1:2480 --initial-advertise-peer-urls http://127.0.0.1:2480 \
		--initial-cluster weft=http://127.0.0.1:2480 --logger zap --log-level warn
	wait_for 20 weft_etcd_ctl endpoint health
}

weft_etcd_ctl() { ETCDCTL_API=3 ns_run etcd etcdctl --endpoints=http://127.0.0.1:2479 "$@"; }

@test "the manifest has the objects of the kustomize base" {
	diff <(objects <"$MANIFEST") <(rendered base)
	rendered base | jq -e 'map(.kind) | length == 6 and contains(["DaemonSet"])'
}

@test "the dual-stack overlay adds IPv6 to the network configuration, and changes nothing else" {
	diff <(rendered base | jq 'map(select(.kind != "ConfigMap"))') \
		<(rendered overlays/dual-stack | jq 'map(select(.kind != "ConfigMap"))')
	diff <(configuration_of base) \
		<(configuration_of overlays/dual-stack | jq 'del(.EnableIPv6, .IPv6Network)')
	configuration_of overlays/dual-stack | jq -e '.EnableIPv6 and .IPv6Network'
}

@test "the etcd overlay replaces the options of the store, and has no permissions" {
	local changed
	run comm -3 <(arguments_of base) <(arguments_of overlays/etcd)
	changed=$(sed -E 's/^\t?(--[a-z-]*).*/\1/' <<<"$output" | sort -u | xargs)
	assert_equal "$changed" '--etcd-cafile --etcd-certfile --etcd-endpoints --etcd-keyfile --net-config-path --store'
	rendered overlays/etcd | jq -e 'map(.kind) == ["DaemonSet", "Namespace", "ServiceAccount"]'
	rendered overlays/etcd | jq -e '.[0].spec.template.spec | (.automountServiceAccountToken == false)
		and ([.volumes[].name] | index("config") == null and index("etcd") != null)
		and ([.containers[0].volumeMounts[].mountPath] | index("/etc/weft") == null)
		and ([.containers[0].env[].name] == ["WEFTD_NODE_NAME"])'
	# Everything else is as in the base.
	diff <(rendered base | jq -S '.[] | select(.kind == "DaemonSet") | del(.spec.template.spec.volumes,
			(.spec.template.spec.containers[0] | .args, .env, .volumeMounts))') \
		<(rendered overlays/etcd | jq -S '.[0] | del(.spec.template.spec.volumes,
			.spec.template.spec.automountServiceAccountToken,
			(.spec.template.spec.containers[0] | .args, .env, .volumeMounts))')
}

@test "with the dual-stack overlay the nodes become Ready, and pods have both families" {
	kubectl apply -k "$CONF/overlays/dual-stack"
	nodes_ready host1 host2
	daemonset_ready
	assert_json "$(weftctl_in host1 --json status)" '.networks[0] | .state == "ready" and .peers.installed == 1'
	pods_reach_each_other
}

@test "with the etcd overlay the nodes become Ready, and pods have subnets from etcd" {
	local dir=$LAB_DIR/kubernetes
	overlay_remove "$CONF/overlays/dual-stack"
	weft_etcd_start
	weft_etcd_ctl put /coreos.com/network/config '{"Network":"10.5.0.0/16","EnableIPv6":true,
		"IPv6Network":"fd55::/48","IPv6SubnetLen":64,"Backend":{"Type":"vxlan","VNI":1}}'
	cp -r "$CONF" "$dir/conf"
	sed -i 's|https://etcd.example.org:2379|https://192.168.0.250:2479|' "$dir/conf/overlays/etcd/daemonset.yaml"
	kubectl apply -f "$CONF/node/namespace.yaml"
	kubectl -n weft create secret generic weft-etcd --from-file="$dir/ca.crt" --from-file="$dir/tls.crt" \
		--from-file="$dir/tls.key"
	kubectl apply -k "$dir/conf/overlays/etcd"
	nodes_ready host1 host2
	daemonset_ready
	assert_json "$(weftctl_in host1 --json status)" \
		'.networks[0] | .state == "ready" and .peers.installed == 1 and (.lease.subnet | startswith("10.5."))'
	pods_reach_each_other
	weftctl_in host2 doctor
}
