#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# Broadcast and multicast in L2 networks of three nodes: "copies" replicates them to the nodes with
# containers, "group" sends them to a multicast group of the underlay and learns MACs (RFC 7348).

load ../lib/bats
load ../lib/packets

COPIES='{"Network":"172.18.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:18::/48","Backend":{"VNI":301},
	"Weft":{"Mode":"l2","LeaseTTL":15,"Flood":"replicate","FloodLimit":%s}}'
GROUP='{"Network":"172.19.0.0/16","Backend":{"VNI":302},
	"Weft":{"Mode":"l2","LeaseTTL":15,"Flood":"multicast","Group":"%s"}}'
HOSTS='host1 host2 host3'

setup_file() {
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 3
	store_start '{"Network":"10.5.0.0/16"}'
	configure copies "$(text "$COPIES" 50)"
	configure group "$(text "$GROUP" 239.1.2.3)"
	for host in $HOSTS; do
		weftd_start "$host" --network copies,group
	done
	for name in copies group; do
		# shellcheck disable=SC2086 # a list
		LAB_NETWORK=$name weftd_ready $HOSTS
	done
	for host in $HOSTS; do
		in_network copies "$host" "c$host"
		in_network group "$host" "g$host"
	done
	for host in $HOSTS; do
		wait_for 20 has_copies "$host" 2
	done
}

teardown_file() { lab_down; }

# shellcheck disable=SC2059 # the configuration is the format
text() { printf "$@"; }
configure() { ETCD_PREFIX=$ETCD_PREFIX/networks/$1 etcd_config "$2"; } # NETWORK TEXT

use() { # NETWORK HOST
	cni_use "$2" ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\"" \
		<"$WEFT_REPO/conf/10-weft.conflist"
}

in_network() { use "$1" "$2" && ns_add "$3" && cni_add "$2" "$3" >/dev/null; } # NETWORK HOST CONTAINER
remove() { use "$1" "$2" && container_del "$2" "$3"; }                          # NETWORK HOST CONTAINER

address_of() { ns_run "$1" ip -j -4 address show dev eth0 | jq -r '.[0].addr_info[0].local'; } # CONTAINER
mac_of() { ip -n "$LAB-$1" -j link show dev eth0 | jq -r '.[0].address'; }                       # CONTAINER

flood_entries() { bridge -n "$LAB-$1" fdb show dev "weft-vx$2" | grep '^00:00:00:00:00:00 '; } # HOST VNI
has_copies() { # HOST NUMBER
	[[ $(flood_entries "$1" 301 | wc -l) == "$2" ]] && ! flood_entries "$1" 301 | grep -qv 'dst 192.168.0.[123] '
}

# Logs datagrams to PORT; with GROUP, as a member of it.
hear() { # CONTAINER PORT [GROUP]
	local options=
	[[ ! ${3-} ]] || options=",ip-add-membership=$3:eth0"
	rm -f "$LAB_DIR/log/receiver-$1"
	proc_start "receiver-$1" "$1" socat -u "UDP4-RECV:$2,reuseaddr$options" STDOUT || return
	wait_for 10 receiver_listens "$1" "$2"
}
deaf() { proc_stop "receiver-$1" KILL; } # CONTAINER

shout() { # CONTAINER ADDRESS PORT TEXT
	ns_run "$1" socat -u - "UDP4-DATAGRAM:$2:$3,broadcast,ip-multicast-ttl=4,ip-multicast-if=$(address_of "$1")" <<<"$4"
}

# A broadcast, a multicast group and mDNS's group from host1's container reach those of the others.
all_hear() { # PREFIX BROADCAST
	local number=0 to host
	for to in "$2" 239.7.7.7 224.0.0.251; do
		for host in host2 host3; do
			if [[ $to == "$2" ]]; then
				hear "$1$host" 5353
			else
				hear "$1$host" 5353 "$to"
			fi
		done
		shout "$1host1" "$to" 5353 "message-$number"
		for host in host2 host3; do
			wait_for 10 received "$1$host" "message-$number"
			[[ $(grep -c "message-$number" "$LAB_DIR/log/receiver-$1$host") == 1 ]]
			deaf "$1$host"
		done
		number=$((number + 1))
	done
}

@test "replicate: broadcast, an IGMP group and mDNS reach the containers of the other nodes, once" {
	all_hear c 172.18.255.255
}

@test "replicate: ARP for a container is answered on its node, and unicast is not replicated" {
	local to
	to=$(address_of chost2)
	rm -f "$LAB_DIR/log/wire"
	proc_start wire host1 tcpdump -n -l -i weft-vx301 "arp or ether dst $(mac_of chost2)"
	wait_for 10 grep -q 'listening on' "$LAB_DIR/log/wire"
	ping_once chost1 "$to" -c 3 -i 0.2
	wait_for 10 eval '[[ $(grep -c "ICMP echo request" "$LAB_DIR/log/wire") == 3 ]]'
	proc_stop wire INT
	run grep ARP "$LAB_DIR/log/wire"
	assert_output ''
	# An address that a container added itself is found by a broadcast request.
	ns_run chost3 ip address add 172.18.250.250/16 dev eth0
	ping_once chost1 172.18.250.250
	ns_run chost3 ip address del 172.18.250.250/16 dev eth0
}

@test "a switch with IPv6 has ND entries, and the host no address in it" {
	local to
	to=$(ns_run chost2 ip -j -6 address show dev eth0 scope global | jq -r '.[0].addr_info[0].local')
	rm -f "$LAB_DIR/log/wire"
	proc_start wire host1 tcpdump -n -l -i weft-vx301 icmp6
	wait_for 10 grep -q 'listening on' "$LAB_DIR/log/wire"
	ping_once chost1 "$to"
	wait_for 10 grep -qF 'echo request' "$LAB_DIR/log/wire"
	proc_stop wire INT
	run grep solicitation "$LAB_DIR/log/wire"
	assert_output ''
	[[ ! $(ip -n "$LAB-host1" -6 address show dev weft-br301) ]]
}

@test "replicate: a node without containers gets no copies" {
	remove copies host3 chost3
	wait_for 20 has_copies host1 1
	flood_entries host1 301 | grep -F 'dst 192.168.0.2 '
	in_network copies host3 chost3
	wait_for 20 has_copies host1 2
}

@test "replicate: a deleted or a forged flood entry is corrected" {
	bridge -n "$LAB-host1" fdb del 00:00:00:00:00:00 dev weft-vx301 dst 192.168.0.2
	bridge -n "$LAB-host1" fdb append 00:00:00:00:00:00 dev weft-vx301 dst 192.168.0.99
	wait_for 20 has_copies host1 2
	run flood_entries host1 301
	refute_output --partial 192.168.0.99
	assert_output --partial 192.168.0.2
	run cat "$LAB_DIR/log/weftd-host1"
	refute_output --partial 'cannot'
}

@test "broadcasts beyond FloodLimit are dropped and counted, unicast is not" {
	local before heard
	before=$(dropped host1 flood_drops)
	hear chost2 7000
	ns_run chost1 python3 - <<-'PYTHON'
		import socket
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
		for i in range(1000):
		    s.sendto(b"storm\n", ("172.18.255.255", 7000))
	PYTHON
	wait_for 10 received chost2 storm
	(($(dropped host1 flood_drops) > before))
	heard=$(grep -c storm "$LAB_DIR/log/receiver-chost2")
	((heard + $(dropped host1 flood_drops) - before == 1000))
	deaf chost2
	before=$(dropped host1 flood_drops)
	ping_once chost1 "$(address_of chost2)" -c 200 -i 0.002
	assert_equal "$(dropped host1 flood_drops)" "$before"
	run weftctl_on host1 doctor
	assert_output --partial 'beyond Weft.FloodLimit'
	ns_run host1 nft list counters | grep flood_drops
}

@test "multicast: broadcast, an IGMP group and mDNS reach the containers of the other nodes, once" {
	all_hear g 172.19.255.255
}

@test "multicast: MACs are learned, nothing is announced, and the first ping needs no store" {
	etcd_ctl get --prefix --keys-only "$ETCD_PREFIX/networks/group/endpoints/" >"$BATS_TEST_TMPDIR/keys"
	run cat "$BATS_TEST_TMPDIR/keys"
	assert_output ''
	etcd_stop
	ping_once ghost1 "$(address_of ghost2)"
	ping_once ghost3 "$(address_of ghost2)"
	bridge -n "$LAB-host1" fdb show dev weft-vx302 | grep "^$(mac_of ghost2) dst 192.168.0.2 self"
	flood_entries host1 302 | grep 'dst 239.1.2.3 .*via eth0'
	weftctl_on host1 --json --network group status | jq -e '.networks[0].flood ==
		{mode: "multicast", group: "239.1.2.3", limit: 1000, destinations: 1}'
	etcd_start
}

@test "multicast: a container that moves is learned at its new node" {
	local before address=172.19.200.200
	use group host2 && ns_add mover1 && CNI_EXTRA=IP=$address cni_add host2 mover1
	ping_once ghost1 "$address"
	use group host2 && container_del host2 mover1
	use group host3 && ns_add mover2 && CNI_EXTRA=IP=$address cni_add host3 mover2
	wait_for 10 ping_once ghost1 "$address"
	bridge -n "$LAB-host1" fdb show dev weft-vx302 | grep '^0a:58:ac:13:c8:c8 dst 192.168.0.3 self'
}

@test "a change of the mode of flooding is applied while the network is in use" {
	configure group "$(text '{"Network":"172.19.0.0/16","Backend":{"VNI":302},
		"Weft":{"Mode":"l2","LeaseTTL":15,"Flood":"%s"}}' replicate)"
	wait_for 30 eval '[[ $(flood_entries host1 302 | wc -l) == 2 ]]'
	wait_for 30 ping_once ghost1 "$(address_of ghost3)"
	configure group "$(text "$GROUP" 239.1.2.4)"
	for host in $HOSTS; do
		wait_for 30 eval "flood_entries $host 302 | grep -F 'dst 239.1.2.4 '"
	done
	wait_for 30 ping_once ghost1 "$(address_of ghost3)"
	wait_for 20 eval '[[ ! $(etcd_ctl get --prefix --keys-only "$ETCD_PREFIX/networks/group/endpoints/") ]]'
}

# Learned entries come and go with the packets.
fixed_entries() { # HOST
	bridge -n "$LAB-$1" fdb show dev weft-vx301 && flood_entries "$1" 302 &&
		ip -n "$LAB-$1" -o link show type vxlan
}

count_received() { grep -c '^number ' "$LAB_DIR/log/receiver-${1}host2"; } # c|g

@test "a restart keeps the devices and entries, and loses no broadcast" {
	local before after
	wait_for 20 has_copies host1 2
	before=$(fixed_entries host1)
	hear chost2 7001
	hear ghost2 7001
	# Broadcasts of both networks, without a pause, while weftd stops and starts.
	for name in c g; do
		proc_start "sender-$name" "${name}host1" python3 -u -c '
import itertools, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for i in itertools.count():
    s.sendto(b"number %d\n" % i, (sys.argv[1], 7001))
    print(i + 1, flush=True)
    time.sleep(0.05)' "$([[ $name == c ]] && echo 172.18.255.255 || echo 172.19.255.255)"
	done
	wait_for 10 received chost2 'number 3$'
	wait_for 10 received ghost2 'number 3$'
	weftd_stop host1
	weftd_start host1 --network copies,group
	LAB_NETWORK=group weftd_ready host1
	LAB_NETWORK=copies weftd_ready host1
	for name in c g; do
		proc_stop "sender-$name" TERM
		wait_for 10 eval '[[ $(count_received $name) == $(tail -n 1 "$LAB_DIR/log/sender-$name") ]]'
		deaf "${name}host2"
	done
	after=$(fixed_entries host1)
	assert_equal "$after" "$before"
}
