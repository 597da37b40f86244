#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh: what weft costs, beside what else does the same, measured in one run in
# network namespaces. Needs root. The figures go to standard output and, when all
# topics are measured, to bench.txt in the build directory; only the ratios mean
# anything elsewhere. Each topic is a file of this directory, TOPIC.bash, whose
# bench_TOPIC measures and prints its rows. ONLY='TOPIC...' names those to be measured.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=tests/lib/lab.bash
source "$(dirname "${BASH_SOURCE[0]}")/../lib/lab.bash"

topics=(plugin together status reuse peers scale join)
STARTS=${STARTS-5} # how often a thing is done that takes seconds

WORK=$WEFT_BIN_DIR/bench

fail() {
	echo "bench: $*" >&2
	exit 1
}

median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }
ms() { awk -v us="$1" 'BEGIN { printf "%.2f ms", us / 1000 }'; }

row() { # WHAT FIGURE BESIDE ITS-FIGURE RATIO TARGET
	printf '%-34s %12s   %-26s %12s  %6s  %s\n' "$@"
}

# At most, or else said so.
target() { # VALUE MOST
	awk -v v="$1" -v m="$2" 'BEGIN { printf "%s %s", v <= m ? "met:" : "MISSED:", "at most " m }'
}

machine() {
	local cpu
	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	echo "$(date -u +%Y-%m-%d), $(nproc) x ${cpu:-$(uname -m)}, Linux $(uname -r)," \
		"$(. /etc/os-release && echo "$PRETTY_NAME"), $(etcd --version | head -n 1)," \
		"containernetworking-plugins $(dpkg-query -W -f '${Version}' containernetworking-plugins)"
}

# shellcheck source=tests/bench/spawn.bash
source "${BASH_SOURCE[0]%/*}/spawn.bash"
for topic in "${topics[@]}"; do
	# shellcheck source=/dev/null # each is checked by itself
	source "${BASH_SOURCE[0]%/*}/$topic.bash"
done

# The node's own subnet lies above those of the peers that topics put into etcd.
stand_up() {
	lab_open "weft-bench-$$" && lab_hosts 1 && etcd_machine && etcd_start &&
		etcd_config '{"Network":"10.16.0.0/12","SubnetLen":24,"SubnetMin":"10.31.0.0"}' &&
		weftd_start host1 && weftd_ready host1
}

compile() { # PROGRAM [FLAG...]
	local name=$1
	shift
	"${CC-cc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra "$@" -o "$WORK/$name" \
		"$WEFT_REPO/tests/bench/$name.c" || fail "$name.c does not compile"
}

chosen() { # the topics, each on a line
	local topic
	for topic in ${ONLY:-${topics[@]}}; do
		[[ " ${topics[*]} " == *" $topic "* ]] || fail "ONLY: '$topic' is not one of ${topics[*]}"
		echo "$topic"
	done
}

measure() { # TOPIC...
	local topic
	machine
	row '' figure beside 'its figure' ratio 'target'
	for topic; do
		"bench_$topic" || fail "$topic was not measured"
	done
}

main() {
	local only
	only=$(chosen) || exit 2
	((EUID == 0)) || fail 'it makes network namespaces, and needs root: sudo make bench'
	mkdir -p "$WORK"
	compile spawn
	compile floor -static
	trap lab_down EXIT
	trap 'exit 130' INT TERM HUP
	stand_up || fail 'the lab does not stand'
	# shellcheck disable=SC2086 # a word for each topic
	measure $only | tee "$WORK/bench.txt.new" || exit 1
	[[ ${ONLY-} ]] || mv "$WORK/bench.txt.new" "$WEFT_BIN_DIR/bench.txt"
}

main
