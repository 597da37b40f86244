#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2030,SC2031 # each test is a process of its own; bats sets what run has seen
#
# GC and STATUS; addresses and MACs that are asked for; addresses from another
# plugin; plugins before weft in its list; the options of the bridge's port.

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
	for id in "${made[@]-}"; do
		[[ -z $id ]] || { call DEL "$id" >/dev/null 2>&1 && ns_del "$id"; } || true
	done
}

# call VERB CONTAINER [FILTER]: the plugin with the configuration, changed by a jq filter.
call() {
	jq -c "${3-.}" <<<"$config" | CNI_EXTRA=$args cni_exec "$1" host1 "$2" eth0 weft
}

# plain VERB [FILTER]: a verb that is about no container.
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
ports() { ip -n "$LAB-host1" -o link show master "$KERNEL_BRIDGE" | grep -c ': weft[0-9a-f]\{11\}@'; }
port_of() { jq -r '.interfaces[1].name' <<<"$1"; } # RESULT

# subnet_address N: the N-th address of the host's subnet.
subnet_address() {
	local subnet
	subnet=$(host_subnet host1)
	echo "${subnet%.*}.$1"
}

@test "GC ends what is not listed, and nothing else" {
	local kept
	new g1 g2 g3
	call ADD g1 && call ADD g2
	kept=$(call ADD g3)
	# Another network's attachment, and one that has nothing any more.
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

@test "GC with an empty list, null, no list, and the list's early name" {
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

@test "GC goes on past what it cannot end, and says so" {
	local bad
	new g1 g2
	bad=$(call ADD g1) && call ADD g2
	# An entry that cannot be removed: a directory in the place of the address's record.
	bad=$LAB_DIR/host1/run/attachments/default/ffffffffffffffff
	mkdir "$bad"
	run plain GC
	rmdir "$bad"
	assert_failure
	assert_json "${lines[-1]}" '.code == 5 and (.msg | contains("ffffffffffffffff"))'
	assert_equal "$(in_use)$(records)" 0
}

@test "GC refuses a list that is none" {
	run plain GC '."cni.dev/valid-attachments" = [{"containerID":7}]'
	assert_failure
	assert_json "$output" '.code == 7 and (.msg | contains("valid-attachments[0].containerID"))'
}

@test "verbs that the configuration's version does not have" {
	run call CHECK c1 '.cniVersion = "0.3.1"'
	assert_json "$output" '.code == 1 and (.msg | contains("CHECK"))'
	for verb in GC STATUS; do
		run plain $verb '.cniVersion = "1.0.0"'
		assert_failure
		assert_json "$output" ".code == 1 and (.msg | contains(\"$verb\"))"
	done
}

@test "STATUS is good, also while weftd stands still or is dead" {
	run plain STATUS
	assert_success
	assert_output ''
	kill -STOP "$(weftd_pid host1)"
	run plain STATUS
	kill -CONT "$(weftd_pid host1)"
	assert_success
}

@test "STATUS says 50 where ADD cannot be served, 51 where containers suffer" {
	local dir=$LAB_DIR/status
	mkdir -p "$dir/networks"
	run plain STATUS ".runDir = \"$dir\""
	assert_failure
	assert_json "$output" '.code == 50'
	jq '.bridge = "weft-none"' "$LAB_DIR/host1/run/networks/default.json" >"$dir/networks/default.json"
	run plain STATUS ".runDir = \"$dir\""
	assert_json "$output" '.code == 51 and (.msg | contains("weft-none"))'
	jq '.vxlan = "eth0"' "$LAB_DIR/host1/run/networks/default.json" >"$dir/networks/default.json"
	run plain STATUS ".runDir = \"$dir\""
	assert_json "$output" '.code == 51 and (.msg | contains("eth0"))'
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

@test "CHECK finds the network's VXLAN device missing" {
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

@test "an address is given that is asked for, by whichever way" {
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

@test "an address that cannot be given is named" {
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
	# All have to be given: there is one of each family.
	run call ADD a2 ".args.cni.ips = [\"$(subnet_address 121)\", \"$(subnet_address 122)\"]"
	assert_json "$output" ".code == 102 and (.msg | contains(\"$(subnet_address 122)\"))"
	args='IP=10.5.1'
	run call ADD a2
	assert_json "$output" '.code == 4 and (.msg | contains("10.5.1"))'
	assert_equal "$(records)" 1
}

@test "addresses come from the ranges, the one that rested longest first" {
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

@test "a MAC that is asked for: runtimeConfig before args before CNI_ARGS" {
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

@test "macSpoofCheck drops what comes from another MAC" {
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

@test "isolated ports reach the node, and not each other" {
	local other
	new i1 i2
	call ADD i1 '.portIsolation = true'
	other=$(call ADD i2 '.portIsolation = true' | jq -r '.ips[0].address | split("/")[0]')
	ping_once i1 "$(host_gateway host1)"
	run ping_once i1 "$other" -W 1
	assert_failure
	call DEL i2
	other=$(call ADD i2 | jq -r '.ips[0].address | split("/")[0]')
	ping_once i1 "$other"
}

@test "a route has all that is asked for" {
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

@test "addresses from host-local, and back" {
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
	# After a failure of ours what it gave goes back.
	ip -n "$LAB-h2" link add eth0 type veth peer name other
	run call ADD h2
	assert_json "$output" '.code == 103'
	run find "$dir/weft" -name '10.*'
	assert_output ''
	ip -n "$LAB-h2" link del eth0
	# Its own errors are told, and nothing is left.
	run --separate-stderr call ADD h2 '.ipam.ranges = []'
	assert_json "$output" '.code == 107 and (.msg | contains("host-local"))'
	assert_equal "$(records)" 0
	# The plugin has gone: ADD says so, DEL does not fail for ever.
	run --separate-stderr call ADD h2 '.ipam.type = "gone"'
	assert_json "$output" '.code == 107 and (.msg | contains("gone"))'
	call DEL h2 '.ipam.type = "gone"'
	run --separate-stderr call ADD h2 '.ipam.type = "../weft"'
	assert_json "$output" '.code == 7'
}

@test "addresses from static, and its dns unless the configuration has any" {
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

@test "what plugins before weft have given stays in the result" {
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
	# There is no room for two of a family; and nothing is left.
	run call ADD p1 '.cniVersion = "0.2.0" | .prevResult = {ip4: {ip: "192.0.2.7/24"}}'
	assert_json "$output" '.code == 7 and (.msg | contains("more than 1 address per family"))'
	assert_equal "$(records)$(in_use)" 0
}

@test "weftd ends attachments whose containers died" {
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

@test "one document, and nothing left, where standard output is full or closed" {
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
