#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# Sysctls that other programs set beforehand, and a read-only /proc/sys: the overlay works if it can,
# and what cannot be set is in status and doctor.

load ../lib/bats

CONFIG='{"Network":"10.5.0.0/16","IPv6Network":"fd00:5::/48","EnableIPv6":true}'

setup_file() {
	lab_open_for_file
	lab_hosts 2
	store_start "$CONFIG"
	# As a hardened host: new devices do not forward, and have a strict rp_filter.
	ns_run host1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ns_run host1 sysctl -qw net.ipv4.conf.default.forwarding=0 net.ipv6.conf.default.forwarding=0 \
		net.ipv4.conf.default.rp_filter=1 net.ipv4.conf.eth0.rp_filter=1
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c11
	container_add host2 c21
}

teardown_file() { lab_down; }

address6() { # HOST CONTAINER
	jq -r '.result.ips[1].address | split("/")[0]' "$(cni_result_file "$1" "$2")"
}

both_families_work() {
	ping_once c11 "$(container_address host2 c21)" && ping_once c11 "$(address6 host2 c21)" &&
		ping_once c21 "$(container_address host1 c11)"
}

sysctl_on() { # HOST NAME
	ns_run "$1" sysctl -n "$2"
}

status_has() { # HOST EXPRESSION
	local status
	status=$(weftctl_on "$1" --json status) || [[ $status ]] || return 1
	jq -e "$2" <<<"$status" >/dev/null || { jq -c '.networks[]' <<<"$status" && return 1; }
}

doctor_has() { # HOST EXPRESSION
	local report
	report=$(weftctl_on "$1" --json doctor) || (($? == 1)) || return 1
	jq -e "$2" <<<"$report" >/dev/null || {
		jq -c '.findings[] | select(.state != "ok")' <<<"$report"
		return 1
	}
}

read_only_weftd() { # HOST
	# shellcheck disable=SC2016 # expanded by the shell in the namespace
	local host=$1 flags mount='mount --make-rprivate / && mount --bind /proc/sys /proc/sys &&
		mount -o remount,bind,ro /proc/sys && exec "$@"'
	read -ra flags < <(weftd_flags "$host")
	proc_start "$host-weftd" "$host" unshare -m sh -c "$mount" sh "$WEFT_BIN_DIR/weftd" "${flags[@]}"
}

@test "the bridge forwards where new devices do not" {
	wait_for 10 both_families_work
	assert_equal "$(sysctl_on host1 net.ipv4.conf.weft-br1.forwarding)" 1
	assert_equal "$(sysctl_on host1 net.ipv6.conf.weft-br1.forwarding)" 1
	assert_equal "$(sysctl_on host1 net.ipv4.conf.default.forwarding)" 0
	assert_equal "$(sysctl_on host1 net.ipv4.conf.weft-br1.rp_filter)" 1
}

@test "forwarding of the bridge is restored at once, and doctor checks each device" {
	ns_run host1 sysctl -qw net.ipv4.conf.weft-br1.forwarding=0
	wait_for 5 both_families_work
	ns_run host1 sysctl -qw net.ipv4.conf.eth0.forwarding=0
	doctor_has host1 'any(.findings[]; .check == "sysctl" and .state == "warning" and
		(.text | startswith("forwarding is 0 on eth0")) and
		.remedy == "sysctl net.ipv4.conf.eth0.forwarding=1")'
	ns_run host1 sysctl -qw net.ipv4.conf.eth0.forwarding=1
	weftd_stop host1
	ns_run host1 sysctl -qw net.ipv4.conf.weft-br1.forwarding=0
	no_answer c11 "$(container_address host2 c21)"
	doctor_has host1 'any(.findings[]; .check == "sysctl" and .state == "error" and
		.remedy == "sysctl net.ipv4.conf.weft-br1.forwarding=1")'
	weftd_start host1
	weftd_ready host1
	both_families_work
}

@test "with a read-only /proc/sys and the right values, the network is ready" {
	weftd_stop host1
	ns_run host1 sysctl -qw net.ipv4.conf.all.send_redirects=1
	read_only_weftd host1
	weftd_ready host1
	both_families_work
	# What is not essential is a warning.
	status_has host1 '.networks[0] | .state == "ready" and .sysctls == [{
		name: "net.ipv4.conf.all.send_redirects", value: "1", wanted: "0",
		essential: false, error: "Read-only file system"}]'
	run -0 weftctl_on host1 status
	assert_line 'default: sysctl net.ipv4.conf.all.send_redirects is 1 instead of 0: Read-only file system'
	doctor_has host1 '.healthy and any(.findings[]; .check == "sysctl" and .state == "warning" and
		(.remedy | startswith("sysctl net.ipv4.conf.all.send_redirects=0, ")))'
}

@test "IPv6 of a container's veth that cannot be disabled is reported" {
	local name veth
	veth=$(jq -r '.result.interfaces[1].name' "$(cni_result_file host1 c11)")
	name=net.ipv6.conf.$veth.disable_ipv6
	weftd_stop host1
	ns_run host1 sysctl -qw "$name=0"
	read_only_weftd host1
	weftd_ready host1
	status_has host1 ".networks[0] | .state == \"ready\" and any(.sysctls[]; .name == \"$name\" and
		.value == \"0\" and .wanted == \"1\" and .essential == false)"
	run -0 weftctl_on host1 status
	assert_line "default: sysctl $name is 0 instead of 1: Read-only file system"
	doctor_has host1 ".healthy and any(.findings[]; .check == \"sysctl\" and .state == \"warning\" and
		(.remedy | startswith(\"sysctl $name=1, \")))"
	# The command that doctor prints ends it, at the latest with the next start.
	ns_run host1 sysctl -qw "$name=1"
	weftd_stop host1
	read_only_weftd host1
	weftd_ready host1
	status_has host1 "all(.networks[0].sysctls[]; .name != \"$name\")"
}

@test "with a read-only /proc/sys and forwarding off, all else is done and reported" {
	weftd_stop host1
	ip -n "$LAB-host1" link del weft-br1
	ip -n "$LAB-host1" link del weft-vx1
	ns_run host1 sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	read_only_weftd host1
	wait_for 10 status_has host1 '.networks[0] | .state == "degraded" and .lease.subnet and
		.peers.installed == 1 and
		.reason == "net.ipv4.ip_forward is 0 and cannot be set to 1: Read-only file system"'
	kernel_settled host1
	status_has host1 '[.networks[0].sysctls[] | select(.essential) | .name] | sort == [
		"net.ipv4.conf.weft-br1.forwarding", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]'
	doctor_has host1 'any(.findings[]; .check == "sysctl" and .state == "error" and
		(.remedy | startswith("sysctl net.ipv4.ip_forward=1")))'
	# The command that doctor prints ends it, without a restart.
	ns_run host1 sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	wait_for 10 status_has host1 '.networks[0].state == "ready"'
	wait_for 10 both_families_work
}

@test "the plugin attaches a container whose IPv6 sysctls are read-only" {
	# shellcheck disable=SC2016 # expanded by the shell in the namespace
	local mount='mount --make-rprivate / && mount --bind /proc/sys /proc/sys &&
		mount -o remount,bind,ro /proc/sys && exec "$@"' conf
	ns_add c12
	conf=$(jq -c '.plugins[0] + {name, cniVersion}' "$LAB_DIR/host2/10-weft.conflist")
	export CNI_COMMAND=ADD CNI_CONTAINERID=c12 CNI_NETNS=/run/netns/$LAB-c12 CNI_IFNAME=eth0 \
		CNI_PATH=$WEFT_BIN_DIR
	run -0 --separate-stderr ns_run host2 unshare -m sh -c "$mount" sh "$WEFT_BIN_DIR/weft" <<<"$conf"
	assert_json "$output" '.ips | length == 2'
	[[ $stderr == *'accept_dad'*'Read-only file system'* ]]
	ping_once c12 "$(container_address host1 c11)"
	wait_for 5 ping_once c12 "$(address6 host1 c11)"
	CNI_COMMAND=DEL run -0 ns_run host2 "$WEFT_BIN_DIR/weft" <<<"$conf"
	# Without IPv6 no address can be added: an error that names the sysctl.
	ns_run c12 sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	run -1 ns_run host2 unshare -m sh -c "$mount" sh "$WEFT_BIN_DIR/weft" <<<"$conf"
	assert_output --partial 'disable_ipv6 from 1 to 0: Read-only file system'
}
