#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the virtual machine of bench.sh, started by weft-check.service: the benchmarks that bench-variables
# selects. Prints their rows, and "bench-kernel: complete" at the end.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mapfile -t variables <tests/kernel-vm/bench-variables
mkdir build/plots
env "${variables[@]}" WEFT_BIN_DIR="$PWD/build" WEFT_BUILD_DIR="$PWD/build/release" tests/bench/run.sh || exit
find build/bench -name '*.svg' -exec cp {} build/plots/ \;
echo 'bench-kernel: complete'
