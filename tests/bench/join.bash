# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Fifty nodes that join an empty network at once: until each has a lease and a route to each
# of the others; and what CPU time that took. The nodes are weftd processes on one machine, so
# the work of all, fifty times forty-nine peers, is done by its processors. Sourced by run.sh.

NODES=50
JOIN_PREFIX=/join

join_hosts() { seq -f 'host%g' 101 $((100 + NODES)); }

# Hosts without anything for containers, of which there are none here.
join_machine() { lab_machine "$1" "${1#host}" && mkdir "$LAB_DIR/$1"; }

# 49 routes, all others' and no more.
join_is_whole() { (($(ip -n "$LAB-$1" -4 route show proto 0x77 | wc -l) == NODES - 1)); }

join_all_whole() {
	local host
	for host in $(join_hosts); do
		wait_for 120 join_is_whole "$host" || { weftd_log "$host" 5 >&2 && return 1; }
	done
}

# Milliseconds of processor time that a process has used.
cpu_ms() { # PROCESS NAME
	awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%d\n", ($12 + $13) * 1000 / hz }' \
		"/proc/$(proc_pid "$1")/stat"
}

join_cpu_ms() { # of all weftd
	local host
	for host in $(join_hosts); do
		cpu_ms "$host-weftd"
	done | awk '{ sum += $1 } END { print sum }'
}

# join_once HOW: microseconds, from the exec of the first, or from the configuration's put, which
# all wait for; then milliseconds of processor time of all weftd, and of etcd.
join_once() {
	local host began cpu cpu_etcd config='{"Network":"10.64.0.0/16","SubnetLen":24}'
	cpu=0 cpu_etcd=$(cpu_ms etcd)
	[[ $1 != exec ]] || etcd_ctl put $JOIN_PREFIX/config "$config" >/dev/null || return
	began=$(now_us)
	for host in $(join_hosts); do
		weftd_start "$host" --etcd-prefix $JOIN_PREFIX
	done
	if [[ $1 != exec ]]; then
		for host in $(join_hosts); do
			wait_for 120 join_waits "$host" || return
		done
		cpu=$(join_cpu_ms) cpu_etcd=$(cpu_ms etcd) began=$(now_us)
		etcd_ctl put $JOIN_PREFIX/config "$config" >/dev/null || return
	fi
	join_all_whole || return
	echo "$(($(now_us) - began)) $(($(join_cpu_ms) - cpu)) $(($(cpu_ms etcd) - cpu_etcd))"
}

join_waits() { grep -q 'no network configuration' "$LAB_DIR/log/$1-weftd"; }

join_end() {
	local host
	for host in $(join_hosts); do
		weftd_stop "$host" KILL
		ip -n "$LAB-$host" link del weft-vx1
		ip -n "$LAB-$host" link del weft-br1
		rm -rf "$LAB_DIR/$host"/{run,state} "$LAB_DIR/log/$host-weftd"
	done
	etcd_ctl del --prefix $JOIN_PREFIX/ >/dev/null
}

bench_join() {
	local i host how us cpu etcd all=()
	for host in $(join_hosts); do
		join_machine "$host" || return
	done
	for how in exec told; do
		all=()
		for ((i = 0; i < (STARTS + 1) / 2; i++)); do
			all+=("$(join_once $how)") || return
			join_end
		done
		read -r us cpu etcd < <(printf '%s\n' "${all[@]}" | sort -n | sed -n "$(((${#all[@]} + 1) / 2))p")
		row "$NODES nodes join at once, from $how" "$(ms "$us")" "CPU of all weftd, etcd $etcd ms" \
			"$cpu ms" "$(ratio "$us" $((cpu * 1000)))" "$(target "$(ratio "$us" 1000000)" 5) s"
	done
}
