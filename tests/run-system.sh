#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-system.sh FILE|DIRECTORY...: runs the system tests, file by file, and sums what they say,
# as run-unit.sh does. A test that bats promised and did not run has failed.
#
# With WEFT_TEST_RETRIES=1 the files in which a test failed are run once more, in new labs, where
# they are few: others' work that takes the processors away for seconds lets a deadline pass that
# has nothing to do with what is tested. What failed at first stays in the output.
set -uo pipefail

AGAIN_MAX=8 # files; more than that is not chance

if ((EUID)); then
	echo "the system tests make network namespaces, and need root: sudo make check" >&2
	exit 1
fi

report=$(mktemp)
trap 'rm -f "$report"' EXIT
passed=0 failed=0 skipped=0

# run FILE: sets ok, bad and skip; false: one has failed, or none was there.
run() {
	local status

	echo "# $1"
	bats --formatter tap --timing --print-output-on-failure "$1" | tee "$report"
	status=$?
	read -r ok bad skip < <(awk '
		/^1\.\./ { planned = substr($1, 4) }
		/^ok .* # skip/ { skipped++; next }
		/^ok / { passed++ }
		END { print passed + 0, planned - passed - skipped, skipped + 0 }' "$report")
	if ((ok + bad + skip == 0)); then
		echo "not ok: no test was found in $1"
		bad=1
	elif ((status && !bad)); then
		echo "not ok: bats ended with status $status"
		bad=1
	fi
	((!bad))
}

count() {
	((passed += ok, failed += bad, skipped += skip))
}

declare -A first=() # what a file that failed counts for, if it is not run again
mapfile -t files < <(find "$@" -name '*.bats' | sort)
for file in "${files[@]}"; do
	if run "$file"; then
		count
	else
		first[$file]="$ok $bad $skip"
	fi
done
((${#files[@]})) || first[none]='0 1 0'

again=0
((${#first[@]} > AGAIN_MAX)) || again=${WEFT_TEST_RETRIES-0}
for file in "${!first[@]}"; do
	read -r ok bad skip <<<"${first[$file]}"
	if ((again)) && [[ -e $file ]]; then
		echo "# tried again, $bad failed:"
		run "$file"
	fi
	count
done

echo "system tests: $passed passed, $failed failed, $skipped skipped"
[[ -z ${WEFT_TALLY-} ]] || echo "$passed $failed $skipped" >>"$WEFT_TALLY"
((!failed)) && { ((!skipped)) || [[ ${WEFT_STRICT-} != 1 ]]; }
