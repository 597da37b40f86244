# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The commands that spawn.c runs: weft, floor.c, and bridge + host-local, with equal configurations.
# Sourced by run.sh, for the topics plugin, together and status.

# command_dir DIRECTORY VERB NAMESPACE PROGRAM <CONFIGURATION: writes a directory for spawn.c.
command_dir() {
	mkdir -p "$1"
	cat >"$1/stdin"
	echo "$4" >"$1/argv"
	printf '%s\n' "CNI_COMMAND=$2" "CNI_CONTAINERID=$3" "CNI_NETNS=$(ns_path "$3")" \
		CNI_IFNAME=eth0 "CNI_PATH=$WEFT_CNI_REFERENCE" "PATH=$PATH" >"$1/env"
}

# floor_dirs DIRECTORY NAMESPACE HOST-DEVICE ARGUMENT...: the directories of floor.c and of the undo.
floor_dirs() {
	local dir=$1 ns=$2 device=$3
	shift 3
	mkdir -p "$dir-ADD" "$dir-DEL"
	printf '%s\n' "$WORK/floor" "$KERNEL_BRIDGE" "$device" eth0 "$(ns_path "$ns")" "$@" >"$dir-ADD/argv"
	printf '%s\n' "$(command -v ip)" link del "$device" >"$dir-DEL/argv"
	touch "$dir"-{ADD,DEL}/{env,stdin}
}

weft_config() { # FAMILIES
	cni_config "$(<"$LAB_DIR/host1/10-weft.conflist")" 0 | jq -c --arg run "$LAB_DIR/$1" '.runDir = $run'
}

reference_config() { # FAMILIES
	local ranges='[{"subnet":"10.99.0.0/24"}]'
	[[ $1 != dual ]] || ranges+=',[{"subnet":"fd00:99::/64"}]'
	cat <<-JSON
		{"cniVersion":"1.0.0","name":"$1","type":"bridge","bridge":"cni-$1",
		 "isDefaultGateway":true,"hairpinMode":true,"ipam":{"type":"host-local",
		 "dataDir":"$LAB_DIR/host-local","ranges":[$ranges]}}
	JSON
}

# Writes a run directory for each, so that dual stack needs no dual-stack cluster.
publish() {
	mkdir -p "$LAB_DIR/single/networks" "$LAB_DIR/dual/networks" &&
		cp "$LAB_DIR/host1/run/networks/default.json" "$LAB_DIR/single/networks" &&
		jq '.families[1] = {cluster: "fd00:5::/48", subnet: "fd00:5:0:1::/64", gateway: "fd00:5:0:1::1"}' \
			"$LAB_DIR/single/networks/default.json" >"$LAB_DIR/dual/networks/default.json"
}
