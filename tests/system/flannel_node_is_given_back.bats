#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl adopt-flannel --undo after weft has attached and removed containers: flannel's plugins get those
# that exist, and host-local the addresses that they have, and no others. CNI's directory has another name.

load ../lib/bats
load ../lib/flannel

CONF=/etc/cni/own.d

# host1 is a node of flannel, host2 one of weft.
setup_file() {
	lab_open_for_file
	etcd_machine && etcd_start && etcd_config
	lab_hosts 2
	flannel_host host1 71
	weftd_start host2 # its subnet is one that the lease of flannel leaves free
	weftd_ready host2
	container_add host2 p1
	on host1 sh -c "mkdir $CONF && mv /etc/cni/net.d/* $CONF/"
	flannel_add host1 71 c1
	flannel_add host1 71 c2
	flannel_peers
	wait_for 20 ping_once c1 "$(ip4 p1)"
	weftd_beside_flannel host1
}

teardown_file() { lab_down; }

# What flanneld writes.
flannel_peers() {
	local subnet
	subnet=$(host_subnet host2)
	flannel_peer host1 "$(cut -d. -f3 <<<"$subnet")" host2 "$(weft_mac host2)"
}

refused() { # TEXT OPTION...
	run adopt_on host1 "${@:2}"
	assert_failure 1
	assert_output --partial "$1"
}

@test "--cni-conf-dir names the directory of the lists, and the journal keeps it" {
	refused 'no file in /etc/cni/net.d names'
	refused 'not an absolute path' --cni-conf-dir cni/own.d
	run -0 adopt_on host1 --cni-conf-dir $CONF --dry-run
	assert_line "would replace $CONF/10-flannel.conflist by weft's list"
	adopt_on host1 --cni-conf-dir $CONF
	run -0 on host1 ls $CONF /etc/cni/net.d
	assert_line 10-weft.conflist
	refute_output --partial flannel
	refused "was taken over with --cni-conf-dir $CONF" --cni-conf-dir /etc/cni/net.d
	run -0 adopt_on host1
	assert_output 'nothing to do'
	weftd_ready host1
}

@test "--dry-run names files by which udev renames devices or sets MACs" {
	# shellcheck disable=SC2016 # of udev
	on host1 sh -c 'mkdir -p /etc/systemd/network /etc/udev/rules.d
		printf "[Match]\nOriginalName=weft-link*\n[Link]\nName=x0\n" >/etc/systemd/network/05-x.link
		printf "[Match]\nOriginalName=veth*\n[Link]\nMACAddress=0e:00:00:00:00:99\n" >/etc/systemd/network/06-y.link
		echo "SUBSYSTEM==\"net\", KERNEL==\"weft-vx*\", RUN+=\"/sbin/ip link set \$name address 0e:00:00:00:00:99\"" \
			>/etc/udev/rules.d/70-z.rules'
	run -0 adopt_on host1 --dry-run
	assert_line 'warning: /etc/systemd/network/05-x.link renames weft-link0'
	assert_line --regexp '^warning: /etc/systemd/network/06-y.link sets the MAC of veth[0-9a-f]{11}$'
	assert_line 'warning: /etc/udev/rules.d/70-z.rules:1 can set the MAC of weft-vx1'
	run -0 adopt_on host1 --dry-run --undo
	assert_line 'warning: /etc/systemd/network/05-x.link renames weft-link1'
	refute_output --partial weft-vx1
	on host1 rm /etc/systemd/network/05-x.link /etc/systemd/network/06-y.link /etc/udev/rules.d/70-z.rules
	run -0 adopt_on host1 --dry-run
	refute_output --partial warning
}

reservations() { on host1 find /var/lib/cni/networks/cbr0 -name '10.5.*' -printf '%f\n' | sort; }
reserved_for() { on host1 head -n 1 "/var/lib/cni/networks/cbr0/$1" | tr -d '\r'; } # ADDRESS

@test "--undo gives flannel's plugins the containers that weft has attached since, with their addresses" {
	local ended freed
	weft_attach host1 c3
	weft_attach host1 c4
	freed=$(ip4 c2)
	weft_detach host1 c2
	ended=$(ip4 c4)
	weftd_stop host1
	# While weftd, which would free the address, is down.
	proc_stop process-c4
	ns_del c4
	run -0 adopt_on host1 --undo --dry-run
	assert_line "would move container c3 ($(ip4 c3)) from weft-br1 to cni0"
	run reservations
	assert_output ''
	adopt_on host1 --undo
	run -0 reservations
	assert_output "$(printf '%s\n' "$(ip4 c1)" "$(ip4 c3)" | sort)"
	refute_line "$freed"
	refute_line "$ended"
	assert_equal "$(reserved_for "$(ip4 c1)")" c1
	assert_equal "$(reserved_for "$(ip4 c3)")" c3
	run -0 on host1 ls $CONF /var/lib/cni/flannel
	assert_line 10-flannel.conflist
	refute_line 10-weft.conflist
	assert_line c1
	assert_line c3
	refute_line c2
	run ip -n "$LAB-host1" -o link
	refute_output --partial weft-
	assert_equal "$(find "$LAB_DIR/host1/run/attachments" -type f | wc -l)" 0
	run on host1 find /var/lib/cni/weft-adopt -name '*.json'
	assert_output ''
}

@test "these containers reach each other and other nodes" {
	flannel_peers
	wait_for 15 ping_once c3 "$(ip4 p1)"
	wait_for 15 ping_once p1 "$(ip4 c3)"
	ping_once c1 "$(ip4 c3)"
	ping_once c3 "$(ip4 c1)"
}

@test "flannel's plugins do not assign their addresses again, and remove them" {
	local addr
	flannel_add host1 71 c5
	run ip4 c5
	refute_output "$(ip4 c1)"
	refute_output "$(ip4 c3)"
	ping_once c5 "$(ip4 c3)"
	addr=$(ip4 c3)
	flannel_del host1 c3
	flannel_del host1 c1
	run ns_run c3 ip -o link
	refute_output --partial eth0
	run -0 reservations
	assert_output "$(ip4 c5)"
	refute_line "$addr"
}

@test "the node is taken over again, and given back without a container of flannel" {
	weftd_beside_flannel host1
	adopt_on host1 --cni-conf-dir $CONF
	weftd_ready host1
	weft_detach host1 c5
	weft_attach host1 c6
	weftd_stop host1
	adopt_on host1 --undo
	run -0 reservations
	assert_output "$(ip4 c6)"
	flannel_del host1 c6
	run reservations
	assert_output ''
}

published() { [[ -e $LAB_DIR/host1/run/networks/default.json ]]; }

# The run waits for the lock of the record of c8, before containers are moved.
@test "during --undo weft attaches no container, and one that an ADD attaches nevertheless is given back" {
	local pid record lock
	flannel_add host1 71 c8
	weftd_beside_flannel host1
	adopt_on host1 --cni-conf-dir $CONF
	weftd_ready host1
	weftd_stop host1
	cp "$LAB_DIR/host1/run/networks/default.json" "$BATS_TEST_TMPDIR/published"
	record=$(grep -l '"c8"' "$LAB_DIR"/host1/run/attachments/default/*)
	exec {lock}<"$record"
	flock "$lock"
	adopt_on host1 --undo {lock}<&- &
	pid=$!
	wait_for 10 not published
	ns_add c9
	proc_start process-c9 c9 sleep infinity {lock}<&-
	wait_for 10 flannel_netns_is_entered c9
	run weft_plugin host1 ADD c9 '{}'
	assert_failure
	assert_output --partial 'is not published'
	# As an ADD that had read it before.
	cp "$BATS_TEST_TMPDIR/published" "$LAB_DIR/host1/run/networks/default.json"
	weft_plugin host1 ADD c9 '{}'
	exec {lock}<&-
	wait $pid
	flannel_peers
	wait_for 15 ping_once c9 "$(ip4 c8)"
	wait_for 15 ping_once c9 "$(ip4 p1)"
	run -0 reservations
	assert_output "$(printf '%s\n' "$(ip4 c8)" "$(ip4 c9)" | sort)"
	assert_equal "$(reserved_for "$(ip4 c9)")" c9
	flannel_del host1 c8
	flannel_del host1 c9
	run reservations
	assert_output ''
}
