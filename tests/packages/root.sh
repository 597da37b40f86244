#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# root.sh DIRECTORY: makes DIRECTORY/root, a root file system of Debian with the packages that weft's
# packages depend on, but without weft. An existing one is reused; remove DIRECTORY for a new one.
set -euo pipefail
umask 022
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/debian.bash
source tests/lib/debian.bash

debian_cache=$1
packages=(
	libcap2 libcurl4 libevent-core-2.1-7 libevent-extra-2.1-7 libnl-3-200 libssl3 libyaml-0-2
	systemd udev init-system-helpers iproute2 iputils-ping
)

[[ ! -e $debian_cache/complete ]] || exit 0
list=$(printf ',%s' "${packages[@]}")
debian_bootstrap "${list#,}"
rm -f "$debian_cache"/root/var/cache/apt/archives/*.deb
touch "$debian_cache/complete"
