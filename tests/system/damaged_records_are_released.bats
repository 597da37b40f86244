#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and status
#
# Another program empties, cuts, removes or replaces a container's record. DEL succeeds and releases
# the address; until then no other container gets it.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_hosts 1
	store_start
	weftd_start host1
	weftd_ready host1
}

teardown_file() { lab_down; }

setup() { run_dir=$LAB_DIR/host1/run; }

record_of() { grep -l "\"containerId\":\"$1\"" "$run_dir"/attachments/default/*; }

in_use() { find "$run_dir/ipam/default" -name '10.*' -printf '%f\n'; }

damage() { # KIND RECORD
	case $1 in
	empty) : >"$2" ;;
	cut) truncate -s 40 "$2" ;;
	absent) rm "$2" ;;
	all) rm -r "$run_dir/attachments/default" ;;
	directory) rm "$2" && mkdir "$2" ;;
	filled) rm "$2" && mkdir "$2" && touch "$2/file" ;;
	link) rm "$2" && ln -s "$LAB_DIR/file" "$2" ;;
	fifo) rm "$2" && mkfifo "$2" ;;
	hardlink) ln -f "$LAB_DIR/file" "$2" ;;
	esac
}

# Runs ADD and DEL of a container with this damage in between.
released() { # KIND
	local record address
	container_add host1 c1
	record=$(record_of c1)
	address=$(container_address host1 c1)
	damage "$1" "$record"
	# The address stays in use, though no record names its container.
	run in_use
	assert_output "$address"
	cni_del host1 c1
	run in_use
	assert_output ''
	[[ ! -e $record && ! -L $record ]]
	# A second DEL has nothing to do, and an ADD of the same container works.
	cni_del host1 c1
	cni_add host1 c1 >/dev/null
	cni_check host1 c1
	container_del host1 c1
	run in_use
	assert_output ''
}

@test "a record that is empty, cut or removed" {
	released empty
	released cut
	released absent
	released all
}

@test "a directory, a link or a FIFO in place of a record" {
	echo precious >"$LAB_DIR/file"
	released directory
	released filled
	released link
	released fifo
	released hardlink
	assert_equal "$(<"$LAB_DIR/file")" precious
}
