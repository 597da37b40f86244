#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs in the virtual machine, started by weft-check.service: runs the installed weft with systemd, then
# the Debian packages, the demo and the bats files named in tests/kernel-vm/files. Prints TAP, and at the end
# "check-kernel: N failed", from which run.sh takes its exit status.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

# shellcheck source=tests/lib/documents.bash
source tests/lib/documents.bash
# shellcheck source=tests/kernel-vm/packages.bash
source tests/kernel-vm/packages.bash

export WEFT_TEST_PATIENCE=${WEFT_TEST_PATIENCE-10} # emulation is slow
export WEFT_TEST_LEASE_TTL=${WEFT_TEST_LEASE_TTL-20}
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
number=0 failed=0

# check NAME COMMAND...: one line of TAP, and the output if it fails.
check() {
	local name=$1 output
	shift
	number=$((number + 1))
	if output=$("$@" 2>&1); then
		echo "ok $number $name"
	else
		failed=$((failed + 1))
		echo "not ok $number $name"
		tail -n 40 <<<"$output" | sed 's/^/# /'
	fi
}

# The only network card becomes the uplink, without a router behind it.
uplink() {
	local name
	for name in /sys/class/net/*; do
		name=${name##*/}
		[[ $name != lo ]] || continue
		ip link set "$name" up && ip address add 192.168.77.1/24 dev "$name" &&
			ip route add default via 192.168.77.254 dev "$name"
		return
	done
	return 1
}

# readme TEXT: runs the block of README.md that contains the text, as it is printed.
readme() { bash -euo pipefail -c "$(document_block README.md "$1")"; }

# The endpoint in README.md is an address of this machine.
store() {
	local url=http://10.0.0.5:2379
	ip address add 10.0.0.5/32 dev lo || return
	systemd-run --quiet --unit=etcd-check etcd --data-dir /var/tmp/etcd-check \
		--listen-client-urls "$url,http://127.0.0.1:2379" --advertise-client-urls "$url" || return
	for _ in $(seq 60); do
		ETCDCTL_API=3 readme 'etcdctl put' && return
		sleep 1
	done
	return 1
}

# run.sh has called "make install", with the root file system as DESTDIR.
start() {
	if ! command -v sudo >/dev/null; then
		printf '#!/bin/sh\nexec "$@"\n' >/usr/local/bin/sudo
		chmod 755 /usr/local/bin/sudo
	fi
	readme 'systemctl enable --now weftd' &&
		systemctl --quiet is-active weftd && systemctl --quiet is-enabled weftd
}

ready() {
	for _ in $(seq 60); do
		weftctl --json status | jq -e 'all(.networks[]; .state == "ready")' && return
		sleep 1
	done
	weftctl status
	journalctl --unit weftd --lines 20 --no-pager
	return 1
}

# cni VERB: with the installed plugin, for one container.
plugin=/opt/cni/bin/weft
cni() {
	echo '{"cniVersion":"1.1.0","name":"weft","type":"weft"}' |
		CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 \
			CNI_PATH=${plugin%/*} "$plugin"
}

attach() {
	local gateway
	ip netns add c1 && cni ADD || return
	gateway=$(jq -r '.families[0].gateway' /run/weft/networks/default.json)
	ip netns exec c1 ping -c 3 -W 5 "$gateway"
}

detach() { cni DEL && ip netns del c1 && [[ ! $(ls /run/weft/attachments/default) ]]; }
stop() { systemctl stop weftd && weftctl cleanup; }

echo "# $(uname -sr), $(. /etc/os-release && echo "$PRETTY_NAME")"
check 'an uplink' uplink
check 'etcd' store
check 'weft is started with systemd' start
check 'the network becomes ready' ready
check 'weftctl doctor reports no problem' weftctl doctor
check 'a container is attached and reaches its gateway' attach
check 'a container is detached' detach
check 'weft is stopped and removed' stop
package_checks
check 'the demo completes' tests/demo/demo.sh
mapfile -t files < <(grep -v '^#' tests/kernel-vm/files)
number=$((number + 1))
if tests/run-system.sh "${files[@]}" > >(sed -u 's/^/# /'); then
	echo "ok $number the system tests"
else
	failed=$((failed + 1))
	echo "not ok $number the system tests"
fi
echo "1..$number"
echo "check-kernel: $failed failed"
