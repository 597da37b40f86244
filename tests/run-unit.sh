#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-unit.sh PROGRAM...: runs the unit tests and sums what cmocka says. A program
# that dies, hangs or tests nothing counts as one failed test. The last line is
# the sum; it is also added to the file that WEFT_TALLY names, when it does.
# With WEFT_STRICT=1 a skipped test is a failure.
set -uo pipefail

passed=0 failed=0 skipped=0 broken=()

total() { # LABEL: the sum of cmocka's totals of that label
	sed -n "s/^\[  $1 *\] \([0-9]\+\) test(s).*/\1/p" <<<"$output" |
		awk "{ sum += \$1 } END { print sum + 0 }"
}


for program in "$@"; do
	name=${program##*/}
	output=$(timeout --kill-after=5 120 "$program" 2>&1)
	status=$?
	ok=$(grep -c '^\[ *OK \]' <<<"$output")
	bad=$(total FAILED)
	skip=$(total SKIPPED)
	if ((status && !bad)); then
		output+=$'\n'"$name: ended with status $status"
		bad=1
	elif ((!status && ok + skip == 0)); then
		output+=$'\n'"$name: tests nothing"
		bad=1
	fi
	((!bad)) || broken+=("$name")
	printf -- '--- %s\n%s\n' "$name" "$output"
	((passed += ok, failed += bad, skipped += skip))
done

((!$#)) && echo "no unit tests were found" && failed=1
((!${#broken[@]})) || echo "failing: ${broken[*]}"
echo "unit tests: $passed passed, $failed failed, $skipped skipped"
[[ -z ${WEFT_TALLY-} ]] || echo "$passed $failed $skipped" >>"$WEFT_TALLY"
((!failed)) && { ((!skipped)) || [[ ${WEFT_STRICT-} != 1 ]]; }
