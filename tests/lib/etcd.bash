# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian's etcd in the lab, and the content of the store. Sourced by lab.bash.

ETCD_URL=http://192.168.0.250:2379
ETCD_URL6='http://[fd00::250]:2379'
ETCD_PREFIX=/coreos.com/network
: "${WEFT_TEST_LEASE_TTL:=15}" # seconds; nodes on a slow machine cannot renew a short lease in time

etcd_machine() { LAB_UNDERLAY=46 lab_machine etcd 250; }

# The data is in memory, because etcd waits for the disk with each write, and a busy disk delays it by
# seconds. etcd preallocates 128 MB, which a small machine's /run may lack: /dev/shm is used if it
# has room for many labs, else the disk.
etcd_data_dir() {
	local parent=/var/tmp free
	free=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)
	((${free:-0} < 4 << 20)) || parent=/dev/shm # KiB
	[[ -L $LAB_DIR/etcd ]] || ln -s "$(mktemp -d "$parent/$LAB-etcd.XXXXXX")" "$LAB_DIR/etcd"
}

etcd_start() {
	etcd_data_dir || return
	proc_start etcd etcd etcd --name lab --data-dir "$LAB_DIR/etcd/data" \
		--listen-client-urls "$ETCD_URL,$ETCD_URL6,http://127.0.0.1:2379" \
		--advertise-client-urls "$ETCD_URL,$ETCD_URL6" \
		--listen-peer-urls http://127.0.0.1:2380 \
		--initial-advertise-peer-urls http://127.0.0.1:2380 \
		--initial-cluster lab=http://127.0.0.1:2380 --logger zap --log-level warn
	wait_for 20 etcd_ctl endpoint health
}

# etcd_snapshot FILE: saves etcd's content to a new file.
etcd_snapshot() { etcd_ctl snapshot save "$1" >/dev/null; }

# etcd_restore FILE: restarts etcd with the content of the snapshot.
etcd_restore() {
	etcd_stop KILL
	rm -rf "$LAB_DIR/etcd/data"
	ETCDCTL_API=3 etcdctl snapshot restore "$1" --name lab --data-dir "$LAB_DIR/etcd/data" \
		--initial-cluster lab=http://127.0.0.1:2380 \
		--initial-advertise-peer-urls http://127.0.0.1:2380 2>>"$LAB_DIR/log/restore" || return
	etcd_start
}

etcd_stop() { proc_stop etcd "${1-TERM}"; }

etcd_ctl() {
	ETCDCTL_API=3 ns_run etcd etcdctl --endpoints=http://127.0.0.1:2379 "$@"
}

# The endpoint flags of a host's weftd.
etcd_flags() { # HOST
	local url=$ETCD_URL
	ip -n "$LAB-$1" -4 address show dev eth0 | grep -q inet || url=$ETCD_URL6
	echo --etcd-endpoints "$url"
}

# etcd_config [JSON]: writes the network's configuration; by default with the lease TTL above, and
# 10.5.1.0 to 10.5.99.0 for nodes, so that tests can use the other subnets.
etcd_config() {
	etcd_ctl put "$ETCD_PREFIX/config" "${1-$(etcd_config_default)}" >/dev/null
}

etcd_config_default() {
	printf %s '{"Network":"10.5.0.0/16","SubnetLen":24,"SubnetMin":"10.5.1.0"' \
		',"SubnetMax":"10.5.99.0","Backend":{"Type":"vxlan","VNI":1}' \
		",\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL}}"
}

# etcd_put KEY VALUE [OPTION...]: writes a lease.
etcd_put() {
	local key=$1 value=$2
	shift 2
	etcd_ctl put "$@" -- "$ETCD_PREFIX/subnets/$key" "$value" >/dev/null
}

etcd_del() { etcd_ctl del "$ETCD_PREFIX/subnets/$1" >/dev/null; }

# Prints the leases, one line each: key, tab, value.
etcd_leases() {
	etcd_ctl get --prefix "$ETCD_PREFIX/subnets/" -w json | jq -r --arg p "$ETCD_PREFIX/subnets/" \
		'.kvs // [] | .[] | "\(.key | @base64d | ltrimstr($p))\t\(.value // "" | @base64d)"'
}

# Prints a free subnet of those for nodes: 10.5.N.0.
etcd_free_subnet() {
	local i
	for ((i = 1; i < 100; i++)); do
		etcd_leases | grep -q "^10\.5\.$i\.0-24" || break
	done
	echo "10.5.$i.0"
}

# The key, or the value, of a host's lease. The host is identified by its address.
etcd_key_of() { # HOST
	etcd_leases | awk -F '\t' -v p="\"PublicIP\":\"$(host_address "$1")\"" 'index($2, p) { print $1 }'
}

etcd_value_of() { # HOST
	etcd_leases | awk -F '\t' -v p="\"PublicIP\":\"$(host_address "$1")\"" 'index($2, p) { print $2 }'
}

# Writes the network's configuration with these members beside the lease TTL.
etcd_config_of() { # MEMBERS [WEFT MEMBERS]
	etcd_config "{$1,\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL${2:+,$2}}}"
}

# A lease in flannel's format.
flannel_value() { # ADDRESS MAC [VNI]
	printf '{"PublicIP":"%s","PublicIPv6":null,"BackendType":"vxlan",' "$1"
	printf '"BackendData":{"VNI":%s,"VtepMAC":"%s"}}' "${3-1}" "$2"
}
