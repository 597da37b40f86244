#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2030,SC2031 # each test is a process of its own; run sets output and lines
#
# Invalid input of the plugin: one error document on standard output, with the code of the
# specification, the invalid value and the allowed values; and a complete rollback.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 1
	ns_add c1
}

teardown_file() { lab_down; }

setup() {
	config=$(cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0)
	id=c1 ifname=eth0 netns=$(ns_path c1) command=ADD
}

# The traces that the plugin could leave.
traces() {
	ip -n "$LAB-host1" -o link show master "$KERNEL_BRIDGE"
	find "$LAB_DIR/host1/run" \( -type f -o -type l \) ! -name lock | sort
	ip -n "$LAB-c1" -o link show
}

# refused CODE WORD...: the plugin, with the values of config, id, ifname, netns and command, exits
# with 1 and one document with that code, whose text has the words.
refused() {
	local code=$1 word before
	shift
	before=$(traces)
	run --separate-stderr ns_run host1 env -i CNI_COMMAND="$command" CNI_CONTAINERID="$id" \
		CNI_IFNAME="$ifname" CNI_NETNS="$netns" CNI_PATH="$WEFT_BIN_DIR" \
		"$WEFT_BIN_DIR/weft" <<<"$config"
	assert_failure 1
	assert_equal "$(jq -s length <<<"$output")" 1
	assert_json "$output" 'has("cniVersion") and (.msg | length) > 0 and (.msg | contains("\n") | not)'
	assert_json "$output" ".code == $code"
	for word; do
		[[ $(jq -r '"\(.msg) \(.details // "")"' <<<"$output") == *"$word"* ]] ||
			fail "no '$word' in $output"
	done
	assert_equal "$(traces)" "$before"
}

@test "an invalid command" {
	command=ERASE refused 4 ERASE
}

@test "one or several missing variables" {
	id='' refused 4 CNI_CONTAINERID
	id='' ifname='' refused 4 CNI_CONTAINERID CNI_IFNAME
	netns='' refused 4 CNI_NETNS
}

@test "a container id with invalid characters" {
	id='../c1' refused 4 ../c1
}

@test "an interface name that the kernel refuses" {
	ifname=sixteencharacter refused 4 sixteencharacter
	ifname=a/b refused 4 a/b
	ifname=.. refused 4 ..
}

@test "a missing namespace, and a regular file in its place" {
	netns=/run/netns/$LAB-absent refused 8 "$LAB-absent"
	netns=/etc/hostname refused 8 /etc/hostname
}

@test "the host's own namespace" {
	netns=$(ns_path host1) refused 8 "$LAB-host1"
}

@test "a configuration that is not JSON, empty, or followed by other text" {
	config='{"name":' refused 6
	config='' refused 6
	config="$config x" refused 6
	config='[]' refused 6
}

@test "an unsupported version" {
	config=$(jq -c '.cniVersion = "2.0.0"' <<<"$config") refused 1 2.0.0 1.0.0
}

@test "a missing or invalid network name" {
	config=$(jq -c 'del(.name)' <<<"$config") refused 7 name
	config=$(jq -c '.name = "a b"' <<<"$config") refused 7 'a b'
}

@test "a weft key with an invalid value" {
	config=$(jq -c '.mtu = "large"' <<<"$config") refused 7 mtu
	config=$(jq -c '.mtu = 12' <<<"$config") refused 7 mtu 12
	config=$(jq -c '.isDefaultGateway = 7' <<<"$config") refused 7 isDefaultGateway
	config=$(jq -c '.routes = [{"dst":"10.0.0.0/33"}]' <<<"$config") refused 7 10.0.0.0/33 routes
}

@test "an unpublished network" {
	config=$(jq -c '.network = "other"' <<<"$config") refused 50 other weftd
	config=$(jq -c '.runDir = "/run/nowhere"' <<<"$config") refused 50 /run/nowhere weftd
}

@test "a damaged state file" {
	local file=$LAB_DIR/host1/run/networks/default.json kept
	kept=$(<"$file")
	# A running weftd would repair the file.
	kill -s STOP "$(weftd_pid host1)"
	echo '{"version":1' >"$file"
	refused 104 default.json
	jq '.version = 2' <<<"$kept" >"$file"
	refused 104 default.json 2
	printf '%s\n' "$kept" >"$file"
	rm -f "$LAB_DIR/host1/run/networks/"*.new
	kill -s CONT "$(weftd_pid host1)"
}

@test "a missing bridge" {
	weftd_stop host1
	ip -n "$LAB-host1" link set "$KERNEL_BRIDGE" name elsewhere
	run ns_run host1 env -i CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 \
		CNI_NETNS="$netns" CNI_PATH=/ "$WEFT_BIN_DIR/weft" <<<"$config"
	assert_failure 1
	assert_json "$output" '.code == 50 or .code == 100'
	assert_json "$output" '.msg | contains("weft-br1")'
	run ip -n "$LAB-c1" link show eth0
	assert_failure
	run find "$LAB_DIR/host1/run" -name '*c1*'
	assert_output ''
	ip -n "$LAB-host1" link set elsewhere name "$KERNEL_BRIDGE"
	weftd_start host1
	weftd_ready host1
}

@test "an exhausted address pool" {
	# A /30 has one address beside the network, gateway and broadcast addresses.
	local run=$LAB_DIR/small
	mkdir -p "$run/networks"
	jq '.families[0].subnet = "10.5.255.0/30" | .families[0].gateway = "10.5.255.1"' \
		"$LAB_DIR/host1/run/networks/default.json" >"$run/networks/default.json"
	ns_add full
	config=$(jq -c --arg r "$run" '.runDir = $r' <<<"$config")
	run ns_run host1 env -i CNI_COMMAND=ADD CNI_CONTAINERID=full CNI_IFNAME=eth0 \
		CNI_NETNS="$(ns_path full)" CNI_PATH=/ "$WEFT_BIN_DIR/weft" <<<"$config"
	assert_success
	assert_json "$output" '.ips[0].address == "10.5.255.2/30"'
	refused 101 10.5.255.0/30
	run ns_run host1 env -i CNI_COMMAND=DEL CNI_CONTAINERID=full CNI_IFNAME=eth0 \
		CNI_NETNS="$(ns_path full)" CNI_PATH=/ "$WEFT_BIN_DIR/weft" <<<"$config"
	assert_success
}

@test "ADD works after all these errors" {
	run ns_run host1 env -i CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_IFNAME=eth0 \
		CNI_NETNS="$netns" CNI_PATH=/ "$WEFT_BIN_DIR/weft" <<<"$config"
	assert_success
	ping_once c1 "$(host_gateway host1)"
}
