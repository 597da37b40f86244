#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and status
#
# The run directory belongs to weftd's unprivileged user, who can replace everything in it at any
# time. What root does there reads, creates, changes and removes nothing elsewhere, does not block,
# and reports one error. A wait for a lock that a stopped process holds ends.

load ../lib/bats

USER_NAME=nobody

setup_file() {
	lab_open_for_file
	export WEFTD_USER=$USER_NAME
	lab_hosts 1
	chown "$USER_NAME" "$LAB_DIR/host1" # so that run and state can be replaced too
	store_start
	weftd_start host1
	weftd_ready host1
	container_add host1 c1
	mkdir -p "$LAB_DIR/elsewhere/networks" "$LAB_DIR/elsewhere/default" "$LAB_DIR/elsewhere/run"
	cp "$LAB_DIR/host1/run/networks/default.json" "$LAB_DIR/elsewhere/networks"
	cp "$LAB_DIR/host1/run/networks/default.json" "$LAB_DIR/elsewhere/default.json"
	echo precious >"$LAB_DIR/elsewhere/file"
	chmod 0600 "$LAB_DIR/elsewhere/file"
}

teardown_file() { lab_down; }

setup() {
	run=$LAB_DIR/host1/run state=$LAB_DIR/host1/state away=$LAB_DIR/elsewhere
	config=$(cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 | jq -c '.cniVersion = "1.1.0"')
	declare -gA configs=(
		[GC]=$(jq -c '. + {"cni.dev/valid-attachments": [{containerID: "c1", ifname: "eth0"}]}' \
			<<<"$config")
		[CHECK]=$(jq -c '. + {prevResult: {cniVersion: "1.1.0", ips: [], interfaces: []}}' \
			<<<"$config")
	)
	before=$(elsewhere)
}

# Everything about the files elsewhere that an access as root could change, the content included.
elsewhere() {
	find "$away" -printf '%P %y %U %G %m %s %T@\n' | sort
	cat "$away"/*.json "$away"/*/*.json "$away/file"
}

untouched() { assert_equal "$(elsewhere)" "$before"; }

as_user() { setpriv --reuid "$USER_NAME" --regid "$(id -g "$USER_NAME")" --clear-groups "$@"; }

# weft_once VERB CONTAINER: the plugin as root.
weft_once() {
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=$(ns_path c1) CNI_IFNAME=eth1 \
		CNI_PATH=$WEFT_BIN_DIR ns_run host1 timeout 9 "$WEFT_BIN_DIR/weft" <<<"$config"
}

# Runs each program as root. None may block or print what is elsewhere; a failure is one document.
root_works() { # KIND
	local verb status output
	for verb in STATUS ADD CHECK DEL GC; do
		status=0
		output=$(config=${configs[$verb]-$config} weft_once "$verb" planted 2>/dev/null) || status=$?
		((status < 2)) || fail "$verb blocks or crashes: $status"
		((status == 0)) || [[ $output == '{"cniVersion"'*'}' && $output != *$'\n'* ]] ||
			fail "$verb: $output"
		[[ $output != *precious* ]] || fail "$verb prints what is elsewhere: $output"
	done
	[[ $1 == link || $1 == fifo ]] || return 0
	for verb in status doctor; do
		status=0
		output=$(timeout 20 "$WEFT_BIN_DIR/weftctl" --run-dir "$run" "$verb" 2>&1) || status=$?
		((status < 124)) || fail "weftctl $verb blocks or crashes: $status"
		[[ $output != *precious* ]] || fail "$verb prints what is elsewhere: $output"
	done
}

# plant KIND PATH TARGET: replaces the path. The previous file is at PATH.kept. Exchanged atomically,
# because weftd creates an absent file again at any time.
plant() {
	case $1 in
	link) as_user ln -s "$3" "$2.kept" ;;
	dangling) as_user ln -s "$away/absent" "$2.kept" ;;
	fifo) as_user mkfifo "$2.kept" ;;
	directory) as_user mkdir "$2.kept" ;;
	hardlink) ln "$away/file" "$2.kept" ;; # by root: fs.protected_hardlinks may be off
	huge) as_user truncate -s 20G "$2.kept" ;;
	esac || return
	python3 "$WEFT_REPO/tests/lib/exchange.py" "$2" "$2.kept"
}

# weftd may have replaced or removed what was planted.
restore() { # PATH
	python3 "$WEFT_REPO/tests/lib/exchange.py" "$1" "$1.kept" && rm -rf "$1.kept"
}

record_of() { grep -l "\"containerId\":\"$1\"" "$run"/attachments/default/*; }

@test "planted files are neither read nor written" {
	local path kind record
	record=$(record_of c1)
	for path in "$run/networks/default.json" "$run/ipam/default/lock" "$record" \
		"$run/control.sock"; do
		for kind in link fifo hardlink; do
			plant "$kind" "$path" "$away/default.json"
			root_works "$kind"
			untouched
			restore "$path"
		done
	done
	for kind in dangling directory huge; do
		plant "$kind" "$run/networks/default.json"
		root_works "$kind"
		restore "$run/networks/default.json"
	done
	untouched
	cni_check host1 c1
}

@test "a record of the same attachment can be planted before ADD" {
	local kind name
	# The name is the hash of the attachment: taken from an ADD.
	weft_once ADD planted
	name=$(record_of planted)
	weft_once DEL planted
	for kind in link fifo directory hardlink; do
		as_user touch "$name"
		plant "$kind" "$name" "$away/file"
		run --separate-stderr weft_once ADD planted
		assert_failure 1
		[[ $(jq -r .msg <<<"$output") == *"attachments/default"*"${name##*/}"* ]] ||
			fail "no path in $output"
		run weft_once DEL planted
		untouched
		rm -rf "$name" "$name.kept"
	done
	weft_once ADD planted
	weft_once DEL planted
}

@test "planted directories are not entered" {
	local path kind
	for path in "$run/networks" "$run/attachments" "$run/attachments/default" "$run/ipam" \
		"$run/ipam/default" "$run"; do
		for kind in link fifo; do
			plant "$kind" "$path" "$away"
			root_works "$kind"
			untouched
			restore "$path"
		done
	done
	cni_check host1 c1
}

@test "a run directory behind a link of root works" {
	ln -s "$run" "$LAB_DIR/linked"
	config=$(jq -c --arg run "$LAB_DIR/linked" '.runDir = $run' <<<"$config")
	weft_once STATUS planted
	weft_once ADD planted
	weft_once DEL planted
	timeout 20 "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/linked" status
	rm "$LAB_DIR/linked"
}

@test "weftd changes the owner of its own files only" {
	local path kind flags
	weftd_stop host1
	exec 9<>"$run/weftd.lock"
	flock 9 # weftd ends after it has changed the owners
	for path in "$run" "$run/networks" "$run/ipam" "$run/weftd.lock" "$state" \
		"$state/networks" "$state/node.json"; do
		for kind in link hardlink; do
			plant "$kind" "$path" "$away"
			read -ra flags < <(weftd_flags host1)
			run ns_run host1 timeout 20 "$WEFT_BIN_DIR/weftd" "${flags[@]}"
			((status > 0 && status < 124)) || fail "$kind for $path: $status $output"
			untouched
			restore "$path"
		done
	done
	exec 9>&-
	# A file of root in the user's directory, as a hard link whose other name is gone.
	cp "$away/file" "$state/other"
	chmod 0600 "$state/other"
	weftd_start host1
	weftd_ready host1
	assert_equal "$(stat -c %U "$state/other")" root
	rm "$state/other"
	cni_check host1 c1
}

stopped() { [[ $(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$1/status") == T ]]; }

# hold FILE: a stopped process that holds the lock. Sets holder.
hold() {
	flock --no-fork "$1" sleep 60 3>&- &
	holder=$!
	wait_for 5 not flock -n "$1" true
	kill -s STOP "$holder"
	wait_for 5 stopped "$holder"
}

release() {
	kill -s KILL "$holder"
	wait "$holder" || true
}

@test "a stopped holder of the pool's lock: ADD fails with code 11, DEL succeeds" {
	local holder
	ns_add c2
	hold "$run/ipam/default/lock"
	run --separate-stderr cni_add host1 c2
	assert_failure
	assert_json "$output" '.code == 11'
	[[ $(jq -r .msg <<<"$output") == *"$run/ipam/default: lock is locked by process $holder (sleep, stopped)"* ]] ||
		fail "no holder in $output"
	run timeout 20 "$WEFT_BIN_DIR/weftctl" --run-dir "$run" doctor
	((status < 124))
	cni_del host1 c1
	run ls "$run/ipam/default"
	assert_output lock
	release
	cni_add host1 c2
	container_del host1 c2
	cni_add host1 c1
}

@test "a stopped ADD of the same attachment: DEL and CHECK fail with code 11" {
	local holder
	hold "$(record_of c1)"
	run --separate-stderr cni_del host1 c1
	assert_failure
	assert_json "$output" '.code == 11'
	[[ $(jq -r .msg <<<"$output") == *"process $holder (sleep, stopped)"* ]]
	# Other attachments are not affected.
	container_add host1 c3
	container_del host1 c3
	release
	cni_check host1 c1
}

@test "a stopped weftd blocks neither the plugin nor weftctl" {
	kill -s STOP "$(weftd_pid host1)"
	container_add host1 c4
	cni_check host1 c4
	container_del host1 c4
	run timeout 60 "$WEFT_BIN_DIR/weftctl" --run-dir "$run" status
	((status > 0 && status < 124))
	assert_output --partial 'no answer from weftd'
	run timeout 20 "$WEFT_BIN_DIR/weftctl" --run-dir "$run" cleanup
	((status > 0 && status < 124))
	assert_output --partial "weftd is running, as process $(weftd_pid host1)"
	kill -s CONT "$(weftd_pid host1)"
	weftd_ready host1
}

cleanup() { run ns_run host1 timeout 20 "$WEFT_BIN_DIR/weftctl" --run-dir "$run" cleanup "$@"; }

@test "weftctl cleanup removes nothing elsewhere" {
	local path kind
	weftd_stop host1
	for path in "$run/networks" "$run/attachments" "$run/attachments/default" "$run/weftd.lock" \
		"$run"; do
		for kind in link fifo; do
			plant "$kind" "$path" "$away"
			cleanup --force
			((status < 124))
			untouched
			restore "$path"
		done
	done
	plant link "$run/networks/default.json" "$away/default.json"
	cleanup --force
	assert_success
	untouched
	[[ ! -L $run/networks/default.json ]]
}

@test "weftctl cleanup leaves a lock file that weftd's user can open" {
	weftd_stop host1
	rm -f "$run/weftd.lock"
	cleanup --force
	assert_success
	assert_equal "$(stat -c %U "$run/weftd.lock")" "$USER_NAME"
	as_user flock -n "$run/weftd.lock" true
	weftd_start host1
	weftd_ready host1
}
