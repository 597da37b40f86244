# shellcheck shell=bash disable=SC2034 # guest.sh uses plugin
# SPDX-License-Identifier: Apache-2.0
#
# The Debian packages on a machine with systemd: installed with apt, configured with a file as the store, beside
# other network services, upgraded with packets through the tunnel, removed and purged. Sourced by guest.sh;
# run.sh has copied the packages to $packages: new/, and newer/ with a higher version.

packages=/root/packages
peer_underlay=192.168.78.2 peer_mac=0e:00:00:00:00:c8 peer_container=10.5.200.1

export DEBIAN_FRONTEND=noninteractive

no_weft_files() {
	local found
	found=$(find /etc /opt /run /tmp /usr /var -xdev -name '*weft*' \
		! -path '/etc/systemd/system/*weft-check.service' ! -path '/run/systemd/*weft-check*')
	[[ ! $found ]] || { printf '%s\n' "$found" && return 1; }
}

# Removes what `make install` and the checks before have left.
package_prepare() {
	systemctl --quiet disable weftd && make -s uninstall && systemctl daemon-reload &&
		userdel weft && rm -rf /etc/default/weftd /var/lib/weft /run/weft /run/flannel || return
	# This node of the network is one of flannel.
	ip netns add peer && ip link add to-peer type veth peer name eth0 netns peer &&
		ip address add 192.168.78.1/24 dev to-peer && ip link set to-peer up &&
		ip -n peer link set lo up && ip -n peer link set eth0 up &&
		ip -n peer address add $peer_underlay/24 dev eth0 &&
		ip -n peer route add default via 192.168.78.1
}

# With the packages' dependencies installed, apt needs no network.
package_install() {
	echo "$EPOCHREALTIME" >$packages/started
	apt-get -q -y install $packages/new/*.deb &&
		[[ $(systemctl is-enabled weftd) == disabled ]] && ! systemctl --quiet is-active weftd
}

package_configure() {
	install -m 644 -o weft -g weft /dev/stdin /var/lib/weft/net.json <<-JSON || return
		{"config": {"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan", "VNI": 1}},
		 "subnets": {"10.5.200.0-24": {"PublicIP": "$peer_underlay", "BackendType": "vxlan",
		   "BackendData": {"VNI": 1, "VtepMAC": "$peer_mac"}}}}
	JSON
	echo 'WEFTD_STORE=file:/var/lib/weft/net.json' >>/etc/default/weftd
	systemctl --quiet enable --now weftd && ready || return
	awk -v from="$(<$packages/started)" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f\n", to - from }' \
		>$packages/seconds
}

# By sysusers.d, tmpfiles.d and the unit.
package_user() {
	[[ $(getent passwd weft) == *:/var/lib/weft:* ]] &&
		[[ $(stat -c %U /var/lib/weft /run/weft | sort -u) == weft ]] &&
		[[ $(systemctl show -P FragmentPath weftd) == /lib/systemd/system/weftd.service ]] &&
		[[ $(stat -c %U "/proc/$(systemctl show -P MainPID weftd)") == weft ]] &&
		[[ $(dpkg --verify weft-cni weftctl weftd) == *' c /etc/default/weftd' ]] && weftctl doctor
}

peer_tunnel() {
	local subnet mac
	subnet=$(jq -r '.families[0].subnet' /run/weft/networks/default.json) &&
		mac=$(weftctl --json status | jq -r '.networks[0].vtep_mac') || return
	ip -n peer link add vxlan1 address $peer_mac mtu 1450 type vxlan id 1 local $peer_underlay \
		dstport 8472 nolearning &&
		ip -n peer address add $peer_container/32 dev vxlan1 && ip -n peer link set vxlan1 up &&
		ip -n peer neigh add "${subnet%/*}" lladdr "$mac" dev vxlan1 nud permanent &&
		bridge -n peer fdb add "$mac" dev vxlan1 dst 192.168.77.1 self permanent &&
		ip -n peer route add "$subnet" via "${subnet%/*}" dev vxlan1 onlink src $peer_container
}

package_attach() { attach && peer_tunnel && ip netns exec c1 ping -c 3 -W 5 $peer_container; }

weft_devices() { echo weft-br1 weft-vx1 && ip -j link show master weft-br1 type veth | jq -r '.[].ifname'; }

package_udev() {
	local device
	udevadm settle
	for device in $(weft_devices); do
		udevadm info --query property "/sys/class/net/$device" |
			grep -x 'ID_NET_LINK_FILE=/usr/lib/systemd/network/10-weft.link' || return
	done
	[[ $(</sys/class/net/weft-br1/address) == "$(weftctl --json status | jq -r '.networks[0].vtep_mac')" ]]
}

# try COMMAND...: repeats the command until it succeeds, for at most a minute.
try() {
	for _ in $(seq 60); do
		"$@" >/dev/null && return
		sleep 1
	done
	"$@"
}

# other0 shows that the service configures devices with the names that it was given.
networkd_states() {
	local device
	networkctl --no-legend --no-pager list
	[[ $(networkctl --no-legend list other0) == *' configured'* ]] || return
	for device in $(weft_devices); do
		[[ $(networkctl --no-legend list "$device") == *' unmanaged'* ]] || return
	done
}

package_networkd() {
	local status=0
	printf '%s\n' '[Match]' 'Name=weft-* veth* other0' '[Network]' 'LinkLocalAddressing=no' \
		'Address=169.254.77.1/24' >/etc/systemd/network/90-all.network
	ip link add other0 type dummy && ip link set other0 up && systemctl start systemd-networkd &&
		try networkd_states || status=1
	systemctl stop systemd-networkd.socket systemd-networkd
	rm /etc/systemd/network/90-all.network
	return $status
}

network_manager_states() {
	local device
	nmcli -t -f DEVICE,STATE device
	nmcli -t -f DEVICE,STATE device | grep '^other0:' | grep -v unmanaged || return
	for device in $(weft_devices); do
		nmcli -t -f DEVICE,STATE device | grep -x "$device:unmanaged" || return
	done
}

package_network_manager() {
	local status=0
	# systemd-networkd has removed its address, and NetworkManager leaves devices without one alone.
	ip address replace 169.254.77.1/24 dev other0
	systemctl start NetworkManager && try network_manager_states || status=1
	systemctl stop NetworkManager
	ip link delete other0 && weftctl doctor && ip netns exec c1 ping -c 3 -W 5 $peer_container || status=1
	return $status
}

newer_runs() { # PID of the older one
	local pid
	pid=$(systemctl show -P MainPID weftd) && echo "before $1, now $pid: $(readlink "/proc/$pid/exe")" && [[ $pid != "$1" && $(readlink "/proc/$pid/exe") == /usr/sbin/weftd ]] &&
		weftctl --json status | jq -e --argjson pid "$pid" '.pid == $pid and all(.networks[]; .state == "ready")'
}

replies() { grep -c icmp_seq= $packages/replies; }
replies_reach() { (($(replies) >= $1)); } # NUMBER

# Every number up to the last one was answered, before, during and after the upgrade.
package_upgrade() {
	local ping before status=0
	before=$(systemctl show -P MainPID weftd)
	ip netns exec c1 stdbuf -oL ping -n -i 0.05 $peer_container >$packages/replies &
	ping=$!
	try replies_reach 20 && apt-get -q -y install $packages/newer/*.deb && try newer_runs "$before" &&
		try replies_reach $(($(replies) + 20)) || status=1
	kill $ping
	wait $ping
	sed -n 's/.* icmp_seq=\([0-9]*\) .*/\1/p' $packages/replies | sort -n |
		awk '$1 != NR { print "lost: " NR; exit 1 } END { print NR " replies" }' || status=1
	[[ $(dpkg-query -W -f '${Version}\n' weft-cni weftctl weftd) == *+newer$'\n'*+newer$'\n'*+newer ]] || status=1
	grep -qx 'WEFTD_STORE=file:/var/lib/weft/net.json' /etc/default/weftd && ((status == 0)) && return
	journalctl --unit weftd --lines 20 --no-pager
	return 1
}

package_remove() {
	detach && systemctl stop weftd && weftctl cleanup && apt-get -q -y remove weft-cni weftctl weftd &&
		[[ ! -e /usr/sbin/weftd && ! -e /usr/lib/cni/weft && -e /var/lib/weft/node.json ]] &&
		grep -q WEFTD_STORE /etc/default/weftd
}

package_purge() {
	apt-get -q -y purge weft-cni weftctl weftd && no_weft_files || return
	if systemctl cat weftd || ip -o link | grep weft- || nft list ruleset | grep weft; then
		return 1
	fi
	ip netns del peer
}

package_checks() {
	plugin=/usr/lib/cni/weft
	check 'what make install left is removed' package_prepare
	check 'apt installs the packages' package_install
	check 'weftd is configured and becomes ready' package_configure
	echo "# from apt install to a ready node: $(<$packages/seconds) s"
	check 'user, directories and unit are those of the packages' package_user
	check 'a container is attached and reaches another node' package_attach
	check 'udev keeps names and MACs of the devices' package_udev
	check 'systemd-networkd does not manage the devices' package_networkd
	check 'NetworkManager does not manage the devices' package_network_manager
	check 'an upgrade restarts weftd and loses no packet' package_upgrade
	check 'after remove, configuration and state exist' package_remove
	check 'after purge, nothing is left' package_purge
}
