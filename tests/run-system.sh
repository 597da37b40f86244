#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-system.sh FILE|DIRECTORY...: runs the system tests and sums what they say,
# as run-unit.sh does. A test that bats promised and did not run has failed.
set -uo pipefail

if ((EUID)); then
	echo "the system tests make network namespaces, and need root: sudo make check" >&2
	exit 1
fi

report=$(mktemp)
trap 'rm -f "$report"' EXIT
bats --formatter tap --timing --print-output-on-failure "$@" | tee "$report"
status=$?

read -r passed failed skipped < <(awk '
	/^1\.\./ { planned = substr($1, 4) }
	/^ok .* # skip/ { skipped++; next }
	/^ok / { passed++ }
	/^not ok / { failed++ }
	END {
		ran = passed + failed + skipped
		print passed + 0, failed + (planned > ran ? planned - ran : 0), skipped + 0
	}' "$report")
if ((passed + failed + skipped == 0)); then
	echo "no system tests were found"
	failed=1
elif ((status && !failed)); then
	echo "bats ended with status $status"
	failed=1
fi

echo "system tests: $passed passed, $failed failed, $skipped skipped"
[[ -z ${WEFT_TALLY-} ]] || echo "$passed $failed $skipped" >>"$WEFT_TALLY"
((!failed)) && { ((!skipped)) || [[ ${WEFT_STRICT-} != 1 ]]; }
