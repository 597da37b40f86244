#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# --install-cni: plugin and configuration are in the node's CNI directories while containers can be
# attached, survive a restart of weftd, and go when the node leaves; files of others stay.

load ../lib/bats

setup_file() {
	export LAB_STORE=file
	lab_open_for_file
	lab_hosts 1
	store_start
	start
	weftd_ready host1
}

teardown_file() { lab_down; }

start() { weftd_start host1 --install-cni --cni-bin-dir "$LAB_DIR/bin" --cni-conf-dir "$LAB_DIR/net.d"; }

list() { echo "$LAB_DIR/net.d/10-weft.conflist"; }

has_list() { [[ -s $(list) ]]; }

# Changes whenever the file is written or replaced.
stamp() { stat -c '%i %y' "$@"; }

cni_status() { weftctl_on host1 --json status | jq -e ".cni | $1"; } # EXPRESSION

@test "plugin and configuration are installed when containers can be attached" {
	wait_for 10 has_list
	cmp "$LAB_DIR/bin/weft" "$WEFT_BIN_DIR/weft"
	[[ $(stat -c %a "$LAB_DIR/bin/weft" "$(list)") == $'755\n644' ]]
	[[ $(ls -A "$LAB_DIR/bin" "$LAB_DIR/net.d") != *.tmp* ]]
	cni_status '.installed and .error == "" and .preferred == []'
	# What a runtime would do with it.
	mkdir -p "$LAB_DIR/host1/results"
	cp "$(list)" "$LAB_DIR/host1/10-weft.conflist"
	CNI_EXTRA='K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=2f6e' container_add host1 c1
	ping_once host1 "$(container_address host1 c1)"
	run -0 jq -r '"\(.podNamespace)/\(.podName) \(.podUid)"' "$LAB_DIR"/host1/run/attachments/default/*
	assert_output 'default/web-0 2f6e'
}

@test "the configuration stays, unchanged, while weftd is stopped, killed and started" {
	local before
	before=$(stamp "$(list)" "$LAB_DIR/bin/weft")
	weftd_stop host1
	has_list
	container_add host1 c2
	start
	weftd_ready host1
	weftd_stop host1 KILL
	has_list
	start
	weftd_ready host1
	cni_status .installed
	[[ $(stamp "$(list)" "$LAB_DIR/bin/weft") == "$before" ]]
	container_del host1 c2
}

@test "the plugin of another version is replaced, another program is not" {
	weftd_stop host1
	printf 'CNI weft plugin v0.0.1\n' >"$LAB_DIR/bin/weft"
	start
	weftd_ready host1
	same_plugin() { cmp "$LAB_DIR/bin/weft" "$WEFT_BIN_DIR/weft"; }
	wait_for 10 same_plugin
	weftd_stop host1
	printf '#!/bin/sh\n' >"$LAB_DIR/bin/weft"
	start
	weftd_ready host1
	wait_for 10 cni_status '.error | test("bin/weft is another program")'
	[[ $(<"$LAB_DIR/bin/weft") == '#!/bin/sh' ]]
	run weftctl_on host1 doctor
	assert_output --partial 'bin/weft is another program, left alone'
	rm "$LAB_DIR/bin/weft"
	wait_for 30 same_plugin
	wait_for 30 cni_status '.error == ""'
}

@test "a configuration that the runtime prefers is named in log, status and doctor" {
	printf '{}\n' >"$LAB_DIR/net.d/05-other.conflist"
	wait_for 30 cni_status '.preferred == ["05-other.conflist"]'
	grep -q 'another CNI configuration precedes.*name=05-other.conflist' "$LAB_DIR/log/host1-weftd"
	run weftctl_on host1 status
	assert_output --partial "another configuration precedes weft's: 05-other.conflist"
	run weftctl_on host1 doctor
	assert_output --partial "net.d/05-other.conflist instead of weft's configuration"
	rm "$LAB_DIR/net.d/05-other.conflist"
	wait_for 30 cni_status '.preferred == []'
	run -0 weftctl_on host1 doctor
}

@test "a configuration that weftd did not write stays as it is, a link is not followed" {
	weftd_stop host1
	jq 'del(.managedBy)' "$(list)" >"$LAB_DIR/mine"
	cp "$LAB_DIR/mine" "$(list)"
	start
	weftd_ready host1
	wait_for 10 cni_status '.error | test("was not written by weftd")'
	same "$LAB_DIR/mine" "$(list)"
	ln -sf "$LAB_DIR/mine" "$(list)"
	wait_for 30 cni_status '.error | test("10-weft.conflist") and (test("was not written") | not)'
	[[ -L $(list) && $(jq .managedBy "$LAB_DIR/mine") == null ]]
	rm "$(list)"
	wait_for 30 has_list
	[[ ! -L $(list) ]]
}

@test "a node that boots has no configuration until it can attach containers" {
	container_del host1 c1
	weftd_stop host1
	# After a boot the run directory is empty, and the store cannot be read yet.
	rm -r "$LAB_DIR/host1/run" "$LAB_DIR/host1/state"
	mv "$(store_file)" "$LAB_DIR/away"
	start
	wait_for 20 not has_list
	mv "$LAB_DIR/away" "$(store_file)"
	weftd_ready host1
	wait_for 20 has_list
}

@test "a node that leaves has no configuration any more, and keeps the plugin for DEL" {
	run -0 weftctl_on host1 leave
	wait_for 10 not weftd_pid host1
	not has_list
	[[ -x $LAB_DIR/bin/weft ]]
}
