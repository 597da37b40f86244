#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# macSpoofCheck: a container sends only with its own MAC, IPv4 and IPv6 addresses, in frames, in ARP
# and in neighbour discovery; also while weftd is stopped, and after the rules were removed.

load ../lib/bats
load ../lib/packets

DUAL='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'

setup_file() {
	lab_open_for_file
	lab_overlay 1 "{$DUAL,\"Weft\":{\"LeaseTTL\":15}}"
	container_add host1 v1
	run ! ns_run host1 nft list table bridge weft-spoof
	cni_use host1 '(.plugins[] | select(.type == "weft")).macSpoofCheck = true' \
		<"$WEFT_REPO/conf/10-weft.conflist"
	container_add host1 s1
}

teardown_file() { lab_down; }

frames() { # FROM TO KIND...
	python3 "$WEFT_REPO/tests/lib/frames.py" "$(ns_path "$1")" "$(ns_path "$2")" "${@:3}"
}

address6() { jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file host1 "$1")"; }

# shellcheck disable=SC2054 # the commas separate the options of one frame
OWN=(udp tcp udp-fragment dhcp-client,ip=0.0.0.0 arp-request arp-reply arp-probe arp-tagged
	echo6 echo6-first echo6-second udp6-second solicitation solicitation-local dad advertisement
	advertisement-bare advertisement-destination router-solicitation mld other)

forged() { # CONTAINER VICTIM
	local ip6 of gateway
	ip6=$(address6 "$2")
	of=$(container_address host1 "$2")
	gateway=$(host_network host1 '.families[0].gateway')
	# shellcheck disable=SC2054
	FORGED=(udp,mac=02:00:00:00:00:99 other,mac=02:00:00:00:00:99
		"udp,ip=$of" tcp,ip=192.0.2.1 udp,ip=0.0.0.0 udp-two-tags "udp-fragment,ip=$of"
		"arp-reply,ip=$of" "arp-reply,ip=$gateway" arp-reply,hw=02:00:00:00:00:99
		"arp-request,ip=$of" arp-request,hw=02:00:00:00:00:99 "arp-tagged,ip=$of"
		arp-probe,hw=02:00:00:00:00:99
		"echo6,ip=$ip6" echo6,ip=fe80::99 "udp6-second,ip=$ip6" "solicitation,ip=$ip6"
		solicitation,hw=02:00:00:00:00:99 "dad,target=$ip6" echo6,ip=::
		"advertisement,target=$ip6" advertisement,hw=02:00:00:00:00:99
		"advertisement-bare,target=$ip6" "advertisement-fragment" advertisement-two
		advertisement-hidden,hw=02:00:00:00:00:99 "advertisement-destination,target=$ip6"
		router-solicitation,hw=02:00:00:00:00:99)
}

is_checked() { # CONTAINER VICTIM
	forged "$@"
	run -0 frames "$1" "$2" "${FORGED[@]}"
	refute_output --partial passed
}

@test "a container sends with its own addresses" {
	run -0 frames s1 v1 "${OWN[@]}"
	refute_output --partial dropped
	run -0 ping_once s1 "$(container_address host1 v1)"
	run -0 ping_once s1 "$(address6 v1)"
	run -0 ping_once s1 "$(host_network host1 '.families[1].gateway')"
}

@test "frames with other addresses are dropped and counted" {
	local before
	before=$(dropped host1 spoof_drops)
	is_checked s1 v1
	assert_equal "$(dropped host1 spoof_drops)" "$((before + ${#FORGED[@]}))"
}

@test "other containers are not affected" {
	forged v1 s1
	run -0 frames v1 s1 "${FORGED[@]}"
	# But two VLAN tags are not permitted to any container.
	assert_equal "$(grep dropped <<<"$output")" 'udp-two-tags dropped'
}

has_elements() { ns_run host1 nft list set bridge weft-spoof ports | grep -q elements; }

@test "the table is repaired" {
	ns_run host1 nft delete table bridge weft-spoof
	wait_for 5 has_elements
	is_checked s1 v1
	ns_run host1 nft flush set bridge weft-spoof ports
	wait_for 5 has_elements
	run -0 cni_check host1 s1
	ns_run host1 nft flush chain bridge weft-spoof prerouting
	wait_for 5 is_checked s1 v1
}

veth_of() { jq -r '.result.interfaces[1].name' "$(cni_result_file host1 "$1")"; }

@test "ADD and DEL work while weftd is stopped, without the table, and a start changes nothing" {
	weftd_stop host1
	ns_run host1 nft flush chain bridge weft-spoof prerouting
	run ! cni_check host1 s1
	assert_output --partial 'table bridge weft-spoof was changed'
	ns_run host1 nft delete table bridge weft-spoof
	run ! cni_check host1 s1
	container_add host1 s2
	run -0 cni_check host1 s2
	run ! cni_check host1 s1
	assert_output --partial 'lacks an element of port'
	is_checked s2 v1
	container_add host1 s3
	is_checked s3 v1
	container_del host1 s3
	weftd_start host1 && weftd_ready host1
	wait_for 10 is_checked s1 v1
	is_checked s2 v1
	ns_run host1 nft -a list table bridge weft-spoof | grep -v packets >"$LAB_DIR/before"
	weftd_stop host1
	weftd_start host1 && weftd_ready host1
	wait_for 10 rules_stand
	run -0 diff "$LAB_DIR/before" \
		<(ns_run host1 nft -a list table bridge weft-spoof | grep -v packets)
}

rules_stand() { weftctl_on host1 --json status | jq -e '.rules.state == "installed"'; }

elements() { # prints the number of checked ports
	ns_run host1 nft -j list set bridge weft-spoof ports |
		jq '[.nftables[].set? // empty | .elem // [] | length] | add'
}

has_ports() { [[ $(elements) == "$1" ]]; } # NUMBER

@test "ADDs and DELs at the same time as weftd's repairs lose no element" {
	local i before
	before=$(elements)
	for i in {1..12}; do
		ns_add "p$i"
	done
	for i in {1..12}; do
		cni_add host1 "p$i" >/dev/null &
		ns_run host1 nft flush chain bridge weft-spoof check-arp
	done
	wait
	wait_for 10 has_ports $((before + 12))
	run -0 is_checked p7 v1
	for i in {1..12}; do
		cni_del host1 "p$i" &
	done
	wait
	wait_for 10 has_ports "$before"
	is_checked s1 v1
}

@test "DEL removes the elements of the port, and of no other" {
	local veth
	veth=$(veth_of s2)
	run -0 ns_run host1 nft list table bridge weft-spoof
	assert_output --partial "$veth"
	container_del host1 s2
	run -0 ns_run host1 nft list table bridge weft-spoof
	refute_output --partial "$veth"
	assert_output --partial "$(veth_of s1)"
	is_checked s1 v1
}
