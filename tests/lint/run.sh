#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [STEP...]: the static checks, each passed or failed, all by default.
# `make lint` runs it with BUILD (where to put objects) and CJSON (cJSON's source).
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

: "${MAKE:=make}" "${BUILD:=build}" "${CJSON:=$BUILD/cjson}"
jobs=$(nproc)

mapfile -t sources < <(find common ipam plugin daemon ctl tests -name '*.c' | sort)
mapfile -t headers < <(find common ipam plugin daemon ctl tests -name '*.h' | sort)
mapfile -t scripts < <(find .ci conf tests -type f \
	\( -name '*.sh' -o -name '*.bash' -o -path .ci/run \) | sort)

compile() { # COMPILER: every source, warnings being errors, in a directory of its own
	$MAKE --no-print-directory -s -k -j"$jobs" MODE=release WERROR=1 CC="$1" \
		BUILD="$BUILD/lint/$1" CJSON="$CJSON" objects >/dev/null
}

flags_of() { # COMPILER: its arguments, as the Makefile has them
	local text
	text=$(<"$BUILD/lint/$1/release/flags") || return
	eval "flags=(${text#* })"
}

step_gcc() { compile gcc; }
step_clang() { compile clang; }

# Not the tests, which may die of a NULL. What is uninitialised clang-tidy finds
# better: gcc 12 is wrong about open_memstream and the like.
step_analyzer() {
	local flags
	flags_of gcc || return
	printf '%s\0' "${sources[@]}" | grep -z -v '^tests/' |
		xargs -0 -P "$jobs" -I{} gcc "${flags[@]}" -fanalyzer \
			-Wno-analyzer-use-of-uninitialized-value -c -o /dev/null {}
}

step_format() { # the difference is shown, as `make format` would make it
	# shellcheck disable=SC2016 # for the inner shell
	printf '%s\0' "${sources[@]}" "${headers[@]}" | xargs -0 -P "$jobs" -I{} bash -o pipefail -c \
		'clang-format "$1" | diff -u --label "$1" --label formatted "$1" -' bash {}
}

# What one says is told in one piece: the numbers of two would run into one another.
step_tidy() {
	local flags
	flags_of clang || return
	# shellcheck disable=SC2016 # for the inner shell
	printf '%s\0' "${sources[@]}" |
		xargs -0 -P "$jobs" -I{} bash -c 'said=$(clang-tidy --quiet "$@" 2>&1)
			status=$?
			echo "$said"
			exit "$status"' tidy {} -- "${flags[@]}" |
		{ ! grep -v -E '^[0-9]+ warnings? (generated|treated)|^$|^Suppressed|^Use -header'; }
}

# Left out: what it says of memory that cleanup attributes free, of arrays that a
# loop fills, of #error where system headers would define a name, and of the
# NULL that ends our own variadic calls.
step_cppcheck() {
	cppcheck --quiet --enable=warning,performance,portability --std=c11 --inline-suppr \
		--suppress=memleak --suppress=uninitvar --suppress=varFuncNullUB \
		--suppress=preprocessorErrorDirective --suppress=missingIncludeSystem \
		--error-exitcode=1 -j "$jobs" -I. -D_GNU_SOURCE -DWEFT_VERSION='"0"' "${sources[@]}"
}

step_headers() { # each one compiles alone
	local flags
	flags_of gcc || return
	printf '%s\0' "${headers[@]}" |
		xargs -0 -P "$jobs" -I{} gcc "${flags[@]}" -x c -fsyntax-only -include {} /dev/null
}

# A name that a library exports too would replace the library's own inside it.
step_symbols() {
	local library shared

	shared=$(comm -12 \
		<(find "$BUILD/lint/gcc/release" -name '*.o' ! -path '*/tests/*' -exec nm -g --defined-only {} + |
			awk 'NF == 3 && $3 != "main" { print $3 }' | grep -v '^cJSON' | sort -u) \
		<(for library in nl-3 curl event_core event_extra cap c; do
			nm -D --defined-only "$(gcc -print-file-name="lib$library.so")" 2>/dev/null ||
				nm -D --defined-only "$(gcc -print-file-name="lib$library.so.6")"
		done | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u))
	[[ -z $shared ]] || echo "defined by us and by a library: ${shared//$'\n'/ }"
	[[ -z $shared ]]
}

step_layers() { tests/lint/layers.sh; }

# SC2317 of shellcheck 0.9 takes functions that are called for unreachable ones.
step_shell() { shellcheck -x -P SCRIPTDIR -e SC2317 "${scripts[@]}"; }

passed=0 failed=()
(($#)) || set -- gcc clang headers symbols layers format shell cppcheck tidy analyzer
for step in "$@"; do
	started=$SECONDS
	if "step_$step"; then
		result=ok
		((passed += 1))
	else
		result=FAILED
		failed+=("$step")
	fi
	printf 'lint %-9s %s (%d s)\n' "$step" "$result" $((SECONDS - started))
done

[[ -z ${WEFT_TALLY-} ]] || echo "$passed ${#failed[@]} 0" >>"$WEFT_TALLY"
echo "lint: $passed passed, ${#failed[@]} failed${failed[*]:+: ${failed[*]}}"
((!${#failed[@]}))
