#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-unit.sh [--kernel] PROGRAM...: runs cmocka programs side by side, one for each processor, and prints
# the output of each in one piece when it ends. The last line is the sum of all tests.
#
# The programs run without capabilities even if root starts them: unit tests must not need any.
# With --kernel they keep them: these tests create network namespaces, and need root.
#
# WEFT_TEST_EMULATOR is a command that runs the programs, if they are built for another machine.
#
# A program that dies, hangs or contains no test counts as one failed test. With WEFT_STRICT=1 a
# skipped test fails the run. Where WEFT_TALLY names a file, the sum is appended to it, and a
# line "failed: NAME" for each program with a failed test.
set -uo pipefail

kernel=0 label='unit tests'
if [[ ${1-} == --kernel ]]; then
	kernel=1 label='kernel tests'
	shift
	if ((EUID)); then
		echo "the kernel tests create network namespaces and need root: sudo make check" >&2
		exit 1
	fi
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run_one() { # PROGRAM: in a shell of xargs
	local program=$1 name=${1##*/} limits=() output status ok bad skip seconds=120

	((EUID || kernel)) || limits=(setpriv --inh-caps=-all --bounding-set=-all)
	[[ -z $WEFT_TEST_EMULATOR ]] || limits+=("$WEFT_TEST_EMULATOR") seconds=600
	output=$(timeout --kill-after=5 "$seconds" "${limits[@]}" "$program" 2>&1)
	status=$?
	ok=$(grep -c '^\[ *OK \]' <<<"$output")
	bad=$(total FAILED)
	skip=$(total SKIPPED)
	if ((status && !bad)); then
		output+=$'\n'"$name: exited with status $status"
		bad=1
	elif ((!status && ok + skip == 0)); then
		output+=$'\n'"$name: contains no test"
		bad=1
	fi
	echo "$ok $bad $skip $name" >"$work/$name.sum"
	{
		flock 9
		printf -- '--- %s\n%s\n' "$name" "$output"
	} 9>"$work/lock"
}

total() { # LABEL: the sum of cmocka's totals of that label
	sed -n "s/^\[  $1 *\] \([0-9]\+\) test(s).*/\1/p" <<<"$output" |
		awk "{ sum += \$1 } END { print sum + 0 }"
}

export -f run_one total
export work kernel WEFT_TEST_EMULATOR=${WEFT_TEST_EMULATOR-}
# shellcheck disable=SC2016 # for the inner shell
(($#)) && printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'run_one "$1"' bash

passed=0 failed=0 skipped=0 broken=()
for program; do
	if read -r ok bad skip name 2>/dev/null <"$work/${program##*/}.sum"; then
		((!bad)) || broken+=("$name")
		((passed += ok, failed += bad, skipped += skip))
	else
		broken+=("${program##*/}")
		((failed += 1))
	fi
done

if ((!$#)); then
	echo "no $label were found"
	failed=1
fi
((!${#broken[@]})) || echo "failing: ${broken[*]}"
echo "$label: $passed passed, $failed failed, $skipped skipped"
if [[ ${WEFT_TALLY-} ]]; then
	echo "$passed $failed $skipped"
	((!${#broken[@]})) || printf 'failed: %s\n' "${broken[@]}"
fi >>"${WEFT_TALLY:-/dev/null}"
((!failed)) && { ((!skipped)) || [[ ${WEFT_STRICT-} != 1 ]]; }
