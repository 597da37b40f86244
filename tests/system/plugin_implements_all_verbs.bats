#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2030,SC2031 # each test is a process of its own; run sets output and lines
#
# GC and STATUS; requested addresses and MACs; delegated IPAM; earlier plugins in the list; the
# options of the bridge port.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 1
}

teardown_file() { lab_down; }

setup() {
	config=$(cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0)
	args=''
}

teardown() {
	local id
	kill -s CONT "$(weftd_pid host1)"
	for id in "${made[@]-}"; do
		[[ -z $id ]] || { call DEL "$id" >/dev/null 2>&1 && ns_del "$id"; } || true
	done
}

# call VERB CONTAINER [FILTER]: runs the plugin with the configuration, changed by a jq filter.
call() {
	jq -c "${3-.}" <<<"$config" | CNI_EXTRA=$args cni_exec "$1" host1 "$2" eth0 weft
}

# plain VERB [FILTER]: runs a verb that has no container.
plain() {
	jq -c ".cniVersion = \"1.1.0\" | ${2-.}" <<<"$config" | ns_run host1 env -i CNI_COMMAND="$1" \
		CNI_CONTAINERID= CNI_NETNS= CNI_IFNAME= CNI_PATH="$WEFT_CNI_REFERENCE" "$WEFT_BIN_DIR/weft"
}

new() { # CONTAINER...
	local id
	for id; do
		ns_add "$id"
		made+=("$id")
	done
}

in_use() { find "$LAB_DIR/host1/run" -path "*/ipam/*" -type l -printf '%f\n' | sort -V; }
records() { find "$LAB_DIR/host1/run/attachments" -type f | wc -l; }
ports() { ip -n "$LAB-host1" -o link show master "$KERNEL_BRIDGE" | grep -c ': veth[0-9a-f]\{11\}@'; }
port_of() { jq -r '.interfaces[1].name' <<<"$1"; } # RESULT

# subnet_address N: the N-th address of the host's subnet.
subnet_address() {
	local subnet
	subnet=$(host_subnet host1)
	echo "${subnet%.*}.$1"
}

@test "GC removes the attachments that are not listed, and no others" {
	local kept
	new g1 g2 g3
	call ADD g1 && call ADD g2
	kept=$(call ADD g3)
	# An attachment of another network, and one whose interface is deleted.
	mkdir -p "$LAB_DIR/host1/run/attachments/other"
	echo untouched >"$LAB_DIR/host1/run/attachments/other/0123456789abcdef"
	ip -n "$LAB-g2" link del eth0
	run plain GC '."cni.dev/valid-attachments" = [{"containerID":"g3","ifname":"eth0"},
		{"containerID":"g1","ifname":"eth1"}]'
	assert_success
	assert_output ''
	assert_equal "$(in_use)" "$(jq -r '.ips[0].address | split("/")[0]' <<<"$kept")"
	assert_equal "$(records)" 2
	assert_equal "$(ports)" 1
	ip -n "$LAB-g3" link show eth0
	run ip -n "$LAB-g1" link show eth0
	assert_failure
	rm -r "$LAB_DIR/host1/run/attachments/other"
}

@test "GC with an empty list, null, no list, and the list's old name" {
	local filter
	new g1
	for filter in '."cni.dev/valid-attachments" = []' '."cni.dev/valid-attachments" = null' .; do
		call ADD g1
		plain GC "$filter"
		assert_equal "$(in_use)$(records)$(ports || true)" 00
	done
	call ADD g1
	plain GC '."cni.dev/attachments" = [{"containerID":"g1","ifname":"eth0"}]'
	assert_equal "$(records)" 1
}

@test "GC continues after an attachment that it cannot remove, and reports it" {
	local bad
	new g1 g2
	bad=$(call ADD g1) && call ADD g2
	# An entry that cannot be removed: a directory in place of a record.
	bad=$LAB_DIR/host1/run/attachments/default/ffffffffffffffff
	mkdir "$bad"
	run plain GC
	rmdir "$bad"
	assert_failure
	assert_json "${lines[-1]}" '.code == 5 and (.msg | contains("ffffffffffffffff"))'
	assert_equal "$(in_use)$(records)" 0
}

@test "GC refuses an invalid list" {
	run plain GC '."cni.dev/valid-attachments" = [{"containerID":7}]'
	assert_failure
	assert_json "$output" '.code == 7 and (.msg | contains("valid-attachments[0].containerID"))'
}

@test "verbs that the configuration's version lacks are refused" {
	run call CHECK c1 '.cniVersion = "0.3.1"'
	assert_json "$output" '.code == 1 and (.msg | contains("CHECK"))'
	for verb in GC STATUS; do
		run plain $verb '.cniVersion = "1.0.0"'
		assert_failure
		assert_json "$output" ".code == 1 and (.msg | contains(\"$verb\"))"
	done
}

@test "STATUS succeeds, also while weftd is stopped or dead" {
	run plain STATUS
	assert_success
	assert_output ''
	kill -STOP "$(weftd_pid host1)"
	run plain STATUS
	kill -CONT "$(weftd_pid host1)"
	assert_success
}

@test "STATUS returns 50 if ADD cannot work, 51 if connectivity is limited" {
	local dir=$LAB_DIR/status
	mkdir -p "$dir/networks"
	run plain STATUS ".runDir = \"$dir\""
	assert_failure
	assert_json "$output" '.code == 50'
	jq '.bridge = "weft-none"' "$LAB_DIR/host1/run/networks/default.json" >"$dir/networks/default.json"
	run plain STATUS ".runDir = \"$dir\""
	assert_json "$output" '.code == 51 and (.msg | contains("weft-none"))'
	jq '.vxlan = "weft-none6"' "$LAB_DIR/host1/run/networks/default.json" >"$dir/networks/default.json"
	run plain STATUS ".runDir = \"$dir\""
	assert_json "$output" '.code == 51 and (.msg | contains("weft-none6"))'
	jq '.leaseLost = true' "$LAB_DIR/host1/run/networks/default.json" >"$dir/networks/default.json"
	run plain STATUS ".runDir = \"$dir\""
	assert_json "$output" '.code == 51'
	jq '.families[0].subnet = "10.5.255.0/30" | .families[0].gateway = "10.5.255.1"' \
		"$LAB_DIR/host1/run/networks/default.json" >"$dir/networks/default.json"
	plain STATUS ".runDir = \"$dir\""
	new full
	call ADD full ".runDir = \"$dir\""
	run plain STATUS ".runDir = \"$dir\""
	assert_json "$output" '.code == 50 and (.msg | contains("10.5.255.0/30: all 1 are in use"))'
	call DEL full ".runDir = \"$dir\""
}

@test "CHECK detects a missing VXLAN device" {
	local dir=$LAB_DIR/check result
	mkdir -p "$dir/networks"
	cp "$LAB_DIR/host1/run/networks/default.json" "$dir/networks/default.json"
	new v1
	result=$(call ADD v1 ".runDir = \"$dir\"")
	call CHECK v1 ".runDir = \"$dir\" | .prevResult = $result"
	jq '.vxlan = "weft-none"' "$LAB_DIR/host1/run/networks/default.json" >"$dir/networks/default.json"
	run call CHECK v1 ".runDir = \"$dir\" | .prevResult = $result"
	assert_failure
	assert_json "$output" '.code == 106 and (.msg | contains("weft-none"))'
	call DEL v1 ".runDir = \"$dir\""
}

@test "CHECK detects changed port flags, a lost FDB entry, and a lost bridge" {
	local result port mac flag
	new k1
	result=$(call ADD k1 '.macSpoofCheck = true | .portIsolation = true')
	kill -s STOP "$(weftd_pid host1)" # it would repair
	port=$(port_of "$result") mac=$(jq -r '.interfaces[2].mac' <<<"$result")
	call CHECK k1 ".macSpoofCheck = true | .prevResult = $result"
	for flag in locked isolated learning hairpin; do
		set_flag "$port" $flag
		check_names k1 "$result" "flag $flag of bridge port $port"
		set_flag "$port" $flag
	done
	bridge -n "$LAB-host1" fdb del "$mac" dev "$port" master
	check_names k1 "$result" "no static FDB entry $mac for port $port"
	# A learned entry would age.
	bridge -n "$LAB-host1" fdb add "$mac" dev "$port" master dynamic
	check_names k1 "$result" "no static FDB entry $mac for port $port"
	bridge -n "$LAB-host1" fdb replace "$mac" dev "$port" master static
	call CHECK k1 ".prevResult = $result"
	ip -n "$LAB-host1" link set "$port" nomaster
	check_names k1 "$result" "device $port is not a port of bridge $KERNEL_BRIDGE"
}

# check_names CONTAINER RESULT TEXT: CHECK fails with the text.
check_names() {
	run call CHECK "$1" ".prevResult = $2"
	assert_failure
	assert_json "$output" ".code == 106 and (.msg | contains(\"$3\"))"
}

set_flag() { # PORT FLAG: inverts it
	local is
	is=$(bridge -n "$LAB-host1" -d -j link show dev "$1" | jq ".[0].$2")
	bridge -n "$LAB-host1" link set dev "$1" "$2" "$([[ $is == true ]] && echo off || echo on)"
}

# Gives the device of an attachment the name, and its record the content, that weft 0.1.0 would have
# given them. Prints the result with that name.
make_old() { # CONTAINER RESULT
	local veth old record
	veth=$(port_of "$2") old=weft${veth#veth}
	ip -n "$LAB-host1" link set "$veth" down
	ip -n "$LAB-host1" link set "$veth" name "$old" up
	record=$(grep -l "\"containerId\":\"$1\"" "$LAB_DIR"/host1/run/attachments/default/*)
	jq -c --arg old "$old" 'del(.port) | .hostVeth = $old' <"$record" >"$record.new"
	cat "$record.new" >"$record"
	rm "$record.new"
	jq -c --arg old "$old" '.interfaces[1].name = $old' <<<"$2"
}

checks() { call CHECK "$1" ".prevResult = $2"; } # CONTAINER RESULT

@test "a device with the name of weft 0.1.0 is found by weftd and all verbs" {
	local result old
	new o1
	result=$(call ADD o1)
	[[ $(port_of "$result") =~ ^veth[0-9a-f]{11}$ ]]
	result=$(make_old o1 "$result") old=$(port_of "$result")
	wait_for 5 checks o1 "$result"
	ip -n "$LAB-host1" link set "$old" nomaster
	wait_for 5 checks o1 "$result"
	run call ADD o1
	assert_json "$output" ".code == 103 and (.msg | contains(\"$old\"))"
	plain GC '."cni.dev/valid-attachments" = [{"containerID":"o1","ifname":"eth0"}]'
	checks o1 "$result"
	plain GC
	run ip -n "$LAB-host1" link show "$old"
	assert_failure
	# DEL with a record, and without.
	old=$(port_of "$(make_old o1 "$(call ADD o1)")")
	call DEL o1
	make_old o1 "$(call ADD o1)"
	rm "$LAB_DIR"/host1/run/attachments/default/*
	call DEL o1
	run ip -n "$LAB-host1" link show "$old"
	assert_failure
	# An ADD without the record of the old one replaces the device.
	make_old o1 "$(call ADD o1)"
	rm "$LAB_DIR"/host1/run/attachments/default/* "$LAB_DIR"/host1/run/ipam/default/10.*
	result=$(call ADD o1)
	checks o1 "$result"
	run ip -n "$LAB-host1" link show "$old"
	assert_failure
}

@test "a requested address is allocated, with each way to request it" {
	local way address n=100
	new a1
	for way in ".runtimeConfig = {ips: [\"ADDRESS/24\"]}" ".args.cni.ips = [\"ADDRESS\"]" .; do
		((n += 1))
		address=$(subnet_address $n)
		args=''
		[[ $way != . ]] || args="IgnoreUnknown=1;IP=$address;K8S_POD_NAME=web-0"
		run call ADD a1 "${way//ADDRESS/$address}"
		assert_success
		assert_json "$output" ".ips[0].address == \"$address/24\""
		ping_once host1 "$address"
		[[ -z $args ]] || grep -q '"podName":"web-0"' "$LAB_DIR"/host1/run/attachments/default/*
		call DEL a1
	done
}

@test "a requested address that is not available is named" {
	local address
	new a1 a2
	for address in "$(host_gateway host1)" "$(subnet_address 0)" "$(subnet_address 255)" 10.99.0.7; do
		run call ADD a1 ".args.cni.ips = [\"$address\"]"
		assert_failure
		assert_json "$output" ".code == 102 and (.msg | contains(\"$address\"))"
	done
	address=$(subnet_address 120)
	call ADD a1 ".args.cni.ips = [\"$address\"]"
	run call ADD a2 ".args.cni.ips = [\"$address\"]"
	assert_failure
	assert_json "$output" ".code == 102 and (.msg | contains(\"$address\"))"
	# Each requested address must be allocated; there is one of each family.
	run call ADD a2 ".args.cni.ips = [\"$(subnet_address 121)\", \"$(subnet_address 122)\"]"
	assert_json "$output" ".code == 102 and (.msg | contains(\"$(subnet_address 122)\"))"
	args='IP=10.5.1'
	run call ADD a2
	assert_json "$output" '.code == 4 and (.msg | contains("10.5.1"))'
	assert_equal "$(records)" 1
}

@test "addresses come from the ranges, the one unused for longest first" {
	local first last i
	first=$(subnet_address 200) last=$(subnet_address 202)
	new a1 a2
	local filter=".runtimeConfig = {ipRanges: [[{rangeStart: \"$first\", rangeEnd: \"$last\"}]]}"
	for i in 200 201 202 200 201; do
		run call ADD a1 "$filter"
		assert_json "$output" ".ips[0].address == \"$(subnet_address $i)/24\""
		call DEL a1
	done
	call ADD a1 ".ipam.ranges = [[{rangeStart: \"$first\", rangeEnd: \"$first\"}]]"
	run call ADD a2 ".ipam.ranges = [[{rangeStart: \"$first\", rangeEnd: \"$first\"}]]"
	assert_json "$output" ".code == 101 and (.msg | contains(\"$first-$first: all 1 are in use\"))"
	run call ADD a2 '.ipam.ranges = [[{subnet: "10.77.0.0/24"}]]'
	assert_json "$output" '.code == 7 and (.msg | contains("10.77.0.0"))'
}

@test "a requested MAC: runtimeConfig before args before CNI_ARGS" {
	local result
	new m1
	args='MAC=0a:00:00:00:00:01'
	result=$(call ADD m1)
	assert_json "$result" '.interfaces[2].mac == "0a:00:00:00:00:01"'
	ping_once m1 "$(host_gateway host1)"
	call DEL m1
	result=$(call ADD m1 '.args.cni.mac = "0a:00:00:00:00:02"')
	assert_json "$result" '.interfaces[2].mac == "0a:00:00:00:00:02"'
	call DEL m1
	result=$(call ADD m1 '.args.cni.mac = "0a:00:00:00:00:02" | .RUNTIMECONFIG.Mac = "0a:00:00:00:00:03"')
	assert_json "$result" '.interfaces[2].mac == "0a:00:00:00:00:03"'
	ip -n "$LAB-m1" link show eth0 | grep -q 0a:00:00:00:00:03
	call DEL m1
	run call ADD m1 '.runtimeConfig.mac = "01:00:00:00:00:03"'
	assert_json "$output" '.code == 7 and (.msg | contains("01:00:00:00:00:03"))'
}

@test "macSpoofCheck drops frames with another source MAC" {
	local gateway
	gateway=$(host_gateway host1)
	new s1
	call ADD s1 '.macSpoofCheck = true'
	ping_once s1 "$gateway"
	ip -n "$LAB-s1" link set eth0 address 0a:00:00:00:00:99
	run ping_once s1 "$gateway" -W 1
	assert_failure
	call DEL s1
	run bridge -n "$LAB-host1" fdb show br "$KERNEL_BRIDGE"
	refute_output --partial '0a:00:00:00:00:99'
}

@test "isolated ports reach the node but not each other" {
	local one other
	new i1 i2
	one=$(call ADD i1 '.portIsolation = true' | address_of_result)
	other=$(call ADD i2 '.portIsolation = true' | address_of_result)
	ping_once i1 "$(host_gateway host1)"
	run ping_once i1 "$other" -W 1
	assert_failure
	route_by_gateway "$one" "$other"
	run ping_once i1 "$other" -W 1
	assert_failure
	call CHECK i2 ".portIsolation = true | .prevResult = $(cat "$LAB_DIR/i2.result")"
	call DEL i2
	other=$(call ADD i2 | address_of_result)
	route_by_gateway "$one" "$other"
	ping_once i1 "$other"
	run nft_of host1 list set bridge weft-spoof isolated4
	assert_output --partial "$one"
	refute_output --partial "$other"
	call DEL i1
	run nft_of host1 list set bridge weft-spoof isolated4
	refute_output --partial "$one"
}

address_of_result() { tee "$LAB_DIR/i2.result" | jq -r '.ips[0].address | split("/")[0]'; }

nft_of() { ns_run "$1" nft "${@:2}"; } # HOST ARGUMENT...

# Both containers send to each other by way of the gateway.
route_by_gateway() { # ADDRESS-OF-I1 ADDRESS-OF-I2
	ip -n "$LAB-i1" route replace "$2/32" via "$(host_gateway host1)"
	ip -n "$LAB-i2" route replace "$1/32" via "$(host_gateway host1)"
}

@test "a route has all requested attributes" {
	local result
	new r1
	result=$(call ADD r1 '.cniVersion = "1.1.0" | .routes = [{dst: "10.77.0.0/16", priority: 7,
		table: 100, mtu: 1300, advmss: 1200}, {dst: "10.78.0.0/16", scope: 253}]')
	assert_json "$result" '.routes[1] | .priority == 7 and .table == 100 and .mtu == 1300 and .advmss == 1200'
	assert_json "$result" '.routes[2] | .scope == 253 and (has("gw") | not)'
	run ip -n "$LAB-r1" route show table 100
	assert_output --partial "10.77.0.0/16 via $(host_gateway host1) dev eth0"
	assert_output --partial 'metric 7 mtu 1300 advmss 1200'
	run ip -n "$LAB-r1" route show 10.78.0.0/16
	assert_output --partial 'dev eth0 proto static scope link'
}

@test "an ipam.type that leads back to weft ends with one error" {
	local dir=$LAB_DIR/loop type verb
	mkdir "$dir"
	ln "$WEFT_BIN_DIR/weft" "$dir/hard" 2>/dev/null || ln -s "$WEFT_BIN_DIR/weft" "$dir/hard"
	ln -s "$WEFT_BIN_DIR/weft" "$dir/symbolic"
	cp "$WEFT_BIN_DIR/weft" "$dir/copy"
	printf '#!/bin/sh\nexec "%s"\n' "$WEFT_BIN_DIR/weft" >"$dir/script"
	chmod +x "$dir/script"
	new l1
	for type in weft hard symbolic copy script; do
		for verb in ADD STATUS; do
			run --separate-stderr loop "$verb" "$dir" "$type"
			assert_failure 1
			assert_equal "$(jq -s length <<<"$output")" 1
			assert_json "$output" '.code | . == 7 or . == 50 or . == 107'
			assert_json "$output" '.msg | contains("weft itself") or contains("leads back to weft")'
		done
		assert_equal "$(records)" 0
	done
	# There is nothing to release, and the container stays removable.
	for type in weft symbolic; do
		loop DEL "$dir" "$type"
		loop GC "$dir" "$type"
	done
}

loop() { # VERB DIRECTORY TYPE
	jq -c --arg type "$3" '.cniVersion = "1.1.0" | .ipam = {type: $type}' <<<"$config" |
		CNI_COMMAND=$1 CNI_CONTAINERID=l1 CNI_NETNS=$(ns_path l1) CNI_IFNAME=eth0 CNI_PATH=$2 \
			ns_run host1 timeout 20 "$WEFT_BIN_DIR/weft"
}

@test "addresses that host-local has reserved are not assigned" {
	local dir=$LAB_DIR/host-local reserved first ranges
	first=$(subnet_address 40)
	ranges="{ranges: [[{rangeStart: \"$first\", rangeEnd: \"$(subnet_address 42)\"}]], dataDir: \"$dir\"}"
	new h1 h2 h3
	# As flannel's container: host-local itself makes the reservation.
	reserved=$(jq -c --arg dir "$dir" --arg subnet "$(host_subnet host1)" --arg first "$first" \
		'.name = "cbr0" | .ipam = {type: "host-local", dataDir: $dir,
		ranges: [[{subnet: $subnet, rangeStart: $first}]]}' <<<"$config" |
		cni_exec ADD host1 h1 eth0 host-local | jq -r '.ips[0].address | split("/")[0]')
	assert_equal "$reserved" "$first"
	run call ADD h2 ".ipam = $ranges"
	assert_json "$output" ".ips[0].address == \"$(subnet_address 41)/24\""
	run call ADD h3 ".ipam = $ranges | .args.cni.ips = [\"$first\"]"
	assert_json "$output" ".code == 102 and (.msg | contains(\"$first\"))"
	run call ADD h3 ".ipam = $ranges"
	assert_json "$output" ".ips[0].address == \"$(subnet_address 42)/24\""
	run plain STATUS ".ipam = $ranges"
	assert_json "$output" '.code == 50 and (.details | contains("1 reservations of host-local"))'
	# The container is deleted.
	jq -c --arg dir "$dir" --arg subnet "$(host_subnet host1)" '.name = "cbr0" |
		.ipam = {type: "host-local", dataDir: $dir, ranges: [[{subnet: $subnet}]]}' <<<"$config" |
		cni_exec DEL host1 h1 eth0 host-local
	run call ADD h1 ".ipam = $ranges"
	assert_json "$output" ".ips[0].address == \"$first/24\""
}

@test "addresses are allocated and released by host-local" {
	local subnet result ipam dir=$LAB_DIR/host-local
	subnet=$(host_subnet host1)
	ipam=".ipam = {type: \"host-local\", dataDir: \"$dir\", ranges: [[{subnet: \"$subnet\",
		rangeStart: \"$(subnet_address 50)\", rangeEnd: \"$(subnet_address 51)\"}]],
		routes: [{dst: \"10.88.0.0/16\"}]}"
	new h1 h2
	config=$(jq -c "$ipam" <<<"$config")
	result=$(call ADD h1)
	assert_json "$result" ".ips[0].address == \"$(subnet_address 50)/24\" and .ips[0].interface == 2"
	assert_json "$result" '.interfaces | length == 3'
	ip -n "$LAB-h1" route show 10.88.0.0/16 | grep -q "via $(host_gateway host1)"
	ping_once h1 "$(host_gateway host1)"
	call CHECK h1 ".prevResult = $result"
	assert_equal "$(in_use)" ''
	[[ -e $dir/weft/$(subnet_address 50) ]]
	rm "$dir/weft/$(subnet_address 50)"
	run call CHECK h1 ".prevResult = $result"
	assert_failure
	assert_json "$output" '.code == 107'
	call DEL h1
	call DEL h1
	# If weft fails after the delegated ADD, the address is released.
	ip -n "$LAB-h2" link add eth0 type veth peer name other
	run call ADD h2
	assert_json "$output" '.code == 103'
	run find "$dir/weft" -name '10.*'
	assert_output ''
	ip -n "$LAB-h2" link del eth0
	# Errors of the delegate are reported, and nothing is left.
	run --separate-stderr call ADD h2 '.ipam.ranges = []'
	assert_json "$output" '.code == 107 and (.msg | contains("host-local"))'
	assert_equal "$(records)" 0
	# The delegate is missing: ADD fails, and DEL succeeds.
	run --separate-stderr call ADD h2 '.ipam.type = "gone"'
	assert_json "$output" '.code == 107 and (.msg | contains("gone"))'
	call DEL h2 '.ipam.type = "gone"'
	run --separate-stderr call ADD h2 '.ipam.type = "../weft"'
	assert_json "$output" '.code == 7'
	assert_equal "$(records)" 0
	call DEL h2 '.ipam.type = "../weft"'
}

@test "addresses come from static, and its dns unless the configuration has its own" {
	local result address
	address=$(subnet_address 60)
	new t1
	config=$(jq -c ".ipam = {type: \"static\", addresses: [{address: \"$address/24\"}],
		dns: {nameservers: [\"10.0.0.53\"]}}" <<<"$config")
	result=$(call ADD t1)
	assert_json "$result" ".ips[0].address == \"$address/24\" and .ips[0].gateway == \"$(host_gateway host1)\""
	assert_json "$result" '.dns.nameservers == ["10.0.0.53"]'
	ping_once host1 "$address"
	call DEL t1
	result=$(call ADD t1 '.dns = {nameservers: []}')
	assert_json "$result" '.dns.nameservers == []'
	call DEL t1
	result=$(call ADD t1 '.cniVersion = "0.2.0"')
	assert_json "$result" ".ip4.ip == \"$address/24\" and (has(\"ips\") | not)"
}

@test "the results of earlier plugins stay in the result" {
	local version before result
	new p1
	for version in 0.3.0 0.4.0 1.0.0 1.1.0; do
		before=$(jq -nc --arg v $version '{cniVersion: $v, interfaces: [{name: "net0", mac: "0a:00:00:00:00:07",
			sandbox: "/x"}], ips: [{address: "192.0.2.7/24", interface: 0}], routes: [{dst: "198.51.100.0/24"}],
			dns: {search: ["a.b"]}}
			| if $v < "1" then .ips[0].version = "4" else . end')
		result=$(call ADD p1 ".cniVersion = \"$version\" | .prevResult = $before")
		assert_json "$result" ".cniVersion == \"$version\" and (.interfaces | length) == 4"
		assert_json "$result" '.interfaces[0].name == "net0" and .interfaces[3].name == "eth0"'
		assert_json "$result" '.ips[0].address == "192.0.2.7/24" and .ips[0].interface == 0 and .ips[1].interface == 3'
		assert_json "$result" '.routes[0].dst == "198.51.100.0/24" and .dns.search == ["a.b"]'
		call DEL p1 ".cniVersion = \"$version\" | .prevResult = $result"
	done
	before='{"cniVersion":"0.2.0","ip6":{"ip":"fd00::7/64"}}'
	result=$(call ADD p1 ".cniVersion = \"0.2.0\" | .prevResult = $before")
	assert_json "$result" '.ip6.ip == "fd00::7/64" and (.ip4.ip | startswith("10.5."))'
	call DEL p1
	# The result of 0.2.0 has no place for two addresses of a family. Nothing is left.
	run call ADD p1 '.cniVersion = "0.2.0" | .prevResult = {ip4: {ip: "192.0.2.7/24"}}'
	assert_json "$output" '.code == 7 and (.msg | contains("more than 1 address per family"))'
	assert_equal "$(records)$(in_use)" 0
}

@test "weftd removes attachments of dead containers" {
	new d1
	call ADD d1
	call ADD d1 '.' 2>/dev/null || true
	ns_del d1
	wait_for 10 not ip -n "$LAB-host1" link show "weft$(basename "$LAB_DIR"/host1/run/attachments/default/* | cut -c1-11)"
	assert_equal "$(records)" 1
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	wait_for 10 test -z "$(find "$LAB_DIR/host1/run/attachments/default" -type f)"
	assert_equal "$(in_use)" ''
}

@test "a full or closed standard output: one error document, and nothing is left" {
	new o1
	jq -c . <<<"$config" >"$BATS_TEST_TMPDIR/config"
	run ns_run host1 env -i CNI_COMMAND=ADD CNI_CONTAINERID=o1 CNI_IFNAME=eth0 \
		CNI_NETNS="$(ns_path o1)" CNI_PATH=/ \
		sh -c "'$WEFT_BIN_DIR/weft' <'$BATS_TEST_TMPDIR/config' >/dev/full"
	assert_failure
	run ns_run host1 env -i CNI_COMMAND=ADD CNI_CONTAINERID=o1 CNI_IFNAME=eth0 \
		CNI_NETNS="$(ns_path o1)" CNI_PATH=/ \
		sh -c "'$WEFT_BIN_DIR/weft' <'$BATS_TEST_TMPDIR/config' >&-"
	assert_failure
	run ip -n "$LAB-o1" link show eth0
	assert_failure
	assert_equal "$(records)$(in_use)" 0
}
