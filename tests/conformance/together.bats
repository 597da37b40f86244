#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # run sets output and lines; suite.bash reads the others
#
# Concurrent calls.

load suite

# Starts a command in the background. finish waits for all, and prints the output of a failed one.
begin() { # COMMAND...
	"$@" >"$BATS_TEST_TMPDIR/${#pids[@]}" 2>&1 3>&- &
	pids+=($!)
}

finish() {
	local n failed=''
	for n in "${!pids[@]}"; do
		wait "${pids[n]}" || failed+="$(<"$BATS_TEST_TMPDIR/$n")"$'\n'
	done
	pids=()
	[[ -z $failed ]] || fail "$failed"
}

@test "K1 60 concurrent ADDs: one bridge with an unchanged MAC, and all containers are reachable" {
	local n pids=() bridge
	bridge=$(ip_in host1 -j link show "$PLUGIN_BRIDGE" | jq -c '.[0] | [.ifindex, .address]')
	for ((n = 0; n < 60; n++)); do
		ns_add p$n
	done
	for ((n = 0; n < 60; n++)); do
		begin add p$n
	done
	finish
	assert_equal "$(ip_in host1 -j link show "$PLUGIN_BRIDGE" | jq -c '.[0] | [.ifindex, .address]')" "$bridge"
	for ((n = 0; n < 60; n += 6)); do
		reaches p$n "$(plugin_gateway)"
	done
	for ((n = 0; n < 60; n++)); do
		begin del p$n
	done
	finish
	clean
}

@test "K2 concurrent ADDs and DELs leave exactly the added containers" {
	local n pids=()
	for ((n = 0; n < 30; n++)); do
		ns_add p$n
		((n >= 15)) || add p$n
	done
	for ((n = 0; n < 15; n++)); do
		begin del p$n
		begin add p$((n + 15))
	done
	finish
	for ((n = 15; n < 30; n++)); do
		check p$n
		reaches p$n "$(plugin_gateway)"
	done
	for ((n = 15; n < 30; n++)); do
		begin del p$n
	done
	finish
	clean
}

@test "K3 DEL concurrent with ADD of the same container: a last DEL removes everything" {
	local n pid
	for ((n = 0; n < 20; n++)); do
		add c1 >/dev/null 2>&1 3>&- &
		pid=$!
		del c1 || fail 'DEL failed'
		wait "$pid" || true # the order of the two is undefined
		del c1 || fail 'the last DEL failed'
		run ip_in c1 link show eth0
		assert_failure
	done
	clean
}

@test "K4 concurrent ADDs of two networks to one container" {
	local n pids=()
	for ((n = 0; n < 5; n++)); do
		ns_add p$n
		begin add p$n
		pool=dual ifname=eth1 begin add p$n '.name = "net2" | .isDefaultGateway = false'
	done
	finish
	for ((n = 0; n < 5; n++)); do
		ip_in p$n link show eth0
		ip_in p$n link show eth1
		check p$n
		begin del p$n
		pool=dual ifname=eth1 begin del p$n '.name = "net2" | .isDefaultGateway = false'
	done
	finish
	clean
}

@test "K5 ADD and DEL while weftd is killed and restarted" {
	local n
	only_weft 'it has no daemon'
	weftd_stop host1 KILL
	add c1
	del c1
	weftd_start host1
	for ((n = 0; n < 40; n++)); do
		add c1 || fail "ADD number $n failed"
		reaches c1 "$(plugin_gateway)"
		del c1
	done
	weftd_ready host1
	clean
}

# Counts the netlink dumps and the system calls of an ADD.
counted_add() { # CONTAINER
	conf ADD "$1" | ns_run host1 strace -f -o "$BATS_TEST_TMPDIR/trace" env -i CNI_COMMAND=ADD \
		CNI_CONTAINERID="$1" CNI_NETNS="$(ns_path "$1")" CNI_IFNAME=eth0 PATH=/usr/sbin:/usr/bin \
		CNI_PATH="$WEFT_CNI_REFERENCE" "$(plugin_program)" >"$(cache_of "$1")"
	dumps=$(grep -c NLM_F_DUMP "$BATS_TEST_TMPDIR/trace" || true)
	calls=$(grep -vcE 'nanosleep|SIG|exited|rt_sig' "$BATS_TEST_TMPDIR/trace")
}

@test "K6 2,000 devices on the host do not add system calls to ADD, and no netlink dumps are made" {
	local n few dumps calls
	counted_add c1 # the first ADD creates directories
	del c1
	counted_add c1
	few=$calls
	del c1
	for ((n = 0; n < 1000; n++)); do
		echo "link add many$n type veth peer name more$n"
	done | ip -n "$LAB-host1" -batch -
	[[ $(ip_in host1 -o link show | wc -l) -gt 2000 ]]
	counted_add c1
	del c1
	for ((n = 0; n < 1000; n++)); do
		echo "link del many$n"
	done | ip -n "$LAB-host1" -batch -
	assert_equal "$dumps" 0
	# The number of polls until the port is up varies by a few.
	((calls <= few + 4)) || fail "$few system calls, and $calls with 2,000 devices"
	clean
}
