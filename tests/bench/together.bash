# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Concurrent ADDs of weft, of bridge + host-local, and of floor.c, which shows the possible minimum,
# since the kernel serialises all changes of devices with one lock. Sourced by run.sh.

MANY=60

# together_once PLUGIN VERB: prints the microseconds for all $MANY calls.
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
	local i verb add add_ref least subnet gateway second weft=() bridge=() floors=()
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
		weft+=("$(together_once weft ADD)") && together_once weft DEL >/dev/null || return
		sleep 1 # the kernel frees devices asynchronously
		bridge+=("$(together_once bridge ADD)") && together_once bridge DEL >/dev/null || return
		sleep 1
		floors+=("$(together_once floor ADD)") && together_once floor DEL >/dev/null || return
		sleep 1
	done
	add=$(printf '%s\n' "${weft[@]}" | median) add_ref=$(printf '%s\n' "${bridge[@]}" | median)
	least=$(printf '%s\n' "${floors[@]}" | median)
	row "weft, $MANY ADDs at once, $1 stack" "$(ms "$add")" "floor: $MANY at once" "$(ms "$least")" \
		"$(ratio "$add" "$least")" ''
	row "floor, $MANY at once, $1 stack" "$(ms "$least")" 'bridge + host-local' "$(ms "$add_ref")" \
		"$(ratio "$least" "$add_ref")" 'possible minimum'
	row "weft, $MANY ADDs at once, $1 stack" "$(ms "$add")" 'bridge + host-local' "$(ms "$add_ref")" \
		"$(ratio "$add" "$add_ref")" "$(target "$(ratio "$add" "$add_ref")" 0.125)"
}
