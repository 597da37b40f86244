#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# The Debian packages in WEFT_DEB_DIR: installed, configured, upgraded with traffic, removed and purged in
# a root file system of Debian (WEFT_DEB_ROOT) on host1 of the lab. No service manager runs there:
# weftd is started as weftd.service starts it, with its user and capability.

load ../lib/bats
load ../lib/debian

setup_file() {
	lab_open_for_file
	etcd_machine && etcd_start && etcd_config
	lab_hosts 2
	weftd_start host2
	weftd_ready host2
	container_add host2 p1
	ns_add c1
	root_start
	older_packages
}

teardown_file() { lab_down; }

# The root file system, with an overlay for changes, in mounts of its own. They exist as long as the
# process root.
root_start() {
	mkdir "$LAB_DIR/upper" "$LAB_DIR/work" "$LAB_DIR/root" "$LAB_DIR/older"
	# shellcheck disable=SC2016 # the shell within expands them
	proc_start root host1 unshare --mount --propagation private bash -euc '
		mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
		mount -t proc proc "$1/root/proc"
		mount -t sysfs sysfs "$1/root/sys"
		mount -t tmpfs tmpfs "$1/root/run"
		mkdir -p "$1/root/run/netns" "$1/root/mnt/new" "$1/root/mnt/old"
		mount --rbind /run/netns "$1/root/run/netns"
		mount --bind "$3" "$1/root/mnt/new"
		mount --bind "$1/older" "$1/root/mnt/old"
		touch "$1/mounted"
		exec sleep infinity' bash "$LAB_DIR" "$WEFT_DEB_ROOT" "$WEFT_DEB_DIR"
	wait_for 20 test -e "$LAB_DIR/mounted"
}

in_root() {
	nsenter -t "$(proc_pid root)" --mount --net -- chroot "$LAB_DIR/root" "$@"
}

# The same packages with a lower version and another default of /etc/default/weftd.
older_packages() {
	local package change
	for package in weft-cni weftd weftctl; do
		change=()
		# shellcheck disable=SC2016 # of sed
		[[ $package != weftd ]] || change=(sed -i '$a # older' etc/default/weftd)
		debian_repack "$WEFT_DEB_DIR/${package}"_*.deb 0.0.9-1 "$LAB_DIR/older/$package.deb" "${change[@]}"
	done
}

# weftd as weftd.service runs it, with the variables of /etc/default/weftd.
service_start() {
	proc_start service host1 nsenter -t "$(proc_pid root)" --mount -- chroot "$LAB_DIR/root" sh -c '
		set -a && . /etc/default/weftd
		install -d -o weft -g weft /run/flannel
		exec setpriv --reuid weft --regid weft --init-groups --inh-caps=-all,+net_admin \
			--ambient-caps=+net_admin --bounding-set=-all,+net_admin --no-new-privs weftd'
}
service_ready() { in_root weftctl --json status | jq -e 'all(.networks[]; .state == "ready")'; }

# ADD, or another verb with the result of ADD.
cni() { # VERB
	local prev=
	[[ $1 == ADD ]] || prev=",\"prevResult\":$(<"$LAB_DIR/result")"
	in_root env CNI_COMMAND="$1" CNI_CONTAINERID=c1 CNI_NETNS="/run/netns/$LAB-c1" CNI_IFNAME=eth0 \
		CNI_PATH=/usr/lib/cni /usr/lib/cni/weft \
		<<<"{\"cniVersion\":\"1.0.0\",\"name\":\"weft\",\"type\":\"weft\"$prev}"
}

@test "the packages are installed; the user exists, the service waits for a configuration" {
	in_root dpkg -i /mnt/old/weft-cni.deb /mnt/old/weftd.deb /mnt/old/weftctl.deb
	in_root getent passwd weft
	in_root test -f /etc/default/weftd
	run in_root systemctl is-enabled weftd
	assert_output disabled
	in_root systemd-analyze verify --man=no /lib/systemd/system/weftd.service
	in_root dpkg --verify weft-cni weftd weftctl
	in_root weftd --version
	in_root weftctl --version
}

@test "weftd runs with the configuration, and the plugin attaches a container" {
	in_root sh -c 'echo "WEFTD_ETCD_ENDPOINTS=http://192.168.0.250:2379" >>/etc/default/weftd'
	service_start
	wait_for 30 service_ready
	cni ADD >"$LAB_DIR/result"
	wait_for 20 ping_once c1 "$(container_address host2 p1)"
}

@test "udev keeps name and MAC of weft's devices" {
	local device
	for device in weft-br1 weft-vx1 "$(in_root sh -c 'cd /sys/class/net && echo veth*')"; do
		run in_root udevadm test-builtin net_setup_link "/sys/class/net/$device"
		assert_output --partial 'ID_NET_LINK_FILE=/usr/lib/systemd/network/10-weft.link'
	done
	ip -n "$LAB-host1" link add veth12345678 type bridge # as another plugin names a device
	run in_root udevadm test-builtin net_setup_link /sys/class/net/veth12345678
	assert_output --partial 'ID_NET_LINK_FILE='
	refute_output --partial 'ID_NET_LINK_FILE=/usr/lib/systemd/network/10-weft.link'
}

@test "an upgrade with a restart loses no packet and keeps a changed configuration file" {
	local lost
	proc_start flow c1 ping -n -q -i 0.01 "$(container_address host2 p1)"
	in_root sh -c 'dpkg --force-confold -i /mnt/new/weft-cni_*.deb /mnt/new/weftd_*.deb /mnt/new/weftctl_*.deb'
	proc_stop service
	service_start
	wait_for 30 service_ready
	proc_stop flow INT
	lost=$(awk '/packets transmitted/ { print $1 - $4 }' "$LAB_DIR/log/flow")
	assert_equal "$lost" 0
	run in_root cat /etc/default/weftd
	assert_line 'WEFTD_ETCD_ENDPOINTS=http://192.168.0.250:2379'
	run in_root dpkg -s weftd
	refute_line 'Version: 0.0.9-1'
	cni CHECK
	in_root weftctl doctor
}

@test "after remove, the configuration and the container's network exist" {
	proc_stop service
	in_root dpkg --remove weft-cni weftd weftctl
	in_root test -f /etc/default/weftd
	in_root sh -c '! command -v weftd'
	in_root test -f /var/lib/weft/node.json
	ping_once c1 "$(container_address host2 p1)"
}

@test "purge removes configuration and state, but no record of an attached container" {
	in_root dpkg --purge weftd
	in_root test ! -e /etc/default/weftd
	in_root test ! -e /var/lib/weft
	in_root test -e /run/weft/attachments/default
	run in_root sh -c "find / -xdev -path /proc -prune -o -name '*weft*' -print | grep -v -e '^/mnt' -e '^/run'"
	assert_output ''
}
