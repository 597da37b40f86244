#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Fifty nodes race for 32 subnets in an etcd of three members, while members are killed, held
# still and cut off, and nodes are killed and put to sleep for longer than their leases live. Then
# etcd's history from its first revision on is laid beside what the nodes believed. RACE_SECONDS says
# how long it goes on; `make soak` lets it run for minutes.

load ../lib/bats
# shellcheck source=tests/lib/cluster.bash
load ../lib/cluster

NODES=50
SUBNETS=32
TTL=10

setup_file() {
	lab_open_for_file
}

teardown_file() { lab_down; }

check() { python3 "$WEFT_REPO/tests/race/check.py" "$@"; }

# ---- The checker, with histories that are wrong ------------------------------

# event REVISION KEY [NODE]: as etcdctl prints it; without a node, the key's end.
event() {
	local key value='' type=1
	key=$(printf '/race/subnets/%s' "$2" | base64 -w 0)
	if [[ ${3-} ]]; then
		type=0
		value=$(printf '{"Weft":{"Node":"00000000-0000-4000-8000-%012d"}}' "$3" | base64 -w 0)
	fi
	printf '{"Header":{},"Events":[{"type":%s,"kv":{"key":"%s","mod_revision":%s,"value":"%s"}}]}\n' \
		$type "$key" "$1" "$value"
}

# verdict NODES SUBNETS: of $history and $beliefs.
verdict() {
	printf '%s\n' "$history" >"$BATS_TEST_TMPDIR/history"
	printf '%s\n' "$beliefs" >"$BATS_TEST_TMPDIR/beliefs"
	run check "$1" "$2" "$BATS_TEST_TMPDIR/history" "$BATS_TEST_TMPDIR/beliefs"
}

@test "a history in which all is true passes the checker" {
	history=$(event 2 10.5.1.0-24 1; event 3 10.5.1.0-24; event 4 10.5.1.0-24 2; event 5 10.5.2.0-24 1)
	beliefs='1 1 held 10.5.1.0-24 2
5 1 lost 10.5.1.0-24 0
4 2 held 10.5.1.0-24 4
6 1 held 10.5.2.0-24 5
7 3 full - 0'
	verdict 3 2
	assert_success
	assert_output --partial '3 puts, 1 ends of keys'
}

@test "the checker finds an owner that writes over another" {
	history=$(event 2 10.5.1.0-24 1; event 3 10.5.1.0-24 2)
	beliefs='1 1 held 10.5.1.0-24 2
2 1 lost 10.5.1.0-24 0
3 2 held 10.5.1.0-24 3'
	verdict 2 1
	assert_failure
	assert_output "revision 3: 10.5.1.0-24 is node 1's, and node 2 writes over it"
}

@test "the checker finds a subnet in two keys" {
	history=$(event 2 10.5.1.0-24 1; event 3 '10.5.1.0-24&fd00::-64' 2)
	beliefs='1 1 held 10.5.1.0-24 2
3 2 held 10.5.1.0-24&fd00::-64 3'
	verdict 2 2
	assert_failure
	assert_output 'revision 3: 10.5.1.0-24 is in 10.5.1.0-24 and in 10.5.1.0-24&fd00::-64'
}

@test "the checker finds a belief that was never true" {
	history=$(event 2 10.5.1.0-24 1)
	beliefs='1 1 held 10.5.1.0-24 2
2 2 held 10.5.1.0-24 2'
	verdict 2 1
	assert_failure
	assert_line "node 2 believed to hold 10.5.1.0-24 of revision 2, which is 1's"
	assert_line "in the end node 2 believes to hold 10.5.1.0-24, which is 1's"
}

@test "the checker finds a key that its node does not know of, and a node that says nothing" {
	history=$(event 2 10.5.1.0-24 1; event 3 10.5.2.0-24 1)
	beliefs='1 1 held 10.5.1.0-24 2'
	verdict 2 2
	assert_failure
	assert_line "in the end 10.5.2.0-24 is node 1's, which does not know it"
	assert_line '1 nodes of 2 have said anything'
}

# ---- The race ----------------------------------------------------------------

race_start() { # NUMBER
	local urls
	IFS=, read -ra urls < <(cluster_urls 4)
	proc_start "racer$1" net "$WEFT_BIN_DIR/racer" "$1" "$LAB_DIR/race" "${urls[@]}"
}

# One fault of a node: killed and begun anew, or asleep for longer than its lease lives.
node_fault() {
	local n=$((RANDOM % NODES + 1))
	if [[ -e $LAB_DIR/race/asleep$n ]]; then
		return
	elif ((RANDOM % 2)); then
		proc_stop "racer$n" KILL
		race_start "$n"
	else
		kill -s STOP "$(proc_pid "racer$n")"
		echo $(($(now_us) + (TTL + RANDOM % 4) * 1000000)) >"$LAB_DIR/race/asleep$n"
	fi
}

node_wake() { # [all]
	local file n
	for file in "$LAB_DIR"/race/asleep*; do
		[[ -e $file ]] || continue
		[[ ${1-} == all ]] || (($(now_us) >= $(<"$file"))) || continue
		n=${file##*asleep}
		kill -s CONT "$(proc_pid "racer$n")"
		rm "$file"
	done
}

# One member at a time is away.
member_fault() { # ROUND
	local n=$((RANDOM % 3 + 1))
	case $(($1 % 3)) in
	0) cluster_kill $n && back="cluster_member $n" ;;
	1) cluster_pause $n && back="cluster_resume $n" ;;
	2) cluster_cut $n && back="cluster_mend $n" ;;
	esac
}

race_end() { tail -q -n 1 "$LAB_DIR"/log/racer*; }

# All that etcd has seen below /race/, from its first revision to a put of now, is in the log.
race_history() {
	local marker=/race/marker/$(now_us)
	etcd_ctl put "$marker" '' >/dev/null &&
		wait_for 20 grep -q "$(printf %s "$marker" | base64 -w 0)" "$LAB_DIR/log/history"
}

race_is_true() {
	if (($(race_end | awk '$3 == "held" { print $4 }' | sort -u | wc -l) == SUBNETS &&
		$(race_end | grep -c ' full ') == NODES - SUBNETS)); then
		race_history && check $NODES $SUBNETS "$LAB_DIR/log/history" "$LAB_DIR"/log/racer*
	else
		race_end | cut -d' ' -f 3 | sort | uniq -c
		return 1
	fi
}

@test "50 nodes and 32 subnets: nobody takes another's, in whatever way etcd and nodes fail" {
	local i round=0 back=true deadline
	cluster_start
	mkdir "$LAB_DIR/race"
	etcd_ctl put /race/config '{"Network":"10.5.0.0/16","SubnetLen":24,"SubnetMin":"10.5.1.0","SubnetMax":"10.5.32.0","Weft":{"LeaseTTL":'$TTL'}}' >/dev/null
	for ((i = 1; i <= NODES; i++)); do
		race_start $i
	done
	deadline=$(($(now_us) + ${RACE_SECONDS-40} * 1000000))
	while (($(now_us) < deadline)); do
		((round % 6)) || member_fault $((round / 6))
		node_fault
		node_fault
		node_wake
		sleep 0.5
		((round % 6 != 4)) || { $back && back=true; }
		((++round))
	done
	$back
	node_wake all
	cluster_healthy 1 2 3
	proc_start history net env ETCDCTL_API=3 etcdctl --endpoints="$(cluster_urls 4)" \
		watch --rev=1 --prefix /race/ -w json
	wait_for 300 race_is_true
	echo "# $round rounds; $(race_is_true)" >&3
}
