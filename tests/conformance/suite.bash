# shellcheck shell=bash disable=SC2154 # run sets output and lines
# SPDX-License-Identifier: Apache-2.0
#
# Loaded by each file of the conformance suite: a host with the plugin under test ($CNI_PLUGIN,
# weft by default; plugin_NAME.bash sets it up), calls of the plugin as libcni makes them, and
# the traces that a call may leave.

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

# Removes everything that the test left, so that each test starts with an empty host.
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
# The variables pool, ifname, netns, args and id apply to each call.

cache_of() { echo "$LAB_DIR/cache/$1-$ifname"; } # CONTAINER

# conf VERB CONTAINER [FILTER]: the configuration as libcni completes it: prevResult for
# CHECK and DEL is the cached result of ADD.
conf() {
	local prev=null
	if [[ $1 =~ ^(CHECK|DEL)$ && -s $(cache_of "$2") ]]; then
		prev=$(<"$(cache_of "$2")")
	fi
	plugin_conf "$pool" | jq -c --argjson prev "$prev" \
		"if \$prev then .prevResult = \$prev else . end | ${3-.}"
}

# call VERB CONTAINER <CONFIGURATION: runs the plugin in the host's namespace, with the
# environment of the call only.
call() {
	local path=${netns:-$(ns_path "$2")}
	[[ $netns != none ]] || path=
	ns_run host1 timeout -s KILL 20 env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin CNI_COMMAND="$1" \
		CNI_CONTAINERID="${id-$2}" CNI_NETNS="$path" CNI_IFNAME="$ifname" CNI_ARGS="$args" \
		CNI_PATH="$LAB_DIR/plugins:$WEFT_BIN_DIR:$WEFT_CNI_REFERENCE" \
		${override:+CNI_NETNS_OVERRIDE=$override} "$(plugin_program)"
}

# add, del, check CONTAINER [FILTER]: print the plugin's output.
add() {
	local result status=0
	result=$(call ADD "$1" < <(conf ADD "$1" "${2-.}")) || status=$?
	((status)) || printf '%s\n' "$result" >"$(cache_of "$1")"
	printf '%s\n' "$result"
	return $status
}
check() { call CHECK "$1" < <(conf CHECK "$1" "${2-.}"); }
del() { call DEL "$1" < <(conf DEL "$1" "${2-.}"); }
# GC and STATUS have no container.
status_call() { netns=none id='' ifname='' call STATUS '' < <(conf STATUS '' ".cniVersion = \"1.1.0\" | ${1-.}"); }
gc() { # CONTAINER-IFNAME...: the valid attachments
	local valid
	valid=$(printf '%s\n' "$@" | jq -R -n -c '[inputs | select(. != "") | capture("^(?<containerID>.*)-(?<ifname>[^-]*)$")]')
	gc_with ".\"cni.dev/valid-attachments\" = $valid"
}
gc_with() { netns=none id='' ifname='' call GC '' < <(conf GC '' ".cniVersion = \"1.1.0\" | $1"); }

# refused CODE: the last run failed with one error document on standard output.
refused() {
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
	assert_json "$output" ".code == $1 and (.msg | length > 0) and has(\"cniVersion\")"
}

# A test of a feature that the plugin lacks is skipped; compare.sh prints n/a for it.
needs_version() { # VERSION
	CNI_COMMAND=VERSION "$(plugin_program)" </dev/null 2>/dev/null |
		jq -e --arg v "$1" '.supportedVersions | index($v)' >/dev/null ||
		skip "the plugin does not support CNI $1"
}
only_weft() { [[ $CNI_PLUGIN == weft ]] || skip "$1"; } # WHY

# ---- State ---------------------------------------------------------------------

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

# All that an attachment may leave on the host: devices, FDB entries, rules, files.
traces() {
	ip_in host1 -o link show | awk -F '[ :@]+' '{ print $2 }' | sort
	bridge -n "$LAB-host1" fdb show br "$PLUGIN_BRIDGE" | grep -i ' 0a:58' || true
	ns_run host1 nft -s list ruleset
	state_files
}

# A bridge that is set down loses its IPv6 address.
restore_gateway6() {
	ns_run host1 sysctl -q -w "net.ipv6.conf.$PLUGIN_BRIDGE.disable_ipv6=0"
	ip_in host1 -6 address replace fd00:5:1::1/64 dev "$PLUGIN_BRIDGE" nodad
}

traces_are() { diff -u <(printf '%s\n' "$1") <(traces); }

# The kernel frees the devices of a deleted namespace asynchronously.
clean() { wait_for 5 traces_are "$before" || fail "traces are left"; }

reaches() { ping_once "$1" "$2" -W 1; } # NAMESPACE ADDRESS

# Creates a fake plugin, to delegate to or to chain: a shell script with this text.
fake_plugin() { # NAME TEXT
	printf '#!/bin/bash\n%s\n' "$2" >"$LAB_DIR/plugins/$1"
	chmod 755 "$LAB_DIR/plugins/$1"
}
# Delegates IPAM to another plugin, for weft and bridge alike.
delegated='.ipam = {"type":"host-local","dataDir":"DIR","ranges":[[{"subnet":"10.5.1.0/24","rangeStart":"10.5.1.200","rangeEnd":"10.5.1.210"}]]}'
delegate() { echo "${delegated/DIR/$LAB_DIR/host1/$PLUGIN_STATE/delegate}"; }
