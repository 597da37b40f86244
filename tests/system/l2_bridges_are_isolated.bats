#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# The L2 network "lan" joins the bridge br-lan of another program on host1 and host2, whose containers
# have CAP_NET_RAW. They reach neither containers of the network "default" nor the tunnels of the
# nodes, and the bridges do not become one with the uplink or in a spanning tree.

load ../lib/bats
load ../lib/packets

LAN='{"Network":"172.18.0.0/16","Backend":{"VNI":7},
	"Weft":{"Mode":"l2","LeaseTTL":600,"Flood":"replicate","Bridge":"br-lan"%s}}'
LLDP=01:80:c2:00:00:0e # a bridge passes such a frame to its host, with the port as input device
STP=01:80:c2:00:00:00

setup_file() {
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 2
	store_start '{"Network":"10.5.0.0/16","Backend":{"VNI":1},"Weft":{"LeaseTTL":600}}'
	configure ''
	for host in host1 host2; do
		weftd_start "$host" --network default,lan
	done
	# weftd starts before the bridge exists.
	wait_for 20 waits_for_bridge host1
	for host in host1 host2; do
		ip -n "$LAB-$host" link add br-lan type bridge
		ip -n "$LAB-$host" address add "172.18.${host#host}.254/16" dev br-lan
		ip -n "$LAB-$host" link set br-lan up
		attach "$host" "$host-a" "172.18.${host#host}.1"
	done
	for name in default lan; do
		LAB_NETWORK=$name weftd_ready host1 host2
	done
	container_add host1 c11
	container_add host2 c21
	wait_for 20 ping_once host1-a 172.18.2.1
	wait_for 20 ping_once c11 "$(container_address host2 c21)"
}

teardown_file() { lab_down; }

# shellcheck disable=SC2059 # the configuration is the format
configure() { ETCD_PREFIX=$ETCD_PREFIX/networks/lan etcd_config "$(printf "$LAN" "$1")"; } # MEMBERS

waits_for_bridge() { weftctl_on "$1" status | grep -F 'Weft.Bridge: br-lan does not exist'; } # HOST

# As a runtime without weft does it. The host routes between its bridges.
attach() { # HOST CONTAINER ADDRESS
	ns_add "$2" || return
	ip -n "$LAB-$1" link add "$2" mtu 1450 type veth peer name eth0 mtu 1450 netns "$LAB-$2" || return
	ip -n "$LAB-$1" link set "$2" master br-lan up || return
	ip -n "$LAB-$2" address add "$3/16" dev eth0 && ip -n "$LAB-$2" link set eth0 up &&
		ip -n "$LAB-$2" route add default via "${3%.1}.254"
}

bridge_mac() { ip -n "$LAB-$1" -j link show "${2-br-lan}" | jq -r '.[0].address'; } # HOST [BRIDGE]
vxlan_is() { ip -n "$LAB-$1" -j link show weft-vx7 | jq -e --arg s "$2" '.[0].flags | index("UP") | (. != null) == ($s == "up")'; } # HOST up|down

rules_are_there() {
	ns_run host1 nft list chain inet weft forward | grep -F 'goto isolation' &&
		ns_run host1 nft list chain inet weft isolation | grep -F '"br-lan"'
}

# Without the rules of a node that runs no weftd, packets pass: the tests below do not pass for another reason.
@test "the instrument works: without the rules, the networks reach each other" {
	weftd_stop host1
	ns_run host1 nft flush chain inet weft forward
	ping_once c11 172.18.1.1
	ping_once host1-a "$(container_address host1 c11)"
	weftd_start host1 --network default,lan
	weftd_ready host1
	LAB_NETWORK=lan weftd_ready host1
	wait_for 20 rules_are_there
}

@test "containers of the bridge and of another network do not reach each other, on a node and across nodes" {
	local before
	before=$(dropped host1 isolation_drops)
	no_answer c11 172.18.1.1
	no_answer c11 172.18.2.1
	no_answer host1-a "$(container_address host1 c11)"
	# From the other node by its bridge, with host1 as the gateway.
	ns_run host2-a ip route replace default via 172.18.1.254
	no_answer host2-a "$(container_address host1 c11)"
	no_answer host2-a "$(container_address host2 c21)"
	ns_run host2-a ip route replace default via 172.18.2.254
	(($(dropped host1 isolation_drops) >= before + 5))
	no_answer c21 172.18.1.1
	no_answer host2-a "$(container_address host1 c11)"
	# Both have their own networks.
	ping_once host1-a 172.18.2.1
	ping_once c11 "$(container_address host2 c21)"
	ping_once host1-a 172.18.1.254
}

@test "the rules of networks that weftd does not serve any more isolate the bridge, too" {
	weftd_stop host1
	ns_run host1 nft delete table inet weft
	weftd_start host1 --network default
	weftd_ready host1
	wait_for 30 rules_are_there
	no_answer c11 172.18.1.1
	no_answer host1-a "$(container_address host1 c11)"
	weftd_stop host1
	weftd_start host1 --network default,lan
	LAB_NETWORK=lan weftd_ready host1
}

@test "AllowFrom permits connections in one direction" {
	configure ',"AllowFrom":["default"]'
	wait_for 20 ping_once c11 172.18.1.1
	wait_for 20 ping_once c11 172.18.2.1
	no_answer host1-a "$(container_address host1 c11)"
	configure ''
	wait_for 20 no_answer c11 172.18.1.1
}

more_drops() { (($(dropped host1 injection_drops) > $1)); }

# Injects from host1-a a frame for c21 (own*: for c11), and expects a counted drop on host1.
dropped_when_sent() { # TEXT FROM TO
	local host=host2 to before
	[[ $1 != own* ]] || host=host1
	to=$(container_address host2 c21)
	[[ $host == host2 ]] || to=$(container_address host1 c11)
	before=$(dropped host1 injection_drops)
	forge host1-a "$2" "$3" 1 "$(bridge_mac $host weft-br1)" 10.5.250.99 "$to" 999 "$1"
	wait_for 5 more_drops "$before"
	not received c21 "$1"
	not received c11 "$1"
}

@test "containers of the bridge inject no tunnel packets, also not with a peer's address" {
	local mac
	receiver_start c11 999
	receiver_start c21 999
	mac=$(bridge_mac host1)
	dropped_when_sent udp 0.0.0.0 192.168.0.2
	FORGE_TO=$mac dropped_when_sent own-raw 192.168.0.2 192.168.0.1
	FORGE_TO=$mac dropped_when_sent raw 192.168.0.77 192.168.0.2
	# With the port as the input device; the next one shows that it had the time to arrive.
	FORGE_TO=$LLDP forge host1-a 192.168.0.2 192.168.0.1 1 "$(bridge_mac host1 weft-br1)" 10.5.250.99 \
		"$(container_address host1 c11)" 999 own-lldp
	FORGE_TO=$mac dropped_when_sent own-next 192.168.0.2 192.168.0.1
	not received c11 own-lldp
}

@test "the instrument works: such packets arrive without the rules" {
	local mac
	mac=$(bridge_mac host1)
	weftd_stop host1
	ns_run host1 nft flush chain inet weft input
	FORGE_TO=$mac forge host1-a 192.168.0.2 192.168.0.1 1 "$(bridge_mac host1 weft-br1)" 10.5.250.99 \
		"$(container_address host1 c11)" 999 arrives
	wait_for 5 received c11 arrives
	FORGE_TO=$LLDP forge host1-a 192.168.0.2 192.168.0.1 1 "$(bridge_mac host1 weft-br1)" 10.5.250.99 \
		"$(container_address host1 c11)" 999 lldp-arrives
	wait_for 5 received c11 lldp-arrives
	weftd_start host1 --network default,lan
	weftd_ready host1
	LAB_NETWORK=lan weftd_ready host1
}

# Sends frames of 60 bytes with these hexadecimal beginnings from eth0.
inject() { # CONTAINER HEX...
	ns_run "$1" python3 -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
for text in sys.argv[1:]:
    s.send(bytes.fromhex(text.replace(":", "")).ljust(60, b"\0"))' "${@:2}"
}

@test "frames of one link, and the spanning tree of a bridge, do not cross the tunnel" {
	local source=02:00:00:00:00:77
	proc_start wire host2 tcpdump -n -e -l -i weft-vx7 ether multicast
	wait_for 10 grep -q 'listening on' "$LAB_DIR/log/wire"
	inject host1-a "$STP$source"0026424203 "${LLDP%e}3${source}888e" "01:80:c2:00:00:10${source}88b5"
	wait_for 10 grep -q '01:80:c2:00:00:10' "$LAB_DIR/log/wire"
	# The bridge itself sends at once when STP is enabled.
	ip -n "$LAB-host1" link set br-lan type bridge stp_state 1
	proc_start own host1 tcpdump -n -e -l -c 1 -i host1-a ether dst "$STP"
	wait_for 20 grep -q "$STP" "$LAB_DIR/log/own"
	wait_for 60 ping_once host1-a 172.18.2.1
	ns_run host1-a ping -b -n -q -c 1 -W 1 172.18.255.255 || :
	wait_for 10 grep -q 'ff:ff:ff:ff:ff:ff' "$LAB_DIR/log/wire"
	ip -n "$LAB-host1" link set br-lan type bridge stp_state 0
	run grep -E '01:80:c2:00:00:0[0-9a-f]' "$LAB_DIR/log/wire"
	assert_output ''
	proc_stop wire INT
}

@test "a bridge with the uplink as a port is refused by name, and its tunnel set down" {
	ip -n "$LAB-host2" link set eth0 master br-lan
	wait_for 20 vxlan_is host2 down
	wait_for 20 eval 'weftctl_on host2 status | grep -F "Weft.Bridge: br-lan is connected to the uplink: eth0"'
	ip -n "$LAB-host2" link set eth0 nomaster
	wait_for 60 vxlan_is host2 up
	wait_for 60 ping_once host1-a 172.18.2.1
}

@test "the tunnel is down while the bridge does not exist" {
	ip -n "$LAB-host2" link del br-lan
	wait_for 20 vxlan_is host2 down
	ip -n "$LAB-host2" link add br-lan type bridge
	ip -n "$LAB-host2" link set br-lan up
	ip -n "$LAB-host2" link set host2-a master br-lan
	wait_for 20 vxlan_is host2 up
	wait_for 20 ping_once host1-a 172.18.2.1
}
