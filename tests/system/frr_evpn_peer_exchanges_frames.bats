#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines
#
# A VTEP with Debian's FRR and BGP EVPN (RFC 7432, RFC 8365) beside a node of weft. weft has no BGP: a static
# lease in the store and a flood entry on the other side connect them, and both learn from packets.

load ../lib/bats

setup_file() {
	export LAB_STORE=file
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 1
	LAB_UNDERLAY=4 lab_machine host3 3
	ip -n "$LAB-host1" link add br-lan type bridge
	ip -n "$LAB-host1" link set br-lan up
	ip -n "$LAB-host3" link add br7 type bridge
	ip -n "$LAB-host3" link add vx7 mtu 1450 master br7 type vxlan id 7 dstport 8472 local 192.168.0.3 nolearning
	ip -n "$LAB-host3" link set vx7 up type bridge_slave neigh_suppress on learning off
	bridge -n "$LAB-host3" fdb append 00:00:00:00:00:00 dev vx7 dst 192.168.0.1
	ip -n "$LAB-host3" link set br7 up
	attach host1 br-lan c1 172.18.201.1
	attach host3 br7 c3 172.18.203.1
	store_start '{"Network":"172.18.0.0/16","SubnetMax":"172.18.99.0","Backend":{"VNI":7},
		"Weft":{"Mode":"l2","Flood":"replicate","Bridge":"br-lan"}}'
	weftd_start host1
	weftd_ready host1
	store_file_edit '.subnets["172.18.203.0-24"] = {"PublicIP":"192.168.0.3","BackendType":"vxlan",
		"BackendData":{"VNI":7,"VtepMAC":"02:00:00:00:00:03"}}'
	frr_start
}

teardown_file() { lab_down; }

attach() { # HOST BRIDGE CONTAINER ADDRESS
	ns_add "$3" || return
	ip -n "$LAB-$1" link add "$3" mtu 1450 type veth peer name eth0 mtu 1450 netns "$LAB-$3" || return
	ip -n "$LAB-$1" link set "$3" master "$2" up || return
	ip -n "$LAB-$3" address add "$4/16" dev eth0 && ip -n "$LAB-$3" link set eth0 up
}

# zebra and bgpd on host3, as the package's user, with sockets in the lab's directory. The neighbour, host1,
# does not answer: a session is not needed for the routes that FRR originates.
frr_start() {
	local dir=$LAB_DIR/frr options
	mkdir -p "$dir" && chmod 711 "$LAB_DIR" && chown frr:frr "$dir" || return
	: >"$dir/zebra.conf"
	cat >"$dir/bgpd.conf" <<-CONF
		router bgp 65000
		 bgp router-id 192.168.0.3
		 neighbor 192.168.0.1 remote-as 65000
		 address-family l2vpn evpn
		  neighbor 192.168.0.1 activate
		  advertise-all-vni
		 exit-address-family
	CONF
	options=(--vty_socket "$dir" --socket "$dir/zserv" --vty_port 0)
	proc_start zebra host3 /usr/lib/frr/zebra "${options[@]}" -f "$dir/zebra.conf" -i "$dir/zebra.pid"
	wait_for 20 test -S "$dir/zebra.vty" || return
	proc_start bgpd host3 /usr/lib/frr/bgpd "${options[@]}" -f "$dir/bgpd.conf" -i "$dir/bgpd.pid" --bgp_port 0
	wait_for 20 frr 'show bgp l2vpn evpn'
}

frr() { ns_run host3 vtysh --vty_socket "$LAB_DIR/frr" -c "$1"; } # COMMAND

mac_of() { ip -n "$LAB-$1" -j link show dev eth0 | jq -r '.[0].address'; } # CONTAINER
frr_shows() { frr "$1" | grep -F -- "$2"; }                                 # COMMAND TEXT
floods_to_peer() { bridge -n "$LAB-host1" fdb show dev weft-vx7 | grep '^00:00:00:00:00:00 dst 192.168.0.3 '; }

@test "FRR originates routes of type 2 and 3 for its bridge" {
	wait_for 20 frr_shows 'show bgp l2vpn evpn route type macip' "[2]:[0]:[48]:[$(mac_of c3)]"
	wait_for 20 frr_shows 'show bgp l2vpn evpn route type multicast' '[3]:[0]:[32]:[192.168.0.3]'
}

@test "containers on FRR's bridge and on weft's reach each other by the static flood entries" {
	wait_for 20 floods_to_peer
	ping_once c3 172.18.201.1
	ping_once c1 172.18.203.1 -M 'do' -s 1422
	# weft's node learned FRR's MAC from the packets.
	bridge -n "$LAB-host1" fdb show dev weft-vx7 | grep "^$(mac_of c3) dst 192.168.0.3 self"
	bridge -n "$LAB-host3" fdb show dev vx7 | grep '^00:00:00:00:00:00 dst 192.168.0.1 '
}

# FRR's device does not learn from packets, so that frames to weft's MACs are flooded on each node.
@test "FRR has no routes of weft's node, and floods to it" {
	ping_once c3 172.18.201.1
	frr_shows 'show evpn mac vni 7' "$(mac_of c3)"
	run frr_shows 'show evpn mac vni 7' "$(mac_of c1)"
	assert_failure
	run frr_shows 'show bgp l2vpn evpn' "$(mac_of c1)"
	assert_failure
	run bridge -n "$LAB-host3" fdb show dev vx7
	refute_output --partial "$(mac_of c1)"
}
