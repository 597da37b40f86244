# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The topology (drawn in tests/README.md): an underlay bridge in a namespace of its
# own, hosts and containers in theirs, etcd in another. Everything is named after
# the lab, lives in $LAB_DIR or below /run/netns, and is removed by lab_down; the
# machine's own interfaces, addresses and sysctls are never touched.
#
# lab_open NAME makes a lab, or lab_use NAME goes on with one that another process
# made; both set LAB and LAB_DIR.

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
: "${LAB_UNDERLAY:=4}" # the families of the underlay: 4, 6 or 46; of a machine made from now on

# Run directories live in memory, as /run does wherever weft runs.
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
	nsenter --net="$(ns_path "$ns")" -- "$@"
}

ns_del() { ip netns del "$LAB-$1"; }

ns_list() { # those of this lab, without its name
	ip netns list | sed -n "s/^$LAB-\([^ ]*\).*/\1/p"
}

# ---- Hosts and containers --------------------------------------------------

# A machine on the underlay: eth0 with an address of each of its families, and default routes.
lab_machine() { # NAME NUMBER
	ns_add "$1" || return
	ip -n "$LAB-net" link add "$1" type veth peer name eth0 netns "$LAB-$1" || return
	ip -n "$LAB-net" link set "$1" master underlay up || return
	ip -n "$LAB-$1" link set eth0 up || return
	if [[ $LAB_UNDERLAY == *4* ]]; then
		ip -n "$LAB-$1" address add "192.168.0.$2/24" dev eth0 || return
		ip -n "$LAB-$1" route add default via "$LAB_GATEWAY" || return
	fi
	if [[ $LAB_UNDERLAY == *6* ]]; then
		ip -n "$LAB-$1" address add "fd00::$2/64" dev eth0 nodad || return
		ip -n "$LAB-$1" route add default via "$LAB_GATEWAY6" || return
	fi
}

host_address() { echo "192.168.0.${1#host}"; } # HOST
host_address6() { echo "fd00::${1#host}"; }    # HOST

# A host with a directory of its own, for weftd and for the plugin.
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
	local file ns
	for file in "$LAB_DIR"/pid/*; do
		[[ ! -e $file ]] || proc_stop "${file##*/}" KILL 2>/dev/null
	done
	# Whoever is left in one of our namespaces, a ping say, was started by us.
	for ns in $(ns_list); do
		ip netns pids "$LAB-$ns" | xargs -r kill -s KILL
	done
}

# Removes all that there is of a lab, whatever state it is in. Can be called twice.
lab_down() {
	local ns
	lab_end_processes
	for ns in $(ns_list); do
		ns_del "$ns"
	done
	[[ ! -L $LAB_DIR/etcd ]] || rm -rf "$(readlink "$LAB_DIR/etcd")"
	rm -rf "$LAB_DIR"
}
