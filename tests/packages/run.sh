#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh DIRECTORY: checks the Debian packages in DIRECTORY: lintian, a second build, which must give the same
# bytes, and packages.bats. WEFT_PACKAGES_TWICE=0 leaves the second build out. The root file system is kept in
# WEFT_PACKAGES_DIR (default: weft-packages below XDG_CACHE_HOME or /var/cache).
set -euo pipefail
cd "$(dirname "$0")/../.."

dir=$(realpath "$1")
cache=${WEFT_PACKAGES_DIR-${XDG_CACHE_HOME-/var/cache}/weft-packages}

((EUID == 0)) || {
	echo "check-packages: debootstrap and network namespaces need root: sudo make check-packages" >&2
	exit 1
}
echo "# lintian"
lintian --allow-root --fail-on error,warning "$dir"/*.changes
if [[ ${WEFT_PACKAGES_TWICE-1} == 1 ]]; then
	echo "# second build"
	again=$(mktemp -d)
	trap 'rm -rf "$again"' EXIT
	conf/build/deb.sh "$(sed -n 's/^WEFT_VERSION := //p' Makefile)" "${CJSON_SOURCE-build/cjson}" \
		"$again/packages" >/dev/null
	for file in "$dir"/*.deb "$dir"/*.tar.* "$dir"/*.dsc; do
		cmp "$file" "$again/packages/${file##*/}"
	done
fi
mkdir -p "$cache"
tests/packages/root.sh "$cache"
WEFT_DEB_DIR=$dir WEFT_DEB_ROOT=$cache/root bats tests/packages/packages.bats
