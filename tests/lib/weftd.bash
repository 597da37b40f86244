# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# weftd and weftctl of a host in the lab. Sourced by lab.bash.

: "${LAB_NETWORK:=default}" # the network that the functions below refer to

# The flags for the store and for the host's own files.
weftd_flags() { # HOST
	local dir=$LAB_DIR/$1
	# shellcheck disable=SC2046 # several words
	echo $(store_flags "$1") --node-name "$1" \
		--run-dir "$dir/run" --state-dir "$dir/state" --subnet-file "$dir/subnet.env"
}

# weftd_start HOST [FLAG...]: starts weftd and returns at once.
weftd_start() {
	local host=$1 flags
	shift
	read -ra flags < <(weftd_flags "$host")
	proc_start "$host-weftd" "$host" "$WEFT_BIN_DIR/weftd" "${flags[@]}" "$@"
}

weftd_pid() { proc_pid "$1-weftd"; }
weftd_log() { proc_log "$1-weftd" "${2-20}"; }
weftd_stop() { proc_stop "$1-weftd" "${2-TERM}"; }

# weftctl_on HOST ARGUMENT...
weftctl_on() {
	local host=$1
	shift
	ns_run "$host" "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/$host/run" "$@"
}

# Succeeds if the weftd that was started last, and not an earlier one, is ready.
weftd_is_ready() { # HOST
	local pid status
	pid=$(weftd_pid "$1") || { echo 'weftd is not running' && weftd_log "$1" && return 1; }
	[[ -e $LAB_DIR/$1/run/networks/$LAB_NETWORK.json ]] || { weftd_log "$1" 5 && return 1; }
	# Not in a pipe: without input, jq -e succeeds.
	status=$(weftctl_on "$1" --json status) || [[ $status ]] || return 1
	jq -e --argjson pid "$pid" --arg network "$LAB_NETWORK" \
		'.pid == $pid and any(.networks[]; .name == $network and .state == "ready")' <<<"$status"
}

# Succeeds if weftd is ready, or has ended.
weftd_is_settled() { ! weftd_pid "$1" >/dev/null || weftd_is_ready "$1"; } # HOST

weftd_ready() { # HOST...
	local host said
	for host; do
		wait_for 20 weftd_is_settled "$host" || return
		said=$(weftd_is_ready "$host") || { printf '%s\n' "$said" >&2 && return 1; }
	done
}

# lab_overlay NUMBER [CONFIGURATION]: starts the store and this number of hosts; all are peers.
lab_overlay() {
	local i hosts=()
	for ((i = 1; i <= $1; i++)); do
		hosts+=("host$i")
	done
	lab_hosts "$1" && store_start "${@:2}" || return
	for i in "${hosts[@]}"; do
		weftd_start "$i" || return
	done
	weftd_ready "${hosts[@]}" && kernel_settled "${hosts[@]}"
}

host_network() { # HOST EXPRESSION of jq(1): of the published network state
	jq -r "$2" "$LAB_DIR/$1/run/networks/$LAB_NETWORK.json"
}

host_subnet() { host_network "$1" '.families[0].subnet'; }
host_gateway() { host_network "$1" '.families[0].gateway'; }
