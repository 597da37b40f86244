# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian's containerd, podman and docker on hosts of the lab. Each host has its own mounts over the
# directories that it would share with the machine. Containers run from a directory with
# busybox only: no image, no registry. Sourced by the bats files that need it.
#
#   $LAB_DIR/rootfs            root of all containers
#   $LAB_DIR/HOST/runtime/     state of the runtime

# Creates a host's mounts. They exist as long as the process HOST-mounts.
runtime_host() { # HOST
	local dir=$LAB_DIR/$1/runtime
	mkdir -p "$dir/etc" "$dir/work" || return
	# shellcheck disable=SC2016 # the shell within expands them
	proc_start "$1-mounts" "$1" unshare --mount --propagation private bash -euc '
		mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" /etc
		mount -t tmpfs tmpfs /opt
		mount -t tmpfs tmpfs /var/lib
		mkdir -p /run/netns /run/lock
		mount -t tmpfs tmpfs /run/netns
		mount -t tmpfs tmpfs /run/lock
		mkdir -p /etc/cni/net.d /opt/cni/bin
		rm -f /etc/cni/net.d/*
		ln -s "$2"/* /opt/cni/bin/
		ln -sf "$3/weft" /opt/cni/bin/
		cp "$4" /etc/cni/net.d/10-weft.conflist
		touch "$1/mounted"
		exec sleep infinity' bash "$dir" "$WEFT_CNI_REFERENCE" "$WEFT_BIN_DIR" \
		"$LAB_DIR/$1/10-weft.conflist"
	wait_for 30 test -e "$dir/mounted" || { proc_log "$1-mounts" && return 1; }
}

runtime_rootfs() {
	local name
	mkdir -p "$LAB_DIR"/rootfs/{bin,proc,sys,dev,etc,tmp,run,www} || return
	cp "$(command -v busybox)" "$LAB_DIR/rootfs/bin/" || return
	for name in sh ip ping sleep httpd wget; do
		ln -s busybox "$LAB_DIR/rootfs/bin/$name"
	done
}

# on HOST COMMAND...: runs the command in the host's network and mount namespaces.
on() {
	local pid
	pid=$(proc_pid "$1-mounts") || return
	shift
	nsenter -t "$pid" --mount --net -- "$@"
}

# ---- containerd ----------------------------------------------------------------

containerd_start() { # HOST
	local dir=$LAB_DIR/$1/runtime pid
	cat >"$dir/config.toml" <<-TOML
		version = 2
		root = "$dir/root"
		state = "$dir/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs",
		  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]
		[grpc]
		  address = "$dir/sock"
	TOML
	pid=$(proc_pid "$1-mounts") || return
	proc_start "$1-containerd" "$1" nsenter -t "$pid" --mount -- containerd --config "$dir/config.toml"
	wait_for 30 ctr_on "$1" version
}

ctr_on() { # HOST ARGUMENT...
	local host=$1
	shift
	on "$host" ctr --address "$LAB_DIR/$host/runtime/sock" --namespace "$LAB-$host" "$@"
}

# ctr_run HOST ID COMMAND...: runs a container in the background, as the process ctr-ID.
ctr_run() {
	local host=$1 id=$2 pid
	shift 2
	pid=$(proc_pid "$host-mounts") || return
	proc_start "ctr-$id" "$host" nsenter -t "$pid" --mount -- \
		ctr --address "$LAB_DIR/$host/runtime/sock" --namespace "$LAB-$host" \
		run --cni --rm --rootfs "$LAB_DIR/rootfs" "$id" "$@"
	wait_for 10 ctr_address "$host" "$id"
}

# The same, detached: ctr never calls DEL for it.
ctr_run_detached() { # HOST ID COMMAND...
	local host=$1 id=$2
	shift 2
	ctr_on "$host" run --cni --detach --rootfs "$LAB_DIR/rootfs" "$id" "$@" 3>&-
}

ctr_exec() { # HOST ID COMMAND...
	local host=$1 id=$2
	shift 2
	ctr_on "$host" task exec --exec-id "x$RANDOM$RANDOM" "$id" "$@"
}

# The address in weft's record. Fails while there is no record.
ctr_address() { # HOST ID
	jq -r --arg id "$LAB-$1-$2" 'select(.containerId == $id).addresses[0]' \
		"$LAB_DIR/$1"/run/attachments/default/* | grep .
}

# Ends the processes in the cgroups of the lab's hosts, and removes the cgroups.
runtime_cgroups() { find /sys/fs/cgroup -maxdepth 3 -type d -path "*/$LAB-host*"; }
runtime_end_cgroups() {
	local dir
	while IFS= read -r dir; do
		xargs -r kill -s KILL <"$dir/cgroup.procs" 2>/dev/null
	done < <(runtime_cgroups)
	while IFS= read -r dir; do
		wait_for 5 rmdir "$dir"
	done < <(runtime_cgroups | sort -r)
}

# ---- podman --------------------------------------------------------------------

# podman_on HOST ARGUMENT...
podman_on() {
	local host=$1 dir=$LAB_DIR/$1/runtime
	shift
	[[ -e $dir/containers.conf ]] || cat >"$dir/containers.conf" <<-TOML
		[engine]
		lock_type = "file"
		events_logger = "none"
		[network]
		cni_plugin_dirs = ["/opt/cni/bin"]
	TOML
	on "$host" env CONTAINERS_CONF="$dir/containers.conf" podman --root "$dir/podman" \
		--runroot "$dir/podman-run" --tmpdir "$dir/podman-tmp" --storage-driver vfs \
		--network-backend cni --network-config-dir /etc/cni/net.d \
		--cgroup-manager cgroupfs --runtime runc "$@" 3>&-
}

podman_run() { # HOST NAME [OPTION...] -- COMMAND...
	local host=$1 name=$2 options=()
	shift 2
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	podman_on "$host" run --detach --name "$name" --network weft --cgroup-parent "/$LAB-$host" \
		--ulimit nofile=20000:20000 --ulimit nproc=1000:1000 --log-driver none \
		"${options[@]}" --rootfs "$LAB_DIR/rootfs" "$@"
}

podman_address() { # HOST NAME
	podman_on "$1" inspect "$2" | jq -r '.[0].NetworkSettings.Networks.weft.IPAddress' | grep '\.'
}

# ---- Traces --------------------------------------------------------------------

# Prints the traces of a host's containers: bridge ports, records, rules, namespaces.
runtime_traces() { # HOST
	ip -n "$LAB-$1" -o link show type veth | awk -F '[ :@]+' '$2 != "eth0" { print $2 }'
	find "$LAB_DIR/$1/run/attachments" "$LAB_DIR/$1/run/ipam" \( -type f -o -type l \) ! -name lock 2>/dev/null
	ns_run "$1" iptables-save | grep -E 'CNI-DN-|to-destination' || true
	on "$1" find /run/netns -type f
	on "$1" find /var/lib/cni -type f ! -name lock 2>/dev/null || true
}

runtime_clean() { [[ -z $(runtime_traces "$1") ]] || { runtime_traces "$1" && return 1; }; }

# ---- docker --------------------------------------------------------------------

# A host's docker has its state in the host's directory, /run for itself, no default bridge, and packet
# rules in the host's namespace only. It loads no kernel module and no AppArmor profile, which would be
# the machine's.
docker_start() { # HOST
	local dir=$LAB_DIR/$1/runtime pid
	pid=$(proc_pid "$1-mounts") || return
	mkdir -p "$dir/bin" && ln -sf /bin/true "$dir/bin/modprobe" && echo '{}' >"$dir/daemon.json" || return
	on "$1" mount -t tmpfs tmpfs /run || return
	[[ ! -d /sys/kernel/security ]] || on "$1" mount -t tmpfs tmpfs /sys/kernel/security || return
	proc_start "$1-dockerd" "$1" nsenter -t "$pid" --mount -- env PATH="$dir/bin:$PATH" \
		dockerd --config-file "$dir/daemon.json" --host "unix://$dir/docker.sock" \
		--data-root "$dir/docker" --exec-root "$dir/docker-exec" --pidfile "$dir/docker.pid" \
		--bridge none --storage-driver vfs --cgroup-parent "/$LAB-$1" \
		--exec-opt native.cgroupdriver=cgroupfs --log-driver none
	wait_for 60 docker_on "$1" version
}

docker_on() { # HOST ARGUMENT...
	local host=$1
	shift
	on "$host" docker --host "unix://$LAB_DIR/$host/runtime/docker.sock" "$@" 3>&-
}

# Removes all containers and ends the daemon, which ends its containerd.
docker_stop() { # HOST
	docker_on "$1" ps --all --quiet | while IFS= read -r id; do
		docker_on "$1" rm --force "$id" </dev/null || true
	done
	proc_stop "$1-dockerd"
}

# Makes an image with busybox only.
docker_image() { # HOST NAME
	tar -C "$LAB_DIR/rootfs" -c . | docker_on "$1" import - "$2"
}

docker_run() { # HOST NAME [OPTION...] -- COMMAND...
	local host=$1 name=$2 options=()
	shift 2
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	docker_on "$host" run --detach --name "$name" --network lan "${options[@]}" box "$@"
}

docker_address() { # HOST NAME
	docker_on "$1" inspect "$2" | jq -r '.[0].NetworkSettings.Networks.lan.IPAddress' | grep '\.'
}
