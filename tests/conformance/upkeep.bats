#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # run sets output and lines; suite.bash reads the others
#
# STATUS and GC (CNI 1.1.0).

load suite

setup() {
	needs_version 1.1.0
	before=$(traces)
	pool=default ifname=eth0 args='' netns=''
	ns_add c1
}

added() {
	run --separate-stderr add "$@"
	assert_success
}

status_is() { # 0|CODE
	run --separate-stderr status_call "${2-.}"
	if [[ $1 == 0 ]]; then
		assert_success
		assert_output ''
	else
		refused "$1"
	fi
}

collected() { # CONTAINER-IFNAME...
	run --separate-stderr gc "$@"
	assert_success
	assert_output ''
}

# ---- STATUS --------------------------------------------------------------------

@test "S1 STATUS succeeds without output if ADD can succeed" { status_is 0; }

@test "S2 STATUS returns 50 if weftd has not published the network" {
	only_weft 'it has no daemon'
	status_is 50 '.network = "other"'
	status_is 50 '.runDir = "/run/nowhere"'
}

@test "S3 STATUS returns 51 if a device is down or the lease is lost" {
	only_weft 'it has no devices of its own'
	plugin_hold
	ip_in host1 link set "$KERNEL_VXLAN" down
	run --separate-stderr status_call
	ip_in host1 link set "$KERNEL_VXLAN" up
	plugin_resume
	refused 51
	pool=dual
	mkdir -p "$LAB_DIR/host1/run/pool-lost/networks"
	jq '.leaseLost = true' "$LAB_DIR/host1/run/networks/default.json" \
		>"$LAB_DIR/host1/run/pool-lost/networks/default.json"
	pool=lost
	status_is 51
}

@test "S4 STATUS returns 50 if the pool is exhausted" {
	local n
	pool=small
	status_is 0
	for n in 2 3 4 5 6; do
		ns_add c$n
		added c$n
	done
	status_is 50
	del c3
	status_is 0
}

@test "S5 STATUS does not wait for weftd" {
	only_weft 'it has no daemon'
	proc_stop_signal STOP
	run --separate-stderr status_call
	proc_stop_signal CONT
	assert_success
}

proc_stop_signal() { kill -s "$1" "$(weftd_pid host1)"; }

@test "S6 STATUS needs no container variables" { status_is 0; }

@test "S7 STATUS calls the delegated IPAM plugin" {
	fake_plugin full "cat >/dev/null; echo '{\"cniVersion\":\"1.1.0\",\"code\":50,\"msg\":\"all gone\"}'; exit 1"
	run --separate-stderr status_call '.ipam = {"type":"full"}'
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
	assert_output --partial 'all gone'
}

# ---- GC ------------------------------------------------------------------------

@test "G1 GC removes the attachments that are not listed by container and interface, and no others" {
	local c1_only
	added c1
	ifname=eth1
	added c1
	c1_only=$(veth_of c1)
	ifname=eth0
	ns_add c2
	added c2
	collected c1-eth0
	ip_in c1 link show eth0
	run ip_in c1 link show eth1
	assert_failure
	run ip_in host1 link show "$c1_only"
	assert_failure
	run ip_in c2 link show eth0
	assert_failure
	run --separate-stderr check c1
	assert_success
	collected
	clean
}

@test "G2 GC with [], null, and the list's old name" {
	added c1
	run --separate-stderr gc_with '."cni.dev/attachments" = [{"containerID":"c1","ifname":"eth0"}]
		| ."cni.dev/valid-attachments" = [{"containerID":"c1","ifname":"eth0"}]'
	assert_success
	check c1
	run --separate-stderr gc_with '."cni.dev/valid-attachments" = null'
	assert_success
	clean
	added c1
	run --separate-stderr gc_with '."cni.dev/valid-attachments" = []'
	assert_success
	clean
}

@test "G3 GC does not affect other networks" {
	added c1
	pool=small
	ns_add c2
	added c2
	collected
	ip_in c1 link show eth0
	run ip_in c2 link show eth0
	assert_failure
	pool=default
	check c1
}

@test "G4 GC continues after an attachment that it cannot remove, and reports it" {
	local file
	only_weft 'its files differ'
	added c1
	ns_add c2
	added c2
	# One record is replaced by a directory, which cannot be removed as a file.
	file=$(find "$LAB_DIR/host1/run/attachments" -type f | head -n 1)
	rm "$file"
	mkdir -p "$file/x"
	run --separate-stderr gc
	rm -rf "$file"
	assert_equal "$(find "$LAB_DIR/host1/run/attachments" -type f | wc -l)" 0
	[[ $status != 0 || $stderr == *"${file##*/}"* ]] || fail 'GC reports nothing'
}

@test "G5 GC keeps the pool's last allocated address" {
	local first
	only_weft 'its files differ'
	added c1
	first=$(address_of c1)
	collected
	[[ -e $LAB_DIR/host1/run/ipam/default/lock && -e $LAB_DIR/host1/run/networks/default.json ]]
	added c1
	[[ $(address_of c1) != "$first" ]] # round robin continues
}

@test "G6 GC removes attachments of deleted containers" {
	added c1
	ns_del c1
	collected
	clean
}

@test "G7 the calls that libcni makes for GC: DEL of each cached attachment, then GC" {
	added c1
	del c1
	collected
	clean
}

@test "G8 GC calls the delegated IPAM plugin" {
	fake_plugin seen "cat >$LAB_DIR/cache/seen; echo \$CNI_COMMAND >>$LAB_DIR/cache/seen"
	run --separate-stderr gc_with '."cni.dev/valid-attachments" = [] | .ipam = {"type":"seen"}'
	assert_success
	grep -q '^GC$' "$LAB_DIR/cache/seen"
	grep -q valid-attachments "$LAB_DIR/cache/seen"
}
