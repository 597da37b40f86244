#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# root.sh ARCHITECTURE...: makes a root file system of Debian for each of these architectures, with a cross
# compiler, the architecture's libraries (multiarch) and qemu-user, unless it exists; an existing one gets
# packages that were added to the list. libevent-dev of two
# architectures cannot be installed together, hence one for each, and none on the machine itself.
# They are in cross/ARCHITECTURE below WEFT_CACHE (default: weft below XDG_CACHE_HOME or
# /var/cache); remove the directory for a new one.
#
# root.sh --directory ARCHITECTURE: prints that directory. Fails if it is not complete.
set -euo pipefail
umask 022
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/debian.bash
source tests/lib/debian.bash

cache=${WEFT_CACHE:-${XDG_CACHE_HOME:-/var/cache}/weft}/cross
tools=(build-essential pkgconf scdoc debhelper qemu-user-static)
libraries=(
	pkgconf libnl-3-dev libcurl4-openssl-dev libevent-dev libcap-dev libyaml-dev libssl-dev libcmocka-dev
)
# packages_for ARCHITECTURE: sets packages.
packages_for() { packages=("${tools[@]}" "crossbuild-essential-$1" "${libraries[@]/%/:$1}"); }

if [[ ${1-} == --directory ]]; then
	debian_cache=$cache/$2
	packages_for "$2"
	debian_is_complete "${packages[@]}" ||
		debian_failed "no cross compiler for $2 in $debian_cache: sudo make deps-cross ARCHES=$2"
	echo "$debian_cache"
	exit
fi
((EUID == 0)) || debian_failed 'debootstrap and chroot need root: sudo make deps-cross'
for architecture; do
	debian_cache=$cache/$architecture
	mkdir -p "$debian_cache"
	exec 8>"$debian_cache/lock"
	flock 8
	packages_for "$architecture"
	! debian_is_complete "${packages[@]}" || continue
	debian_bootstrap make
	echo "# installing a cross compiler and libraries for $architecture"
	debian_run dpkg --add-architecture "$architecture"
	debian_run apt-get -q update >>"$debian_cache/log" 2>&1 || debian_failed
	debian_install "${packages[@]}"
	debian_completed "${packages[@]}"
done
