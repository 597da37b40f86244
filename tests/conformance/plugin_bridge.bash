# shellcheck shell=bash disable=SC2034 # suite.bash reads them
# SPDX-License-Identifier: Apache-2.0
#
# The reference plugins bridge and host-local under the conformance suite (see README.md).

PLUGIN_BRIDGE=cni0
PLUGIN_STATE=state

plugin_up() {
	local kind address
	lab_hosts 1 && mkdir "$LAB_DIR/host1/state" || return
	ns_run host1 ip link add cni0 type bridge || return
	ns_run host1 ip link set cni0 address 02:00:00:00:00:01 up
	for address in 10.5.1.1/24 fd00:5:1::1/64; do
		kind=()
		[[ $address != *:* ]] || kind=(nodad)
		ns_run host1 ip address add "$address" dev cni0 "${kind[@]}" || return
	done
	ns_run host1 sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

plugin_conf() { # POOL
	local ranges='[[{"subnet":"10.5.1.0/24"}]]'
	case $1 in
	dual) ranges='[[{"subnet":"10.5.1.0/24"}],[{"subnet":"fd00:5:1::/64"}]]' ;;
	small) ranges='[[{"subnet":"10.5.1.0/24","rangeStart":"10.5.1.2","rangeEnd":"10.5.1.6"}]]' ;;
	esac
	jq -n -c --arg dir "$LAB_DIR/host1/state/$1" --argjson ranges "$ranges" '{cniVersion: "1.0.0",
		name: "net", type: "bridge", bridge: "cni0", isDefaultGateway: true, hairpinMode: true,
		ipam: {type: "host-local", dataDir: $dir, ranges: $ranges}}'
}

plugin_hold() { :; }
plugin_resume() { :; }

plugin_program() { echo "$WEFT_CNI_REFERENCE/bridge"; }
plugin_gateway() { echo 10.5.1.1; }
plugin_subnet() { echo 10.5.1.0/24; }
plugin_file_counts() { [[ $1 != */lock && $1 != */last_reserved_ip.* ]]; }
