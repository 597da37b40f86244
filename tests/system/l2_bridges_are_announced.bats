#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# An L2 network without flooding joins bridges of another program: host1 and host2 have a bridge whose
# containers weft does not attach. weftd, as an unprivileged user, announces them. host3 has a VXLAN
# device made by hand and no weftd.

load ../lib/bats

NETWORK='{"Network":"172.18.0.0/16","SubnetMax":"172.18.99.0","EnableIPv6":true,
	"IPv6Network":"fd00:18::/48","Backend":{"VNI":7},"Weft":{"Mode":"l2","Bridge":"br-lan"}}'
PEER=0f8fad5b-d9cb-469f-a165-70867728950e # the node id of host3

setup_file() {
	export LAB_STORE=file WEFTD_USER=nobody
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 2
	LAB_UNDERLAY=4 lab_machine host3 3
	mkdir "$LAB_DIR/store"
	chmod 711 "$LAB_DIR"
	chown nobody "$LAB_DIR/store" "$LAB_DIR/host1" "$LAB_DIR/host2"
	store_start "$NETWORK"
	chown nobody "$(store_file)"
	for host in host1 host2; do
		weftd_start "$host"
		wait_for 20 store_key_of_is_known "$host"
	done
	for host in host1 host2; do
		ip -n "$LAB-$host" link add br-lan type bridge
		ip -n "$LAB-$host" address add "$(base "$host").254/16" dev br-lan
		ip -n "$LAB-$host" address add "$(base6 "$host")fe/48" dev br-lan nodad
		ip -n "$LAB-$host" link set br-lan up
		ns_run "$host" sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		attach "$host" "$host-a" 1
		attach "$host" "$host-b" 2
		bridge_state "$host" >"$LAB_DIR/before-$host"
	done
	weftd_ready host1 host2
	settled
}

teardown_file() { lab_down; }

store_file() { echo "$LAB_DIR/store/net.json"; }
store_key_of_is_known() { store_key_of "$1" | grep -q .; } # HOST

# A host's range, "172.18.7" and "fd00:18:0:7::".
base() { local key && key=$(store_key_of "$1") && key=${key%%&*} && echo "${key%.*}"; } # HOST
base6() { local key && key=$(store_key_of "$1") && key=${key##*&} && echo "${key%-*}"; }  # HOST

# As docker does it, which derives the MAC from the address.
attach() { # HOST CONTAINER NUMBER
	local mac bytes
	IFS=. read -ra bytes < <(base "$1")
	mac=$(printf '02:42:%02x:%02x:%02x:%02x' "${bytes[@]}" "$3")
	ns_add "$2" || return
	ip -n "$LAB-$1" link add "$2" mtu 1450 type veth peer name eth0 address "$mac" mtu 1450 \
		netns "$LAB-$2" || return
	ip -n "$LAB-$1" link set "$2" master br-lan up || return
	ip -n "$LAB-$2" address add "$(base "$1").$3/16" dev eth0 || return
	ip -n "$LAB-$2" address add "$(base6 "$1")$3/48" dev eth0 nodad || return
	ip -n "$LAB-$2" link set eth0 up
}

# A node without weftd, by static entries in the store.
by_hand() { # ADDRESS MAC
	store_file_edit '.subnets["172.18.200.0-24&fd00:18:0:200::-64"] = {"PublicIP":"192.168.0.3",
			"BackendType":"vxlan","BackendData":{"VNI":7,"VtepMAC":$vtep},
			"BackendV6Data":{"VNI":7,"VtepMAC":$vtep},"Weft":{"Node":$node,"Name":"by-hand"}} |
		.endpoints[$address] = {"MAC":$mac,"Node":$node}' --arg node "$PEER" --arg address "$1" \
		--arg mac "$2" --arg vtep 02:00:00:00:00:03
}

by_hand_end() { # ADDRESS
	store_file_edit 'del(.endpoints[$address]) | del(.subnets["172.18.200.0-24&fd00:18:0:200::-64"])' \
		--arg address "$1"
}

# What weft must not change.
bridge_state() { # HOST
	ip -n "$LAB-$1" -d -j link show dev br-lan |
		jq '.[0] | {mtu, address, group, ifalias, master, inet6_addr_gen_mode, linkinfo: (.linkinfo.info_data |
			{ageing_time, stp_state, vlan_filtering, mcast_snooping, fdb_max_learned, nf_call_iptables})}' || return
	ip -n "$LAB-$1" -j address show dev br-lan | jq '[.[0].addr_info[] | {local, prefixlen}] | sort' || return
	ip -n "$LAB-$1" -j link show master br-lan type veth | jq -c 'map([.ifname, .mtu, .group]) | sort' || return
	ns_run "$1" sysctl -n net.ipv{4,6}.conf.br-lan.forwarding net.ipv6.conf.br-lan.{disable_ipv6,accept_ra,addr_gen_mode} \
		net.ipv4.conf.br-lan.send_redirects net.ipv4.neigh.br-lan.base_reachable_time_ms
}

bridge_is_unchanged() { # HOST
	bridge_state "$1" >"$BATS_TEST_TMPDIR/$1"
	same "$LAB_DIR/before-$1" "$BATS_TEST_TMPDIR/$1"
}

endpoints_are() { # HOST EXPRESSION
	weftctl_on "$1" --json status | jq -e ".networks[0].endpoints | $2"
}

# Two containers and the bridge of each host, in both families.
settled() {
	local host
	for host in host1 host2; do
		wait_for 30 endpoints_are "$host" '.local == 6 and .announced == 6 and .remote == 6' || return
	done
	wait_for 20 has_entry host1 "$(base host2).2" && wait_for 20 has_entry host2 "$(base host1).2"
}

mac_of() { ip -n "$LAB-$1" -j link show dev "${2-eth0}" | jq -r '.[0].address'; } # NAMESPACE [DEVICE]
has_entry() { ip -n "$LAB-$1" neigh show "$2" dev br-lan nud permanent | grep -q lladdr; } # HOST ADDRESS
announced() { jq -e --arg a "$1" '.endpoints | has($a)' "$(store_file)"; }                 # ADDRESS
announced_mac() { jq -r --arg a "$1" '.endpoints[$a].MAC' "$(store_file)"; }               # ADDRESS

# The MAC that host1 sends packets for the address to, and the VTEP of this MAC.
path_to() { # ADDRESS
	local mac
	mac=$(ip -n "$LAB-host1" -j neigh show "$1" dev br-lan | jq -r '.[0].lladdr')
	echo "$mac $(bridge -n "$LAB-host1" fdb show dev weft-vx7 | grep -o "^$mac dst [^ ]*")"
}

# The packets that a container received.
received() { ip -n "$LAB-$1" -s -j link show dev eth0 | jq '.[0].stats64.rx.packets'; } # CONTAINER

@test "containers of both bridges reach each other at once, and nothing is broadcast between the nodes" {
	proc_start wire host2 tcpdump -n -e -l -i weft-vx7 -Q in
	wait_for 10 grep -q 'listening on' "$LAB_DIR/log/wire"
	# host2-b has sent nothing yet: what only listens is announced, too.
	ping_once host1-a "$(base host2).2" -M 'do' -s 1422
	ping_once host1-a "$(base6 host2)2"
	ping_once host2-a "$(base host1).2"
	no_answer host1-b "$(base host2).77"
	no_answer host1-b "$(base6 host2)77"
	ping_once host1-b "$(base host2).1"
	wait_for 10 grep -q "$(base host1).2 > $(base host2).1: ICMP echo request" "$LAB_DIR/log/wire"
	proc_stop wire INT
	# Unicast requests verify a neighbour.
	run grep -E 'ff:ff:ff:ff:ff:ff|> 33:33:|> 01:' "$LAB_DIR/log/wire"
	assert_output ''
	run grep -F "$(base host2).77" "$LAB_DIR/log/wire"
	assert_output ''
}

@test "the hosts reach containers of the other bridge" {
	ping_once host1 "$(base host2).1"
	ping_once host1-a "$(base host2).254"
	ping_once host2 "$(base6 host1)1"
}

@test "the entries are static, of weft's protocol, and the bridges stay as they were" {
	local mac
	mac=$(mac_of host2-a)
	ip -n "$LAB-host1" neigh show dev br-lan nud permanent proto 119 |
		grep -F "$(base host2).1 lladdr $mac" || ip -n "$LAB-host1" neigh show dev br-lan
	bridge -n "$LAB-host1" fdb show dev weft-vx7 | grep "^$mac dst 192.168.0.2 self.* static"
	bridge -n "$LAB-host1" fdb show dev weft-vx7 | grep "^$mac .*master br-lan"
	bridge -n "$LAB-host1" fdb show dev weft-vx7 | not grep '^00:00:00:00:00:00'
	bridge_is_unchanged host1
	bridge_is_unchanged host2
	run weftctl_on host1 --json doctor
	jq '.findings[] | select(.state == "error")' <<<"$output"
	jq -e '[.findings[] | select(.state == "error")] == []' <<<"$output"
}

@test "an address that is added or removed in a running container is announced or withdrawn" {
	local to
	to=$(base host2).11
	ip -n "$LAB-host2-a" address add "$to/16" dev eth0
	wait_for 20 has_entry host1 "$to"
	ping_once host1-a "$to"
	ip -n "$LAB-host2-a" address del "$to/16" dev eth0
	wait_for 20 not announced "$to"
	wait_for 20 not has_entry host1 "$to"
	ping_once host1-a "$(base host2).1"
}

@test "a container that ends is withdrawn, and its address is the next one's" {
	local to mac=02:00:00:00:00:33
	to=$(base host2).3
	attach host2 host2-c 3
	wait_for 20 has_entry host1 "$to"
	ping_once host1-a "$to"
	ns_del host2-c
	wait_for 20 not announced "$to"
	wait_for 20 not has_entry host1 "$to"
	attach host2 host2-d 3
	wait_for 20 has_entry host1 "$to"
	ping_once host1-a "$to"
	ip -n "$LAB-host2-d" link set eth0 address "$mac"
	wait_for 20 eval "path_to '$to' | grep -F '$mac dst 192.168.0.2'"
	ns_del host2-d
	wait_for 20 not has_entry host1 "$to"
}

@test "a container with the address or MAC of a container of another node attracts nothing" {
	local path address before
	address=$(base host2).1
	path=$(path_to "$address")
	attach host1 attacker 66
	wait_for 20 announced "$(base host1).66"
	ip -n "$LAB-attacker" address add "$address/16" dev eth0
	wait_for 20 endpoints_are host1 '.not_announced.outside_range == 1'
	wait_for 10 eval 'weftd_log host1 50 | grep -F "addresses of containers are not announced"'
	weftctl_on host1 --json doctor | jq -e --arg a "$address" '.findings[] |
		select(.check == "endpoints" and .state == "warning") | .text | contains($a)'
	assert_equal "$(announced_mac "$address")" "$(mac_of host2-a)"
	# With its MAC, and an address of the own range.
	ip -n "$LAB-attacker" link set eth0 address "$(mac_of host2-a)"
	wait_for 20 endpoints_are host1 '.not_announced.conflict == 2'
	wait_for 20 not announced "$(base host1).66"
	# It sends from the stolen MAC.
	ns_run attacker ping -q -c 1 -W 1 -I "$(base host1).66" "$(base host1).2" || :
	before=$(received host2-a)
	ping_once host1-b "$address"
	ping_once host1-b "$address"
	(($(received host2-a) >= before + 2))
	assert_equal "$(path_to "$address")" "$path"
	ns_del attacker
	wait_for 20 endpoints_are host1 '.local == 6 and .not_announced.conflict == 0'
}

@test "a container with the MAC of the other host's bridge or container attracts nothing" {
	local mac
	for mac in "$(mac_of host1 br-lan)" "$(mac_of host1-a)"; do
		attach host2 attacker 67
		ip -n "$LAB-attacker" link set eth0 address "$mac"
		wait_for 20 endpoints_are host2 '.not_announced.conflict == 2'
		wait_for 20 not announced "$(base host2).67" # it was, with its own MAC
		ping_once host2-a "$(base host1).1"
		ping_once host1-a "$(base host1).254"
		ns_del attacker
		wait_for 20 endpoints_are host2 '.not_announced.conflict == 0'
	done
	# An announcement of another node is no proof: host1 does not use it.
	by_hand 172.18.200.9 "$(mac_of host1 br-lan)"
	wait_for 20 endpoints_are host1 '.refused == 1'
	run ! has_entry host1 172.18.200.9
	ping_once host1-a "$(base host1).254"
	by_hand_end 172.18.200.9
	wait_for 20 endpoints_are host1 '.refused == 0'
}

@test "a container with many addresses has a limited number of announcements, and all others keep one" {
	local i
	attach host1 greedy 100
	for ((i = 101; i < 150; i++)); do
		echo "address add $(base host1).$i/16 dev eth0"
	done | ip -n "$LAB-greedy" -batch -
	wait_for 20 endpoints_are host1 '.not_announced.over_limit >= 1 and .announced == 22'
	attach host1 modest 200
	wait_for 20 announced "$(base host1).200"
	wait_for 20 has_entry host2 "$(base host1).200"
	ping_once host2-a "$(base host1).200"
	ns_del greedy
	ns_del modest
	wait_for 20 endpoints_are host1 '.local == 6 and .announced == 6'
}

@test "addresses outside the range do not displace one in it" {
	local i
	attach host1 stray 201
	ip -n "$LAB-stray" address del "$(base host1).201/16" dev eth0
	for ((i = 1; i < 40; i++)); do
		echo "address add 172.18.99.$i/16 dev eth0"
	done | ip -n "$LAB-stray" -batch -
	ip -n "$LAB-stray" address add "$(base host1).202/16" dev eth0
	wait_for 20 announced "$(base host1).202"
	ns_del stray
	wait_for 20 endpoints_are host1 '.local == 6 and .announced == 6 and .not_announced.outside_range == 0'
}

@test "a container that changes its MAC all the time is announced at a limited rate" {
	local i mac
	attach host1 restless 203
	wait_for 20 announced "$(base host1).203"
	# 40 scans are far apart without these events: each change of a port leads to one, at most 10 per second.
	for ((i = 0; i < 400; i++)); do
		printf -v mac '02:00:00:00:%02x:%02x' $((i / 256)) $((i % 256))
		ip -n "$LAB-restless" link set eth0 address "$mac"
		ip -n "$LAB-host1" link set restless alias "$i"
		sleep 0.02 # so that each change is seen
	done
	wait_for 20 eval 'weftd_log host1 100 | grep -F "changed too often"'
	wait_for 20 eval 'endpoints_are host1 ".not_announced.held_back == 0"'
	wait_for 20 announced "$(base host1).203"
	assert_equal "$(announced_mac "$(base host1).203")" "$mac"
	ns_del restless
	wait_for 20 endpoints_are host1 '.local == 6 and .announced == 6'
}

@test "a container that weft attaches is announced, too, and keeps its address" {
	local address
	# The other program uses the first half of the range.
	cni_use host1 "(.plugins[] | select(.type == \"weft\")).ipam.ranges =
		[[{rangeStart: \"$(base host1).128\"}], [{rangeStart: \"$(base6 host1)80\"}]]" \
		<"$WEFT_REPO/conf/10-weft.conflist"
	address=$(container_add host1 cni)
	wait_for 20 has_entry host2 "$address"
	ping_once host2-a "$address"
	ping_once cni "$(base host2).2"
	ping_once cni "$(base host1).1"
	attach host1 attacker 68
	ip -n "$LAB-attacker" address add "$address/16" dev eth0
	wait_for 20 endpoints_are host1 '.not_announced.conflict == 1'
	assert_equal "$(announced_mac "$address")" "$(mac_of cni)"
	ns_del attacker
	container_del host1 cni
	wait_for 20 not announced "$address"
	wait_for 20 endpoints_are host1 '.local == 6 and .not_announced.conflict == 0'
}

@test "a hand-made VXLAN peer without weftd joins by static entries in the store" {
	local host mac=02:00:00:00:00:03
	by_hand 172.18.200.1 "$mac"
	for host in host1 host2; do
		wait_for 20 has_entry "$host" 172.18.200.1
	done
	ip -n "$LAB-host3" link add vx0 address "$mac" mtu 1450 type vxlan id 7 dstport 8472 \
		local 192.168.0.3 nolearning
	ip -n "$LAB-host3" address add 172.18.200.1/16 dev vx0
	ip -n "$LAB-host3" link set vx0 up
	for host in host1 host2; do
		mac=$(mac_of "$host-a")
		ip -n "$LAB-host3" neigh add "$(base "$host").1" lladdr "$mac" dev vx0 nud permanent
		bridge -n "$LAB-host3" fdb add "$mac" dev vx0 dst "$(host_address "$host")"
		ping_once host3 "$(base "$host").1"
		ping_once "$host-a" 172.18.200.1
	done
	by_hand_end 172.18.200.1
	wait_for 20 not has_entry host1 172.18.200.1
}

@test "a bridge that is deleted is withdrawn, and one that is made again is joined again" {
	local to
	to=$(base host2).1
	ip -n "$LAB-host2" link del br-lan
	wait_for 20 not announced "$to"
	wait_for 20 not has_entry host1 "$to"
	ip -n "$LAB-host2" link add br-lan type bridge
	ip -n "$LAB-host2" address add "$(base host2).254/16" dev br-lan
	ip -n "$LAB-host2" address add "$(base6 host2)fe/48" dev br-lan nodad
	ip -n "$LAB-host2" link set br-lan up
	ip -n "$LAB-host2" link set host2-a master br-lan
	ip -n "$LAB-host2" link set host2-b master br-lan
	settled
	ping_once host1-a "$to"
	ping_once host2-a "$(base host1).1"
}

@test "entries that others remove are restored, and a restart changes nothing" {
	local to
	to=$(base host2).1
	ip -n "$LAB-host1" neigh del "$to" dev br-lan
	wait_for 20 has_entry host1 "$to"
	proc_start monitor host1 ip -o monitor neigh dev br-lan
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	settled
	ping_once host1-a "$to"
	proc_stop monitor
	run grep -F PERMANENT "$LAB_DIR/log/monitor"
	assert_output ''
}

@test "a bridge that is absent when weftd starts is joined when it appears" {
	local to
	to=$(base host2).1
	weftd_stop host2
	ip -n "$LAB-host2" link del br-lan
	weftd_start host2
	wait_for 20 eval 'weftctl_on host2 status | grep -F "br-lan does not exist"'
	ip -n "$LAB-host2" link add br-lan type bridge
	ip -n "$LAB-host2" address add "$(base host2).254/16" dev br-lan
	ip -n "$LAB-host2" address add "$(base6 host2)fe/48" dev br-lan nodad
	ip -n "$LAB-host2" link set br-lan up
	ip -n "$LAB-host2" link set host2-a master br-lan
	ip -n "$LAB-host2" link set host2-b master br-lan
	weftd_ready host2
	settled
	attach host2 host2-c 3
	wait_for 20 has_entry host1 "$(base host2).3"
	ns_del host2-c
	wait_for 20 not has_entry host1 "$(base host2).3"
	ping_once host1-a "$to"
	ping_once host2-a "$(base host1).1"
}

@test "a restart with another bridge leaves no entries on the previous one" {
	weftd_stop host1
	ip -n "$LAB-host1" neigh add 172.18.250.1 lladdr 02:00:00:00:00:97 dev br-lan nud permanent
	ip -n "$LAB-host1" link add br-new type bridge
	ip -n "$LAB-host1" link set br-new up
	store_file_edit '.config.Weft.Bridge = "br-new"'
	weftd_start host1
	weftd_ready host1
	wait_for 20 eval 'ip -n "$LAB-host1" neigh show dev br-new nud permanent | grep -F "$(base host2).1 "'
	run ip -n "$LAB-host1" neigh show dev br-lan nud permanent
	assert_output --partial 172.18.250.1
	assert_equal "${#lines[@]}" 1
	weftd_stop host1
	ip -n "$LAB-host1" neigh del 172.18.250.1 dev br-lan
	store_file_edit '.config.Weft.Bridge = "br-lan"'
	weftd_start host1
	weftd_ready host1
	ip -n "$LAB-host1" link del br-new
	settled
	ping_once host1-a "$(base host2).1"
}

@test "a flooding network has no such entries, and cleanup leaves the bridge as it was" {
	store_file_edit '.config.Weft.Flood = "replicate"'
	wait_for 20 not has_entry host1 "$(base host2).1"
	wait_for 20 ping_once host1-a "$(base host2).1"
	store_file_edit 'del(.config.Weft.Flood)'
	settled
	ping_once host1-a "$(base host2).1"
	ip -n "$LAB-host1" neigh add 172.18.250.1 lladdr 02:00:00:00:00:97 dev br-lan nud permanent
	weftd_stop host1
	weftctl_on host1 --json cleanup --force | jq -e '.neighbours == 6'
	run ip -n "$LAB-host1" link show weft-vx7
	assert_failure
	run ip -n "$LAB-host1" neigh show dev br-lan nud permanent
	assert_output --partial 172.18.250.1
	assert_equal "${#lines[@]}" 1
	bridge_is_unchanged host1
	ping_once host1-a "$(base host1).2"
}
