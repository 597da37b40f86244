#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs what weft needs from Debian: `deps.sh build` for make itself,
# `deps.sh test` for the demo, the tests, lint and the benchmarks, `deps.sh all`.
# Where all is there it changes nothing, needs no root and takes a few
# milliseconds. It never asks, and never starts a service of what it installs.
set -euo pipefail

build=(
	gcc libc6-dev make
	libnl-3-dev libcurl4-openssl-dev libevent-dev libcap-dev
	dpkg-dev        # unpacks cJSON's source package
	scdoc           # man pages
)
test=(
	etcd-server etcd-client containernetworking-plugins
	bats bats-support bats-assert libcmocka-dev python3 python3-jsonschema jq
	iproute2 iputils-ping iperf3 tcpdump ethtool nftables procps strace
	iptables socat  # portmap's rules, and who answers behind them
	openssl curl    # certificates of an etcd with TLS; what etcd counts
	containerd runc podman conmon busybox-static
	libclang-rt-14-dev # libFuzzer and clang's sanitizers
	clang clang-tidy clang-format cppcheck shellcheck universal-ctags
	spin            # checks the model of the lease protocol
	hyperfine gnuplot-nox
)

missing() {
	comm -23 <(printf '%s\n' "$@" | sort -u) \
		<(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null |
			sed -n 's/^ii  *//p' | sort -u)
}

# Debian starts services as it installs them, and etcd would take port 2379 of
# this machine. policy-rc.d is the documented way to say no (invoke-rc.d(8));
# one that the machine already has is the owner's word and stays as it is.
hold_services() {
	local policy=/usr/sbin/policy-rc.d

	[[ ! -e $policy ]] || return 0
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

# Installing also enables services for the next boot; that is ours to undo for
# packages that were not here before.
disable_new() { # PACKAGE...
	local package
	local -A units=(
		[etcd-server]=etcd.service [containerd]=containerd.service
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
	local lacking

	case ${1-all} in
	build) wanted=("${build[@]}") ;;
	test) wanted=("${test[@]}") ;;
	all) wanted=("${build[@]}" "${test[@]}") ;;
	*)
		echo "deps.sh: '$1' is not one of build, test, all" >&2
		exit 2
		;;
	esac
	mapfile -t lacking < <(missing "${wanted[@]}")
	((${#lacking[@]})) || return 0
	if ((EUID)); then
		echo "not installed: ${lacking[*]}; run: sudo make deps" >&2
		exit 1
	fi
	hold_services
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q -o DPkg::Lock::Timeout=300 update
	apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${lacking[@]}"
	disable_new "${lacking[@]}"
}

main "$@"
