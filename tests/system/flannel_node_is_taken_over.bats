#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl adopt-flannel on a node with containers of flannel's plugins: the containers keep address,
# interface and connections; packets from and to this node, a weft node, a flannel node and the outside
# continue. Killed at any point, the next run completes. --undo gives the node back.

load ../lib/bats
load ../lib/flannel

# host1 and host3 are nodes of flannel, host2 is one of weft.
setup_file() {
	lab_open_for_file
	etcd_machine && etcd_start && etcd_config
	"${CC-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -o "$LAB_DIR/killer" "$WEFT_REPO/tests/kill/killer.c"
	lab_hosts 3
	flannel_host host3 73
	flannel_host host1 71
	weftd_start host2 # its subnet is one that the leases of flannel leave free
	flannel_add host3 73 f1
	weftd_ready host2
	container_add host2 p1
	flannel_add host1 71 c1
	flannel_add host1 71 c2
	flannel_masquerade host1 71
	flannel_peers host1
	flannel_peers host3
	wait_for 20 all_reach
}

teardown_file() { lab_down; }

subnet_of() { local subnet; subnet=$(host_subnet "$1") && echo "${subnet%.0/24}" | cut -d. -f3; } # HOST

# What flanneld of that host writes.
flannel_peers() { # HOST
	flannel_peer "$1" "$(subnet_of host2)" host2 "$(weft_mac host2)"
	if [[ $1 == host1 ]]; then
		flannel_peer host1 73 host3
	else
		flannel_peer host3 71 host1
	fi
}

OUTSIDE=192.168.0.250 # without a route to containers

all_reach() {
	local to
	for to in c2 p1 f1; do
		ping_once c1 "$(ip4 $to)" && ping_once $to "$(ip4 c1)" || return
	done
	ping_once c1 $OUTSIDE && ping_once p1 "$(ip4 c2)" && ping_once f1 "$(ip4 c2)"
}

# Each container's next frames are broadcasts, from which both bridges learn where it is. Before that, a
# container that has been silent since it moved must be reachable.
containers_reach_each_other() {
	ping_once c1 "$(ip4 c2)" && ip -n "$LAB-c2" neigh flush dev eth0 && ping_once c2 "$(ip4 c1)" &&
		ip -n "$LAB-c1" neigh flush dev eth0 && ping_once c1 "$(ip4 c2)"
}
c1_reaches_others() { ping_once c1 "$(ip4 p1)" && ping_once f1 "$(ip4 c1)"; }
all_but_outside() { containers_reach_each_other && c1_reaches_others; }

snapshot() {
	ip -n "$LAB-host1" -o link
	ip -n "$LAB-host1" -o address | sed 's/ tentative//'
	ip -n "$LAB-host1" route
	bridge -n "$LAB-host1" fdb | grep permanent | grep -v 33:33: | sort
	ns_run host1 nft -s list ruleset 2>/dev/null
	on host1 find /etc/cni /var/lib/cni -type f ! -name lock -exec sha256sum {} + | sort
	find "$LAB_DIR/host1/run" -path '*/attachments/*' -o -path '*/ipam/*'
}

nothing_of_flannel() { # HOST
	run ip -n "$LAB-$1" -o link
	refute_output --partial cni0
	refute_output --partial flannel.1
	refute_output --partial weft-link
	run on "$1" ls /etc/cni/net.d /var/lib/cni/networks/cbr0 /var/lib/cni/flannel
	assert_line 10-weft.conflist
	refute_output --partial flannel.conflist
	refute_output --regexp '10\.5\.7[13]\.[2-9]'
	refute_line c1
	run ns_run "$1" nft list ruleset
	refute_output --partial FLANNEL
}

@test "--dry-run prints the steps and changes nothing" {
	weftd_beside_flannel host1
	snapshot >"$BATS_TEST_TMPDIR/before"
	run adopt_on host1 --dry-run
	assert_success
	assert_line 'would join the bridges cni0 and weft-br1 by a veth pair'
	assert_line "would move container c1 ($(ip4 c1)) from cni0 to weft-br1"
	assert_line "would replace flannel.1 by weft's vxlan device"
	assert_line "would replace /etc/cni/net.d/10-flannel.conflist by weft's list"
	snapshot >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	all_reach
}

flanneld_runs() { [[ $(<"/proc/$(proc_pid flanneld)/comm") == flanneld ]]; }

@test "without weftd or with a running flanneld nothing is changed" {
	snapshot >"$BATS_TEST_TMPDIR/before"
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/flanneld"
	proc_start flanneld host1 "$BATS_TEST_TMPDIR/flanneld" 1000
	wait_for 10 flanneld_runs
	run adopt_on host1
	assert_failure 1
	assert_output --partial 'flanneld is running'
	proc_stop flanneld
	weftd_stop host1
	run adopt_on host1
	assert_failure 1
	run adopt_on host1 --undo
	assert_failure 1
	assert_output --partial 'no network was taken over'
	snapshot >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	weftd_beside_flannel host1
}

refused() { # TEXT
	run adopt_on host1
	assert_failure 1
	assert_output --partial "$1"
}

@test "lists that cannot be replaced, and ports that are no veths, are refused before the first change" {
	local conf=/etc/cni/net.d
	snapshot >"$BATS_TEST_TMPDIR/before"
	on host1 cp $conf/10-flannel.conflist $conf/20-old.conflist
	refused 'name flannel'
	assert_output --partial 20-old.conflist
	on host1 rm $conf/20-old.conflist
	on host1 sh -c "echo '{\"plugins\":[{\"type\":\"weft\"}]}' >$conf/10-weft.conflist"
	refused '10-weft.conflist exists'
	on host1 rm $conf/10-weft.conflist
	on host1 mv $conf/10-flannel.conflist $conf/10-flannel.bak
	refused "no file in $conf names"
	on host1 mv $conf/10-flannel.bak $conf/10-flannel.conflist
	ip -n "$LAB-host1" link add other7 master cni0 type vxlan id 777 dstport 4777
	refused 'other7, a port of cni0, is not a veth'
	refute_output --partial 'nothing to do'
	ip -n "$LAB-host1" link delete other7
	snapshot >"$BATS_TEST_TMPDIR/after"
	same "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "containers are taken over and packets and connections continue" {
	local flow lost mac
	# Neither its ARP table nor its gateway's MAC changes.
	mac=$(ip -n "$LAB-host1" -j link show cni0 | jq -r '.[0].address')
	ip -n "$LAB-c1" neigh replace 10.5.71.1 lladdr "$mac" dev eth0 nud permanent
	on host1 chmod 640 /etc/cni/net.d/10-flannel.conflist
	tcp_begin same c1 c2
	tcp_begin weft c1 p1
	tcp_begin flannel c2 f1
	flow_begin same c1 "$(ip4 c2)"
	flow_begin weft c1 "$(ip4 p1)"
	flow_begin flannel f1 "$(ip4 c1)"
	flow_begin outside c1 $OUTSIDE
	adopt_on host1
	sleep 1 # packets that are sent after the last step
	for flow in same weft flannel outside; do
		lost=$(flow_end $flow)
		echo "# $flow: $lost lost of 1000/s" >&3
		[[ $lost != all ]]
		((lost <= 200))
	done
	tcp_end same
	tcp_end weft
	tcp_end flannel
	all_reach
	ip -n "$LAB-c1" neigh show 10.5.71.1 | grep -q "$mac PERMANENT"
	ip -n "$LAB-c1" neigh delete 10.5.71.1 dev eth0
	all_reach
}

@test "the node has weft's devices and none of flannel's" {
	weftd_ready host1
	nothing_of_flannel host1
	kernel_settled host1
	weftctl_on host1 doctor
	run on host1 jq -c '[.name, .plugins[0].type, .plugins[1].type]' /etc/cni/net.d/10-weft.conflist
	assert_output '["cbr0","weft","portmap"]'
	run adopt_on host1
	assert_success
	assert_output 'nothing to do'
	assert_equal "$(on host1 stat -c %a /etc/cni/net.d/10-weft.conflist)" 640
	on host1 sh -c 'echo "{}" >/var/lib/cni/weft-adopt/blue.json'
	refused 'network blue was taken over from flannel, and only one can be'
	on host1 rm /var/lib/cni/weft-adopt/blue.json
}

@test "weftctl pods has the containers with addresses and MACs" {
	local name mac
	for name in c1 c2; do
		mac=$(ip -n "$LAB-$name" -j link show eth0 | jq -r '.[0].address')
		run weftctl_on host1 --json pods
		assert_output --regexp "$(ip4 $name)"
		assert_output --partial "$mac"
	done
}

@test "DEL with the cached result of flannel's plugin frees the address" {
	local addr
	addr=$(ip4 c2)
	[[ -L $LAB_DIR/host1/run/ipam/default/$addr ]]
	weft_detach host1 c2
	[[ ! -e $LAB_DIR/host1/run/ipam/default/$addr && ! -L $LAB_DIR/host1/run/ipam/default/$addr ]]
	run ns_run c2 ip -o link
	refute_output --partial eth0
	ping_once c1 "$(ip4 p1)"
}

given_back() {
	flannel_peers host1 # as flanneld does when it starts
	flannel_masquerade host1 71
	run ip -n "$LAB-host1" -o link
	assert_output --regexp "flannel\.1: .*$(flannel_mac 71)"
	assert_output --partial cni0
	refute_output --partial weft-
	run on host1 find /etc/cni/net.d /var/lib/cni/networks/cbr0 -type f
	assert_line /etc/cni/net.d/10-flannel.conflist
	refute_output --partial 10-weft
	assert_equal "$(on host1 stat -c %a /etc/cni/net.d/10-flannel.conflist)" 640
	assert_line "/var/lib/cni/networks/cbr0/$(ip4 c1)"
	assert_equal "$(on host1 cat /etc/cni/net.d/10-flannel.conflist)" "$FLANNEL_LIST"
	assert_equal "$(find "$LAB_DIR/host1/run/attachments" -type f | wc -l)" 0
	wait_for 15 c1_reaches_others
}

undo_refused() { # TEXT
	run adopt_on host1 --undo
	assert_failure 1
	assert_output --partial "$1"
}

@test "--undo is refused while a container would be lost, and with another run directory" {
	local file records=$LAB_DIR/host1/run/attachments/blue
	weftd_stop host1
	mkdir -p "$records"
	touch "$records/0123456789abcdef"
	undo_refused 'network blue has 1 containers'
	rm -r "$records"
	run on host1 "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/other" adopt-flannel --undo
	assert_failure 1
	assert_output --partial 'was taken over with --run-dir'
	ip -n "$LAB-host1" link show weft-br1
	# Of a container that host-local gave the address of c1.
	file=/var/lib/cni/networks/cbr0/$(ip4 c1)
	on host1 sh -c "echo other >$file"
	undo_refused "$file is the reservation of another container"
	on host1 rm "$file"
	ping_once c1 "$(ip4 p1)"
	ip -n "$LAB-host1" link delete cni0 # that the refused run created
	weftd_start host1 --ip-masq
	weftd_ready host1
}

@test "--undo gives the node back to flannel, with the same addresses and MACs" {
	run adopt_on host1 --undo
	assert_failure 1
	assert_output --partial 'weftd is running'
	weftd_stop host1
	run -0 adopt_on host1 --undo --dry-run
	ip -n "$LAB-host1" link show weft-br1
	adopt_on host1 --undo
	given_back
}

@test "runs that are killed at any point are completed by the next one" {
	flannel_add host1 71 c2
	weftd_beside_flannel host1
	run -0 killed_runs host1 all_but_outside
	echo "# killed ${lines[-1]} times" >&3
	((lines[-1] >= 10))
	run -0 adopt_on host1
	assert_output 'nothing to do'
	weftd_ready host1
	kernel_settled host1
	nothing_of_flannel host1
	all_reach
}

@test "runs of --undo that are killed at any point are completed by the next one" {
	weftd_stop host1
	run -0 killed_runs host1 containers_reach_each_other --undo
	echo "# killed ${lines[-1]} times" >&3
	((lines[-1] >= 10))
	given_back
	assert_equal "$(on host1 find /var/lib/cni/networks/cbr0 -name '10.5.*' | wc -l)" 2
	all_reach
}

record_name() { # CONTAINER: attachment_hash of ipam/attachment.h
	python3 -c '
import sys
h = 0xcbf29ce484222325
for byte in b"default\0" + sys.argv[1].encode() + b"\0eth0":
    h = (h ^ byte) * 0x100000001b3 % 2**64
print("%016x" % h)' "$1"
}

bridges_are_joined() { ip -n "$LAB-host1" -o link show master cni0 | grep -q weft-link0; }

# The steps were planned before, and wait for the lock of the record of c1.
@test "a container that flannel's plugins attach during the takeover is taken over" {
	local pid record lock index
	weftd_beside_flannel host1
	record=$LAB_DIR/host1/run/attachments/default/$(record_name c1)
	mkdir -p "${record%/*}"
	exec {lock}>"$record"
	flock "$lock"
	adopt_on host1 {lock}>&- &
	pid=$!
	wait_for 10 bridges_are_joined
	flannel_add host1 71 c3 {lock}>&-
	# c1 has not moved.
	index=$(ip -n "$LAB-c1" -j link show eth0 | jq '.[0].link_index')
	ip -n "$LAB-host1" -j link show master cni0 | jq -e --argjson i "$index" 'any(.[]; .ifindex == $i)'
	exec {lock}>&-
	wait $pid
	weftd_ready host1
	kernel_settled host1
	nothing_of_flannel host1
	run weftctl_on host1 --json pods
	assert_output --partial "$(ip4 c3)"
	ping_once c3 "$(ip4 p1)"
	ping_once f1 "$(ip4 c3)"
	all_reach
}

remedy_is() { # CHECK REMEDY
	{ on host1 "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/host1/run" --json doctor || (($? == 1)); } |
		jq -e --arg c "$1" --arg r "$2" 'any(.findings[]; .check == $c and .state == "error" and .remedy == $r)'
}

@test "a container that flannel's plugins attach after the takeover is reported, and the next run takes it over" {
	# host-local assigns the next address, and not that of c1, which it does not have any more.
	on host1 sh -c 'printf 10.5.71.77 >/var/lib/cni/networks/cbr0/last_reserved_ip.0'
	flannel_add host1 71 c4
	ip -n "$LAB-host1" link show cni0
	wait_for 10 remedy_is overlap 'weftctl adopt-flannel'
	adopt_on host1
	weftd_ready host1
	kernel_settled host1
	nothing_of_flannel host1
	ping_once c4 "$(ip4 p1)"
	ping_once c1 "$(ip4 c4)"
	ping_once f1 "$(ip4 c4)"
	all_reach
}

@test "a container that gets an address in use is named, and nothing else is lost" {
	local addr
	addr=$(ip4 c1)
	on host1 sh -c 'rm -f /var/lib/cni/networks/cbr0/last_reserved_ip.0'
	flannel_add host1 71 c5
	assert_equal "$(ip4 c5)" "$addr"
	run adopt_on host1
	assert_failure 1
	assert_output --partial "c5 ($addr)"
	assert_output --partial 'is in use'
	flannel_del host1 c5
	adopt_on host1
	weftd_ready host1
	nothing_of_flannel host1
	all_reach
}

@test "the cluster's last node of flannel is taken over" {
	weftd_beside_flannel host3
	# As weftd --install-cni writes it: it stays, and flannel's list is removed.
	on host3 sh -c 'echo "{\"managedBy\":\"weftd\",\"plugins\":[{\"type\":\"weft\"}]}" >/etc/cni/net.d/10-weft.conflist'
	adopt_on host3
	on host3 grep -q managedBy /etc/cni/net.d/10-weft.conflist
	weftd_ready host3
	kernel_settled host1 host2 host3
	nothing_of_flannel host3
	all_reach
}
