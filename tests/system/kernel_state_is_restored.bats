#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Whatever others do to weft's devices and entries in the kernel is set right within a second,
# and packets pass again. What is not weft's is never touched.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
	container_add host1 c1
	container_add host1 c1b
	container_add host2 c2
	foreign_make
	foreign_show >"$LAB_DIR/foreign"
}

teardown_file() { lab_down; }

# Something of somebody else's beside every object of ours.
foreign_make() {
	local ns=$LAB-host1
	ip -n "$ns" link add other-br type bridge
	ip -n "$ns" link set other-br up
	ip -n "$ns" address add 172.20.0.1/16 dev other-br
	ip -n "$ns" route add 172.21.0.0/16 via 172.20.0.9 dev other-br proto 0x77 metric 7
	ip -n "$ns" neigh add 172.20.0.9 lladdr 02:00:00:00:20:09 nud permanent dev other-br
	ip -n "$ns" link add other-vx type vxlan id 99 dstport 9999 local 192.168.0.1
	ip -n "$ns" link set other-vx master other-br up
	bridge -n "$ns" fdb append 02:00:00:00:20:0a dev other-vx dst 192.168.0.77
}

foreign_show() {
	local ns=$LAB-host1
	ip -n "$ns" -d link show other-br | sed -E 's/_timer +[0-9.]+//g'
	ip -n "$ns" -d link show other-vx | sed -E 's/_timer +[0-9.]+//g'
	ip -n "$ns" -4 address show other-br
	ip -n "$ns" route show dev other-br
	ip -n "$ns" neigh show dev other-br nud permanent
	bridge -n "$ns" fdb show dev other-vx
}

# Entries, devices and traffic are as they should be, and what is others' is as it was.
is_right() {
	kernel_agrees host1 && link_is_right "$KERNEL_BRIDGE" && link_is_right "$KERNEL_VXLAN" &&
		ping_once c1 "$(container_address host2 c2)" -W 0.2 &&
		ping_once c2 "$(container_address host1 c1b)" -W 0.2
}

link_is_right() { # DEVICE
	ip -n "$LAB-host1" -j -d link show "$1" | jq -e --arg mac "$(vtep_mac)" '.[0]
		| .mtu == 1450 and .address == $mac and (.flags | index("UP")) and
		(if .linkinfo.info_kind == "vxlan" then
			.master == "weft-br1" and (.linkinfo.info_slave_data
			| [.learning, .flood, .mcast_flood, .bcast_flood] | any | not)
		else true end)'
}

vtep_mac() { weftctl_on host1 --json status | jq -r '.networks[0].vtepMac'; }

# Within a second, and one more for looking; and then weftd is silent, and nobody else was touched.
heals() {
	wait_for 2 is_right
	foreign_show >"$BATS_TEST_TMPDIR/foreign"
	same "$LAB_DIR/foreign" "$BATS_TEST_TMPDIR/foreign"
	wait_for 5 is_silent
}

# No pass between two looks: what weftd itself wrote does not keep it busy.
is_silent() {
	local before
	before=$(passes)
	sleep 0.3 # the time in which nothing may happen
	[[ $(passes) == "$before" ]]
}

passes() { weftctl_on host1 --json status | jq '.networks[0].passes.run'; }

on_host1() { ip -n "$LAB-host1" "$@"; }

@test "routes flushed" {
	on_host1 route flush dev "$KERNEL_BRIDGE" proto 0x77
	heals
}

@test "all routes of the bridge flushed, the kernel's own among them" {
	on_host1 route flush dev "$KERNEL_BRIDGE"
	heals
}

@test "a route replaced by somebody's own" {
	on_host1 route replace "$(host_subnet host2)" metric "$(metric_of host2)" via 192.168.0.254
	heals
}

metric_of() { host_subnet "$1" | cut -d. -f3; }

@test "ARP flushed" {
	on_host1 neigh flush dev "$KERNEL_BRIDGE" nud permanent
	heals
}

@test "an ARP entry changed" {
	on_host1 neigh replace "$(base_of host2)" lladdr 02:00:00:00:00:01 dev "$KERNEL_BRIDGE" nud permanent
	heals
	on_host1 neigh replace "$(base_of host2)" lladdr 02:00:00:00:00:01 dev "$KERNEL_BRIDGE" nud reachable
	heals
}

base_of() { host_subnet "$1" | cut -d/ -f1; }

@test "FDB flushed" {
	bridge -n "$LAB-host1" fdb show dev "$KERNEL_VXLAN" | awk '/ self/ { print $1 }' | sort -u |
		xargs -I{} bridge -n "$LAB-host1" fdb del {} dev "$KERNEL_VXLAN" self
	bridge -n "$LAB-host1" fdb show dev "$KERNEL_VXLAN" | awk '/ static/ { print $1 }' | sort -u |
		xargs -I{} bridge -n "$LAB-host1" fdb del {} dev "$KERNEL_VXLAN" master
	heals
}

@test "an FDB entry sent elsewhere, and one moved to a container's port" {
	local mac
	mac=$(etcd_value_of host2 | jq -r .BackendData.VtepMAC)
	bridge -n "$LAB-host1" fdb replace "$mac" dev "$KERNEL_VXLAN" dst 192.168.0.99 self permanent
	heals
	bridge -n "$LAB-host1" fdb replace "$mac" dev "$(container_veth host1 c1)" master static
	heals
}

@test "foreign entries in our tables are removed" {
	on_host1 neigh add 10.5.0.0 lladdr 02:00:00:00:00:88 dev "$KERNEL_BRIDGE" nud permanent
	bridge -n "$LAB-host1" fdb add 02:00:00:00:00:88 dev "$KERNEL_VXLAN" dst 192.168.0.88 self permanent
	bridge -n "$LAB-host1" fdb add 02:00:00:00:00:89 dev "$KERNEL_VXLAN" master static
	on_host1 route add 10.5.0.0/24 via "$(container_address host1 c1)" dev "$KERNEL_BRIDGE" proto 0x77
	heals
}

@test "vxlan deleted" {
	on_host1 link del "$KERNEL_VXLAN"
	heals
}

@test "bridge deleted with containers attached: they are attached again, with their ports' flags" {
	local veth
	veth=$(container_veth host1 c1)
	wait_for 5 not hairpin_off "$veth"
	bridge -n "$LAB-host1" link set dev "$(container_veth host1 c1b)" hairpin off isolated on
	wait_for 5 is_silent
	on_host1 link del "$KERNEL_BRIDGE"
	heals
	not hairpin_off "$veth"
	hairpin_off "$(container_veth host1 c1b)"
	bridge -n "$LAB-host1" -d link show dev "$(container_veth host1 c1b)" | grep -q 'isolated on'
	bridge -n "$LAB-host1" link set dev "$(container_veth host1 c1b)" hairpin on isolated off
	cni_check host1 c1
	cni_check host1 c1b
}

hairpin_off() { # VETH
	bridge -n "$LAB-host1" -d link show dev "$1" | grep -q 'hairpin off'
}

@test "bridge and vxlan deleted, and weftd killed: the next one attaches the containers again" {
	weftd_stop host1 KILL
	on_host1 link del "$KERNEL_BRIDGE"
	on_host1 link del "$KERNEL_VXLAN"
	weftd_start host1
	weftd_ready host1
	heals
}

@test "bridge and vxlan set down; down and up at once; taken out of the bridge" {
	on_host1 link set "$KERNEL_BRIDGE" down
	heals
	on_host1 link set "$KERNEL_VXLAN" down
	heals
	ns_run host1 sh -c "ip link set $KERNEL_BRIDGE down; ip link set $KERNEL_BRIDGE up"
	heals
	ns_run host1 sh -c "ip link set $KERNEL_VXLAN down; ip link set $KERNEL_VXLAN up"
	heals
	on_host1 link set "$KERNEL_VXLAN" nomaster
	heals
}

@test "a container's port set down, and taken out of the bridge" {
	on_host1 link set "$(container_veth host1 c1)" down
	heals
	on_host1 link set "$(container_veth host1 c1)" nomaster
	heals
}

@test "MAC, MTU and port flags changed" {
	on_host1 link set "$KERNEL_BRIDGE" address 02:00:00:00:00:01
	heals
	on_host1 link set "$KERNEL_VXLAN" address 02:00:00:00:00:02
	heals
	on_host1 link set "$KERNEL_BRIDGE" mtu 1300
	heals
	on_host1 link set "$KERNEL_VXLAN" mtu 1300
	heals
	bridge -n "$LAB-host1" link set dev "$KERNEL_VXLAN" learning on flood on mcast_flood on bcast_flood on
	heals
}

@test "a foreign address on the bridge, and ours gone" {
	on_host1 address add 10.5.77.1/24 dev "$KERNEL_BRIDGE"
	wait_for 1 not has_address 10.5.77.1
	on_host1 address flush dev "$KERNEL_BRIDGE"
	heals
}

has_address() { on_host1 address show dev "$KERNEL_BRIDGE" | grep -qF "$1"; }

@test "forwarding switched off; other sysctls by the next pass" {
	local conf=/proc/sys/net/ipv4/conf
	ns_run host1 sh -c "echo 0 >/proc/sys/net/ipv4/ip_forward"
	heals
	ns_run host1 sh -c "echo 1 >$conf/all/send_redirects; echo 1 >$conf/$KERNEL_BRIDGE/send_redirects"
	on_host1 link set "$KERNEL_VXLAN" mtu 1300
	heals
	assert_equal "$(ns_run host1 cat $conf/{all,"$KERNEL_BRIDGE"}/send_redirects | xargs)" '0 0'
}

@test "a storm of 10,000 events is a few passes, and all is right after it" {
	local before i
	before=$(passes)
	for ((i = 0; i < 5000; i++)); do
		echo "neigh add 10.5.$((100 + i / 250)).$((i % 250 + 1)) lladdr 02:00:00:00:00:88 dev $KERNEL_BRIDGE nud permanent"
	done >"$BATS_TEST_TMPDIR/add"
	sed 's/ add / del /; s/ lladdr.*dev/ dev/; s/ nud.*//' "$BATS_TEST_TMPDIR/add" >"$BATS_TEST_TMPDIR/del"
	# weftd may be quicker in removing one.
	ns_run host1 ip -force -batch "$BATS_TEST_TMPDIR/add" >/dev/null 2>&1 || true
	ns_run host1 ip -force -batch "$BATS_TEST_TMPDIR/del" >/dev/null 2>&1 || true
	heals
	assert [ $(($(passes) - before)) -lt 25 ]
}

@test "what the kernel learns of containers causes no pass" {
	local before
	wait_for 5 is_silent
	before=$(passes)
	on_host1 neigh flush dev "$KERNEL_BRIDGE"
	ping_once c1 "$(host_gateway host1)"
	ping_once c1 "$(container_address host1 c1b)"
	assert_equal "$(passes)" "$before"
}

woken() { sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$(weftd_pid host1)/status"; }

# A host on a large segment has some of them come and go all the time.
@test "hundreds of neighbours on the underlay come and go: weftd sleeps on" {
	local before
	ip -n "$LAB-host1" neigh replace 192.168.0.199 lladdr 02:00:00:00:00:99 dev eth0
	ip -n "$LAB-host1" neigh del 192.168.0.199 dev eth0
	sleep 0.5
	before=$(woken)
	printf 'neigh replace 192.168.0.%d lladdr 02:00:00:00:00:01 dev eth0\n' {50..249} |
		ip -n "$LAB-host1" -batch -
	printf 'neigh del 192.168.0.%d dev eth0\n' {50..249} | ip -n "$LAB-host1" -batch -
	assert [ $(($(woken) - before)) -lt 20 ]
	# The bridge's neighbours are another thing.
	ip -n "$LAB-host1" neigh flush dev "$KERNEL_BRIDGE" nud permanent
	wait_for 5 is_right
}

@test "a foreign device with our name is refused with one clear error, and gone, all is right" {
	kill -s STOP "$(weftd_pid host1)" # it would be quicker than two commands
	on_host1 link del "$KERNEL_VXLAN"
	on_host1 link add "$KERNEL_VXLAN" type vxlan id 77 dstport 7777 local 192.168.0.1
	kill -s CONT "$(weftd_pid host1)"
	wait_for 5 says_not_ours
	run weftctl_on host1 --json status
	assert_json "$output" '.networks[0] | .state == "degraded" and (.reason | contains("weft-vx1"))'
	wait_for 5 is_silent
	on_host1 -d link show "$KERNEL_VXLAN" | grep -q 'vxlan id 77'
	assert_equal "$(proc_log host1-weftd 1000 | grep -c 'pass failed.*weft-vx1')" 1
	on_host1 link del "$KERNEL_VXLAN"
	heals
}

says_not_ours() { weftctl_on host1 --json status | jq -e '.networks[0].reason | contains("alias")'; }
