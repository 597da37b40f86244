#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # expressions of jq; run sets output and lines
#
# weftctl trace --probe queries weftd of the other node where a packet was seen: losses that are planted on that
# node, nodes that do not answer, and requests of others. host3 has no --probe.

load ../lib/bats

export LAB_STORE='file'
KEY='0123456789abcdef0123456789abcdef'
CONFIG='{"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0","EnableIPv6":true'
CONFIG+=',"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1},"Weft":{"LeaseTTL":15'
PLAIN=$CONFIG'}}' SEALED=$CONFIG",\"ProbeKey\":\"$KEY\"}}"

setup_file() {
	lab_open_for_file
	lab_hosts 3
	store_start "$SEALED"
	weftd_start host1 --probe
	weftd_start host2 --probe
	weftd_start host3
	weftd_ready host1 host2 host3
	kernel_settled host1 host2 host3
	container_add host1 c11
	container_add host2 c21
	container_add host2 c22
	container_add host3 c31
	to=$(container_address host2 c21)
	to6=$(jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file host2 c21)")
	export to to6
	wait_for 30 is_answered "$to"
	wait_for 30 is_answered "$to6"
}

teardown_file() { lab_down; }

# What a failed test has left would make the following ones fail.
teardown() {
	local at
	for at in host1 host2 c21 c31; do
		ns_run "$at" nft delete table inet t 2>/dev/null || true
	done
}

trace() { # ADDRESS [OPTION...]: the probes, as JSON
	weftctl_on host1 --json trace --state-dir "$LAB_DIR/host1/state" "$1" --from c11 --probe "${@:2}" |
		jq -c '.probe[]'
}

# The other node is not queried if the packets are answered.
is_answered() { trace "$1" | jq -se 'length == 3 and all(.[]; .answered and (has("remote") | not))'; } # ADDRESS

# remote ADDRESS EXPRESSION: it is true for what the other node has seen of the first packet.
remote() {
	local probes
	probes=$(trace "$1")
	jq -se "first | .answered == false and (.remote | $2)" <<<"$probes" >/dev/null || { echo "$probes" && return 1; }
}

no_tables() { # HOST
	! ns_run "$1" nft list tables | grep weft-watch
}

@test "packets that are answered are not counted by the other node" {
	is_answered "$to"
	no_tables host2
}

@test "a packet that a rule of the other node drops after the tunnel, in both families" {
	ns_run host2 nft 'add table inet t; add chain inet t f { type filter hook forward priority 0; }
		add rule inet t f meta l4proto { icmp, ipv6-icmp, udp } drop'
	remote "$to" '.node == "host2" and .state == "counted" and .seen == ["underlay", "tunnel"] and .answer_seen == []
		and (.text | contains("at the vxlan device; not at the end of the forward chains"))
		and (.remedy | contains("on host2: ") and contains("hook forward"))'
	remote "$to6" '.seen == ["underlay", "tunnel"] and .answer_seen == []'
	run -1 weftctl_on host1 trace "$to" --from c11 --probe
	assert_line --partial 'seen on node host2 at the vxlan device'
	ns_run host2 nft delete table inet t
	is_answered "$to"
}

@test "a packet that the other node refuses with an ICMP error" {
	ns_run host2 nft 'add table inet t; add chain inet t f { type filter hook forward priority 0; }
		add rule inet t f icmp type echo-request reject'
	remote "$to" '.seen == ["underlay", "tunnel"] and .answer_seen == ["answer_tunnel", "answer_underlay"]
		and (.text | contains("at the vxlan device")) and (.remedy | contains("refuses it with an ICMP error"))'
	ns_run host2 nft delete table inet t
}

@test "a packet that does not leave this host leads to no query" {
	ns_run host1 nft 'add table inet t; add chain inet t f { type filter hook forward priority 0; }
		add rule inet t f icmp type echo-request drop'
	assert_json "$(trace "$to" | jq -sc .)" 'all(.[0, 1]; .answered == false and (has("remote") | not))'
	ns_run host1 nft delete table inet t
}

echo_ids() { grep -oE 'echo request, id [0-9]+' <<<"$(proc_log echoes 100)" | sort -u | wc -l; }
watches_echoes() { proc_log echoes | grep -q 'listening on'; }
has_echo_ids() { (($(echo_ids) >= 2)); }

@test "each packet has an identifier of its own" {
	proc_start echoes c21 tcpdump -lni eth0 icmp
	wait_for 10 watches_echoes
	is_answered "$to"
	wait_for 10 has_echo_ids
	proc_stop echoes
}

@test "a packet that is dropped before the tunnel of the other node" {
	# The packets of weftd come from the gateway, and pass.
	ns_run host2 nft 'add table bridge t; add chain bridge t p { type filter hook prerouting priority -500; }
		add rule bridge t p iifname "weft-v*" ip saddr '"$(container_address host1 c11)"' drop'
	remote "$to" '.seen == ["underlay"] and (.text | contains("at the underlay; not at the vxlan device"))'
	ns_run host2 nft delete table bridge t
}

@test "a packet that is dropped at the uplink of the other node" {
	# Only large packets: those of weftd pass.
	ns_run host2 nft 'add table netdev t
		add chain netdev t i { type filter hook ingress device eth0 priority 0; }
		add rule netdev t i udp dport 8472 meta length > 1000 drop'
	local probes
	probes=$(trace "$to")
	assert_json "$(jq -sc . <<<"$probes")" '.[0].answered and .[1].answered == false and .[1].remote.state == "counted"
		and .[1].remote.seen == [] and (.[1].remote.text == "not seen on node host2")
		and (.[1].remote.remedy | contains("MTU"))'
	ns_run host2 nft delete table netdev t
}

@test "a container whose interface is down" {
	ip -n "$LAB-c21" link set eth0 down
	remote "$to" '(.seen | index("forwarded")) and (.seen | index("delivered") | not)
		and (.remedy | contains("the container'"'"'s interface is down") and contains("weftctl trace '"$to"'"))'
	ip -n "$LAB-c21" link set eth0 up
	ip -n "$LAB-c21" route replace default via "$(host_gateway host2)" dev eth0
	wait_for 20 ping_once c11 "$to"
}

@test "a container that does not answer, and an answer that is lost on the other node" {
	ns_run c21 nft 'add table inet t; add chain inet t i { type filter hook input priority 0; policy drop; }'
	remote "$to" '(.seen | index("delivered")) and .answer_seen == [] and (.text | contains("at the container'"'"'s port"))'
	ns_run c21 nft delete table inet t
	ns_run host2 nft 'add table inet t; add chain inet t f { type filter hook forward priority 0; }
		add rule inet t f icmp type echo-reply drop'
	remote "$to" '(.seen | index("delivered")) and .answer_seen == ["answer"]
		and (.remedy | contains("the answer is lost") and contains("weftctl trace '"$(container_address host1 c11)"'"))'
	ns_run host2 nft delete table inet t
	ns_run host1 nft 'add table inet t; add chain inet t f { type filter hook forward priority 0; }
		add rule inet t f icmp type echo-reply drop'
	remote "$to" '.answer_seen == ["answer", "answer_tunnel", "answer_underlay"] and (.remedy | contains("has left that node"))'
	ns_run host1 nft delete table inet t
}

@test "an address of no container" {
	local free=${to%.*}.200
	remote "$free" '.state == "absent" and .text == "no container of node host2 has the address"'
}

@test "the tables are removed after a while, and at once when weftd is killed" {
	wait_for 30 no_tables host2
	ns_run c21 nft 'add table inet t; add chain inet t i { type filter hook input priority 0; policy drop; }'
	# The tables exist for some seconds, from the beginning of the trace on.
	remote "$to" '.state == "counted"' >/dev/null 3>&- &
	wait_for 20 not no_tables host2
	weftd_stop host2 KILL
	no_tables host2
	wait $! || :
	# Without an answer of its weftd, the trace is that of this side.
	remote "$to" '.state == "unavailable" and (.text | contains("weftd of host2 does not answer through the tunnel"))'
	weftd_start host2 --probe
	weftd_ready host2
	ns_run c21 nft delete table inet t
	wait_for 30 is_answered "$to"
}

probes() { ns_run "$1" "$WEFT_REPO/tests/lib/probes.py" "${@:2}"; } # NAMESPACE ARGUMENT...

@test "a node begins a watch with the key only, and a container never does" {
	local gateway
	gateway=$(host_gateway host2)
	run probes host3 ask "$(host_gateway host3)" "$gateway" '' 5
	assert_output 'no reply'
	run probes host3 ask "$(host_gateway host3)" "$gateway" 'another key of 32 bytes, or more' 5
	assert_output 'no reply'
	run probes c11 ask "$(container_address host1 c11)" "$gateway" "$KEY" 5
	assert_output 'no reply'
	run probes c22 ask "$(container_address host2 c22)" "$gateway" "$KEY" 5
	assert_output 'no reply'
	no_tables host2
	run probes host3 ask "$(host_gateway host3)" "$gateway" "$KEY" 5
	assert_output "6 64 from $gateway"
	run ! no_tables host2
}

@test "rubbish and requests that others began leave the trace working" {
	wait_for 30 no_tables host2
	probes host3 flood "$(host_gateway host3)" "$(host_gateway host2)" 2000
	ns_run host2 nft 'add table inet t; add chain inet t f { type filter hook forward priority 0; }
		add rule inet t f icmp type echo-request drop'
	wait_for 30 remote "$to" '.seen == ["underlay", "tunnel"]'
	ns_run host2 nft delete table inet t
}

socket_says() { # REQUEST
	ns_run host1 socat -t 10 - "UNIX-CONNECT:$LAB_DIR/host1/run/control.sock" <<<"$1" | jq -r .error
}

@test "a node without --probe, and a network without a key" {
	ns_run c31 nft 'add table inet t; add chain inet t i { type filter hook input priority 0; policy drop; }'
	remote "$(container_address host3 c31)" '.state == "unavailable" and (.text | contains("weftd of host3 has no --probe"))'
	ns_run c31 nft delete table inet t
	local request='{"version":2,"command":"watch","network":"default"'
	assert_equal "$(socket_says "$request,\"address\":\"10.5.150.1\",\"number\":\"7\"}")" 'no peer has the address'
	run socket_says "$request,\"address\":\"$to\",\"number\":\"72057594037927936\"}"
	assert_output --partial 'number'
	run socket_says "$request,\"number\":\"7\"}"
	assert_output --partial 'address'
	run socket_says '{"version":2,"command":"watch","address":"10.5.2.1","number":"7"}'
	assert_output --partial 'network'
	store_file_edit '.config = $config' --argjson config "$PLAIN"
	ns_run c21 nft 'add table inet t; add chain inet t i { type filter hook input priority 0; policy drop; }'
	wait_for 30 remote "$to" '.state == "unavailable" and (.text | contains("no Weft.ProbeKey"))'
	ns_run c21 nft delete table inet t
}
