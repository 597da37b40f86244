#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh: what weft costs, beside what else does the same, measured in one run in
# network namespaces. Needs root. The figures go to standard output and to
# bench.txt in the build directory; only the ratios mean anything elsewhere.
#
#   ADD and DEL    whole processes of weft, of Debian's bridge + host-local, and of
#                  floor.c, which makes the same kernel objects and nothing else
#   60 at once     ADDs that are started together
#   an address     that is used again: from its ADD's end to the first answer that a
#                  sibling, or the host, gets to the packets that they keep sending
#   peers          from weftd's exec until the kernel holds a route to each of
#                  1,000 nodes in etcd; beside etcdctl and iproute2's batch mode
#   memory         weftd then
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=tests/lib/lab.bash
source "$(dirname "${BASH_SOURCE[0]}")/../lib/lab.bash"

ROUNDS=${ROUNDS-50} # of ADD and DEL
STARTS=${STARTS-5}  # of weftd
MANY=60
PEERS=1000
PER_TXN=125 # etcd takes 128 operations in a transaction

work=$WEFT_BIN_DIR/bench

fail() {
	echo "bench: $*" >&2
	exit 1
}

median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }
ms() { awk -v us="$1" 'BEGIN { printf "%.2f ms", us / 1000 }'; }

row() { # WHAT FIGURE BESIDE ITS-FIGURE RATIO TARGET
	printf '%-34s %12s   %-26s %12s  %6s  %s\n' "$@"
}

# At most, or else said so.
target() { # VALUE MOST
	awk -v v="$1" -v m="$2" 'BEGIN { printf "%s %s", v <= m ? "met:" : "MISSED:", "at most " m }'
}

machine() {
	local cpu
	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	echo "$(date -u +%Y-%m-%d), $(nproc) x ${cpu:-$(uname -m)}, Linux $(uname -r)," \
		"$(. /etc/os-release && echo "$PRETTY_NAME"), $(etcd --version | head -n 1)," \
		"containernetworking-plugins $(dpkg-query -W -f '${Version}' containernetworking-plugins)"
}

# ---- ADD and DEL -----------------------------------------------------------

# command_dir DIRECTORY VERB NAMESPACE PROGRAM <CONFIGURATION: as spawn.c wants it.
command_dir() {
	mkdir -p "$1"
	cat >"$1/stdin"
	echo "$4" >"$1/argv"
	printf '%s\n' "CNI_COMMAND=$2" "CNI_CONTAINERID=$3" "CNI_NETNS=$(ns_path "$3")" \
		CNI_IFNAME=eth0 "CNI_PATH=$WEFT_CNI_REFERENCE" "PATH=$PATH" >"$1/env"
}

# floor_dirs NAME ARGUMENT...: making what floor.c makes, and removing it.
floor_dirs() {
	local dir=$LAB_DIR/spawn/$1
	mkdir -p "$dir-ADD" "$dir-DEL"
	shift
	printf '%s\n' "$work/floor" "$KERNEL_BRIDGE" eth0 "$(ns_path floor)" "$@" >"$dir-ADD/argv"
	printf '%s\n' "$(command -v ip)" link del floor0 >"$dir-DEL/argv"
	touch "$dir"-{ADD,DEL}/{env,stdin}
}

weft_config() { # FAMILIES
	cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 | jq -c --arg run "$LAB_DIR/$1" '.runDir = $run'
}

reference_config() { # FAMILIES
	local ranges='[{"subnet":"10.99.0.0/24"}]'
	[[ $1 != dual ]] || ranges+=',[{"subnet":"fd00:99::/64"}]'
	cat <<-JSON
		{"cniVersion":"1.0.0","name":"$1","type":"bridge","bridge":"cni-$1",
		 "isDefaultGateway":true,"hairpinMode":true,"ipam":{"type":"host-local",
		 "dataDir":"$LAB_DIR/host-local","ranges":[$ranges]}}
	JSON
}

# A run directory for each, so that both can be had without a dual-stack cluster.
publish() {
	mkdir -p "$LAB_DIR/single/networks" "$LAB_DIR/dual/networks" &&
		cp "$LAB_DIR/host1/run/networks/default.json" "$LAB_DIR/single/networks" &&
		jq '.families[1] = {cluster: "fd00:5::/48", subnet: "fd00:5:0:1::/64", gateway: "fd00:5:0:1::1"}' \
			"$LAB_DIR/single/networks/default.json" >"$LAB_DIR/dual/networks/default.json"
}

figure() { sed -n "s/^$1 //p" "$work/spawn.txt" | cut -d' ' -f"${2-1}" | median; } # NAME [COLUMN]

bench_plugin() {
	local dir=$LAB_DIR/spawn family verb subnet dirs=()
	subnet=$(host_subnet host1)
	ns_add ours && ns_add theirs && ns_add floor && publish || return
	for family in single dual; do
		for verb in ADD DEL; do
			command_dir "$dir/weft-$family-$verb" $verb ours "$WEFT_BIN_DIR/weft" \
				< <(weft_config $family)
			command_dir "$dir/bridge-$family-$verb" $verb theirs "$WEFT_CNI_REFERENCE/bridge" \
				< <(reference_config $family)
		done
		dirs+=("$dir"/{weft,bridge,floor}-"$family"-{ADD,DEL})
	done
	set -- "${subnet%.*}.250/24" "$(host_gateway host1)"
	floor_dirs floor-single "$@"
	floor_dirs floor-dual "$@" fd00:5:0:1::250/64 fd00:5:0:1::1
	ns_run host1 "$work/spawn" 3 50 "${dirs[@]}" >/dev/null || return # bridges are made, files are in memory
	ns_run host1 "$work/spawn" "$ROUNDS" 50 "${dirs[@]}" >"$work/spawn.txt" || return
	for family in single dual; do
		report_plugin $family
	done
	row 'weft, most memory of a process' "$(figure weft-dual-ADD 2) kB" 'bridge (without host-local)' \
		"$(figure bridge-dual-ADD 2) kB" "$(ratio "$(figure weft-dual-ADD 2)" "$(figure bridge-dual-ADD 2)")" \
		"$(target "$(ratio "$(figure weft-dual-ADD 2)" 1000)" 2.5) MB"
}

report_plugin() { # FAMILIES
	local add del add_ref del_ref floor
	add=$(figure "weft-$1-ADD") del=$(figure "weft-$1-DEL") floor=$(figure "floor-$1-ADD")
	add_ref=$(figure "bridge-$1-ADD") del_ref=$(figure "bridge-$1-DEL")
	row "weft ADD, $1 stack" "$(ms "$add")" 'floor: raw netlink alone' "$(ms "$floor")" \
		"$(ratio "$add" "$floor")" "$(target "$(ratio "$add" "$floor")" 1.5)"
	row "weft ADD, $1 stack" "$(ms "$add")" 'bridge + host-local' "$(ms "$add_ref")" \
		"$(ratio "$add" "$add_ref")" "$(target "$(ratio "$add" "$add_ref")" 0.2)"
	row "weft DEL, $1 stack" "$(ms "$del")" 'bridge + host-local' "$(ms "$del_ref")" \
		"$(ratio "$del" "$del_ref")" "$(target "$(ratio "$del" "$del_ref")" 0.125)"
}

# ---- Many at once ------------------------------------------------------------

# together_once PLUGIN VERB: microseconds for all of $MANY.
together_once() {
	ns_run host1 "$work/spawn" together "$LAB_DIR/many/$1"-*-"$2"
}

bench_together() {
	local i
	for ((i = 1; i <= MANY; i++)); do
		ns_add "m$i" || return
	done
	together_of single && together_of dual || return
	for ((i = 1; i <= MANY; i++)); do
		ns_del "m$i"
	done
}

together_of() { # FAMILIES
	local i verb add add_ref ours=() theirs=()
	for ((i = 1; i <= MANY; i++)); do
		for verb in ADD DEL; do
			command_dir "$LAB_DIR/many/weft-$i-$verb" $verb "m$i" "$WEFT_BIN_DIR/weft" \
				< <(weft_config "$1")
			command_dir "$LAB_DIR/many/bridge-$i-$verb" $verb "m$i" "$WEFT_CNI_REFERENCE/bridge" \
				< <(reference_config "$1")
		done
	done
	for ((i = 0; i < STARTS; i++)); do
		ours+=("$(together_once weft ADD)") && together_once weft DEL >/dev/null || return
		sleep 1 # the kernel frees devices in its own time
		theirs+=("$(together_once bridge ADD)") && together_once bridge DEL >/dev/null || return
		sleep 1
	done
	add=$(printf '%s\n' "${ours[@]}" | median) add_ref=$(printf '%s\n' "${theirs[@]}" | median)
	row "weft, $MANY ADDs at once, $1 stack" "$(ms "$add")" 'bridge + host-local' "$(ms "$add_ref")" \
		"$(ratio "$add" "$add_ref")" "$(target "$(ratio "$add" "$add_ref")" 0.125)"
}

# ---- An address that is used again ---------------------------------------------

# first_answer NAME TIME: microseconds from then until the first answer after it.
first_answer() {
	sed -n 's/^\[\([0-9]*\)\.\([0-9]*\)\].* bytes from .*/\1\2/p' "$LAB_DIR/log/$1" |
		awk -v t="$2" '$1 >= t { print $1 - t; exit }'
}
answered_after() { [[ -n $(first_answer "$1" "$2") ]]; }

bench_reuse() {
	local i now result address sibling=() host=() config
	ns_add sibling && ns_add first && ns_add second || return
	cni_add host1 sibling >/dev/null || return
	for ((i = 0; i < STARTS; i++)); do
		result=$(cni_add host1 first) && address=$(jq -r '.ips[0].address | split("/")[0]' <<<"$result") || return
		rm -f "$LAB_DIR/log/reuse-"*
		proc_start reuse-sibling sibling ping -D -n -i 0.002 "$address"
		proc_start reuse-host host1 ping -D -n -i 0.002 "$address"
		wait_for 5 answered_after reuse-sibling 0 && wait_for 5 answered_after reuse-host 0 || return
		cni_del host1 first || return
		config=$(cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 | jq -c --arg a "$address" '.args.cni.ips = [$a]')
		cni_exec ADD host1 second eth0 weft <<<"$config" >/dev/null || return
		now=$(now_us)
		wait_for 30 answered_after reuse-sibling "$now" && wait_for 30 answered_after reuse-host "$now" || return
		sibling+=("$(first_answer reuse-sibling "$now")") host+=("$(first_answer reuse-host "$now")")
		proc_stop reuse-sibling && proc_stop reuse-host || return
		cni_exec DEL host1 second eth0 weft <<<"$config" || return
	done
	report_reuse 'a sibling' "${sibling[@]}"
	report_reuse 'the host' "${host[@]}"
	cni_del host1 sibling
}

report_reuse() { # WHO MICROSECONDS...
	local who=$1 most
	shift
	most=$(printf '%s\n' "$@" | sort -n | tail -n 1)
	row "address again: $who reaches it" "$(ms "$most")" "after ADD, worst of $#" '' '' \
		"$(target "$(ratio "$most" 1000)" 50) ms"
}

# ---- Peers -------------------------------------------------------------------

peer_subnet() { echo "10.$((16 + $1 / 256)).$(($1 % 256)).0"; }
peer_mac() { printf '0e:00:00:00:%02x:%02x' $(($1 / 256)) $(($1 % 256)); }
peer_address() { echo "172.20.$(($1 / 250)).$(($1 % 250 + 1))"; }

# Transactions of etcdctl, a file each: no conditions, puts, nothing else.
write_txns() { # LEASE
	local i file
	rm -f "$LAB_DIR"/txn.*
	for ((i = 1; i <= PEERS; i++)); do
		file=$LAB_DIR/txn.$(((i - 1) / PER_TXN))
		[[ -e $file ]] || echo >"$file"
		echo "put $ETCD_PREFIX/subnets/$(peer_subnet "$i")-24" \
			"$(flannel_value "$(peer_address "$i")" "$(peer_mac "$i")") --lease=$1" >>"$file"
	done
	for file in "$LAB_DIR"/txn.*; do
		printf '\n\n' >>"$file"
	done
}

load_leases() {
	local file
	for file in "$LAB_DIR"/txn.*; do
		etcd_ctl txn <"$file" >/dev/null || return
	done
}

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

reference_once() { # microseconds of etcdctl and iproute2 for the same
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

# The route that was written last, in microseconds since the epoch: iproute2
# stamps every event as it reads it, in a socket that holds all of them.
monitor_start() {
	rm -f "$LAB_DIR/log/routes"
	proc_start routes host1 ip -4 -ts -rcvbuf 33554432 monitor route
	wait_for 5 monitor_hears
}
monitor_hears() {
	ip -n "$LAB-host1" route del 10.98.0.0/24 dev eth0 2>/dev/null # what changes nothing is not told
	ip -n "$LAB-host1" route add 10.98.0.0/24 dev eth0
	grep -q 10.98.0.0/24 "$LAB_DIR/log/routes"
}
monitor_last() {
	local stamp
	stamp=$(grep ' proto 119 ' "$LAB_DIR/log/routes" | tail -n 1 | sed 's/^\[\([^]]*\)\].*/\1/')
	date -d "$stamp" +%s%6N
}

forget_host1() { # kernel's tables and, with all, also what the node knows of itself
	weftd_stop host1 KILL
	ip -n "$LAB-host1" link del weft-vx1
	ip -n "$LAB-host1" link del weft-br1
	rm -rf "$LAB_DIR/host1/run"
	[[ ${1-} != all ]] || {
		etcd_del "$(etcd_key_of host1)"
		rm -rf "$LAB_DIR/host1/state"
	}
}

start_once() { # microseconds from exec until all routes are there
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
	write_txns "$lease"
	write_batches
	monitor_start || return
	load_leases || return
	loaded=$(now_us)
	wait_for 30 monitor_saw $PEERS && has_routes $PEERS || return
	loaded=$(($(monitor_last) - loaded))
	proc_stop routes
	for ((i = 0; i < STARTS; i++)); do
		forget_host1
		again+=("$(start_once)") || return
		forget_host1 all
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
	row "exec to $PEERS peers, known node" "$(ms "$start")" 'etcdctl + iproute2 -batch' \
		"$(ms "$by_hand")" "$(ratio "$start" "$by_hand")" "$(target "$(ratio "$start" 1000000)" 0.3) s"
	row "exec to $PEERS peers, new node" "$(ms "$join")" 'etcdctl + iproute2 -batch' \
		"$(ms "$by_hand")" "$(ratio "$join" "$by_hand")" "$(target "$(ratio "$join" 1000000)" 0.3) s"
	row "running: last key to last peer" "$(ms $((loaded > 0 ? loaded : 0)))" \
		'exec to peers, known node' "$(ms "$start")" "$(ratio $((loaded > 0 ? loaded : 0)) "$start")" ''
	row "resident with $PEERS peers" "$rss kB" 'with none' "$rss0 kB" "$(ratio "$rss" "$rss0")" \
		"$(target "$(ratio "$rss" 1000)" 14) MB"
	row "of it anonymous" "$anon kB" 'with none' "$anon0 kB" "$(ratio "$anon" "$anon0")" \
		"$(target "$(ratio "$anon" 1000)" 3) MB"
}

# The node's own subnet lies above those of its peers.
stand_up() {
	lab_open "weft-bench-$$" && lab_hosts 1 && etcd_machine && etcd_start &&
		etcd_config '{"Network":"10.16.0.0/12","SubnetLen":24,"SubnetMin":"10.31.0.0"}' &&
		weftd_start host1 && weftd_ready host1
}

main() {
	((EUID == 0)) || fail 'it makes network namespaces, and needs root: sudo make bench'
	mkdir -p "$work"
	"${CC-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -o "$work/spawn" \
		"$WEFT_REPO/tests/bench/spawn.c" || fail 'spawn.c does not compile'
	"${CC-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -static -o "$work/floor" \
		"$WEFT_REPO/tests/bench/floor.c" || fail 'floor.c does not compile'
	trap lab_down EXIT
	trap 'exit 130' INT TERM HUP
	stand_up || fail 'the lab does not stand'
	{
		machine
		row '' figure beside 'its figure' ratio 'target'
		bench_plugin || fail 'ADD and DEL were not measured'
		bench_together || fail 'many ADDs at once were not measured'
		bench_reuse || fail 'an address that is used again was not measured'
		bench_peers || fail 'peers were not measured'
	} | tee "$work/bench.txt.new" || exit 1
	mv "$work/bench.txt.new" "$WEFT_BIN_DIR/bench.txt"
}

main
