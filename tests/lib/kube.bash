# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A Kubernetes API server (kube_api.py) on the lab's underlay, with TLS and a token. Sourced after
# bats.bash by the files that need it: weftd's flags then refer to it. A host's Node has the host's
# name and 10.244.N.0/24, N being its number.
#
#   LAB-kube                   192.168.0.250, port 6443
#   $LAB_DIR/kube/             ca.crt, api.crt, api.key, token, kubeconfig, net-conf.json

kube_config_default() {
	echo '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan","VNI":1}}'
}

kube_certificates() {
	local dir=$LAB_DIR/kube
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj "/CN=lab" -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null || return
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /O=api \
		-keyout "$dir/api.key" -out "$dir/api.csr" 2>/dev/null || return
	openssl x509 -req -in "$dir/api.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
		-days 30 -extfile - -out "$dir/api.crt" 2>/dev/null <<<'subjectAltName = IP:192.168.0.250'
}

# kube_start [CONFIGURATION]: starts the API server, without Nodes.
kube_start() {
	local dir=$LAB_DIR/kube
	mkdir "$dir" && kube_certificates && lab_machine kube 250 || return
	echo secret >"$dir/token"
	echo "${1-$(kube_config_default)}" >"$dir/net-conf.json"
	cat >"$dir/kubeconfig" <<-YAML
		apiVersion: v1
		kind: Config
		current-context: lab
		contexts:
		- name: lab
		  context: {cluster: lab, user: weft}
		clusters:
		- name: lab
		  cluster:
		    server: https://192.168.0.250:6443
		    certificate-authority-data: $(base64 -w0 "$dir/ca.crt")
		users:
		- name: weft
		  user: {tokenFile: token}
	YAML
	kube_api_start
}

kube_api_start() {
	local dir=$LAB_DIR/kube
	proc_start kube kube python3 "$WEFT_REPO/tests/lib/kube_api.py" 192.168.0.250 6443 \
		"$dir/api.crt" "$dir/api.key" secret
	wait_for 10 kube_curl -o /dev/null lab/log
}

# kube_curl OPTION... PATH
kube_curl() {
	ns_run kube curl -s -S --fail --cacert "$LAB_DIR/kube/ca.crt" -H 'Authorization: Bearer secret' \
		"${@:1:$#-1}" "https://192.168.0.250:6443/${*: -1}"
}

# Creates or replaces a Node; by default, with the subnet of its number.
kube_node() { # HOST [POD-CIDR [ANNOTATIONS as JSON]]
	local cidr=${2-10.244.${1//[^0-9]/}.0/24} cidrs='' annotations=${3-'{"volumes.kubernetes.io/x":"true"}'}
	[[ ! $cidr ]] || cidrs="\"${cidr//,/\",\"}\""
	kube_curl -X PUT -o /dev/null -d "{\"metadata\":{\"annotations\":$annotations},\"spec\":
		{\"podCIDRs\":[$cidrs]},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}" \
		"lab/nodes/$1"
}

kube_delete() { kube_curl -X DELETE -o /dev/null "lab/nodes/$1"; } # NODE
kube_set() { kube_curl -o /dev/null -d "$1" lab/set; }             # JSON
kube_get() { kube_curl "api/v1/nodes/$1" | jq -r "$2"; }           # NODE EXPRESSION
kube_log() { kube_curl lab/log; }

# The status of a host's kubelet changes, which does not concern its lease.
kube_heartbeat() { # HOST
	kube_curl -X PATCH -o /dev/null -d '{"status":{"conditions":[{"type":"Ready","status":"True",
		"lastHeartbeatTime":"'"$RANDOM"'"}]}}' "api/v1/nodes/$1/status"
}

# Replaces the function of store.bash.
store_flags() { # HOST
	echo --store kubernetes --kubeconfig-file "$LAB_DIR/kube/kubeconfig" \
		--net-config-path "$LAB_DIR/kube/net-conf.json"
}

# Replaces the function of store.bash: the Nodes, as etcd's keys and values.
store_leases() {
	kube_curl api/v1/nodes | jq -r --arg f flannel.alpha.coreos.com '.items[]
		| .metadata.annotations as $a | select($a["\($f)/backend-data"])
		| ([.spec.podCIDRs[] | sub("/"; "-")] | join("&")) + "\t" + ({
			PublicIP: $a["\($f)/public-ip"], PublicIPv6: $a["\($f)/public-ipv6"],
			BackendData: ($a["\($f)/backend-data"] | fromjson),
			Weft: ($a["weft.cni/lease"] // "null" | fromjson)} | tojson)'
}
