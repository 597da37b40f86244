#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# An L2 network joins bridges of another program: host1 and host2 have a bridge of docker's kind, with
# an address and containers that weft does not attach; host3 has a VXLAN device made by hand and no
# weftd.

load ../lib/bats
load ../lib/packets

NETWORK='{"Network":"172.18.0.0/16","SubnetMax":"172.18.99.0","Backend":{"VNI":7},
	"Weft":{"Mode":"l2","Flood":"%s","Bridge":"br-lan"%s}}'

setup_file() {
	export LAB_STORE=file
	lab_open_for_file
	lab_hosts 2
	lab_machine host3 3
	for host in host1 host2; do
		ip -n "$LAB-$host" link add br-lan type bridge
		ip -n "$LAB-$host" address add "172.18.${host#host}.254/16" dev br-lan
		ip -n "$LAB-$host" link set br-lan up
		ns_run "$host" sysctl -q net.ipv4.ip_forward=1
		attach "$host" "$host-a" "172.18.${host#host}.1"
		attach "$host" "$host-b" "172.18.${host#host}.2"
		bridge_state "$host" >"$LAB_DIR/before-$host"
	done
	store_start "$(text replicate)"
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	wait_for 20 destinations_are host1 192.168.0.2
	wait_for 20 destinations_are host2 192.168.0.1
}

teardown_file() { lab_down; }

# shellcheck disable=SC2059 # the configuration is the format
text() { printf "$NETWORK" "$1" "${2-}"; } # FLOOD [MEMBERS]

# As a runtime without weft does it.
attach() { # HOST CONTAINER ADDRESS
	ns_add "$2" || return
	ip -n "$LAB-$1" link add "$2" mtu 1450 type veth peer name eth0 mtu 1450 netns "$LAB-$2" || return
	ip -n "$LAB-$1" link set "$2" master br-lan up || return
	ip -n "$LAB-$2" address add "$3/16" dev eth0 && ip -n "$LAB-$2" link set eth0 up
}

# What weft must not change: the bridge's attributes, addresses, permanent neighbours, sysctls and ports.
bridge_state() { # HOST
	ip -n "$LAB-$1" -d -j link show dev br-lan |
		jq '.[0] | {mtu, address, group, ifalias, master, inet6_addr_gen_mode, linkinfo: (.linkinfo.info_data |
			{ageing_time, stp_state, vlan_filtering, mcast_snooping, fdb_max_learned, nf_call_iptables})}' || return
	ip -n "$LAB-$1" -j address show dev br-lan | jq '[.[0].addr_info[] | {local, prefixlen}] | sort' || return
	ip -n "$LAB-$1" neigh show dev br-lan nud permanent || return
	ip -n "$LAB-$1" -j link show master br-lan type veth | jq -c 'map([.ifname, .mtu, .group]) | sort' || return
	ns_run "$1" sysctl -n net.ipv{4,6}.conf.br-lan.forwarding net.ipv6.conf.br-lan.{disable_ipv6,accept_ra,addr_gen_mode} \
		net.ipv4.conf.br-lan.send_redirects
}

destinations_are() { # HOST ADDRESS...
	[[ $(bridge -n "$LAB-$1" fdb show dev weft-vx7 | grep '^00:00:00:00:00:00 ' | grep -o 'dst [^ ]*' | sort) == \
		"$(printf 'dst %s\n' "${@:2}")" ]]
}

mac_of() { ip -n "$LAB-$1" -j link show dev eth0 | jq -r '.[0].address'; } # CONTAINER

@test "containers of another program's bridges reach each other, with full-size packets" {
	ping_once host1-a 172.18.2.1 -t 1 -M 'do' -s 1422
	ping_once host2-b 172.18.1.2 -t 1
	# The tunnel's device learned the MAC from the packets, and the bridge the port.
	bridge -n "$LAB-host1" fdb show dev weft-vx7 | grep "^$(mac_of host2-a) dst 192.168.0.2 self"
	bridge -n "$LAB-host1" fdb show dev weft-vx7 | grep "^$(mac_of host2-a) master br-lan"
	# Also from the hosts, which have addresses on their bridges.
	ping_once host1 172.18.2.1
	ping_once host1 172.18.2.254
}

@test "a virtual machine behind a tap finds a remote container by a broadcast, and is found" {
	ip -n "$LAB-host1" tuntap add tap0 mode tap
	ip -n "$LAB-host1" link set tap0 mtu 1450 master br-lan up
	proc_start machine host1 "$WEFT_REPO/tests/lib/machine.py" tap0 52:54:00:00:00:07 172.18.1.7 172.18.2.1
	wait_for 20 grep -qx 'reply 172.18.2.1' "$LAB_DIR/log/machine"
	ping_once host2-b 172.18.1.7
	grep -qx 'asked 172.18.2.2' "$LAB_DIR/log/machine"
	bridge -n "$LAB-host2" fdb show dev weft-vx7 | grep '^52:54:00:00:00:07 dst 192.168.0.1 self'
	proc_stop machine KILL
	ip -n "$LAB-host1" link del tap0
}

@test "the bridges stay as they were, and the hosts' packet rules let their containers pass" {
	local host
	for host in host1 host2; do
		bridge_state "$host" >"$BATS_TEST_TMPDIR/$host"
		run diff "$LAB_DIR/before-$host" "$BATS_TEST_TMPDIR/$host"
		assert_success
	done
	# From a container to its host, and through it.
	ping_once host1-a 172.18.1.254
	ns_run host1-a ip route add default via 172.18.1.254
	ip -n "$LAB-net" route add 172.18.1.0/24 via 192.168.0.1
	ping_once host1-a "$LAB_GATEWAY"
	ip -n "$LAB-net" route del 172.18.1.0/24
	run ip -n "$LAB-host1" link show weft-br7
	assert_failure
	run weftctl_on host1 --json doctor
	jq -e '[.findings[] | select(.state == "error")] == []' <<<"$output"
	host_network host1 .bridge | grep -x br-lan
}

@test "a container that weft attaches is a port of the bridge, too" {
	local address
	address=$(container_add host1 cni)
	ping_once cni 172.18.1.1
	ping_once cni 172.18.2.1
	ping_once host2-a "$address"
	container_del host1 cni
	ip -n "$LAB-host1" link show br-lan
}

to_host() { # CONTAINER KIND...
	python3 "$WEFT_REPO/tests/lib/frames.py" "$(ns_path "$1")" "$(ns_path host1):br-lan" "${@:2}"
}

# In place of weft's own bridges, by which inet weft recognises what containers send.
@test "a container that weft attaches is no router of the node, one of the other program is not checked" {
	local before routers=(dhcp icmp-redirect dhcp-tag)
	container_add host1 cni
	before=$(dropped host1 router_drops)
	run -0 to_host cni "${routers[@]}"
	refute_output --partial passed
	assert_equal "$(dropped host1 router_drops)" "$((before + ${#routers[@]}))"
	run -0 to_host cni udp
	refute_output --partial dropped
	run -0 to_host host1-a "${routers[@]}"
	refute_output --partial dropped
	container_del host1 cni
}

@test "a hand-made VXLAN peer without weftd joins by a static entry in the store" {
	local before # host2 may have sent broadcasts before host1 had read its lease
	before=$(dropped host1 vtep_filter_drops)
	store_file_edit '.subnets["172.18.200.0-24"] = {"PublicIP":"192.168.0.3","BackendType":"vxlan",
		"BackendData":{"VNI":7,"VtepMAC":"02:00:00:00:00:03"}}'
	# Before the device sends: the tunnel guard drops packets of a peer that is not known yet.
	wait_for 20 destinations_are host1 192.168.0.2 192.168.0.3
	wait_for 20 destinations_are host2 192.168.0.1 192.168.0.3
	ip -n "$LAB-host3" link add vx0 mtu 1450 type vxlan id 7 dstport 8472 local 192.168.0.3
	bridge -n "$LAB-host3" fdb append 00:00:00:00:00:00 dev vx0 dst 192.168.0.1
	bridge -n "$LAB-host3" fdb append 00:00:00:00:00:00 dev vx0 dst 192.168.0.2
	ip -n "$LAB-host3" address add 172.18.200.1/16 dev vx0
	ip -n "$LAB-host3" link set vx0 up
	ping_once host1-a 172.18.200.1
	ping_once host3 172.18.2.2
	assert_equal "$(dropped host1 vtep_filter_drops)" "$before"
	store_file_edit 'del(.subnets["172.18.200.0-24"])'
	wait_for 30 destinations_are host1 192.168.0.2
}

@test "a bridge that is deleted and made again is joined again" {
	ip -n "$LAB-host2" link del br-lan
	wait_for 20 eval 'weftctl_on host2 status | grep -F "Weft.Bridge: br-lan does not exist"'
	ip -n "$LAB-host2" link add br-lan type bridge
	ip -n "$LAB-host2" link set br-lan up
	ip -n "$LAB-host2" link set host2-a master br-lan
	wait_for 20 ping_once host1-a 172.18.2.1
	weftd_ready host2
}

@test "larger ports than the tunnel's are reported by name" {
	ip -n "$LAB-host1" link set host1-b mtu 1500
	ip -n "$LAB-host1-b" link set eth0 mtu 1500
	wait_for 20 eval 'weftd_log host1 50 | grep -F "bridge=br-lan" | grep -F "port=host1-b mtu=1500"'
	ip -n "$LAB-host1" link set host1-b mtu 1450
}

@test "the network learns by multicast as well, and cleanup leaves the bridge" {
	store_file_edit '.config = $c' --argjson c "$(text multicast ',"Group":"239.1.1.7"')"
	wait_for 20 destinations_are host1 239.1.1.7
	wait_for 20 destinations_are host2 239.1.1.7
	wait_for 20 ping_once host2-a 172.18.1.1
	weftd_stop host1
	weftctl_on host1 cleanup --force
	run ip -n "$LAB-host1" link show weft-vx7
	assert_failure
	ping_once host1-a 172.18.1.2
	bridge_state host1 >"$BATS_TEST_TMPDIR/host1"
	run diff "$LAB_DIR/before-host1" "$BATS_TEST_TMPDIR/host1"
	assert_success
}
