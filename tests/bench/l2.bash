# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# L2 networks: 10,000 announced containers on a node that joins, containers of these that move to another
# node, 100 networks on a node, the first packet
# to a container that was never reached before, and fifty containers of two nodes that all reach each other,
# with Flood none, replicate and multicast. Docker's overlay driver is not compared: it refuses networks
# unless the daemon is a node of a swarm, whose manager would be the registry. Sourced by run.sh.

L2_ENDPOINTS=10000
L2_NETWORKS=${L2_NETWORKS-100}
# L2_PARTS='flood' measures one part.
L2_CONTAINERS=${L2_CONTAINERS-50} # an even number
L2_VNI=400

# exec of weftd in /$1, without the time of this shell and nsenter(1); as scale_weftd.
l2_weftd() { # HOST PREFIX [FLAG...]
	local flags
	read -ra flags < <(weftd_flags "$1")
	# shellcheck disable=SC2016 # for the inner shell
	proc_start "$1-weftd" "$1" sh -c 'date +%s%6N >"$0"; exec "$@"' "$LAB_DIR/began" \
		"$WEFT_BIN_DIR/weftd" "${flags[@]}" --etcd-prefix "$2" "${@:3}"
}

l2_reset() { # HOST...: as after a boot
	local host device
	for host; do
		weftd_stop "$host" KILL
		for device in $(ip -n "$LAB-$host" -o link show group 119 | sed 's/^[0-9]*: \([^:@]*\).*/\1/'); do
			ip -n "$LAB-$host" link del "$device"
		done
		rm -rf "$LAB_DIR/$host"/{run,state} "$LAB_DIR/log/$host-weftd"
	done
} 2>/dev/null

l2_rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(proc_pid "$1-weftd")/status"; } # HOST
l2_mb() { awk -v kb="$1" 'BEGIN { printf "%.1f MB", kb / 1024 }'; }             # KILOBYTES

# ---- Announced containers --------------------------------------------------------------------

# Two remote nodes, and the containers of the first one.
l2_load() { # PREFIX NUMBER
	local node=00000000-0000-4000-8000-000000000001 i
	etcd_ctl put "$1/config" '{"Network":"10.0.0.0/8","SubnetLen":16,"SubnetMin":"10.250.0.0",
		"Backend":{"VNI":400},"Weft":{"Mode":"l2"}}' >/dev/null || return
	for i in 1 2; do
		etcd_ctl put "$1/subnets/10.$i.0.0-16" '{"PublicIP":"192.168.0.7'$((6 + i))'","BackendType":"vxlan",
			"BackendData":{"VNI":400,"VtepMAC":"0e:00:00:00:00:0'$i'"},"Weft":{"Node":"'${node%?}$i'"}}' >/dev/null || return
	done
	awk -v n="$2" -v prefix="$1/endpoints/" -v node=$node '
		BEGIN {
			for (i = 0; i < n; i++) {
				printf "put %s10.1.%d.%d {\"MAC\":\"0a:58:0a:01:%02x:%02x\",\"Node\":\"%s\"}\n", prefix,
					i / 250, i % 250 + 1, i / 250, i % 250 + 1, node
			}
		}' | put_all
}

# Prints the microseconds from exec until weftd has written the entries of all containers, as its log has it.
l2_joined() { # HOST ENTRIES
	local line
	wait_for 60 grep -q "entries written.* operations=$2" "$LAB_DIR/log/$1-weftd" || return
	line=$(grep -m 1 "entries written.* operations=$2" "$LAB_DIR/log/$1-weftd")
	echo $(($(date -d "${line%% *}" +%s%6N) - $(<"$LAB_DIR/began")))
}

bench_l2_endpoints() {
	local i us rss all=()
	l2_load /l2 "$L2_ENDPOINTS" || return
	for ((i = 0; i < STARTS; i++)); do
		l2_weftd host2 /l2 --log-level debug
		all+=("$(l2_joined host2 $((2 * L2_ENDPOINTS)))") || return
		rss=$(l2_rss host2)
		l2_reset host2
	done
	us=$(printf '%s\n' "${all[@]}" | median)
	row "$L2_ENDPOINTS containers, joining node" "$(ms "$us")" 'from exec until programmed' '' '' \
		"$(target "$(ratio "$us" 1000000)" 1) s"
	row "resident memory with them" "$(l2_mb "$rss")" '' '' '' "$(target "$(ratio "$rss" 1024)" 16) MB"
	etcd_ctl del --prefix /l2/ >/dev/null
}

bench_l2_moves() {
	local p50 p99
	l2_load /l2 "$L2_ENDPOINTS" || return
	l2_weftd host2 /l2 --log-level debug
	l2_joined host2 $((2 * L2_ENDPOINTS)) >/dev/null || return
	read -r p50 p99 < <(ns_run host2 python3 "$WEFT_REPO/tests/bench/change.py" "$ETCD_URL" /l2 containers \
		"$L2_ENDPOINTS" 200) || return
	row 'container moves, until programmed' "$(ms "$p99")" 'p99 of 200; median' "$(ms "$p50")" '' \
		"$(target "$(ratio "$p99" 1000)" 100) ms"
	l2_reset host2
	etcd_ctl del --prefix /l2/ >/dev/null
}

# ---- Many networks -----------------------------------------------------------------------------

# Prints the microseconds from exec until all networks are ready, by weftd's log, without starting processes.
l2_all_ready() { # HOST NUMBER
	local i lines pause last=
	exec {pause}<> <(:)
	for ((i = 0; i < 3000; i++)); do
		read -rt 0.02 -u "$pause"
		mapfile -t lines < <(grep -F 'info: network ready ' "$LAB_DIR/log/$1-weftd")
		((${#lines[@]} < $2)) || break
	done
	exec {pause}<&-
	last=${lines[-1]} || return
	((${#lines[@]} >= $2)) && echo $(($(date -d "${last%% *}" +%s%6N) - $(<"$LAB_DIR/began")))
}

bench_l2_networks() { # MODE TEXT
	local i us cpu rss one all=()
	for ((i = 0; i < L2_NETWORKS; i++)); do
		etcd_ctl put "/l2/networks/n$i/config" \
			"{\"Network\":\"10.$((100 + i)).0.0/16\",\"Backend\":{\"VNI\":$((500 + i))}$2}" >/dev/null || return
	done
	l2_weftd host2 /l2 --network n0
	l2_all_ready host2 1 >/dev/null || return
	sleep 3 # until the snapshot is written
	one=$(l2_rss host2)
	l2_reset host2
	for ((i = 0; i < (STARTS + 1) / 2; i++)); do
		l2_weftd host2 /l2 --network '*'
		all+=("$(l2_all_ready host2 "$L2_NETWORKS")") || return
		cpu=$(cpu_ms host2-weftd)
		sleep 3
		rss=$(l2_rss host2)
		l2_reset host2
	done
	us=$(printf '%s\n' "${all[@]}" | median)
	row "$L2_NETWORKS $1 networks, until ready" "$(ms "$us")" 'CPU time of weftd' "$cpu ms" '' \
		"$(target "$(ratio "$us" 1000000)" 2) s"
	row "resident memory, more than with one" "$(l2_mb $((rss - one)))" 'with one network' "$(l2_mb "$one")" '' \
		"$(target "$(ratio $((rss - one)) 1024)" 10) MB"
	etcd_ctl del --prefix /l2/ >/dev/null
}

# ---- Packets between containers ----------------------------------------------------------------

l2_nodes_start() { # WEFT-MEMBERS
	local host
	etcd_ctl put /l2/config "{\"Network\":\"172.18.0.0/16\",\"Backend\":{\"VNI\":$L2_VNI},
		\"Weft\":{\"Mode\":\"l2\"$1}}" >/dev/null || return
	for host in host3 host4; do
		l2_weftd "$host" /l2 && weftd_ready "$host" || return
	done
}

l2_nodes_stop() {
	l2_reset host3 host4
	etcd_ctl del --prefix /l2/ >/dev/null
}

l2_containers_end() {
	local i
	for ((i = 0; i < L2_CONTAINERS; i++)); do
		container_del "host$((3 + i % 2))" "l2c$i"
	done
}

l2_has_entry() { ip -n "$LAB-$1" neigh show "$2" dev "weft-br$L2_VNI" nud permanent | grep -q lladdr; } # HOST ADDRESS

# Each container of the other node gets one packet; it has neither sent nor received one before.
bench_l2_first() {
	local i to lost=0 sent=0 arp
	l2_nodes_start '' && container_add host3 l2from >/dev/null || return
	proc_start l2-wire host3 tcpdump -n -l -i "weft-vx$L2_VNI" arp
	wait_for 10 grep -q 'listening on' "$LAB_DIR/log/l2-wire" || return
	for ((i = 0; i < 20; i++)); do
		to=$(container_add host4 "l2to$i") && wait_for 20 l2_has_entry host3 "$to" || return
		sent=$((sent + 1))
		ns_run l2from ping -q -c 1 -W 1 "$to" >/dev/null || lost=$((lost + 1))
	done
	sleep 1 # for what would come late
	proc_stop l2-wire INT
	arp=$(grep -c ' ARP, ' "$LAB_DIR/log/l2-wire")
	for ((i = 0; i < 20; i++)); do
		container_del host4 "l2to$i"
	done
	container_del host3 l2from
	l2_nodes_stop
	row "first packet to each of $sent, lost" "$lost" 'ARP packets in the tunnel' "$arp" '' \
		"$(target "$((lost + arp))" 0)"
}

# Counters of what a node sends through the tunnel, by the inner frame: each copy is a packet of the underlay.
# The inner Ethernet header is 16 bytes behind the beginning of the outer UDP header.
l2_count() { # HOST
	ns_run "$1" nft -f - <<-'NFT'
		table inet bench {
			counter arp_broadcast { }
			counter arp_unicast { }
			counter ipv4 { }
			counter other { }
			chain inner {
				@th,224,16 0x0806 @th,128,8 & 0x01 == 0x01 counter name "arp_broadcast" accept
				@th,224,16 0x0806 counter name "arp_unicast" accept
				@th,224,16 0x0800 @th,128,8 & 0x01 == 0x00 counter name "ipv4" accept
				counter name "other"
			}
			chain out {
				type filter hook output priority 0;
				udp dport 8472 goto inner
			}
		}
	NFT
}

# Prints the packets of both nodes since the last call: ARP broadcasts, unicast ARP, IPv4, others.
l2_counted() {
	local name
	for name in arp_broadcast arp_unicast ipv4 other; do
		for host in host3 host4; do
			ns_run "$host" nft -j reset counter inet bench "$name" | jq '.nftables[].counter // empty | .packets'
		done | awk '{ sum += $1 } END { printf "%d ", sum }'
	done
	echo
}

# l2_pairs MEMBERS: prints, for each run, the milliseconds until all pairs have exchanged a datagram, the
# datagrams that were sent again, and the packets as l2_counted.
l2_pairs() {
	local i host address containers=()
	l2_nodes_start "$1" || return
	for ((i = 0; i < L2_CONTAINERS; i++)); do
		address=$(container_add "host$((3 + i % 2))" "l2c$i") || return
		containers+=("$(ns_path "l2c$i")=$address")
	done
	for host in host3 host4; do
		[[ $1 == *multicast* ]] || wait_for 60 l2_has_remote "$host" $((L2_CONTAINERS / 2)) || return
		l2_count "$host" || return
	done
	sleep 3 # for what the containers send when they start
	for ((i = 0; i < STARTS; i++)); do
		l2_counted >/dev/null
		"$WEFT_REPO/tests/bench/pairs.py" "${containers[@]}" >"$LAB_DIR/l2.pairs" || return
		echo "$(<"$LAB_DIR/l2.pairs") $(l2_counted)"
	done
	for host in host3 host4; do
		ns_run "$host" nft delete table inet bench
	done
	l2_containers_end
	l2_nodes_stop
}

l2_has_remote() { # HOST NUMBER
	[[ $(ip -n "$LAB-$1" neigh show dev "weft-br$L2_VNI" nud permanent | grep -c lladdr) == "$2" ]]
}

l2_column() { cut -d ' ' -f "$1" "$LAB_DIR/l2.figures"; } # NUMBER

bench_l2_flood() {
	local flood group range
	for flood in none replicate multicast; do
		group=
		[[ $flood != multicast ]] || group=',"Group":"239.1.1.7"'
		l2_pairs ",\"Flood\":\"$flood\"$group" >"$LAB_DIR/l2.figures" || return
		range=$(awk '{ print $3 + $4 }' "$LAB_DIR/l2.figures" | sort -n | sed -n '1p;$p' | xargs)
		row "$L2_CONTAINERS containers, all pairs, $flood" "$(l2_column 1 | median) ms" 'ARP packets on the underlay' \
			"$(awk '{ print $3 + $4 }' "$LAB_DIR/l2.figures" | median)" '' "of $STARTS runs: ${range/ / to }"
		row '  of these broadcasts' "$(l2_column 3 | median)" 'IPv4 packets' "$(l2_column 5 | median)" '' \
			"others $(l2_column 6 | median), sent again $(l2_column 2 | median)"
	done
}

bench_l2() {
	local part
	lab_host host2 && lab_host host3 && lab_host host4 || return
	for part in ${L2_PARTS:-endpoints moves routed switched first flood}; do
		case $part in
		routed) bench_l2_networks routed '' ;;
		switched) bench_l2_networks L2 ',"Weft":{"Mode":"l2"}' ;;
		*) "bench_l2_$part" ;;
		esac || return
	done
}
