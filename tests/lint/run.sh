#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [STEP...]: the static checks, each passed or failed, all by default.
# `make lint` runs it with BUILD (where to put objects) and CJSON_SOURCE (cJSON's source).
# The steps that only read sources run two at a time, after those that compile.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

: "${MAKE:=make}" "${BUILD:=build}" "${CJSON_SOURCE:=$BUILD/cjson}"
jobs=$(nproc)

mapfile -t sources < <(find common ipam plugin daemon ctl tests -name '*.c' | sort)
mapfile -t headers < <(find common ipam plugin daemon ctl tests -name '*.h' | sort)
mapfile -t scripts < <(find .ci conf tests -type f \
	\( -name '*.sh' -o -name '*.bash' -o -name '*.bats' -o -path .ci/run \) | sort)

compile() { # COMPILER: every source, warnings being errors, in a directory of its own
	$MAKE --no-print-directory -s -k -j"$jobs" MODE=release WERROR=1 CC="$1" \
		BUILD="$BUILD/lint/$1" CJSON_SOURCE="$CJSON_SOURCE" objects >/dev/null
}

flags_of() { # COMPILER: its arguments, as set by the Makefile
	local text
	text=$(<"$BUILD/lint/$1/release/flags") || return
	eval "flags=(${text#* })"
}

step_gcc() { compile gcc; }
step_clang() { compile clang; }

# Without the tests, which may dereference NULL when memory runs out. Uninitialised memory is left
# to clang-tidy: gcc 12 has false positives, for example with open_memstream.
step_analyzer() {
	local flags
	flags_of gcc || return
	printf '%s\0' "${sources[@]}" | grep -z -v '^tests/' |
		xargs -0 -P "$jobs" -I{} gcc "${flags[@]}" -fanalyzer \
			-Wno-analyzer-use-of-uninitialized-value -c -o /dev/null {}
}

step_format() { # prints the changes that `make format` would make
	# shellcheck disable=SC2016 # for the inner shell
	printf '%s\0' "${sources[@]}" "${headers[@]}" | xargs -0 -P "$jobs" -I{} bash -o pipefail -c \
		'clang-format "$1" | diff -u --label "$1" --label formatted "$1" -' bash {}
}

# The output of each clang-tidy is printed at once, or the lines of two would be mixed.
step_tidy() {
	local flags
	flags_of clang || return
	# shellcheck disable=SC2016 # for the inner shell
	printf '%s\0' "${sources[@]}" |
		xargs -0 -P "$jobs" -I{} bash -c 'output=$(clang-tidy --quiet "$@" 2>&1)
			status=$?
			echo "$output"
			exit "$status"' tidy {} -- "${flags[@]}" |
		{ ! grep -v -E '^[0-9]+ warnings? (generated|treated)|^$|^Suppressed|^Use -header'; }
}

# Suppressed, because of false positives: memory that cleanup attributes free, arrays that a
# loop fills, #error if a name of a system header is not defined, and the NULL that ends
# variadic calls.
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

# A name that a library exports too would replace the library's function inside the library.
step_symbols() {
	local library shared

	shared=$(comm -12 \
		<(find "$BUILD/lint/gcc/release" -name '*.o' ! -path '*/tests/*' -exec nm -g --defined-only {} + |
			awk 'NF == 3 && $3 != "main" { print $3 }' | grep -v '^cJSON' | sort -u) \
		<(for library in nl-3 curl event_core event_extra cap crypto c; do
			nm -D --defined-only "$(gcc -print-file-name="lib$library.so")" 2>/dev/null ||
				nm -D --defined-only "$(gcc -print-file-name="lib$library.so.6")"
		done | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u))
	[[ -z $shared ]] || echo "defined by us and by a library: ${shared//$'\n'/ }"
	[[ -z $shared ]]
}

step_layers() { tests/lint/layers.sh; }

step_words() { tests/lint/words.sh; }

# SC2317 of shellcheck 0.9 reports functions that are called as unreachable.
step_shell() {
	printf '%s\0' "${scripts[@]}" |
		xargs -0 -P "$jobs" -n 8 shellcheck -x -P SCRIPTDIR -e SC2317
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run_step() { # STEP: its output, and then the verdict, go to a file of its own
	local started=$SECONDS result=ok
	"step_$1" || result=FAILED
	printf 'lint %-9s %s (%d s)\n' "$1" $result $((SECONDS - started))
	echo $result >"$work/$1.result"
} >"$work/$1.output" 2>&1

passed=0 failed=() compiling=() reading=()
(($#)) || set -- gcc clang tidy analyzer cppcheck shell format headers symbols layers words
for step; do
	case $step in
	gcc | clang) compiling+=("$step") ;;
	*) reading+=("$step") ;;
	esac
done

run_steps() { # AT_A_TIME STEP...
	local at_a_time=$1 running=0
	shift
	while (($# || running)); do
		if (($# && running < at_a_time)); then
			run_step "$1" &
			((running += 1))
			shift
		else
			wait -n
			((running -= 1))
			print_ended
		fi
	done
}

print_ended() {
	local file step
	for file in "$work"/*.result; do
		[[ -e $file ]] || continue
		step=${file##*/} step=${step%.result}
		cat "$work/$step.output"
		if [[ $(<"$file") == ok ]]; then
			((passed += 1))
		else
			failed+=("$step")
		fi
		rm -f "$file"
	done
}

run_steps 1 "${compiling[@]}"
run_steps 2 "${reading[@]}"

if [[ ${WEFT_TALLY-} ]]; then
	echo "$passed ${#failed[@]} 0"
	((!${#failed[@]})) || printf 'failed: lint %s\n' "${failed[@]}"
fi >>"${WEFT_TALLY:-/dev/null}"
echo "lint: $passed passed, ${#failed[@]} failed${failed[*]:+: ${failed[*]}}"
((!${#failed[@]}))
