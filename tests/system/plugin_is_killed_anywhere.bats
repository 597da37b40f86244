#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# The plugin is killed at each system call of ADD and of DEL, and so is the child process with which
# DEL removes a device. A following DEL leaves no device, no address, no rule and no file.

# schedule: first

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 1
	ns_add c1
	"${CC-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -o "$LAB_DIR/killer" \
		"$WEFT_REPO/tests/kill/killer.c"
	cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 >"$LAB_DIR/plain"
	jq -c '. + {macSpoofCheck: true, portIsolation: true,
		ipam: {type: "host-local", dataDir: $dir, subnet: "10.5.200.0/24"}}' \
		--arg dir "$LAB_DIR/host1/run/delegate" "$LAB_DIR/plain" >"$LAB_DIR/delegated"
}

teardown_file() { lab_down; }

# weft VERB [COMMAND...]: runs the plugin for c1, started by the command.
weft() {
	local verb=$1
	shift
	CNI_COMMAND=$verb CNI_CONTAINERID=c1 CNI_NETNS=$(ns_path c1) CNI_IFNAME=eth0 \
		CNI_PATH=$WEFT_CNI_REFERENCE ns_run host1 "$@" "$WEFT_BIN_DIR/weft" <"$config"
}

# The traces of an attachment: devices at both ends, entries of the bridge, rules, files.
traces() {
	ip -n "$LAB-host1" -o link show | cut -d: -f2
	bridge -n "$LAB-host1" fdb show br "$KERNEL_BRIDGE" | grep -i ' 0a:58' || true
	ns_run host1 nft list ruleset
	ip -n "$LAB-c1" -o link show | cut -d: -f2
	ip -n "$LAB-c1" route show
	find "$LAB_DIR/host1/run" \( -type f -o -type l \) \
		! -name lock ! -name 'last_reserved_ip.*' | sort
}

traces_are() { diff -u <(printf '%s\n' "$1") <(traces); }

# killed_at_each VERB [OPTION OF THE KILLER]: kills the plugin at its first system call, its second,
# and so on. calls is the minimum number of system calls; needed is the minimum number of kills
# after which DEL has something to remove.
killed_at_each() {
	local at before differed=0 said
	weft ADD >/dev/null && weft DEL # creates directories, which stay
	before=$(traces)
	for ((at = 1; at < 1000; at++)); do
		[[ $1 == ADD ]] || weft ADD >/dev/null || fail "ADD failed before the kill of DEL at $at"
		said=$(weft "$1" "$LAB_DIR/killer" "${@:2}" "$at" 2>&1 >/dev/null) || true
		[[ -z $(find "$LAB_DIR/host1/run/attachments" -type f -size +0) ]] || differed=$((differed + 1))
		weft DEL || fail "DEL failed after $1 was $said"
		wait_for 5 traces_are "$before" || fail "DEL left traces after $1 was $said"
		[[ $said != *ended:* ]] || break
		[[ $said == *"killed at $at:"* ]] || fail "not killed: $said"
	done
	echo "# $*: killed at $((at - 1)) system calls, $differed times with traces for DEL to remove" >&3
	((at > ${calls-50} && differed > ${needed-10})) ||
		fail "killed at $at system calls, $differed times with traces for DEL to remove"
	weft ADD >/dev/null
	ip -n "$LAB-c1" -o link show eth0
	weft DEL
}

@test "ADD killed at each system call" {
	config=$LAB_DIR/plain killed_at_each ADD
}

@test "DEL killed at each system call" {
	config=$LAB_DIR/plain killed_at_each DEL
}

@test "ADD with a delegated IPAM plugin killed at each system call" {
	config=$LAB_DIR/delegated killed_at_each ADD
}

@test "DEL succeeds if its child is killed at each system call" {
	config=$LAB_DIR/plain calls=10 needed=5 killed_at_each DEL -c
}

@test "DEL killed together with its child, at each system call of the child" {
	config=$LAB_DIR/plain calls=10 needed=5 killed_at_each DEL -a
}
