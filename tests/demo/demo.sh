#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh: three hosts in network namespaces with etcd or a file as their store, a weftd on each host
# and two containers on each. Prints the leases, the kernel entries, a captured frame, and the
# effects of a host's death and return. Needs root, takes half a minute and leaves nothing. The
# first step that fails is printed with its output, and ends the demo with status 1.
#
#   demo.sh          KEEP=1 keeps the lab; STORE=file uses a file in place of etcd
#   demo.sh down     removes a lab that was kept
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin

LAB_STORE=${STORE:-etcd}
# shellcheck source=tests/lib/lab.bash
source "$(dirname "${BASH_SOURCE[0]}")/../lib/lab.bash"

HOSTS=(host1 host2 host3)
CONTAINERS=(c11 c12 c21 c22 c31 c32) # c12: the second container of host1
VXLAN_PORT=8472
NETWORK='{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":1},"Weft":{"LeaseTTL":'$WEFT_TEST_LEASE_TTL'}}'
DEMO=${WEFT_DEMO_NAME-weft-demo} # the tests use another name than a user's demo

# ---- Output ----------------------------------------------------------------

bold='' dim='' good='' bad='' plain='' tty=''
if [[ -t 1 ]]; then
	tty=yes
	if [[ -z ${NO_COLOR-} ]]; then
		bold=$'\e[1m' dim=$'\e[2m' good=$'\e[32m' bad=$'\e[31m' plain=$'\e[m'
	fi
fi
step=0 began=$(now_us)

seconds_since() { # MICROSECONDS
	local us=$(($(now_us) - $1))
	printf '%d.%d s' $((us / 1000000)) $((us / 100000 % 10))
}

progress() { [[ -z $tty ]] || printf '\r\e[K%s    %s ...%s' "$dim" "$*" "$plain"; }
progress_end() { [[ -z $tty ]] || printf '\r\e[K'; }

title() {
	progress_end
	printf '\n%s%2d. %s%s\n' "$bold" $((step += 1)) "$*" "$plain"
}

say() { progress_end && printf '    %s\n' "$*"; }
show() { progress_end && sed -e 's/^/    /' -e 's/ *$//'; } # prints standard input
say_ok() { say "${good}ok${plain}  $*"; }

fail() { # WHAT [OUTPUT]
	local host
	progress_end
	printf '\n%sFAILED in step %d: %s%s\n' "$bad" "$step" "$1" "$plain"
	[[ -z ${2-} ]] || printf '%s\n' "$2" | sed 's/^/  | /'
	for host in "${HOSTS[@]}"; do
		[[ ! -s $LAB_DIR/log/$host-weftd ]] ||
			{ echo "  last lines of weftd on $host:" && weftd_log "$host" 8 | sed 's/^/  | /'; }
	done
	exit 1
}

must() { # WHAT COMMAND...: ends the demo with the command's output if it fails
	local what=$1 output
	shift
	progress "$what"
	output=$("$@" 2>&1) || fail "$what" "$output"
}

# ---- A single instance -----------------------------------------------------

refuse() {
	echo "demo: $*" >&2
	exit 1
}

check_machine() {
	local tool missing=() needed=(ip bridge nsenter setsid jq ping tcpdump)
	[[ $LAB_STORE =~ ^(etcd|file)$ ]] || refuse "STORE=$LAB_STORE is not a store; allowed: etcd, file"
	((EUID == 0)) || refuse 'creating network namespaces needs root: sudo make demo'
	for tool in weft weftd weftctl; do
		[[ -x $WEFT_BIN_DIR/$tool ]] || refuse "$WEFT_BIN_DIR/$tool does not exist; run: make"
	done
	[[ $LAB_STORE == file ]] || needed+=(etcd etcdctl)
	for tool in "${needed[@]}"; do
		command -v "$tool" >/dev/null || missing+=("$tool")
	done
	((!${#missing[@]})) || refuse "not installed: ${missing[*]}; run: sudo make deps"
}

owner_pid() { # the pid of the running demo
	local pid start
	read -r pid start 2>/dev/null <"$LAB_DIR/demo.pid" || return 1
	[[ $(pid_began "$pid") == "$start" ]] && echo "$pid"
}

# Called with the lock held. Ends with an error if another demo runs or a lab was kept.
acquire_lab() {
	local pid
	if pid=$(owner_pid); then
		refuse "another demo is running (process $pid); wait for it, or: sudo kill $pid"
	elif [[ -e $LAB_DIR/kept ]]; then
		refuse "the lab of an earlier demo was kept; remove it first: sudo $WEFT_REPO/tests/demo/demo.sh down"
	elif [[ -d $LAB_DIR ]]; then
		echo 'demo: removing the lab of a killed demo' >&2
		lab_down
	fi
	trap finish EXIT
	lab_open "$DEMO" || refuse "cannot create network namespaces"
	echo "$$ $(pid_began $$)" >"$LAB_DIR/demo.pid"
}

finish() {
	local status=$?
	trap '' INT TERM HUP PIPE
	progress_end 2>/dev/null
	if [[ -n ${KEEP-} && $status == 0 ]]; then
		rm -f "$LAB_DIR/demo.pid"
		touch "$LAB_DIR/kept"
	else
		lab_down
	fi
	exit "$status"
}

down() {
	local pid
	if pid=$(owner_pid); then
		refuse "the demo is running (process $pid) and removes its lab when it ends: sudo kill $pid"
	elif [[ -d $LAB_DIR ]]; then
		lab_down
		echo 'demo: removed'
	else
		echo 'demo: none to remove'
	fi
}

# ---- The steps -------------------------------------------------------------

step_underlay() {
	local with="Debian's etcd" place="$ETCD_PREFIX/config = " etcd='           etcd'
	local address='     192.168.0.250' wire='---------------+--'
	if [[ $LAB_STORE == file ]]; then
		with='a file' place="$(store_file):"$'\n' etcd='' address='' wire=''
	fi
	title "Three hosts on one underlay, and $with"
	must 'hosts in network namespaces' lab_hosts 3
	must "the network configuration in $with" store_start "$NETWORK"
	show <<-DRAWING
		    host1           host2           host3$etcd
		 192.168.0.1     192.168.0.2     192.168.0.3$address
		      |               |               |${etcd:+               |}
		  ----+---------------+--- underlay --+-$wire---

		$place$(store_text)
	DRAWING
}

# Prints the content of the store, in etcd below a prefix.
store_text() { # [PREFIX]
	if [[ $LAB_STORE == file ]]; then
		cat "$(store_file)"
	elif [[ ${1-} ]]; then
		etcd_ctl get --prefix "$ETCD_PREFIX/$1"
	else
		etcd_ctl get --print-value-only "$ETCD_PREFIX/config"
	fi
}

step_daemons() {
	local host
	title "weftd on each host acquires a lease; the leases in the $LAB_STORE, in flannel's format"
	for host in "${HOSTS[@]}"; do
		must "weftd on $host" weftd_start "$host"
	done
	must 'each weftd is ready' weftd_ready "${HOSTS[@]}"
	must 'the kernel of each host is in sync with the leases' kernel_settled "${HOSTS[@]}"
	store_text subnets/ |
		sed -e 's/,"BackendType"/,\n  "BackendType"/' -e 's/,"Weft"/,\n  "Weft"/' -e 's/^{/ &/' | show
}

add_container() { # NAME
	local host=host${1:1:1} address
	address=$(container_add "$host" "$1") || return
	printf '%s  on %s  eth0 %-13s %s  %s\n' "$1" "$host" "$address" \
		"$(jq -r '.result.interfaces[2].mac' "$(cni_result_file "$host" "$1")")" \
		"$(container_veth "$host" "$1")"
}

step_containers() {
	local name text
	title 'Two containers on each host: CNI_COMMAND=ADD through conf/10-weft.conflist'
	for name in "${CONTAINERS[@]}"; do
		progress "ADD of $name"
		text=$(add_container "$name" 2>&1) || fail "ADD of $name" "$text"
		say "$text"
	done
}

step_entries() {
	title 'The entries of the two peers in the kernel of host1: ARP, FDB, route'
	say "${dim}# ip neigh show dev $KERNEL_BRIDGE nud permanent$plain"
	ip -n "$LAB-host1" neigh show dev "$KERNEL_BRIDGE" nud permanent | show
	say "$dim# bridge fdb show dev $KERNEL_VXLAN$plain"
	kernel_have host1 | sed -n 's/^fdb //p' | show
	say "${dim}# ip route show dev $KERNEL_BRIDGE proto 119$plain"
	ip -n "$LAB-host1" -4 route show dev "$KERNEL_BRIDGE" proto 119 | show
	must 'the entries match the leases' kernel_agrees host1
	say_ok 'the kernel has the entries that the leases require, and no others'
}

overlay_address() { # NAME of a container or host
	case $1 in
	host*) host_gateway "$1" ;;
	*) container_address "host${1:1:1}" "$1" ;;
	esac
}

# Prints a row: the round-trip time of a ping to each other name in milliseconds, or "lost".
matrix_row() { # FROM NAME...
	local from=$1 to rtt pids=() dir=$LAB_DIR/ping
	shift
	for to; do
		[[ $to == "$from" ]] && continue
		ns_run "$from" ping -n -q -c 1 -W 3 "${address[$to]}" >"$dir/$from-$to" 2>&1 &
		pids+=($!)
	done
	wait "${pids[@]}"
	printf '%-6s' "$from"
	for to; do
		rtt=$(sed -n 's|^rtt [^=]*= \([0-9.]*\)/.*|\1|p' "$dir/$from-$to" 2>/dev/null)
		if [[ $to == "$from" ]]; then
			printf '%8s' .
		elif [[ -n $rtt ]]; then
			printf '%8.2f' "$rtt"
		else
			printf '%s%8s%s' "$bad" lost "$plain"
			lost+=("$from to $to (${address[$to]})")
		fi
	done
	printf '\n'
}

# Prints the matrix of round-trip times. Lost packets are in $lost.
matrix() { # NAME...
	local name
	lost=()
	mkdir -p "$LAB_DIR/ping"
	for name; do
		address[$name]=$(overlay_address "$name")
	done
	printf '    %s%-6s' "$dim" ms
	printf '%8s' "$@"
	printf '%s\n' "$plain"
	for name; do
		printf '    '
		matrix_row "$name" "$@"
	done
}

step_matrix() {
	local -A address=()
	local lost=() all=("${CONTAINERS[@]}" "${HOSTS[@]}")
	title 'Containers and hosts reach each other: round-trip time from each row to each column'
	progress_end
	matrix "${all[@]}"
	((!${#lost[@]})) || fail 'packets are lost' "$(printf '%s\n' "${lost[@]}")"
	say_ok "$((${#all[@]} * (${#all[@]} - 1))) of $((${#all[@]} * (${#all[@]} - 1))) answered"
}

# ---- A captured frame --------------------------------------------------------

# These functions read $frame, an array of bytes in hexadecimal.
as_number() { # AT LENGTH
	local IFS=''
	echo $((16#${frame[*]:$1:$2}))
}
as_mac() { # AT
	local IFS=:
	echo "${frame[*]:$1:6}"
}
as_ipv4() { # AT
	echo "$(as_number "$1" 1).$(as_number $(($1 + 1)) 1).$(as_number $(($1 + 2)) 1).$(as_number $(($1 + 3)) 1)"
}

# Ethernet, IPv4, UDP, VXLAN (RFC 7348 section 5), Ethernet, IPv4, ICMP.
dissect() {
	udp=$((14 + (16#${frame[14]} & 15) * 4)) vxlan=$((udp + 8)) inner=$((vxlan + 8))
	icmp=$((inner + 14 + (16#${frame[inner + 14]} & 15) * 4))
	outer_from=$(as_ipv4 26) outer_to=$(as_ipv4 30)
	port=$(as_number $((udp + 2)) 2) vni=$(as_number $((vxlan + 4)) 3)
	inner_mac=$(as_mac $inner)
	inner_from=$(as_ipv4 $((inner + 26))) inner_to=$(as_ipv4 $((inner + 30)))
}

draw_frame() {
	local outer='|  %-9s %-40s %s\n' within='|  |  %-9s %-37s %s\n'
	echo '+--'
	# shellcheck disable=SC2059 # the formats are right above
	{
		printf "$outer" Ethernet "$(as_mac 6) > $(as_mac 0)" 'host1 > host3'
		printf "$outer" IPv4 "$outer_from > $outer_to" 'the underlay'
		printf "$outer" UDP "$(as_number "$udp" 2) > $port"
		printf "$outer" VXLAN "VNI $vni"
		echo '|  +--'
		printf "$within" Ethernet "$(as_mac $((inner + 6))) > $inner_mac" 'VTEP of host1 > of host3'
		printf "$within" IPv4 "$inner_from > $inner_to" 'c11 > c31'
		printf "$within" ICMP "type $(as_number "$icmp" 1), code $(as_number $((icmp + 1)) 1)" \
			'echo request'
	}
	echo "|  +-- $((${#frame[@]} - inner)) bytes"
	echo "+-- ${#frame[@]} bytes"
}

capture_frame() {
	local file=$LAB_DIR/frame.pcap
	proc_start capture net tcpdump -n -U -c 1 -i underlay -w "$file" \
		"udp port $VXLAN_PORT and src $(host_address host1) and dst $(host_address host3)" || return
	wait_for 5 grep -q 'listening on' "$LAB_DIR/log/capture" || return
	ns_run c11 ping -n -q -c 1 -W 2 "$(container_address host3 c31)" || return
	wait_for 5 not proc_pid capture
}

step_frame() {
	local frame udp vxlan inner icmp outer_from outer_to port vni inner_mac inner_from inner_to
	title 'The headers of a frame on the underlay: c11 pings c31'
	must 'the capture of a frame' capture_frame
	read -ra frame < <(tcpdump -n -xx -r "$LAB_DIR/frame.pcap" 2>/dev/null |
		sed -n 's/^\t0x[0-9a-f]*: *//p' | tr -d ' \n' | sed 's/../& /g')
	((${#frame[@]} >= 92)) || fail 'the capture of a frame' "$(tcpdump -r "$LAB_DIR/frame.pcap" 2>&1)"
	dissect
	draw_frame | show
	[[ "$outer_from $outer_to" == "192.168.0.1 192.168.0.3" ]] || fail "the outer addresses are not the hosts'"
	[[ "$port $vni" == "$VXLAN_PORT 1" ]] || fail "the port is not $VXLAN_PORT, or the VNI is not 1"
	[[ $inner_mac == "$(store_value_of host3 | jq -r .BackendData.VtepMAC)" ]] ||
		fail "the inner destination is not the MAC in host3's lease"
	[[ "$inner_from $inner_to" == "$(container_address host1 c11) $(container_address host3 c31)" ]] ||
		fail "the inner addresses are not the containers'"
	say_ok "the outer addresses are the hosts', the inner ones the containers'"
}

# ---- A host dies, and returns ------------------------------------------------

names_host3() { kernel_have "$1" | grep -F -e "$(host_address host3)" -e "$subnet" -e "$mac"; }
lease_is_gone() { [[ -z $(store_key_of host3) ]]; }

step_death() {
	local subnet mac died lost
	subnet=$(host_subnet host3) mac=$(store_value_of host3 | jq -r .BackendData.VtepMAC)
	subnet=${subnet%/*}
	if [[ $LAB_STORE == file ]]; then
		title 'host3 dies: weftd killed, link down; the operator removes its lease from the file'
	else
		title 'host3 dies: weftd killed, link down; its lease expires after its TTL of '"$WEFT_TEST_LEASE_TTL s"
	fi
	proc_start flow c11 ping -n -q -i 0.01 "$(container_address host2 c21)"
	died=$(now_us)
	must 'weftd on host3 is killed' weftd_stop host3 KILL
	must 'the link of host3 is down' lab_link host3 down
	# shellcheck disable=SC2016 # jq's variable
	[[ $LAB_STORE != file ]] || must 'its lease is removed' \
		store_file_edit 'del(.subnets[$key])' --arg key "$subnet-24"
	must 'end of its lease' wait_for 20 lease_is_gone
	say "after $(seconds_since "$died"): the lease $subnet-24 is removed from the $LAB_STORE"
	must 'removal of its entries from host1' wait_for 10 not names_host3 host1
	must 'removal of its entries from host2' wait_for 10 not names_host3 host2
	say "after $(seconds_since "$died"): host1 and host2 have no entry for it; the entries of host1:"
	kernel_have host1 | sed 's/^/  /' | show
	must 'the kernels of host1 and host2 are in sync with the leases' kernel_settled host1 host2
	must 'the flow from c11 to c21 ends' proc_stop flow INT # ping then prints its statistics
	lost=$(awk '/packets transmitted/ { print $1 - $4 " of " $1 }' "$LAB_DIR/log/flow")
	# The reply to the last packet may be missing, since ping was stopped.
	[[ $lost =~ ^[01]\ of ]] || fail 'packets from c11 to c21 are lost meanwhile' "$(proc_log flow)"
	say_ok "traffic from c11 to c21 meanwhile: ${lost#* of } packets, none lost"
}

step_return() {
	local before
	before=$(jq -r '.networks.default | "\(.subnet) \(.vtepMac)"' "$LAB_DIR/host3/state/node.json")
	title 'host3 returns with its subnet and MAC'
	must 'the link of host3 is up' lab_link host3 up
	must 'weftd on host3' weftd_start host3
	must 'weftd on host3 is ready' weftd_ready host3
	must 'the kernels of all hosts are in sync with the leases' kernel_settled "${HOSTS[@]}"
	[[ "$(host_subnet host3) $(store_value_of host3 | jq -r .BackendData.VtepMAC)" == "$before" ]] ||
		fail "host3 has another subnet or MAC than $before" "$(store_leases)"
	must 'c31 reaches c11' wait_for 5 ns_run c31 ping -n -q -c 1 -W 1 "$(container_address host1 c11)"
	say_ok "same subnet and MAC: $before; c31 reaches c11"
	ns_run host1 "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/host1/run" peers | show
}

step_delete() {
	local address veth
	address=$(container_address host1 c12) veth=$(container_veth host1 c12)
	title 'A container is removed: CNI_COMMAND=DEL for c12'
	must 'c12 is reachable before' ns_run c21 ping -n -q -c 1 -W 2 "$address"
	must 'DEL of c12' cni_del host1 c12
	must 'removal of its veth' not ip -n "$LAB-host1" link show "$veth"
	must 'removal of its interface' not ip -n "$LAB-c12" link show eth0
	must 'removal of its record' not grep -rq --exclude='events*' c12 "$LAB_DIR/host1/run"
	must 'its address is unreachable' not ns_run c21 ping -n -q -c 1 -W 1 "$address"
	say_ok "address $address, device $veth and record are removed"
	must 'a second DEL succeeds' cni_del host1 c12
}

# ---- The end -----------------------------------------------------------------

kept_text() {
	local store="ip netns exec $LAB-etcd env ETCDCTL_API=3 etcdctl get --prefix $ETCD_PREFIX"
	[[ $LAB_STORE != file ]] || store="cat $(store_file)"
	cat <<-TEXT

		The lab is kept. To inspect it, as root:

		  # from a container of host1 to one of host3
		  ip netns exec $LAB-c11 ping $(container_address host3 c31)
		  # a host's routes; likewise: ip neigh, bridge fdb
		  ip netns exec $LAB-host1 ip route
		  # the packets of the underlay
		  ip netns exec $LAB-net tcpdump -ni underlay
		  # the store
		  $store
		  # status, peers and log of weftd on host1
		  $WEFT_BIN_DIR/weftctl --run-dir $LAB_DIR/host1/run status
		  $WEFT_BIN_DIR/weftctl --run-dir $LAB_DIR/host1/run peers
		  tail -f $LAB_DIR/log/host1-weftd

		To remove it: sudo $WEFT_REPO/tests/demo/demo.sh down
	TEXT
}

main() {
	lab_use "$DEMO"
	check_machine
	{
		flock -n 9 || refuse 'another demo is starting'
		acquire_lab
	} 9<"${BASH_SOURCE[0]}"
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	trap 'exit 141' PIPE
	printf '%sweft: three hosts, six containers, one overlay%s\n' "$bold" "$plain"
	step_underlay
	step_daemons
	step_containers
	step_entries
	step_matrix
	step_frame
	step_death
	step_return
	step_delete
	progress_end
	printf '\n%sAll %d steps succeeded (%s).%s\n' "$good" "$step" "$(seconds_since "$began")" "$plain"
	[[ -z ${KEEP-} ]] || kept_text
}

case ${1-} in
'') main ;;
down)
	((EUID == 0)) || refuse 'needs root'
	lab_use "$DEMO"
	down
	;;
*) refuse "'$1' is not a command; allowed: none, or down" ;;
esac
