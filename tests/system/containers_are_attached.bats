#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# ADD, CHECK, DEL and VERSION, called as a runtime calls them.

# schedule: first

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 1
}

teardown_file() { lab_down; }

# weft VERB CONTAINER [FILTER]: runs weft alone, with its configuration changed by a jq filter.
weft() {
	local filter=${3-.} file result=null
	file=$(cni_result_file host1 "$2")
	[[ ! -e $file ]] || result=$(jq -c .result "$file")
	jq -c --argjson prev "$result" '.plugins[0] + {name, cniVersion}
		| if $prev then .prevResult = $prev else . end | '"$filter" \
		"$LAB_DIR/host1/10-weft.conflist" | cni_exec "$1" host1 "$2" eth0 weft
}

# The state of host1 that an attachment changes.
traces() {
	ip -n "$LAB-host1" -o link show master "$KERNEL_BRIDGE"
	bridge -n "$LAB-host1" fdb show br "$KERNEL_BRIDGE" | grep -i ' 0a:58' || true
	find "$LAB_DIR/host1/run" \( -type f -o -type l \) ! -name lock | sort
}

@test "the container has what the result of ADD contains" {
	local result mac address
	ns_add c1
	result=$(cni_add host1 c1)
	address=$(jq -r '.ips[0].address' <<<"$result")
	mac=$(jq -r '.interfaces[2].mac' <<<"$result")
	assert_json "$result" '.cniVersion == "1.0.0" and (.interfaces | length) == 3 and (.ips | length) == 1'
	assert_json "$result" '.interfaces[0].name == "weft-br1" and .interfaces[2].name == "eth0"'
	assert_json "$result" ".interfaces[2].sandbox == \"$(ns_path c1)\""
	assert_json "$result" ".ips[0].interface == 2 and .ips[0].gateway == \"$(host_gateway host1)\""
	# The MAC is derived from the address: 0a:58 and its four bytes.
	assert_equal "$mac" "$(mac_of "${address%/*}")"
	run ip -n "$LAB-c1" -j -4 address show eth0
	assert_json "$output" "[.[0].addr_info[] | \"\\(.local)/\\(.prefixlen)\"] == [\"$address\"]"
	run ip -n "$LAB-c1" -d -j link show eth0
	assert_json "$output" ".[0] | .address == \"$mac\" and .mtu == 1450 and .linkinfo.info_kind == \"veth\""
	run ip -n "$LAB-c1" route show default
	assert_output --partial "default via $(host_gateway host1) dev eth0"
	run ip -n "$LAB-host1" -d -j link show "$(container_veth host1 c1)"
	assert_json "$output" '.[0] | .master == "weft-br1" and .mtu == 1450 and .linkinfo.info_slave_data.hairpin'
	assert_json "$output" '.[0].linkinfo.info_slave_data.state == "forwarding" and (.[0].ifalias | length) > 0'
	ip -n "$LAB-c1" -o link show lo | grep -q 'LOOPBACK,UP'
}

mac_of() { # ADDRESS
	local IFS=.
	# shellcheck disable=SC2086 # four words
	printf 0a:58:%02x:%02x:%02x:%02x $1
}

@test "the first packet passes at once" {
	ping_once c1 "$(host_gateway host1)" -W 1
	ping_once host1 "$(container_address host1 c1)" -W 1
}

@test "CHECK succeeds after ADD" {
	cni_check host1 c1
}

@test "CHECK detects a missing address, route and interface" {
	local address
	address=$(container_address host1 c1)/24
	ip -n "$LAB-c1" route del default
	run weft CHECK c1
	assert_failure
	assert_json "$output" '.code == 106 and (.msg | test("0.0.0.0/0|default"))'
	ip -n "$LAB-c1" address del "$address" dev eth0
	run weft CHECK c1
	assert_failure
	assert_json "$output" ".code == 106 and (.msg | contains(\"${address%/*}\"))"
	kill -s STOP "$(weftd_pid host1)" # weftd would repair this at once
	ip -n "$LAB-host1" link set "$(container_veth host1 c1)" nomaster
	ip -n "$LAB-c1" address add "$address" dev eth0
	ip -n "$LAB-c1" route add default via "$(host_gateway host1)"
	run weft CHECK c1
	assert_failure
	assert_json "$output" '.code == 106 and (.msg | test("weft-br1"))'
	ip -n "$LAB-host1" link set "$(container_veth host1 c1)" master "$KERNEL_BRIDGE"
	kill -s CONT "$(weftd_pid host1)"
	ip -n "$LAB-c1" link set eth0 down
	ip -n "$LAB-c1" link set eth0 name eth9
	run weft CHECK c1
	assert_failure
	assert_json "$output" '.code == 106 and (.msg | contains("eth0"))'
	ip -n "$LAB-c1" link del eth9
	run weft CHECK c1
	assert_failure
	assert_json "$output" '.code == 106'
}

@test "DEL leaves nothing, and can be repeated" {
	cni_del host1 c1 # its interface is already deleted
	run traces
	refute_output --partial "$(printf c1)-eth0"
	cni_del host1 c1
	ns_del c1
}

@test "DEL removes device, address and record" {
	traces >"$BATS_TEST_TMPDIR/before"
	container_add host1 c2
	traces >"$BATS_TEST_TMPDIR/between"
	run same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/between"
	assert_failure
	container_del host1 c2
	traces >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "a second ADD of the same interface fails, and changes nothing" {
	container_add host1 c3
	traces >"$BATS_TEST_TMPDIR/before"
	run weft ADD c3 'del(.prevResult)'
	assert_failure
	assert_json "$output" '.code == 103'
	traces >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	cni_check host1 c3
	ping_once c3 "$(host_gateway host1)"
	container_del host1 c3
}

@test "ADD into a recreated namespace without a DEL replaces the old attachment" {
	container_add host1 c3
	ns_del c3
	ns_add c3
	run weft ADD c3 'del(.prevResult)'
	assert_success
	ping_once c3 "$(host_gateway host1)"
	container_del host1 c3
}

@test "ADD after the host's veth was deleted replaces the old attachment" {
	container_add host1 c3
	ip -n "$LAB-host1" link del "$(container_veth host1 c3)"
	run weft ADD c3 'del(.prevResult)'
	assert_success
	ping_once c3 "$(host_gateway host1)"
	container_del host1 c3
}

@test "ADD into a namespace with a foreign interface of that name fails and leaves nothing" {
	ns_add c4
	ip -n "$LAB-c4" link add eth0 type veth peer name other
	traces >"$BATS_TEST_TMPDIR/before"
	run weft ADD c4
	assert_failure
	assert_json "$output" '.msg | contains("eth0")'
	traces >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	cni_del host1 c4
	ns_del c4
}

@test "DEL succeeds without a namespace, with a deleted one, with a regular file, and without an ADD" {
	traces >"$BATS_TEST_TMPDIR/before"
	container_add host1 c5
	ns_del c5
	CNI_NETNS_PATH='' cni_del host1 c5
	container_add host1 c6
	ns_del c6
	cni_del host1 c6
	container_add host1 c7
	ns_del c7
	touch "$LAB_DIR/nothing"
	CNI_NETNS_PATH=$LAB_DIR/nothing cni_del host1 c7
	cni_del host1 never-seen
	wait_for 5 traces_are "$BATS_TEST_TMPDIR/before" # the kernel frees a namespace asynchronously
}

traces_are() { diff -u "$1" <(traces); }

# at_once VERB NAME...: runs the plugin for all names at the same moment. The output is in
# $BATS_TEST_TMPDIR/NAME. Fails if one of the calls fails.
at_once() {
	local verb=$1 name gate config=$BATS_TEST_TMPDIR/config pids=() failed=0
	shift
	cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 >"$config"
	exec {gate}>"$BATS_TEST_TMPDIR/gate"
	flock "$gate"
	for name; do
		CNI_COMMAND=$verb CNI_CONTAINERID=$name CNI_NETNS=$(ns_path "$name") CNI_IFNAME=eth0 \
			nsenter --net="$(ns_path host1)" -- \
			flock --no-fork --shared "$BATS_TEST_TMPDIR/gate" "$WEFT_BIN_DIR/weft" \
			<"$config" >"$BATS_TEST_TMPDIR/$name" 3>&- {gate}>&- &
		pids+=($!)
	done
	wait_for 5 all_wait "$#"
	flock --unlock "$gate"
	for name in "${pids[@]}"; do
		wait "$name" || failed=1
	done
	exec {gate}>&-
	return "$failed"
}

all_wait() { # NUMBER: this number of processes is blocked in flock(2) at the gate
	(($(grep -c -- "-> .*:$(stat -c %i "$BATS_TEST_TMPDIR/gate") " /proc/locks) >= $1))
}

@test "20 concurrent ADDs allocate 20 addresses, and 20 concurrent DELs release them" {
	local round name names=(p{01..20})
	traces >"$BATS_TEST_TMPDIR/before"
	for name in "${names[@]}"; do
		ns_add "$name"
	done
	for round in 1 2 3; do
		at_once ADD "${names[@]}" || fail "round $round: $(cat "$BATS_TEST_TMPDIR"/p*)"
		run sort -u <(jq -r '.ips[0].address' "$BATS_TEST_TMPDIR"/p*)
		assert_equal "${#lines[@]}" 20
		for name in "${names[@]}"; do
			ping_once "$name" "$(host_gateway host1)" || fail "$name does not reach its gateway"
		done
		at_once DEL "${names[@]}" || fail "round $round: $(cat "$BATS_TEST_TMPDIR"/p*)"
	done
	for name in "${names[@]}"; do
		ns_del "$name"
	done
	wait_for 5 traces_are "$BATS_TEST_TMPDIR/before"
}

@test "ADD and DEL work while weftd and etcd are down" {
	etcd_stop KILL
	weftd_stop host1 KILL
	container_add host1 d1
	container_add host1 d2
	ping_once d1 "$(container_address host1 d2)"
	cni_check host1 d1
	container_del host1 d1
	container_del host1 d2
	etcd_start
	weftd_start host1
	weftd_ready host1
}

@test "a reused address is reachable at once despite stale neighbour entries" {
	local run=$LAB_DIR/small kept address again i
	# A pool of five addresses reuses each of them soon.
	mkdir -p "$run/networks"
	jq '.families[0].subnet |= sub("/24"; "/29")' \
		"$LAB_DIR/host1/run/networks/default.json" >"$run/networks/default.json"
	kept=$(<"$LAB_DIR/host1/10-weft.conflist")
	jq --arg run "$run" '.plugins[0].runDir = $run' <<<"$kept" >"$LAB_DIR/host1/10-weft.conflist"
	container_add host1 n1
	address=$(container_add host1 a1)
	ping_once n1 "$address"
	ping_once host1 "$address"
	for ((i = 0; i < 6; i++)); do
		container_del host1 a1
		again=$(container_add host1 a1)
		[[ $again != "$address" ]] || break
	done
	assert_equal "$again" "$address"
	ping_once n1 "$address" -W 1
	ping_once host1 "$address" -W 1
	container_del host1 a1
	container_del host1 n1
	printf '%s\n' "$kept" >"$LAB_DIR/host1/10-weft.conflist"
}

@test "the result has the format of the requested version" {
	local version
	for version in 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do
		ns_add v1
		run weft ADD v1 ".cniVersion = \"$version\""
		assert_success
		assert_json "$output" ".cniVersion == \"$version\" and .ips[0].interface == 2"
		case $version in
		0.*) assert_json "$output" '.ips[0].version == "4"' ;;
		1.0.0) assert_json "$output" '(.ips[0] | has("version") | not) and (.interfaces[2] | has("mtu") | not)' ;;
		1.1.0) assert_json "$output" '.interfaces[2].mtu == 1450' ;;
		esac
		run weft DEL v1 ".cniVersion = \"$version\""
		assert_success
		assert_output ''
		ns_del v1
	done
	for version in 0.1.0 0.2.0; do
		ns_add v1
		run weft ADD v1 ".cniVersion = \"$version\""
		assert_success
		assert_json "$output" ".cniVersion == \"$version\" and .ip4.gateway == \"$(host_gateway host1)\""
		weft DEL v1 ".cniVersion = \"$version\""
		ns_del v1
	done
}

@test "VERSION lists the supported versions" {
	run --separate-stderr env CNI_COMMAND=VERSION "$WEFT_BIN_DIR/weft" <<<'{"cniVersion":"1.0.0"}'
	assert_success
	assert_json "$output" '.supportedVersions | index("0.4.0") and index("1.0.0") and index("1.1.0")'
	assert_json "$output" '.cniVersion == "1.0.0"'
}

@test "without CNI_COMMAND weft prints its name and version" {
	run --separate-stderr env -u CNI_COMMAND "$WEFT_BIN_DIR/weft" </dev/null
	assert_success
	assert_output ''
	[[ $stderr == *weft* && $stderr == *'1.1.0'* ]]
}

@test "DEL removes everything that an ADD killed at any moment leaves" {
	local us config=$BATS_TEST_TMPDIR/config
	traces >"$BATS_TEST_TMPDIR/before"
	cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 >"$config"
	for us in {200..5000..200}; do
		ns_add k1
		CNI_COMMAND=ADD CNI_CONTAINERID=k1 CNI_NETNS=$(ns_path k1) CNI_IFNAME=eth0 CNI_PATH=/ \
			ns_run host1 timeout -s KILL "0.$(printf %06d "$us")" \
			"$WEFT_BIN_DIR/weft" <"$config" >/dev/null 2>&1 || true
		weft DEL k1
		ns_del k1
	done
	wait_for 5 traces_are "$BATS_TEST_TMPDIR/before"
}
