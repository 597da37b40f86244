#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl events: what happened on a node, also before a restart of weftd, and whatever is in the
# file.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_hosts 2
	store_start
	# host2 joins after host1 has listed the store: of a list, only the number of peers is recorded.
	weftd_start host1
	weftd_ready host1
	weftd_start host2
	weftd_ready host1 host2
	kernel_settled host1 host2
}

teardown_file() { lab_down; }

events() { weftctl_on host1 --json events --count 1000 "$@"; }

# has_event FILTER: whether an event matches a filter of jq.
has_event() {
	events | jq -e "any(.events[]; $1)" || { events | jq -c '.events[]' && return 1; }
}

@test "start, lease, store, uplink, peers and readiness are events" {
	has_event '.event == "weftd started" and .network == "" and .details.name == "host1"'
	has_event '.event == "store connected" and .network == "default"'
	has_event '.event == "uplink found" and .details.device == "eth0"'
	has_event ".event == \"lease acquired\" and .details.key == \"$(etcd_key_of host1)\""
	has_event '.event == "network ready" and .network == "default"'
	wait_for 5 has_event ".event == \"peer installed\" and .details.peer == \"host2\" and
		.details.subnet == \"$(host_subnet host2)\" and .details.public_ip == \"192.168.0.2\""
}

@test "events have times, in order, and tables have one line each" {
	local now list
	now=$(date +%s)
	list=$(events)
	assert_json "$list" ".damaged == 0 and all(.events[]; .time > $((now - 600)) and .time <= $((now + 5)))"
	assert_json "$list" '[.events[] | .time * 1000 + .milliseconds] | . == sort'
	run -0 weftctl_on host1 events
	assert_line --regexp '^20[0-9-]{8} [0-9:]{8}  info   default: lease acquired  key='
	assert_equal "${#lines[@]}" "$(jq '.events | length' <<<"$list")"
	run -0 weftctl_on host1 events --count 1
	assert_equal "${#lines[@]}" 1
	run -2 weftctl_on host1 events --count x
	assert_output --partial 'weftctl: --count: '
}

@test "containers are attached and detached" {
	container_add host1 c1
	wait_for 5 has_event '.event == "container attached" and .network == "default" and
		.details.container == "c1" and .details.interface == "eth0"'
	cni_del host1 c1
	wait_for 5 has_event '.event == "container detached" and .details.container == "c1" and
		(.details.addresses | startswith("10.5."))'
	# A repeated DEL detaches nothing.
	cni_del host1 c1
	assert_equal "$(events | jq '[.events[] | select(.event == "container detached")] | length')" 1
}

failures() { events | jq '[.events[] | select(.event == "plugin call failed")] | length'; }

@test "failed calls of the plugin are events, escaped, and few in a minute" {
	local i before
	before=$(failures)
	ns_add fails
	! CNI_EXTRA='K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;IP=10.99.0.1' cni_add host1 fails >/dev/null ||
		fail 'ADD with the address of another network'
	has_event '.event == "plugin call failed" and .level == "error" and .network == "default" and
		.details.command == "ADD" and .details.container == "fails" and .details.interface == "eth0" and
		.details.pod == "shop/web-0" and .details.code == "102" and (.details.error | contains("10.99.0.1"))'
	! CNI_EXTRA=$'IP=10.5.\e[31m' cni_add host1 fails >/dev/null || fail 'ADD with an invalid address'
	has_event '.event == "plugin call failed" and .details.code == "4" and (.details.error | contains("\\x1b"))'
	run -0 weftctl_on host1 events
	[[ $output != *$'\e'* ]]
	assert_output --regexp 'error  default: plugin call failed  command=ADD  container=fails '
	assert_equal "$(failures)" $((before + 2))
	for ((i = 0; i < 40; i++)); do
		! CNI_EXTRA=IP=x cni_add host1 fails >/dev/null || fail 'ADD with an invalid address'
	done
	(($(failures) >= 20))
	assert_json "$(events)" '[.events[] | select(.event == "plugin call failed")] |
		group_by(.time / 60 | floor) | all(length <= 20)'
}

@test "repairs, refused configurations and refused leases are events" {
	local config
	ns_run host1 ip route del "$(host_subnet host2)"
	wait_for 10 has_event '.event == "change by another program repaired" and
		.details.object == "route" and .details.count == "1"'
	config=$(etcd_ctl get --print-value-only "$ETCD_PREFIX/config")
	etcd_ctl put "$ETCD_PREFIX/config" '{"Network":"10.5.0.0/16","Backend":{"VNI":0}}'
	wait_for 10 has_event '.event == "network not ready" and (.details.error | contains("Backend.VNI"))'
	etcd_ctl put "$ETCD_PREFIX/config" "$config"
	etcd_ctl put "$ETCD_PREFIX/subnets/10.5.177.0-24" \
		'{"PublicIP":"192.168.0.77","BackendType":"host-gw","BackendData":null}'
	wait_for 20 has_event '.event == "leases refused" and .details.cause == "backend" and
		.details.leases == "1"'
	etcd_ctl del "$ETCD_PREFIX/subnets/10.5.177.0-24"
	wait_for 20 has_event '.event == "leases no longer refused" and .details.cause == "backend"'
}

followed() { (($(grep -c "\"event\":\"$1\"" "$LAB_DIR/log/follow") == $2)); } # EVENT TIMES

@test "the events survive a restart, and follow prints what comes" {
	proc_start follow host1 "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/host1/run" events --follow --json
	wait_for 10 followed 'weftd started' 1
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
	assert_equal "$(events | jq '[.events[] | select(.event == "weftd started")] | length')" 2
	has_event '.event == "stopping; the data path is kept"'
	wait_for 10 followed 'weftd started' 2
	proc_stop follow
	# One JSON object per line.
	run -0 jq -s length "$LAB_DIR/log/follow"
	assert_equal "$output" "$(wc -l <"$LAB_DIR/log/follow")"
}

@test "--network shows one network only" {
	assert_json "$(events --network default)" 'all(.events[]; .network == "default") and (.events | length) > 3'
	assert_json "$(events --network other)" '.events == []'
}

@test "a connection to the store that is lost and returns is an event" {
	etcd_stop
	wait_for 60 has_event '.event == "store connection lost" and .details.error != ""'
	etcd_start
	wait_for 60 has_event '.event == "store connected" and .time >= '"$(events |
		jq '[.events[] | select(.event == "store connection lost") | .time] | max')"
}

@test "damaged lines and escapes in the file are skipped and harmless" {
	local run=$LAB_DIR/host1/run before
	before=$(events | jq '.events | length')
	{
		printf '\n{"time":\n\0\0\0\n{"time":"yesterday","level":"info","event":"x"}\n'
		head -c 100000 /dev/zero | tr '\0' x
		printf '\n{"time":"2026-01-01T00:00:00.000Z","level":"warn","event":"a\\u001b[31mb"}\n'
	} >>"$run/events"
	assert_json "$(events)" ".damaged == 4 and (.events | length) == $((before + 1))"
	run -0 weftctl_on host1 events --count 3
	[[ $output != *$'\e'* ]]
	assert_output --partial 'a\x1b[31mb'
}

@test "a file that weftd did not make is replaced or refused" {
	local run=$LAB_DIR/host1/run
	weftd_stop host1
	rm "$run/events"
	ln -s /etc/passwd "$run/events"
	run -1 weftctl_on host1 events
	assert_output --partial 'symbolic link'
	weftd_start host1
	weftd_ready host1
	[[ -f $run/events && ! -L $run/events ]]
	has_event '.event == "weftd started"'
}
