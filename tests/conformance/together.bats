#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # bats sets what run has seen; suite.bash reads what tests set
#
# Many at once.

load suite

# all COMMAND...: what each of them printed is the evidence when one fails.
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

@test "K1 60 ADDs at once: one bridge with the MAC it had, and everybody is reached" {
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

@test "K2 ADDs and DELs at once leave what was added, and nothing else" {
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

@test "K3 DEL at the same time as ADD of the same: after a last DEL there is nothing" {
	local n pid
	for ((n = 0; n < 20; n++)); do
		add c1 >/dev/null 2>&1 3>&- &
		pid=$!
		del c1 || fail 'DEL failed'
		wait "$pid" || true # which of them came first is open
		del c1 || fail 'the last DEL failed'
		run ip_in c1 link show eth0
		assert_failure
	done
	clean
}

@test "K4 two networks of one container at once" {
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

@test "K5 ADD and DEL while weftd is killed and started again" {
	local n
	only_weft 'it has no daemon'
	weftd_stop host1 KILL
	add c1
	del c1
	weftd_start host1
	for ((n = 0; n < 40; n++)); do
		add c1 || fail "the ${n}th"
		reaches c1 "$(plugin_gateway)"
		del c1
	done
	weftd_ready host1
	clean
}

# Netlink requests that list (NLM_F_DUMP), and system calls altogether, in one ADD.
counted_add() { # CONTAINER
	conf ADD "$1" | ns_run host1 strace -f -o "$BATS_TEST_TMPDIR/trace" env -i CNI_COMMAND=ADD \
		CNI_CONTAINERID="$1" CNI_NETNS="$(ns_path "$1")" CNI_IFNAME=eth0 PATH=/usr/sbin:/usr/bin \
		CNI_PATH="$WEFT_CNI_REFERENCE" "$(plugin_program)" >"$(cache_of "$1")"
	dumps=$(grep -c NLM_F_DUMP "$BATS_TEST_TMPDIR/trace" || true)
	calls=$(grep -vcE 'nanosleep|SIG|exited|rt_sig' "$BATS_TEST_TMPDIR/trace")
}

@test "K6 with 2,000 devices on the host ADD makes as few system calls, and lists nothing" {
	local n few dumps calls
	counted_add c1 # the first one makes directories
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
	# A poll more or less while the port comes up is no growth.
	((calls <= few + 4)) || fail "$few system calls, and $calls with 2,000 devices"
	clean
}
