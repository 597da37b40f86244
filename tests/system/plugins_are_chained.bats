#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2030,SC2031 # run sets output and lines; each test is a process of its own
#
# Debian's portmap, bandwidth, tuning, firewall and sbr after weft in one list: ADD, CHECK, traffic,
# DEL.

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

# list PLUGIN...: sets the list to weft and these plugins.
list() {
	printf '%s\n' "$@" | jq -s '{cniVersion: "1.0.0", name: "weft", plugins: ([{type: "weft"}] + .)}' |
		cni_use host1 .
}

# Starts a server that responds with the container's name.
name_server_start() { # CONTAINER tcp|udp PORT
	proc_start "answer-$1" "$1" socat "$2-listen:$3,fork,reuseaddr" "system:echo $1"
	wait_for 5 listens "$1" "$2" "$3"
}
listens() { ns_run "$1" ss -Hln --"$2" "sport = :$3" | grep -q .; }

name_from() { # NAMESPACE tcp|udp ADDRESS PORT: the name of the container that responds
	local seconds=${ATTEMPT_SECONDS-$((3 * ${WEFT_TEST_PATIENCE-1}))}
	echo who | ns_run "$1" timeout 60 socat -t "$seconds" -T "$seconds" - "$2:$3:$4"
}

answers_as() { [[ $(name_from "${@:2}") == "$1" ]]; } # NAME, and the arguments of name_from

# CHECK by weft alone, with the result of the whole list. CHECK of portmap 1.1.1 requires chains in
# ip6tables that it does not create for a container without IPv6.
weft_check() { # CONTAINER
	cni_config "$(jq -c .list "$(cni_result_file host1 "$1")")" 0 \
		"$(jq -c .result "$(cni_result_file host1 "$1")")" | cni_exec CHECK host1 "$1" eth0 weft
}

nothing_left() {
	run ip -n "$LAB-host1" -o link show master "$KERNEL_BRIDGE"
	assert_equal "${#lines[@]}" 1 # the VXLAN device
	run find "$LAB_DIR/host1/run/attachments" "$LAB_DIR/host1/run/ipam" \( -type f -o -type l \) ! -name lock
	assert_output ''
}

@test "L7 portmap: a port of the host is forwarded to the container from all sources" {
	list '{"type":"portmap","capabilities":{"portMappings":true},"snat":true}'
	export CNI_CAPS='{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}'
	cni_add host1 c1
	name_server_start c1 tcp 80
	weft_check c1
	wait_for 10 answers_as c1 net tcp "$(host_address host1)" 8080
	wait_for 10 answers_as c1 host1 tcp "$(host_address host1)" 8080
	wait_for 10 answers_as c1 host1 tcp 127.0.0.1 8080
	# The container reaches itself through its own host port (hairpin).
	wait_for 10 answers_as c1 c1 tcp "$(host_address host1)" 8080
	CNI_CAPS='' cni_add host1 c2 >/dev/null
	wait_for 10 answers_as c1 c2 tcp "$(host_address host1)" 8080
	cni_del host1 c1
	run name_from net tcp "$(host_address host1)" 8080
	refute_output --partial c1
	cni_del host1 c2
	nothing_left
}

@test "L7 portmap: UDP is forwarded to the second container that maps the port" {
	list '{"type":"portmap","capabilities":{"portMappings":true},"snat":true}'
	export CNI_CAPS='{"portMappings":[{"hostPort":5353,"containerPort":53,"protocol":"udp"}]}'
	cni_add host1 c1
	name_server_start c1 udp 53
	wait_for 10 answers_as c1 net udp "$(host_address host1)" 5353 # a datagram may be lost
	cni_del host1 c1
	cni_add host1 c2
	name_server_start c2 udp 53
	wait_for 10 answers_as c2 net udp "$(host_address host1)" 5353
	weft_check c2
	cni_del host1 c2
	nothing_left
}

@test "L8 bandwidth: the container's veth is shaped, and DEL removes the shaping" {
	local veth
	list '{"type":"bandwidth","capabilities":{"bandwidth":true}}'
	export CNI_CAPS='{"bandwidth":{"ingressRate":1000000,"ingressBurst":1000000,"egressRate":2000000,"egressBurst":1000000}}'
	cni_add host1 c1
	veth=$(container_veth host1 c1)
	run tc -n "$LAB-host1" qdisc show dev "$veth"
	assert_output --partial 'tbf'
	assert_output --partial 'rate 1Mbit'
	run tc -n "$LAB-host1" qdisc show
	assert_output --partial 'rate 2Mbit' # on the ifb device
	cni_check host1 c1
	ping_once c1 "$(host_gateway host1)"
	cni_del host1 c1
	run ip -n "$LAB-host1" -o link show type ifb
	assert_output ''
	nothing_left
}

# pull NAMESPACE ADDRESS: prints the microseconds that a download of one megabyte takes.
pull() {
	local began
	began=$(now_us)
	[[ $(ns_run "$1" timeout 60 socat -u "tcp:$2:9000" - | wc -c) == 1000000 ]] || return
	echo $(($(now_us) - began))
}
data_server_start() { # NAMESPACE
	proc_start "answer-$1" "$1" socat tcp-listen:9000,fork,reuseaddr 'system:head -c 1000000 /dev/zero'
	wait_for 5 listens "$1" tcp 9000
}

@test "L8 bandwidth: the limited direction is several times slower" {
	local rates slow fast
	list '{"type":"bandwidth","capabilities":{"bandwidth":true}}'
	data_server_start host1
	for rates in ingress egress; do
		export CNI_CAPS="{\"bandwidth\":{\"${rates}Rate\":4000000,\"${rates}Burst\":400000}}"
		cni_add host1 c1
		data_server_start c1
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

@test "L2 sbr: CHECK finds routes that sbr moved to another table" {
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

@test "L2 tuning: CHECK accepts a MAC and MTU that tuning changed" {
	local result
	list '{"type":"tuning","mac":"02:00:00:00:00:77","mtu":1400,"sysctl":{"net.ipv4.conf.all.arp_filter":"1"}}'
	result=$(cni_add host1 c1)
	assert_json "$result" '.interfaces[2].mac == "02:00:00:00:00:77"'
	cni_check host1 c1
	ping_once c1 "$(host_gateway host1)"
	cni_del host1 c1
	nothing_left
}

@test "L9 firewall: same-bridge allows containers of one bridge" {
	local address
	list '{"type":"firewall","backend":"iptables","ingressPolicy":"same-bridge"}'
	# Without weftd's accept rule, which would override the chain's policy.
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
	# Connections from outside that the container has not opened are dropped.
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

@test "L2 all four plugins at once" {
	list '{"type":"tuning","sysctl":{"net.ipv4.conf.all.arp_filter":"1"}}' \
		'{"type":"bandwidth","capabilities":{"bandwidth":true}}' \
		'{"type":"firewall","backend":"iptables"}' \
		'{"type":"portmap","capabilities":{"portMappings":true},"snat":true}'
	export CNI_CAPS='{"portMappings":[{"hostPort":8081,"containerPort":80,"protocol":"tcp"}],
		"bandwidth":{"ingressRate":8000000,"ingressBurst":8000000}}'
	cni_add host1 c1
	name_server_start c1 tcp 80
	weft_check c1
	wait_for 10 answers_as c1 net tcp "$(host_address host1)" 8081
	cni_del host1 c1
	nothing_left
}

@test "L3 the cached result has mode 0600, contains the list, and is removed by DEL" {
	list '{"type":"tuning"}'
	cni_add host1 c1
	assert_json "$(<"$(cni_result_file host1 c1)")" '.list.name == "weft" and .result.ips[0].address'
	assert_equal "$(stat -c %a "$(cni_result_file host1 c1)")" 600
	cni_del host1 c1
	[[ ! -e $(cni_result_file host1 c1) ]]
}

@test "L11 DEL after an ADD killed by the runtime's timeout removes everything" {
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
