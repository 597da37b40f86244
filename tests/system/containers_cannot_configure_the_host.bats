#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets stderr; the inner shell expands
#
# The host end of a container's veth is no interface of the host: a router advertisement from a
# container gives the host neither an address nor a route.

load ../lib/bats
load ../lib/packets

GROUP=01:80:c2:00:00:0e # link-local (IEEE 802.1D): the bridge passes it to the port itself
MULTICAST=33:33:00:00:00:01

setup_file() {
	lab_open_for_file
	lab_overlay 1
	container_add host1 c1
}

teardown_file() { lab_down; }

conf() { ns_run host1 tee "/proc/sys/net/ipv6/conf/$1/$2" <<<"$3" >/dev/null; } # DEVICE NAME VALUE
is_conf() { [[ $(ns_run host1 cat "/proc/sys/net/ipv6/conf/$1/$2") == "$3" ]]; }

believes() { # the host has the route or the address of the advertisement
	ip -n "$LAB-host1" -6 route show | grep -E 'proto ra|2001:db8:bad:' ||
		ip -n "$LAB-host1" -6 address show | grep 2001:db8:bad:
}

@test "a router advertisement from a container is ignored, through the port and through the bridge" {
	is_conf "$KERNEL_BRIDGE" accept_ra 0
	is_conf "$(container_veth host1 c1)" disable_ipv6 1
	advertise c1 $GROUP
	advertise c1 $MULTICAST
	run believes
	assert_failure
	[[ -z $(ip -n "$LAB-host1" -6 address show dev "$(container_veth host1 c1)") ]]
}

@test "a port with IPv6 ignores it by the rules of inet weft" {
	local veth
	veth=$(container_veth host1 c1)
	weftd_stop host1
	conf "$veth" disable_ipv6 0
	wait_for 5 has_ipv6 "$veth"
	advertise c1 $GROUP
	run believes
	assert_failure
}

@test "without the rules a port accepts it; weftd disables IPv6 and so removes what was accepted" {
	local veth
	veth=$(container_veth host1 c1)
	ns_run host1 nft flush ruleset
	wait_for 5 has_ipv6 "$veth"
	wait_for 5 advertise_and_believe
	weftd_start host1
	weftd_ready host1
	wait_for 5 is_conf "$veth" disable_ipv6 1
	wait_for 5 not believes
}

has_ipv6() { ip -n "$LAB-host1" -6 address show dev "$1" | grep 'scope link'; } # DEVICE

advertise_and_believe() {
	advertise c1 $GROUP
	believes
}

@test "ADD succeeds with a warning if /proc/sys is read-only" {
	ns_add r1
	run --separate-stderr read_only_add
	assert_success
	assert_json "$output" '.ips[0].address'
	[[ $stderr == *'IPv6 stays enabled on the host end'*'Read-only file system'* ]]
	cni_del host1 r1
	ns_del r1
}

read_only_add() {
	cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 |
		CNI_COMMAND=ADD CNI_CONTAINERID=r1 CNI_NETNS=/run/netns/$LAB-r1 CNI_IFNAME=eth0 CNI_PATH=/ \
			ns_run host1 unshare -m sh -c 'mount --bind /proc/sys /proc/sys &&
			mount -o remount,bind,ro /proc/sys && exec "$1"' sh "$WEFT_BIN_DIR/weft"
}
