#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh DIRECTORY: checks all states of the model of the lease protocol (lease.pml) with spin(1), in
# several sizes, and that each mutant violates the expected assertion. Generated files are in
# DIRECTORY. The last line is the sum.
set -uo pipefail

model=$(cd "$(dirname "$0")" && pwd)/lease.pml
dir=$1
limits=(-DMEMLIM=3000) # MB
depth=100000

# check NAME SETTING...: runs spin's verifier, pan, on the model with these settings, in $dir/NAME.
check() {
	local name=$1
	shift
	mkdir -p "$dir/$name" && cd "$dir/$name" || return
	rm -f pan pan.txt lease.pml.trail
	echo "$@" >settings
	cp "$model" . && spin -a "$@" lease.pml >pan.txt 2>&1 &&
		"${CC-cc}" -O1 -w -DSAFETY "${limits[@]}" -o pan pan.c >>pan.txt 2>&1 &&
		timeout --kill-after=5 300 ./pan -m$depth >pan.txt 2>&1
}

states() { # NAME SECONDS: the number of states in pan's output
	printf '%s states, %s s\n' "$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$dir/$1/pan.txt")" "$2"
}

report() { # NAME 0|1 WHAT: 1 if the result is as expected
	(($2)) && echo "ok $1: $3" && return
	echo "FAILED $1: $3"
	grep -E '^pan|errors:' "$dir/$1/pan.txt"
	echo "to print the steps: cd $dir/$1; spin -t -p $(<"$dir/$1/settings") lease.pml"
}

# pan has checked all states, and no assertion is violated.
holds() { # NAME SETTING...
	local started=$SECONDS complete=0
	check "$@" && grep -q 'errors: 0$' "$dir/$1/pan.txt" &&
		! grep -q -E 'max search depth too small|out of memory|Search not completed' "$dir/$1/pan.txt" &&
		complete=1
	report "$1" $complete "$(states "$1" $((SECONDS - started)))"
}

# The mutant violates the assertion that contains these words.
caught() { # MUTANT WORDS SETTING...
	local name=$1 words=$2 violated=0
	shift 2
	check "$name" "-DMUTANT_$name" "$@" &&
		grep 'assertion violated' "$dir/$name/pan.txt" | grep -q -F "$words" && violated=1
	report "$name" $violated "a mutant, caught by $words"
}

models() {
	holds three-nodes -DNODES=3 -DSUBNETS=2 -DFAULTS=2
	holds same-seed -DNODES=3 -DSUBNETS=2 -DFAULTS=1 -DSAME_SEED
	holds many-faults -DNODES=2 -DSUBNETS=2 -DFAULTS=3 -DSAME_SEED
	holds enough-for-all -DNODES=3 -DSUBNETS=3 -DFAULTS=1 -DSAME_SEED
	holds dual-stack -DNODES=3 -DSUBNETS=2 -DFAULTS=1 -DDUAL
	holds dual-stack-more -DNODES=2 -DSUBNETS=2 -DFAULTS=2 -DDUAL
}

mutants() {
	local two=(-DNODES=2 -DSUBNETS=2 -DFAULTS=2)
	caught UNCONDITIONAL 'owner[node[i].kept]==i' "${two[@]}" -DSAME_SEED
	caught UNCONDITIONAL_AGAIN 'owner[node[i].kept]==i' "${two[@]}" -DSAME_SEED
	caught REFUSED_IS_HELD 'owner[node[i].kept]==i' "${two[@]}" -DSAME_SEED
	caught OWN_KEY_ONLY 'k==l' "${two[@]}" -DDUAL
	caught NEVER_LOST 'tries[n]<=' "${two[@]}" -DSAME_SEED
	caught KEEPS_DEAD_LEASE 'tries[n]<=' "${two[@]}" -DSAME_SEED
	caught LEAVES_SURPLUS 'mine<=1' "${two[@]}" -DSAME_SEED
}

mkdir -p "$dir" && dir=$(cd "$dir" && pwd) || exit 1
models >"$dir/models.txt" 2>&1 &
mutants >"$dir/mutants.txt" 2>&1
wait
cat "$dir"/{models,mutants}.txt
passed=$(cat "$dir"/{models,mutants}.txt | grep -c '^ok ')
failed=$((13 - passed)) # also counts a check that did not run
[[ -z ${WEFT_TALLY-} ]] || echo "$passed $failed 0" >>"$WEFT_TALLY"
echo "model: $passed passed, $failed failed"
((!failed))
