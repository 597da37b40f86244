#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# deps.sh [build|test|vm|kubernetes|deb|cross|all]: installs weft's dependencies from Debian's packages.
# `build` is what make needs; `test` is for tests, demo, lint and benchmarks; `vm` is for check-kernel
# alone, `kubernetes` for check-kubernetes, `deb` for the Debian packages and their test, and `cross`
# for check-cross; the default is `all`, without these four. If every
# package is installed, nothing is changed and root is not required. apt runs without
# questions, and no service of an installed package is started or enabled.
set -euo pipefail

build=(
	gcc libc6-dev make pkgconf
	libnl-3-dev libcurl4-openssl-dev libevent-dev libcap-dev libyaml-dev libssl-dev
	dpkg-dev ca-certificates # for cJSON's source package
	scdoc                    # man pages
)
test=(
	etcd-server etcd-client containernetworking-plugins
	bats bats-support bats-assert libcmocka-dev python3 python3-jsonschema jq
	iproute2 iputils-ping iperf3 tcpdump ethtool nftables procps strace
	iptables socat  # the rules of portmap; a server behind a mapped port
	frr             # a VTEP with BGP EVPN
	openssl curl    # certificates for etcd; etcd's metrics
	prometheus      # scrapes weftd; promtool checks metrics and alert rules
	containerd runc podman conmon docker.io busybox-static
	libclang-rt-14-dev # libFuzzer, clang's sanitizers
	clang clang-tidy clang-format cppcheck shellcheck universal-ctags
	spin            # model of the lease protocol
	gnuplot-nox     # docs/scale.svg
	fish zsh        # completions of weftctl
)
vm=(debootstrap qemu-system-x86 e2fsprogs debhelper git)
deb=(debhelper lintian debootstrap git)
cross=(debootstrap dpkg-dev git lintian file)
kubernetes=(golang-go rsync jq file) # to build it

missing() {
	comm -23 <(printf '%s\n' "$@" | sort -u) \
		<(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null |
			sed -n 's/^ii  *//p' | sort -u)
}

# Debian starts services on installation, and etcd would listen on port 2379 of this
# machine. policy-rc.d prevents it (invoke-rc.d(8)); one that already exists is kept.
hold_services() {
	local policy=/usr/sbin/policy-rc.d

	[[ ! -e $policy ]] || return 0
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

# Installation also enables services for the next boot: this disables those of the
# packages that were installed just now.
disable_new() { # PACKAGE...
	local package
	local -A units=(
		[etcd-server]=etcd.service [prometheus]=prometheus.service [containerd]=containerd.service
		[frr]=frr.service [docker.io]='docker.service docker.socket'
		[podman]='podman.socket podman.service podman-restart.service podman-auto-update.timer'
	)

	[[ -d /run/systemd/system ]] || return 0
	for package; do
		# shellcheck disable=SC2086 # several words
		[[ -z ${units[$package]-} ]] || systemctl --quiet disable ${units[$package]} || true
	done
}

main() {
	local wanted=()
	local absent

	case ${1-all} in
	build) wanted=("${build[@]}") ;;
	test) wanted=("${test[@]}") ;;
	vm) wanted=("${vm[@]}") ;;
	kubernetes) wanted=("${kubernetes[@]}") ;;
	deb) wanted=("${deb[@]}") ;;
	cross) wanted=("${cross[@]}") ;;
	all) wanted=("${build[@]}" "${test[@]}") ;;
	*)
		echo "deps.sh: unknown set '$1', expected build, test, vm, kubernetes, deb, cross or all" >&2
		exit 2
		;;
	esac
	mapfile -t absent < <(missing "${wanted[@]}")
	((${#absent[@]})) || return 0
	if ((EUID)); then
		echo "not installed: ${absent[*]}; root is required: sudo make deps" >&2
		exit 1
	fi
	hold_services
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q -o DPkg::Lock::Timeout=300 update
	apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-remove \
		--no-install-recommends "${absent[@]}"
	disable_new "${absent[@]}"
}

main "$@"
