#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Dual stack over IPv4: three nodes whose containers have an address of each family, on hosts
# with IPv4 only.

load ../lib/bats

DUAL='"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0"'
DUAL+=',"EnableIPv6":true,"IPv6Network":"fd00:5::/48","Backend":{"Type":"vxlan","VNI":1}'

setup_file() {
	lab_open_for_file
	lab_overlay 3 "{$DUAL,\"Weft\":{\"LeaseTTL\":$WEFT_TEST_LEASE_TTL}}"
	container_add host1 c11 && container_add host1 c12 && container_add host2 c21 &&
		container_add host3 c31
}

teardown_file() { lab_down; }

# The second address in the result of ADD.
address6() { # HOST CONTAINER
	jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file "$1" "$2")"
}

@test "keys and values have flannel's format, without V6 data if there is no PublicIPv6" {
	run etcd_key_of host1
	assert_output --regexp '^10\.5\.[0-9]+\.0-24&fd00:5:0:[0-9a-f]+::-64$'
	run etcd_value_of host1
	assert_output --partial '{"PublicIP":"192.168.0.1","PublicIPv6":null,"BackendType":"vxlan","BackendData":{'
	refute_output --partial BackendV6Data
}

@test "a node's IPv4 and IPv6 subnets have the same index" {
	local key
	key=$(etcd_key_of host1)
	[[ $key =~ ^10\.5\.([0-9]+)\.0-24\&fd00:5:0:([0-9a-f]+)::-64$ ]]
	assert_equal "$((16#${BASH_REMATCH[2]}))" "${BASH_REMATCH[1]}"
}

@test "each kernel has the entries that the leases require in both families, and no others" {
	kernel_settled host1 host2 host3
}

@test "all containers reach each other in both families" {
	local from to
	for from in c11 c12 c21 c31; do
		for to in host1/c11 host1/c12 host2/c21 host3/c31; do
			run -0 ping_once "$from" "$(container_address "${to%/*}" "${to#*/}")"
			run -0 ping_once "$from" "$(address6 "${to%/*}" "${to#*/}")"
		done
	done
}

@test "hosts reach containers, and containers reach remote gateways, over IPv6" {
	run -0 ping_once host1 "$(address6 host2 c21)"
	run -0 ping_once c21 "$(host_network host1 '.families[1].gateway')"
}

@test "packets of 1450 bytes pass unfragmented in each family, and larger ones do not" {
	run -0 ping_once c11 "$(container_address host2 c21)" -M 'do' -s $((1450 - 28))
	no_answer c11 "$(container_address host2 c21)" -M 'do' -s $((1451 - 28))
	run -0 ping_once c11 "$(address6 host2 c21)" -M 'do' -s $((1450 - 48))
	no_answer c11 "$(address6 host2 c21)" -M 'do' -s $((1451 - 48))
}

@test "no address is tentative when ADD returns, neither in the container nor on the node" {
	ns_add c13
	run -0 cni_add host1 c13
	run -0 ip -n "$LAB-c13" -6 address show tentative
	assert_output ''
	run -0 ip -n "$LAB-host1" -6 address show dev weft-br1 tentative
	assert_output ''
	run -0 ping_once c13 "$(address6 host2 c21)"
	container_del host1 c13
}

@test "no host sends a redirect" {
	local file=$LAB_DIR/log/redirects
	proc_start redirects host1 tcpdump -lni weft-br1 'icmp6 and ip6[40] = 137 or icmp6 and ip6[40] = 136'
	wait_for 10 grep -q listening "$LAB_DIR/log/redirects"
	run -0 ping_once c11 "$(address6 host2 c21)" -c 5 -i 0.2
	# The capture works: it has the neighbour advertisements.
	ip -n "$LAB-c11" -6 neigh flush dev eth0
	run -0 ping_once c11 "$(address6 host2 c21)"
	wait_for 10 grep -q advertisement "$file"
	proc_stop redirects
	run grep redirect: "$file"
	refute_output
}

@test "a container gets IPv6 although its namespace has it disabled" {
	ns_add c14
	ns_run c14 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	run -0 cni_add host1 c14
	run -0 ping_once c14 "$(address6 host2 c21)"
	container_del host1 c14
}

@test "subnet.env has the lines of both families" {
	run -0 cat "$LAB_DIR/host1/subnet.env"
	assert_line "FLANNEL_NETWORK=10.5.0.0/16"
	assert_line "FLANNEL_IPV6_NETWORK=fd00:5::/48"
	assert_line --regexp '^FLANNEL_IPV6_SUBNET=fd00:5:0:[0-9a-f]+::1/64$'
	assert_line "FLANNEL_MTU=1450"
}

@test "status and peers show both families" {
	run -0 weftctl_on host1 --json status
	assert_json "$output" '.networks[0] | .lease.subnet6 and .cluster6 == "fd00:5::/48"
		and (.vxlan6 | not)'
	run -0 weftctl_on host1 --json peers
	assert_json "$output" '[.[] | select(.state == "installed" and .subnet and .subnet6)] | length == 2'
	run -0 weftctl_on host1 peers
	assert_output --partial "$(host_network host2 '.families[1].subnet')"
}

@test "a restart writes nothing to the kernel" {
	local before
	before=$(kernel_have host1)
	wait_for 5 restart_is_silent
	assert_equal "$(kernel_have host1)" "$before"
}

# The kernel reports some changes of devices late: an event may be of an earlier one. Not so in each attempt.
restart_is_silent() {
	local log=$LAB_DIR/log/monitor monitor written
	ip -n "$LAB-host1" monitor link address route neigh >"$log" 2>&1 3>&- &
	monitor=$!
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	written=$(weftctl_on host1 --json status | jq '.networks[0].reconciles.entries_written')
	kill "$monitor"
	wait "$monitor" || true
	assert_equal "$written" 0
	# Learned neighbours of containers change at any time.
	! grep -v -E '^[^D].* (REACHABLE|STALE|DELAY|PROBE) *$| (INCOMPLETE|FAILED) *$|^[0-9]+: veth[0-9a-f]+@' "$log" |
		grep -E 'PERMANENT|proto 119|weft-(br|vx)'
}

@test "a node acquires the same two subnets after a reboot without its key" {
	local key
	key=$(etcd_key_of host3)
	weftd_stop host3
	etcd_del "$key"
	weftd_start host3
	weftd_ready host3
	assert_equal "$(etcd_key_of host3)" "$key"
}

@test "a flannel node without IPv6 is a peer for IPv4 and does not affect other peers" {
	etcd_put '10.5.200.0-24&fd00:5:0:c8::-64' "$(flannel_value 192.168.0.77 02:00:00:00:00:77)"
	wait_for 10 ip_shows host1 'route show 10.5.200.0/24'
	run -0 ip -n "$LAB-host1" -6 route show fd00:5:0:c8::/64
	assert_output ''
	etcd_del '10.5.200.0-24&fd00:5:0:c8::-64'
	kernel_settled host1 host2 host3
	run -0 ping_once c11 "$(address6 host2 c21)"
}

ip_shows() { # HOST ARGUMENTS
	local text
	read -ra words <<<"$2"
	text=$(ip -n "$LAB-$1" "${words[@]}") && [[ $text ]]
}
