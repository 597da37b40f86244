# shellcheck shell=bash disable=SC2154 # bats sets what run has seen
# SPDX-License-Identifier: Apache-2.0
#
# What a file of the conformance suite loads: one host on which the plugin under
# test works ($CNI_PLUGIN, weft by default; plugin_NAME.bash says how it is set up),
# calls of it as libcni makes them, and the traces that it may leave.

# shellcheck source=tests/lib/bats.bash
source "${BASH_SOURCE[0]%/*}/../lib/bats.bash"

: "${CNI_PLUGIN:=weft}"
# shellcheck source=tests/conformance/plugin_weft.bash
source "${BASH_SOURCE[0]%/*}/plugin_$CNI_PLUGIN.bash"

setup_file() {
	lab_open_for_file
	mkdir "$LAB_DIR/plugins" "$LAB_DIR/cache"
	plugin_up
}

teardown_file() { lab_down; }

setup() {
	before=$(traces)
	pool=default ifname=eth0 args='' netns=''
	ns_add c1
}

# Each test begins with nothing, whatever the one before it left.
teardown() {
	local ns link file
	for ns in $(ns_list); do
		[[ $ns =~ ^(net|etcd|host1)$ ]] || ns_del "$ns"
	done
	for link in $(ip -n "$LAB-host1" -o link show type veth | awk -F '[ :@]+' '$2 != "eth0" { print $2 }'); do
		ip -n "$LAB-host1" link del "$link" 2>/dev/null
	done
	while IFS= read -r file; do
		rm -f "$file"
	done < <(state_files)
	rm -rf "$LAB_DIR/cache" "$LAB_DIR/plugins"
	mkdir "$LAB_DIR/cache" "$LAB_DIR/plugins"
	[[ -z ${BATS_TEST_COMPLETED-} && -n ${stderr-} ]] && echo "stderr: $stderr"
	true
}

# ---- Calls -------------------------------------------------------------------
# By hand: what a test sets of pool, ifname, netns, args, id holds for the call.

cache_of() { echo "$LAB_DIR/cache/$1-$ifname"; } # CONTAINER

# conf VERB CONTAINER [FILTER]: the configuration as libcni completes it: prevResult for
# CHECK and DEL, out of what ADD has answered.
conf() {
	local prev=null
	if [[ $1 =~ ^(CHECK|DEL)$ && -s $(cache_of "$2") ]]; then
		prev=$(<"$(cache_of "$2")")
	fi
	plugin_conf "$pool" | jq -c --argjson prev "$prev" \
		"if \$prev then .prevResult = \$prev else . end | ${3-.}"
}

# call VERB CONTAINER <CONFIGURATION: the plugin, in the host's namespace, with the
# environment of the call and no other.
call() {
	local path=${netns:-$(ns_path "$2")}
	[[ $netns != none ]] || path=
	ns_run host1 timeout -s KILL 20 env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin CNI_COMMAND="$1" \
		CNI_CONTAINERID="${id-$2}" CNI_NETNS="$path" CNI_IFNAME="$ifname" CNI_ARGS="$args" \
		CNI_PATH="$LAB_DIR/plugins:$WEFT_BIN_DIR:$WEFT_CNI_REFERENCE" \
		${override:+CNI_NETNS_OVERRIDE=$override} "$(plugin_program)"
}

# add, del, check CONTAINER [FILTER]: prints what the plugin says.
add() {
	local answer status=0
	answer=$(call ADD "$1" < <(conf ADD "$1" "${2-.}")) || status=$?
	((status)) || printf '%s\n' "$answer" >"$(cache_of "$1")"
	printf '%s\n' "$answer"
	return $status
}
check() { call CHECK "$1" < <(conf CHECK "$1" "${2-.}"); }
del() { call DEL "$1" < <(conf DEL "$1" "${2-.}"); }
# GC and STATUS concern no container.
status_call() { netns=none id='' ifname='' call STATUS '' < <(conf STATUS '' ".cniVersion = \"1.1.0\" | ${1-.}"); }
gc() { # CONTAINER-IFNAME... : those that are valid
	local valid
	valid=$(printf '%s\n' "$@" | jq -R -n -c '[inputs | select(. != "") | capture("^(?<containerID>.*)-(?<ifname>[^-]*)$")]')
	gc_with ".\"cni.dev/valid-attachments\" = $valid"
}
gc_with() { netns=none id='' ifname='' call GC '' < <(conf GC '' ".cniVersion = \"1.1.0\" | $1"); }

# refused CODE: the last run ended with an error, one document on standard output.
refused() {
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
	assert_json "$output" ".code == $1 and (.msg | length > 0) and has(\"cniVersion\")"
}

# Not every plugin can do everything: skips, which the comparison shows as not applicable.
needs_version() { # VERSION
	CNI_COMMAND=VERSION "$(plugin_program)" </dev/null 2>/dev/null |
		jq -e --arg v "$1" '.supportedVersions | index($v)' >/dev/null ||
		skip "the plugin does not speak CNI $1"
}
only_weft() { [[ $CNI_PLUGIN == weft ]] || skip "$1"; } # WHY

# ---- What is there -------------------------------------------------------------

ip_in() { ip -n "$LAB-$1" "${@:2}"; }
address_of() { jq -r '.ips[0].address | split("/")[0]' "$(cache_of "$1")"; }
veth_of() { jq -r '.interfaces[1].name' "$(cache_of "$1")"; }
port_of() { ip_in host1 -d -j link show "$(veth_of "$1")" | jq '.[0].linkinfo.info_slave_data'; }
mac_in() { ip_in "$1" -j link show "$ifname" | jq -r '.[0].address'; }

state_files() {
	local file
	find "$LAB_DIR/host1/$PLUGIN_STATE" \( -type f -o -type l \) | sort | while IFS= read -r file; do
		! plugin_file_counts "$file" || printf '%s\n' "$file"
	done
}

# All that an attachment leaves in the host: devices, entries for them, rules, files.
traces() {
	ip_in host1 -o link show | awk -F '[ :@]+' '{ print $2 }' | sort
	bridge -n "$LAB-host1" fdb show br "$PLUGIN_BRIDGE" | grep -i ' 0a:58' || true
	ns_run host1 nft list ruleset
	state_files
}

traces_are() { diff -u <(printf '%s\n' "$1") <(traces); }

# The kernel frees what hung on a namespace in its own time.
clean() { wait_for 5 traces_are "$before" || fail "traces are left"; }

reaches() { ping_once "$1" "$2" -W 1; } # NAMESPACE ADDRESS

# A fake plugin to delegate to, or to chain: a shell script by its text.
fake_plugin() { # NAME TEXT
	printf '#!/bin/bash\n%s\n' "$2" >"$LAB_DIR/plugins/$1"
	chmod 755 "$LAB_DIR/plugins/$1"
}
# ipam of another plugin, for weft and bridge alike.
delegated='.ipam = {"type":"host-local","dataDir":"DIR","ranges":[[{"subnet":"10.5.1.0/24","rangeStart":"10.5.1.200","rangeEnd":"10.5.1.210"}]]}'
delegate() { echo "${delegated/DIR/$LAB_DIR/host1/$PLUGIN_STATE/delegate}"; }
