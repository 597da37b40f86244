#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# Errors of weftd: a permanent error ends weftd with status 2 and one line with the setting, its
# value and the allowed values; a temporary error is reported and retried.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_hosts 2
	etcd_machine
	etcd_start
}

teardown_file() { lab_down; }

# ends WORD... -- FLAG...: weftd with these flags exits with 2 and one line with these words.
ends() {
	local words=() flags
	while [[ $1 != -- ]]; do
		words+=("$1")
		shift
	done
	shift
	read -ra flags < <(weftd_flags host1)
	run --separate-stderr ns_run host1 timeout -s KILL 10 "$WEFT_BIN_DIR/weftd" "${flags[@]}" "$@"
	assert_failure 2
	assert_output ''
	assert_equal "${#stderr_lines[@]}" 1
	one_line_has "${words[@]}"
	nothing_is_left
}

one_line_has() {
	local word
	for word; do
		[[ $stderr == *"$word"* ]] || fail "no '$word' in: $stderr"
	done
}

nothing_is_left() {
	run ip -n "$LAB-host1" -o link show type vxlan
	assert_output ''
	run ip -n "$LAB-host1" -o link show type bridge
	assert_output ''
	[[ ! -e $LAB_DIR/host1/run/networks/default.json && ! -e $LAB_DIR/host1/subnet.env ]]
	run etcd_leases
	assert_output ''
}

@test "unknown flags, missing values and stray arguments are refused" {
	ends --nonsense -- --nonsense
	ends --iface -- --iface
	ends word -- word
}

@test "an invalid flag value: the error names flag, value and allowed values" {
	ends public-ip 1.2.3 -- --public-ip 1.2.3
	ends public-ip 127.0.0.1 -- --public-ip=127.0.0.1
	ends log-level loud error warn info debug -- --log-level loud
	ends log-format xml text json -- --log-format xml
	ends etcd-endpoints 'ftp://x' http -- --etcd-endpoints ftp://x
	ends etcd-endpoints '' -- --etcd-endpoints ''
	ends etcd-prefix -- --etcd-prefix ''
	ends run-dir relative -- --run-dir relative/path
}

@test "an invalid value in the environment: the error names variable, value and allowed values" {
	local flags
	read -ra flags < <(weftd_flags host1)
	run --separate-stderr ns_run host1 env WEFTD_LOG_LEVEL=loud \
		timeout -s KILL 10 "$WEFT_BIN_DIR/weftd" "${flags[@]}"
	assert_failure 2
	assert_equal "${#stderr_lines[@]}" 1
	one_line_has loud
	[[ $stderr == *WEFTD_LOG_LEVEL* || $stderr == *log-level* ]] || fail "$stderr"
}

@test "a configuration file that is missing, unreadable, not JSON, or has an invalid key or value" {
	local file=$BATS_TEST_TMPDIR/weftd.json
	ends /nonexistent.json -- --config /nonexistent.json
	ends "$BATS_TEST_TMPDIR" -- --config "$BATS_TEST_TMPDIR"
	echo '{' >"$file"
	ends "$file" -- --config "$file"
	echo '{"nonsense":1}' >"$file"
	ends nonsense -- --config "$file"
	echo '{"log-level":"loud"}' >"$file"
	ends log-level loud debug -- --config "$file"
	echo '{"public-ip":7}' >"$file"
	ends public-ip -- --config "$file"
}

@test "a run directory or state directory that cannot be created" {
	local file=$BATS_TEST_TMPDIR/file
	touch "$file"
	ends "$file/run" -- --run-dir "$file/run"
	ends /proc/weft -- --run-dir /proc/weft
	ends "$file/state" -- --state-dir "$file/state"
	ends /proc/weft -- --state-dir /proc/weft
}

@test "a damaged or newer node.json is reported and not overwritten" {
	local state=$BATS_TEST_TMPDIR/state text
	mkdir "$state"
	for text in '{"version":1,' '{"version":2}' ''; do
		printf %s "$text" >"$state/node.json"
		ends "$state/node.json" -- --state-dir "$state"
		assert_equal "$(<"$state/node.json")" "$text"
	done
}

@test "--help and --version work despite any other error" {
	local file=$BATS_TEST_TMPDIR/weftd.json flag
	echo '{' >"$file"
	for flag in --help --version; do
		run --separate-stderr env WEFTD_LOG_LEVEL=loud "$WEFT_BIN_DIR/weftd" --config "$file" "$flag"
		assert_success
		assert_output --partial weftd
		assert_equal "$stderr" ''
	done
}

lease_has() { # ADDRESS
	etcd_leases | grep -F "\"PublicIP\":\"$1\""
}

@test "flags override the environment, and the environment overrides the file" {
	local file=$BATS_TEST_TMPDIR/weftd.json
	etcd_config
	echo '{"public-ip":"192.0.2.1"}' >"$file"
	weftd_start host1 --config "$file"
	wait_for 15 lease_has 192.0.2.1
	weftd_stop host1
	WEFTD_PUBLIC_IP=192.0.2.2 weftd_start host1 --config "$file"
	wait_for 15 lease_has 192.0.2.2
	weftd_stop host1
	WEFTD_PUBLIC_IP=192.0.2.2 weftd_start host1 --config "$file" --public-ip 192.0.2.3
	wait_for 15 lease_has 192.0.2.3
	assert_equal "$(etcd_leases | wc -l)" 1
}

# ---- Temporary errors --------------------------------------------------------

reported() { # WORD...: weftd runs, and has logged a line with all the words
	local word found
	weftd_pid host1 >/dev/null || return
	found=$(<"$LAB_DIR/log/host1-weftd")
	for word; do
		found=$(grep -F -- "$word" <<<"$found") || return
	done
}

# weftd becomes ready by itself, within the longest backoff.
becomes_ready() {
	wait_for 45 weftd_is_ready host1
}

teardown() {
	if weftd_pid host1 >/dev/null; then
		weftd_stop host1 KILL
	fi
	rm -rf "$LAB_DIR/host1/run" "$LAB_DIR/host1/state" "$LAB_DIR/host1/subnet.env" \
		"$LAB_DIR/log/host1-weftd"
	ip -n "$LAB-host1" link del "$KERNEL_BRIDGE" 2>/dev/null || true
	ip -n "$LAB-host1" link del "$KERNEL_VXLAN" 2>/dev/null || true
	ip -n "$LAB-host1" link del eth1 2>/dev/null || true
	if proc_pid etcd >/dev/null; then
		etcd_ctl del --prefix "$ETCD_PREFIX/"
	fi
}

@test "an unreachable etcd is reported and retried" {
	etcd_stop KILL
	weftd_start host1
	wait_for 15 reported "${ETCD_URL#http://}"
	nothing_is_made
	etcd_start
	etcd_config
	becomes_ready
}

nothing_is_made() {
	run ip -n "$LAB-host1" -o link show type vxlan
	assert_output ''
	[[ ! -e $LAB_DIR/host1/run/networks/default.json && ! -e $LAB_DIR/host1/subnet.env ]]
}

@test "a missing network configuration is reported and waited for" {
	weftd_start host1
	wait_for 15 reported "$ETCD_PREFIX/config"
	nothing_is_made
	etcd_config
	becomes_ready
}

# wrong_config JSON WORD...: the configuration is reported with these words, a valid one applied.
wrong_config() {
	local json=$1
	shift
	etcd_config "$json"
	weftd_start host1
	wait_for 15 reported "$@"
	nothing_is_made
	etcd_config
	becomes_ready
	teardown
}

@test "an invalid network configuration is reported and retried" {
	wrong_config '{' 'network configuration'
	wrong_config '{"SubnetLen":24}' 'network configuration' Network
	wrong_config '{"Network":"10.5.0.0/33"}' Network 10.5.0.0/33
	wrong_config '{"Network":"10.5.0.0/16","SubnetLen":8}' SubnetLen 8
	wrong_config '{"Network":"10.5.0.0/16","Backend":{"Type":"host-gw"}}' Type host-gw vxlan
	wrong_config '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}' VNI 16777216
	wrong_config '{"Network":"10.5.0.0/16","Weft":{"LeaseTTL":-1}}' LeaseTTL -1
}

@test "an uplink without an address is reported and retried" {
	etcd_config
	ip -n "$LAB-host1" link add eth1 type veth peer name other
	ip -n "$LAB-host1" link set eth1 up
	ip -n "$LAB-host1" link set other up
	weftd_start host1 --iface eth1
	wait_for 15 reported eth1 address
	nothing_is_made
	ip -n "$LAB-host1" address add 192.168.7.1/24 dev eth1
	becomes_ready
	assert_equal "$(weftctl_on host1 --json status | jq -r '.networks[0].uplink.address')" 192.168.7.1
}

@test "a missing uplink is reported and retried" {
	etcd_config
	weftd_start host1 --iface eth1
	wait_for 15 reported eth1
	nothing_is_made
	ip -n "$LAB-host1" link add eth1 type veth peer name other
	ip -n "$LAB-host1" address add 192.168.7.1/24 dev eth1
	ip -n "$LAB-host1" link set eth1 up
	ip -n "$LAB-host1" link set other up
	becomes_ready
}

@test "a subnet file that cannot be written is reported" {
	etcd_config
	mkdir "$LAB_DIR/host1/subnet.env"
	weftd_start host1
	wait_for 15 reported "$LAB_DIR/host1/subnet.env"
	rmdir "$LAB_DIR/host1/subnet.env"
	becomes_ready
}

@test "a second weftd with the same run directory exits and does not affect the first" {
	local flags
	etcd_config
	weftd_start host1
	weftd_ready host1
	read -ra flags < <(weftd_flags host1)
	run --separate-stderr ns_run host1 timeout -s KILL 10 "$WEFT_BIN_DIR/weftd" "${flags[@]}"
	assert_failure 1 # temporary: it could start after the first one ends
	one_line_has 'another weftd is running' "$LAB_DIR/host1/run"
	weftd_is_ready host1
}

one_of_eight_lives() {
	local i alive=0
	for i in {1..8}; do
		! proc_pid "host1-at-once$i" >/dev/null || ((alive += 1))
	done
	((alive == 1))
}

@test "of many weftd started at once exactly one runs" {
	local flags i
	etcd_config
	read -ra flags < <(weftd_flags host1)
	for i in {1..8}; do
		proc_start "host1-at-once$i" host1 "$WEFT_BIN_DIR/weftd" "${flags[@]}"
	done
	wait_for 15 one_of_eight_lives
	wait_for 15 serves_host1
	one_of_eight_lives
	assert_equal "$(cat "$LAB_DIR"/log/host1-at-once* | grep -c 'another weftd is running')" 7
	for i in {1..8}; do
		proc_stop "host1-at-once$i"
	done
}

serves_host1() {
	weftctl_on host1 --json status | jq -e '.networks[0].state == "ready"'
}

@test "temporary errors end weftd with status 1, so that it is restarted" {
	local flags
	read -ra flags < <(weftd_flags host1)
	mkdir "$BATS_TEST_TMPDIR/full"
	# shellcheck disable=SC2016 # for the inner shell
	run --separate-stderr ns_run host1 unshare --mount \
		sh -c 'mount -t tmpfs -o nr_inodes=1 full "$1" && shift && exec timeout -s KILL 10 "$@"' - \
		"$BATS_TEST_TMPDIR/full" "$WEFT_BIN_DIR/weftd" "${flags[@]}" \
		--run-dir "$BATS_TEST_TMPDIR/full/run"
	assert_failure 1
	assert_equal "${#stderr_lines[@]}" 1
	one_line_has "$BATS_TEST_TMPDIR/full/run" 'No space left on device'
}

@test "the next start removes the temporary files of a killed weftd" {
	local run=$LAB_DIR/host1/run state=$LAB_DIR/host1/state
	etcd_config
	mkdir -p "$run/networks" "$state"
	touch "$run/..writable.7.0123abcd.tmp" "$run/networks/.default.json.7.0123abcd.tmp" \
		"$state/.node.json.7.0123abcd.tmp" "$state/.node.json.7.0123abcd.tmp.mine"
	weftd_start host1
	weftd_ready host1
	run find "$run" "$state" -name '*.tmp'
	assert_output ''
	[[ -e $state/.node.json.7.0123abcd.tmp.mine ]]
}
