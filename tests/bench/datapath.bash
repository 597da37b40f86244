# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Packets between containers of two hosts: weft without and with the fast path, and references. One
# measurement of weft and one of the reference are a pair, in alternating order; a row is the median of the
# pairs' ratios, with their range; CPU is the reference's processor time for the same traffic, relative to
# weft's, and the variant's own for a gigabit of data, or for one request or connection. traffic.c sends and
# counts. With the defaults it takes less than six minutes without the fast path. Sourced by run.sh.
#
#   weft, fast           with --ip-masq; fast: if the kernel has flow tables
#   flannel-iptables     flannel's layout (a bridge, and a vxlan device that is routed to, not a port) with
#   flannel-nft          the rules of flanneld --ip-masq in its two modes
#   flannel-bare         the same layout without rules, and so without connection tracking
#   vxlan                the hosts themselves, through a vxlan device: no container, no bridge
#   underlay             the hosts themselves
#
# STARTS               pairs
# DATAPATH_MS          length of a measurement
# DATAPATH_KINDS       of: stream request connect datagram-64 datagram-1400
# DATAPATH_STREAMS     connections of stream and request
# DATAPATH_PEERS       peers that have entries on each host, apart from the other hosts of the measurement
# DATAPATH_MTU         of the underlay
# DATAPATH_REFERENCES  of the list above
# DATAPATH_RUN         a command that runs the programs of the traffic: 'chrt --rr 1' on a busy machine
# DATAPATH_NF          bridge-nf-call-iptables of the hosts: 1 with br_netfilter, as Kubernetes and Docker set it

: "${DATAPATH_MS=200}" "${DATAPATH_STREAMS=1}" "${DATAPATH_PEERS=1 1000}" "${DATAPATH_MTU=1500}" "${DATAPATH_NF=0}" "${DATAPATH_RUN=}"
: "${DATAPATH_KINDS=stream request connect datagram-64 datagram-1400}"
: "${DATAPATH_REFERENCES=flannel-iptables flannel-nft flannel-bare vxlan underlay}"

# The two hosts of a variant, the numbers of their addresses, and where traffic starts and ends.
declare -A datapath_number=([weft]=11 [fast]=13 [flannel-iptables]=21 [flannel-nft]=23 [flannel-bare]=25 [vxlan]=27 [underlay]=29)
declare -A datapath_client datapath_server datapath_address

# ---- Hosts -----------------------------------------------------------------

datapath_machine() { # NAME NUMBER
	lab_machine "$1" "$2" || return
	ip -n "$LAB-$1" link set eth0 mtu "$datapath_mtu" && ip -n "$LAB-net" link set "$1" mtu "$datapath_mtu" || return
	datapath_bridge_nf "$1" "$DATAPATH_NF" || return
	datapath_machines+=("$1")
}

datapath_bridge_nf() { # NAMESPACE 0|1: if the kernel has br_netfilter
	[[ ! -e /proc/sys/net/bridge ]] || ns_run "$1" sysctl -q -w "net.bridge.bridge-nf-call-iptables=$2"
}

# datapath_weft VARIANT [FLAG...]
datapath_weft() {
	local i host variant=$1
	for i in 0 1; do
		host=host$((datapath_number[$variant] + i))
		datapath_machine "$host" "${host#host}" && mkdir "$LAB_DIR/$host" && cni_install "$host" || return
		weftd_start "$host" --etcd-prefix "$(scale_prefix "$datapath_peers")" --ip-masq "${@:2}"
	done
	for i in 0 1; do
		host=host$((datapath_number[$variant] + i))
		weftd_ready "$host" && container_add "$host" "$host-c" >/dev/null || return
	done
	datapath_client[$variant]=host${datapath_number[$variant]}-c
	datapath_server[$variant]=$host-c
	datapath_address[$variant]=$(container_address "$host" "$host-c")
}

# The vxlan device of a host, and its entries for the other host and for the other peers.
datapath_vxlan() { # NUMBER OTHERS-NUMBER
	local mac=02:00:00:00:00
	ip -n "$LAB-plain$1" -batch - <<-BATCH || return
		link add flannel.1 address $mac:$1 mtu $((datapath_mtu - 50)) type vxlan id 99 local 192.168.0.$1 dstport 8472 nolearning dev eth0
		link set flannel.1 up
		address add 10.251.$1.0/32 dev flannel.1
	BATCH
	{
		echo "fdb append $mac:$2 dev flannel.1 dst 192.168.0.$2"
		awk -v n="$datapath_peers" 'BEGIN { for (i = 0; i < n; i++) printf "fdb append 0e:00:00:%02x:%02x:%02x " \
			"dev flannel.1 dst 172.%d.%d.%d\n", i / 65536, i / 256 % 256, i % 256, 20 + i / 65536, i / 256 % 256, i % 256 }'
	} | bridge -n "$LAB-plain$1" -batch - || return
	{
		echo "neighbor add 10.251.$2.0 lladdr $mac:$2 dev flannel.1 nud permanent"
		echo "route add 10.251.$2.0/24 via 10.251.$2.0 dev flannel.1 onlink"
		awk -v n="$datapath_peers" 'BEGIN { for (i = 0; i < n; i++) { at = sprintf("10.%d.%d.0", 16 + i / 256, i % 256)
			printf "neighbor add %s lladdr 0e:00:00:%02x:%02x:%02x dev flannel.1 nud permanent\n", at, i / 65536, i / 256 % 256, i % 256
			printf "route add %s/24 via %s dev flannel.1 onlink metric %d\n", at, at, i + 1 } }'
	} | ip -n "$LAB-plain$1" -batch -
}

# Two hosts with flannel's vxlan device; the hosts have their subnets' first addresses.
datapath_plain() { # VARIANT
	local number first=${datapath_number[$1]} other=$((datapath_number[$1] + 1))
	for number in $first $other; do
		datapath_machine "plain$number" "$number" || return
		ns_run "plain$number" sysctl -q -w net.ipv4.ip_forward=1 || return
		datapath_vxlan "$number" $((first + other - number)) || return
	done
	datapath_client[$1]=plain$first datapath_server[$1]=plain$other datapath_address[$1]=10.251.$other.0
}

# A bridge and a container on it, as flannel's plugin and the bridge plugin connect it.
datapath_container() { # NUMBER
	local net=10.251.$1 mtu=$((datapath_mtu - 50))
	ns_add "plain$1-c" && ip -n "$LAB-plain$1" -batch - <<-BATCH || return
		link add cni0 type bridge
		link set cni0 mtu $mtu up
		address add $net.1/24 dev cni0
		link add veth0 mtu $mtu type veth peer name eth0 mtu $mtu netns $LAB-plain$1-c
		link set veth0 master cni0 up
	BATCH
	ip -n "$LAB-plain$1-c" -batch - <<-BATCH
		link set eth0 up
		address add $net.2/24 dev eth0
		route add default via $net.1
	BATCH
}

# The rules of flanneld --ip-masq (pkg/trafficmngr/iptables and nftables).
datapath_rules_iptables() { # HOST SUBNET
	local net=10.0.0.0/8 c='-m comment --comment'
	ns_run "$1" iptables-nft-restore --noflush <<-RULES
		*filter
		:FLANNEL-FWD - [0:0]
		-A FORWARD $c "flanneld forward" -j FLANNEL-FWD
		-A FLANNEL-FWD -s $net $c "flanneld forward" -j ACCEPT
		-A FLANNEL-FWD -d $net $c "flanneld forward" -j ACCEPT
		COMMIT
		*nat
		:FLANNEL-POSTRTG - [0:0]
		-A POSTROUTING $c "flanneld masq" -j FLANNEL-POSTRTG
		-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 $c "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG -s $2 -d $net $c "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG -s $net -d $2 $c "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG ! -s $net -d $2 $c "flanneld masq" -j RETURN
		-A FLANNEL-POSTRTG -s $net ! -d 224.0.0.0/4 $c "flanneld masq" -j MASQUERADE --random-fully
		-A FLANNEL-POSTRTG ! -s $net -d $net $c "flanneld masq" -j MASQUERADE --random-fully
		COMMIT
	RULES
}

datapath_rules_nft() { # HOST SUBNET
	local net=10.0.0.0/8
	ns_run "$1" nft -f - <<-RULES
		table ip flannel-ipv4 {
			chain forward {
				type filter hook forward priority filter; policy accept;
				ip saddr $net accept
				ip daddr $net accept
			}
			chain postrtg {
				type nat hook postrouting priority srcnat; policy accept;
				meta mark 0x00004000 return
				ip saddr $2 ip daddr $net return
				ip saddr $net ip daddr $2 return
				ip saddr != $2 ip daddr $net return
				ip saddr $net ip daddr != 224.0.0.0/4 masquerade fully-random
				ip saddr != $net ip daddr $net masquerade fully-random
			}
		}
	RULES
}

datapath_flannel() { # VARIANT
	local number first=${datapath_number[$1]}
	datapath_plain "$1" || return
	for number in $first $((first + 1)); do
		datapath_container "$number" || return
		case $1 in
			flannel-iptables) datapath_rules_iptables "plain$number" "10.251.$number.0/24" || return ;;
			flannel-nft) datapath_rules_nft "plain$number" "10.251.$number.0/24" || return ;;
		esac
	done
	datapath_client[$1]=plain$first-c datapath_server[$1]=plain$number-c datapath_address[$1]=10.251.$number.2
}

datapath_underlay() {
	datapath_machine underlay0 "${datapath_number[underlay]}" && datapath_machine underlay1 $((datapath_number[underlay] + 1)) || return
	datapath_client[underlay]=underlay0 datapath_server[underlay]=underlay1
	datapath_address[underlay]=192.168.0.$((datapath_number[underlay] + 1))
}

datapath_fast_state() { weftctl_on host13 status --json | jq -r .fast_path.state; }

# The set of peers has a limit, and so a faster lookup, in a network of at most 4,096 subnets, as most are. The subnets of
# peers begin at 10.16.0.0.
datapath_load() {
	if ((datapath_peers <= 1000)); then
		scale_load "$datapath_peers" 10.16.0.0/12 10.24.0.0
	else
		scale_load "$datapath_peers"
	fi
}

# Creates all variants and lists those that exist.
datapath_up() {
	local variant
	datapath_machines=() datapath_variants=(weft)
	datapath_bridge_nf net 0 # the wire
	ip -n "$LAB-net" link set underlay mtu "$datapath_mtu" || return
	datapath_load && datapath_weft weft --fast-path off && datapath_weft fast || return
	[[ $(datapath_fast_state) != on ]] || datapath_variants+=(fast)
	for variant in $DATAPATH_REFERENCES; do
		case $variant in
			flannel-*) datapath_flannel "$variant" || return ;;
			vxlan) datapath_plain vxlan || return ;;
			underlay) datapath_underlay || return ;;
			*) fail "DATAPATH_REFERENCES: '$variant' is unknown" ;;
		esac
		datapath_variants+=("$variant")
	done
	for variant in "${datapath_variants[@]}"; do
		proc_start "traffic-$variant" "${datapath_server[$variant]}" "${datapath_run_server[@]}" "$WORK/traffic" serve
		wait_for 20 datapath_once "$variant" connect 10 || return
	done
}

datapath_down() {
	local variant host
	for variant in "${datapath_variants[@]}"; do
		proc_stop "traffic-$variant"
	done
	for host in 11 12 13 14; do
		weftd_stop "host$host" && container_del "host$host" "host$host-c"
		rm -rf "$LAB_DIR/host$host"
	done
	for variant in $DATAPATH_REFERENCES; do
		if [[ $variant == flannel-* ]]; then
			ns_del "${datapath_client[$variant]}" && ns_del "${datapath_server[$variant]}"
		fi
	done
	for host in "${datapath_machines[@]}"; do
		ns_del "$host"
	done
	etcd_ctl del --prefix "$(scale_prefix "$datapath_peers")/" >/dev/null
}

# ---- Measurements ----------------------------------------------------------

# Prints what arrived per second, and the processor time of one bit, byte or other unit in nanoseconds.
datapath_once() { # VARIANT KIND MILLISECONDS [NUMBER]
	ns_run "${datapath_client[$1]}" "${datapath_run_client[@]}" "$WORK/traffic" "$2" "${datapath_address[$1]}" "$3" "${@:4}"
}

# Prints the rates of both and their ratio, and the processor times of both and their ratio.
datapath_pair() { # VARIANT REFERENCE TURN KIND [NUMBER]
	local a b
	if (($3 % 2)); then
		a=$(datapath_once "$1" "$4" "$DATAPATH_MS" "${@:5}") && b=$(datapath_once "$2" "$4" "$DATAPATH_MS" "${@:5}") || return
	else
		b=$(datapath_once "$2" "$4" "$DATAPATH_MS" "${@:5}") && a=$(datapath_once "$1" "$4" "$DATAPATH_MS" "${@:5}") || return
	fi
	echo "$a $b" | awk '{ print $1, $3, $1 / $3, $2, $4, $4 / $2 }'
}

# Prints the medians of what datapath_pair prints, and the lowest and the highest ratio.
datapath_medians() { # <PAIRS
	local pairs column
	pairs=$(cat)
	for column in 1 2 3 4 5 6; do
		awk -v c=$column '{ print $c }' <<<"$pairs" | median
	done
	awk '{ print $3 }' <<<"$pairs" | sort -n | sed -n '1p;$p'
}

datapath_unit() { # KIND FIGURE
	case $1 in
		stream) awk -v v="$2" 'BEGIN { printf "%.2f Gb/s", v / 1e9 }' ;;
		*) printf '%.0f/s' "$2" ;;
	esac
}

# The processor time, given in nanoseconds of one bit, datagram or other unit.
datapath_cpu() { # KIND NUMBER NANOSECONDS
	case $1 in
		stream) awk -v v="$3" 'BEGIN { printf "%.0f ms per Gb", v * 1e3 }' ;;
		datagram) awk -v v="$3" -v size="$2" 'BEGIN { printf "%.0f ms per Gb", v * 1e3 / size / 8 }' ;;
		*) awk -v v="$3" 'BEGIN { printf "%.1f us each", v / 1e3 }' ;;
	esac
}

# datapath_row VARIANT REFERENCE KIND [NUMBER]
datapath_row() {
	local i pairs=() result target='' minimum='' name=$3${4+ $4}
	for ((i = 0; i < STARTS; i++)); do
		pairs+=("$(datapath_pair "$1" "$2" $i "${@:3}")") || return
	done
	mapfile -t result < <(printf '%s\n' "${pairs[@]}" | datapath_medians)
	case $1:$2:$3${4+-$4} in
		weft:flannel-iptables:* | weft:flannel-nft:*) minimum=1 ;;
		fast:flannel-iptables:stream* | fast:flannel-nft:stream*) minimum=1.15 ;;
		fast:flannel-iptables:datagram-64 | fast:flannel-nft:datagram-64) minimum=1.4 ;;
		fast:flannel-iptables:* | fast:flannel-nft:*) minimum=1 ;;
	esac
	[[ ! $minimum ]] || target=$(awk -v v="${result[2]}" -v m=$minimum \
		'BEGIN { printf "%s at least %s, ", (v >= m ? "met:" : "MISSED:"), m }')
	row "$name, $1" "$(datapath_unit "$3" "${result[0]}")" "$2" "$(datapath_unit "$3" "${result[1]}")" \
		"$(ratio "${result[2]}" 1)" "$(awk -v low="${result[6]}" -v high="${result[7]}" -v cpu="${result[5]}" -v target="$target" \
			-v own="$(datapath_cpu "$3" "${4-}" "${result[3]}")" \
			'BEGIN { printf "%s%.2f to %.2f, CPU %.2f (%s)", target, low, high, cpu, own }')"
	echo "${name/ /-} $1 $2 $datapath_peers $datapath_mtu ${result[*]}" >>"$WORK/datapath.txt"
}

# Compares weft, and the fast path, with all others.
datapath_rows() { # KIND [NUMBER]
	local variant reference
	for variant in weft fast; do
		[[ " ${datapath_variants[*]} " == *" $variant "* ]] || continue
		for reference in "${datapath_variants[@]}"; do
			[[ $variant == "$reference" || $variant:$reference == weft:fast ]] ||
				datapath_row "$variant" "$reference" "$@" || return
		done
	done
}

datapath_measure() {
	local kind streams
	for kind in $DATAPATH_KINDS; do
		case $kind in
			stream | request)
				for streams in $DATAPATH_STREAMS; do
					datapath_rows "$kind" "$streams" || return
				done
				;;
			connect) datapath_rows connect || return ;;
			datagram-*) datapath_rows datagram "${kind#*-}" || return ;;
			*) fail "DATAPATH_KINDS: '$kind' is unknown" ;;
		esac
	done
}

# Draws the ratios of a variant with these peers, this MTU and each kind of traffic.
datapath_plot() { # VARIANT
	local name=datapath-$1-$datapath_peers-$datapath_mtu references
	references=$(awk -v v="$1" '$2 == v && !seen[$3]++ { print $3 }' "$WORK/datapath.txt")
	[[ $references ]] && command -v gnuplot >/dev/null || return 0
	awk -v v="$1" -v peers="$datapath_peers" -v mtu="$datapath_mtu" -v list="${references//$'\n'/ }" '
		$2 == v && $4 == peers && $5 == mtu {
			if (!($1 in seen)) kinds[++n] = $1
			seen[$1]
			value[$1, $3] = $8 " " $12 " " $13
		}
		END {
			len = split(list, names, " ")
			line = "kind"
			for (i = 1; i <= len; i++) line = line " " names[i] " low high"
			print line
			for (k = 1; k <= n; k++) {
				line = kinds[k]
				sub("datagram", "udp", line) # the labels do not overlap
				for (i = 1; i <= len; i++)
					line = line " " ((kinds[k], names[i]) in value ? value[kinds[k], names[i]] : "- - -")
				print line
			}
		}' "$WORK/datapath.txt" >"$WORK/$name.txt"
	gnuplot -e "data = '$WORK/$name.txt'; references = $(wc -l <<<"$references"); title = '$1, relative rate'; \
		set output '$WORK/$name.svg'" "$WEFT_REPO/tests/bench/datapath.gnuplot" && echo "plotted: $WORK/$name.svg"
}

bench_datapath() {
	local variant datapath_mtu datapath_peers datapath_variants datapath_machines datapath_run_client=() datapath_run_server=()
	compile traffic
	read -ra datapath_run_client <<<"$DATAPATH_RUN"
	if (($(nproc) > 1)); then
		datapath_run_server=("${datapath_run_client[@]}" taskset -c 1)
		datapath_run_client+=(taskset -c 0)
	else
		datapath_run_server=("${datapath_run_client[@]}")
	fi
	rm -f "$WORK/datapath.txt"
	for datapath_peers in $DATAPATH_PEERS; do
		for datapath_mtu in $DATAPATH_MTU; do
			row "$datapath_peers peers, MTU $datapath_mtu" '' '' '' '' ''
			datapath_up && datapath_measure && datapath_down || return
			for variant in weft fast; do
				datapath_plot "$variant"
			done
		done
	done
}
