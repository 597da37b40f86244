# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a bats file loads: the assertions of bats-assert, the lab, and further assertions.
# Each file creates its lab in setup_file and removes it in teardown_file.

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert
# shellcheck source=tests/lib/lab.bash
source "${BASH_SOURCE[0]%/*}/lab.bash"

# A lab of this file's own. Its name has this process's pid, so that files that run side by side
# have different ones.
lab_open_for_file() {
	local name=${BATS_TEST_FILENAME##*/}
	name=${name%.bats}
	lab_open "wt$$-${name%%_*}"
}

# assert_json TEXT EXPRESSION: the expression of jq(1) is true for the text.
assert_json() {
	jq -e "$2" <<<"$1" >/dev/null || fail "not true: $2
of: $1"
}

# A flow of ping packets in the background, 100 per second by default. flow_lost waits for its end
# and prints how many packets were lost.
flow_start() { # NAME NAMESPACE ADDRESS COUNT [SECONDS BETWEEN TWO]
	rm -f "$LAB_DIR/log/flow-$1"
	proc_start "flow-$1" "$2" ping -n -q -i "${5-0.01}" -W 1 -c "$4" "$3"
}

flow_runs() { proc_pid "flow-$1"; }

flow_lost() { # NAME
	wait_for 60 not proc_pid "flow-$1"
	awk '/packets transmitted/ { print $1 - $4; found = 1 } END { if (!found) print "all" }' \
		"$LAB_DIR/log/flow-$1"
}

# Waits longer for an answer if there is no other attempt, as on a machine that stalls for seconds.
ping_once() { # NAMESPACE ADDRESS [OPTION...]
	local ns=$1 to=$2
	shift 2
	ns_run "$ns" ping -n -q -c 1 -W "${ATTEMPT_SECONDS-$((2 * ${WEFT_TEST_PATIENCE-1}))}" "$@" "$to"
}

# Fails if there is an answer.
no_answer() { ! ATTEMPT_SECONDS=2 ping_once "$@"; } # the arguments of ping_once
