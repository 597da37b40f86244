#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh: measures the costs of weft and of other programs for the same work, in one run, in network
# namespaces. Needs root. Prints the figures and, if all topics are measured, writes them to
# bench.txt in the build directory. Only the ratios are comparable between machines. Each topic is
# a file TOPIC.bash, whose function bench_TOPIC measures and prints its rows. ONLY='TOPIC...'
# selects topics.
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin

# shellcheck source=tests/lib/lab.bash
source "$(dirname "${BASH_SOURCE[0]}")/../lib/lab.bash"

topics=(plugin together status reuse peers scale kube join l2 metrics probe trace datapath)
STARTS=${STARTS-5} # repetitions of measurements that take seconds

WORK=$WEFT_BIN_DIR/bench

fail() {
	echo "bench: $*" >&2
	exit 1
}

median() { sort -n | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }
ms() { awk -v us="$1" 'BEGIN { printf "%.2f ms", us / 1000 }'; }

row() { # WHAT FIGURE REFERENCE ITS-FIGURE RATIO TARGET
	printf '%-34s %12s   %-26s %12s  %6s  %s\n' "$@"
}

# Prints whether the value meets its target.
target() { # VALUE MAXIMUM
	awk -v v="$1" -v m="$2" 'BEGIN { printf "%s %s", v <= m ? "met:" : "MISSED:", "at most " m }'
}

machine() {
	local cpu
	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
	echo "$(date -u +%Y-%m-%d), $(nproc) x ${cpu:-$(uname -m)}, Linux $(uname -r)," \
		"$(. /etc/os-release && echo "$PRETTY_NAME"), $(etcd --version | head -n 1)," \
		"containernetworking-plugins $(dpkg-query -W -f '${Version}' containernetworking-plugins)"
}

# Runs the `put` commands of etcdctl on standard input, in transactions. etcd's limit is 128 operations.
put_all() {
	local file dir=$LAB_DIR/puts
	rm -rf "$dir" && mkdir "$dir" && split -l 125 -a 4 - "$dir/" || return
	for file in "$dir"/*; do
		{ echo && cat "$file" && printf '\n\n'; } | etcd_ctl txn >/dev/null || return
	done
}

# shellcheck source=tests/bench/spawn.bash
source "${BASH_SOURCE[0]%/*}/spawn.bash"
for topic in "${topics[@]}"; do
	# shellcheck source=/dev/null # each is checked by itself
	source "${BASH_SOURCE[0]%/*}/$topic.bash"
done

# The node's own subnet is above the subnets of the peers that topics write to etcd.
bench_lab() {
	lab_open "weft-bench-$$" && lab_hosts 1 && etcd_machine && etcd_start &&
		etcd_config '{"Network":"10.16.0.0/12","SubnetLen":24,"SubnetMin":"10.31.0.0"}' &&
		weftd_start host1 && weftd_ready host1
}

compile() { # PROGRAM [FLAG...]
	local name=$1 cc
	shift
	read -ra cc <<<"${CC-cc}" # a compiler may have words before it: "ccache gcc"
	"${cc[@]}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra "$@" -o "$WORK/$name" \
		"$WEFT_REPO/tests/bench/$name.c" || fail "$name.c does not compile"
}

chosen() { # prints the selected topics, one per line
	local topic
	for topic in ${ONLY:-${topics[@]}}; do
		[[ " ${topics[*]} " == *" $topic "* ]] || fail "ONLY: '$topic' is not one of ${topics[*]}"
		echo "$topic"
	done
}

measure() { # TOPIC...
	local topic
	machine
	row '' figure reference 'its figure' ratio 'target'
	for topic; do
		"bench_$topic" || fail "cannot measure $topic"
	done
}

main() {
	local only
	only=$(chosen) || exit 2
	((EUID == 0)) || fail 'creating network namespaces needs root: sudo make bench'
	mkdir -p "$WORK"
	compile spawn
	compile floor -static
	trap lab_down EXIT
	trap 'exit 130' INT TERM HUP
	bench_lab || fail 'cannot create the lab'
	# shellcheck disable=SC2086 # a word for each topic
	measure $only | tee "$WORK/bench.txt.new" || exit 1
	[[ ${ONLY-} ]] || mv "$WORK/bench.txt.new" "$WEFT_BIN_DIR/bench.txt"
}

main
