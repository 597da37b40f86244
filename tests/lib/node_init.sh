#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# node_init.sh HOST DISK IPTABLES: process 1 of a Kubernetes node, see kubernetes.bash. It has mount,
# UTS, IPC, PID, network and cgroup namespaces of its own. It mounts what the node must not share
# with the machine, creates DISK/booted, and then reaps orphans until it is killed.
#
#   DISK/lib      /var/lib, outlives a crash     DISK/etc, DISK/work   changes of /etc
#   DISK/files    copied to /etc/kubernetes      DISK/proc             values of sysctls
set -euo pipefail

host=$1 disk=$2 iptables=$3

# Version 1 of cgroups, every controller by itself. The cgroup namespace makes the node's cgroup the root.
mount_cgroups() {
	local name
	mount -t sysfs sysfs /sys
	mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
	while read -r name; do
		mkdir "/sys/fs/cgroup/${name#name=}"
		mount -t cgroup -o "${name/#name=/none,name=}" cgroup "/sys/fs/cgroup/${name#name=}"
	done < <(sed -n 's/^[1-9][0-9]*:\([^:]*\):.*/\1/p' /proc/self/cgroup)
}

# kubelet requires values of sysctls that belong to the whole machine. It reads them from files of
# the node's own.
mount_sysctls() { # NAME=VALUE...
	local sysctl name
	for sysctl; do
		name=${sysctl%=*}
		mkdir -p "$disk/proc/${name%/*}"
		echo "${sysctl#*=}" >"$disk/proc/$name"
		mount --bind "$disk/proc/$name" "/proc/sys/$name"
	done
}

use_legacy_iptables() {
	local program suffix
	for program in iptables ip6tables; do
		for suffix in '' -save -restore; do
			ln -sf "/usr/sbin/$program-legacy$suffix" "/etc/alternatives/$program$suffix"
		done
	done
}

hostname "$host"
mount --make-rshared /
mount -t proc proc /proc
mount_cgroups
mount_sysctls vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
	kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000

mkdir -p "$disk"/{etc,work,lib}
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$disk/etc,workdir=$disk/work" /etc
[[ $iptables != legacy ]] || use_legacy_iptables
mkdir -p /etc/cni/net.d /etc/kubernetes /etc/containerd
rm -f /etc/cni/net.d/*
cp "$disk"/files/* /etc/kubernetes/
mv /etc/kubernetes/config.toml /etc/containerd/
mv /etc/kubernetes/hosts /etc/hosts

# The disk can be below /run.
exec 4>"$disk/booted"
mount --bind "$disk/lib" /var/lib
for directory in /run /opt /var/log; do
	mount -t tmpfs -o mode=755 tmpfs "$directory"
done
mkdir -p /run/netns /run/lock /opt/cni/bin /var/lib/kubelet
echo booted >&4
exec 4>&-

# bash reaps every process that has lost its parent.
while :; do
	sleep infinity &
	wait "$!" || true
done
