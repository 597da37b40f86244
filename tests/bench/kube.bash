# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The Kubernetes store with 5,000 Nodes of some 12 kB: the time from weftd's exec until an empty kernel
# has all peers, compared with curl for the metadata of the Nodes, weftd's memory and processor time, its
# processor time for the status updates of kubelets, and the time until a new Node is in the kernel. In a
# lab of its own. KUBE_API selects the API server: `kubernetes` (the default where `make deps-kubernetes`
# has built it), or `small`, tests/lib/kube_api.py. Sourced by run.sh.

KUBE_NODES=${KUBE_NODES-5000}
KUBE_UPDATES=${KUBE_UPDATES-10000}
KUBE_JOINS=${KUBE_JOINS-200}

# ---- The API server ------------------------------------------------------------

# The following set `kube_admin`: namespace, CA and token of a cluster administrator.

kube_up_small() {
	# shellcheck source=tests/lib/kube.bash
	source "$WEFT_REPO/tests/lib/kube.bash"
	kube_admin=(kube "$LAB_DIR/kube/ca.crt" secret)
	kube_start "$1" && kube_node host2
}

kube_up_kubernetes() {
	# shellcheck source=tests/lib/kubernetes.bash
	source "$WEFT_REPO/tests/lib/kubernetes.bash"
	kube_admin=(etcd "$LAB_DIR/kubernetes/ca.crt" admin-token)
	apiserver_start && weft_permissions >/dev/null && node_create host2 10.250.2.0/24 || return
	echo "$1" >"$LAB_DIR/kubernetes/net-conf.json"
}

kube_api() { # prints its name
	local built
	built=$("$WEFT_REPO/conf/build/kubernetes.sh" --installed 2>/dev/null)
	echo "${KUBE_API-${built:+kubernetes}}"
}

kube_nodes() { # NAMESPACE create|heartbeat|join NUMBER
	ns_run "$1" env NODES="$KUBE_NODES" python3 "$WEFT_REPO/tests/lib/kube_nodes.py" "$2" "$3" \
		https://192.168.0.250:6443 "${kube_admin[@]:1}"
}

kube_curl_list() { # prints the microseconds of curl(1), from its exec
	local began
	began=$(now_us)
	ns_run "${kube_admin[0]}" curl -s -S --fail -o /dev/null --cacert "${kube_admin[1]}" \
		-H "Authorization: Bearer ${kube_admin[2]}" \
		-H 'Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' \
		'https://192.168.0.250:6443/api/v1/nodes?resourceVersion=0' || return
	echo $(($(now_us) - began))
}

# ---- weftd ---------------------------------------------------------------------

kube_weftd() { # as scale_weftd
	local flags
	read -ra flags < <(weftd_flags host2)
	# shellcheck disable=SC2016 # for the inner shell
	proc_start host2-weftd host2 sh -c 'date +%s%6N >"$0"; exec "$@"' "$LAB_DIR/began" \
		"$WEFT_BIN_DIR/weftd" "${flags[@]}"
}

# kube_fill: prints the microseconds from exec until all peers are in an empty kernel, and weftd's
# processor time for it.
kube_fill() {
	local timestamp cpu
	scale_reset
	: >"$LAB_DIR/log/host2-weftd"
	kube_weftd
	scale_wait_ready
	cpu=$(kube_cpu_us)
	weftd_ready host2 || return
	(($(ip -n "$LAB-host2" -4 route show proto 119 | wc -l) >= KUBE_NODES)) || return
	timestamp=$(sed -n 's/^\([^ ]*\) info: network ready .*/\1/p' "$LAB_DIR/log/host2-weftd" | head -n 1)
	echo $(($(date -d "$timestamp" +%s%6N) - $(scale_began))) "$cpu"
}

kube_cpu_us() { # the processor time of weftd
	awk -v hz="$(getconf CLK_TCK)" '{ printf "%d", ($14 + $15) * 1000000 / hz }' "/proc/$(weftd_pid host2)/stat"
}
kube_reconciles() { weftctl_on host2 --json status | jq '.networks[0].reconciles.total'; }

# Whether there was no reconcile for 5 s, as seen by the calls of wait_for, which are subshells.
kube_is_quiet() {
	local file=$LAB_DIR/reconciles total
	total=$(kube_reconciles)
	[[ -e $file && $(<"$file") == "$total" ]] || echo "$total" >"$file"
	((EPOCHSECONDS - $(stat -c %Y "$file") >= 5))
}

# ---- Figures -------------------------------------------------------------------

kube_measure_start() {
	local i fill cpu fills=() cpus=() lists=() list
	for ((i = 0; i < STARTS; i++)); do
		read -r fill cpu < <(kube_fill) && lists+=("$(kube_curl_list)") || return
		fills+=("$fill") cpus+=("$cpu")
	done
	fill=$(printf '%s\n' "${fills[@]}" | median) list=$(printf '%s\n' "${lists[@]}" | median)
	cpu=$(printf '%s\n' "${cpus[@]}" | median)
	row "exec to $KUBE_NODES peers, Kubernetes" "$(ms "$fill")" 'curl, metadata of all Nodes' "$(ms "$list")" \
		"$(ratio "$fill" "$list")" "$(target "$(ratio "$fill" 1000000)" 1) s"
	row '  CPU time of weftd' "$(ms "$cpu")" '' '' '' ''
	row "resident with $KUBE_NODES peers" "$(scale_memory VmRSS) kB" 'at most, since exec' \
		"$(scale_memory VmHWM) kB" '' "$(target "$(scale_mb "$(scale_memory VmRSS)")" 20) MB"
}

kube_measure_updates() {
	local cpu reconciles rate began=$EPOCHSECONDS
	wait_for 120 kube_is_quiet || return # after the last reconcile of the start
	cpu=$(kube_cpu_us) reconciles=$(kube_reconciles)
	rate=$(kube_nodes "${kube_admin[0]}" heartbeat "$KUBE_UPDATES") || return
	cpu=$(($(kube_cpu_us) - cpu)) reconciles=$(($(kube_reconciles) - reconciles))
	row "CPU time of a status update" "$((cpu / KUBE_UPDATES)) us" "status updates" "$rate" '' \
		"$(target "$(ratio $((cpu * 500 / KUBE_UPDATES)) 10000)" 3) % at 500 per second"
	# Every five minutes there is one that has another cause.
	row "reconciles by $KUBE_UPDATES updates" "$reconciles" '' '' '' \
		"$(target "$reconciles" $(((EPOCHSECONDS - began) / 300 + 1)))"
}

kube_measure_joins() {
	local p50 p99
	read -r p50 p99 < <(kube_nodes host2 join "$KUBE_JOINS") || return
	row "new Node beside $KUBE_NODES, to kernel" "$(ms "$p99")" "p99 of $KUBE_JOINS; median" "$(ms "$p50")" '' \
		"$(target "$(ratio "$p99" 1000)" 20) ms"
}

kube_measure() {
	local api kube_admin=()
	api=$(kube_api)
	lab_open "weft-bench-kube-$$" && lab_host host2 &&
		"kube_up_${api:-small}" '{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan","VNI":1}}' &&
		kube_nodes "${kube_admin[0]}" create "$KUBE_NODES" >/dev/null || return
	kube_measure_start && kube_measure_updates && kube_measure_joins
}

# In a subshell: what is sourced replaces functions of the other stores.
bench_kube() (
	trap lab_down EXIT
	kube_measure
)
