# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Reuse of an address: the time from the end of ADD until another container, or the host, receives the
# first reply to the packets that it sends continuously. Sourced by run.sh.

# first_reply NAME TIME: prints the microseconds from TIME until the next reply.
first_reply() {
	sed -n 's/^\[\([0-9]*\)\.\([0-9]*\)\].* bytes from .*/\1\2/p' "$LAB_DIR/log/$1" |
		awk -v t="$2" '$1 >= t { print $1 - t; exit }'
}
replied_after() { [[ -n $(first_reply "$1" "$2") ]]; }

bench_reuse() {
	local i now result address sibling=() host=() config
	ns_add sibling && ns_add first && ns_add second || return
	cni_add host1 sibling >/dev/null || return
	for ((i = 0; i < STARTS; i++)); do
		result=$(cni_add host1 first) && address=$(jq -r '.ips[0].address | split("/")[0]' <<<"$result") || return
		rm -f "$LAB_DIR/log/reuse-"*
		proc_start reuse-sibling sibling ping -D -n -i 0.002 "$address"
		proc_start reuse-host host1 ping -D -n -i 0.002 "$address"
		wait_for 5 replied_after reuse-sibling 0 && wait_for 5 replied_after reuse-host 0 || return
		cni_del host1 first || return
		config=$(cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 | jq -c --arg a "$address" '.args.cni.ips = [$a]')
		cni_exec ADD host1 second eth0 weft <<<"$config" >/dev/null || return
		now=$(now_us)
		wait_for 30 replied_after reuse-sibling "$now" && wait_for 30 replied_after reuse-host "$now" || return
		sibling+=("$(first_reply reuse-sibling "$now")") host+=("$(first_reply reuse-host "$now")")
		proc_stop reuse-sibling && proc_stop reuse-host || return
		cni_exec DEL host1 second eth0 weft <<<"$config" || return
	done
	report_reuse 'a sibling' "${sibling[@]}"
	report_reuse 'the host' "${host[@]}"
	cni_del host1 sibling
}

report_reuse() { # WHO MICROSECONDS...
	local who=$1 most
	shift
	most=$(printf '%s\n' "$@" | sort -n | tail -n 1)
	row "reused address reached by $who" "$(ms "$most")" "after ADD, worst of $#" '' '' \
		"$(target "$(ratio "$most" 1000)" 50) ms"
}
