# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# STATUS in several states of weftd and of the host, and ADD on a host with 2,000 devices compared
# with a host without other devices. Sourced by run.sh.

CROWD=1000      # veth pairs
STATUS_CALLS=20 # per state

# Creates a host with the devices that the plugin checks.
crowd_host() { # NAME
	ns_add "$1" && ip -n "$LAB-$1" link add "$KERNEL_BRIDGE" type bridge &&
		ip -n "$LAB-$1" link add "$KERNEL_VXLAN" type vxlan id 1 dstport 8472 &&
		ip -n "$LAB-$1" link set "$KERNEL_BRIDGE" up && ip -n "$LAB-$1" link set "$KERNEL_VXLAN" up
}

# inside NAME DIRECTORY...: makes the commands of the directories run in that host.
inside() {
	local name=$1 dir
	shift
	for dir; do
		printf '%s\n' "$(command -v nsenter)" "--net=$(ns_path "$name")" -- "$(<"$dir/argv")" >"$dir/argv.new"
		mv "$dir/argv.new" "$dir/argv"
	done
}

# Creates a run directory whose pool is exhausted.
full_pool() {
	local i subnet dir=$LAB_DIR/full
	subnet=$(host_subnet host1)
	mkdir -p "$dir/networks" "$dir/ipam/default" && cp "$LAB_DIR/single/networks/default.json" "$dir/networks"
	for ((i = 1; i < 255; i++)); do
		ln -s ../../attachments/default/0000000000000001 "$dir/ipam/default/${subnet%.*}.$i"
	done
}

status_dir() { # NAME RUN-DIRECTORY [EXIT STATUS]
	local dir=$LAB_DIR/status/$1
	command_dir "$dir" STATUS nobody "$WEFT_BIN_DIR/weft" \
		< <(weft_config single | jq -c --arg run "$2" '.cniVersion = "1.1.0" | .runDir = $run')
	[[ ! ${3-} ]] || echo "$3" >"$dir/status"
}

worst() { sed -n "s/^$1 //p" "$WORK/status.txt" | cut -d' ' -f1 | sort -n | tail -n 1; }
middle() { sed -n "s/^$1 //p" "$WORK/status.txt" | cut -d' ' -f1 | median; }

report_status() { # NAME WHAT
	row "STATUS: $2" "$(ms "$(worst "$1")")" "worst of $STATUS_CALLS" '' '' \
		"$(target "$(ratio "$(worst "$1")" 1000)" 50) ms"
}

bench_status() {
	local i name dir=$LAB_DIR/status
	publish && full_pool && crowd_host quiet && crowd_host crowd && ns_add guest || return
	for ((i = 0; i < CROWD; i++)); do
		echo "link add a$i type veth peer name b$i"
	done | ip -n "$LAB-crowd" -batch - || return
	status_dir ready "$LAB_DIR/host1/run"
	status_dir stopped "$LAB_DIR/host1/run"
	status_dir full "$LAB_DIR/full" 1
	for name in quiet crowd; do
		status_dir "$name" "$LAB_DIR/single"
		for i in ADD DEL; do
			command_dir "$dir/$name-$i" $i guest "$WEFT_BIN_DIR/weft" < <(weft_config single)
		done
		inside $name "$dir/$name" "$dir/$name"-{ADD,DEL}
	done
	{
		ns_run host1 "$WORK/spawn" $STATUS_CALLS 10 "$dir"/{ready,full,crowd} || return
		kill -s STOP "$(weftd_pid host1)"
		ns_run host1 "$WORK/spawn" $STATUS_CALLS 10 "$dir/stopped"
		kill -s CONT "$(weftd_pid host1)"
		ns_run host1 "$WORK/spawn" "$ROUNDS" 30 "$dir"/{quiet,crowd}-{ADD,DEL} || return
	} >"$WORK/status.txt"
	report_status ready 'ready'
	report_status stopped 'weftd stopped by SIGSTOP'
	report_status full 'pool exhausted (code 50)'
	report_status crowd "$((2 * CROWD)) devices"
	row "ADD with $((2 * CROWD)) devices on the host" "$(ms "$(middle crowd-ADD)")" 'without them' \
		"$(ms "$(middle quiet-ADD)")" "$(ratio "$(middle crowd-ADD)" "$(middle quiet-ADD)")" \
		"$(target "$(ratio "$(middle crowd-ADD)" "$(middle quiet-ADD)")" 1.25)"
	ns_del crowd && ns_del quiet && ns_del guest
}
