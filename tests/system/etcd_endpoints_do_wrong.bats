#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The first of weftd's endpoints is none of etcd's but a server that does wrong
# (lib/bad_gateway.py), the second is etcd: weftd says what is wrong with which, comes up all
# the same, follows changes, and does not let itself be filled up.

load ../lib/bats

BAD=192.168.0.250:2400
MEMORY_MAX_KB=65536 # an answer may have 16 MB

setup_file() {
	lab_open_for_file
	lab_hosts 1
	store_start
}

teardown_file() { lab_down; }

teardown() {
	weftd_stop host1
	proc_stop bad KILL
}

# In place of those of etcd.bash.
etcd_flags() { echo --etcd-endpoints "http://$BAD,$ETCD_URL"; }

bad_start() { # HOW [watch]
	proc_start bad etcd "$(command -v python3)" "$WEFT_REPO/tests/lib/bad_gateway.py" \
		"${BAD%:*}" "${BAD#*:}" "${ETCD_URL#http://}" "$@"
	wait_for 10 ns_run etcd bash -c "exec 3<>/dev/tcp/${BAD%:*}/${BAD#*:}"
}

log_says() { weftd_log host1 100 | grep -F -- "$1"; }

reaches_etcd() {
	weftctl_on host1 --json status |
		jq -e --arg url "$ETCD_URL" '.networks[0].store | .connected and .endpoint == $url'
}

peak_kb() { awk '/^VmHWM/ { print $2 }' "/proc/$(weftd_pid host1)/status"; }

# goes_on HOW WHAT IT SAYS [watch]: the whole of it, with a peer that comes and goes.
goes_on() {
	local how=$1 says=$2
	: >"$LAB_DIR/log/host1-weftd"
	bad_start "$how" "${@:3}"
	weftd_start host1
	wait_for 60 weftd_is_ready host1
	wait_for 60 reaches_etcd
	etcd_put 10.5.200.0-24 "$(flannel_value 192.168.0.200 0e:00:00:00:02:00)"
	wait_for 60 kernel_agrees host1
	etcd_del 10.5.200.0-24
	wait_for 60 kernel_agrees host1
	log_says "$BAD"
	log_says "$says"
	assert [ "$(peak_kb)" -lt "$MEMORY_MAX_KB" ]
}

@test "one that answers nothing" { goes_on silent 'timed out'; }

@test "one that answers byte by byte, without an end" { goes_on slow 'timed out'; }

@test "one that closes the connection in the middle" { goes_on half 'closed'; }

@test "one whose headers do not end" { goes_on headers 'large'; }

@test "one whose answer does not end" { goes_on body 'larger'; }

@test "one whose watch says nothing" { goes_on silent 'the watch says nothing' watch; }

@test "one whose watch is slow, and never has a whole line" { goes_on slow 'the watch says nothing' watch; }

@test "one whose watch ends at once" { goes_on half 'closed' watch; }

@test "one whose watch has headers without end" { goes_on headers 'large' watch; }

@test "one whose watch has a line without end" { goes_on body 'larger' watch; }
