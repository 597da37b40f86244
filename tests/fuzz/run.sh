#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SECONDS PROGRAM...: runs each fuzz target for SECONDS, with its seeds in
# tests/fuzz/corpus/ and the inputs found by earlier runs in FUZZ_DIR (build/fuzz-found).
# Inputs that crash, hang, leak or use too much memory are saved in FUZZ_DIR/crash/.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

here=tests/fuzz
found=${FUZZ_DIR-build/fuzz-found}
seconds=$1
shift

memory=(-rss_limit_mb=1024 -malloc_limit_mb=128)
broken=()

fuzz() { # PROGRAM TARGET
	local dictionary=$found/$2.dict

	mkdir -p "$found/corpus/$2" "$found/crash"
	cat $here/dict/json.dict "$here/dict/$2.dict" >"$dictionary"
	"$1" "$found/corpus/$2" "$here/corpus/$2" -dict="$dictionary" -max_total_time="$seconds" \
		-timeout=10 -max_len=4096 "${memory[@]}" -artifact_prefix="$found/crash/$2-" \
		-print_final_stats=1 -verbosity=1 >"$found/$2.log" 2>&1
}

for program; do
	target=${program##*/fuzz_}
	if fuzz "$program" "$target"; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$found/$target.log")
		printf 'fuzz %-9s ok: %s inputs\n' "$target" "$runs"
	else
		printf 'fuzz %-9s FAILED\n' "$target"
		tail -n 40 "$found/$target.log"
		broken+=("$target")
	fi
done

if ((${#broken[@]})); then
	echo "failing: ${broken[*]}; once mended, the inputs in $found/crash/ belong in $here/corpus/"
	exit 1
fi
