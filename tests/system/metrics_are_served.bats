#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftd's HTTP server: /healthz and /readyz for probes, /metrics for Prometheus; the alert rules, the
# dashboard and the documentation refer to metrics that exist.

load ../lib/bats

PORT=8471

setup_file() {
	lab_open_for_file
	lab_hosts 2
	etcd_machine
	etcd_start
	weftd_start host1 --healthz-port "$PORT"
	weftd_start host2
}

teardown_file() { lab_down; }

# Prints the body, and the status on a line of its own.
get() { # HOST PATH [OPTION OF CURL...]
	ns_run "$1" curl -s --max-time 10 -w '%{http_code}\n' "${@:3}" "http://127.0.0.1:$PORT$2"
}

answers() { # HOST PATH STATUS [TEXT]
	local answer
	answer=$(get "$1" "$2")
	echo "$answer"
	[[ $answer == *"$3" && $answer == *"${4-}"* ]]
}

@test "before the network is configured, weftd is alive and not ready, with the reason" {
	wait_for 20 answers host1 /healthz 200 OK
	wait_for 20 answers host1 /readyz 503 'default: there is no network configuration'
}

@test "the node is ready once the lease is held and the devices are up" {
	etcd_config
	weftd_ready host1 host2
	wait_for 20 answers host1 /readyz 200 'default: ready'
}

# metric HOST SAMPLE: prints the value of the sample, "name" or "name{labels}" as in the document.
metric() {
	get "$1" /metrics | awk -v sample="$2" '$1 == sample { print $2; found = 1 } END { exit !found }'
}

metric_is() { # HOST SAMPLE VALUE
	local value
	value=$(metric "$1" "$2")
	echo "$2: $value"
	[[ $value == "$3" ]]
}

metric_is_above() { # HOST SAMPLE VALUE
	local value
	value=$(metric "$1" "$2")
	echo "$2: $value"
	((value > $3))
}

# The names of all metrics, from the document or from a text.
metric_names() { get host1 /metrics | awk '/^# TYPE/ { print $3 }' | sort; }
names_in() { # FILE
	grep -Eo '\b(weft|process)_[a-z_]+' "$1" | sed 's/_bucket$//' | grep -Ev '^weft_(peers|lease)$' | sort -u
}

@test "promtool accepts the metrics, and the documentation lists them all" {
	run promtool check metrics < <(ns_run host1 curl -s "http://127.0.0.1:$PORT/metrics")
	assert_success
	assert_output ''
	# shellcheck disable=SC2016 # backquotes of Markdown
	run diff <(metric_names) <(sed -n 's/^| `\([a-z_]*\)` |.*/\1/p' "$WEFT_REPO/docs/operations.md" | sort)
	assert_success
	assert_output ''
}

@test "alert rules and dashboard use existing metrics, and each alert has a section" {
	local file alert
	for file in conf/prometheus/weft.rules.yml conf/grafana/weft.json; do
		run comm -13 <(metric_names) <(names_in "$WEFT_REPO/$file")
		assert_output ''
	done
	jq -e '.panels | length > 10' "$WEFT_REPO/conf/grafana/weft.json"
	run promtool test rules "$WEFT_REPO/conf/prometheus/weft.rules.test.yml"
	assert_success
	while read -r alert; do
		grep -qx "### $alert" "$WEFT_REPO/docs/troubleshooting.md" || fail "no section $alert"
		grep -q "#${alert,,}\$" "$WEFT_REPO/conf/prometheus/weft.rules.yml" || fail "no runbook $alert"
		grep -q "alertname: $alert\$" "$WEFT_REPO/conf/prometheus/weft.rules.test.yml" || fail "no test of $alert"
	done < <(sed -n 's/^  - alert: //p' "$WEFT_REPO/conf/prometheus/weft.rules.yml")
}

@test "state, peers, store and lease are counted" {
	local refused='weft_peers_refused{network="default",reason='
	wait_for 20 metric_is host1 'weft_peers_installed{network="default"}' 1
	metric_is host1 'weft_network_ready{network="default"}' 1
	metric_is host1 'weft_lease_held{network="default"}' 1
	metric_is host1 'weft_lease_ttl_seconds{network="default"}' "$WEFT_TEST_LEASE_TTL"
	wait_for 20 metric_is_above host1 'weft_lease_renewals_total{network="default",outcome="success"}' 0
	metric_is_above host1 \
		'weft_store_requests_total{network="default",operation="list",outcome="success"}' 0
	metric_is host1 'weft_rules_installed' 1
	metric_is host1 weft_fast_path_installed \
		"$(weftctl_on host1 status --json | jq '.fast_path.state == "on" | if . then 1 else 0 end')"
	# A lease with this node's VTEP MAC, and a key that is no lease.
	etcd_put 10.5.200.0-24 "$(flannel_value 192.168.0.200 \
		"$(etcd_value_of host1 | jq -r .BackendData.VtepMAC)")"
	etcd_put 10.5.201.0-24 '{'
	wait_for 20 metric_is host1 "$refused\"mac\"}" 1
	wait_for 20 metric_is host1 "$refused\"invalid\"}" 1
	metric_is host1 'weft_peers_wanted{network="default"}' 1
	etcd_del 10.5.200.0-24
	etcd_del 10.5.201.0-24
	wait_for 60 metric_is host1 "$refused\"mac\"}" 0
}

@test "plugin calls, containers, addresses and traffic are counted" {
	local used='weft_addresses_used{network="default",family="ipv4"}' address
	container_add host1 c1 >/dev/null
	address=$(container_add host2 c2)
	metric_is host1 'weft_plugin_calls_total{verb="ADD",outcome="success"}' 1
	metric_is host1 'weft_plugin_call_duration_seconds_count{verb="ADD"}' 1
	metric_is host1 "$used" 1
	wait_for 20 metric_is host1 'weft_containers{network="default"}' 1
	wait_for 20 ping_once "c1" "$address"
	metric_is_above host1 \
		'weft_tunnel_bytes_total{network="default",device="weft-vx1",direction="transmit"}' 0
	# The same container again fails.
	run cni_add host1 c1
	assert_failure
	metric_is host1 'weft_plugin_calls_total{verb="ADD",outcome="error"}' 1
	container_del host1 c1
	metric_is host1 'weft_plugin_calls_total{verb="DEL",outcome="success"}' 1
	metric_is host1 "$used" 0
	container_del host2 c2
}

@test "drift is counted when it is found and when it is healed" {
	local sample='weft_drift_%s_total{network="default",kind="route"}' found
	# shellcheck disable=SC2059 # the format is a constant
	found=$(metric host1 "$(printf "$sample" found)")
	ns_run host1 ip route delete "$(host_subnet host2)"
	# shellcheck disable=SC2059
	wait_for 20 metric_is_above host1 "$(printf "$sample" found)" "$found"
	# shellcheck disable=SC2059
	metric_is_above host1 "$(printf "$sample" healed)" "$found"
	ns_run host1 nft delete chain inet weft "$(ns_run host1 nft -j list chains inet |
		jq -r 'first(.nftables[].chain | select(.table == "weft" and .hook == "input") | .name)')"
	wait_for 20 metric_is_above host1 weft_rules_restored_total 0
}

@test "a hostile file of plugin calls delays neither the plugin nor weftd" {
	rm "$LAB_DIR/host1/run/calls"
	mkfifo "$LAB_DIR/host1/run/calls"
	container_add host1 c1 >/dev/null
	container_del host1 c1
	answers host1 /metrics 200 weft_build_info
	rm "$LAB_DIR/host1/run/calls"
}

# The descriptor of the closed connection becomes that of the control connection.
@test "a request does not disturb the connections that follow it" {
	for _ in {1..5}; do
		answers host1 /healthz 200
		weftctl_on host1 status >/dev/null
		answers host1 /healthz 200
		answers host1 /healthz 200
	done
}

@test "other paths, methods and bodies are refused" {
	answers host1 / 404
	run get host1 /healthz -X POST
	assert_output --partial 405
	run get host1 /healthz -X GET -d body
	assert_output --regexp '4[0-9][0-9]$'
	run get host1 /healthz -I
	assert_output --partial 'HTTP/1.1 200 OK'
}

@test "the node stays ready while the store is unreachable, and the lease lasts" {
	etcd_ctl put "$ETCD_PREFIX/config" \
		'{"Network":"10.5.0.0/16","SubnetLen":24,"SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0",
		"Backend":{"Type":"vxlan","VNI":1},"Weft":{"LeaseTTL":3600}}' >/dev/null
	weftd_ready host1
	etcd_stop
	wait_for 20 not weftd_is_ready host1
	answers host1 /readyz 200 'default: ready'
	etcd_start
	weftd_ready host1 host2
}

# weftd may create the bridge again between the two commands.
is_taken() { ns_run host1 ip link delete weft-br1 && ns_run host1 ip link add weft-br1 type veth peer name other; }

@test "a failed reconcile is reported" {
	# A device of another program has the bridge's name.
	wait_for 20 is_taken
	wait_for 20 answers host1 /readyz 503
	ns_run host1 ip link delete weft-br1
	wait_for 40 answers host1 /readyz 200
}

@test "without --healthz-port, weftd opens no TCP port" {
	run ns_run host2 ss -Hltn
	assert_output ''
}

# query EXPRESSION: of Prometheus; prints the result as JSON.
query() {
	ns_run etcd curl -s --max-time 10 --get --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query |
		jq -c .data.result
}

query_has() { # EXPRESSION NUMBER OF SAMPLES
	local result
	result=$(query "$1")
	echo "$result"
	jq -e "length == $2" <<<"$result"
}

@test "a Prometheus scrapes the lab and evaluates the alert rules" {
	weftd_stop host2
	weftd_start host2 --healthz-port "$PORT"
	weftd_ready host2
	cp "$WEFT_REPO/conf/prometheus/weft.rules.yml" "$LAB_DIR"
	cat >"$LAB_DIR/prometheus.yml" <<-CONFIG
		global: {scrape_interval: 1s, evaluation_interval: 1s}
		rule_files: [weft.rules.yml]
		scrape_configs:
		- job_name: weft
		  static_configs: [{targets: ['192.168.0.1:$PORT', '192.168.0.2:$PORT']}]
	CONFIG
	proc_start prometheus etcd prometheus --config.file="$LAB_DIR/prometheus.yml" --log.level=warn \
		--storage.tsdb.path="$LAB_DIR/prometheus" --web.listen-address=127.0.0.1:9090
	wait_for 60 query_has 'up{job="weft"} == 1' 2
	wait_for 60 query_has 'weft_peers_installed == 1' 2
	# An alert is pending when its expression is true.
	weftd_stop host2
	wait_for 60 query_has 'ALERTS{alertname="WeftDown",alertstate="pending"}' 1
	proc_stop prometheus KILL
	weftd_start host2
	weftd_ready host2
}

@test "a port that is in use is one error" {
	weftd_stop host2
	weftd_start host2 --healthz-ip 192.168.0.2 --healthz-port 7
	weftd_ready host2
	weftd_stop host2
	proc_start squatter host2 python3 -c 'import socket, time
s = socket.create_server(("192.168.0.2", 7)); time.sleep(1000)'
	wait_for 20 bound host2 192.168.0.2:7
	weftd_start host2 --healthz-ip 192.168.0.2 --healthz-port 7
	wait_for 20 not weftd_pid host2
	run weftd_log host2 1
	assert_output --partial 'cannot listen on 192.168.0.2:7: Address already in use'
	proc_stop squatter
	weftd_start host2
	weftd_ready host2
}

bound() { ns_run "$1" ss -Hltn | grep -wF "$2"; } # HOST ADDRESS:PORT
