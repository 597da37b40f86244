# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The root file systems with cross compilers that root.sh makes. Sourced by run.sh, packages.bats and
# conf/build/deb.sh.

declare -gA cross_triplets=([arm64]=aarch64-linux-gnu [s390x]=s390x-linux-gnu)
# shellcheck disable=SC2034 # run.sh uses them
declare -gA cross_emulators=([arm64]=qemu-aarch64-static [s390x]=qemu-s390x-static)

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# cross_directory ARCHITECTURE: prints the directory with the root file system, build/ and changes/.
cross_directory() {
	((EUID == 0)) || die 'chroot needs root'
	[[ ${cross_triplets[$1]-} ]] || die "unknown architecture '$1', expected ${!cross_triplets[*]}"
	tests/cross/root.sh --directory "$1"
}

# cross_run DIRECTORY COMMAND...: in the root file system, with the source tree at /weft, whose changes are
# discarded, DIRECTORY/build at /weft/build, and cJSON's source at /cjson.
cross_run() {
	local directory=$1
	shift
	mkdir -p "$directory"/{build,changes} "$directory"/root/{weft,cjson}
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private bash -euc '
		root=$1/root
		mount -t proc proc "$root/proc"
		mount -t tmpfs tmpfs "$root/tmp"
		mount -t tmpfs tmpfs "$1/changes"
		mkdir "$1/changes/upper" "$1/changes/work"
		mount -t overlay overlay -o "lowerdir=$PWD,upperdir=$1/changes/upper,workdir=$1/changes/work" "$root/weft"
		mount --bind "$2" "$root/cjson"
		mount --bind "$1/build" "$root/weft/build"
		shift 2
		exec chroot "$root" env -C /weft "$@"' bash "$directory" "${CJSON_SOURCE:-build/cjson}" "$@"
}
