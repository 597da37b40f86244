#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# weftctl leave: the other nodes remove the node at once, and all of its state is removed. weftctl
# cleanup: removes the state from the node after weftd ended in another way.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 3
}

teardown_file() { lab_down; }

# Prints the traces of weft on a host: devices, routes, and files that other programs read.
weft_traces() { # HOST
	ip -n "$LAB-$1" -br link | grep weft-
	ip -n "$LAB-$1" route show proto 119
	find "$LAB_DIR/$1/run" "$LAB_DIR/$1/state" -path '*/networks/*' -type f
	[[ ! -e $LAB_DIR/$1/subnet.env ]] || echo subnet.env
}

@test "leave is refused while the node has containers, unless forced" {
	container_add host3 c31
	run -1 weftctl_on host3 leave
	assert_output --partial '1 containers are attached'
	run -0 weftd_is_ready host3
	container_del host3 c31
}

@test "leave removes the node from its peers at once, and all of its state" {
	local key id
	key=$(etcd_key_of host3) id=$(jq -r .node "$LAB_DIR/host3/state/node.json")
	run -0 weftctl_on host3 --json leave
	assert_json "$output" '.networks == 1 and .devices == 2 and .files >= 2'
	assert_equal "$(etcd_key_of host3)" ''
	kernel_settled host1 host2
	wait_for 10 not weftd_pid host3
	run weft_traces host3
	assert_output ''
	assert_equal "$(jq -r .node "$LAB_DIR/host3/state/node.json")" "$id"
	# It returns with its old identity.
	weftd_start host3
	weftd_ready host3
	assert_equal "$(etcd_key_of host3)" "$key"
	kernel_settled host1 host3
}

@test "after leave, weftd exits with a status that prevents a restart by systemd" {
	local flags
	read -ra flags < <(weftd_flags host3)
	weftd_stop host3
	# shellcheck disable=SC2016 # for the inner shell
	proc_start host3-weftd host3 bash -c '"$@"; echo "status $?" >"$0"' "$LAB_DIR/host3/status" \
		"$WEFT_BIN_DIR/weftd" "${flags[@]}"
	is_up() { weftctl_on host3 --json status | grep -q '"state": "ready"'; }
	wait_for 20 is_up
	run -0 weftctl_on host3 leave
	assert_output --regexp '^removed: 1 networks, 2 devices, 0 routes, [23] rules, [0-9]+ files$'
	wait_for 10 test -s "$LAB_DIR/host3/status"
	assert_equal "$(cat "$LAB_DIR/host3/status")" 'status 3'
	run grep -E '^RestartPreventExitStatus=.*\<3\>' "$WEFT_REPO"/conf/weftd.service*
	assert_success
}

@test "leave fails while the store is unreachable, and changes nothing" {
	kill -s STOP "$(proc_pid etcd)"
	run -1 weftctl_on host2 leave
	kill -s CONT "$(proc_pid etcd)"
	wait_for 30 weftd_is_ready host2
	kernel_settled host1 host2
}

@test "cleanup is refused while weftd runs, and removes the state of a killed weftd" {
	run -1 weftctl_on host2 cleanup
	assert_output --partial 'weftd is running'
	container_add host2 c21
	# The wrong run directory, in which there are neither records nor a lock.
	run -1 ns_run host2 "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/absent" cleanup
	assert_output --partial '1 containers are attached'
	weftd_stop host2 KILL
	run -1 weftctl_on host2 cleanup
	assert_output --partial '1 containers are attached'
	container_del host2 c21
	ns_run host2 nft add table ip filter
	ns_run host2 nft add chain ip filter FORWARD '{ type filter hook forward priority 0; }'
	ns_run host2 nft add rule ip filter FORWARD accept comment '"weft"'
	ns_run host2 nft add rule ip filter FORWARD accept comment '"ours"'
	run -0 weftctl_on host2 --json cleanup
	assert_json "$output" '.devices == 2 and .files == 1 and .rules >= 1'
	run ip -n "$LAB-host2" -br link
	refute_output --partial weft-
	run ns_run host2 nft list ruleset
	refute_output --partial 'table inet weft'
	refute_output --partial '"weft"'
	assert_output --partial '"ours"'
	run -0 weftctl_on host2 cleanup
	assert_output 'removed: 0 devices, 0 routes, 0 rules, 0 files'
	ns_run host2 nft delete table ip filter
	weftd_start host2
	weftd_ready host2
	kernel_settled host1 host2
}

# The way back to flannel: the lease and subnet.env stay, from which flanneld takes its subnet.
@test "a forced cleanup also removes the veths of containers; lease and subnet.env stay" {
	local key subnet
	key=$(etcd_key_of host2) subnet=$(grep ^FLANNEL_SUBNET= "$LAB_DIR/host2/subnet.env")
	container_add host2 c22
	weftd_stop host2
	run -0 weftctl_on host2 --json cleanup --force
	assert_json "$output" '.devices == 3'
	run -0 ip -n "$LAB-host2" -j link show type veth
	assert_equal "$(jq -c 'map(.ifname)' <<<"$output")" '["eth0"]'
	assert_equal "$(etcd_key_of host2)" "$key"
	assert_equal "$(grep ^FLANNEL_SUBNET= "$LAB_DIR/host2/subnet.env")" "$subnet"
	container_del host2 c22
	weftd_start host2
	weftd_ready host2
	assert_equal "$(etcd_key_of host2)" "$key"
}
