# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# ADD and DEL of weft, of Debian's bridge + host-local, and of floor.c, which creates the same kernel
# objects and does nothing else. Whole processes are measured. BEFORE=PROGRAM measures another build of
# weft in the same rounds. Both are copies, as an installation makes them: a file that the linker has
# written costs up to a quarter more, because its pages are cached one by one. Sourced by run.sh.

ROUNDS=${ROUNDS-50}

figure() { sed -n "s/^$1 //p" "$WORK/spawn.txt" | cut -d' ' -f"${2-1}" | median; } # NAME [COLUMN]

bench_plugin() {
	local dir=$LAB_DIR/spawn family verb subnet dirs=()
	subnet=$(host_subnet host1)
	ns_add weft && ns_add bridge && ns_add floor && publish || return
	cp "$WEFT_BIN_DIR/weft" "$WORK/weft" && cp "${BEFORE:-$WORK/weft}" "$WORK/weft-before" || return
	for family in single dual; do
		for verb in ADD DEL; do
			command_dir "$dir/weft-$family-$verb" $verb weft "$WORK/weft" \
				< <(weft_config $family)
			command_dir "$dir/bridge-$family-$verb" $verb bridge "$WEFT_CNI_REFERENCE/bridge" \
				< <(reference_config $family)
			[[ ! ${BEFORE-} ]] || command_dir "$dir/before-$family-$verb" $verb weft "$WORK/weft-before" \
				< <(weft_config $family)
		done
		dirs+=("$dir"/{weft,bridge,floor}-"$family"-{ADD,DEL})
		[[ ! ${BEFORE-} ]] || dirs+=("$dir/before-$family"-{ADD,DEL})
	done
	set -- "${subnet%.*}.250/24" "$(host_gateway host1)"
	floor_dirs "$dir/floor-single" floor floor0 "$@"
	floor_dirs "$dir/floor-dual" floor floor0 "$@" fd00:5:0:1::250/64 fd00:5:0:1::1
	ns_run host1 "$WORK/spawn" 3 50 "${dirs[@]}" >/dev/null || return # creates bridges, and caches files
	ns_run host1 "$WORK/spawn" "$ROUNDS" 50 "${dirs[@]}" >"$WORK/spawn.txt" || return
	for family in single dual; do
		report_plugin $family
	done
	row 'weft, peak memory of a process' "$(figure weft-dual-ADD 2) kB" 'bridge (without host-local)' \
		"$(figure bridge-dual-ADD 2) kB" "$(ratio "$(figure weft-dual-ADD 2)" "$(figure bridge-dual-ADD 2)")" \
		"$(target "$(ratio "$(figure weft-dual-ADD 2)" 1000)" 2.5) MB"
}

report_plugin() { # FAMILIES
	local add del add_ref del_ref floor
	add=$(figure "weft-$1-ADD") del=$(figure "weft-$1-DEL") floor=$(figure "floor-$1-ADD")
	add_ref=$(figure "bridge-$1-ADD") del_ref=$(figure "bridge-$1-DEL")
	row "weft ADD, $1 stack" "$(ms "$add")" 'floor: raw netlink only' "$(ms "$floor")" \
		"$(ratio "$add" "$floor")" "$(target "$(ratio "$add" "$floor")" 1.5)"
	row "weft ADD, $1 stack" "$(ms "$add")" 'bridge + host-local' "$(ms "$add_ref")" \
		"$(ratio "$add" "$add_ref")" "$(target "$(ratio "$add" "$add_ref")" 0.2)"
	row "weft DEL, $1 stack" "$(ms "$del")" 'bridge + host-local' "$(ms "$del_ref")" \
		"$(ratio "$del" "$del_ref")" "$(target "$(ratio "$del" "$del_ref")" 0.125)"
	[[ ${BEFORE-} ]] || return 0
	report_before ADD "$1" "$add"
	report_before DEL "$1" "$del"
}

report_before() { # VERB FAMILIES FIGURE
	local before
	before=$(figure "before-$2-$1")
	row "weft $1, $2 stack" "$(ms "$3")" 'weft before' "$(ms "$before")" \
		"$(ratio "$3" "$before")" "$(target "$(ratio "$3" "$before")" 1.05)"
}
