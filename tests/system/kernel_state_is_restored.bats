#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# weftd restores its devices and entries after any change by other programs, and packets pass again.
# Foreign devices and entries stay unchanged.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
	container_add host1 c1
	container_add host1 c1b
	container_add host2 c2
	cni_use host1 '(.plugins[] | select(.type == "weft")) +=
		{macSpoofCheck: true, portIsolation: true, hairpinMode: false}' \
		<"$WEFT_REPO/conf/10-weft.conflist"
	container_add host1 strict
	cni_install host1
	foreign_make
	foreign_show >"$LAB_DIR/foreign"
}

teardown_file() { lab_down; }

# A foreign object beside each of weft's.
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

# Entries, devices and traffic are right, and foreign objects are unchanged.
is_right() {
	kernel_agrees host1 && link_is_right "$KERNEL_BRIDGE" && link_is_right "$KERNEL_VXLAN" &&
		ping_once c1 "$(container_address host2 c2)" -W 0.2 &&
		ping_once c2 "$(container_address host1 c1b)" -W 0.2
}

link_is_right() { # DEVICE
	ip -n "$LAB-host1" -j -d link show "$1" | jq -e --arg mac "$(vtep_mac)" '.[0]
		| .mtu == 1450 and .address == $mac and .group == "119" and (.flags | index("UP")) and
		(if .linkinfo.info_kind == "vxlan" then
			.master == "weft-br1" and (.linkinfo.info_slave_data
			| [.learning, .flood, .mcast_flood, .bcast_flood] | any | not)
		else true end)'
}

vtep_mac() { weftctl_on host1 --json status | jq -r '.networks[0].vtep_mac'; }

# Everything is restored, foreign objects are unchanged, and weftd becomes idle.
heals() {
	wait_for 5 is_right
	foreign_show >"$BATS_TEST_TMPDIR/foreign"
	same "$LAB_DIR/foreign" "$BATS_TEST_TMPDIR/foreign"
	wait_for 5 is_silent
}

# No reconciliation within 0.3 s: weftd's own writes trigger none.
is_silent() {
	local before
	before=$(reconciles)
	sleep 0.3 # nothing may happen in this time
	[[ $(reconciles) == "$before" ]]
}

reconciles() { weftctl_on host1 --json status | jq '.networks[0].reconciles.total'; }

on_host1() { ip -n "$LAB-host1" "$@"; }

@test "flushed routes are restored" {
	on_host1 route flush dev "$KERNEL_BRIDGE" proto 0x77
	heals
}

@test "all flushed routes of the bridge are restored, the kernel's own among them" {
	on_host1 route flush dev "$KERNEL_BRIDGE"
	heals
}

@test "a replaced route is restored" {
	on_host1 route replace "$(host_subnet host2)" metric "$(metric_of host2)" via 192.168.0.254
	heals
}

metric_of() { host_subnet "$1" | cut -d. -f3; }

@test "flushed ARP entries are restored" {
	on_host1 neigh flush dev "$KERNEL_BRIDGE" nud permanent
	heals
}

@test "a changed ARP entry is restored" {
	on_host1 neigh replace "$(base_of host2)" lladdr 02:00:00:00:00:01 dev "$KERNEL_BRIDGE" nud permanent
	heals
	on_host1 neigh replace "$(base_of host2)" lladdr 02:00:00:00:00:01 dev "$KERNEL_BRIDGE" nud reachable
	heals
}

base_of() { host_subnet "$1" | cut -d/ -f1; }

@test "flushed FDB entries are restored" {
	bridge -n "$LAB-host1" fdb show dev "$KERNEL_VXLAN" | awk '/ self/ { print $1 }' | sort -u |
		xargs -I{} bridge -n "$LAB-host1" fdb del {} dev "$KERNEL_VXLAN" self
	bridge -n "$LAB-host1" fdb show dev "$KERNEL_VXLAN" | awk '/ static/ { print $1 }' | sort -u |
		xargs -I{} bridge -n "$LAB-host1" fdb del {} dev "$KERNEL_VXLAN" master
	heals
}

@test "the bridge's flushed FDB is restored, with the entry of its own MAC" {
	bridge -n "$LAB-host1" fdb flush dev "$KERNEL_BRIDGE"
	heals
	run bridge -n "$LAB-host1" fdb show br "$KERNEL_BRIDGE"
	assert_output --partial "dev $KERNEL_BRIDGE master $KERNEL_BRIDGE permanent"
}

@test "an FDB entry with another destination or port is restored" {
	local mac
	mac=$(etcd_value_of host2 | jq -r .BackendData.VtepMAC)
	bridge -n "$LAB-host1" fdb replace "$mac" dev "$KERNEL_VXLAN" dst 192.168.0.99 self permanent
	heals
	bridge -n "$LAB-host1" fdb replace "$mac" dev "$(container_veth host1 c1)" master static
	heals
}

@test "foreign entries in weft's tables are removed" {
	on_host1 neigh add 10.5.0.0 lladdr 02:00:00:00:00:88 dev "$KERNEL_BRIDGE" nud permanent
	bridge -n "$LAB-host1" fdb add 02:00:00:00:00:88 dev "$KERNEL_VXLAN" dst 192.168.0.88 self permanent
	bridge -n "$LAB-host1" fdb add 02:00:00:00:00:89 dev "$KERNEL_VXLAN" master static
	on_host1 route add 10.5.0.0/24 via "$(container_address host1 c1)" dev "$KERNEL_BRIDGE" proto 0x77
	heals
}

@test "a deleted VXLAN device is restored" {
	on_host1 link del "$KERNEL_VXLAN"
	heals
}

@test "a deleted bridge is restored with the containers' ports and their flags" {
	on_host1 link del "$KERNEL_BRIDGE"
	heals
	cni_check host1 c1
	cni_check host1 c1b
	strict_is_right
}

# All flags and the FDB entry are as recorded, and frames with another MAC are dropped.
strict_is_right() {
	cni_check host1 strict && ping_once strict "$(host_gateway host1)" &&
		not forged_frame_is_learned
}

forged_frame_is_learned() {
	ip -n "$LAB-strict" link set eth0 address 02:00:00:00:00:66
	ping_once strict "$(host_gateway host1)" -W 0.1
	ip -n "$LAB-strict" link set eth0 address \
		"$(jq -r '.result.interfaces[2].mac' "$(cni_result_file host1 strict)")"
	bridge -n "$LAB-host1" fdb show br "$KERNEL_BRIDGE" | grep 02:00:00:00:00:66
}

# Each removes something that macSpoofCheck or portIsolation needs.
strict_weaken() { # VETH MAC
	echo "bridge -n $LAB-host1 link set dev $1 locked off learning on"
	echo "bridge -n $LAB-host1 link set dev $1 isolated off hairpin on"
	echo "bridge -n $LAB-host1 fdb del $2 dev $1 master"
	echo "ip -n $LAB-host1 link set $1 nomaster"
	echo "ip -n $LAB-host1 link del $KERNEL_BRIDGE"
}

@test "changed port flags and a lost FDB entry are restored" {
	local command veth mac
	veth=$(container_veth host1 strict)
	mac=$(jq -r '.result.interfaces[2].mac' "$(cni_result_file host1 strict)")
	while read -ra command; do
		"${command[@]}"
		wait_for 5 strict_is_right
	done < <(strict_weaken "$veth" "$mac")
	heals
}

@test "port flags that were lost while weftd was down are restored at its start" {
	local command veth mac
	veth=$(container_veth host1 strict)
	mac=$(jq -r '.result.interfaces[2].mac' "$(cni_result_file host1 strict)")
	weftd_stop host1 KILL
	while read -ra command; do
		"${command[@]}"
	done < <(strict_weaken "$veth" "$mac")
	run cni_check host1 strict
	assert_failure
	weftd_start host1
	weftd_ready host1
	wait_for 5 strict_is_right
	heals
}

@test "flags that the record of an earlier version lacks are left as they are" {
	local veth file changed
	veth=$(container_veth host1 c1)
	file=$(grep -l '"containerId":"c1"' "$LAB_DIR"/host1/run/attachments/default/*)
	changed=$(jq -c 'del(.port)' "$file")
	weftd_stop host1
	echo "$changed" >"$file"
	bridge -n "$LAB-host1" link set dev "$veth" isolated on
	weftd_start host1
	weftd_ready host1
	heals
	is_isolated "$veth"
	# A port that is attached again keeps its last flags.
	on_host1 link del "$KERNEL_BRIDGE"
	heals
	wait_for 5 is_isolated "$veth"
	bridge -n "$LAB-host1" link set dev "$veth" isolated off
	heals
	cni_check host1 c1 # from the configuration
}

is_isolated() { bridge -n "$LAB-host1" -d link show dev "$1" | grep -q 'isolated on'; } # VETH

@test "bridge and VXLAN deleted and weftd killed: the next start attaches the containers again" {
	weftd_stop host1 KILL
	on_host1 link del "$KERNEL_BRIDGE"
	on_host1 link del "$KERNEL_VXLAN"
	weftd_start host1
	weftd_ready host1
	heals
}

@test "bridge and VXLAN set down, set down and up, and taken out of the bridge are restored" {
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

@test "a container's port set down, and taken out of the bridge, is restored" {
	on_host1 link set "$(container_veth host1 c1)" down
	heals
	on_host1 link set "$(container_veth host1 c1)" nomaster
	heals
}

@test "the interface group of bridge, VXLAN device and ports is restored" {
	local device
	for device in "$KERNEL_BRIDGE" "$KERNEL_VXLAN" "$(container_veth host1 c1)"; do
		in_group 119 "$device"
		on_host1 link set "$device" group default
		wait_for 5 in_group 119 "$device"
	done
	heals
}

in_group() { # GROUP DEVICE
	on_host1 -j link show "$2" | jq -e --arg group "$1" '.[0].group == $group'
}

@test "changed MAC, MTU and port flags are restored" {
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

# A new port of a bridge with STP waits 30 s before it forwards.
@test "STP of the bridge is turned off, and ports that do not forward are restored" {
	local port
	on_host1 link set "$KERNEL_BRIDGE" type bridge stp_state 1
	wait_for 5 has_no_stp
	container_add host1 waiting
	ping_once waiting "$(container_address host2 c2)"
	container_del host1 waiting
	heals
	for port in "$KERNEL_VXLAN" "$(container_veth host1 c1)"; do
		bridge -n "$LAB-host1" link set dev "$port" state 0
		heals
		wait_for 5 forwards "$port"
	done
	# A port that was set up while STP was on.
	kill -s STOP "$(weftd_pid host1)"
	ns_run host1 sh -c "ip link set $KERNEL_BRIDGE type bridge stp_state 1
		ip link set $(container_veth host1 c1) down; ip link set $(container_veth host1 c1) up"
	kill -s CONT "$(weftd_pid host1)"
	wait_for 5 has_no_stp
	wait_for 5 forwards "$(container_veth host1 c1)"
	heals
}

has_no_stp() { on_host1 -j -d link show "$KERNEL_BRIDGE" | jq -e '.[0].linkinfo.info_data.stp_state == 0'; }

forwards() { # DEVICE
	on_host1 -j -d link show "$1" | jq -e '.[0].linkinfo.info_slave_data.state == "forwarding"'
}

@test "a bridge without ARP, and a port that answers ND, are restored" {
	on_host1 link set "$KERNEL_BRIDGE" arp off
	wait_for 5 answers_arp
	heals
	bridge -n "$LAB-host1" link set dev "$(container_veth host1 c1b)" neigh_suppress on bcast_flood off
	wait_for 5 cni_check host1 c1b
	heals
}

@test "a VXLAN device whose carrier another program took off is restored" {
	on_host1 link set "$KERNEL_VXLAN" protodown on
	wait_for 5 has_carrier "$KERNEL_VXLAN"
	wait_for 5 ping_once c1 "$(container_address host2 c2)"
	heals
}

has_carrier() { on_host1 -j link show "$1" | jq -e '.[0].flags | index("LOWER_UP")'; } # DEVICE

answers_arp() { on_host1 -j link show "$KERNEL_BRIDGE" | jq -e '.[0].flags | index("NOARP") | not'; }

@test "a renamed bridge or VXLAN device gets its name again, and a changed alias is restored" {
	local device
	for device in "$KERNEL_BRIDGE" "$KERNEL_VXLAN"; do
		ns_run host1 sh -c "ip link set $device down; ip link set $device name other"
		heals
		assert on_host1 link show "$device"
		refute on_host1 link show other
		on_host1 link set "$device" alias other
		wait_for 5 has_alias "$device"
		heals
	done
}

has_alias() { on_host1 link show "$1" | grep -q 'alias weft network default'; } # DEVICE

@test "a foreign address on the bridge is removed, and a missing one restored" {
	on_host1 address add 10.5.177.1/24 dev "$KERNEL_BRIDGE"
	wait_for 1 not has_address 10.5.177.1
	on_host1 address flush dev "$KERNEL_BRIDGE"
	heals
}

has_address() { on_host1 address show dev "$KERNEL_BRIDGE" | grep -qF "$1"; }

@test "forwarding is restored at once, other sysctls by the next reconciliation" {
	local conf=/proc/sys/net/ipv4/conf
	ns_run host1 sh -c "echo 0 >/proc/sys/net/ipv4/ip_forward"
	heals
	ns_run host1 sh -c "echo 1 >$conf/all/send_redirects; echo 1 >$conf/$KERNEL_BRIDGE/send_redirects"
	on_host1 link set "$KERNEL_VXLAN" mtu 1300
	heals
	assert_equal "$(ns_run host1 cat $conf/{all,"$KERNEL_BRIDGE"}/send_redirects | xargs)" '0 0'
}

@test "10,000 events cause a few reconciliations and leave the kernel in sync" {
	local before i
	before=$(reconciles)
	for ((i = 0; i < 5000; i++)); do
		echo "neigh add 10.5.$((100 + i / 250)).$((i % 250 + 1)) lladdr 02:00:00:00:00:88 dev $KERNEL_BRIDGE nud permanent"
	done >"$BATS_TEST_TMPDIR/add"
	sed 's/ add / del /; s/ lladdr.*dev/ dev/; s/ nud.*//' "$BATS_TEST_TMPDIR/add" >"$BATS_TEST_TMPDIR/del"
	# weftd may have removed an entry already.
	ns_run host1 ip -force -batch "$BATS_TEST_TMPDIR/add" >/dev/null 2>&1 || true
	ns_run host1 ip -force -batch "$BATS_TEST_TMPDIR/del" >/dev/null 2>&1 || true
	heals
	assert [ $(($(reconciles) - before)) -lt 25 ]
}

@test "entries that the kernel learns from containers cause no reconciliation" {
	wait_for 5 learning_is_ignored
}

# A trigger of another kind may fall into one attempt, but not into each.
learning_is_ignored() {
	local before
	is_silent || return
	before=$(reconciles)
	on_host1 neigh flush dev "$KERNEL_BRIDGE"
	ping_once c1 "$(host_gateway host1)"
	ping_once c1 "$(container_address host1 c1b)"
	[[ $(reconciles) == "$before" ]]
}

woken() { sed -n 's/^voluntary_ctxt_switches:[^0-9]*//p' "/proc/$(weftd_pid host1)/status"; }

# A host on a large segment receives such events continuously.
@test "neighbour events of the underlay do not wake weftd" {
	local before
	ip -n "$LAB-host1" neigh replace 192.168.0.199 lladdr 02:00:00:00:00:99 dev eth0
	ip -n "$LAB-host1" neigh del 192.168.0.199 dev eth0
	wait_for 5 is_silent
	before=$(woken)
	printf 'neigh replace 192.168.0.%d lladdr 02:00:00:00:00:01 dev eth0\n' {50..249} |
		ip -n "$LAB-host1" -batch -
	printf 'neigh del 192.168.0.%d dev eth0\n' {50..249} | ip -n "$LAB-host1" -batch -
	assert [ $(($(woken) - before)) -lt 20 ]
	# Neighbour events of the bridge do wake weftd.
	ip -n "$LAB-host1" neigh flush dev "$KERNEL_BRIDGE" nud permanent
	wait_for 5 is_right
}

@test "a foreign device with weft's name is reported once; after its removal the kernel is in sync" {
	kill -s STOP "$(weftd_pid host1)" # weftd would restore the device first
	on_host1 link del "$KERNEL_VXLAN"
	on_host1 link add "$KERNEL_VXLAN" type vxlan id 77 dstport 7777 local 192.168.0.1
	kill -s CONT "$(weftd_pid host1)"
	wait_for 5 device_is_refused
	run weftctl_on host1 --json status
	assert_json "$output" '.networks[0] | .state == "degraded" and (.reason | contains("weft-vx1"))'
	wait_for 5 is_silent
	on_host1 -d link show "$KERNEL_VXLAN" | grep -q 'vxlan id 77'
	assert_equal "$(proc_log host1-weftd 1000 | grep -c 'reconcile failed.*weft-vx1')" 1
	on_host1 link del "$KERNEL_VXLAN"
	heals
}

device_is_refused() { weftctl_on host1 --json status | jq -e '.networks[0].reason | contains("alias")'; }
