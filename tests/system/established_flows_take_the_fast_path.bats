#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # an inner shell expands
#
# A TCP connection between containers of two nodes continues through every change of its path, with
# the fast path and without. Where the kernel has flow tables, established connections are in the
# flow table and bypass the forward hook; where it has none, the status shows that and nothing else differs.

load ../lib/bats

DUAL='"Network":"10.5.0.0/16","SubnetLen":24,"SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48"'
TUNNEL='"Backend":{"Type":"vxlan","VNI":1}'
DIRECT='"Backend":{"Type":"vxlan","VNI":1,"DirectRouting":true}'

setup_file() {
	lab_open_for_file
	lab_overlay 2 "{$DUAL,$TUNNEL,\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL}}"
	container_add host1 c1
	container_add host2 c2
	for host in host1 host2; do
		ns_run $host nft 'add table inet probe; add counter inet probe forwarded;
			add chain inet probe forward { type filter hook forward priority 0; };
			add rule inet probe forward meta l4proto { tcp, udp } th dport 7 counter name forwarded'
	done
	stream_start
}

teardown_file() { lab_down; }

# Independent of weft: whether nft can make a flow table.
kernel_has_flow_tables() {
	ns_run net nft 'add table inet t; add flowtable inet t f { hook ingress priority 0; };
		add chain inet t c { type filter hook forward priority 0; };
		add rule inet t c flow add @f; delete table inet t' 2>/dev/null
}

fast_path() { weftctl_on "$1" status --json | jq -r ".fast_path.$2"; } # HOST MEMBER
fast_path_is() { [[ $(fast_path "$1" state) == "$2" ]]; }              # HOST STATE
has_table() { ns_run "$1" nft list table inet weft-fast >/dev/null 2>&1; }

has_flows() { (($(fast_path "$1" flows) > 0)); }

# The state that "auto" leads to on this kernel.
auto_state() { if kernel_has_flow_tables; then echo on; else echo unsupported; fi; }

forwarded() { # HOST: packets to port 7 that passed its forward hook
	ns_run "$1" nft -j list counter inet probe forwarded |
		jq '.nftables[] | .counter? // empty | .packets'
}

# One connection from c1 to c2, whose server returns each line.
stream_start() {
	proc_start stream-server c2 socat TCP-LISTEN:7,reuseaddr,fork EXEC:cat
	wait_for 5 ns_run c2 bash -c '[[ $(ss -Hltn "sport = :7") ]]'
	: >"$LAB_DIR/stream"
	# ignoreeof: what is appended to the file later is sent too.
	proc_start stream c1 socat "FILE:$LAB_DIR/stream,ignoreeof!!STDOUT" \
		"TCP:$(container_address host2 c2):7"
}

stream_passes() { # TEXT: sent on the connection, and returned
	echo "$1" >>"$LAB_DIR/stream"
	wait_for 20 grep -q -x -- "$1" "$LAB_DIR/log/stream"
}

bulk() { for i in {1..20}; do stream_passes "$1 $i"; done; } # TEXT that was not sent before

config() { # WEFT-MEMBERS [BACKEND]
	etcd_config_of "$DUAL,${2-$TUNNEL}" "$1"
}

# Twenty packets of one connection or flow leave c1, and all of them are returned.
exchange() { # ADDRESS of socat
	run ns_run c1 bash -c 'for i in {1..20}; do echo $i; sleep 0.1; done |
		socat -t "$((2 * ${WEFT_TEST_PATIENCE-1}))" STDIO "$1"' bash "$1"
	assert_line --index 19 20
}

# The device of the route from a host to the other's containers.
leaves_through() { # HOST DEVICE
	local to
	if [[ $1 == host1 ]]; then to=$(container_address host2 c2); else to=$(container_address host1 c1); fi
	[[ $(ns_run "$1" ip route get "$to") == *"dev $2 "* ]]
}

bypasses_forward_hook() { # COMMAND...
	local before passed
	before=$(forwarded host1)
	"$@"
	passed=$(($(forwarded host1) - before))
	echo "passed the forward hook: $passed"
	if kernel_has_flow_tables; then ((passed < 10)); else ((passed >= 20)); fi
}

@test "weftctl shows whether established flows take the fast path" {
	stream_passes first
	wait_for 5 fast_path_is host1 "$(auto_state)"
	if kernel_has_flow_tables; then
		[[ $(fast_path host1 devices) == 2 ]] # the container's port and the tunnel
		ns_run host1 nft list table inet weft-fast | grep -F "$(container_veth host1 c1)"
		wait_for 5 has_flows host1
		run weftctl_on host1 status
		assert_output --regexp 'fast path: on, 2 devices, [1-9][0-9]* flows'
	else
		not has_table host1
		[[ $(fast_path host1 error) == *'No such file'* ]]
		run weftctl_on host1 status
		assert_output --partial 'fast path: not supported by the kernel'
	fi
}

@test "an established connection bypasses the forward hook, or without flow tables passes it" {
	stream_passes second
	bypasses_forward_hook bulk third
}

@test "so do UDP and IPv6" {
	local address6
	address6=$(jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file host2 c2)")
	proc_start udp-server c2 socat UDP6-LISTEN:7,ipv6only=0,reuseaddr,fork PIPE
	proc_start tcp6-server c2 socat TCP6-LISTEN:7,ipv6only,reuseaddr,fork PIPE
	wait_for 5 ns_run c2 bash -c '[[ $(ss -Hltn6 "sport = :7") && $(ss -Hlun "sport = :7") ]]'
	bypasses_forward_hook exchange "UDP:$(container_address host2 c2):7"
	bypasses_forward_hook exchange "UDP6:[$address6]:7"
	bypasses_forward_hook exchange "TCP6:[$address6]:7"
}

@test "so do connections to nodes that are reached without the tunnel" {
	stream_passes tunnelled
	config '"FastPath":"auto"' "$DIRECT"
	wait_for 20 leaves_through host1 eth0
	wait_for 20 leaves_through host2 eth0
	wait_for 10 fast_path_is host1 "$(auto_state)"
	stream_passes direct
	bypasses_forward_hook bulk 'by the uplink'
	config '"FastPath":"auto"'
	wait_for 20 leaves_through host1 weft-br1
	wait_for 20 leaves_through host2 weft-br1
	stream_passes 'tunnelled again'
	bypasses_forward_hook bulk 'by the tunnel'
}

@test "a connection continues when the peer's VTEP MAC changes" {
	local state=$LAB_DIR/host2/state/node.json
	weftd_stop host2
	ns_run host2 ip link del weft-vx1
	jq '.networks.default.vtepMac = "02:00:00:00:00:09"' "$state" >"$LAB_DIR/node.json"
	cp "$LAB_DIR/node.json" "$state"
	weftd_start host2
	weftd_ready host2
	[[ $(etcd_value_of host2 | jq -r .BackendData.VtepMAC) == 02:00:00:00:00:09 ]]
	wait_for 10 kernel_agrees host1
	kernel_settled host1 host2
	stream_passes 'other MAC'
}

@test "a connection continues when a node's devices are recreated" {
	ns_run host1 ip link del weft-vx1
	wait_for 10 kernel_agrees host1
	stream_passes 'new tunnel'
	ns_run host1 ip link del weft-br1
	wait_for 10 kernel_agrees host1
	stream_passes 'new bridge'
	wait_for 10 fast_path_is host1 "$(auto_state)"
}

@test "a connection continues through a restart of weftd and a flush of all rules" {
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	stream_passes restarted
	ns_run host1 nft flush ruleset
	stream_passes flushed
	wait_for 10 fast_path_is host1 "$(auto_state)"
}

@test "a container that ends leaves the flow table, and a new one with its name joins it" {
	container_del host1 c1
	proc_stop stream KILL
	container_add host1 c1
	stream_start
	stream_passes again
	if kernel_has_flow_tables; then
		wait_for 5 ns_run host1 bash -c \
			'nft list table inet weft-fast | grep -F "$1"' bash "$(container_veth host1 c1)"
	fi
}

@test "FastPath off removes the flow table on all nodes, and auto returns it" {
	config '"FastPath":"off"'
	wait_for 5 fast_path_is host1 off
	wait_for 5 fast_path_is host2 off
	wait_for 5 not has_table host1
	wait_for 5 not has_table host2
	stream_passes 'normal path'
	config '"FastPath":"auto"'
	wait_for 5 fast_path_is host1 "$(auto_state)"
	stream_passes 'fast path'
}

@test "--fast-path=off is for one node, and removes the table of an earlier weftd" {
	weftd_stop host1
	ns_run host1 nft 'add table inet weft-fast'
	weftd_start host1 --fast-path off
	weftd_ready host1
	fast_path_is host1 off
	not has_table host1
	fast_path_is host2 "$(auto_state)"
	stream_passes 'one node'
}

@test "a network policy of another program at the forward hook refuses a new connection" {
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	ns_run host1 nft 'add table inet refusing;
		add chain inet refusing forward { type filter hook forward priority 0; };
		add rule inet refusing forward tcp dport 9 drop'
	proc_start refused-server c2 socat TCP-LISTEN:9,reuseaddr,fork EXEC:cat
	wait_for 5 ns_run c2 bash -c '[[ $(ss -Hltn "sport = :9") ]]'
	run ! ns_run c1 socat -T 1 - "TCP:$(container_address host2 c2):9,connect-timeout=1" </dev/null
	stream_passes 'still open'
}
