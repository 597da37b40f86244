#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# Two nodes with two networks each. Each network has its own VNI, devices, leases and addresses. There
# is no traffic between networks, and an error in one does not affect the other.

load ../lib/bats

BLUE='{"Network":"10.6.0.0/16","SubnetMin":"10.6.1.0","SubnetMax":"10.6.99.0",
	"Backend":{"Type":"vxlan","VNI":2},"Weft":{"LeaseTTL":15}}'

setup_file() {
	lab_open_for_file
	lab_hosts 2
	store_start
	blue etcd_config "$BLUE"
	weftd_start host1 --network default --network blue
	weftd_start host2 --network default,blue
	both_are_ready
	in_network default "" host1 c11
	in_network default "" host2 c21
	in_network blue "" host1 b11
	in_network blue "" host2 b21
}

teardown_file() { lab_down; }

# Runs a command for the network blue in place of default.
blue() {
	LAB_NETWORK=blue ETCD_PREFIX=$ETCD_PREFIX/networks/blue KERNEL_BRIDGE=weft-br2 \
		KERNEL_VXLAN=weft-vx2 KERNEL_SECOND=weft-v62 "$@"
}

both_are_ready() {
	weftd_ready host1 host2
	blue weftd_ready host1 host2
	kernel_settled host1 host2
	blue kernel_settled host1 host2
}

# in_network NETWORK FILTER HOST CONTAINER [IFNAME]: runs ADD with the list changed by FILTER.
in_network() {
	cni_use "$3" ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\" $2" \
		<"$WEFT_REPO/conf/10-weft.conflist"
	[[ -e $(ns_path "$4") ]] || ns_add "$4"
	cni_add "$3" "$4" "${5-eth0}" >/dev/null
}

status_of() { # HOST NETWORK EXPRESSION
	weftctl_on "$1" --json --network "$2" status | jq -e ".networks[0] | $3"
}

@test "each network has its own subnet, devices and files, and containers reach their own network only" {
	ping_once c11 "$(container_address host2 c21)"
	ping_once b11 "$(container_address host2 b21)"
	[[ $(container_address host1 b11) == 10.6.* && $(container_address host1 c11) == 10.5.* ]]
	[[ $(blue host_subnet host1) == 10.6.* ]]
	run ns_run b11 ip route
	refute_output --partial 10.5.
	# Each network's devices have entries of its own leases only.
	run kernel_have host1
	refute_output --partial 10.6.
	run blue kernel_have host1
	refute_output --partial 10.5.
	assert_equal "$(find "$LAB_DIR/host1/run/ipam" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs)" \
		'blue default'
	# subnet.env describes the default network.
	grep -q '^FLANNEL_NETWORK=10.5.0.0/16$' "$LAB_DIR/host1/subnet.env"
}

@test "weftctl shows both networks, and one with --network" {
	run weftctl_on host1 status
	assert_success
	assert_output --partial 10.5.0.0/16
	assert_output --partial 10.6.0.0/16
	run weftctl_on host1 --json --network blue status
	assert_json "$output" '[.networks[].name] == ["blue"]'
	run weftctl_on host1 --json peers
	assert_json "$output" '[.[].network] == ["default", "blue"]'
	run weftctl_on host1 --network=default peers
	assert_output --partial 10.5.
	refute_output --partial 10.6.
	run weftctl_on host1 --network red status
	assert_failure 1
	assert_output 'weftctl: weftd: this node has no network "red"; it has: default, blue'
	run weftctl_on host1 --network '"' status
	assert_failure 2
}

@test "a container can be attached to both networks" {
	in_network default "" host1 both
	in_network blue '| (.plugins[] | select(.type == "weft")).isDefaultGateway = false' host1 both eth1
	ping_once both "$(container_address host2 c21)"
	ping_once both "$(container_address host2 b21)"
	cni_del host1 both eth1
	cni_del host1 both
	ns_del both
}

@test "a restart changes nothing and loses no packet in either network" {
	local had had_blue
	had=$(kernel_have host1) had_blue=$(blue kernel_have host1)
	flow_start default c11 "$(container_address host2 c21)" 200
	flow_start blue b11 "$(container_address host2 b21)" 200
	weftd_stop host1 KILL
	weftd_start host1 --network default --network blue
	both_are_ready
	assert_equal "$(kernel_have host1)" "$had"
	assert_equal "$(blue kernel_have host1)" "$had_blue"
	status_of host1 default '.reconciles.entries_written == 0'
	status_of host1 blue '.reconciles.entries_written == 0'
	assert_equal "$(flow_lost default) $(flow_lost blue)" '0 0'
}

@test "an invalid configuration of one network does not affect the other" {
	blue etcd_config '{"Network":7}'
	wait_for 10 status_of host1 blue '.state == "degraded" and (.reason | test("Network"))'
	status_of host1 default '.state == "ready"'
	in_network default "" host1 c12
	ping_once c12 "$(container_address host2 c21)"
	ping_once b11 "$(container_address host2 b21)"
	blue etcd_config "$BLUE"
	wait_for 10 status_of host1 blue '.state == "ready"'
}

@test "a configuration that conflicts with the other network is refused in one line, and the old one stays" {
	local changed
	for changed in '.Backend.VNI = 1' '.Network = "10.5.128.0/17" | del(.SubnetMin, .SubnetMax)' \
		'.Backend.GBP = true'; do
		blue etcd_config "$(jq -c "$changed" <<<"$BLUE")"
		wait_for 10 status_of host1 blue \
			'.state == "degraded" and (.reason | test("network \"default\".*stays in use"))'
	done
	status_of host1 default '.state == "ready"'
	blue kernel_agrees host1
	blue etcd_config "$BLUE"
	wait_for 10 status_of host1 blue '.state == "ready"'
	both_are_ready
}

@test "of two conflicting networks the later one waits until the conflict is gone" {
	lab_host host3
	ETCD_PREFIX=$ETCD_PREFIX/networks/red etcd_config "$BLUE"
	weftd_start host3 --network blue --network red
	blue weftd_ready host3
	wait_for 10 status_of host3 red '.state == "starting" and (.reason | test(
		"Backend.VNI: 2 is already used by network \"blue\""))'
	assert_equal "$(grep -c 'Backend.VNI: 2' "$LAB_DIR/log/host3-weftd")" 1
	# Without a network default, subnet.env describes the first network.
	grep -q '^FLANNEL_NETWORK=10.6.0.0/16$' "$LAB_DIR/host3/subnet.env"
	ETCD_PREFIX=$ETCD_PREFIX/networks/red etcd_config \
		'{"Network":"10.7.0.0/16","Backend":{"VNI":3},"Weft":{"LeaseTTL":15}}'
	wait_for 20 status_of host3 red '.state == "ready"'
	# The stopped node is removed from the other nodes' tables, too.
	weftd_stop host3
	wait_for 20 blue_has_no host1 192.168.0.3
}

blue_has_no() { ! blue kernel_have "$1" | grep -F "$2"; } # HOST ADDRESS

add_of() { # NETWORK CONTAINER
	cni_use host1 ".name = \"$1\" | (.plugins[] | select(.type == \"weft\")).network = \"$1\"" \
		<"$WEFT_REPO/conf/10-weft.conflist"
	cni_add host1 "$2"
}

@test "a network that is no longer configured keeps its devices and containers, and refuses new ones" {
	local had
	had=$(blue kernel_have host1)
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	assert_equal "$(blue kernel_have host1)" "$had"
	# Its lease may expire, since weftd does not renew it; its devices stay.
	ping_once b11 "$(blue host_gateway host1)"
	ns_add b12
	run add_of blue b12
	assert_failure
	assert_json "$output" '.code == 50 and (.msg | test("network \"blue\" is no longer served by weftd"))'
	cni_del host1 b11
	ns_del b11
	assert_equal "$(grep -c 'network not served any more' "$LAB_DIR/log/host1-weftd")" 1
	# It works again after it is configured again.
	weftd_stop host1
	weftd_start host1 --network default --network blue
	both_are_ready
	run add_of blue b12
	assert_success
	ping_once b12 "$(container_address host2 b21)"
}
