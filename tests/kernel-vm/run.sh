#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh PACKAGES [FILE...]: runs weft on Debian's stock kernel in an emulator, with systemd as PID 1: `make
# install`, systemctl, the Debian packages in the directory PACKAGES, the demo, and the bats files (default:
# those in tests/kernel-vm/files).
# Prints the guest's TAP. Exits with 0 only if the guest reports that nothing failed. A guest that has not
# ended after WEFT_VM_MINUTES (25) is killed. machine.bash describes the machine.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck source=tests/kernel-vm/machine.bash
source tests/kernel-vm/machine.bash
vm_name=check-kernel
debs=$1
shift

vm_prepare
make -s install DESTDIR="$vm_root"
# The packages, and the same with a higher version.
rm -rf "$vm_root/root/packages"
mkdir -p "$vm_root"/root/packages/{new,newer}
for name in weft-cni weftctl weftd; do
	deb=("$debs/${name}"_*.deb)
	cp "${deb[0]}" "$vm_root/root/packages/new/"
	debian_repack "${deb[0]}" "$(dpkg-deb -f "${deb[0]}" Version)+newer" \
		"$vm_root/root/packages/newer/$name.deb"
done
(($# == 0)) || printf '%s\n' "$@" >"$vm_tree/tests/kernel-vm/files"
vm_boot guest.sh "${WEFT_VM_MINUTES-25}" -accel tcg,thread=multi -smp 2
grep -q '^check-kernel: 0 failed$' "$vm_cache/console.log" ||
	vm_failed "tests failed, or the guest ended early: see $vm_cache/console.log"
