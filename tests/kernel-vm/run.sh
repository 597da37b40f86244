#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh PACKAGES [FILE...]: runs weft on Debian's stock kernel in an emulator, with systemd as PID 1: `make
# install`, systemctl, the Debian packages in the directory PACKAGES, the demo, and the bats files (default:
# those in tests/kernel-vm/files).
# Prints the guest's TAP. Exits with 0 only if the guest reports that nothing failed.
#
# The root file system is kept in WEFT_VM_DIR (default: weft-vm below XDG_CACHE_HOME or /var/cache)
# and reused. It is emulated in software, because /dev/kvm is often absent. The machine has a network
# card without a network behind it. A guest that has not ended after WEFT_VM_MINUTES (25) is killed.
set -euo pipefail
cd "$(dirname "$0")/../.."

# shellcheck source=tests/lib/debian.bash
source tests/lib/debian.bash

debs=$1
shift
cache=${WEFT_VM_DIR-${XDG_CACHE_HOME-/var/cache}/weft-vm}
minutes=${WEFT_VM_MINUTES-25}
here=tests/kernel-vm
root=$cache/root

die() {
	echo "check-kernel: $*" >&2
	exit 1
}

((EUID == 0)) || die "debootstrap and chroot need root: sudo make check-kernel"
[[ $(uname -m) == x86_64 ]] || die "only x86_64 is supported"
for program in debootstrap qemu-system-x86_64 mke2fs; do
	command -v "$program" >/dev/null || die "$program is not installed: sudo make deps-vm"
done
mkdir -p "$cache"
exec 8>"$cache/lock"
flock -n 8 || die "another run uses $cache"

"$here/image.sh" "$cache"

# The image has this machine's release of Debian: what was built here runs there.
rm -rf "$root/root/weft"
mkdir -p "$root/root/weft"
tar -c --dereference --exclude=./.git --exclude='./build/*/tests' --exclude='./build/lint' --exclude='./build/deb*' . |
	tar -x -C "$root/root/weft"
make -s install DESTDIR="$root"
# The packages, and the same with a higher version.
rm -rf "$root/root/packages"
mkdir -p "$root"/root/packages/{new,newer}
for name in weft-cni weftctl weftd; do
	deb=("$debs/${name}"_*.deb)
	cp "${deb[0]}" "$root/root/packages/new/"
	debian_repack "${deb[0]}" "$(dpkg-deb -f "${deb[0]}" Version)+newer" \
		"$root/root/packages/newer/$name.deb"
done
(($# == 0)) || printf '%s\n' "$@" >"$root/root/weft/$here/files"
# Some tests run as another user, who must reach the programs.
chmod 755 "$root/root"
install -m 644 "$here/weft-check.service" "$root/etc/systemd/system/weft-check.service"
ln -sfn /etc/systemd/system/weft-check.service \
	"$root/etc/systemd/system/multi-user.target.wants/weft-check.service"
rm -f "$cache/disk.img"
truncate -s 6G "$cache/disk.img"
mke2fs -q -t ext4 -d "$root" "$cache/disk.img"

kernel=$(printf '%s\n' "$root"/boot/vmlinuz-* | sort -V | tail -1)
echo "# booting ${kernel##*/}"
status=0
# Emulation is slow at long string instructions, which kernel and glibc use on processors with ERMS, at
# reading the HPET, which the kernel prefers to the TSC, and at retpolines.
faster='tsc=reliable clocksource=tsc mitigations=off'
timeout --kill-after=10 "${minutes}m" qemu-system-x86_64 -accel tcg,thread=multi -cpu max,-erms -smp 2 -m 3072 \
	-display none -monitor none -serial stdio -no-reboot \
	-kernel "$kernel" -initrd "${kernel/vmlinuz/initrd.img}" \
	-append "console=ttyS0 root=/dev/vda rw panic=-1 quiet loglevel=1 systemd.show_status=0 $faster" \
	-drive "file=$cache/disk.img,if=virtio,format=raw" -nic user,restrict=on,model=virtio-net-pci \
	</dev/null | sed -u 's/\r$//' | tee "$cache/console.log" || status=$?
((status == 0)) || die "the guest did not end within $minutes minutes or qemu failed ($status)"
grep -q '^check-kernel: 0 failed$' "$cache/console.log" ||
	die "tests failed, or the guest ended early: see $cache/console.log"
