# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The costs of 1,000, 10,000 and 50,000 peers: the time from weftd's exec until an empty kernel has
# their entries, a start with all entries installed, the change of a peer, memory, and ten idle
# minutes. Compared with the kernel's share: the same entries over raw netlink (entries.c). Each
# number has its own prefix in etcd, for host2. BEFORE_WEFTD=PROGRAM starts another build of weftd in
# turn with this one. Sourced by run.sh.

SCALES=${SCALES-1000 10000 50000}
CHANGES=${CHANGES-200}
REST_AFTER_S=${REST_AFTER_S-315} # the probe interval of an idle watch is then at its maximum
REST_S=${REST_S-600}             # 0: not measured

scale_prefix() { echo "/scale/$1"; }

# Writes the leases of NUMBER nodes.
scale_load() { # NUMBER [NETWORK SUBNETMIN]
	local lease config
	config=$(printf '{"Network":"%s","SubnetLen":24,"SubnetMin":"%s"}' "${2-10.0.0.0/8}" "${3-10.250.0.0}")
	lease=$(etcd_ctl lease grant 7200 | awk '{ print $2 }') || return
	etcd_ctl put "$(scale_prefix "$1")/config" "$config" >/dev/null || return
	awk -v n="$1" -v prefix="$(scale_prefix "$1")/subnets/" -v lease="$lease" '
		function part(i) {
			return sprintf("%02x:%02x:%02x", i / 65536, i / 256 % 256, i % 256)
		}
		BEGIN {
			for (i = 0; i < n; i++) {
				printf "put %s10.%d.%d.0-24 {\"PublicIP\":\"172.%d.%d.%d\",", prefix,
					16 + i / 256, i % 256, 20 + i / 65536, i / 256 % 256, i % 256
				printf "\"PublicIPv6\":null,\"BackendType\":\"vxlan\","
				printf "\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"0e:00:00:%s\"}} --lease=%s\n",
					part(i), lease
			}
		}' | put_all
}

# scale_began: the time of weftd's exec in microseconds, without the time of this shell and nsenter(1).
scale_weftd() { # NUMBER
	local flags
	read -ra flags < <(weftd_flags host2)
	# shellcheck disable=SC2016 # for the inner shell
	proc_start host2-weftd host2 sh -c 'date +%s%6N >"$0"; exec "$@"' "$LAB_DIR/began" \
		"$scale_program" "${flags[@]}" --etcd-prefix "$(scale_prefix "$1")"
}
scale_program=$WEFT_BIN_DIR/weftd

scale_began() { cat "$LAB_DIR/began"; }

scale_reset() { # removes the kernel entries, and the files that a reboot removes
	weftd_stop host2 KILL
	ip -n "$LAB-host2" link del weft-vx1
	ip -n "$LAB-host2" link del weft-br1
	rm -rf "$LAB_DIR/host2/run"
} 2>/dev/null

# Waits until the log has the line, without starting processes: on two processors, polling with
# processes would change the measurement.
scale_wait_ready() {
	local i lines pause
	exec {pause}<> <(:)
	for ((i = 0; i < 2000; i++)); do
		read -rt 0.01 -u "$pause"
		mapfile -t lines <"$LAB_DIR/log/host2-weftd"
		[[ ${lines[*]} != *'info: network ready '* ]] || break
	done
	exec {pause}<&-
}

# Prints the microseconds from exec until weftd is ready. The log's timestamps are in milliseconds.
scale_ready() { # NUMBER
	local timestamp
	weftd_stop host2 KILL
	: >"$LAB_DIR/log/host2-weftd"
	scale_weftd "$1"
	scale_wait_ready
	# weftctl may have another version of the control protocol than a build from before.
	[[ $scale_program != "$WEFT_BIN_DIR/weftd" ]] || weftd_ready host2 || return
	timestamp=$(sed -n 's/^\([^ ]*\) info: network ready .*/\1/p' "$LAB_DIR/log/host2-weftd" | head -n 1)
	echo $(($(date -d "$timestamp" +%s%6N) - $(scale_began)))
}

# The same from an empty kernel. weftd is ready when the kernel has acknowledged each entry.
scale_fill() { # NUMBER
	local took
	scale_reset
	took=$(scale_ready "$1") || return
	(($(ip -n "$LAB-host2" -4 route show proto 119 | wc -l) >= $1)) || return
	echo "$took"
}

# Prints the number of events during a start with all entries installed. Excludes the kernel's own
# changes: neighbours of multicast groups, and link-local addresses after duplicate detection.
scale_written() { # NUMBER
	rm -f "$LAB_DIR/log/changes"
	proc_start changes host2 ip monitor link address route neigh
	scale_ready "$1" >/dev/null || return
	proc_stop changes
	grep -E 'weft-(br|vx)1' "$LAB_DIR/log/changes" | grep -c -v -E '^(Deleted )?(224|239|ff02:)|fe80:'
}

scale_entries() { # weft|raw NUMBER
	local us
	ns_add entries && ip -n "$LAB-entries" link add br0 type bridge &&
		ip -n "$LAB-entries" address add 10.250.0.1/24 dev br0 &&
		ip -n "$LAB-entries" link add vx0 type vxlan id 1 dstport 8472 nolearning &&
		ip -n "$LAB-entries" link set vx0 master br0 up &&
		ip -n "$LAB-entries" link set br0 up || return
	us=$(ns_run entries "$WEFT_BUILD_DIR/bench/entries" "$1" "$2" br0 vx0) || return
	ns_del entries
	echo "$us"
}

# Prints the microseconds that curl(1) takes to receive all leases in one response, from its exec.
scale_list() { # NUMBER
	local ask began
	ask=$(jq -n --arg prefix "$(scale_prefix "$1")/subnets" \
		'{key: "\($prefix)/" | @base64, range_end: "\($prefix)0" | @base64}')
	began=$(now_us)
	ns_run host2 curl -sf -o /dev/null -d "$ask" "$ETCD_URL/v3/kv/range" || return
	echo $(($(now_us) - began))
}

scale_memory() { sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$(weftd_pid host2)/status"; }
scale_mb() { awk -v kb="$1" 'BEGIN { printf "%.3f", kb / 1000 }'; }

# Prints weftd's processor time in nanoseconds for each second of REST_S. A second with a full
# reconciliation has tens of milliseconds, each other second a few.
scale_seconds() { # PID
	local i before now rest pause
	exec {pause}<> <(:)
	read -r before rest <"/proc/$1/schedstat"
	for ((i = 0; i < REST_S; i++)); do
		read -rt 1 -u "$pause"
		read -r now rest <"/proc/$1/schedstat"
		echo $((now - before))
		before=$now
	done
	exec {pause}<&-
}

scale_woken() { sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$1/status"; }

# Measures idle time, long after the last change.
scale_rest() {
	local pid woken timers runs each
	((REST_S)) || return 0
	sleep "$REST_AFTER_S"
	pid=$(weftd_pid host2)
	woken=$(scale_woken "$pid")
	read -r timers runs each < <(scale_seconds "$pid" | awk '
		$1 < 15e6 { timers += $1; next }
		{ runs++; spent += $1 }
		END { printf "%d %d %d\n", timers / 1000, runs, runs ? spent / runs / 1000 : 0 }')
	woken=$(($(scale_woken "$pid") - woken))
	row "idle for $REST_S s, CPU of timers" "$(ms "$timers")" 'all wake-ups' "$woken" '' \
		"$(target "$(ratio "$((timers * 86400))" "$((REST_S * 1000000))")" 1) s a day"
	row '  full reconciliations meanwhile' "$runs" 'each' "$(ms "$each")" '' \
		"$(awk -v us="$each" 'BEGIN { printf "%.1f s a day", us * 288 / 1e6 }')"
}

scale_change() { # NUMBER: changes the addresses of CHANGES peers, one after the other
	local p50 p99
	read -r p50 p99 < <(ns_run host2 python3 "$WEFT_REPO/tests/bench/change.py" \
		"$ETCD_URL" "$(scale_prefix "$1")" peers "$1" "$CHANGES") || return
	row "change of one of $1 peers" "$(ms "$p99")" "p99 of $CHANGES; median" "$(ms "$p50")" '' \
		"$(target "$(ratio "$p99" 1000)" 10) ms"
}

scale_compare() { # WHAT NUMBER FIGURE BEFORE
	row "$1 $2 peers" "$(ms "$3")" 'weftd before' "$(ms "$4")" "$(ratio "$3" "$4")" \
		"$(target "$(ratio "$3" "$4")" 1.05)"
}

# Starts with an empty kernel and with all entries installed, of both builds in turn.
scale_before() { # NUMBER
	local fill=() ready=() old_fill=() old_ready=() i
	[[ ${BEFORE_WEFTD-} ]] || return 0
	for ((i = 0; i < STARTS; i++)); do
		scale_program=$BEFORE_WEFTD
		old_fill+=("$(scale_fill "$1")") && old_ready+=("$(scale_ready "$1")") || return
		scale_program=$WEFT_BIN_DIR/weftd
		fill+=("$(scale_fill "$1")") && ready+=("$(scale_ready "$1")") || return
	done
	scale_compare 'empty kernel to' "$1" "$(printf '%s\n' "${fill[@]}" | median)" \
		"$(printf '%s\n' "${old_fill[@]}" | median)"
	scale_compare 'start with' "$1" "$(printf '%s\n' "${ready[@]}" | median)" \
		"$(printf '%s\n' "${old_ready[@]}" | median)"
}

scale_report() { # NUMBER FILL READY WEFT RAW LIST
	local limit_fill='' limit_ready='' limit_kernel='' limit_rss='' limit_anon=''
	if (($1 == 10000)); then
		limit_fill="$(target "$(ratio "$2" 1000000)" 0.6) s"
		limit_ready="$(target "$(ratio "$3" 1000000)" 0.5) s"
		limit_kernel=$(target "$(ratio "$4" "$5")" 1.5)
		limit_rss="$(target "$(scale_mb "$(scale_memory VmRSS)")" 16) MB"
		limit_anon="$(target "$(scale_mb "$(scale_memory RssAnon)")" 6) MB"
	fi
	row "exec to $1 peers, empty kernel" "$(ms "$2")" 'raw netlink only' "$(ms "$5")" \
		"$(ratio "$2" "$5")" "$limit_fill"
	row "start with $1 peers installed" "$(ms "$3")" 'the list only, with curl' "$(ms "$6")" \
		"$(ratio "$3" "$6")" "$limit_ready"
	row "entries of $1 peers only" "$(ms "$4")" 'raw netlink only' "$(ms "$5")" \
		"$(ratio "$4" "$5")" "$limit_kernel"
	row "resident with $1 peers" "$(scale_memory VmRSS) kB" 'peak' \
		"$(scale_memory VmHWM) kB" '' "$limit_rss"
	row '  of these anonymous' "$(scale_memory RssAnon) kB" '' '' '' "$limit_anon"
}

scale_measure() { # NUMBER
	local fill=() ready=() weft=() raw=() list=() figures=() i
	for ((i = 0; i < STARTS; i++)); do
		fill+=("$(scale_fill "$1")") && ready+=("$(scale_ready "$1")") &&
			weft+=("$(scale_entries weft "$1")") && raw+=("$(scale_entries raw "$1")") &&
			list+=("$(scale_list "$1")") || return
	done
	figures=("$1" "$(printf '%s\n' "${fill[@]}" | median)" "$(printf '%s\n' "${ready[@]}" | median)"
		"$(printf '%s\n' "${weft[@]}" | median)" "$(printf '%s\n' "${raw[@]}" | median)"
		"$(printf '%s\n' "${list[@]}" | median)")
	scale_report "${figures[@]}"
	echo "${figures[*]} $(scale_memory VmRSS)" >>"$WORK/scale.txt"
}

bench_scale() {
	local number written
	lab_host host2 || return
	rm -f "$WORK/scale.txt"
	for number in $SCALES; do
		scale_load "$number" && scale_before "$number" && scale_measure "$number" || return
		written=$(scale_written "$number")
		row '  writes of a start in sync' "$written" '' '' '' "$(target "$written" 0)"
		scale_change "$number" || return
		((number != 10000)) || scale_rest
		scale_reset
		etcd_ctl del --prefix "$(scale_prefix "$number")/" >/dev/null || return
	done
	gnuplot -e "data = '$WORK/scale.txt'; set output '$WORK/scale.svg'" \
		"$WEFT_REPO/tests/bench/scale.gnuplot" && echo "plotted: $WORK/scale.svg"
}
