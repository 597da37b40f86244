#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# weftctl leases, reserve and release: a reservation keeps a subnet for a node permanently, until it is
# released.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
	lab_host host3
}

teardown_file() { lab_down; }

lease_is() { # HOST KEY EXPRESSION
	local leases
	leases=$(weftctl_on "$1" --json leases) || return 1
	jq -e --arg k "$2" "map(select(.key == \$k)) | length == 1 and (.[0] | $3)" <<<"$leases"
}

etcd_lease_of() { # KEY
	etcd_ctl get "$ETCD_PREFIX/subnets/$1" -w json | jq '.kvs[0].lease // 0'
}

@test "leases shows all leases, and why one is refused" {
	local own other
	own=$(etcd_key_of host1) other=$(etcd_key_of host2)
	etcd_put 10.7.7.0-24 "$(flannel_value 192.168.0.77 0e:00:00:00:00:77)"
	etcd_put 10.5.300.0-24 '{}'
	wait_for 10 lease_is host1 10.5.300.0-24 '.state == "refused" and (.reason | length > 0)'
	wait_for 10 lease_is host1 10.7.7.0-24 '.state == "refused" and (.reason | length > 0)'
	run -0 lease_is host1 "$own" ".state == \"own\" and .ttl == $WEFT_TEST_LEASE_TTL and (.reserved | not)"
	run -0 lease_is host1 "$other" '.state == "used" and .node_name == "host2"'
	run -0 weftctl_on host1 leases
	assert_line --regexp "default +$other +host2 +192.168.0.2 +- +used"
	etcd_del 10.7.7.0-24
	etcd_del 10.5.300.0-24
}

@test "a node's lease becomes a reservation, outlives the node, and becomes a lease again" {
	local key subnet
	key=$(etcd_key_of host2) subnet=$(host_subnet host2)
	run -0 weftctl_on host1 reserve host2 "$subnet"
	assert_output "$key is reserved for host2"
	assert_equal "$(etcd_lease_of "$key")" 0
	wait_for 10 lease_is host2 "$key" '.reserved and .state == "own"'
	wait_for 10 lease_is host1 "$key" '.reserved and .state == "used"'
	kernel_settled host1 host2
	run -0 weftctl_on host1 --json release "$subnet"
	assert_json "$output" '.node_name == "host2"'
	wait_for 10 lease_is host2 "$key" '.state == "own" and (.reserved | not)'
	kernel_settled host1 host2
}

@test "a free subnet is reserved for a later node by its address, in a form that flannel accepts" {
	local subnet
	subnet=$(etcd_free_subnet)
	run -0 weftctl_on host1 reserve 192.168.0.3 "$subnet/24"
	run etcd_ctl get --print-value-only "$ETCD_PREFIX/subnets/$subnet-24"
	assert_output '{"PublicIP":"192.168.0.3","PublicIPv6":null,"BackendType":"reserved"}'
	wait_for 10 lease_is host2 "$subnet-24" '.state == "reserved"'
	weftd_start host3
	weftd_ready host3
	assert_equal "$(host_subnet host3)" "$subnet/24"
	assert_equal "$(etcd_lease_of "$subnet-24")" 0
	kernel_settled host1 host2 host3
}

@test "invalid reservations are refused with a reason" {
	run -1 weftctl_on host1 reserve host1 "$(host_subnet host2)"
	assert_output --partial 'is not free'
	assert_output --partial 'leased by host2'
	run -1 weftctl_on host1 reserve host2 10.5.167.0/24
	assert_output --partial 'is not a valid node subnet of network default'
	run -1 weftctl_on host1 reserve absent "$(etcd_free_subnet)/24"
	assert_output --partial 'unknown node "absent"'
	run -1 weftctl_on host1 reserve host2 10.9.1.0/24
	assert_output --partial '10.9.1.0/24 is in no network of this node'
	run -1 weftctl_on host1 reserve host2 10.5.68.0/25
	assert_output --partial 'is not a valid node subnet of network default'
	local address
	for address in 0.0.0.0 255.255.255.255 127.0.0.1 224.0.0.1 ::1; do
		run -1 weftctl_on host1 reserve "$address" "$(etcd_free_subnet)/24"
		assert_output --partial "unknown node \"$address\""
	done
	run -1 weftctl_on host1 release 10.5.169.0/24
	assert_output --partial 'no lease for subnet 10.5.169.0/24'
	run -1 weftctl_on host1 release "$(host_subnet host1)"
	assert_output --partial "this node's own lease"
}

@test "wrong arguments: exit 2, and the argument is named" {
	run -2 weftctl_on host1 reserve host2
	assert_output 'weftctl: usage: weftctl reserve NODE SUBNET'
	run -2 weftctl_on host1 reserve host2 elsewhere
	assert_output --partial 'SUBNET: "elsewhere"'
	run -2 weftctl_on host1 release 10.5.169.0
	assert_output --partial 'SUBNET: "10.5.169.0"'
	run -2 weftctl_on host1 reserve '' 10.5.167.0/24
	assert_output --partial 'NODE: ""'
	run -2 weftctl_on host1 reserve "$(printf 'x%.0s' {1..9000})" 10.5.167.0/24
	assert_output --partial 'is longer than 253 bytes'
}

@test "only root may reserve and release, even if the socket permits others" {
	chmod 0666 "$LAB_DIR/host1/run/control.sock"
	chmod 0755 "$LAB_DIR" "$LAB_DIR/host1" "$LAB_DIR/host1/run"
	run -1 ns_run host1 setpriv --reuid 65534 --clear-groups "$WEFT_BIN_DIR/weftctl" \
		--run-dir "$LAB_DIR/host1/run" release "$(host_subnet host3)"
	assert_output --partial 'only root'
	run -0 lease_is host1 "$(etcd_key_of host3)" .reserved
	chmod 0600 "$LAB_DIR/host1/run/control.sock"
}

route_to() { ip -n "$LAB-$1" route show "$2" | grep .; } # HOST DESTINATION

@test "a lost subnet is refused for new containers, another is acquired, and all containers are reachable" {
	local lost key gateway old
	container_add host1 c11 && container_add host2 c21 && container_add host2 c24
	gateway=$(host_gateway host2)
	key=$(etcd_key_of host2) lost=$(host_subnet host2)
	etcd_put "$key" "$(flannel_value 192.168.0.88 0e:00:00:00:00:88)"
	moved() { weftd_is_ready host2 && [[ $(host_subnet host2) != "$lost" ]]; }
	wait_for 20 moved
	kernel_settled host1
	run cni_check host1 c11
	container_add host2 c22
	run -0 ping_once c11 "$(container_address host2 c22)"
	run -0 ping_once c22 "$(container_address host1 c11)"
	# New containers of the node reach each other.
	container_add host2 c23
	run -0 ping_once c22 "$(container_address host2 c23)"
	run ip -n "$LAB-host2" route show "$lost"
	assert_output --partial 'proto 119' # the route to the new owner
	# Displaced containers reach their gateway, the node and its other containers.
	old=$(container_address host2 c21)
	run -0 ping_once c21 "$(container_address host2 c24)"
	run -0 ping_once c21 "$gateway"
	run -0 ping_once c21 "$(container_address host2 c22)"
	run -0 ping_once host2 "$old"
	run ip -n "$LAB-host2" route get "${lost%.*}.77"
	assert_output --partial "via ${lost%/*} " # other addresses of the subnet belong to the new owner
	has_displaced() { ip -n "$LAB-host2" address show dev weft-br1 | grep -F "$gateway/32"; }
	has_displaced
	ip -n "$LAB-host2" route show "$old" | grep -F 'proto 119'
	# A restart keeps this state.
	weftd_stop host2 KILL
	weftd_start host2
	weftd_ready host2
	has_displaced
	run -0 ping_once c21 "$gateway"
	container_del host2 c21
	wait_for 20 not route_to host2 "$old"
	has_displaced
	container_del host2 c24
	wait_for 20 not has_displaced
	etcd_del "$key"
}
