# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a scrape of /metrics costs weftd with 10,000 peers: CPU time, and memory before and after the
# scrapes. Sourced by run.sh.

SCRAPE_PEERS=10000
SCRAPES=200

# The file store with this number of peers; the node's own subnet is above those of the peers.
scrape_store() {
	awk -v n="$SCRAPE_PEERS" 'BEGIN {
		print "{\"config\":{\"Network\":\"10.0.0.0/8\",\"SubnetLen\":24,\"SubnetMin\":\"10.200.0.0\"," \
			"\"Backend\":{\"Type\":\"vxlan\",\"VNI\":1}},\"subnets\":{"
		for (i = 0; i < n; i++)
			printf "%s\"10.%d.%d.0-24\":{\"PublicIP\":\"172.20.%d.%d\",\"BackendType\":\"vxlan\"," \
				"\"BackendData\":{\"VNI\":1,\"VtepMAC\":\"02:00:00:00:%02x:%02x\"}}\n",
				i ? "," : "", 16 + i / 256, i % 256, i / 250, i % 250 + 1, i / 256, i % 256
		print "}}" }' >"$(store_file)"
}

scrape() { ns_run host2 curl -s http://127.0.0.1:8471/metrics; }
scraped() { scrape | awk -v name="$1" '$1 == name { print $2 }'; } # METRIC
scrape_is_complete() { [[ $(scraped 'weft_peers_installed{network="default"}') == "$SCRAPE_PEERS" ]]; }
anonymous_kb() { awk '/^RssAnon/ { print $2 }' "/proc/$(weftd_pid host2)/status"; }

bench_metrics() {
	# shellcheck disable=SC2034 # of store.bash
	local LAB_STORE=file before cpu spent i
	lab_host host2 && scrape_store && weftd_start host2 --healthz-port 8471 &&
		weftd_ready host2 || return
	before=$(anonymous_kb)
	wait_for 60 scrape_is_complete || return
	cpu=$(scraped process_cpu_seconds_total)
	for ((i = 0; i < SCRAPES; i++)); do
		scrape >/dev/null
	done
	spent=$(awk -v a="$(scraped process_cpu_seconds_total)" -v b="$cpu" -v n="$SCRAPES" \
		'BEGIN { print (a - b) * 1000000 / n }')
	row "scrape, $SCRAPE_PEERS peers: CPU" "$(ms "$spent")" "mean of $SCRAPES" '' '' \
		"$(target "$(ratio "$spent" 1000)" 5) ms"
	row 'memory added by scrapes' "$(($(anonymous_kb) - before)) kB" '' '' '' \
		"$(target "$(($(anonymous_kb) - before))" 500) kB"
	weftd_stop host2
}
