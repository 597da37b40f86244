#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh ARCHITECTURE...: for each of these architectures of Debian, builds the programs and the unit tests in the
# root file system that root.sh has made, runs the unit tests and the fuzzers' corpus with
# qemu-user, and, where netlink has the byte order of this machine, the plugin: plugin.bats. Builds the
# Debian packages of HEAD, and checks them: lintian, packages.bats.
#
# The products are kept beside the root file system, so that a second run compiles only what changed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
# shellcheck source=tests/lib/cross.bash
source tests/lib/cross.bash
# Variables on the command line of the make that runs this, such as CC, are not for the one in the root file system.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES CC

# qemu-user passes netlink messages between programs and the kernel, but does not convert the byte order
# of all attributes. The sixth byte of an ELF file is the byte order.
same_byte_order() { # PROGRAM
	cmp -s <(head -c 6 "$1") <(head -c 6 /bin/bash)
}

status=0
for architecture; do
	directory=$(cross_directory "$architecture") || exit
	emulator=${cross_emulators[$architecture]}
	make=(make -j"$(nproc)" CROSS_COMPILE="${cross_triplets[$architecture]}-" CJSON_SOURCE=/cjson)
	echo "# $architecture: build"
	cross_run "$directory" "${make[@]}" all || exit
	echo "# $architecture: unit tests"
	cross_run "$directory" env WEFT_TEST_EMULATOR="$emulator" WEFT_STRICT="${WEFT_STRICT-}" \
		"${make[@]}" check-unit || status=1
	if same_byte_order "$directory/build/weft"; then
		echo "# $architecture: plugin"
		WEFT_EMULATOR=$directory/root/usr/bin/$emulator WEFT_FOREIGN_PLUGIN=$directory/build/weft \
			bats --formatter tap --print-output-on-failure tests/cross/plugin.bats || status=1
	fi
	echo "# $architecture: packages"
	if conf/build/deb.sh "$(sed -n 's/^WEFT_VERSION := //p' Makefile)" "${CJSON_SOURCE:-build/cjson}" \
		"$directory/deb" "$architecture"; then
		lintian --allow-root --fail-on error,warning "$directory"/deb/*.changes || status=1
		WEFT_ARCH=$architecture WEFT_DEB_DIR=$directory/deb \
			bats --formatter tap --print-output-on-failure tests/cross/packages.bats || status=1
	else
		status=1
	fi
done
exit "$status"
