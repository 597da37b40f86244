#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output
#
# L2 networks: router advertisements, redirects and DHCP replies of a container do not leave its node, whether
# or not br_netfilter passes bridged frames to the host; those of a peer that permits them arrive.

load ../lib/bats
load ../lib/packets

DEFAULT='{"Network":"172.18.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:18::/48",
	"Backend":{"VNI":200},"Weft":{"Mode":"l2","LeaseTTL":15,"Gateway":"172.18.0.1",
	"IPv6Gateway":"fd00:18::1"}}'

setup_file() {
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 2
	store_start "$DEFAULT"
	for host in host1 host2; do
		weftd_start "$host" --ip-masq
	done
	weftd_ready host1 host2
	container_add host1 c11 && container_add host1 c12 && container_add host2 c21
	for ns in c11 c12 c21; do
		wait_for 10 has_no_tentative "$ns"
	done
	wait_for 20 knows host1 c21 && wait_for 20 knows host2 c11
}

teardown_file() { lab_down; }

has_no_tentative() { ! ip -n "$LAB-$1" -6 address show dev eth0 tentative | grep -q inet6; }
mac_of() { ip -n "$LAB-$1" -j link show dev "$2" | jq -r '.[0].address'; } # NAMESPACE DEVICE
knows() { bridge -n "$LAB-$1" fdb show dev weft-vx200 | grep -q "$(mac_of "$2" eth0) dst"; } # HOST CONTAINER

frames() { # FROM TO[:DEVICE] KIND...
	local path
	path=$(ns_path "${2%:*}")
	[[ $2 != *:* ]] || path+=:${2#*:}
	python3 "$WEFT_REPO/tests/lib/frames.py" "$(ns_path "$1")" "$path" "${@:3}"
}

# By the gateway, which does not forward link-local sources.
routed() { # FROM TO KIND...
	local kind kinds=()
	for kind in "${@:3}"; do
		[[ $kind != ra* && $kind != redirect ]] ||
			kind+=",ip=$(ip -n "$LAB-$1" -j -6 address show dev eth0 scope global | jq -r '.[0].addr_info[0].local')"
		kinds+=("$kind")
	done
	GATEWAY=$(mac_of host1 weft-br200) frames "$1" "$2" "${kinds[@]}"
}

ROUTER=(ra-unicast ra-destination redirect icmp-redirect dhcp dhcp-tag dhcp6 dhcp6-destination)
OTHER=(udp udp-low dhcp-client dhcp6-client echo6 tcp)

drops_all() { refute_output --partial passed; }
passes_all() { refute_output --partial dropped; }

at_ports() { ns_run host1 nft list chain bridge weft prerouting | grep -q 'goto check-ip6'; }

# Sets br_netfilter of both hosts, if the kernel has it.
br_netfilter() { # 0|1
	local host
	[[ -d /proc/sys/net/bridge ]] || skip 'no br_netfilter in this kernel'
	for host in host1 host2; do
		ns_run "$host" sh -c "cd /proc/sys/net/bridge && echo $1 >bridge-nf-call-iptables && echo $1 >bridge-nf-call-ip6tables"
	done
	weftd_stop host1 && weftd_start host1 --ip-masq && weftd_ready host1
	if (($1)); then
		wait_for 10 at_ports
	else
		wait_for 10 not at_ports
	fi
}

check_all() {
	local to before
	before=$(dropped host1 router_drops)
	for to in c12 c21 host1:weft-br200; do
		run -0 frames c11 "$to" "${ROUTER[@]}"
		drops_all
	done
	run -0 routed c11 c12 "${ROUTER[@]}"
	drops_all
	assert_equal "$(dropped host1 router_drops)" "$((before + 4 * ${#ROUTER[@]}))"
	for to in c12 c21; do
		run -0 frames c11 "$to" "${OTHER[@]}"
		passes_all
	done
	run -0 routed c11 c12 "${OTHER[@]}"
	passes_all
}

@test "with br_netfilter, what a router sends reaches no container and not the node" {
	br_netfilter 1
	check_all
}

@test "without br_netfilter, the same" {
	br_netfilter 0
	check_all
}

# Its containers may be those of another program, and are not checked by weft at their ports.
open_peer() {
	weftd_stop host2
	ns_run host2 nft flush ruleset
}

@test "from a peer that permits them, they reach a container, also with br_netfilter" {
	open_peer
	run -0 frames c21 c11 "${ROUTER[@]}"
	passes_all
	br_netfilter 1
	run -0 frames c21 c11 "${ROUTER[@]}"
	passes_all
}
