#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A container sends tunnel packets itself, to inject a frame into a network: to another node, whose
# tunnel guard accepts the node's address, and to its own node. All are dropped and counted, in both
# families; other packets of containers pass. host1 and host2 masquerade. c21 is the victim.

load ../lib/bats
load ../lib/packets

BOTH='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
BOTH+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'
LLDP=01:80:c2:00:00:0e # a bridge passes such a frame to its host, with the port as input device

setup_file() {
	lab_open_for_file
	export LAB_UNDERLAY=46
	lab_hosts 2
	etcd_machine
	etcd_start
	etcd_config "{$BOTH,\"Weft\":{\"LeaseTTL\":600}}"
	weftd_start host1 --ip-masq
	weftd_start host2 --ip-masq
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c11 && container_add host2 c21
	receiver_start c11 999
	receiver_start c21 999
	foreign_container
}

teardown_file() { lab_down; }

# A container of another program on host1: behind a bridge of its own, and masqueraded.
foreign_container() {
	local ns=$LAB-host1
	ns_add d11
	ip -n "$ns" link add docker0 type bridge
	ip -n "$ns" address add 172.17.0.1/16 dev docker0
	ip -n "$ns" link set docker0 up
	ip -n "$ns" link add d11 type veth peer name eth0 netns "$LAB-d11"
	ip -n "$ns" link set d11 master docker0 up
	ip -n "$LAB-d11" address add 172.17.0.2/16 dev eth0
	ip -n "$LAB-d11" link set eth0 up
	ip -n "$LAB-d11" route add default via 172.17.0.1
	ns_run host1 nft -f - <<-'RULES'
		table ip docker {
			chain postrouting {
				type nat hook postrouting priority srcnat
				ip saddr 172.17.0.0/16 masquerade
			}
			chain prerouting {
				type nat hook prerouting priority dstnat
				udp dport 7001 dnat to 192.168.0.2:8472
				udp dport 7002 redirect to :8472
			}
		}
	RULES
	wait_for 5 ping_once d11 192.168.0.2
}

bridge_mac() { ip -n "$LAB-$1" -j link show "$KERNEL_BRIDGE" | jq -r '.[0].address'; } # HOST

# Injects from NAMESPACE a frame for c21 (own*: for c11), and expects a counted drop on host1.
dropped_when_sent() { # TEXT NAMESPACE FROM TO [UDP-PORT]
	local host=host2 to before
	[[ $1 != own* ]] || host=host1
	to=$(container_address host2 c21)
	[[ $host == host2 ]] || to=$(container_address host1 c11)
	before=$(dropped host1 injection_drops)
	forge "$2" "$3" "$4" 1 "$(bridge_mac $host)" 10.5.250.99 "$to" 999 "$1" "${@:5}"
	wait_for 5 more_drops "$before"
	run ! received c21 "$1"
	run ! received c11 "$1"
}

more_drops() { (($(dropped host1 injection_drops) > $1)); }

@test "the instrument works: an injected frame arrives if the rules are removed" {
	weftd_stop host1
	ns_run host1 nft flush chain inet weft tunnel-forward
	forge c11 0.0.0.0 192.168.0.2 1 "$(bridge_mac host2)" 10.5.250.99 "$(container_address host2 c21)" 999 arrives4
	forge c11 :: fd00::2 1 "$(bridge_mac host2)" 10.5.250.99 "$(container_address host2 c21)" 999 arrives6
	wait_for 5 received c21 arrives4
	wait_for 5 received c21 arrives6
	weftd_start host1 --ip-masq
	weftd_ready host1
	run -0 ns_run host1 nft list chain inet weft tunnel-forward
	assert_output --partial 'goto injected'
}

@test "an unprivileged datagram to another node's tunnel port is dropped" {
	dropped_when_sent udp4 c11 0.0.0.0 192.168.0.2
	dropped_when_sent udp6 c11 :: fd00::2
	run -0 weftctl_on host1 status
	assert_line "dropped: 0 VXLAN packets from unknown sources, $(dropped host1 injection_drops) from containers, 0 packets between networks"
}

@test "a datagram that another node's or the own node's port is translated to is dropped" {
	dropped_when_sent dnat c11 0.0.0.0 192.168.0.1 7001
	dropped_when_sent own-redirect c11 0.0.0.0 192.168.0.1 7002
}

@test "a packet with a peer's address as its source is dropped" {
	local mac
	mac=$(bridge_mac host1)
	FORGE_TO=$mac dropped_when_sent own-raw4 c11 192.168.0.2 192.168.0.1
	FORGE_TO=$mac dropped_when_sent own-raw6 c11 fd00::2 fd00::1
	FORGE_TO=$mac dropped_when_sent raw4 c11 192.168.0.77 192.168.0.2
	FORGE_TO=$mac dropped_when_sent raw6 c11 fd00::77 fd00::2
}

@test "IPv6 extension headers and fragments are no way around" {
	local mac form
	mac=$(bridge_mac host1)
	for form in options fragments; do
		FORGE_AS=$form FORGE_TO=$mac dropped_when_sent "own-$form" c11 fd00::2 fd00::1
		FORGE_AS=$form FORGE_TO=$mac dropped_when_sent "$form" c11 fd00:5:1::9 fd00::2
	done
}

@test "a frame to a link-local MAC address, whose input device is the port, is dropped" {
	dropped_at_port own-lldp4 192.168.0.2 192.168.0.1
	dropped_at_port own-lldp6 fd00::2 fd00::1
}

# The port is no input device of the host: what arrives by it is dropped before it is counted. The
# frame that follows it is counted.
dropped_at_port() { # TEXT FROM TO
	local mac
	mac=$(bridge_mac host1)
	FORGE_TO=$LLDP forge c11 "$2" "$3" 1 "$mac" 10.5.250.99 "$(container_address host1 c11)" 999 "$1"
	FORGE_TO=$mac dropped_when_sent "$1-next" c11 "$2" "$3"
	run ! received c11 "$1"
}

@test "a datagram of another program's masqueraded container is dropped" {
	dropped_when_sent docker d11 0.0.0.0 192.168.0.2
}

@test "without the tunnel guard, packets from containers are still dropped" {
	weftd_stop host1
	weftd_start host1 --ip-masq --tunnel-guard=false
	weftd_ready host1
	dropped_when_sent unguarded4 c11 0.0.0.0 192.168.0.2
	FORGE_TO=$(bridge_mac host1) dropped_when_sent own-unguarded6 c11 fd00::2 fd00::1
	weftd_stop host1
	weftd_start host1 --ip-masq
	weftd_ready host1
}

@test "containers use the tunnel's port among themselves, and other ports of the nodes" {
	local before
	before=$(dropped host1 injection_drops)
	receiver_start c21 8472
	ns_run c11 sh -c "echo nested | socat -u STDIN UDP4-SENDTO:$(container_address host2 c21):8472"
	wait_for 5 received c21 nested
	proc_start node-receiver host2 socat -u UDP4-RECV:8473 STDOUT
	wait_for 5 receiver_listens host2 8473
	ns_run c11 sh -c "echo other | socat -u STDIN UDP4-SENDTO:192.168.0.2:8473"
	wait_for 5 grep -q other "$LAB_DIR/log/node-receiver"
	ping_once c11 "$(container_address host2 c21)"
	ping_once c11 192.168.0.2
	assert_equal "$(dropped host1 injection_drops)" "$before"
}
