#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Fifty nodes race for 32 subnets in an etcd cluster, while members are killed, paused and cut off, and
# nodes are killed and paused for longer than the TTL of their leases. Then etcd's history from its
# first revision is compared with the leases that the nodes reported. The race lasts RACE_SECONDS;
# `make soak` runs it for minutes.

# schedule: alone

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

# ---- The checker, with incorrect histories ------------------------------------

# event REVISION KEY [NODE]: prints an event as etcdctl does: a put, or without NODE a deletion.
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

# verdict NODES SUBNETS: runs the checker with $history and $reports.
verdict() {
	printf '%s\n' "$history" >"$BATS_TEST_TMPDIR/history"
	printf '%s\n' "$reports" >"$BATS_TEST_TMPDIR/reports"
	run check "$1" "$2" "$BATS_TEST_TMPDIR/history" "$BATS_TEST_TMPDIR/reports"
}

@test "the checker accepts a correct history" {
	history=$(event 2 10.5.1.0-24 1; event 3 10.5.1.0-24; event 4 10.5.1.0-24 2; event 5 10.5.2.0-24 1)
	reports='1 1 held 10.5.1.0-24 2
5 1 lost 10.5.1.0-24 0
4 2 held 10.5.1.0-24 4
6 1 held 10.5.2.0-24 5
7 3 full - 0'
	verdict 3 2
	assert_success
	assert_output --partial '3 puts, 1 ends of keys'
}

@test "the checker detects an owner that overwrites another" {
	history=$(event 2 10.5.1.0-24 1; event 3 10.5.1.0-24 2)
	reports='1 1 held 10.5.1.0-24 2
2 1 lost 10.5.1.0-24 0
3 2 held 10.5.1.0-24 3'
	verdict 2 1
	assert_failure
	assert_output "revision 3: 10.5.1.0-24 belongs to node 1, but node 2 overwrites it"
}

@test "the checker detects a subnet in two keys" {
	history=$(event 2 10.5.1.0-24 1; event 3 '10.5.1.0-24&fd00::-64' 2)
	reports='1 1 held 10.5.1.0-24 2
3 2 held 10.5.1.0-24&fd00::-64 3'
	verdict 2 2
	assert_failure
	assert_output 'revision 3: 10.5.1.0-24 is in 10.5.1.0-24 and in 10.5.1.0-24&fd00::-64'
}

@test "the checker detects a node that reported a lease it never held" {
	history=$(event 2 10.5.1.0-24 1)
	reports='1 1 held 10.5.1.0-24 2
2 2 held 10.5.1.0-24 2'
	verdict 2 1
	assert_failure
	assert_line "node 2 reported 10.5.1.0-24 at revision 2, which belongs to node 1"
	assert_line "in the end node 2 reports 10.5.1.0-24, which belongs to node 1"
}

@test "the checker detects a key unknown to its node, and a silent node" {
	history=$(event 2 10.5.1.0-24 1; event 3 10.5.2.0-24 1)
	reports='1 1 held 10.5.1.0-24 2'
	verdict 2 2
	assert_failure
	assert_line "in the end 10.5.2.0-24 belongs to node 1, which does not report it"
	assert_line '1 nodes of 2 have reported anything'
}

# ---- The race ----------------------------------------------------------------

race_start() { # NUMBER
	local urls
	IFS=, read -ra urls < <(cluster_urls 4)
	proc_start "racer$1" net "$WEFT_BIN_DIR/racer" "$1" "$LAB_DIR/race" "${urls[@]}"
}

# A fault of a random node: it is killed and restarted, or paused for longer than the TTL.
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

# A fault of a random member.
member_fault() { # ROUND
	local n=$((RANDOM % 3 + 1))
	case $(($1 % 3)) in
	0) cluster_kill $n && back="cluster_member $n" ;;
	1) cluster_pause $n && back="cluster_resume $n" ;;
	2) cluster_cut $n && back="cluster_reconnect $n" ;;
	esac
}

race_end() { tail -q -n 1 "$LAB_DIR"/log/racer*; }

# Waits until the log has all events below /race/, from the first revision up to a put made now.
race_history() {
	local marker
	marker=/race/marker/$(now_us)
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

@test "50 nodes and 32 subnets: no node takes another's subnet while etcd and nodes fail" {
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
		sleep 0.5 # the interval of the faults
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
