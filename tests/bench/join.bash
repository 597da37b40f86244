# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Fifty nodes join an empty network at once: the time until each has a lease and a route to each
# other node, and the CPU time. The nodes are weftd processes on one machine, whose processors do
# the work of all of them, fifty times 49 peers. Sourced by run.sh.

NODES=50
JOIN_PREFIX=/join

join_hosts() { seq -f 'host%g' 101 $((100 + NODES)); }

# Hosts without files for the plugin, since there are no containers.
join_machine() { lab_machine "$1" "${1#host}" && mkdir "$LAB_DIR/$1"; }

# Succeeds if the host has a route to each other node, and no others.
join_is_complete() { (($(ip -n "$LAB-$1" -4 route show proto 0x77 | wc -l) == NODES - 1)); }

join_all_complete() {
	local host
	for host in $(join_hosts); do
		wait_for 120 join_is_complete "$host" || { weftd_log "$host" 5 >&2 && return 1; }
	done
}

# Prints the processor time of a process in milliseconds.
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

# join_once exec|configuration: prints the microseconds from the exec of the first weftd, or from the
# put of the configuration for which all wait; then the processor time of all weftd and of etcd in
# milliseconds.
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
	join_all_complete || return
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
	for how in exec configuration; do
		all=()
		for ((i = 0; i < (STARTS + 1) / 2; i++)); do
			all+=("$(join_once $how)") || return
			join_end
		done
		read -r us cpu etcd < <(printf '%s\n' "${all[@]}" | sort -n | sed -n "$(((${#all[@]} + 1) / 2))p")
		row "$NODES nodes join, from $how" "$(ms "$us")" "CPU of all weftd, etcd $etcd ms" \
			"$cpu ms" "$(ratio "$us" $((cpu * 1000)))" "$(target "$(ratio "$us" 1000000)" 5) s"
	done
}
