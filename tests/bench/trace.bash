# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# weftctl trace with 10,000 peers, from a container to a remote one: with weftd's list of the peers, and,
# while weftd is down, with its snapshot. The file store is that of metrics.bash. Sourced by run.sh.

TRACE_CALLS=20
TRACE_TO=10.16.0.7 # in the subnet of the first peer

trace_dir() { # NAME ARGUMENT...
	local dir=$LAB_DIR/trace/$1
	shift
	mkdir -p "$dir"
	printf '%s\n' "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/host2/run" --state-dir \
		"$LAB_DIR/host2/state" "$@" >"$dir/argv"
	: >"$dir/stdin"
	echo "PATH=$PATH" >"$dir/env"
}

trace_times() { sed -n "s/^$1 //p" "$WORK/trace.txt" | cut -d' ' -f1 | sort -n; } # NAME

# The CPU time of TRACE_CALLS calls, weftctl's and weftd's (0 while it is down), in microseconds per call.
trace_cpu() { # NAME
	local ctl before after
	before=$(trace_weftd_ticks)
	# shellcheck disable=SC2016 # for the inner shell
	ctl=$(ns_run host2 bash -c 'mapfile -t argv <"$1/argv"; TIMEFORMAT="%3U %3S"
		time for ((i = 0; i < $2; i++)); do "${argv[@]}" >/dev/null; done' - "$LAB_DIR/trace/$1" "$TRACE_CALLS" 2>&1)
	after=$(trace_weftd_ticks)
	awk -v n="$TRACE_CALLS" -v ticks="$((after - before))" -v hz="$(getconf CLK_TCK)" \
		'{ print (($1 + $2) * 1000000 + ticks * 1000000 / hz) / n }' <<<"$ctl"
}

trace_weftd_ticks() {
	local pid
	pid=$(weftd_pid host2 2>/dev/null) && awk '{ print $14 + $15 }' "/proc/$pid/stat" 2>/dev/null || echo 0
}

report_trace() { # NAME WHAT
	local worst
	worst=$(trace_times "$1" | tail -n 1)
	row "trace, $SCRAPE_PEERS peers: $2, CPU" "$(ms "$(cat "$WORK/trace.$1")")" 'weftctl and weftd'
	row "trace, $SCRAPE_PEERS peers: $2" "$(ms "$(trace_times "$1" | median)")" "worst of $TRACE_CALLS" \
		"$(ms "$worst")" '' "$(target "$(ratio "$worst" 1000)" 50) ms"
}

bench_trace() {
	# shellcheck disable=SC2034 # of store.bash
	local LAB_STORE=file
	lab_host host2 && scrape_store && weftd_start host2 && weftd_ready host2 &&
		container_add host2 traced || return
	trace_dir host trace "$TRACE_TO"
	trace_dir container trace "$TRACE_TO" --from traced
	trace_dir snapshot trace "$TRACE_TO" --from traced
	ns_run host2 "$WORK/spawn" "$TRACE_CALLS" 10 "$LAB_DIR/trace"/{host,container} >"$WORK/trace.txt" ||
		return
	trace_cpu host >"$WORK/trace.host" && trace_cpu container >"$WORK/trace.container" || return
	wait_for 60 test -s "$LAB_DIR/host2/state/networks/default.json" || return # written with a delay
	weftd_stop host2
	ns_run host2 "$WORK/spawn" "$TRACE_CALLS" 10 "$LAB_DIR/trace/snapshot" >>"$WORK/trace.txt" || return
	trace_cpu snapshot >"$WORK/trace.snapshot" || return
	report_trace host 'from the host'
	report_trace container 'from a container'
	report_trace snapshot 'weftd is down'
	container_del host2 traced
}
