# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ADDs that are started together: weft's, bridge + host-local's, and floor.c's, which show what
# is possible while every change of a device waits for one lock of the kernel. Sourced by run.sh.

MANY=60

# together_once PLUGIN VERB: microseconds for all of $MANY.
together_once() {
	ns_run host1 "$WORK/spawn" together "$LAB_DIR/many/$1"-*-"$2"
}

bench_together() {
	local i
	publish || return
	for ((i = 1; i <= MANY; i++)); do
		ns_add "m$i" || return
	done
	together_of single && together_of dual || return
	for ((i = 1; i <= MANY; i++)); do
		ns_del "m$i"
	done
}

together_of() { # FAMILIES
	local i verb add add_ref least subnet gateway second ours=() theirs=() floors=()
	subnet=$(host_subnet host1) gateway=$(host_gateway host1)
	for ((i = 1; i <= MANY; i++)); do
		second=()
		[[ $1 == single ]] || second=("fd00:5:0:1::$((100 + i))/64" fd00:5:0:1::1)
		floor_dirs "$LAB_DIR/many/floor-$i" "m$i" "floor$i" "${subnet%.*}.$((100 + i))/24" \
			"$gateway" "${second[@]}"
		for verb in ADD DEL; do
			command_dir "$LAB_DIR/many/weft-$i-$verb" $verb "m$i" "$WEFT_BIN_DIR/weft" \
				< <(weft_config "$1")
			command_dir "$LAB_DIR/many/bridge-$i-$verb" $verb "m$i" "$WEFT_CNI_REFERENCE/bridge" \
				< <(reference_config "$1")
		done
	done
	for ((i = 0; i < STARTS; i++)); do
		ours+=("$(together_once weft ADD)") && together_once weft DEL >/dev/null || return
		sleep 1 # the kernel frees devices in its own time
		theirs+=("$(together_once bridge ADD)") && together_once bridge DEL >/dev/null || return
		sleep 1
		floors+=("$(together_once floor ADD)") && together_once floor DEL >/dev/null || return
		sleep 1
	done
	add=$(printf '%s\n' "${ours[@]}" | median) add_ref=$(printf '%s\n' "${theirs[@]}" | median)
	least=$(printf '%s\n' "${floors[@]}" | median)
	row "weft, $MANY ADDs at once, $1 stack" "$(ms "$add")" "floor: $MANY at once" "$(ms "$least")" \
		"$(ratio "$add" "$least")" ''
	row "floor, $MANY at once, $1 stack" "$(ms "$least")" 'bridge + host-local' "$(ms "$add_ref")" \
		"$(ratio "$least" "$add_ref")" 'what is possible'
	row "weft, $MANY ADDs at once, $1 stack" "$(ms "$add")" 'bridge + host-local' "$(ms "$add_ref")" \
		"$(ratio "$add" "$add_ref")" "$(target "$(ratio "$add" "$add_ref")" 0.125)"
}
