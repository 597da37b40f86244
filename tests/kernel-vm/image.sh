#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# image.sh DIRECTORY: makes DIRECTORY/root, a root file system of Debian with its stock kernel, systemd
# and what weft's build and tests need. An existing one is reused, and gets packages that were added to the
# list; remove DIRECTORY for a new one.
set -euo pipefail
umask 022
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/debian.bash
source tests/lib/debian.bash

debian_cache=$1
packages=(
	systemd-sysv dbus udev kmod linux-image-cloud-amd64 initramfs-tools
	gcc libc6-dev make pkgconf libnl-3-dev libcurl4-openssl-dev libevent-dev libcap-dev libyaml-dev
	libssl-dev
	scdoc ca-certificates
	etcd-server etcd-client containernetworking-plugins
	bats bats-support bats-assert python3 jq
	iproute2 iputils-ping iperf3 tcpdump ethtool nftables procps strace iptables socat openssl curl
	network-manager
	gnuplot-nox # the plots of bench.sh
)

debian_is_complete "${packages[@]}" && exit 0
debian_bootstrap ca-certificates
echo "# installing packages"
debian_install "${packages[@]}"
debian_run systemctl --quiet mask etcd.service serial-getty@ttyS0.service getty@tty1.service \
	systemd-timesyncd.service apt-daily.timer apt-daily-upgrade.timer
# packages.bash starts it.
debian_run systemctl --quiet disable NetworkManager.service NetworkManager-dispatcher.service \
	NetworkManager-wait-online.service
echo weft-vm >"$debian_cache/root/etc/hostname"
debian_completed "${packages[@]}"
