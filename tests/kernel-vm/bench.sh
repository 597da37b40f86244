#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# bench.sh DIRECTORY: runs tests/bench/run.sh on Debian's stock kernel in an emulator, in which every instruction
# takes one nanosecond of the guest's time. Its figures are therefore numbers of instructions, of the
# kernel and all programs, whatever else this machine does. The guest gets the variables of the benchmarks below.
# Prints the guest's output, and writes it and the plots to DIRECTORY. A guest that has not ended after
# WEFT_VM_MINUTES (60) is killed. machine.bash describes the machine; here it has one processor.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck source=tests/kernel-vm/machine.bash
source tests/kernel-vm/machine.bash
vm_name=bench-kernel
results=$1

export ONLY=${ONLY:-datapath} STARTS=${STARTS-3} DATAPATH_MS=${DATAPATH_MS-60} DATAPATH_PEERS=${DATAPATH_PEERS-1}
export DATAPATH_REFERENCES=${DATAPATH_REFERENCES-flannel-iptables flannel-nft flannel-bare}
vm_prepare
env | grep -E '^(ONLY|STARTS|ROUNDS|SCALES|CHANGES|L2_[A-Z]+|DATAPATH_[A-Z]+)=' >"$vm_tree/tests/kernel-vm/bench-variables"
vm_boot guest-bench.sh "${WEFT_VM_MINUTES-60}" -accel tcg -icount shift=0,sleep=off -smp 1
rm -rf "$results"
mkdir -p "$results"
cp "$vm_cache/console.log" "$results/bench.txt"
debugfs -R "rdump /root/weft/build/plots $results" "$vm_cache/disk.img" 2>/dev/null
grep -q '^bench-kernel: complete$' "$vm_cache/console.log" ||
	vm_failed "the benchmark failed: see $vm_cache/console.log"
