#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# The Debian packages of another architecture, WEFT_ARCH, in WEFT_DEB_DIR: their architecture, programs,
# dependencies and files. The programs run with qemu-user in the root file system of root.sh.

load ../lib/bats
load ../lib/cross

declare -gA machines=([arm64]='ARM aarch64' [s390x]='IBM S/390')
packages=(weft-cni weftctl weftd)

setup_file() {
	local package
	WEFT_CROSS=$(cd "$WEFT_REPO" && cross_directory "$WEFT_ARCH")
	export WEFT_CROSS
	rm -rf "$WEFT_CROSS/build/unpacked"
	for package in "${packages[@]}"; do
		dpkg-deb -x "$WEFT_DEB_DIR/${package}"_*_"$WEFT_ARCH.deb" "$WEFT_CROSS/build/unpacked"
	done
}

teardown_file() { rm -rf "$WEFT_CROSS/build/unpacked"; }

field() { dpkg-deb -f "$WEFT_DEB_DIR/$1"_*_"$WEFT_ARCH.deb" "$2"; } # PACKAGE FIELD

@test "the packages are of the architecture, and there is no other one" {
	local deb
	for deb in "$WEFT_DEB_DIR"/*.deb; do
		assert_equal "$(dpkg-deb -f "$deb" Architecture)" "$WEFT_ARCH"
	done
	# shellcheck disable=SC2016 # for the inner shell
	run -0 bash -c 'cd "$1" && printf "%s\n" *.deb | cut -d _ -f 1 | LC_ALL=C sort' bash "$WEFT_DEB_DIR"
	assert_output "$(printf '%s\n' weft-cni{,-dbgsym} weftctl{,-dbgsym} weftd{,-dbgsym})"
}

@test "the programs are of the architecture; the plugin is static" {
	local program
	for program in usr/lib/cni/weft usr/sbin/weftctl usr/sbin/weftd; do
		run -0 file -b "$WEFT_CROSS/build/unpacked/$program"
		assert_output --partial "${machines[$WEFT_ARCH]}"
		assert_output --partial ', stripped'
		[[ $program != */weft ]] || assert_output --regexp 'static(-pie|ally) linked'
	done
}

@test "weftd depends on the libraries that it uses, and weft-cni names what it contains" {
	run -0 field weftd Depends
	for library in libc6 libcap2 libcurl4 libevent-core libevent-extra libnl-3-200 libssl3 libyaml-0-2; do
		assert_output --partial "$library"
	done
	run -0 field weft-cni Depends
	refute_output --partial libc6
	run -0 field weft-cni Built-Using
	assert_output --regexp 'libnl3 \(= .*\)'
	assert_output --regexp '(glibc|cross-toolchain-base[a-z-]*) \(= .*\)'
}

@test "programs, unit, man pages and completions are in the packages" {
	local name
	for name in lib/systemd/system/weftd.service usr/lib/sysusers.d/weft.conf usr/lib/tmpfiles.d/weft.conf \
		usr/lib/systemd/network/10-weft.link usr/lib/NetworkManager/conf.d/10-weft.conf \
		usr/share/man/man8/weftd.8.gz usr/share/man/man8/weft.8.gz usr/share/man/man5/weft-config.5.gz \
		usr/share/bash-completion/completions/weftctl; do
		[[ -f $WEFT_CROSS/build/unpacked/$name ]] || fail "$name"
	done
}

# emulated PROGRAM [ARGUMENT...]: in the root file system of the architecture's libraries.
emulated() {
	cd "$WEFT_REPO" && cross_run "$WEFT_CROSS" env CNI_COMMAND=VERSION "${cross_emulators[$WEFT_ARCH]}" \
		"/weft/build/unpacked/$1" "${@:2}"
}

@test "the programs run with the libraries of the architecture" {
	local version
	version=$(field weftd Version)
	run -0 emulated usr/sbin/weftd --version
	assert_output --partial "${version%%[+-]*}"
	run -0 emulated usr/sbin/weftctl --version
	assert_output --partial "${version%%[+-]*}"
	run -0 emulated usr/lib/cni/weft <<<'{"cniVersion":"1.0.0"}'
	assert_json "$output" '.supportedVersions | index("1.1.0")'
}
