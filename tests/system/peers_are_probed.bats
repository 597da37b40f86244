#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # expressions of jq; run sets output and lines
#
# weftd --probe: loss and round-trip time to each peer through the tunnel, in both families; what a
# node without --probe, a cut link, a stopped or restarted peer and forged messages lead to; the rows of other
# nodes in the answer for weftctl map.

load ../lib/bats

export LAB_STORE='file'
KEY='0123456789abcdef0123456789abcdef'
CONFIG='{"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0","EnableIPv6":true'
CONFIG+=',"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1},"Weft":{"LeaseTTL":15'
PLAIN=$CONFIG'}}' SEALED=$CONFIG",\"ProbeKey\":\"$KEY\"}}"
PROBE=(--probe --probe-interval 1)

setup_file() {
	lab_open_for_file
	lab_hosts 3
	store_start "$PLAIN"
	weftd_start host1 "${PROBE[@]}" --healthz-port 8471
	weftd_start host2 "${PROBE[@]}"
	weftd_start host3
	weftd_ready host1 host2 host3
	kernel_settled host1 host2 host3
}

teardown_file() { lab_down; }

peers() { weftctl_on "$1" --json peers; } # HOST

# peer_has HOST PEER EXPRESSION: the expression is true for the peer of that name.
peer_has() {
	peers "$1" | jq -e --arg name "$2" "any(.[]; .node_name == \$name and ($3))"
}

# Succeeds if the peer answers the probes of both families.
answers() { # HOST PEER
	peer_has "$1" "$2" '[.probe, .probe6] | all(.state == "answering" and .sent > 0 and .rtt_us > 0)'
}

# The request for the map, answered within its deadline. Prints the map.
map_of() { # HOST
	ns_run "$1" socat -t 10 - "UNIX-CONNECT:$LAB_DIR/$1/run/control.sock" \
		<<<'{"version":2,"command":"map"}' | jq -ce '.map // .error'
}

@test "loss and round-trip time to a peer are measured in both families" {
	wait_for 30 answers host1 host2
	wait_for 30 answers host2 host1
	peer_has host1 host2 '.probe.mean_rtt_us > 0 and .probe.age < 60'
	run weftctl_on host1 peers
	assert_success
	assert_line --regexp 'host2 .* [0-9]+\.[0-9]{2} ms, [0-9]+/[0-9]+ lost +installed'
}

@test "a peer without --probe is not probed, and does not probe" {
	peer_has host1 host3 '[.probe, .probe6] | all(.state == "disabled" and (has("sent") | not))'
	run ! peer_has host3 host1 'has("probe")'
	run weftctl_on host1 peers
	assert_line --regexp 'host3 .* disabled +installed'
	assert_equal "$(map_of host3)" '"probing is off: start weftd with --probe"'
}

probes() { ns_run "$1" "$WEFT_REPO/tests/lib/probes.py" "${@:2}"; } # NAMESPACE ARGUMENT...

metric() { # HOST SAMPLE
	ns_run "$1" curl -s --max-time 10 http://127.0.0.1:8471/metrics |
		awk -v sample="$2" '$1 == sample { print $2; found = 1 } END { exit !found }'
}

is_above() { # HOST SAMPLE VALUE
	local value
	value=$(metric "$1" "$2") && echo "$2: $value" && ((value > $3))
}

refused() { echo "weft_probe_refused_messages_total{network=\"default\",reason=\"$1\"}"; } # REASON

@test "metrics count requests, round trips and peers, and promtool accepts them" {
	run promtool check metrics < <(ns_run host1 curl -s http://127.0.0.1:8471/metrics)
	assert_success
	assert_output ''
	is_above host1 'weft_probe_requests_total{network="default",outcome="answered"}' 1
	is_above host1 'weft_probe_rtt_seconds_count{network="default"}' 1
	assert_equal "$(metric host1 'weft_probe_peers{network="default",state="answering"}')" 2
	assert_equal "$(metric host1 'weft_probe_peers{network="default",state="disabled"}')" 2
}

map_has() { # HOST EXPRESSION
	local map
	map=$(map_of "$1")
	jq -e "$2" <<<"$map" >/dev/null || { echo "$map" && return 1; }
}

@test "without a key, the map has this node's row only, and the reason" {
	map_has host1 '.node == "host1" and .network == "default" and (.nodes | map(.id) | sort == ["host1", "host2", "host3"])'
	map_has host1 '.nodes[0] | .id == "host1" and .address == "192.168.0.1" and (.subnet | startswith("10.5."))'
	map_has host1 '(.missing | sort == [1, 2]) and (.reason | test("ProbeKey"))'
	map_has host1 '.nodes as $n | .links | length == 1 and all(.from == 0 and $n[.to].id == "host2" and .rtt_us > 0 and .sent >= .lost)'
}

@test "without a key, a request from a peer's gateway is answered in its own size, a question is not" {
	run probes host3 ask "$(host_gateway host3)" "$(host_gateway host1)"
	assert_output "2 64 from $(host_gateway host1)"
	run probes host3 ask "$(host_gateway host3)" "$(host_gateway host1)" '' 3
	assert_output 'no reply'
}

@test "a message from another address than a peer's gateway is not answered" {
	ip -n "$LAB-host3" address add 10.5.150.1/32 dev lo
	ip -n "$LAB-host1" route add 10.5.150.0/24 via "$(host_gateway host3)" dev weft-br1 onlink
	local before
	before=$(metric host1 "$(refused source)")
	run probes host3 ask 10.5.150.1 "$(host_gateway host1)"
	assert_output 'no reply'
	wait_for 10 is_above host1 "$(refused source)" "$before"
	ip -n "$LAB-host1" route del 10.5.150.0/24 via "$(host_gateway host3)" dev weft-br1
}

forged_is_refused() { # COUNT-BEFORE
	probes c31 forge "$(host_gateway host2)" "$(host_gateway host1)"
	is_above host1 "$(refused filter)" "$1"
}

@test "what a container of another node sends is not answered: it has been forwarded" {
	local before
	container_add host3 c31 >/dev/null
	before=$(metric host1 "$(refused filter)")
	run probes c31 ask "$(container_address host3 c31)" "$(host_gateway host1)"
	assert_output 'no reply'
	wait_for 10 is_above host1 "$(refused filter)" "$before"
	before=$(metric host1 "$(refused filter)")
	# Its own node drops packets with its own addresses, so that of another peer.
	wait_for 10 forged_is_refused "$before"
	container_del host3 c31
}

probe_drops() { weftctl_on "$1" --json status | jq -e '.rules.probe_drops | tonumber'; } # HOST

has_dropped() { # HOST COUNT: probes of containers
	local count
	count=$(probe_drops "$1") && echo "dropped: $count" && ((count >= $2))
}

host_gateway6() { host_network "$1" '.families[1].gateway'; } # HOST

# udp_answers NAMESPACE ADDRESS PORT: the server of udp_serve is reached.
udp_answers() { [[ $(ns_run "$1" socat -t 2 - "UDP:$2:$3" <<<hello) == hello ]]; }

# A packet of the test before was seen to be counted a second late.
has_settled() { # HOST SAMPLE
	local before
	before=$(metric "$1" "$2")
	sleep 3
	[[ $(metric "$1" "$2") == "$before" ]]
}

# Without the rule, a container with CAP_NET_RAW could send weftd probes with the address of a peer.
@test "a container sends no probes to its node, even with the address of a peer" {
	local before filtered replies options source mac tags
	container_add host1 c12 >/dev/null
	container_add host1 c13 >/dev/null
	wait_for 20 has_settled host1 "$(refused filter)"
	before=$(probe_drops host1) filtered=$(metric host1 "$(refused filter)")
	run probes c12 ask "$(container_address host1 c12)" "$(host_gateway host1)"
	assert_output 'no reply'
	wait_for 10 has_dropped host1 $((before + 4))
	before=$(probe_drops host1)
	for options in '' options; do
		probes c12 forge "$(host_gateway host2)" "$(host_gateway host1)" 255 $options
		probes c12 forge "$(host_gateway6 host2)" "$(host_gateway6 host1)" 255 $options
	done
	wait_for 10 has_dropped host1 $((before + 4))
	assert_equal "$(metric host1 "$(refused filter)")" "$filtered"
	# The host removes all VLAN tags, the bridge's rules see the packet below one only.
	before=$(probe_drops host1)
	mac=$(ip -n "$LAB-host1" -json link show weft-br1 | jq -r '.[0].address')
	for tags in 8100 '8100 8100' '88a8 8100' '8100 8100 8100'; do
		# shellcheck disable=SC2086 # one argument for each
		probes c12 frame "$(host_gateway host2)" "$(host_gateway host1)" "$mac" $tags
		# shellcheck disable=SC2086
		probes c12 frame "$(host_gateway6 host2)" "$(host_gateway6 host1)" "$mac" $tags
	done
	wait_for 10 has_dropped host1 $((before + 8))
	# Past the host to another node, which br_netfilter permits to frames with its VTEP MAC: as this node, and as host3.
	before=$(probe_drops host1) replies=$(metric host1 "$(refused reply)")
	mac=$(ip -n "$LAB-host2" -json link show weft-vx1 | jq -r '.[0].address')
	for source in host1 host3; do
		probes c12 frame "$(host_gateway $source)" "$(host_gateway host2)" "$mac"
		probes c12 frame "$(host_gateway6 $source)" "$(host_gateway6 host2)" "$mac"
	done
	wait_for 10 has_dropped host1 $((before + 4))
	run probes c12 ask "$(container_address host1 c12)" "$(host_gateway host2)"
	assert_output 'no reply'
	assert_equal "$(metric host1 "$(refused reply)")" "$replies"
	# Others are not affected: servers of containers at this port, and ports of the host near it.
	proc_start server c13 socat "UDP-RECVFROM:8473,fork" EXEC:cat
	proc_start near host1 socat "UDP-RECVFROM:8474,fork,bind=$(host_gateway host1)" EXEC:cat
	wait_for 10 udp_answers c12 "$(container_address host1 c13)" 8473
	wait_for 10 udp_answers c12 "$(host_gateway host1)" 8474
	has_dropped host1 $((before + 4))
	run ! has_dropped host1 $((before + 5))
	proc_stop server
	proc_stop near
	container_del host1 c12
	container_del host1 c13
}

@test "a flood of rubbish leaves weftd and the measurements working" {
	local answered='weft_probe_requests_total{network="default",outcome="answered"}' before
	before=$(metric host1 "$(refused malformed)")
	probes host3 flood "$(host_gateway host3)" "$(host_gateway host1)" 20000
	wait_for 10 is_above host1 "$(refused malformed)" "$before"
	before=$(metric host1 "$answered")
	wait_for 30 is_above host1 "$answered" "$((before + 2))"
	weftctl_on host1 status
}

@test "floods of containers do not stop the measurements" {
	local answered='weft_probe_requests_total{network="default",outcome="answered"}' before dropped pids=() c
	local -A host=([c11]=host1 [c32]=host3)
	for c in c11 c32; do
		container_add "${host[$c]}" "$c" >/dev/null
		before=$(metric host1 "$(refused filter)") dropped=$(probe_drops host1)
		probes "$c" flood "$(container_address "${host[$c]}" "$c")" "$(host_gateway host1)" 100000000 3>&- &
		pids+=($!)
		# Those of this node are dropped before they reach weftd's socket.
		if [[ $c == c11 ]]; then
			wait_for 10 has_dropped host1 "$((dropped + 1000))"
		else
			wait_for 10 is_above host1 "$(refused filter)" "$((before + 1000))"
		fi
	done
	before=$(metric host1 "$answered")
	wait_for 30 is_above host1 "$answered" "$((before + 8))"
	# The floods have not ended meanwhile.
	kill -0 "${pids[@]}"
	kill "${pids[@]}"
	container_del host1 c11
	container_del host3 c32
}

@test "with a key in the configuration, nodes without it are not answered" {
	local before
	store_file_edit '.config = $config' --argjson config "$SEALED"
	wait_for 30 map_has host1 '.reason == ""'
	# Also host2 has the key, so that no other node sends messages without it.
	wait_for 30 map_has host2 '.reason == ""'
	before=$(metric host1 "$(refused seal)")
	run probes host3 ask "$(host_gateway host3)" "$(host_gateway host1)"
	assert_output 'no reply'
	run probes host3 ask "$(host_gateway host3)" "$(host_gateway host1)" 'another key of 24 bytes'
	assert_output 'no reply'
	wait_for 10 is_above host1 "$(refused seal)" "$before"
	run probes host3 ask "$(host_gateway host3)" "$(host_gateway host1)" "$KEY"
	assert_output "2 64 from $(host_gateway host1)"
	run probes host3 ask "$(host_gateway host3)" "$(host_gateway host1)" "$KEY" 3
	assert_output "4 1200 from $(host_gateway host1)"
	wait_for 30 answers host1 host2
	wait_for 30 answers host2 host1
}

@test "with the key, the map has the rows of the nodes that probe" {
	wait_for 30 map_has host1 '.nodes as $n | .links | map($n[.from].id + $n[.to].id) | sort == ["host1host2", "host2host1"]'
	map_has host1 '.nodes as $n | .missing | map($n[.].id) == ["host3"]'
	map_has host2 '.nodes[0].id == "host2" and .nodes as $n | .missing | map($n[.].id) == ["host3"]'
	weftd_stop host3
	weftd_start host3 "${PROBE[@]}"
	weftd_ready host3
	wait_for 30 map_has host1 '.missing == [] and (.links | length == 6)'
	weftd_stop host3
	wait_for 30 map_has host1 '.nodes as $n | .missing | map($n[.].id) == ["host3"]'
	weftd_start host3 "${PROBE[@]}"
	weftd_ready host3
}

saved_map() { weftctl_on host1 map --json "$@"; }

saved_map_has() { # EXPRESSION
	local map
	map=$(saved_map)
	jq -e "$1" <<<"$map" >/dev/null || { echo "$map" && return 1; }
}

shows_in_map() { weftctl_on host1 map "${@:2}" | grep -qE "$1"; } # PATTERN [OPTION...]

@test "the map has the worse of both families, and which one it is" {
	wait_for 60 saved_map_has '.families == ["ipv4", "ipv6"] and (has("family") | not) and .missing == []
		and (.links | length == 6) and all(.links[]; (.silent | not) and .other.sent > 0 and .family != .other.family)'
	assert_json "$(saved_map --family ipv6)" '.family == "ipv6" and all(.links[]; .family == "ipv6" and (has("other") | not))'
	assert_json "$(saved_map --family ipv4)" '.family == "ipv4" and (.links | length == 6)'
	ns_run host2 nft 'add table ip6 t; add chain ip6 t i { type filter hook input priority 0; }
		add rule ip6 t i udp dport 8473 drop'
	wait_for 60 saved_map_has 'any(.links[]; .from == 0 and .to == 1 and .family == "ipv6" and .silent and .other.family == "ipv4" and .other.lost < .other.sent)'
	shows_in_map '^1 host1 .* X/6'
	shows_in_map '^host1 +host2 .* IPv6$'
	shows_in_map 'the worse of IPv4 and IPv6'
	shows_in_map '^worse in one family: [0-9]+ in IPv4, [1-9][0-9]* in IPv6$'
	shows_in_map '>in IPv6 only<' --svg -
	shows_in_map 'host1 to host2: IPv6 [0-9]+ of [0-9]+ lost, no answer to the last ones, IPv4 [0-9]+ of' --svg -
	run ! shows_in_map '^1 host1 .* X' --family ipv4
	ns_run host2 nft delete table ip6 t
	run -2 weftctl_on host1 map --family ipx
	assert_output --partial '--family: "ipx" is not ipv4 or ipv6'
	wait_for 60 saved_map_has 'all(.links[]; .silent | not)'
}

@test "packets that are lost on the way are counted, and a peer without replies is silent" {
	wait_for 30 answers host1 host2
	lab_link host2 down
	wait_for 60 peer_has host1 host2 '[.probe, .probe6] | all(.state == "silent" and .lost >= 3)'
	run weftctl_on host1 peers
	assert_line --regexp 'host2 .* silent, [0-9]+/[0-9]+ lost +installed'
	lab_link host2 up
	wait_for 60 peer_has host1 host2 '[.probe, .probe6] | all(.state == "answering" and .lost >= 3)'
	# One family of two.
	ns_run host2 nft 'add table ip lose; add chain ip lose in { type filter hook input priority -10; };
		add rule ip lose in udp dport 8473 drop'
	wait_for 60 peer_has host1 host2 '.probe.state == "silent" and .probe6.state == "answering"'
	ns_run host2 nft 'delete table ip lose'
	wait_for 60 answers host1 host2
}

probe_error_has() { # HOST STATE TEXT
	weftctl_on "$1" --json status |
		jq -e --arg state "$2" --arg text "$3" '.networks[0].probe | .state == $state and (.error | contains($text))'
}

tunnel_has_port() { # HOST PORT
	ip -n "$LAB-$1" -j -d link show type vxlan | jq -e --argjson port "$2" '.[0].linkinfo.info_data.port == $port'
}

is_up() { [[ $(metric "$1" 'weft_probe_up{network="default"}') == "$2" ]]; } # HOST VALUE

@test "probes give way to a tunnel with their port, and status, doctor and metrics show it" {
	probe_error_has host1 on ''
	is_up host1 1
	store_file_edit '.config.Backend.Port = 8473'
	wait_for 60 tunnel_has_port host1 8473
	wait_for 30 probe_error_has host1 failed '8473 is that of the tunnel of network "default"'
	wait_for 30 is_up host1 0
	wait_for 30 publishes host1 false
	run weftctl_on host1 status
	assert_output --partial 'default: probes: UDP port 8473'
	run weftctl_on host1 doctor
	assert_output --partial 'peers are not probed, and not answered: UDP port 8473'
	store_file_edit 'del(.config.Backend.Port)'
	wait_for 60 tunnel_has_port host1 8472
	wait_for 60 tunnel_has_port host2 8472
	wait_for 60 is_up host1 1
	wait_for 60 answers host1 host2
}

publishes() { jq -e --arg name "$1" '[.subnets[] | select(.Weft.Name == $name) | .Weft.Probe // false] == ['"$2"']' "$(store_file)"; } # HOST true|false

@test "a node whose port is in use is not probed, and is when the port is free" {
	publishes host1 true
	weftd_stop host1
	proc_start port host1 socat -u "UDP-RECV:8473,bind=$(host_gateway host1)" -
	proc_start port6 host1 socat -u "UDP6-RECV:8473,bind=[$(host_gateway6 host1)]" -
	weftd_start host1 "${PROBE[@]}" --healthz-port 8471
	weftd_ready host1
	wait_for 30 probe_error_has host1 failed 'cannot bind UDP port 8473'
	wait_for 30 publishes host1 false
	wait_for 30 peer_has host2 host1 '.probe.state == "disabled"'
	is_up host1 0
	proc_stop port
	proc_stop port6
	wait_for 30 publishes host1 true
	wait_for 30 is_up host1 1
	wait_for 60 answers host2 host1
}

# other_answers STATE: as host2 sees it, host1 answers in IPv6, and is in this state in IPv4.
other_answers() {
	peer_has host2 host1 ".probe.state == \"$1\" and .probe6.state == \"answering\""
}

@test "a node whose port is in use in one family is probed in the other one" {
	local row='.nodes as $n | [.links[] | $n[.from].id + $n[.to].id]'
	weftd_stop host1
	proc_start port host1 socat -u "UDP-RECV:8473,bind=$(host_gateway host1)" -
	weftd_start host1 "${PROBE[@]}" --healthz-port 8471
	weftd_ready host1
	wait_for 30 probe_error_has host1 failed "cannot bind UDP port 8473 of $(host_gateway host1)"
	weftctl_on host1 --json status | jq -e '.networks[0].probe.families == ["ipv6"]'
	wait_for 60 other_answers silent
	publishes host1 true
	is_up host1 0
	wait_for 30 peer_has host1 host2 '.probe.state == "answering" and (has("probe6") | not)'
	run weftctl_on host1 doctor
	assert_output --partial 'peers are not probed, and not answered, in one address family: cannot bind UDP port 8473'
	# The map of the other family is complete; that of both has it, and the reason.
	wait_for 60 saved_map_has '.reason | startswith("cannot bind UDP port 8473")'
	assert_json "$(saved_map --family ipv6)" "(has(\"reason\") | not) and .missing == [] and ($row | contains([\"host1host2\", \"host2host1\"]))"
	assert_json "$(saved_map --family ipv4)" '.links == [] and (.missing | index(0))'
	shows_in_map '^reason: cannot bind UDP port 8473'
	proc_stop port
	wait_for 60 answers host2 host1
	wait_for 30 is_up host1 1
	publishes host1 true
}

@test "after a restart, measurements begin again; a stopped weftd is silent and then answers" {
	local sent='weft_probe_requests_total{network="default",outcome="answered"}'
	weftd_stop host1
	wait_for 60 peer_has host2 host1 '.probe.state == "silent"'
	weftd_start host1 "${PROBE[@]}" --healthz-port 8471
	weftd_ready host1
	wait_for 30 answers host1 host2
	wait_for 60 answers host2 host1
	is_above host1 "$sent" 0
	weftd_stop host2
	weftd_start host2
	weftd_ready host2
	wait_for 30 peer_has host1 host2 '.probe.state == "disabled"'
}
