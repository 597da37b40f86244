# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What every other file here stands on: where things are, waiting with a
# deadline, and processes that are known by pid. Sourced, never run.

WEFT_REPO=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
: "${WEFT_BIN_DIR:=$WEFT_REPO/build}"
: "${WEFT_CNI_REFERENCE:=/usr/lib/cni}"
export LC_ALL=C # EPOCHREALTIME and sort(1) follow the locale

now_us() { echo "${EPOCHREALTIME/./}"; }

# wait_for SECONDS COMMAND...: until the command succeeds, at most that long. What
# the command said the last time is the evidence when it never did.
wait_for() {
	local seconds=$1 deadline said
	shift
	deadline=$(($(now_us) + seconds * 1000000))
	until said=$("$@" 2>&1); do
		if (($(now_us) >= deadline)); then
			printf 'not within %s s: %s\n%s\n' "$seconds" "$*" "$said" >&2
			return 1
		fi
		sleep 0.05
	done
}

# not COMMAND...: succeeds where the command fails, also under wait_for.
not() { ! "$@"; }

# same FILE FILE: as diff(1), for what is compared while waiting.
same() { diff -u "$1" "$2"; }

# A process is its pid and the clock tick at which it began: a number that the
# kernel has given to another process since is not taken for ours.
pid_began() {
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	stat=${stat##*) } # the name before may hold blanks and brackets
	[[ $stat != Z* ]] || return 1
	cut -d' ' -f20 <<<"$stat"
}

# The number of a process that proc_start began and that still lives.
proc_pid() { # NAME
	local pid began
	read -r pid began 2>/dev/null <"$LAB_DIR/pid/$1" || return 1
	# One that ended at once had no beginning to be written down.
	[[ $began && $(pid_began "$pid") == "$began" ]] && echo "$pid"
}

# proc_start NAME NAMESPACE COMMAND...: in the background, in a session of its
# own, so that an interrupt at the terminal does not reach it before its time.
# Its output is added to $LAB_DIR/log/NAME.
proc_start() {
	local name=$1 ns=$2 pid
	shift 2
	# Descriptor 3 is how bats knows that a test is over.
	setsid nsenter --net="$(ns_path "$ns")" -- "$@" \
		</dev/null >>"$LAB_DIR/log/$name" 2>&1 3>&- &
	pid=$!
	disown "$pid"
	echo "$pid $(pid_began "$pid")" >"$LAB_DIR/pid/$name"
}

# proc_stop NAME [SIGNAL]: and waits until it is gone. One that is gone already is no fault.
proc_stop() {
	local name=$1 signal=${2-TERM} pid
	pid=$(proc_pid "$name") || return 0
	kill -s "$signal" "$pid" 2>/dev/null
	if ! wait_for 10 not proc_pid "$name"; then
		echo "$name ($pid) does not heed SIG$signal" >&2
		kill -s KILL "$pid"
		return 1
	fi
}

# The last lines that a process wrote.
proc_log() { # NAME [LINES]
	tail -n "${2-20}" "$LAB_DIR/log/$1"
}
