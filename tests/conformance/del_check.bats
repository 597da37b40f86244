#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # run sets output and lines; suite.bash reads the others
#
# DEL, which succeeds in any state, and CHECK, which reports each difference.

load suite

added() {
	run --separate-stderr add "$@"
	assert_success
}

gone() { # CONTAINER [FILTER]: DEL succeeds without output, and leaves nothing
	run --separate-stderr del "$@"
	assert_success
	assert_output ''
	clean
}

without_prev='del(.prevResult)'

@test "D1 DEL removes interface, address and record" {
	added c1
	run traces_are "$before"
	assert_failure
	gone c1
	run ip_in c1 link show eth0
	assert_failure
}

@test "D2 DEL can be repeated" {
	added c1
	gone c1
	gone c1
	gone c1 "$without_prev"
}

@test "D3 DEL without an ADD" { gone c1; }

@test "D4 DEL without a namespace" {
	added c1
	ns_del c1
	netns=none
	gone c1
}

@test "D5 DEL with a deleted namespace" {
	added c1
	ns_del c1
	gone c1
}

@test "D6 DEL with a regular file in place of the namespace" {
	added c1
	ns_del c1
	echo text >"$LAB_DIR/cache/nothing"
	netns=$LAB_DIR/cache/nothing
	gone c1
	netns=''
}

@test "D7 DEL without prevResult" {
	added c1
	gone c1 "$without_prev"
}

@test "D8 DEL with an invalid prevResult" {
	local prev
	for prev in '{}' '"x"' '{"cniVersion":"9.9.9"}' '{"interfaces":[{"name":7}],"ips":[{"address":"x","interface":99}]}'; do
		added c1
		gone c1 ".prevResult = $prev"
	done
}

@test "D9 DEL after the interface was deleted" {
	added c1
	ip_in c1 link del eth0
	gone c1
}

@test "D11 DEL of an old container does not affect a new one with the same namespace path and address" {
	local id address
	id=old
	added c1
	address=$(address_of c1)
	# No DEL: the interface is deleted with the namespace, and a new namespace has the same path.
	ns_del c1
	ns_add c1
	call DEL c1 < <(conf DEL c1) # releases the address
	id=new
	added c1 ".runtimeConfig.ips = [\"$address/24\"]"
	assert_equal "$(address_of c1)" "$address"
	id=old
	call DEL c1 < <(conf DEL c1)
	ip_in c1 -o address show dev eth0 | grep -q "$address"
	reaches c1 "$(plugin_gateway)"
	id=new
	run --separate-stderr call CHECK c1 < <(conf CHECK c1)
	assert_success
	gone c1
}

@test "D13 DEL with an empty or damaged record" {
	local text file
	for text in '' '{"version":1' 'garbage'; do
		added c1
		while IFS= read -r file; do
			[[ -L $file ]] || printf %s "$text" >"$file"
		done < <(state_files)
		gone c1
	done
}

@test "D14 DEL after a reboot: the run directory is empty, the namespace is missing" {
	only_weft 'its records are kept over a reboot'
	added c1
	ns_del c1
	rm -rf "$LAB_DIR/host1/run/attachments" "$LAB_DIR/host1/run/ipam"
	gone c1
}

@test "D15 DEL keeps a foreign interface" {
	ip_in c1 link add eth0 type veth peer name other
	ip_in c1 address add 192.0.2.1/24 dev eth0
	run --separate-stderr del c1
	assert_success
	ip_in c1 -o address show dev eth0 | grep -q 192.0.2.1
}

@test "D16 DEL with a configuration that changed after ADD" {
	added c1
	gone c1 '.mtu = 1280 | .hairpinMode = false | .isDefaultGateway = false | .routes = [{"dst":"10.99.0.0/16"}] | del(.prevResult)'
}

@test "D17 addresses of both families are kept when the interface is set down and up" {
	pool=dual
	added c1
	ip_in c1 link set eth0 down
	ip_in c1 link set eth0 up
	assert_equal \
		"$(ip_in c1 -j address show dev eth0 | jq -r '.[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"' | sort)" \
		"$(jq -r '.ips[].address' "$(cache_of c1)" | sort)"
}

@test "D18 ADD and CHECK refuse a path that is not a namespace" {
	echo text >"$LAB_DIR/cache/nothing"
	netns=$LAB_DIR/cache/nothing
	run --separate-stderr add c1
	assert_failure
	netns=''
	added c1
	netns=$LAB_DIR/cache/nothing
	run --separate-stderr check c1
	assert_failure
}

# ---- CHECK ---------------------------------------------------------------------

fine() { # CONTAINER [FILTER]
	run --separate-stderr check "$@"
	assert_success
	assert_output ''
}

# faulty [FILTER]: CHECK of c1 fails with one error document.
faulty() {
	run --separate-stderr check c1 "${1-.}"
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
}

@test "C1 CHECK succeeds right after ADD, 50 times" {
	local n
	pool=dual
	for ((n = 0; n < 50; n++)); do
		add c1 >/dev/null
		check c1 || fail "CHECK number $n failed"
		del c1
	done
}

@test "C2 CHECK without prevResult" {
	added c1
	faulty "$without_prev"
}

@test "C3 CHECK detects a missing interface" {
	added c1
	ip_in c1 link del eth0
	faulty
}

@test "C3 CHECK detects an interface that is down" {
	added c1
	ip_in c1 link set eth0 down
	faulty
}

@test "C3 CHECK detects a missing address" {
	added c1
	ip_in c1 address flush dev eth0 scope global
	faulty
}

@test "C3 CHECK detects a missing route" {
	added c1
	ip_in c1 route del default
	faulty
}

@test "C3 CHECK detects a host veth that is not a port of the bridge" {
	added c1
	plugin_hold
	ip_in host1 link set "$(veth_of c1)" nomaster
	run --separate-stderr check c1
	plugin_resume
	assert_failure
}

@test "C3 CHECK detects a changed MAC" {
	added c1
	ip_in c1 link set eth0 address 02:66:66:66:66:66
	faulty
}

@test "C3 CHECK detects a missing bridge" {
	added c1
	plugin_hold
	ip_in host1 link set "$PLUGIN_BRIDGE" down
	ip_in host1 link set "$PLUGIN_BRIDGE" name kept
	run --separate-stderr check c1
	ip_in host1 link set kept name "$PLUGIN_BRIDGE"
	ip_in host1 link set "$PLUGIN_BRIDGE" up
	restore_gateway6
	plugin_resume
	assert_failure
}

@test "C3 CHECK detects a missing address record" {
	local file
	added c1
	while IFS= read -r file; do
		rm -f "$file"
	done < <(state_files)
	faulty
}

@test "C4 CHECK accepts a MAC that a later plugin set and reported" {
	added c1
	ip_in c1 link set eth0 address 02:66:66:66:66:66
	ip_in c1 route replace default via "$(plugin_gateway)" dev eth0
	fine c1 '.prevResult.interfaces[-1].mac = "02:66:66:66:66:66"'
}

@test "C5 CHECK accepts the additions of later plugins" {
	added c1
	ip_in c1 address add 192.0.2.1/24 dev eth0
	ip_in c1 route add 10.98.0.0/16 dev eth0
	fine c1 '.prevResult.interfaces += [{"name":"ifb0","mac":"02:00:00:00:00:05"}]'
}

@test "C6 CHECK detects a result of another namespace" {
	added c1
	faulty '.prevResult.interfaces[-1].sandbox = "/run/netns/another"'
}
