# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A real Kubernetes in the lab, from the programs that conf/build/kubernetes.sh has built: an API
# server alone (apiserver_start), or a cluster (kubernetes_up). Sourced after bats.bash by the files
# that need it. Replaces etcd as the store of the lab's weftd.
#
#   LAB-etcd      192.168.0.250    etcd, kube-apiserver (port 6443), kube-controller-manager,
#                                  kube-scheduler; kubectl
#   LAB-hostN     192.168.0.N      a node: containerd, weftd, kubelet, kube-proxy
#   LAB-outside   192.168.0.200    a machine outside the cluster
#
#   $LAB_DIR/kubernetes/           certificates, service account key, tokens, USER.kubeconfig, images
#   $LAB_DIR/hostN/node/           the node's disk, see node_init.sh
#
# A node is what node_init.sh makes of its namespaces. All is kept in memory, up to 1.5 GB.
#
# LAB_FAMILIES   4 (default) or 46: families of pods, Services and the underlay
# LAB_IPTABLES   nft (default) or legacy: what iptables is on nodes that boot from now on
#
# What is unusual, because namespaces of one machine are not machines:
#   - kubelet does not write sysctls of the machine (protectKernelDefaults, node_init.sh), nor
#     kube-proxy the size of the connection table (--conntrack-max-per-core 0 --conntrack-min 0).
#   - without CAP_SYS_RESOURCE no score of the OOM killer can be lowered (oom settings).
#   - kubelet would wait for the metadata servers of clouds: 169.254.0.0/16 is unreachable.

APISERVER_ADDRESS=192.168.0.250
APISERVER_URL=https://$APISERVER_ADDRESS:6443
: "${KUBERNETES_DIR:=$("$WEFT_REPO/conf/build/kubernetes.sh" --installed)}"
: "${LAB_FAMILIES:=4}" "${LAB_IPTABLES:=nft}"

# shellcheck disable=SC2034 # LAB_UNDERLAY
if [[ $LAB_FAMILIES == 46 ]]; then
	LAB_UNDERLAY=46 # of lab_machine
	POD_NETWORKS=10.244.0.0/16,fd44::/48
	SERVICE_NETWORKS=10.96.0.0/16,fd96::/112
	FEATURE_GATES=IPv6DualStack=true
else
	POD_NETWORKS=10.244.0.0/16
	SERVICE_NETWORKS=10.96.0.0/16
	FEATURE_GATES=IPv6DualStack=false
fi

# ---- Identities ------------------------------------------------------------

kubernetes_certificates() {
	local dir=$LAB_DIR/kubernetes
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
		-subj /CN=lab -keyout "$dir/ca.key" -out "$dir/ca.crt" 2>/dev/null || return
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=kube-apiserver \
		-keyout "$dir/api.key" -out "$dir/api.csr" 2>/dev/null || return
	openssl x509 -req -in "$dir/api.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
		-days 30 -extfile - -out "$dir/api.crt" 2>/dev/null <<-EXT || return
		subjectAltName = IP:$APISERVER_ADDRESS, IP:10.96.0.1, IP:127.0.0.1
	EXT
	openssl genrsa -out "$dir/sa.key" 2048 2>/dev/null &&
		openssl rsa -in "$dir/sa.key" -pubout -out "$dir/sa.pub" 2>/dev/null
}

# Users by bearer token: USER-token. `weft` has the permissions that the tests grant to it.
kubernetes_users() {
	local dir=$LAB_DIR/kubernetes user
	{
		echo 'admin-token,admin,admin,system:masters'
		echo 'scheduler-token,system:kube-scheduler,scheduler'
		echo 'proxy-token,system:kube-proxy,proxy'
		echo 'weft-token,weft,weft'
		for user in host{1..9}; do
			echo "$user-token,system:node:$user,$user,system:nodes"
		done
	} >"$dir/tokens.csv"
	for user in admin scheduler proxy weft host{1..9}; do
		kubeconfig_of "$user" >"$dir/$user.kubeconfig"
	done
}

kubeconfig_of() { # USER [URL]
	cat <<-YAML
		apiVersion: v1
		kind: Config
		current-context: lab
		contexts:
		- name: lab
		  context: {cluster: lab, user: user}
		clusters:
		- name: lab
		  cluster:
		    server: ${2-$APISERVER_URL}
		    certificate-authority-data: $(base64 -w0 "$LAB_DIR/kubernetes/ca.crt")
		users:
		- name: user
		  user: {token: $1-token}
	YAML
}

# ---- The control plane -----------------------------------------------------

# apiserver_start [FLAG...]: starts etcd and kube-apiserver, and waits until it is ready.
# shellcheck disable=SC2120
apiserver_start() {
	local dir=$LAB_DIR/kubernetes
	mkdir "$dir" "$dir/home" "$LAB_DIR/etcd-disk" || return
	ln -s "$LAB_DIR/etcd-disk" "$LAB_DIR/etcd" || return
	kubernetes_certificates && kubernetes_users && etcd_machine && etcd_start || return
	apiserver_restart "$@"
}

# The same, of the API server alone: `apiserver_stop KILL; apiserver_restart`.
apiserver_restart() { # [FLAG...]
	local dir=$LAB_DIR/kubernetes
	proc_start kube-apiserver etcd "$KUBERNETES_DIR/kube-apiserver" \
		--etcd-servers http://127.0.0.1:2379 --advertise-address "$APISERVER_ADDRESS" \
		--tls-cert-file "$dir/api.crt" --tls-private-key-file "$dir/api.key" \
		--service-cluster-ip-range "$SERVICE_NETWORKS" --feature-gates "$FEATURE_GATES" \
		--service-account-issuer https://kubernetes.default.svc \
		--service-account-signing-key-file "$dir/sa.key" --service-account-key-file "$dir/sa.pub" \
		--token-auth-file "$dir/tokens.csv" --authorization-mode Node,RBAC \
		--allow-privileged=true --kubelet-preferred-address-types InternalIP "$@" || return
	wait_for 60 apiserver_is_ready || { proc_log kube-apiserver && return 1; }
}

apiserver_is_ready() {
	proc_pid kube-apiserver >/dev/null && [[ $(apiserver_curl readyz) == ok ]]
}

apiserver_stop() { proc_stop kube-apiserver "${1-TERM}"; }

kubectl() {
	ns_run etcd env KUBECONFIG="${KUBECONFIG-$LAB_DIR/kubernetes/admin.kubeconfig}" \
		HOME="$LAB_DIR/kubernetes/home" "$KUBERNETES_DIR/kubectl" "$@"
}

# apiserver_curl OPTION... PATH: a request as cluster administrator.
apiserver_curl() {
	ns_run etcd curl -s -S --fail --cacert "$LAB_DIR/kubernetes/ca.crt" \
		-H 'Authorization: Bearer admin-token' "${@:1:$#-1}" "$APISERVER_URL/${*: -1}"
}

# Creates a Node without a kubelet; by default, with the subnet of the host's number. POD-CIDR can be empty.
node_create() { # NAME [POD-CIDR [ANNOTATIONS as JSON]]
	local cidr=${2-10.244.${1#host}.0/24}
	# shellcheck disable=SC2016 # jq has variables, too
	command jq -n --arg name "$1" --arg cidr "$cidr" --argjson annotations "${3-"{}"}" '{
		apiVersion: "v1", kind: "Node", metadata: {name: $name, annotations: $annotations},
		spec: (if $cidr == "" then {} else {podCIDR: $cidr, podCIDRs: [$cidr]} end)}' |
		apiserver_curl -o /dev/null -H 'Content-Type: application/json' -d @- api/v1/nodes
}

node_delete() { apiserver_curl -X DELETE -o /dev/null "api/v1/nodes/$1"; } # HOST

controllers_start() {
	local dir=$LAB_DIR/kubernetes
	proc_start kube-controller-manager etcd "$KUBERNETES_DIR/kube-controller-manager" \
		--kubeconfig "$dir/admin.kubeconfig" --cert-dir "$dir" --port 0 --leader-elect=false \
		--allocate-node-cidrs --cluster-cidr "$POD_NETWORKS" \
		--service-cluster-ip-range "$SERVICE_NETWORKS" --feature-gates "$FEATURE_GATES" \
		--service-account-private-key-file "$dir/sa.key" --root-ca-file "$dir/ca.crt" \
		--flex-volume-plugin-dir "$dir/flex"
	proc_start kube-scheduler etcd "$KUBERNETES_DIR/kube-scheduler" \
		--kubeconfig "$dir/scheduler.kubeconfig" --cert-dir "$dir" --port 0 --leader-elect=false
}

# ---- weftd's configuration ---------------------------------------------------

net_conf() {
	printf '{"Network":"10.244.0.0/16"%s,"Backend":{"Type":"vxlan","VNI":1}}\n' \
		"$([[ $LAB_FAMILIES == 4 ]] || echo ',"EnableIPv6":true,"IPv6Network":"fd44::/48"')"
}

# Grants the user weft what weftd needs.
weft_permissions() {
	kubectl apply -f - <<-YAML
		apiVersion: rbac.authorization.k8s.io/v1
		kind: ClusterRole
		metadata: {name: weft}
		rules:
		- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}
		- {apiGroups: [""], resources: [nodes/status], verbs: [patch]}
		---
		apiVersion: rbac.authorization.k8s.io/v1
		kind: ClusterRoleBinding
		metadata: {name: weft}
		roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: weft}
		subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: weft}]
	YAML
}

# Replaces the function of store.bash, for a weftd of the lab's hosts that are no nodes.
store_flags() { # HOST
	[[ -e $LAB_DIR/kubernetes/net-conf.json ]] || net_conf >"$LAB_DIR/kubernetes/net-conf.json"
	echo --store kubernetes --kubeconfig-file "$LAB_DIR/kubernetes/weft.kubeconfig" \
		--net-config-path "$LAB_DIR/kubernetes/net-conf.json"
}

# Replaces the function of store.bash: the Nodes, as etcd's keys and values.
store_leases() {
	apiserver_curl api/v1/nodes | command jq -r --arg f flannel.alpha.coreos.com '.items[]
		| .metadata.annotations as $a | select($a["\($f)/backend-data"])
		| ([.spec.podCIDRs[] | sub("/"; "-")] | join("&")) + "\t" + ({
			PublicIP: $a["\($f)/public-ip"], PublicIPv6: $a["\($f)/public-ipv6"],
			BackendData: ($a["\($f)/backend-data"] | fromjson),
			Weft: ($a["weft.cni/lease"] // "null" | fromjson)} | tojson)'
}

# ---- Images ------------------------------------------------------------------

# image_rootfs: busybox and socat, without a registry.
image_rootfs() {
	local root=$LAB_DIR/kubernetes/rootfs name
	mkdir -p "$root"/{bin,etc,tmp,proc,sys,dev,run,www,root} || return
	cp "$(command -v busybox)" "$root/bin/busybox" && cp "$(command -v socat)" "$root/bin/" || return
	for name in sh sleep httpd wget nc cat hostname chmod mkdir mv timeout ip ping; do
		ln -s busybox "$root/bin/$name"
	done
	while read -r name; do
		mkdir -p "$root/${name%/*}" && cp -L "$name" "$root/$name" || return
	done < <(ldd "$(command -v socat)" | grep -o '/lib[^ ]*')
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
}

# image_make NAME CONFIG: an image of that root as docker.io/lab/NAME:1, in `docker save`'s format.
image_make() {
	local dir=$LAB_DIR/kubernetes id
	[[ -e $dir/layer.tar ]] || tar -C "$dir/rootfs" --owner=0 --group=0 -cf "$dir/layer.tar" . || return
	id=$(sha256sum <"$dir/layer.tar") || return
	command jq -n --arg id "sha256:${id%% *}" --argjson config "$2" '{architecture: "amd64", os: "linux",
		config: $config, rootfs: {type: "layers", diff_ids: [$id]}}' >"$dir/$1.json" || return
	command jq -n --arg name "$1" '[{Config: "\($name).json", RepoTags: ["docker.io/lab/\($name):1"],
		Layers: ["layer.tar"]}]' >"$dir/manifest.json" || return
	tar -C "$dir" -cf "$dir/$1.tar" manifest.json "$1.json" layer.tar
}

images_make() {
	image_rootfs && image_make pause '{"Entrypoint":["/bin/sleep","infinity"],"Env":["PATH=/bin"]}' &&
		image_make tools '{"Cmd":["/bin/sh"],"Env":["PATH=/bin"]}'
}

image_import() { node_run "$1" ctr -n k8s.io images import - <"$2" >/dev/null; } # HOST ARCHIVE

# ---- Nodes -------------------------------------------------------------------

node_controllers() { sed -n 's/^[1-9][0-9]*:\(name=\)\?\([^:]*\):.*/\2/p' /proc/self/cgroup; }

# The node's cgroups. Their processes see them as the root.
node_cgroups() { # HOST
	local controller parent
	for controller in $(node_controllers); do
		parent=/sys/fs/cgroup/$controller
		mkdir -p "$parent/$LAB-$1" || return
		[[ $controller == cpuset ]] || continue
		cat "$parent/cpuset.cpus" >"$parent/$LAB-$1/cpuset.cpus"
		cat "$parent/cpuset.mems" >"$parent/$LAB-$1/cpuset.mems"
	done
}

# Like proc_start, in the node's cgroups.
node_proc_start() { # HOST NAME COMMAND...
	local host=$1 name=$2
	shift 2
	# shellcheck disable=SC2016 # for the inner shell
	proc_start "$name" "$host" bash -c 'for file in /sys/fs/cgroup/*/"$0"/cgroup.procs; do
			echo 0 >"$file"
		done
		exec "$@"' "$LAB-$host" "$@"
}

# The pid of the child of nsenter or unshare.
proc_child() { # NAME
	local pid child=''
	pid=$(proc_pid "$1") && read -r child _ <"/proc/$pid/task/$pid/children"
	[[ $child ]] && echo "$child"
}

# node_boot HOST: the node's machine, without daemons. After node_crash, with the same disk.
node_boot() {
	local host=$1 disk=$LAB_DIR/$1/node
	lab_machine "$host" "${host#host}" || return
	ip -n "$LAB-$host" route add unreachable 169.254.0.0/16 || return
	rm -f "$disk/booted"
	node_files "$host" && node_cgroups "$host" || return
	node_proc_start "$host" "$host-node" unshare --mount --uts --ipc --pid --cgroup --propagation private \
		--fork --kill-child "$WEFT_REPO/tests/lib/node_init.sh" "$host" "$disk" "$LAB_IPTABLES"
	wait_for 20 test -s "$disk/booted" || { proc_log "$host-node" && return 1; }
	# shellcheck disable=SC2016 # for the inner shell
	node_run "$host" sh -c 'ln -s "$1"/* /opt/cni/bin/' sh "$WEFT_CNI_REFERENCE"
}

node_files() { # HOST
	local dir=$LAB_DIR/$1/node/files
	mkdir -p "$dir" || return
	printf '127.0.0.1 localhost\n%s %s\n' "$(host_address "$1")" "$1" >"$dir/hosts"
	echo 'nameserver 192.168.0.200' >"$dir/resolv.conf"
	net_conf >"$dir/net-conf.json"
	cp "$LAB_DIR/kubernetes"/{proxy,weft,"$1"}.kubeconfig "$dir/" || return
	cat >"$dir/config.toml" <<-TOML
		version = 2
		disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
		  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "docker.io/lab/pause:1"
		  restrict_oom_score_adj = true
	TOML
	cat >"$dir/kubelet.yaml" <<-YAML
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
		authorization: {mode: AlwaysAllow}
		cgroupDriver: cgroupfs
		failSwapOn: false
		nodeStatusUpdateFrequency: 1s
		protectKernelDefaults: true
		oomScoreAdj: 0
		resolvConf: /etc/kubernetes/resolv.conf
		imageGCHighThresholdPercent: 100
		evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%",
		  imagefs.available: "0%"}
	YAML
}

# node_run HOST COMMAND...: runs a command in all namespaces of the node.
node_run() {
	local pid
	pid=$(proc_child "$1-node") || { echo "$1 is not running" >&2 && return 1; }
	shift
	nsenter -t "$pid" --mount --uts --ipc --net --pid --cgroup -- "$@" 3>&-
}

# node_start HOST DAEMON [FLAG...]: starts containerd, weftd, kubelet or kube-proxy.
node_start() {
	local host=$1 daemon=$2 pid command
	shift 2
	pid=$(proc_child "$host-node") || { echo "$host is not running" >&2 && return 1; }
	case $daemon in
	containerd) command=(containerd) ;;
	weftd)
		command=("$WEFT_BIN_DIR/weftd" --store kubernetes --node-name "$host" --ip-masq
			--install-cni --kubeconfig-file /etc/kubernetes/weft.kubeconfig
			--net-config-path /etc/kubernetes/net-conf.json)
		;;
	kubelet)
		command=("$KUBERNETES_DIR/kubelet" --config /etc/kubernetes/kubelet.yaml
			--kubeconfig "/etc/kubernetes/$host.kubeconfig" --container-runtime remote
			--container-runtime-endpoint unix:///run/containerd/containerd.sock
			--node-ip "$(host_address "$host")" --volume-plugin-dir /var/lib/kubelet/volume-plugins
			--feature-gates "$FEATURE_GATES")
		;;
	kube-proxy)
		command=("$KUBERNETES_DIR/kube-proxy" --kubeconfig /etc/kubernetes/proxy.kubeconfig
			--hostname-override "$host" --proxy-mode iptables --cluster-cidr "$POD_NETWORKS"
			--feature-gates "$FEATURE_GATES" --conntrack-max-per-core 0 --conntrack-min 0
			--oom-score-adj 0)
		;;
	*) echo "node_start: unknown daemon $daemon" >&2 && return 1 ;;
	esac
	node_proc_start "$host" "$host-$daemon" \
		nsenter -t "$pid" --mount --uts --ipc --net --pid --cgroup -- "${command[@]}" "$@" || return
	[[ $daemon != containerd ]] || wait_for 30 node_run "$host" ctr version # kubelet requires it
}

# node_stop HOST DAEMON [SIGNAL]: nsenter passes no signal on.
node_stop() {
	local pid
	pid=$(proc_child "$1-$2") || return 0
	kill -s "${3-TERM}" "$pid"
	wait_for 30 not proc_pid "$1-$2"
}

node_containerd() { # HOST: starts it, with the images of the lab
	local image
	node_start "$1" containerd || return
	for image in pause tools; do
		image_import "$1" "$LAB_DIR/kubernetes/$image.tar" || return
	done
}

# node_crash HOST: power off. The disk is kept.
node_crash() {
	local pid
	pid=$(proc_child "$1-node") && kill -s KILL "$pid" && wait_for 20 not proc_pid "$1-node"
	ns_del "$1"
	node_remove_cgroups "$1"
}

node_cgroup_directories() { find /sys/fs/cgroup -mindepth 2 -maxdepth 2 -type d -name "$LAB-$1"; } # HOST

# Removes the cgroups of a node whose processes were killed.
node_remove_cgroups() { # HOST
	wait_for 20 node_cgroups_are_removed "$1"
}

node_cgroups_are_removed() { # HOST
	local dir
	for dir in $(node_cgroup_directories "$1"); do
		find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null
	done
	[[ -z $(node_cgroup_directories "$1") ]]
}

# ---- The cluster ---------------------------------------------------------------

# kubernetes_up NUMBER: an empty cluster of this number of nodes, without a network: no node is Ready.
kubernetes_up() {
	local i hosts=()
	for ((i = 1; i <= $1; i++)); do
		hosts+=("host$i")
	done
	# shellcheck disable=SC2119
	apiserver_start && controllers_start && lab_machine outside 200 && images_make || return
	for i in "${hosts[@]}"; do
		mkdir "$LAB_DIR/$i" && node_boot "$i" && node_containerd "$i" &&
			node_start "$i" kubelet && node_start "$i" kube-proxy || return
	done
	wait_for 90 kubectl get node "${hosts[@]}"
}

# Starts weftd on nodes. It installs the CNI plugin and its configuration, which makes the nodes Ready.
kubernetes_weft() { # HOST...
	local host
	weft_permissions >/dev/null || return
	for host; do
		node_start "$host" weftd || return
	done
}

nodes_ready() { # HOST...
	kubectl wait --for=condition=Ready --timeout="$((120 * ${WEFT_TEST_PATIENCE-1}))s" node "$@" >/dev/null ||
		{ kubectl describe node "$@" >&2 && return 1; }
}

# Removes the nodes, and the lab.
kubernetes_down() {
	local file host pid
	for file in "$LAB_DIR"/pid/host*-node; do
		[[ -e $file ]] || continue
		host=${file##*/}
		host=${host%-node}
		pid=$(proc_child "$host-node") && kill -s KILL "$pid"
	done
	lab_end_processes
	for file in "$LAB_DIR"/pid/host*-node; do
		host=${file##*/}
		[[ ! -e $file ]] || node_remove_cgroups "${host%-node}"
	done
	lab_down
}

# ---- Pods ------------------------------------------------------------------------

pod_of() { # APP HOST: its name
	kubectl get pods -l "app=$1" --field-selector "spec.nodeName=$2" -o json |
		command jq -r '[.items[] | select(.metadata.deletionTimestamp | not)][0].metadata.name'
}

pod_address() { kubectl get pod "$1" -o jsonpath='{.status.podIP}'; } # POD

# pod_exec POD COMMAND...
pod_exec() {
	local pod=$1
	shift
	kubectl exec "$pod" -- "$@"
}

# Makes the pod's network namespace LAB-NAME, for ns_run and flow_start. No daemon takes part in it.
pod_netns() { # POD NAME
	local uid pid
	uid=$(kubectl get pod "$1" -o jsonpath='{.metadata.uid}') || return
	pid=$(find /sys/fs/cgroup/pids/"$LAB"-* -path "*pod$uid*" -name cgroup.procs -exec cat {} + | sed -n 1p)
	[[ $pid ]] && ip netns attach "$LAB-$2" "$pid"
}
