#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016,SC2001 # run sets output and lines; jq has variables, too
#
# A cluster whose store is a file: nodes write their leases to it; edits, damage and replacement of
# the file do not affect containers.

load ../lib/bats

setup_file() {
	export LAB_STORE=file
	lab_open_for_file
	lab_hosts 2
	# With a format of its own: the first write indents the file and keeps the order of members.
	cat >"$(store_file)" <<-'JSON'
		{
		  "config": {
		    "Network":   "10.5.0.0/16",
		    "SubnetMin": "10.5.1.0",   "SubnetMax": "10.5.99.0",
		    "Backend":   { "Type": "vxlan", "VNI": 1 }
		  }
		}
	JSON
	cp "$(store_file)" "$LAB_DIR/empty.json"
	weftd_start host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
	container_add host1 c1
	container_add host2 c2
}

teardown_file() { lab_down; }

status_is() { weftctl_on "$1" --json status | jq -e "$2"; } # HOST EXPRESSION
has_no_peer() { ! kernel_have "$1" | grep -F "$2"; }          # HOST ADDRESS
has_peer() { kernel_have "$1" | grep -qF "$2"; }

@test "nodes write their leases to the file, indented, and keep the order of members" {
	ping_once c1 "$(container_address host2 c2)"
	diff <(jq -c .config "$(store_file)") <(jq -c .config "$LAB_DIR/empty.json")
	run jq -c keys_unsorted "$(store_file)"
	assert_output '["config","subnets"]'
	run grep -c -P '^\t\t"10\.5\.[0-9]*\.0-24":\t{$' "$(store_file)"
	assert_output 2
	run grep -c -P '^\t\t\t"PublicIP":\t"192\.168\.0\.[12]",$' "$(store_file)"
	assert_output 2
	assert_equal "$(stat -c %a "$(store_file)")" 644
	status_is host1 '.networks[0] | .state == "ready" and .lease.reserved and
		(.store.endpoint | startswith("file:/"))'
}

@test "four nodes that start at once acquire four subnets" {
	local i hosts=(host3 host4 host5 host6)
	for i in "${hosts[@]}"; do
		lab_host "$i"
	done
	for i in "${hosts[@]}"; do
		weftd_start "$i"
	done
	weftd_ready "${hosts[@]}"
	kernel_settled host1 host6
	assert_equal "$(store_leases | cut -f1 | sort -u | wc -l)" 6
	for i in "${hosts[@]}"; do
		weftd_stop "$i"
	done
}

@test "a dead node's lease stays until it is removed from the file, and no packet is lost" {
	local i gone='del(.subnets[] | select(.PublicIP | test("\\.[3456]$")))'
	flow_start edits c1 "$(container_address host2 c2)" 300
	has_peer host1 192.168.0.5
	store_file_edit "$gone" # this also reformats the other entries
	for i in 3 4 5 6; do
		wait_for 10 has_no_peer host1 "192.168.0.$i"
	done
	kernel_settled host1 host2
	assert_equal "$(flow_lost edits)" 0
}

@test "a peer added by hand is used, after a write in place and after a rename" {
	local file text
	file=$(store_file)
	store_file_edit '.subnets["10.5.240.0-24"] = $value' \
		--argjson value "$(flannel_value 192.168.0.66 0e:00:00:00:00:66)"
	wait_for 10 has_peer host1 192.168.0.66
	kernel_settled host1 host2
	text=$(sed 's/192\.168\.0\.66/192.168.0.67/' "$file")
	echo "$text" >"$file"
	wait_for 10 has_peer host1 192.168.0.67
	kernel_settled host1 host2
	store_file_edit 'del(.subnets["10.5.240.0-24"])'
	wait_for 10 has_no_peer host1 192.168.0.67
}

@test "an invalid key removes no peer and is shown" {
	local before
	before=$(kernel_have host1)
	store_file_edit '.subnets["10.5.1.0"] = {} | .subnets["10.5.241.0-24"] = "rubbish" |
		(.subnets[] | select(.PublicIP? == "192.168.0.2")) |= {"PublicIP": 7}'
	wait_for 10 status_is host1 '.networks[0].peers.refused >= 2 and .networks[0].state == "ready"'
	# host2 detects that its own lease was overwritten, and writes it again.
	wait_for 10 test "$(store_key_of host2)"
	kernel_settled_as() { [[ $(kernel_have host1) == "$before" ]]; }
	wait_for 10 kernel_settled_as
	store_file_edit 'del(.subnets["10.5.1.0"], .subnets["10.5.241.0-24"])'
	wait_for 10 status_is host1 '.networks[0].peers.refused == 0'
}

@test "a damaged file changes nothing, status names line and column, and a repaired file is read" {
	local file before i text damaged=('' '{"config":{},
  "subnets": [}' '{"subnet":{}}')
	file=$(store_file)
	before=$(kernel_have host1)
	text=$(<"$file")
	flow_start damage c1 "$(container_address host2 c2)" 500
	for i in "${damaged[@]}"; do
		printf '%s' "$i" >"$file"
		wait_for 10 status_is host1 '.networks[0] | .state == "degraded" and .store.connected == false'
	done
	wait_for 10 status_is host1 '.networks[0].reason | test("net.json: unknown key \"subnet\"")'
	printf '%s' "${damaged[1]}" >"$file"
	wait_for 10 status_is host1 \
		'.networks[0].reason | test("/net.json: line 2, column 15: .\\}. where a value")'
	run --separate-stderr weftctl_on host1 status
	assert_failure 1
	assert_output --partial 'net.json: line 2, column 15'
	# weftd also starts with a damaged file, from the snapshot.
	weftd_stop host1
	weftd_start host1
	wait_for 10 status_is host1 '.networks[0].from_snapshot'
	assert_equal "$(kernel_have host1)" "$before"
	rm "$file"
	wait_for 10 status_is host1 '.networks[0].reason | test("/net.json does not exist")'
	printf '%s' "$text" >"$file.new"
	mv "$file.new" "$file"
	weftd_ready host1 host2
	kernel_settled host1 host2
	assert_equal "$(kernel_have host1)" "$before"
	assert_equal "$(flow_lost damage)" 0
}

@test "a node whose lease was removed registers the same subnet again" {
	local before
	before=$(host_subnet host2)
	flow_start again c1 "$(container_address host2 c2)" 300
	store_file_edit 'del(.subnets[] | select(.PublicIP == "192.168.0.2"))'
	wait_for 10 test_key_is_back
	assert_equal "$(host_subnet host2)" "$before"
	assert_equal "$(flow_lost again)" 0
}

test_key_is_back() { [[ $(store_key_of host2) ]]; }

@test "an emptied file removes no peer, and all nodes register again" {
	flow_start emptied c1 "$(container_address host2 c2)" 300
	cp "$LAB_DIR/empty.json" "$(store_file)"
	wait_for 10 both_are_back
	kernel_settled host1 host2
	assert_equal "$(flow_lost emptied)" 0
}

both_are_back() { [[ $(store_leases | wc -l) == 2 ]]; }

@test "a restart writes nothing, neither to the file nor to the kernel" {
	local inode before
	before=$(kernel_have host1)
	inode=$(stat -c %i:%Y "$(store_file)")
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	assert_equal "$(stat -c %i:%Y "$(store_file)")" "$inode"
	assert_equal "$(kernel_have host1)" "$before"
	status_is host1 '.networks[0].reconciles.entries_written == 0'
}

# The file is mounted read-only, as a ConfigMap is in a container.
start_read_only() { # HOST
	local flags
	read -ra flags < <(weftd_flags "$1")
	proc_start "$1-weftd" "$1" unshare -m bash -c 'mount --bind "$0" "$0" &&
		mount -o remount,bind,ro "$0" && exec "$@"' \
		"$(store_file)" "$WEFT_BIN_DIR/weftd" "${flags[@]}"
}

@test "a read-only file serves a node whose lease it contains; other nodes report the entry to add" {
	local said
	weftd_stop host1
	start_read_only host1
	weftd_ready host1
	lab_host host7
	weftd_stop host7
	start_read_only host7
	wait_for 10 grep -q 'cannot write the node.s key' "$LAB_DIR/log/host7-weftd"
	wait_for 10 status_is host7 \
		'.networks[0].reason | test("Read-only file system|cannot replace|busy")'
	said=$(grep -m1 'cannot write the node.s key' "$LAB_DIR/log/host7-weftd")
	weftd_stop host7
	# An operator adds the reported entry.
	store_file_edit '.subnets[$key] = ($value | fromjson | fromjson)' \
		--arg key "$(sed 's/.* key=\([^ ]*\) .*/\1/' <<<"$said")" \
		--arg value "$(sed 's/.* value=\(".*"\) not_shown.*/\1/' <<<"$said")"
	start_read_only host7
	weftd_ready host7
	kernel_settled host2 host7
	weftd_stop host7
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	kernel_settled host1
}
