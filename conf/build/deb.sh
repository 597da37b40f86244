#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# deb.sh VERSION CJSON DIRECTORY [ARCHITECTURE]: writes the source package and the binary packages of HEAD into
# DIRECTORY. CJSON is the directory with cJSON's source, the second archive of the source package.
# The same commit gives the same bytes, on a machine with the same packages. Of another ARCHITECTURE,
# binary packages only, built in the root file system that tests/cross/root.sh has made.
#
# A commit that has the tag "v" and VERSION gives debian/changelog's version. Every other one gives
# VERSION+git<date>.<commit>-1, dated as the commit, which is newer than VERSION.
set -euo pipefail
cd "$(dirname "$0")/../.."
umask 022
export LC_ALL=C.UTF-8 TZ=UTC
# Not of the make that runs this: debian/rules decides.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES CC CFLAGS CPPFLAGS LDFLAGS

version=$1 cjson=$2 dest=$3 architecture=${4-}

die() {
	echo "deb.sh: $*" >&2
	exit 1
}

[[ $architecture != "$(dpkg --print-architecture)" ]] || architecture=
if [[ $architecture ]]; then
	# shellcheck source=tests/lib/cross.bash
	source tests/lib/cross.bash
	cross=$(cross_directory "$architecture")
fi
[[ $(dpkg-parsechangelog -S Version) == "$version"-* ]] ||
	die "debian/changelog is not of version $version"
commit=$(git rev-parse HEAD)
stamp=$(git log -1 --format=%ct)
tag=$(git rev-parse -q --verify "refs/tags/v$version^{commit}" || true)

rm -rf "$dest"
mkdir -p "$dest"
upstream=$version
[[ $tag == "$commit" ]] || upstream+=+git$(date -d "@$stamp" +%Y%m%d%H%M).${commit::8}
tree=$dest/weft-$upstream

# tar_of ARCHIVE DIRECTORY NAME...: with nothing that depends on this machine.
tar_of() {
	local archive=$1 directory=$2
	shift 2
	tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$stamp" --mode=u=rwX,go=rX \
		-C "$directory" -c "$@" | gzip -9 -n >"$archive"
}

mkdir -p "$dest/cjson"
cp "$cjson"/{cJSON.c,cJSON.h,LICENSE} "$dest/cjson/"
git -c tar.umask=0022 archive --format=tar --prefix="weft-$upstream/" HEAD | tar -x -C "$dest"
tar_of "$dest/weft_$upstream.orig-cjson.tar.gz" "$dest" cjson
tar_of "$dest/weft_$upstream.orig.tar.gz" "$dest" --exclude="weft-$upstream/debian" "weft-$upstream"
mv "$dest/cjson" "$tree/cjson"

if [[ $upstream != "$version" ]]; then
	cat - debian/changelog >"$tree/debian/changelog" <<-CHANGELOG
		weft ($upstream-1) UNRELEASED; urgency=medium

		  * Built from commit $commit.

		 -- weft maintainers <maintainers@weft.invalid>  $(date -R -d "@$stamp")

	CHANGELOG
fi

# Unit tests are `make check-unit`: DEB_BUILD_OPTIONS= runs them here too.
native_packages() (
	cd "$tree" && DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-nocheck} parallel=$(nproc)" dpkg-buildpackage -us -uc -F
)

# The directory build of the root file system is the one of the machine.
cross_packages() {
	rm -rf "$cross/build/deb" && mkdir -p "$cross/build/deb" && cp -a "$tree" "$cross/build/deb/" || return
	cross_run "$cross" env -C "/weft/build/deb/${tree##*/}" DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" \
		dpkg-buildpackage -us -uc -B -a "$architecture" -P"cross,nocheck" || return
	rm -rf "$cross/build/deb/${tree##*/}" "$dest"/*.tar.gz
	mv "$cross"/build/deb/* "$dest/"
}

build=native_packages
[[ ! $architecture ]] || build=cross_packages
$build >"$dest/build.log" 2>&1 || {
	tail -n 40 "$dest/build.log" >&2
	die "dpkg-buildpackage failed, see $dest/build.log"
}
rm -rf "$tree"
printf '%s\n' "$dest"/*.deb
