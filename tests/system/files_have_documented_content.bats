#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The files that weftd writes for other programs: subnet.env in flannel's format, the run directory,
# the state directory.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 1
}

teardown_file() { lab_down; }

@test "subnet.env has flannel's format" {
	run cat "$LAB_DIR/host1/subnet.env"
	assert_line --index 0 'FLANNEL_NETWORK=10.5.0.0/16'
	assert_line --index 1 "FLANNEL_SUBNET=$(host_gateway host1)/24"
	assert_line --index 2 'FLANNEL_MTU=1450'
	assert_line --index 3 --regexp '^FLANNEL_IPMASQ=(true|false)$'
	assert_equal "${#lines[@]}" 4
	assert_equal "$(stat -c %a "$LAB_DIR/host1/subnet.env")" 644
	# A shell can source it, as units for flannel do.
	run sh -c ". $LAB_DIR/host1/subnet.env; echo \$FLANNEL_SUBNET"
	assert_output "$(host_gateway host1)/24"
}

# The file belongs to weftd's unprivileged user, so root must not execute it: the documented command
# reads one number.
@test "the documentation reads the MTU from subnet.env without executing the file" {
	local command file=$BATS_TEST_TMPDIR/subnet.env
	# shellcheck disable=SC2016 # not to be expanded
	command=$(sed -n 's/.*--mtu "$(\(sed .*\) [^ ]*subnet.env)".*/\1/p' "$WEFT_REPO/docs/runtimes.md")
	[[ $command ]]
	run sh -c "$command $LAB_DIR/host1/subnet.env"
	assert_output 1450
	# shellcheck disable=SC2016 # not to be expanded
	printf '%s\n' 'FLANNEL_MTU=1450 --pidfile=/etc/x' 'FLANNEL_MTU=$(id)' 'FLANNEL_MTU=' >"$file"
	run sh -c "$command $file"
	assert_output ''
	run grep -rnE '(^|[^a-z])(\.|source|EnvironmentFile=-?) */run/flannel' "$WEFT_REPO/README.md" \
		"$WEFT_REPO/docs" "$WEFT_REPO/conf"
	assert_failure 1
}

@test "the run directory has the state that weft reads" {
	local file=$LAB_DIR/host1/run/networks/default.json
	assert_json "$(<"$file")" '.version == 1 and .name == "default" and .vni == 1 and .mtu == 1450'
	assert_json "$(<"$file")" '.bridge == "weft-br1" and .vxlan == "weft-vx1" and .leaseLost == false'
	assert_json "$(<"$file")" '.families == [{cluster: "10.5.0.0/16", subnet: .families[0].subnet, gateway: .families[0].gateway}]'
	assert_equal "$(etcd_key_of host1)" "$(host_subnet host1 | tr / -)"
	[[ -S $LAB_DIR/host1/run/control.sock ]]
	assert_equal "$(stat -c %a "$LAB_DIR/host1/run/control.sock")" 600
}

@test "the state directory has the node's identity" {
	local file=$LAB_DIR/host1/state/node.json
	assert_json "$(<"$file")" ".node == \"$(etcd_value_of host1 | jq -r .Weft.Node)\""
	assert_json "$(<"$file")" ".networks.default.vtepMac == \"$(etcd_value_of host1 | jq -r .BackendData.VtepMAC)\""
	assert_json "$(<"$file")" ".networks.default.subnet == \"$(host_subnet host1)\""
}

@test "address records are in the run directory only" {
	container_add host1 pod
	run grep -rl pod "$LAB_DIR/host1/run"
	assert_success
	run grep -rl pod "$LAB_DIR/host1/state"
	assert_output ''
	container_del host1 pod
	run grep -rl --exclude=events pod "$LAB_DIR/host1/run"
	assert_output ''
}

@test "no temporary file remains" {
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	run find "$LAB_DIR/host1/run" "$LAB_DIR/host1/state" "$LAB_DIR/host1/subnet.env" -type f \
		! -name '*.json' ! -name subnet.env ! -name '*lock' ! -name events
	assert_output ''
}

# weftd may restore the file between the two commands.
becomes_directory() { rm -f "$1" && mkdir "$1"; }

@test "files that are removed or changed by others are restored" {
	local inode env=$LAB_DIR/host1/subnet.env networks=$LAB_DIR/host1/run/networks
	cp "$env" "$LAB_DIR/env"
	cp "$networks/default.json" "$LAB_DIR/state"
	rm "$env"
	wait_for 5 same "$LAB_DIR/env" "$env"
	echo FLANNEL_MTU=9000 >"$env"
	wait_for 5 same "$LAB_DIR/env" "$env"
	rm -r "$networks"
	wait_for 5 same "$LAB_DIR/state" "$networks/default.json"
	ln -sf /etc/passwd "$networks/default.json"
	wait_for 5 same "$LAB_DIR/state" "$networks/default.json"
	[[ ! -L $networks/default.json ]]
	# What cannot be replaced is reported, and replaced once that is possible.
	wait_for 5 becomes_directory "$networks/default.json"
	wait_for 5 not weftd_is_ready host1
	run weftctl_on host1 status
	assert_output --partial 'cannot replace default.json: Is a directory'
	rmdir "$networks/default.json"
	wait_for 5 weftd_is_ready host1
	same "$LAB_DIR/state" "$networks/default.json"
	# weftd's own writing is no change.
	inode=$(stat -c %i "$env" "$networks/default.json")
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	assert_equal "$(stat -c %i "$env" "$networks/default.json")" "$inode"
}

@test "the events are JSON lines that only weftd's user and root can read" {
	local file=$LAB_DIR/host1/run/events
	assert_equal "$(stat -c '%a' "$file")" 600
	run -0 jq -e -n 'all(inputs; (.time | test("^20.*Z$")) and .event != "" and
		(.level | IN("info", "warn", "error")) and all(.[]; type == "string"))' "$file"
}

@test "the underlay's MTU is used at start, if it is not 1500" {
	weftd_stop host1
	ip -n "$LAB-host1" link set eth0 mtu 1400
	weftd_start host1
	weftd_ready host1
	wait_for 10 grep -q '^FLANNEL_MTU=1350$' "$LAB_DIR/host1/subnet.env"
	assert_equal "$(host_network host1 .mtu)" 1350
	run ip -n "$LAB-host1" -j link show "$KERNEL_VXLAN"
	assert_json "$output" '.[0].mtu == 1350'
	run etcd_value_of host1
	assert_output --partial '"MTU":1350'
}
