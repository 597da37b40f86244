#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # bats sets what run has seen
#
# weftctl doctor: things are broken one by one, and it names each, with what to do. weftd mends much
# by itself, so it is held still (SIGSTOP) where it would be faster than the look.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
	container_add host1 c11
	container_add host2 c21
}

teardown_file() { lab_down; }

# Its exit code tells whether something is wrong, which is seen in what it says, too.
doctor() { weftctl_on host1 --json doctor || (($? == 1)); }

# finds STATE CHECK TEXT: that finding is there, with a remedy unless all is well.
finds() {
	local said
	said=$(doctor)
	jq -e --arg s "$1" --arg c "$2" --arg t "$3" 'any(.findings[];
		.state == $s and .check == $c and (.text | contains($t)) and
		((.remedy == "") == ($s == "ok")))' <<<"$said" >/dev/null || {
		jq -c '.findings[] | select(.state != "ok")' <<<"$said"
		return 1
	}
}

is_good() { doctor | jq -e '.good'; }

@test "on a node where all is well there is nothing to do" {
	wait_for 15 is_good
	run -0 weftctl_on host1 doctor
	refute_output --partial wrong
	local check
	for check in weftd sysctl network store lease uplink devices entries peers containers addresses; do
		assert_line --regexp "^(ok|warning) +$check "
	done
	finds ok addresses '1 of 253'
	finds ok containers '1 attached'
	finds ok peers '1, none of them refused'
}

@test "as JSON: good, and findings with check, network, state, text and remedy" {
	run doctor
	assert_json "$output" '(.good | type) == "boolean"'
	assert_json "$output" '.findings | length > 8 and all(.[];
		(keys == ["check", "network", "remedy", "state", "text"]))'
	assert_json "$output" '[.findings[] | select(.check == "lease")][0].network == "default"'
}

@test "leases that are refused, used in part, or cannot be read" {
	etcd_put 10.5.131.0-24 "$(flannel_value 192.168.0.131 0e:00:00:00:00:31 7)"
	etcd_put 10.5.132.0-24-meta '{}'
	etcd_put '10.5.133.0-24&fd00:5:133::-64' "$(flannel_value 192.168.0.133 0e:00:00:00:00:33)"
	wait_for 15 finds warning peers '10.5.131.0/24 () is refused: its VNI is 7'
	wait_for 15 finds warning keys '10.5.132.0-24-meta'
	wait_for 15 finds warning peers '10.5.133.0/24 () is used in one family only'
	run weftctl_on host1 --json status
	assert_json "$output" '.networks[0].peers | .partial == 1 and .refused == 2'
	run weftctl_on host1 peers
	assert_output --partial 'its other family is not used: '
	is_good # others' faults are warnings
	etcd_del 10.5.131.0-24
	etcd_del 10.5.132.0-24-meta
	etcd_del '10.5.133.0-24&fd00:5:133::-64'
	wait_for 15 finds ok peers '1, none'
}

@test "ip_forward, redirects, strict rp_filter" {
	local conf=/proc/sys/net/ipv4/conf
	weftd_stop host1 KILL # it would set right what it can
	ns_run host1 sysctl -qw net.ipv4.ip_forward=0
	finds wrong sysctl 'net.ipv4.ip_forward is 0'
	run -1 weftctl_on host1 doctor
	assert_line --partial '-> sysctl net.ipv4.ip_forward=1'
	ns_run host1 sysctl -qw net.ipv4.ip_forward=1
	ns_run host1 sh -c "echo 1 >$conf/all/send_redirects"
	finds warning sysctl 'net.ipv4.conf.all.send_redirects is 1'
	ns_run host1 sh -c "echo 0 >$conf/all/send_redirects; echo 1 >$conf/all/rp_filter"
	finds warning sysctl 'rp_filter is strict'
	ns_run host1 sh -c "echo 0 >$conf/all/rp_filter; echo 0 >$conf/$KERNEL_BRIDGE/rp_filter"
	finds ok sysctl 'packets are forwarded'
	weftd_start host1
	weftd_ready host1
	wait_for 15 is_good
}

@test "a container that keeps the MTU that the network had" {
	ip -n "$LAB-c11" link set eth0 mtu 1440
	finds ok containers '1 attached'
	ip -n "$LAB-host1" link set "$(container_veth host1 c11)" mtu 9000
	ip -n "$LAB-c11" link set eth0 mtu 9000
	finds warning containers 'eth0 of c11 keeps MTU 9000, the network has 1450'
	ip -n "$LAB-c11" link set eth0 mtu 1450
	ip -n "$LAB-host1" link set "$(container_veth host1 c11)" mtu 1450
}

@test "a container that ended without a DEL, and a record that cannot be read" {
	local records=$LAB_DIR/host1/run/attachments/default
	container_add host1 c12
	ns_del c12
	wait_for 15 finds warning containers '1 ended without a DEL'
	echo '{' >"$records/0123456789abcdef"
	finds warning containers '1 records cannot be read'
	rm "$records/0123456789abcdef"
	cni_del host1 c12
	finds ok containers '1 attached'
}

@test "a network that weftd does not have" {
	local dir=$LAB_DIR/host1/run/networks
	sed 's/"default"/"old"/' "$dir/default.json" >"$dir/old.json"
	finds warning files 'weftd does not have this network'
	rm "$dir/old.json"
}

@test "addresses nearly all in use" {
	local i key
	key=$(host_subnet host1) # a network with a subnet of 5 addresses, all taken
	sed "s/\"default\"/\"old\"/; s|\"subnet\":\"${key}\"|\"subnet\":\"${key%/24}/29\"|" \
		"$LAB_DIR/host1/run/networks/default.json" >"$LAB_DIR/host1/run/networks/old.json"
	jq -c '.plugins[0] + {name: "old", cniVersion: "1.0.0", network: "old"}' \
		"$LAB_DIR/host1/10-weft.conflist" >"$BATS_TEST_TMPDIR/conf"
	for i in 1 2 3 4 5; do
		ns_add "full$i"
		cni_exec ADD host1 "full$i" eth0 weft <"$BATS_TEST_TMPDIR/conf" >/dev/null
	done
	finds wrong addresses '5 of 5'
	for i in 1 2 3 4 5; do
		cni_exec DEL host1 "full$i" eth0 weft <"$BATS_TEST_TMPDIR/conf" >/dev/null
		ns_del "full$i"
	done
	rm "$LAB_DIR/host1/run/networks/old.json"
	wait_for 15 is_good
}

@test "the store away, and the lease in danger" {
	etcd_stop KILL
	wait_for 30 finds wrong store 'has not been reached for'
	etcd_start
	wait_for 30 finds ok store 'is reached'
}

@test "without weftd: that, the devices, and whoever has its port" {
	weftd_stop host1 KILL
	finds wrong weftd 'weftd is not running'
	finds ok devices 'weft-br1 and weft-vx1 are up, MTU 1450'
	ip -n "$LAB-host1" link set "$KERNEL_VXLAN" down
	finds wrong devices 'weft-vx1 is down'
	ip -n "$LAB-host1" link del "$KERNEL_VXLAN"
	finds wrong devices 'weft-vx1 is not there'
	proc_start squatter host1 socat -u UDP4-RECV:8472 OPEN:/dev/null
	wait_for 10 port_is_taken
	weftd_start host1
	wait_for 20 finds wrong port "another program has the tunnel's UDP port 8472"
	finds wrong network ''
	proc_stop squatter
	wait_for 60 is_good
	weftd_ready host1
}

port_is_taken() { ns_run host1 ss -Huan sport = :8472 | grep -q 8472; }

@test "the uplink away, and one that is too narrow" {
	kill -s STOP "$(weftd_pid host1)"
	# weftd cannot be asked: what is known of the node is still told.
	run -1 weftctl_on host1 doctor
	assert_output --partial 'weftd does not answer'
	assert_line --regexp '^ok +devices '
	kill -s CONT "$(weftd_pid host1)"
	etcd_config_of '"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0","Backend":{"Type":"vxlan","MTU":1600}'
	wait_for 20 finds wrong uplink 'eth0 carries 1500 bytes; packets of 1550'
	etcd_config
	wait_for 20 is_good
	ip -n "$LAB-host1" route del default
	ip -n "$LAB-host1" link set eth0 down
	wait_for 20 finds wrong network ''
	ip -n "$LAB-host1" link set eth0 up
	ip -n "$LAB-host1" route add default via "$LAB_GATEWAY"
	wait_for 30 is_good
}
