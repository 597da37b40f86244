# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The virtual machine of run.sh and bench.sh: Debian with systemd and its stock kernel, emulated in software,
# because /dev/kvm is often absent. It has a network card without a network behind it. The root file
# system is kept in WEFT_VM_DIR (default: weft-vm below XDG_CACHE_HOME or /var/cache) and reused.

# shellcheck source=tests/lib/debian.bash
source tests/lib/debian.bash

vm_cache=${WEFT_VM_DIR-${XDG_CACHE_HOME-/var/cache}/weft-vm}
vm_root=$vm_cache/root
vm_tree=$vm_root/root/weft # a copy of this tree, with its build

vm_failed() {
	echo "${vm_name:?}: $*" >&2
	exit 1
}

# Makes the root file system and copies the tree to it. Waits for nothing: a second run at the same time fails.
vm_prepare() {
	local program
	((EUID == 0)) || vm_failed "debootstrap and chroot need root: sudo make $vm_name"
	[[ $(uname -m) == x86_64 ]] || vm_failed "only x86_64 is supported"
	for program in debootstrap qemu-system-x86_64 mke2fs debugfs; do
		command -v "$program" >/dev/null || vm_failed "$program is not installed: sudo make deps-vm"
	done
	mkdir -p "$vm_cache"
	exec 8>"$vm_cache/lock"
	flock -n 8 || vm_failed "another run uses $vm_cache"
	tests/kernel-vm/image.sh "$vm_cache"
	# The image has this machine's release of Debian: what was built here runs there.
	rm -rf "$vm_tree"
	mkdir -p "$vm_tree"
	tar -c --dereference --exclude=./.git --exclude='./build/*/tests' --exclude='./build/lint' \
		--exclude='./build/deb*' . | tar -x -C "$vm_tree"
	# Some tests run as another user, who must reach the programs.
	chmod 755 "$vm_root/root"
}

# vm_boot SCRIPT MINUTES QEMU-ARGUMENT...: runs tests/kernel-vm/SCRIPT as a systemd service of the machine.
# Its output is printed, and written to console.log. A machine that has not ended after MINUTES is killed.
vm_boot() {
	local kernel status=0 minutes=$2 unit=$vm_root/etc/systemd/system/weft-check.service
	# Emulation is slow at long string instructions, which kernel and glibc use on processors with ERMS,
	# at reading the HPET, which the kernel prefers to the TSC, and at retpolines.
	local faster='tsc=reliable clocksource=tsc mitigations=off'

	sed "s/@SCRIPT@/$1/" tests/kernel-vm/weft-check.service >"$unit"
	ln -sfn "/${unit#"$vm_root/"}" "${unit%/*}/multi-user.target.wants/${unit##*/}"
	rm -f "$vm_cache/disk.img"
	truncate -s 6G "$vm_cache/disk.img"
	mke2fs -q -t ext4 -d "$vm_root" "$vm_cache/disk.img"
	kernel=$(printf '%s\n' "$vm_root"/boot/vmlinuz-* | sort -V | tail -1)
	echo "# booting ${kernel##*/}"
	timeout --kill-after=10 "${minutes}m" qemu-system-x86_64 -cpu max,-erms -m 3072 "${@:3}" \
		-display none -monitor none -serial stdio -no-reboot \
		-kernel "$kernel" -initrd "${kernel/vmlinuz/initrd.img}" \
		-append "console=ttyS0 root=/dev/vda rw panic=-1 quiet loglevel=1 systemd.show_status=0 $faster" \
		-drive "file=$vm_cache/disk.img,if=virtio,format=raw" -nic user,restrict=on,model=virtio-net-pci \
		</dev/null | sed -u 's/\r$//' | tee "$vm_cache/console.log" || status=$?
	((status == 0)) || vm_failed "the guest did not end within $minutes minutes or qemu failed ($status)"
}
