#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl trace, pods and ipam. Faults are planted while weftd is stopped, which would repair most of
# them: the entries are then compared with the snapshot of the leases. After each fault, the command
# that trace prints is run as printed, and must repair it.

load ../lib/bats

export LAB_STORE='file'
CONFIG='{"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0","EnableIPv6":true'
CONFIG+=',"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1},"Weft":{"LeaseTTL":15}}'

setup_file() {
	lab_open_for_file
	lab_overlay 2 "$CONFIG"
	CNI_EXTRA='K8S_POD_NAMESPACE=prod;K8S_POD_NAME=web-0;IgnoreUnknown=1' container_add host1 c11
	container_add host1 c12
	container_add host2 c21
}

teardown_file() { lab_down; }

address6() { # HOST CONTAINER
	jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file "$1" "$2")"
}

# trace ADDRESS [OPTION...]: the JSON, whether the packet is lost or not.
trace() { weftctl_on host1 --json trace --state-dir "$LAB_DIR/host1/state" "$@" || (($? == 1)); }

is_delivered() { # ADDRESS [OPTION...]
	local report
	report=$(trace "$@")
	jq -e .delivered <<<"$report" >/dev/null || { jq -c '.steps[] | select(.state != "ok")' <<<"$report" && false; }
}

# loses STEP TEXT ADDRESS [OPTION...]: the packet is lost at the step, for this reason. Sets remedy.
loses() {
	local step=$1 text=$2 report
	shift 2
	report=$(trace "$@")
	jq -e --arg step "$step" --arg text "$text" '.delivered == false and .lost_at == $step and
		(first(.steps[] | select(.state == "lost")) | .step == $step and
		(.text | contains($text)) and .remedy != "")' <<<"$report" >/dev/null || {
		jq -c '.lost_at, (.steps[] | select(.state != "ok"))' <<<"$report" >&2
		return 1
	}
	remedy=$(jq -r 'first(.steps[] | select(.state == "lost")).remedy' <<<"$report")
}

# The printed command, run on host1, repairs what was planted.
repairs() { # ADDRESS [OPTION...]
	ns_run host1 bash -c "$remedy" || fail "fails: $remedy"
	is_delivered "$@" || fail "does not repair it: $remedy"
}

@test "pods lists each container with its pod, addresses, interface, counters and age" {
	local pods
	ping_once c11 "$(container_address host2 c21)"
	pods=$(weftctl_on host1 --json pods)
	assert_json "$pods" 'length == 2'
	assert_json "$pods" ".[] | select(.container_id == \"c11\") | .pod_namespace == \"prod\" and .pod_name == \"web-0\"
		and .interface == \"eth0\" and .network == \"default\" and .state == \"running\"
		and .host_interface == \"$(container_veth host1 c11)\" and .since > 1600000000
		and .addresses == [\"$(container_address host1 c11)\", \"$(address6 host1 c11)\"]
		and (.received_packets | tonumber) > 0 and (.sent_bytes | tonumber) > 0"
	run weftctl_on host1 pods
	assert_success
	assert_equal "${#lines[@]}" 3
	assert_line --regexp '^default +prod/web-0 +c11 +eth0 .* running$'
	run weftctl_on host1 --network other pods
	assert_output 'no containers'
}

@test "ipam shows used, free, resting and next addresses, and names those that leaked" {
	local subnet next veth
	subnet=$(host_subnet host1)
	next=$(weftctl_on host1 --json ipam | jq -r '.[0].next')
	assert_json "$(weftctl_on host1 --json ipam)" ".[0] | .subnet == \"$subnet\" and .used == \"2\"
		and .size == \"253\" and .free == \"251\" and .resting == \"0\" and .leaked == []"
	assert_equal "$(container_add host1 c13)" "$next"
	container_del host1 c13
	assert_json "$(weftctl_on host1 --json ipam)" ".[0] | .used == \"2\" and .resting == \"1\" and .next != \"$next\""
	container_add host1 c13
	weftd_stop host1 KILL # it would release the address
	ns_del c13
	run -1 weftctl_on host1 ipam
	assert_line --regexp '^default: .* leaked: its container ended without a DEL$'
	ln -s /nowhere "$LAB_DIR/host1/run/ipam/default/${subnet%.0/24}.200"
	run -1 weftctl_on host1 --json ipam
	assert_json "$output" ".[0].leaked | any(.address == \"${subnet%.0/24}.200\" and (.reason | contains(\"not created by weft\")))"
	rm "$LAB_DIR/host1/run/ipam/default/${subnet%.0/24}.200"
	cni_del host1 c13
	run -0 weftctl_on host1 ipam
	weftd_start host1
	weftd_ready host1
}

@test "a healthy node: no step of any way loses a packet, in both families" {
	local to
	kernel_settled host1
	for to in "$(container_address host2 c21)" "$(address6 host2 c21)" \
		"$(container_address host1 c12)" "$(address6 host1 c12)" 192.0.2.1; do
		is_delivered "$to" --from c11
	done
	is_delivered "$(container_address host2 c21)"
	run -0 weftctl_on host1 trace "$(container_address host2 c21)" --from prod/web-0
	assert_line --partial '| VXLAN VNI 1'
	assert_line --partial "IP 192.168.0.1 > 192.168.0.2 | UDP port 8472"
	assert_line 'no step loses the packet'
	refute_output --partial $'\e'
	assert_json "$(trace "$(container_address host2 c21)" --from c11)" \
		'.compared_with == "weftd" and .outer.destination == "192.168.0.2" and all(.steps[]; .state == "ok" and .explain != "")'
	run -0 weftctl_on host1 trace "$(container_address host2 c21)" --explain
	assert_output --partial 'RFC 7348'
}

@test "--probe sends packets of full size and reports where they were seen" {
	local report veth
	veth=$(container_veth host1 c11)
	report=$(trace "$(container_address host2 c21)" --from c11 --probe)
	assert_json "$report" '.probe | length == 3 and all(.[]; .answered and .state == "ok")'
	assert_json "$report" ".probe[1] | .sent_seen == [\"$veth\", \"weft-vx1\", \"eth0\"] and .answer_seen == [\"eth0\", \"weft-vx1\", \"$veth\"]"
	assert_json "$(trace "$(address6 host2 c21)" --from c11 --probe)" 'all(.probe[]; .answered)'
	# The remote host drops what it would forward to its container.
	ns_run host2 nft 'add table ip t; add chain ip t f { type filter hook forward priority 0; policy drop; }'
	run -1 weftctl_on host1 trace "$(container_address host2 c21)" --from c11 --probe
	assert_line --regexp '^probe +lost +ICMP echo request of 1450 bytes: not answered: last seen on eth0$'
	ns_run host2 nft delete table ip t
}

@test "wrong arguments are named" {
	run -2 weftctl_on host1 trace
	assert_output 'weftctl: usage: weftctl trace ADDRESS'
	run -2 weftctl_on host1 trace 10.5.300.1
	assert_output --partial '10.5.300.1'
	run -1 weftctl_on host1 trace 10.5.1.1 --from c99
	assert_output --partial "no running container of this node matches 'c99'"
	run -1 weftctl_on host1 trace 10.5.1.1 --from c1
	assert_output --partial "2 containers match 'c1'"
	run -1 weftctl_on host1 trace 192.0.2.1
	assert_output --partial 'in no network of this node'
}

@test "an address that no node leases, a refused lease, and a local address of no container" {
	loses lease 'no node leases a subnet that contains 10.5.198.7' 10.5.198.7 --from c11
	store_file_edit '.subnets["10.5.197.0-24"] = {PublicIP: "192.168.0.97", BackendType: "vxlan",
		BackendData: {VNI: 7, VtepMAC: "0e:00:00:00:00:97"}}'
	wait_for 15 loses lease 'is refused: its VNI is 7' 10.5.197.3 --from c11
	store_file_edit 'del(.subnets["10.5.197.0-24"])'
	loses container 'and no container has it' "$(host_subnet host1 | sed 's/\.0\/24/.99/')" --from c11
}

# The following tests run without weftd.

@test "without weftd, entries are compared with the snapshot of the leases" {
	kernel_settled host1
	wait_for 15 test -e "$LAB_DIR/host1/state/networks/default.json"
	weftd_stop host1 KILL
	is_delivered "$(container_address host2 c21)" --from c11
	assert_json "$(trace "$(container_address host2 c21)" --from c11)" '.compared_with == "snapshot"'
	run -0 weftctl_on host1 trace --state-dir "$LAB_DIR/none" "$(container_address host2 c21)" --from c11
	assert_output --partial 'the entries are not compared with the store'
}

@test "faults in the container: interface, route, neighbour" {
	local to c12=$LAB-c12
	to=$(container_address host2 c21)
	ip -n "$c12" link set eth0 down
	loses interface 'eth0 is down' "$to" --from c12
	ns_run host1 bash -c "$remedy"
	loses route 'the container has no route' "$to" --from c12 # lost with the link
	repairs "$to" --from c12
	ip -n "$c12" neigh replace "$(host_gateway host1)" lladdr 0e:00:00:00:00:01 nud permanent dev eth0
	loses neighbour 'but its MAC is' "$to" --from c12
	repairs "$to" --from c12
	ping_once c12 "$to"
}

@test "faults of the container's port and of the bridge" {
	local to host1=$LAB-host1 veth
	to=$(container_address host2 c21) veth=$(container_veth host1 c11)
	ip -n "$host1" link set "$veth" down
	loses port "$veth is down" "$to" --from c11
	repairs "$to" --from c11
	ip -n "$host1" link set "$veth" nomaster
	loses port "$veth is not a port of weft-br1" "$to" --from c11
	repairs "$to" --from c11
	ns_run host1 sysctl -qw net.ipv4.conf.weft-br1.forwarding=0
	loses forwarding 'net.ipv4.conf.weft-br1.forwarding is 0' "$to" --from c11
	repairs "$to" --from c11
	ping_once c11 "$to"
}

@test "a route or policy rule that leads away from the container" {
	local to from
	to=$(container_address host2 c21) from=$(container_address host1 c11)
	ip -n "$LAB-host1" route add blackhole "$from"
	loses route "replies do not reach the container: the kernel's route to $from is a blackhole" "$to" --from c11
	ip -n "$LAB-host1" route del blackhole "$from"
	ping_once c11 "$to"
	# With a strict rp_filter, another device is enough.
	ns_run host1 sysctl -qw net.ipv4.conf.weft-br1.rp_filter=1
	ip -n "$LAB-host1" route add "$from" via "$LAB_GATEWAY"
	loses route "the kernel refuses the packet for its source: the kernel's route to $from is $from/32 via $LAB_GATEWAY dev eth0" \
		"$to" --from c11
	ip -n "$LAB-host1" route del "$from" via "$LAB_GATEWAY"
	ns_run host1 sysctl -qw net.ipv4.conf.weft-br1.rp_filter=0
	ping_once c11 "$to"
}

@test "faults of route and neighbour, in both families" {
	local to gateway host1=$LAB-host1 family=0
	for to in "$(container_address host2 c21)" "$(address6 host2 c21)"; do
		gateway=$(host_network host2 ".families[$family].subnet | split(\"/\")[0]")
		ip -n "$host1" route del "$(host_network host2 ".families[$family].subnet")"
		loses route 'no route to ' "$to" --from c11
		repairs "$to" --from c11
		ip -n "$host1" neigh replace "$gateway" lladdr 0e:00:00:00:00:01 nud permanent dev weft-br1
		loses neighbour 'is at 0e:00:00:00:00:01, but the VTEP MAC of host2 is' "$to" --from c11
		repairs "$to" --from c11
		ip -n "$host1" neigh del "$gateway" dev weft-br1
		loses neighbour "no entry of $gateway on weft-br1" "$to" --from c11
		repairs "$to" --from c11
		ip -n "$host1" route add unreachable "$to"
		loses route 'no route to' "$to" --from c11
		ip -n "$host1" route del unreachable "$to"
		ping_once c11 "$to"
		family=1
	done
}

@test "a policy rule that leads to another table" {
	local to host1=$LAB-host1
	to=$(container_address host2 c21)
	ip -n "$host1" route add 10.5.0.0/16 via "$LAB_GATEWAY" table 77
	ip -n "$host1" rule add from "$(container_address host1 c11)" lookup 77
	loses route "the kernel uses 10.5.0.0/16 via $LAB_GATEWAY dev eth0" "$to" --from c11
	is_delivered "$to" --from c12
	ip -n "$host1" rule del lookup 77
	is_delivered "$to" --from c11
}

@test "faults of the forwarding entries and of the vxlan device" {
	local to mac host1=$LAB-host1
	to=$(container_address host2 c21)
	mac=$(ip -n "$LAB-host2" -j link show weft-vx1 | jq -r '.[0].address')
	bridge -n "$host1" fdb del "$mac" dev weft-vx1 master
	loses fdb "weft-br1 has no entry of $mac" "$to" --from c11
	repairs "$to" --from c11
	bridge -n "$host1" fdb replace "$mac" dev "$(container_veth host1 c12)" master static
	loses fdb "$mac is behind another port" "$to" --from c11
	repairs "$to" --from c11
	bridge -n "$host1" fdb del "$mac" dev weft-vx1 self
	loses vxlan "weft-vx1 has no entry of $mac" "$to" --from c11
	repairs "$to" --from c11
	bridge -n "$host1" fdb replace "$mac" dev weft-vx1 dst 192.168.0.77 self
	loses vxlan 'is sent to 192.168.0.77, which is not an address of host2' "$to" --from c11
	repairs "$to" --from c11
	ip -n "$host1" link set weft-vx1 down
	loses vxlan 'weft-vx1 is down' "$to" --from c11
	repairs "$to" --from c11
	ping_once c11 "$to"
}

@test "rules of other programs, and the tunnel guard" {
	local to host1=$LAB-host1
	to=$(container_address host2 c21)
	ns_run host1 nft 'add table inet t; add chain inet t f { type filter hook forward priority 0; }
		add chain inet t deny; add rule inet t f ip daddr 10.5.0.0/16 jump deny
		add rule inet t deny iifname "weft-br1" counter drop'
	loses rules 'inet t deny drops the packet at the hook forward (rule handle' "$to" --from c11
	repairs "$to" --from c11
	ns_run host1 nft 'add chain inet t f { policy drop; }'
	loses rules 'inet t f drops the packet at the hook forward (policy)' "$to" --from c11
	ns_run host1 nft 'flush chain inet t f; add rule inet t f oifname "weft-br1" accept'
	is_delivered "$to" --from c11
	ns_run host1 nft 'delete table inet t; add table ip t
		add chain ip t o { type filter hook output priority 0; }
		add rule ip t o udp dport 8472 ip daddr 192.168.0.2 reject'
	loses rules 'ip t o drops tunnel packets that this node sends' "$to" --from c11
	repairs "$to" --from c11
	ns_run host1 nft 'delete table ip t; add table ip t
		add chain ip t i { type filter hook input priority 0; policy drop; }'
	loses reply 'ip t i drops tunnel packets of that node at the hook input (policy)' "$to" --from c11
	ns_run host1 nft delete table ip t
	ns_run host1 nft 'delete element inet weft peers4-1 { 192.168.0.2 }'
	loses reply 'inet weft refused drops tunnel packets of that node' "$to" --from c11
	ns_run host1 nft 'add element inet weft peers4-1 { 192.168.0.2 }'
	is_delivered "$to" --from c11
	ping_once c11 "$to"
}

@test "faults of the underlay: MTU, route, device, a next hop that does not answer" {
	local to host1=$LAB-host1
	to=$(container_address host2 c21)
	ip -n "$host1" link set eth0 mtu 1400
	loses mtu 'needs 1500 in the tunnel, the path has 1400' "$to" --from c11
	ip -n "$host1" link set eth0 mtu 1500
	ip -n "$host1" route add 192.168.0.2/32 dev eth0 mtu lock 1300
	loses mtu 'the path has 1300' "$to" --from c11
	ip -n "$host1" route replace unreachable 192.168.0.2/32
	loses underlay 'no route to 192.168.0.2' "$to" --from c11
	ip -n "$host1" route del unreachable 192.168.0.2/32
	ip -n "$host1" neigh replace 192.168.0.2 dev eth0 nud failed
	loses underlay '192.168.0.2 does not answer on eth0' "$to" --from c11
	ip -n "$host1" neigh del 192.168.0.2 dev eth0
	ping_once c11 "$to"
	is_delivered "$to" --from c11
}

@test "a restarted weftd has no finding" {
	weftd_start host1
	weftd_ready host1
	kernel_settled host1
	is_delivered "$(container_address host2 c21)" --from c11
}
