# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The topology (drawn in tests/README.md): the underlay bridge, each host, each container and etcd
# have their own network namespace. All names start with the lab's, all files are in $LAB_DIR
# or below /run/netns, and lab_down removes everything. The machine's own interfaces,
# addresses and sysctls are never changed.
#
# lab_open NAME creates a lab; lab_use NAME selects a lab that another process created. Both set
# LAB and LAB_DIR.

# shellcheck source=tests/lib/base.bash
source "${BASH_SOURCE[0]%/*}/base.bash"
# shellcheck source=tests/lib/etcd.bash
source "${BASH_SOURCE[0]%/*}/etcd.bash"
# shellcheck source=tests/lib/store.bash
source "${BASH_SOURCE[0]%/*}/store.bash"
# shellcheck source=tests/lib/weftd.bash
source "${BASH_SOURCE[0]%/*}/weftd.bash"
# shellcheck source=tests/lib/cni.bash
source "${BASH_SOURCE[0]%/*}/cni.bash"
# shellcheck source=tests/lib/kernel.bash
source "${BASH_SOURCE[0]%/*}/kernel.bash"

LAB_GATEWAY=192.168.0.254
LAB_GATEWAY6=fd00::254
: "${LAB_UNDERLAY:=4}" # underlay families of machines created from now on: 4, 6 or 46

# Run directories are in memory, as /run is.
lab_dir() { # NAME
	if [[ $(stat -f -c %T /run) == tmpfs || ! -d /dev/shm ]]; then
		echo "/run/$1"
	else
		echo "/dev/shm/$1"
	fi
}

lab_use() { # NAME
	LAB=$1
	LAB_DIR=$(lab_dir "$1")
	export LAB LAB_DIR
}

lab_open() { # NAME
	lab_use "$1"
	mkdir -m 0755 "$LAB_DIR" || return
	mkdir "$LAB_DIR/log" "$LAB_DIR/pid" || return
	ns_add net || return
	ns_run net ip link add underlay type bridge || return
	ns_run net ip address add "$LAB_GATEWAY/24" dev underlay || return
	ns_run net ip address add "$LAB_GATEWAY6/64" dev underlay nodad || return
	ns_run net ip link set underlay up
}

# ---- Namespaces ------------------------------------------------------------

ns_path() { echo "/run/netns/$LAB-$1"; }

ns_add() { # NAME
	ip netns add "$LAB-$1" && ip -n "$LAB-$1" link set lo up
}

# ns_run NAME COMMAND...
ns_run() {
	local ns=$1
	shift
	nsenter --net="/run/netns/$LAB-$ns" -- "$@"
}

ns_del() { ip netns del "$LAB-$1"; }

ns_list() { # the lab's namespaces, without its name
	local path
	for path in "/run/netns/$LAB-"*; do
		[[ ! -e $path ]] || echo "${path#"/run/netns/$LAB-"}"
	done
}

# ---- Hosts and containers --------------------------------------------------

# Creates a machine on the underlay: eth0 with an address of each family, and default routes.
lab_machine() { # NAME NUMBER
	ns_add "$1" || return
	ip -n "$LAB-net" -batch - <<-BATCH || return
		link add $1 type veth peer name eth0 netns $LAB-$1
		link set $1 master underlay up
	BATCH
	{
		echo "link set eth0 up"
		if [[ $LAB_UNDERLAY == *4* ]]; then
			echo "address add 192.168.0.$2/24 dev eth0"
			echo "route add default via $LAB_GATEWAY"
		fi
		if [[ $LAB_UNDERLAY == *6* ]]; then
			echo "address add fd00::$2/64 dev eth0 nodad"
			echo "route add default via $LAB_GATEWAY6"
		fi
	} | ip -n "$LAB-$1" -batch -
}

host_address() { echo "192.168.0.${1#host}"; } # HOST
host_address6() { echo "fd00::${1#host}"; }    # HOST

# Creates a machine with a directory for weftd and for the plugin.
lab_host() { # HOST
	lab_machine "$1" "${1#host}" && mkdir "$LAB_DIR/$1" && cni_install "$1"
}

lab_hosts() { # NUMBER
	local i
	for ((i = 1; i <= $1; i++)); do
		lab_host "host$i" || return
	done
}

# The link between a host and the underlay: up or down.
lab_link() { # HOST up|down
	ip -n "$LAB-net" link set "$1" "$2"
}

# ---- The end ---------------------------------------------------------------

lab_end_processes() {
	local file
	for file in "$LAB_DIR"/pid/*; do
		[[ ! -e $file ]] || proc_stop "${file##*/}" KILL 2>/dev/null
	done
	# All processes in the lab's namespaces belong to the lab.
	{
		stat -L -c '%d:%i' "/run/netns/$LAB-"*
		echo
		stat -L -c '%d:%i %n' /proc/[0-9]*/ns/net
	} 2>/dev/null | awk '
		!NF { processes = 1; next }
		!processes { lab[$1] = 1; next }
		$1 in lab { split($2, path, "/"); print path[3] }' | xargs -r kill -s KILL
}

# Removes the lab in any state. Can be called twice.
lab_down() {
	local ns
	lab_end_processes
	for ns in $(ns_list); do
		echo "netns del $LAB-$ns"
	done | ip -force -batch -
	[[ ! -L $LAB_DIR/etcd ]] || rm -rf "$(readlink "$LAB_DIR/etcd")"
	rm -rf "$LAB_DIR"
}
