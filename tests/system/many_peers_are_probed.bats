#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # expressions of jq; run sets output and lines
#
# weftd --probe with so many peers that their packets are read together, at the times at which requests are sent: all
# are answered, round-trip times do not have the time that packets wait, and a flood leaves the measurements working.

load ../lib/bats

export LAB_STORE='file'
export PROBE_PEERS=40 # at an interval of 1 s, one every 25 ms

# shellcheck source=tests/lib/probes.bash
source "${BATS_TEST_DIRNAME}/../lib/probes.bash"

setup_file() {
	lab_open_for_file
	lab_host host3
	lab_host host4
	probe_store
	weftd_start host3 --probe --probe-interval 1 --healthz-port 8471
	weftd_ready host3
	probe_peers_link
	probe_peers_start 0 1
}

teardown_file() { lab_down; }

metric() { # SAMPLE
	ns_run host3 curl -s --max-time 10 http://127.0.0.1:8471/metrics |
		awk -v sample="$1" '$1 == sample { print $2; found = 1 } END { exit !found }'
}

refused() { # REASON...: prints the sum
	local reason sum=0
	for reason; do
		sum=$((sum + $(metric "weft_probe_refused_messages_total{network=\"default\",reason=\"$reason\"}")))
	done
	echo "$sum"
}

probes() { ns_run host4 "$WEFT_REPO/tests/lib/probes.py" "$@"; } # ARGUMENT...

# peers_are EXPRESSION: it is true for all peers.
peers_are() { weftctl_on host3 --json peers | jq -e "length == $PROBE_PEERS and all(.[]; .probe | $1)"; }

@test "all peers answer, and are answered" {
	wait_for 60 all_are_probed
	wait_for 60 peers_are '.sent >= 3 and .lost < .sent and .rtt_us > 0'
	proc_stop probe-peers
	run -0 probes ask 10.16.0.1 "$(host_gateway host3)" "$PROBE_KEY"
	assert_output "2 64 from $(host_gateway host3)"
	run -0 probes ask 10.16.0.1 "$(host_gateway host3)" "$PROBE_KEY" 3
	assert_output "4 1200 from $(host_gateway host3)"
}

@test "a reply has the time that its request waited for" {
	run -0 probes held 10.16.1.1 "$(host_gateway host3)" "$PROBE_KEY" 20
	assert_output ok
}

# A weftd that took the time of the peers into its round-trip times would never have a shorter one.
@test "round-trip times do not have the time for which peers hold requests" {
	weftd_stop host3
	weftd_start host3 --probe --probe-interval 1 --healthz-port 8471
	weftd_ready host3
	probe_peers_start 400 1
	wait_for 60 all_are_probed
	wait_for 60 peers_are '.rtt_us < 400000'
}

has_refused() { # COUNT
	local sum
	sum=$(refused malformed seal reply) && echo "refused: $sum" && ((sum >= $1))
}

@test "a flood of a peer leaves the measurements working" {
	local before
	before=$(refused malformed seal reply)
	proc_stop probe-peers
	probes flood 10.16.2.1 "$(host_gateway host3)" 4000
	# Half of them are nearly messages, most of which pass the filter.
	wait_for 30 has_refused $((before + 1500))
	wait_for 60 peers_are '.state == "silent"'
	probe_peers_start 0 1
	wait_for 60 all_are_probed
}

@test "with few peers, packets are read as they arrive, and with many again together" {
	local all
	all=$(<"$(store_file)")
	store_file_edit '.subnets |= (to_entries | map(select(.key | test("^10\\.16\\.[0-2]\\.0|^10\\.2"))) | from_entries)'
	PROBE_PEERS=3 wait_for 60 all_are_probed
	PROBE_PEERS=3 peers_are '.state == "answering"'
	proc_stop probe-peers
	run -0 probes held 10.16.1.1 "$(host_gateway host3)" "$PROBE_KEY" 20
	assert_output ok
	store_file_edit '$all' --argjson all "$all"
	probe_peers_start 0 1
	wait_for 60 all_are_probed
}
