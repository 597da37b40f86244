#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kubernetes.sh [--installed]: builds kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy
# and kubectl from Debian's source package, for check-kubernetes, unless that was done before. Debian
# has no binary package of the first five. Prints the directory of the programs as the last line:
# kubernetes/VERSION below WEFT_CACHE (default: weft below XDG_CACHE_HOME or /var/cache). With
# --installed, fails if the programs are not there.
#
# The build takes some 10 minutes of two processors and 4 GB of disk below WEFT_CACHE, of which the
# 0.3 GB of the programs are kept. The directory appears complete or not at all; a second build at
# the same time waits for the first. A failed build leaves nothing but its log.
set -euo pipefail
umask 022

VERSION=1.20.2
PROGRAMS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

# The vendored reflect2 1.0.1 corrupts memory with Go 1.18 and later: the API server crashes in
# mapiterinit at its first large list. Debian's package has a version that does not.
REFLECT2=golang-github-modern-go-reflect2

build=$(realpath "$(dirname "$0")")
cache=${WEFT_CACHE:-${XDG_CACHE_HOME:-/var/cache}/weft}/kubernetes
dest=$cache/$VERSION

die() {
	echo "kubernetes.sh: $*" >&2
	exit 1
}

complete() {
	local program
	for program in "${PROGRAMS[@]}"; do
		[[ -x $dest/$program ]] || return 1
	done
}

replace_reflect2() {
	local vendored=$work/kubernetes/vendor/github.com/modern-go/reflect2 file
	[[ -d $vendored ]] || die "the package has no vendored reflect2"
	rm "$vendored"/*.go "$vendored"/*.s
	for file in "$work/$REFLECT2"/*.go "$work/$REFLECT2"/*.s; do
		[[ $file == *_test.go ]] || cp "$file" "$vendored/"
	done
}

# The package's generated code and its go.mod require a build below GOPATH, by its own makefile.
# Without the drivers of clouds (providerless), which are half of the work.
compile() {
	local tree=$work/gopath/src/k8s.io/kubernetes
	mkdir -p "${tree%/*}" "$work/home"
	ln -s "$work/kubernetes" "$tree"
	(
		cd "$tree"
		env -i PATH="$PATH" HOME="$work/home" GOPATH="$work/gopath" GO111MODULE=off CGO_ENABLED=0 \
			make GOFLAGS=-tags=providerless GOLDFLAGS='-s -w' WHAT="${PROGRAMS[*]/#/cmd/}"
	)
}

case ${1-} in
'') ;;
--installed)
	complete || die "no Kubernetes in $dest: sudo make deps-kubernetes"
	;;
*) die "unknown argument '$1'" ;;
esac
if ! complete; then
	for program in apt-get dpkg-source go rsync jq file; do
		command -v "$program" >/dev/null ||
			die "$program is not installed: sudo make deps-kubernetes"
	done
	mkdir -p "$cache" || die "set WEFT_CACHE to a writable directory"
	exec 8>"$cache/lock"
	flock 8
fi
if ! complete; then
	rm -rf "$cache"/build.* # of a build that was killed
	work=$(mktemp -d "$cache/build.XXXXXX")
	# Go makes its module cache read-only.
	trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
	chmod 755 "$work"
	"$build/source.sh" "$work" kubernetes "$REFLECT2" 8>&-
	found=$(dpkg-parsechangelog -l "$work/kubernetes/debian/changelog" -S Version)
	[[ $found == *"$VERSION"-* ]] || die "the package has version $found, expected $VERSION"
	replace_reflect2
	echo "building Kubernetes $found, log in $cache/log"
	compile >"$cache/log" 2>&1 8>&- || {
		tail -n 20 "$cache/log" >&2
		die "the build failed, see $cache/log"
	}
	mkdir "$work/bin"
	for program in "${PROGRAMS[@]}"; do
		cp "$work/kubernetes/_output/bin/$program" "$work/bin/"
	done
	rm -rf "$dest"
	mv -T "$work/bin" "$dest"
fi
echo "$dest"
