#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154,SC2034,SC2030,SC2031 # run sets output and lines; suite.bash reads the others
#
# The result of ADD in each version of the specification (CNI 1.1.0, "Result Types").

load suite

# result VERSION: ADD with this version; the result is in $output.
result() {
	needs_version "$1"
	run --separate-stderr add c1 ".cniVersion = \"$1\" | ${2-.}"
	assert_success
	assert_equal "$(jq -s length <<<"$output")" 1
	assert_json "$output" ".cniVersion == \"$1\""
}

ends() { # VERSION: the other verbs of this version
	local result=$output
	if [[ ! $1 < 0.4.0 ]]; then
		run --separate-stderr check c1 ".cniVersion = \"$1\""
		assert_success
		assert_output ''
	fi
	run --separate-stderr del c1 ".cniVersion = \"$1\""
	assert_success
	assert_output ''
	clean
	output=$result
}

shape_ip4() {
	result "$1"
	assert_json "$output" 'keys - ["dns"] == ["cniVersion","ip4"] and (.ip4 | keys) == ["gateway","ip","routes"]'
	assert_json "$output" "has(\"dns\") and .ip4.gateway == \"$(plugin_gateway)\""
	assert_json "$output" '.ip4.routes | all((keys - ["dst","gw"]) == []) and any(.dst == "0.0.0.0/0")'
	ends "$1"
}

shape_ips() { # VERSION KEYS-OF-AN-ADDRESS KEYS-OF-AN-INTERFACE
	assert_json "$output" "(.ips | length) == 1 and (.ips[0] | keys) == $2"
	assert_json "$output" ".interfaces | length > 1 and all((keys - $3) == [])"
	assert_json "$output" '.routes | any(.dst == "0.0.0.0/0") and all((keys - ["dst","gw","priority","table","mtu","scope"]) == [])'
	ends "$1"
}

shape_0_3() {
	result "$1"
	assert_json "$output" 'keys == ["cniVersion","dns","interfaces","ips","routes"]'
	shape_ips "$1" '["address","gateway","interface","version"]' '["mac","name","sandbox"]'
}

@test "R1 the result of 0.1.0" { shape_ip4 0.1.0; }
@test "R2 the result of 0.2.0" { shape_ip4 0.2.0; }
@test "R3 the result of 0.3.0" { shape_0_3 0.3.0; }
@test "R4 the result of 0.3.1" { shape_0_3 0.3.1; }
@test "R5 the result of 0.4.0" { shape_0_3 0.4.0; }

@test "R6 the result of 1.0.0" {
	result 1.0.0
	assert_json "$output" 'keys - ["dns"] == ["cniVersion","interfaces","ips","routes"]'
	shape_ips 1.0.0 '["address","gateway","interface"]' '["mac","name","sandbox"]'
}

@test "R7 the result of 1.1.0" {
	result 1.1.0
	assert_json "$output" 'keys == ["cniVersion","interfaces","ips","routes"]'
	shape_ips 1.1.0 '["address","gateway","interface"]' '["mac","mtu","name","sandbox"]'
}

@test "R8 dual stack in 0.1.0 and 0.2.0" {
	local version
	pool=dual
	for version in 0.1.0 0.2.0; do
		result $version
		assert_json "$output" '(.ip4.ip | contains(".")) and (.ip6.ip | contains(":"))'
		assert_json "$output" '.ip4.routes | all(.dst | contains("."))'
		assert_json "$output" '.ip6.routes | length > 0 and all(.dst | contains(":"))'
		ends $version
	done
}

@test "R9 addresses have the member version in 0.3.0 to 0.4.0 only" {
	local version
	pool=dual
	for version in 0.3.0 0.3.1 0.4.0; do
		result $version
		assert_json "$output" '[.ips[] | [.version, (.address | contains(":"))]] == [["4",false],["6",true]]'
		ends $version
	done
	result 1.0.0
	assert_json "$output" '.ips | length == 2 and all(has("version") | not)'
}

@test "R10 interfaces have the member mtu in 1.1.0 only" {
	result 1.0.0
	assert_json "$output" '.interfaces | all(has("mtu") | not)'
	ends 1.0.0
	result 1.1.0
	assert_json "$output" ".interfaces[-1].mtu == $(ip_in c1 -j link show eth0 | jq '.[0].mtu')"
}

@test "R12 every index refers to an interface of the result" {
	pool=dual
	result 1.0.0
	assert_json "$output" '(.interfaces | length) as $n | .ips | all(.interface >= 0 and .interface < $n)'
	assert_json "$output" '. as $r | .ips | all($r.interfaces[.interface] | has("sandbox"))'
}

@test "R13 the container's interface has its MAC and the exact namespace path" {
	netns=/var/run/../run/netns/$LAB-c1
	ifname=net7
	result 1.0.0
	assert_json "$output" ".interfaces[-1] | .name == \"net7\" and .sandbox == \"$netns\""
	assert_json "$output" ".interfaces[-1].mac == \"$(mac_in c1)\" and (.interfaces[-1].mac | length) == 17"
}

@test "R14 the host's veth has its MAC" {
	result 1.0.0
	assert_json "$output" '.interfaces[0].name == "'"$PLUGIN_BRIDGE"'" and (.interfaces[1] | has("sandbox") | not)'
	assert_equal "$(ip_in host1 -j link show "$(veth_of c1)" | jq -r '.[0].address')" \
		"$(jq -r '.interfaces[1].mac' <<<"$output")"
	assert_equal "$(ip_in host1 -j link show "$PLUGIN_BRIDGE" | jq -r '.[0].address')" \
		"$(jq -r '.interfaces[0].mac' <<<"$output")"
}

@test "R15 the result has no address of the host" {
	pool=dual
	result 1.0.0
	run comm -12 <(jq -r '.ips[].address | split("/")[0]' "$(cache_of c1)" | sort) \
		<(ip_in host1 -j address show | jq -r '.[].addr_info[].local' | sort)
	assert_output ''
}

@test "R16 the result has the configuration's version" {
	local version
	for version in 0.1.0 0.3.1 0.4.0 1.0.0; do
		result $version
		ends $version
	done
}

@test "R17 dns of the configuration overrides the IPAM plugin's" {
	result 1.0.0 '.dns = {"nameservers":["192.0.2.53"],"domain":"d","search":["s"],"options":["o"]}'
	assert_json "$output" '.dns == {"nameservers":["192.0.2.53"],"domain":"d","search":["s"],"options":["o"]}'
	del c1
	echo 'nameserver 192.0.2.7' >"$LAB_DIR/cache/resolv.conf"
	result 1.0.0 "$(delegate) | .ipam.resolvConf = \"$LAB_DIR/cache/resolv.conf\" | .dns = {\"nameservers\":[\"192.0.2.53\"]}"
	assert_json "$output" '.dns.nameservers == ["192.0.2.53"]'
	del c1 "$(delegate)"
	result 1.0.0 "$(delegate) | .ipam.resolvConf = \"$LAB_DIR/cache/resolv.conf\" | .dns = {\"nameservers\":[]}"
	assert_json "$output" '(.dns.nameservers // []) == []'
}

@test "R18 the result of an earlier plugin is kept and extended" {
	local version prev
	for version in 0.3.1 0.4.0 1.0.0; do
		prev='{"cniVersion":"V","interfaces":[{"name":"net9","mac":"02:00:00:00:00:09","sandbox":"'$(ns_path c1)'"}],
			"ips":[{"version":"4","address":"192.0.2.9/24","interface":0}],"routes":[],"dns":{}}'
		[[ $version != 1.0.0 ]] || prev=${prev/'"version":"4",'/}
		result $version ".prevResult = ${prev/V/$version}"
		assert_json "$output" '.interfaces | any(.name == "net9") and any(.name == "eth0")'
		assert_json "$output" '. as $r | [.ips[] | $r.interfaces[.interface].name] | sort == ["eth0","net9"]'
		call DEL c1 < <(conf DEL c1 ".cniVersion = \"$version\"")
		clean
	done
}

@test "R19 two addresses of a family cannot be represented in 0.2.0: ADD fails and leaves nothing" {
	run --separate-stderr add c1 "$(delegate) | .cniVersion = \"0.2.0\" |
		.ipam.ranges += [[{\"subnet\":\"10.9.0.0/24\"}]]"
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
	del c1 "$(delegate) | del(.prevResult)"
	clean
}
