# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What 1,000, 10,000 and 50,000 peers cost: from weftd's exec to all of them in an empty kernel,
# a start with all of them there, one that changes among them, memory, and ten minutes at rest.
# Beside them the kernel's own share: the same entries in raw netlink (entries.c). Every
# number has a prefix of its own in etcd, for host2. Sourced by run.sh.

SCALES=${SCALES-1000 10000 50000}
CHANGES=${CHANGES-200}
REST_AFTER_S=${REST_AFTER_S-315} # by then a quiet watch is probed as rarely as it ever is
REST_S=${REST_S-600}             # 0: not measured

scale_prefix() { echo "/scale/$1"; }

# Leases of so many nodes, in transactions of etcdctl.
scale_load() { # NUMBER
	local lease file dir=$LAB_DIR/scale
	lease=$(etcd_ctl lease grant 7200 | awk '{ print $2 }') || return
	rm -rf "$dir" && mkdir "$dir" || return
	etcd_ctl put "$(scale_prefix "$1")/config" \
		'{"Network":"10.0.0.0/8","SubnetLen":24,"SubnetMin":"10.250.0.0"}' >/dev/null || return
	awk -v n="$1" -v per="$PER_TXN" -v prefix="$(scale_prefix "$1")/subnets/" -v lease="$lease" \
		-v dir="$dir" '
		function part(i) {
			return sprintf("%02x:%02x:%02x", i / 65536, i / 256 % 256, i % 256)
		}
		BEGIN {
			for (i = 0; i < n; i++) {
				file = sprintf("%s/%05d", dir, i / per)
				if (i % per == 0)
					print "" >file
				printf "put %s10.%d.%d.0-24 {\"PublicIP\":\"172.%d.%d.%d\",", prefix,
					16 + i / 256, i % 256, 20 + i / 65536, i / 256 % 256, i % 256 >file
				printf "\"PublicIPv6\":null,\"BackendType\":\"vxlan\"," >file
				printf "\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"0e:00:00:%s\"}} --lease=%s\n",
					part(i), lease >file
				if (i % per == per - 1 || i == n - 1) {
					printf "\n\n" >file
					close(file)
				}
			}
		}'
	for file in "$dir"/*; do
		etcd_ctl txn <"$file" >/dev/null || return
	done
}

# scale_began: when it was executed, after what this shell and nsenter(1) took, in microseconds.
scale_weftd() { # NUMBER
	local flags
	read -ra flags < <(weftd_flags host2)
	# shellcheck disable=SC2016 # for the inner shell
	proc_start host2-weftd host2 sh -c 'date +%s%6N >"$0"; exec "$@"' "$LAB_DIR/began" \
		"$WEFT_BIN_DIR/weftd" "${flags[@]}" --etcd-prefix "$(scale_prefix "$1")"
}

scale_began() { cat "$LAB_DIR/began"; }

scale_forget() { # the kernel's tables, and what a boot takes away
	weftd_stop host2 KILL
	ip -n "$LAB-host2" link del weft-vx1
	ip -n "$LAB-host2" link del weft-br1
	rm -rf "$LAB_DIR/host2/run"
} 2>/dev/null

# Waits for the log to say so, by nothing but this shell: on two cores whoever asks again and again
# is a part of what is measured.
scale_said() {
	local i lines pause
	exec {pause}<> <(:)
	for ((i = 0; i < 2000; i++)); do
		read -rt 0.01 -u "$pause"
		mapfile -t lines <"$LAB_DIR/log/host2-weftd"
		[[ ${lines[*]} != *'info: network ready '* ]] || break
	done
	exec {pause}<&-
}

# Microseconds from exec until the log says so, which it does in milliseconds.
scale_ready() { # NUMBER
	local said
	weftd_stop host2 KILL
	: >"$LAB_DIR/log/host2-weftd"
	scale_weftd "$1"
	scale_said
	weftd_ready host2 || return
	said=$(sed -n 's/^\([^ ]*\) info: network ready .*/\1/p' "$LAB_DIR/log/host2-weftd" | head -n 1)
	echo $(($(date -d "$said" +%s%6N) - $(scale_began)))
}

# The same from an empty kernel: ready is who has the kernel's word for every entry.
scale_fill() { # NUMBER
	local took
	scale_forget
	took=$(scale_ready "$1") || return
	(($(ip -n "$LAB-host2" -4 route show proto 119 | wc -l) >= $1)) || return
	echo "$took"
}

# What a start writes where all is there: what the kernel then tells of, but for what it does by
# itself: neighbours of multicast groups, link-local addresses that it has found to be alone.
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

# The leases alone: microseconds that curl(1) takes for all of them in one answer, from its exec.
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

# Nanoseconds on a processor in every second of REST_S. A second with a full pass stands out: it
# has tens of milliseconds, the others have some at most.
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

# A time in which nothing happens, long after anything did.
scale_rest() {
	local pid woken timers passes each
	((REST_S)) || return 0
	sleep "$REST_AFTER_S"
	pid=$(weftd_pid host2)
	woken=$(scale_woken "$pid")
	read -r timers passes each < <(scale_seconds "$pid" | awk '
		$1 < 15e6 { timers += $1; next }
		{ passes++; spent += $1 }
		END { printf "%d %d %d\n", timers / 1000, passes, passes ? spent / passes / 1000 : 0 }')
	woken=$(($(scale_woken "$pid") - woken))
	row "at rest for $REST_S s, its timers" "$(ms "$timers")" 'wake-ups, all' "$woken" '' \
		"$(target "$(ratio "$((timers * 86400))" "$((REST_S * 1000000))")" 1) s a day"
	row '  full passes meanwhile' "$passes" 'each' "$(ms "$each")" '' \
		"$(awk -v us="$each" 'BEGIN { printf "%.1f s a day", us * 288 / 1e6 }')"
}

scale_change() { # NUMBER: 200 peers that get another address, one after the other
	local p50 p99
	read -r p50 p99 < <(ns_run host2 python3 "$WEFT_REPO/tests/bench/change.py" \
		"$ETCD_URL" "$(scale_prefix "$1")" "$1" "$CHANGES") || return
	row "one of $1 peers changes" "$(ms "$p99")" "p99 of $CHANGES; median" "$(ms "$p50")" '' \
		"$(target "$(ratio "$p99" 1000)" 10) ms"
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
	row "exec to $1 peers, empty kernel" "$(ms "$2")" 'raw netlink alone' "$(ms "$5")" \
		"$(ratio "$2" "$5")" "$limit_fill"
	row "start with $1 peers there" "$(ms "$3")" 'the list alone, with curl' "$(ms "$6")" \
		"$(ratio "$3" "$6")" "$limit_ready"
	row "entries of $1 peers alone" "$(ms "$4")" 'raw netlink alone' "$(ms "$5")" \
		"$(ratio "$4" "$5")" "$limit_kernel"
	row "resident with $1 peers" "$(scale_memory VmRSS) kB" 'at its most' \
		"$(scale_memory VmHWM) kB" '' "$limit_rss"
	row '  of it anonymous' "$(scale_memory RssAnon) kB" '' '' '' "$limit_anon"
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
		scale_load "$number" && scale_measure "$number" || return
		written=$(scale_written "$number")
		row '  written by a start with all there' "$written" '' '' '' "$(target "$written" 0)"
		scale_change "$number" || return
		((number != 10000)) || scale_rest
		scale_forget
		etcd_ctl del --prefix "$(scale_prefix "$number")/" >/dev/null || return
	done
	gnuplot -e "data = '$WORK/scale.txt'; set output '$WORK/scale.svg'" \
		"$WEFT_REPO/tests/bench/scale.gnuplot" && echo "plotted: $WORK/scale.svg"
}
