# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What --probe costs weftd with 1,000 peers that probe it as well: CPU time during PROBE_SECONDS, of
# weftd with and without it. Sourced by run.sh.

PROBE_PEERS=1000
: "${PROBE_SECONDS:=60}"

# shellcheck source=tests/lib/probes.bash
source "$WEFT_REPO/tests/lib/probes.bash"

# probe_cpu [FLAG...]: prints the CPU time of weftd in milliseconds during PROBE_SECONDS.
probe_cpu() {
	local before
	weftd_start host3 "$@" && weftd_ready host3 || return
	if (($#)); then
		probe_peers_link && probe_peers_start 0 && wait_for 60 all_are_probed || return
	fi
	before=$(cpu_ms host3-weftd)
	sleep "$PROBE_SECONDS" # the time that is measured
	echo $(($(cpu_ms host3-weftd) - before))
	! proc_pid probe-peers >/dev/null || proc_stop probe-peers
	weftd_stop host3
}

bench_probe() {
	# shellcheck disable=SC2034 # of store.bash
	local LAB_STORE=file with without
	lab_host host3 && lab_host host4 && probe_store || return
	without=$(probe_cpu) && with=$(probe_cpu --probe) || return
	row "--probe, $PROBE_PEERS peers: CPU" "$with ms" "in $PROBE_SECONDS s; without it" "$without ms" '' \
		"$(target "$(ratio $((with * 100)) $((PROBE_SECONDS * 1000)))" 1) % of a core"
}
