#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2030,SC2031 # bats sets what run has seen; each test is a process of its own
#
# Debian's portmap, bandwidth, tuning and firewall after weft in one list, as a
# runtime chains them: ADD, CHECK, traffic, DEL.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 1
	ns_run host1 nft list ruleset >"$LAB_DIR/rules"
}

teardown_file() { lab_down; }

setup() {
	export PATH=$PATH:/usr/sbin:/sbin CNI_CAPS=''
	ns_add c1
	ns_add c2
}

teardown() {
	local name
	for name in c1 c2; do
		cni_del host1 $name >/dev/null 2>&1 || true
		ns_del $name
	done
	proc_stop answer-c1
	proc_stop answer-c2
}

# list PLUGIN...: weft, and these after it.
list() {
	printf '%s\n' "$@" | jq -s '{cniVersion: "1.0.0", name: "weft", plugins: ([{type: "weft"}] + .)}' |
		cni_use host1 .
}

# Something that answers on a port of a container with its name.
answering() { # CONTAINER tcp|udp PORT
	proc_start "answer-$1" "$1" socat "$2-listen:$3,fork,reuseaddr" "system:echo $1"
	wait_for 5 listens "$1" "$2" "$3"
}
listens() { ns_run "$1" ss -Hln --"$2" "sport = :$3" | grep -q .; }

asked() { # NAMESPACE tcp|udp ADDRESS PORT: who answers
	echo who | ns_run "$1" timeout 10 socat -t 3 -T 3 - "$2:$3:$4"
}

# CHECK by weft alone, with what the whole list has made. portmap's own, at 1.1.1, asks
# for chains in ip6tables that it has not made for a container without IPv6.
weft_check() { # CONTAINER
	cni_config "$(jq -c .list "$(cni_result_file host1 "$1")")" 0 \
		"$(jq -c .result "$(cni_result_file host1 "$1")")" | cni_exec CHECK host1 "$1" eth0 weft
}

nothing_left() {
	run ip -n "$LAB-host1" -o link show master "$KERNEL_BRIDGE"
	assert_equal "${#lines[@]}" 1 # the tunnel's
	run find "$LAB_DIR/host1/run/attachments" "$LAB_DIR/host1/run/ipam" \( -type f -o -type l \) ! -name lock
	assert_output ''
}

@test "L7 portmap: a port of the host leads into the container, from everywhere" {
	list '{"type":"portmap","capabilities":{"portMappings":true},"snat":true}'
	export CNI_CAPS='{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}'
	cni_add host1 c1
	answering c1 tcp 80
	weft_check c1
	assert_equal "$(asked net tcp "$(host_address host1)" 8080)" c1
	assert_equal "$(asked host1 tcp "$(host_address host1)" 8080)" c1
	assert_equal "$(asked host1 tcp 127.0.0.1 8080)" c1
	# By itself, through its own host port: the hairpin.
	assert_equal "$(asked c1 tcp "$(host_address host1)" 8080)" c1
	CNI_CAPS='' cni_add host1 c2 >/dev/null
	assert_equal "$(asked c2 tcp "$(host_address host1)" 8080)" c1
	cni_del host1 c1
	run asked net tcp "$(host_address host1)" 8080
	refute_output --partial c1
	cni_del host1 c2
	nothing_left
}

@test "L7 portmap: UDP goes to the second container that takes the port" {
	list '{"type":"portmap","capabilities":{"portMappings":true},"snat":true}'
	export CNI_CAPS='{"portMappings":[{"hostPort":5353,"containerPort":53,"protocol":"udp"}]}'
	cni_add host1 c1
	answering c1 udp 53
	assert_equal "$(asked net udp "$(host_address host1)" 5353)" c1
	cni_del host1 c1
	cni_add host1 c2
	answering c2 udp 53
	assert_equal "$(asked net udp "$(host_address host1)" 5353)" c2
	weft_check c2
	cni_del host1 c2
	nothing_left
}

@test "L8 bandwidth: shapes the container's veth, and takes it away" {
	local veth
	list '{"type":"bandwidth","capabilities":{"bandwidth":true}}'
	export CNI_CAPS='{"bandwidth":{"ingressRate":1000000,"ingressBurst":1000000,"egressRate":2000000,"egressBurst":1000000}}'
	cni_add host1 c1
	veth=$(container_veth host1 c1)
	run tc -n "$LAB-host1" qdisc show dev "$veth"
	assert_output --partial 'tbf'
	assert_output --partial 'rate 1Mbit'
	run tc -n "$LAB-host1" qdisc show
	assert_output --partial 'rate 2Mbit' # of the ifb device
	cni_check host1 c1
	ping_once c1 "$(host_gateway host1)"
	cni_del host1 c1
	run ip -n "$LAB-host1" -o link show type ifb
	assert_output ''
	nothing_left
}

# pull NAMESPACE ADDRESS: microseconds until the megabyte that is offered there has arrived.
pull() {
	local began
	began=$(now_us)
	[[ $(ns_run "$1" timeout 60 socat -u "tcp:$2:9000" - | wc -c) == 1000000 ]] || return
	echo $(($(now_us) - began))
}
offering() { # NAMESPACE
	proc_start "answer-$1" "$1" socat tcp-listen:9000,fork,reuseaddr 'system:head -c 1000000 /dev/zero'
	wait_for 5 listens "$1" tcp 9000
}

@test "L8 bandwidth: the limited direction is the slower one, by far" {
	local rates slow fast
	list '{"type":"bandwidth","capabilities":{"bandwidth":true}}'
	offering host1
	for rates in ingress egress; do
		export CNI_CAPS="{\"bandwidth\":{\"${rates}Rate\":4000000,\"${rates}Burst\":400000}}"
		cni_add host1 c1
		offering c1
		slow=$(pull c1 "$(host_gateway host1)")
		fast=$(pull host1 "$(container_address host1 c1)")
		[[ $rates == ingress ]] || { read -r slow fast <<<"$fast $slow"; }
		((slow > 2 * fast)) || fail "$rates limited: $slow us, the other direction: $fast us"
		proc_stop answer-c1
		cni_del host1 c1
	done
	proc_stop answer-host1
	nothing_left
}

@test "L2 sbr: routes that it moves to a table of its own are found by CHECK" {
	local table
	list '{"type":"sbr"}'
	cni_add host1 c1
	table=$(ip -n "$LAB-c1" rule show | sed -n 's/.*from 10.* lookup \([0-9]*\).*/\1/p')
	[[ $table ]]
	assert_equal "$(ip -n "$LAB-c1" route show default)" ''
	weft_check c1
	ping_once c1 "$(host_gateway host1)" -I "$(container_address host1 c1)"
	ip -n "$LAB-c1" route flush table "$table"
	run weft_check c1
	assert_failure
	assert_output --partial 'route 0.0.0.0/0'
	cni_del host1 c1
	nothing_left
}

@test "L2 tuning: changes MAC and MTU after us, and CHECK is content with both" {
	local result
	list '{"type":"tuning","mac":"02:00:00:00:00:77","mtu":1400,"sysctl":{"net.ipv4.conf.all.arp_filter":"1"}}'
	result=$(cni_add host1 c1)
	assert_json "$result" '.interfaces[2].mac == "02:00:00:00:00:77"'
	cni_check host1 c1
	ping_once c1 "$(host_gateway host1)"
	cni_del host1 c1
	nothing_left
}

@test "L9 firewall: containers of one bridge reach each other under same-bridge" {
	local address
	list '{"type":"firewall","backend":"iptables","ingressPolicy":"same-bridge"}'
	# Alone: weftd's accept would let in whom only the policy keeps out.
	weftd_stop host1
	weftd_start host1 --iptables-forward-rules=false
	weftd_ready host1
	ns_run host1 iptables -P FORWARD DROP
	cni_add host1 c1
	cni_add host1 c2
	cni_check host1 c1
	address=$(container_address host1 c1)
	ping_once c2 "$address"
	ping_once c1 "$(host_gateway host1)"
	# From outside, through the host, it lets nobody in who was not asked.
	ip -n "$LAB-net" route add "$(host_subnet host1)" via "$(host_address host1)"
	run ping_once net "$address" -W 1
	assert_failure
	ip -n "$LAB-net" route del "$(host_subnet host1)"
	cni_del host1 c1
	cni_del host1 c2
	run ns_run host1 iptables -S
	refute_output --partial "$address"
	ns_run host1 iptables -P FORWARD ACCEPT
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	nothing_left
}

@test "L2 all four at once" {
	list '{"type":"tuning","sysctl":{"net.ipv4.conf.all.arp_filter":"1"}}' \
		'{"type":"bandwidth","capabilities":{"bandwidth":true}}' \
		'{"type":"firewall","backend":"iptables"}' \
		'{"type":"portmap","capabilities":{"portMappings":true},"snat":true}'
	export CNI_CAPS='{"portMappings":[{"hostPort":8081,"containerPort":80,"protocol":"tcp"}],
		"bandwidth":{"ingressRate":8000000,"ingressBurst":8000000}}'
	cni_add host1 c1
	answering c1 tcp 80
	weft_check c1
	assert_equal "$(asked net tcp "$(host_address host1)" 8081)" c1
	cni_del host1 c1
	nothing_left
}

@test "L3 what was cached is 0600, holds the list, and goes with DEL" {
	list '{"type":"tuning"}'
	cni_add host1 c1
	assert_json "$(<"$(cni_result_file host1 c1)")" '.list.name == "weft" and .result.ips[0].address'
	assert_equal "$(stat -c %a "$(cni_result_file host1 c1)")" 600
	cni_del host1 c1
	[[ ! -e $(cni_result_file host1 c1) ]]
}

@test "L11 a runtime that loses patience kills ADD, and its DEL takes away what there is" {
	local config n
	list '{"type":"tuning"}'
	config=$(cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0)
	for n in 1 2 3 4 5; do
		CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=$(ns_path c1) CNI_IFNAME=eth0 CNI_PATH=/ \
			ns_run host1 timeout -s KILL "0.00$n" "$WEFT_BIN_DIR/weft" <<<"$config" >/dev/null 2>&1 || true
		cni_del host1 c1
		nothing_left
	done
}
