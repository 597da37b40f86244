#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run-system.sh FILE|DIRECTORY...: runs bats files side by side, WEFT_TEST_JOBS at a time (default:
# the number of processors plus one). The output of a file is printed in one piece when the
# file ends. The last line is the sum of all tests.
#
# A comment in a bats file sets when the file runs:
#
#   # schedule: first    at the start, because the file takes long
#   # schedule: alone    after all other files, with nothing beside it
#
# With WEFT_TEST_RETRIES=1 every file with a failed test runs a second time, alone and in a new
# lab. A test that passes in one of the two runs only is flaky. Flaky tests count as failed.
#
# A test that bats planned but did not run counts as failed. With WEFT_STRICT=1 a skipped test
# fails the run. Where WEFT_TALLY names a file, the sum is appended to it, and a line
# "failed: NAME" or "flaky: NAME" for each such test; their output, shortened, to WEFT_TALLY.output.
set -uo pipefail

RETRY_MAX=8 # files; with more failed files a second run is not useful

if ((EUID)); then
	echo "the system tests create network namespaces and need root: sudo make check" >&2
	exit 1
fi

set -m # each job is a process group, and can be ended as one
work=$(mktemp -d)
trap 'end_jobs; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

: "${WEFT_TEST_JOBS:=$(($(nproc) + 1))}"
export WEFT_TEST_PATIENCE=${WEFT_TEST_PATIENCE-4} # see tests/lib/base.bash
passed=0 failed=0 skipped=0 began=$SECONDS
declare -A running=() # file by pid

# bats removes the labs of its tests if it is interrupted.
end_jobs() {
	local pid
	for pid in "${!running[@]}"; do
		kill -s INT -- "-$pid" 2>/dev/null
	done
	wait
}

scheduled() { grep -l -x -- "# schedule: $1" "${@:2}"; } # WHEN FILE...

# Where the output of a file's run is kept.
output_of() { echo "$work/$1.${2//\//_}"; } # RUN FILE

# run FILE RUN: the TAP output goes to output_of, with bats' exit status and the duration.
run() {
	local out status=0 started=$SECONDS
	out=$(output_of "$2" "$1")
	bats --formatter tap --timing --print-output-on-failure "$1" </dev/null >"$out" 2>&1 || status=$?
	echo "$status $((SECONDS - started))" >"$out.status"
}

# The titles of the failed tests of a TAP output.
failures() { sed -n -E 's/^not ok [0-9]+ //; T; s/ in [0-9]+ms$//; p' "$1"; } # OUTPUT

# report FILE RUN: prints the output; sets ok, bad and skip. Fails if a test failed or none was found.
report() {
	local out status duration
	out=$(output_of "$2" "$1")
	read -r status duration <"$out.status"
	echo "# $1 (${duration} s)"
	cat "$out"
	read -r ok bad skip < <(awk '
		/^1\.\./ { planned = substr($1, 4) }
		/^ok .* # skip/ { skipped++; next }
		/^ok / { passed++ }
		END { print passed + 0, planned - passed - skipped, skipped + 0 }' "$out")
	if ((ok + bad + skip == 0)); then
		bad=1
		echo "not ok 1 no test was found" | tee -a "$out"
	elif ((status && !bad)); then
		bad=1
		echo "not ok $((ok + skip + 1)) bats exited with status $status" | tee -a "$out"
	fi
	echo "$duration $1" >>"$work/durations"
	((!bad))
}

# The output of the failed tests: their first lines, since the last ones are often those of teardown.
excerpt() { # FILE RUN
	awk -v file="$1, run $2" '
		/^ok / || /^1\.\./ { lines = 0 }
		/^not ok / { lines = 25; print "--- " file }
		lines-- > 0' "$(output_of "$2" "$1")"
}

collect() { # FILE: the first run of a file
	if ! report "$1" 1; then
		failing+=("$1")
		[[ -z ${WEFT_TALLY-} ]] || excerpt "$1" 1 >>"$WEFT_TALLY.output"
	fi
	((passed += ok, failed += bad, skipped += skip))
}

# run_all JOBS FILE...: runs the files in this order, JOBS at a time.
run_all() {
	local jobs=$1 pid
	shift
	while (($# || ${#running[@]})); do
		while (($# && ${#running[@]} < jobs)); do
			run "$1" 1 &
			running[$!]=$1
			shift
		done
		wait -n -p pid "${!running[@]}"
		collect "${running[$pid]}"
		unset "running[$pid]"
	done
}

# The second run of a file. A test that failed in one of the runs only is flaky.
retry() { # FILE
	local name again
	run "$1" 2 &
	running[$!]=$1
	wait "$!"
	running=()
	echo "# second run:"
	report "$1" 2 || [[ -z ${WEFT_TALLY-} ]] || excerpt "$1" 2 >>"$WEFT_TALLY.output"
	mapfile -t again < <(failures "$(output_of 2 "$1")")
	while IFS= read -r name; do
		if in_list "$name" "${again[@]}"; then
			verdicts+=("failed: $1: $name")
		else
			verdicts+=("flaky: $1: $name")
		fi
	done < <(failures "$(output_of 1 "$1")")
	for name in "${again[@]}"; do
		! failures "$(output_of 1 "$1")" | grep -q -F -x -- "$name" || continue
		verdicts+=("flaky: $1: $name")
		((passed -= 1, failed += 1))
	done
}

in_list() { # WORD LIST...
	local word=$1 other
	shift
	for other; do
		[[ $other != "$word" ]] || return 0
	done
	return 1
}

failing=() verdicts=()
mapfile -t files < <(find "$@" -name '*.bats' | sort)
if ((${#files[@]})); then
	mapfile -t alone < <(scheduled alone "${files[@]}")
	mapfile -t order < <({
		scheduled first "${files[@]}"
		printf '%s\n' "${files[@]}"
	} | awk 'NR == FNR { skip[$0] = 1; next } !skip[$0]++' <(printf '%s\n' "${alone[@]}") -)
	run_all "$WEFT_TEST_JOBS" "${order[@]}"
	run_all 1 "${alone[@]}"
else
	echo "not ok 1 no test was found"
	failed=1
fi

for file in "${failing[@]}"; do
	if [[ ${WEFT_TEST_RETRIES-0} == 1 ]] && ((${#failing[@]} <= RETRY_MAX)); then
		retry "$file"
	else
		while IFS= read -r name; do
			verdicts+=("failed: $file: $name")
		done < <(failures "$(output_of 1 "$file")")
	fi
done

echo "slowest files:"
sort -rn "$work/durations" | head -n 10 | sed 's/ / s /; s/^/  /'
awk -v elapsed=$((SECONDS - began)) '{ sum += $1 }
	END { printf "%d files took %d s, in %d s\n", NR, sum, elapsed }' "$work/durations"
((!${#verdicts[@]})) || printf '%s\n' "${verdicts[@]}"
echo "system tests: $passed passed, $failed failed, $skipped skipped"
[[ -z ${WEFT_TALLY-} ]] || printf '%s\n' "$passed $failed $skipped" "${verdicts[@]}" >>"$WEFT_TALLY"
((!failed)) && { ((!skipped)) || [[ ${WEFT_STRICT-} != 1 ]]; }
