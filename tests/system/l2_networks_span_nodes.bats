#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# L2 networks: the containers of two nodes are in one subnet and one broadcast domain. The network
# "default" has a gateway and both families; "red" and "blue" are switches with the same addresses.

load ../lib/bats
load ../lib/packets

DEFAULT='{"Network":"172.18.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:18::/48",
	"Backend":{"VNI":200},"Weft":{"Mode":"l2","LeaseTTL":15,"Gateway":"172.18.0.1",
	"IPv6Gateway":"fd00:18::1"}}'
SWITCH='{"Network":"172.18.0.0/16","SubnetMin":"172.18.7.0","SubnetMax":"172.18.9.0",
	"Backend":{"VNI":%s},"Weft":{"Mode":"l2","LeaseTTL":15}}'

setup_file() {
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 2
	store_start "$DEFAULT"
	# shellcheck disable=SC2059 # the configuration is the format
	ETCD_PREFIX=$ETCD_PREFIX/networks/red etcd_config "$(printf "$SWITCH" 201)"
	# shellcheck disable=SC2059
	ETCD_PREFIX=$ETCD_PREFIX/networks/blue etcd_config "$(printf "$SWITCH" 202)"
	start host1
	start host2
	all_ready host1 host2
	for host in host1 host2; do
		in_network default "$host" "c$host"
		in_network red "$host" "r$host"
		in_network blue "$host" "b$host"
	done
	settled
}

teardown_file() { lab_down; }

start() { weftd_start "$1" --network default,red,blue --ip-masq; } # HOST

all_ready() { # HOST...
	local name
	for name in default red blue; do
		LAB_NETWORK=$name weftd_ready "$@" || return
	done
}

use() { # NETWORK HOST
	cni_use "$2" ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\"" \
		<"$WEFT_REPO/conf/10-weft.conflist"
}

# in_network NETWORK HOST CONTAINER: creates a container in the network.
in_network() { use "$1" "$2" && ns_add "$3" && cni_add "$2" "$3" >/dev/null; }
remove() { use "$1" "$2" && container_del "$2" "$3"; } # NETWORK HOST CONTAINER

address_of() { # CONTAINER [4|6]
	ns_run "$1" ip -j "-${2-4}" address show dev eth0 scope global | jq -r '.[0].addr_info[0].local'
}

link_of() { ip -n "$LAB-$1" -j link show dev "$2" | jq -r ".[0].$3"; } # NAMESPACE DEVICE MEMBER
mac_of() { link_of "$1" eth0 address; }                                  # CONTAINER

endpoints_are() { # HOST NETWORK EXPRESSION
	weftctl_on "$1" --json --network "$2" status | jq -e ".networks[0].endpoints | $3"
}

# Each node has the other one's container in the three networks.
settled() {
	local host
	for host in host1 host2; do
		wait_for 20 endpoints_are "$host" default '.announced == 2 and .remote == 2' || return
		wait_for 20 endpoints_are "$host" red '.announced == 1 and .remote == 1' || return
		wait_for 20 endpoints_are "$host" blue '.announced == 1 and .remote == 1' || return
	done
	wait_for 20 has_entries host1 200 chost2 && wait_for 20 has_entries host2 200 chost1 &&
		wait_for 20 has_entries host1 201 rhost2 && wait_for 20 has_entries host2 201 rhost1
}

# An ARP entry and both halves of an FDB entry of a remote container.
has_entries() { # HOST VNI CONTAINER
	local mac
	mac=$(mac_of "$3")
	ip -n "$LAB-$1" neigh show dev "weft-br$2" | grep -F "$(address_of "$3") lladdr $mac PERMANENT" &&
		bridge -n "$LAB-$1" fdb show dev "weft-vx$2" | grep "$mac dst 192.168.0.[12] self" &&
		bridge -n "$LAB-$1" fdb show dev "weft-vx$2" | grep "$mac .*master weft-br$2"
}

snapshot_has() { grep -qF "$3" "$LAB_DIR/$1/state/networks/$2.json"; } # HOST NETWORK TEXT

# capture_start HOST VNI FILTER: captures what a tunnel carries; capture_end prints it.
capture_start() {
	rm -f "$LAB_DIR/log/capture-$1"
	proc_start "capture-$1" "$1" tcpdump -n -l -i "weft-vx$2" "$3"
	wait_for 10 grep -q 'listening on' "$LAB_DIR/log/capture-$1"
}

capture_end() { # HOST
	proc_stop "capture-$1" INT
	grep -v -e 'listening on' -e 'packets' -e '^tcpdump:' -e '^$' "$LAB_DIR/log/capture-$1" || true
}

@test "containers have the network's prefix length, and reach each other in one hop with full-size packets" {
	local mtu
	run ns_run chost1 ip -o -4 address show dev eth0
	assert_output --partial '/16 '
	run ns_run chost1 ip -o -6 address show dev eth0 scope global
	assert_output --partial '/48 '
	mtu=$(link_of chost1 eth0 mtu)
	assert_equal "$mtu" 1450
	ping_once chost1 "$(address_of chost2)" -t 1 -M 'do' -s $((mtu - 28))
	ping_once chost1 "$(address_of chost2 6)" -t 1
	ping_once rhost1 "$(address_of rhost2)" -t 1 -M 'do' -s $((mtu - 28))
}

@test "the first packet to a container is not lost, and no ARP or ND crosses the tunnel" {
	in_network default host1 fresh
	wait_for 20 has_entries host2 200 fresh
	capture_start host1 200 'arp or icmp6 or icmp'
	ping_once fresh "$(address_of chost2)"
	ping_once fresh "$(address_of chost2 6)"
	# An address that no container has.
	run ping_once fresh 172.18.250.250 -W 1
	assert_failure
	run capture_end host1
	assert_output --partial 'ICMP echo request'
	assert_output --partial 'ICMP6, echo request'
	refute_output --partial 'ARP'
	refute_output --partial 'neighbor'
	remove default host1 fresh
}

@test "broadcasts and multicasts stay on the node and are counted, without ARP and neighbour discovery" {
	local before to name number=0
	in_network default host1 near
	before=$(dropped host1 unflooded_drops)
	for name in near chost2; do
		receiver_start "$name" 7000
	done
	capture_start host1 200 'ether multicast or ether broadcast'
	for to in 172.18.255.255 172.18.255.255 239.7.7.7; do
		number=$((number + 1))
		ns_run chost1 socat -u - "UDP4-DATAGRAM:$to:7000,broadcast,ip-multicast-if=$(address_of chost1)" \
			<<<"message $number"
	done
	wait_for 10 received near 'message 2'
	# Addresses that no container has: requests of a container, and of the host.
	no_answer chost1 172.18.250.250
	no_answer chost1 fd00:18::250:250
	no_answer host1 172.18.250.251
	wait_for 10 drops host1 unflooded_drops $((before + 3))
	run capture_end host1
	assert_output ''
	run received chost2 message
	assert_failure
	run weftctl_on host1 status
	assert_output --partial " $((before + 3)) broadcasts in networks without flooding"
	for name in near chost2; do
		proc_stop "receiver-$name" KILL
	done
	remove default host1 near
}

@test "every node has the gateway with one MAC, and masquerades" {
	ip -n "$LAB-host1" -o address show dev weft-br200 | grep -F '172.18.0.1/16'
	ip -n "$LAB-host2" -o address show dev weft-br200 | grep -F '172.18.0.1/16'
	assert_equal "$(link_of host1 weft-br200 address)" 0a:58:ac:12:00:01
	assert_equal "$(link_of host2 weft-br200 address)" 0a:58:ac:12:00:01
	witness_start net
	assert_equal "$(seen_as chost1 "$LAB_GATEWAY")" 192.168.0.1
	assert_equal "$(seen_as chost2 "$LAB_GATEWAY")" 192.168.0.2
	run jq -r '.result.ips[0].gateway' "$(cni_result_file host1 chost1)"
	assert_output 172.18.0.1
}

@test "switches with the same addresses are apart from each other, from the host and from routed traffic" {
	local red mac
	red=$(address_of rhost2)
	[[ $red == 172.18.[789].* && $(address_of bhost2) == 172.18.[789].* ]]
	run jq -c '.result.ips[0] | has("gateway")' "$(cni_result_file host1 rhost1)"
	assert_output false
	[[ ! $(ip -n "$LAB-host1" -4 address show dev weft-br201) ]]
	# A container of blue that takes red's address does not receive red's packets, nor sends any.
	ns_run bhost2 ip address replace "$red/16" dev eth0
	receiver_start bhost2 7777
	receiver_start rhost2 7777
	ns_run rhost1 socat -u - "UDP4-SENDTO:$red:7777" <<<for-red
	wait_for 10 received rhost2 for-red
	ns_run bhost1 socat -u - "UDP4-SENDTO:$red:7777" <<<from-blue || true
	not received rhost2 from-blue
	not received bhost2 for-red
	# The host's own addresses, by way of the bridge's MAC.
	mac=$(link_of host1 weft-br201 address)
	ns_run rhost1 ip route add 192.168.0.0/24 dev eth0
	for to in 192.168.0.1 192.168.0.2 "$LAB_GATEWAY"; do
		ns_run rhost1 ip neigh replace "$to" lladdr "$mac" dev eth0 nud permanent
		run ping_once rhost1 "$to" -W 1
		assert_failure
	done
	(($(dropped host1 isolation_drops) >= 3))
}

@test "weftctl trace refuses an L2 network by name, and doctor reports no lost path" {
	run -1 weftctl_on host1 trace --network red "$(address_of rhost2)"
	assert_output 'weftctl: network "red" is an L2 network, which trace does not support'
	run weftctl_on host1 --json doctor
	assert_success
	jq -e '[.findings[] | select(.check == "path" and .state != "ok")] == []' <<<"$output"
}

@test "the entries of a container go with it" {
	local mac address
	in_network red host2 brief
	mac=$(mac_of brief)
	address=$(address_of brief)
	wait_for 20 has_entries host1 201 brief
	etcd_ctl get "$ETCD_PREFIX/networks/red/endpoints/$address" | grep -F "\"MAC\":\"$mac\""
	remove red host2 brief
	wait_for 20 endpoints_are host1 red '.remote == 1'
	wait_for 20 not eval "bridge -n '$LAB-host1' fdb show dev weft-vx201 | grep -F '$mac'"
	run etcd_ctl get "$ETCD_PREFIX/networks/red/endpoints/$address"
	assert_output ''
}

@test "a restart of weftd loses no packet and no announcement, also while etcd is down" {
	local name
	flow_start restart chost1 "$(address_of chost2)" 1000
	weftd_stop host1
	start host1
	all_ready host1
	settled
	for name in default red blue; do
		wait_for 60 snapshot_has host1 "$name" 192.168.0.2
	done
	etcd_stop
	weftd_stop host1 KILL
	start host1
	wait_for 20 eval 'weftctl_on host1 status | grep -F snapshot'
	ping_once rhost1 "$(address_of rhost2)"
	assert_equal "$(flow_lost restart)" 0
	etcd_start
	all_ready host1 host2
	settled
}

@test "the containers of a node that died vanish with its lease, and those of one that left at once" {
	local address
	weftd_stop host2 KILL
	wait_for 40 endpoints_are host1 red '.remote == 0'
	wait_for 20 not has_entries host1 201 rhost2
	start host2
	all_ready host2
	settled
	address=$(address_of rhost2)
	weftctl_on host2 leave --force
	wait_for 20 endpoints_are host1 red '.remote == 0'
	run etcd_ctl get --prefix --keys-only "$ETCD_PREFIX/networks/red/endpoints/"
	assert_output --partial "$(address_of rhost1)"
	refute_output --partial "$address"
}
