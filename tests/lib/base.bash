# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The base of the other files: paths, waiting with a deadline, and processes that are identified
# by pid and start time. Sourced, never run.

WEFT_REPO=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
: "${WEFT_BIN_DIR:=$WEFT_REPO/build}"
: "${WEFT_CNI_REFERENCE:=/usr/lib/cni}"
export LC_ALL=C # EPOCHREALTIME and sort(1) follow the locale

now_us() { echo "${EPOCHREALTIME/./}"; }

# wait_for SECONDS COMMAND...: runs the command until it succeeds. Fails after that time, and prints
# the output of the last attempt. WEFT_TEST_PATIENCE multiplies the time: run-system.sh sets it,
# because files that run side by side share the processors. An attempt sees its own short limit in
# ATTEMPT_SECONDS, because there will be another.
wait_for() {
	local seconds=$(($1 * ${WEFT_TEST_PATIENCE-1})) deadline output pause
	local -x ATTEMPT_SECONDS=2
	local pauses=(0.02 0.03 0.05 0.07 0.1 0.15) # an attempt can cost many processes
	shift
	deadline=$((${EPOCHREALTIME/./} + seconds * 1000000))
	until output=$("$@" 2>&1); do
		if ((${EPOCHREALTIME/./} >= deadline)); then
			printf 'not within %s s: %s\n%s\n' "$seconds" "$*" "$output" >&2
			return 1
		fi
		pause=${pauses[0]}
		((${#pauses[@]} == 1)) || pauses=("${pauses[@]:1}")
		sleep "$pause"
	done
}

# not COMMAND...: succeeds if the command fails, also under wait_for.
not() { ! "$@"; }

# jq -e without any input succeeds (jq 1.6). Here it fails, because it tests the output of a
# command that may fail: a program that does not respond yet has no state that is true.
jq() {
	local out
	[[ " $* " =~ \ -[a-zA-Z]*e[a-zA-Z]*\  ]] || { command jq "$@"; return; }
	out=$(command jq "$@") || { local status=$?; echo "$out"; return "$status"; }
	[[ $out ]] && echo "$out"
}

# same FILE FILE: compares as diff(1) does.
same() { diff -u "$1" "$2"; }

# The clock tick at which a process started. Pid and tick together identify a process even if the
# kernel has reused the pid. Fails if the process is gone or a zombie.
pid_began() { # PID
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	read -ra stat <<<"${stat##*) }" # the name before may contain blanks and brackets
	[[ ${stat[0]} != Z ]] && echo "${stat[19]}"
}

# The pid of a process that proc_start started and that still runs.
proc_pid() { # NAME
	local pid began
	read -r pid began 2>/dev/null <"$LAB_DIR/pid/$1" || return 1
	# A process that ended at once has no start time in the file.
	[[ $began && $(pid_began "$pid") == "$began" ]] && echo "$pid"
}

# proc_start NAME NAMESPACE COMMAND...: runs the command in the background, in a session of its own:
# an interrupt at the terminal does not reach it. Its output is appended to $LAB_DIR/log/NAME.
proc_start() {
	local name=$1 ns=$2 pid
	shift 2
	# bats waits until descriptor 3 is closed.
	setsid nsenter --net="$(ns_path "$ns")" -- "$@" \
		</dev/null >>"$LAB_DIR/log/$name" 2>&1 3>&- &
	pid=$!
	disown "$pid"
	echo "$pid $(pid_began "$pid")" >"$LAB_DIR/pid/$name"
}

# proc_stop NAME [SIGNAL]: ends the process and waits for its end. Succeeds if it has ended already.
proc_stop() {
	local name=$1 signal=${2-TERM} pid
	pid=$(proc_pid "$name") || return 0
	kill -s "$signal" "$pid" 2>/dev/null
	if ! wait_for 10 not proc_pid "$name"; then
		echo "$name ($pid) did not end on SIG$signal" >&2
		kill -s KILL "$pid"
		return 1
	fi
}

# Prints the last lines of a process's output.
proc_log() { # NAME [LINES]
	tail -n "${2-20}" "$LAB_DIR/log/$1"
}
