#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# The plugin of another machine, under qemu-user, with this machine's weftd: ADD, CHECK, DEL and traffic.
# run.sh sets WEFT_EMULATOR, and WEFT_FOREIGN_PLUGIN, the program.

load ../lib/bats

setup_file() {
	lab_open_for_file
	LAB_STORE='file' lab_overlay 2
	# libcni's environment has no shell: the plugin is a script of this name in another directory.
	mkdir "$LAB_DIR/foreign"
	printf '#!/bin/sh\nexec %q %q "$@"\n' "$WEFT_EMULATOR" "$WEFT_FOREIGN_PLUGIN" >"$LAB_DIR/foreign/weft"
	chmod 755 "$LAB_DIR/foreign/weft"
	container_add host2 c21
}

teardown_file() { lab_down; }

setup() {
	export WEFT_BIN_DIR=$LAB_DIR/foreign
	cni_use host1 '.plugins |= .[:1]' <"$WEFT_REPO/conf/10-weft.conflist"
}

@test "the program is another machine's, and static" {
	run -0 file -b "$WEFT_FOREIGN_PLUGIN"
	refute_output --partial "$(uname -m | tr _ -)"
	assert_output --regexp 'static(-pie|ally) linked'
}

@test "ADD attaches a container that reaches another node's, CHECK finds it, DEL removes it" {
	local veth
	container_add host1 c11
	cni_check host1 c11
	wait_for 10 ping_once c11 "$(container_address host2 c21)"
	wait_for 10 ping_once c21 "$(container_address host1 c11)"
	veth=$(container_veth host1 c11)
	ip -n "$LAB-host1" link show "$veth"
	container_del host1 c11
	run ip -n "$LAB-host1" link show "$veth"
	assert_failure
	run ls "$LAB_DIR/host1/run/attachments/default"
	assert_output ''
}

@test "an attachment of the foreign plugin is checked and removed by this machine's, and the other way round" {
	local native=$WEFT_REPO/build
	container_add host1 c11
	WEFT_BIN_DIR=$native cni_check host1 c11
	WEFT_BIN_DIR=$native container_del host1 c11
	WEFT_BIN_DIR=$native container_add host1 c12
	cni_check host1 c12
	container_del host1 c12
	run ls "$LAB_DIR/host1/run/attachments/default"
	assert_output ''
}

@test "an error of the kernel is reported" {
	ns_add c13
	ip -n "$LAB-c13" link add eth0 type bridge
	run cni_add host1 c13
	assert_failure
	assert_json "$output" '.code > 0 and (.msg | test("eth0"))'
	run ls "$LAB_DIR/host1/run/attachments/default"
	assert_output ''
}
