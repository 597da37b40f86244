# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The workloads of pods.yaml on host1 and host2, and requests between them. Sourced after
# kubernetes.bash.
#
# The pods web1, web2, client1 and client2, with the number of their node, have network namespaces
# LAB-web1 and so on: requests and flows start in them without kubelet and containerd.
#
#   $LAB_DIR/workloads/NAME     name and address of the pod

workloads_start() {
	kubectl apply -f "$WEFT_REPO/tests/kubernetes/pods.yaml" >/dev/null || return
	workloads_ready && workloads_find && outside_start && services_ready host1 host2
}

# A connection to a Service that kube-proxy does not have yet hangs: its packets leave the node, and
# conntrack keeps the destination of the first one.
services_ready() { # HOST...
	local host
	for host; do
		wait_for 60 node_has_services "$host" || return
	done
}

# Succeeds if kube-proxy has both endpoints of the four Services.
node_has_services() { # HOST
	local address rules
	rules=$(node_run "$1" iptables-save -t nat | grep -E 'default/(web|web-nodeport|web-local|names)" .* --to-destination')
	[[ $(wc -l <<<"$rules") == 8 ]] || { echo "$rules" && return 1; }
	for address in "$(address web1)" "$(address web2)"; do
		grep -q -F -- "$address:8080" <<<"$rules" || { echo "$rules" && return 1; }
	done
}

workloads_ready() {
	local name
	for name in web names client onhost; do
		kubectl rollout status daemonset "$name" --timeout=300s >/dev/null || return
	done
}

# Finds the pods, also after they were created again.
workloads_find() {
	local number app pod
	mkdir -p "$LAB_DIR/workloads" || return
	for number in 1 2; do
		for app in web client; do
			pod=$(pod_of "$app" "host$number") || return
			echo "$pod $(pod_address "$pod")" >"$LAB_DIR/workloads/$app$number"
			[[ ! -e $(ns_path "$app$number") ]] || ns_del "$app$number" || return
			pod_netns "$pod" "$app$number" || return
		done
	done
}

name() { cut -d ' ' -f 1 "$LAB_DIR/workloads/$1"; }    # web1
address() { cut -d ' ' -f 2 "$LAB_DIR/workloads/$1"; } # web1

# A web server outside the cluster, with /cgi-bin/who.
outside_start() {
	local dir=$LAB_DIR/outside
	mkdir -p "$dir/cgi-bin" || return
	# shellcheck disable=SC2016 # for the server
	printf '#!/bin/sh\necho\necho "$REMOTE_ADDR"\n' >"$dir/cgi-bin/who"
	chmod +x "$dir/cgi-bin/who"
	proc_start outside-web outside busybox httpd -f -p 8080 -h "$dir"
	wait_for 20 http outside 127.0.0.1:8080/cgi-bin/who
}

# ---- Requests ----------------------------------------------------------------

# http NAMESPACE URL: one request in one connection; prints the response, an address without brackets.
http() {
	local response
	response=$(ns_run "$1" curl -g -s -S --fail --max-time $((10 * ${WEFT_TEST_PATIENCE-1})) "http://$2") || return
	sed -E 's/^\[(::ffff:)?(.*)\]$/\2/' <<<"$response"
}

# all_answer NAMESPACE URL: requests until both web pods have answered. Each must succeed.
all_answer() { all_answer_by http web "$@"; }

# The same with datagrams, to the pods of `names`.
all_answer_udp() { all_answer_by datagram names "$@"; } # NAMESPACE ADDRESS

all_answer_by() { # COMMAND APP NAMESPACE TARGET
	local pods i answer seen=' '
	mapfile -t pods < <(pod_of "$2" host1 && pod_of "$2" host2)
	for ((i = 0; i < 64; i++)); do
		answer=$("$1" "$3" "$4") || { echo "no answer from $4 in $3, after:$seen" >&2 && return 1; }
		seen+="$answer "
		[[ $seen != *" ${pods[0]} "* || $seen != *" ${pods[1]} "* ]] || return 0
	done
	echo "expected ${pods[*]} from $4 in $3, got:$seen" >&2
	return 1
}

# Sends a datagram to port 53 and prints the response.
datagram() { # NAMESPACE ADDRESS
	ns_run "$1" python3 -c 'import socket, sys
host, seconds = sys.argv[1:]
family = socket.AF_INET6 if ":" in host else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as s:
    s.settimeout(int(seconds))
    s.connect((host, 53))
    s.send(b"query\n")
    print(s.recv(512).decode().strip())' "$2" $((10 * ${WEFT_TEST_PATIENCE-1}))
}

# A flow of 100 packets per second until pings_lost.
pings_start() { # NAME NAMESPACE ADDRESS
	rm -f "$LAB_DIR/log/pings-$1"
	proc_start "pings-$1" "$2" ping -n -i 0.01 "$3"
	wait_for 30 pings_have "$1" 10
}

pings_have() { (($(grep -c icmp_seq= "$LAB_DIR/log/pings-$1") >= $2)); } # NAME NUMBER

# pings_lost NAME: ends the flow after more responses; prints how many requests before the last
# response had none. The sequence number has 16 bits.
pings_lost() {
	local log=$LAB_DIR/log/pings-$1
	wait_for 30 pings_have "$1" $(($(grep -c icmp_seq= "$log") + 50)) || { echo all && return; }
	proc_stop "pings-$1"
	sed -n 's/.*icmp_seq=\([0-9]*\) .*time=.*/\1/p' "$log" | awk '
		{ n = $1 + wraps * 65536 }
		n < last - 32768 { wraps++; n += 65536 }
		n > last { last = n }
		!seen[n]++ { received++ }
		END { print last - received }'
}

# ---- State of the cluster -------------------------------------------------------

# bridge_netfilter 0|1 HOST...: whether bridged packets are passed to iptables; without the module, they
# never are. weftd reads the setting every ten seconds, and masquerades connections from pods to Services
# where they are not.
bridge_netfilter() {
	local value=$1 host
	shift
	for host; do
		# shellcheck disable=SC2016 # for the inner shell
		ns_run "$host" sh -c '[ ! -d /proc/sys/net/bridge ] || for file in iptables ip6tables; do
			echo "$0" >"/proc/sys/net/bridge/bridge-nf-call-$file" || exit
		done' "$value" || return
	done
	for host; do
		if ((value)) && ns_run "$host" test -d /proc/sys/net/bridge; then
			wait_for 30 not services_are_masqueraded "$host" || return
		else
			wait_for 30 services_are_masqueraded "$host" || return
		fi
	done
}

services_are_masqueraded() { # HOST
	ns_run "$1" nft list chain inet weft postrouting | grep -q 'ct status dnat masquerade'
}

endpoints_are() { # ADDRESS...: of the Service web
	local have
	have=$(kubectl get endpoints web -o jsonpath='{.subsets[*].addresses[*].ip}' | tr ' ' '\n' | sort)
	[[ $have == "$(printf '%s\n' "$@" | sort)" ]] || { echo "$have" && return 1; }
}

# Name, address, containers and restarts of all pods, or those of a node.
containers() { # [HOST]
	kubectl get pods -o json | command jq -c --arg host "${1-}" '.items[] | select($host == "" or .spec.nodeName == $host)
		| [.metadata.name, .status.podIP, (.status.containerStatuses[] | .containerID, .restartCount)]'
}

weft_is_ready_on() { # HOST...
	local host
	for host; do
		wait_for 60 weft_is_ready "$host" || return
	done
}

# Succeeds if the weftd that was started last is ready.
weft_is_ready() { # HOST
	local pid status
	pid=$(proc_child "$1-weftd") && pid=$(sed -n 's/^NSpid:.*\t//p' "/proc/$pid/status") || return
	status=$(node_run "$1" "$WEFT_BIN_DIR/weftctl" --json status) || return
	jq -e --argjson pid "$pid" '.pid == $pid and .networks[0].state == "ready"' <<<"$status"
}

subnet_of() { kubectl get node "$1" -o jsonpath='{.spec.podCIDR}'; } # HOST

nodes_of() { # APP
	kubectl get pods -l "app=$1" -o jsonpath='{range .items[*]}{.spec.nodeName}{"\n"}{end}'
}

deployment_is_on() { [[ $(nodes_of "$1" | sort -u) == "$2" ]]; } # APP HOST

# Succeeds if every pod of the node runs, and none has a container of the former list.
pods_are_recreated() { # HOST CONTAINERS
	local status
	status=$(kubectl get pods -o json) || return
	jq -e --arg host "$1" --arg former "$2" '[.items[] | select(.spec.nodeName == $host)] as $pods
		| ($pods | length) > 0 and all($pods[]; (.status.containerStatuses | length) > 0
			and all(.status.containerStatuses[]; .ready and (.containerID as $id | $former | contains($id) | not)))' \
		<<<"$status"
}

# What containers leave on a node: bridge ports, records, rules, namespaces, containers.
node_traces() { # HOST
	# shellcheck disable=SC2016 # for the inner shell
	node_run "$1" bash -c '
		ip -o link show type veth | awk -F "[ :@]+" "\$2 != \"eth0\" { print \"veth\", \$2 }"
		find /run/weft/attachments /run/weft/ipam \( -type f -o -type l \) ! -name lock
		iptables-save | grep -E "CNI-DN-|to-destination" | grep -v KUBE-
		find /run/netns /var/lib/cni -type f ! -name lock
		find /sys/fs/cgroup/pids -type d -name "pod*"
		ctr -n k8s.io containers list -q' 2>/dev/null | sort
}

traces_are() { diff <(echo "$2") <(node_traces "$1"); } # HOST TRACES

# What helps to understand a failure.
kubernetes_report() {
	local host log
	kubectl get nodes,pods -o wide
	for log in "$LAB_DIR"/log/*; do
		echo "--- ${log##*/}" && tail -n 8 "$log"
	done
	for host in host1 host2; do
		node_run "$host" "$WEFT_BIN_DIR/weftctl" status
	done
}
