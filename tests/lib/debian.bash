# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
#
# A root file system of this machine's release of Debian, made with debootstrap, with packages from this
# machine's mirror. Sourced by the scripts of kernel-vm/, packages/ and cross/.
#
#   $debian_cache        the directory of the root file system; the caller sets it
#   $debian_cache/root   the root file system; $debian_cache/log: the output of apt and dpkg
#   $debian_cache/base   exists after debootstrap
#   $debian_cache/complete   the requested packages, once all of them are installed

# Prints what went wrong, or the end of the log, and exits.
debian_failed() { # [MESSAGE]
	if (($#)); then
		echo "${0##*/}: $*" >&2
	else
		tail -20 "$debian_cache/log" >&2
	fi
	exit 1
}

# debian_is_complete PACKAGE...: whether the root file system was completed with this list of packages.
debian_is_complete() {
	[[ -e $debian_cache/complete && $(<"$debian_cache/complete") == "$(printf '%s\n' "$@")" ]]
}
debian_completed() { printf '%s\n' "$@" >"$debian_cache/complete"; } # PACKAGE...

# debian_bootstrap PACKAGE,...: makes the root file system with these packages, unless it exists.
debian_bootstrap() {
	local codename mirror
	[[ ! -e $debian_cache/base ]] || return 0
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	# shellcheck disable=SC2016 # apt expands them
	mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
		awk -v name="$codename" '$1 == name && $2 == "main" { print $3; exit }')
	[[ $mirror ]] || debian_failed "no mirror of Debian $codename in the apt sources of this machine"
	rm -rf "$debian_cache/root"
	mkdir -p "$debian_cache/root"
	echo "# debootstrap $codename from $mirror"
	debootstrap --variant=minbase --include="$1" "$codename" "$debian_cache/root" "$mirror" \
		>"$debian_cache/log" 2>&1 || debian_failed
	touch "$debian_cache/base"
}

# debian_run COMMAND...: in the root file system, with a mount namespace of its own: nothing stays
# mounted, also after a kill.
debian_run() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --propagation private sh -c \
		'root=$1; shift; mount -t proc proc "$root/proc" && exec chroot "$root" "$@"' \
		sh "$debian_cache/root" "$@"
}

# debian_install PACKAGE...: installs packages without starting services. An interrupted run is
# continued. Without fsync: after a crash of the machine, the cache is removed.
debian_install() {
	local policy=$debian_cache/root/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	export DEBIAN_FRONTEND=noninteractive
	# Of an older list of packages: the mirror may have newer versions since.
	[[ ! -e $debian_cache/complete ]] ||
		debian_run apt-get -q update >>"$debian_cache/log" 2>&1 || debian_failed
	debian_run dpkg --force-unsafe-io --configure -a >>"$debian_cache/log" 2>&1 || debian_failed
	debian_run apt-get -q -y -o Dpkg::Options::=--force-unsafe-io install --no-install-recommends "$@" \
		>>"$debian_cache/log" 2>&1 || debian_failed
	rm -f "$policy" "$debian_cache"/root/var/cache/apt/archives/*.deb
}

# debian_repack FILE VERSION DESTINATION [COMMAND...]: writes the package in FILE with another version. The
# command runs in the directory of its files.
debian_repack() {
	local tree
	tree=$(mktemp -d) &&
		dpkg-deb -R "$1" "$tree" &&
		sed -i "s/^Version: .*/Version: $2/" "$tree/DEBIAN/control" &&
		{ (($# == 3)) || (cd "$tree" && "${@:4}"); } &&
		dpkg-deb --root-owner-group -b "$tree" "$3" >/dev/null &&
		rm -rf "$tree"
}
