# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The time from weftd's exec until the kernel has a route to each of 1,000 nodes in etcd, compared
# with etcdctl and iproute2's batch mode, and weftd's memory with these peers. Sourced by run.sh.

PEERS=1000

peer_subnet() { echo "10.$((16 + $1 / 256)).$(($1 % 256)).0"; }
peer_mac() { printf '0e:00:00:00:%02x:%02x' $(($1 / 256)) $(($1 % 256)); }
peer_address() { echo "172.20.$(($1 / 250)).$(($1 % 250 + 1))"; }

# Writes the `put` commands of the leases.
write_puts() { # LEASE
	local i
	for ((i = 1; i <= PEERS; i++)); do
		echo "put $ETCD_PREFIX/subnets/$(peer_subnet "$i")-24" \
			"$(flannel_value "$(peer_address "$i")" "$(peer_mac "$i")") --lease=$1"
	done >"$LAB_DIR/leases"
}

load_leases() { put_all <"$LAB_DIR/leases"; }

# The same entries as commands of iproute2.
write_batches() {
	local i
	rm -f "$LAB_DIR"/batch.*
	for ((i = 1; i <= PEERS; i++)); do
		echo "neigh replace $(peer_subnet "$i") lladdr $(peer_mac "$i") dev br0 nud permanent" >&4
		echo "fdb replace $(peer_mac "$i") dev vx0 dst $(peer_address "$i") self permanent" >&5
		echo "fdb replace $(peer_mac "$i") dev vx0 master static" >&5
		echo "route replace $(peer_subnet "$i")/24 via $(peer_subnet "$i") dev br0 onlink" \
			"src 10.16.0.1 proto 119 metric $i" >&6
	done 4>"$LAB_DIR/batch.neigh" 5>"$LAB_DIR/batch.fdb" 6>"$LAB_DIR/batch.route"
}

reference_once() { # prints the microseconds of etcdctl and iproute2 for the same entries
	local began
	ns_add batch && ip -n "$LAB-batch" link add br0 type bridge &&
		ip -n "$LAB-batch" address add 10.16.0.1/24 dev br0 &&
		ip -n "$LAB-batch" link add vx0 type vxlan id 1 dstport 8472 nolearning &&
		ip -n "$LAB-batch" link set vx0 master br0 up && ip -n "$LAB-batch" link set br0 up || return
	began=$(now_us)
	etcd_ctl get --prefix "$ETCD_PREFIX/subnets/" >/dev/null &&
		ip -n "$LAB-batch" -batch "$LAB_DIR/batch.neigh" &&
		bridge -n "$LAB-batch" -batch "$LAB_DIR/batch.fdb" &&
		ip -n "$LAB-batch" -batch "$LAB_DIR/batch.route" || return
	echo $(($(now_us) - began))
	ns_del batch
}

routes() { ip -n "$LAB-host1" -4 route show proto 0x77 | wc -l; }
has_routes() { (($(routes) == $1)); }
monitor_saw() { (($(grep -c ' proto 119 ' "$LAB_DIR/log/routes") >= $1)); }

# Records the time of the last written route. iproute2 prints the time at which it reads each event;
# its socket buffer holds all of them.
monitor_start() { # in the namespace MONITORED, by default host1
	rm -f "$LAB_DIR/log/routes"
	proc_start routes "${MONITORED-host1}" ip -4 -ts -rcvbuf 33554432 monitor route
	wait_for 5 monitor_works
}
monitor_works() {
	ip -n "$LAB-${MONITORED-host1}" route del 198.19.0.0/24 dev eth0 2>/dev/null # the kernel reports only actual changes
	ip -n "$LAB-${MONITORED-host1}" route add 198.19.0.0/24 dev eth0
	grep -q 198.19.0.0/24 "$LAB_DIR/log/routes"
}
monitor_last() {
	local stamp
	stamp=$(grep ' proto 119 ' "$LAB_DIR/log/routes" | tail -n 1 | sed 's/^\[\([^]]*\)\].*/\1/')
	date -d "$stamp" +%s%6N
}

reset_host1() { # removes the kernel entries and, with "all", the node's identity
	weftd_stop host1 KILL
	ip -n "$LAB-host1" link del weft-vx1
	ip -n "$LAB-host1" link del weft-br1
	rm -rf "$LAB_DIR/host1/run"
	[[ ${1-} != all ]] || {
		etcd_del "$(etcd_key_of host1)"
		rm -rf "$LAB_DIR/host1/state"
	}
}

start_once() { # prints the microseconds from exec until all routes exist
	local began
	monitor_start || return
	began=$(now_us)
	weftd_start host1
	wait_for 60 monitor_saw $PEERS || return
	has_routes $PEERS || return
	proc_stop routes
	echo $(($(monitor_last) - began))
}

memory_of() { sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$(weftd_pid host1)/status"; }

bench_peers() {
	local i lease loaded again=() joins=() reference=() rss anon rss0 anon0
	rss0=$(memory_of VmRSS) anon0=$(memory_of RssAnon)
	lease=$(etcd_ctl lease grant 3600 | awk '{ print $2 }')
	write_puts "$lease"
	write_batches
	monitor_start || return
	load_leases || return
	loaded=$(now_us)
	wait_for 30 monitor_saw $PEERS && has_routes $PEERS || return
	loaded=$(($(monitor_last) - loaded))
	proc_stop routes
	for ((i = 0; i < STARTS; i++)); do
		reset_host1
		again+=("$(start_once)") || return
		reset_host1 all
		joins+=("$(start_once)") || return
		reference+=("$(reference_once)") || return
	done
	weftd_ready host1 || return
	rss=$(memory_of VmRSS) anon=$(memory_of RssAnon)
	report_peers
}

report_peers() {
	local start join by_hand
	start=$(printf '%s\n' "${again[@]}" | median)
	join=$(printf '%s\n' "${joins[@]}" | median)
	by_hand=$(printf '%s\n' "${reference[@]}" | median)
	row "exec to $PEERS peers, existing node" "$(ms "$start")" 'etcdctl + iproute2 -batch' \
		"$(ms "$by_hand")" "$(ratio "$start" "$by_hand")" "$(target "$(ratio "$start" 1000000)" 0.3) s"
	row "exec to $PEERS peers, new node" "$(ms "$join")" 'etcdctl + iproute2 -batch' \
		"$(ms "$by_hand")" "$(ratio "$join" "$by_hand")" "$(target "$(ratio "$join" 1000000)" 0.3) s"
	row "running: last key to last peer" "$(ms $((loaded > 0 ? loaded : 0)))" \
		'exec to peers, existing node' "$(ms "$start")" "$(ratio $((loaded > 0 ? loaded : 0)) "$start")" ''
	row "resident with $PEERS peers" "$rss kB" 'without peers' "$rss0 kB" "$(ratio "$rss" "$rss0")" \
		"$(target "$(ratio "$rss" 1000)" 14) MB"
	row "anonymous with $PEERS peers" "$anon kB" 'without peers' "$anon0 kB" "$(ratio "$anon" "$anon0")" \
		"$(target "$(ratio "$anon" 1000)" 3) MB"
}
