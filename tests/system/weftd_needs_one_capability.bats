#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# weftd works as an unprivileged user with CAP_NET_ADMIN only: devices, entries, sysctls, files,
# repairs. It refuses to start if it cannot drop its other privileges.

load ../lib/bats

USER_NAME=nobody

setup_file() {
	lab_open_for_file
	export WEFTD_USER=$USER_NAME
	lab_hosts 3
	for host in host1 host2 host3; do
		chown "$USER_NAME" "$LAB_DIR/$host" # for subnet.env
	done
	etcd_machine
	etcd_start
	etcd_config
	for host in host1 host2 host3; do
		weftd_start "$host"
	done
	weftd_ready host1 host2 host3
	kernel_settled host1 host2 host3
}

teardown_file() { lab_down; }

status_of() { sed -n "s/^$2:\s*//p" "/proc/$(weftd_pid "$1")/status"; } # HOST FIELD

@test "weftd runs as its user with one capability, and cannot change its user" {
	local uid field
	uid=$(id -u "$USER_NAME")
	for field in CapPrm CapEff CapBnd; do
		assert_equal "$(status_of host1 "$field")" 0000000000001000
	done
	assert_equal "$(status_of host1 CapInh)" 0000000000000000
	assert_equal "$(status_of host1 Uid | xargs)" "$uid $uid $uid $uid"
	assert_equal "$(status_of host1 NoNewPrivs)" 1
	assert_equal "$(status_of host1 Groups | xargs)" ''
}

@test "containers attached by root reach each other" {
	for i in 1 2 3; do
		container_add "host$i" "c$i"
	done
	ping_once c1 "$(container_address host2 c2)"
	ping_once c2 "$(container_address host3 c3)"
	ping_once c3 "$(container_address host1 c1)"
	for i in 1 2 3; do
		cni_check "host$i" "c$i"
	done
}

@test "sysctls and devices are restored without root" {
	local conf=/proc/sys/net/ipv4/conf
	ns_run host1 sh -c "echo 0 >/proc/sys/net/ipv4/ip_forward; echo 1 >$conf/$KERNEL_BRIDGE/send_redirects"
	ip -n "$LAB-host1" link del "$KERNEL_VXLAN"
	wait_for 5 forwards
	wait_for 5 kernel_agrees host1
	wait_for 5 ping_once c1 "$(container_address host2 c2)"
	assert_equal "$(ns_run host1 cat "$conf/$KERNEL_BRIDGE/send_redirects")" 0
}

forwards() { [[ $(ns_run host1 cat /proc/sys/net/ipv4/ip_forward) == 1 ]]; }

@test "packet rules are installed and restored without root" {
	ns_run host1 nft list table inet weft >"$LAB_DIR/table"
	run -0 grep -c peers4-1 "$LAB_DIR/table"
	ns_run host1 nft delete table inet weft
	wait_for 5 table_is_back
	ns_run host1 iptables-nft -P FORWARD DROP
	wait_for 5 ping_once c1 "$(container_address host2 c2)"
	ns_run host1 iptables-nft -P FORWARD ACCEPT
}

table_is_back() { diff "$LAB_DIR/table" <(ns_run host1 nft list table inet weft); }

@test "a restart, also with files owned by root, loses nothing" {
	local key
	key=$(etcd_key_of host1)
	weftd_stop host1 KILL
	chown -R root "$LAB_DIR/host1/run" "$LAB_DIR/host1/state"
	weftd_start host1
	weftd_ready host1
	assert_equal "$(etcd_key_of host1)" "$key"
	container_add host1 c4
	ping_once c4 "$(container_address host2 c2)"
	container_del host1 c4
}

record_of() { # HOST CONTAINER
	grep -l "\"containerId\":\"$2\"" "$LAB_DIR/$1"/run/attachments/default/*
}

swept() { [[ ! -e $record && ! -L $LAB_DIR/host1/run/ipam/default/$address ]]; }

@test "files that the plugin creates as root belong to weftd's user, who can remove them" {
	local address record
	address=$(CNI_EXTRA='K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0' container_add host1 c5)
	record=$(record_of host1 c5)
	assert_equal "$(stat -c %U "$record" "$LAB_DIR"/host1/run/{attachments,ipam}{,/default} \
		"$LAB_DIR/host1/run/ipam/default/lock" | sort -u)" "$USER_NAME"
	ns_del c5
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	wait_for 10 swept
	weftd_log host1 100 | grep 'container ended without DEL.* container=c5 pod=default/web-0$'
	# Attachments of running containers stay.
	record_of host1 c1
	ping_once c1 "$(container_address host2 c2)"
}

# planted COMMAND...: weftd's user replaces a record, or a directory above it.
planted() {
	setpriv --reuid "$USER_NAME" --regid "$(id -g "$USER_NAME")" --clear-groups "$@"
}

@test "links planted by weftd's user do not redirect root's plugin" {
	local record address dir=$LAB_DIR/host2/run/attachments
	address=$(container_add host2 c6)
	record=$(record_of host2 c6)
	cni_del host2 c6
	mkdir "$LAB_DIR/elsewhere"
	echo precious >"$LAB_DIR/elsewhere/file"
	planted ln -s "$LAB_DIR/elsewhere/file" "$record"
	run cni_add host2 c6
	assert_failure
	planted rm "$record"
	planted mkfifo "$record"
	run timeout 20 bash -c "$(declare -f); cni_add host2 c6"
	assert_equal "$status" 1
	planted rm "$record"
	ln "$LAB_DIR/elsewhere/file" "$record"
	run cni_add host2 c6
	assert_failure
	planted rm "$record"
	planted mv "$dir" "$dir.away"
	planted ln -s "$LAB_DIR/elsewhere" "$dir"
	mkdir "$LAB_DIR/elsewhere/default"
	run cni_add host2 c6
	assert_failure
	planted rm "$dir"
	planted mv "$dir.away" "$dir"
	assert_equal "$(cat "$LAB_DIR/elsewhere/file")" precious
	assert_equal "$(stat -c %U "$LAB_DIR/elsewhere" "$LAB_DIR/elsewhere"/* | sort -u)" root
	assert_equal "$(find "$LAB_DIR/elsewhere" | wc -l)" 3
	cni_add host2 c6
	container_del host2 c6
}

refused() { # FLAG...: weftd exits with 2
	local flags
	read -ra flags < <(weftd_flags host1)
	run -2 ns_run host1 "$WEFT_BIN_DIR/weftd" "${flags[@]}" --run-dir "$BATS_TEST_TMPDIR/run" \
		--state-dir "$BATS_TEST_TMPDIR/state" "$@"
}

@test "an unknown user, or missing privileges, end weftd" {
	refused --user no-such-user
	assert_output --partial 'unknown user'
	chmod 0777 "$BATS_TEST_TMPDIR"
	run -2 ns_run host1 setpriv --reuid "$USER_NAME" --clear-groups env -u WEFTD_USER \
		"$WEFT_BIN_DIR/weftd" --run-dir "$BATS_TEST_TMPDIR/run" --state-dir "$BATS_TEST_TMPDIR/state"
	assert_output --partial CAP_NET_ADMIN
	run -2 ns_run host1 setpriv --bounding-set=-setuid --inh-caps=-setuid \
		"$WEFT_BIN_DIR/weftd" --user "$USER_NAME" --run-dir "$BATS_TEST_TMPDIR/run" \
		--state-dir "$BATS_TEST_TMPDIR/state"
	assert_output --partial 'cannot drop privileges'
}

@test "the installed unit grants CAP_NET_ADMIN only" {
	local unit=$BATS_TEST_TMPDIR/weftd.service
	sed 's|^ExecStart=.*|ExecStart=/bin/true|; s|^User=.*|User=daemon|' "$WEFT_REPO/conf/weftd.service" >"$unit"
	run systemd-analyze verify --man=no "$unit"
	assert_success
	assert_output ''
	grep -qx 'CapabilityBoundingSet=CAP_NET_ADMIN' "$unit"
}
