# shellcheck shell=bash disable=SC2034 # suite.bash reads them
# SPDX-License-Identifier: Apache-2.0
#
# weft under the conformance suite (the functions are described in tests/conformance/README.md).
# weftd publishes the node's network once for each file; the other pools are derived from the
# published network.

PLUGIN_BRIDGE=weft-br1
PLUGIN_STATE=run # relative to the host's directory

plugin_up() {
	lab_overlay 1 || return
	# A bridge that has an IPv6 address when weftd reads it keeps IPv6.
	plugin_hold
	ns_run host1 sysctl -q -w "net.ipv6.conf.$PLUGIN_BRIDGE.disable_ipv6=0" &&
		ns_run host1 ip -6 address add fd00:5:1::1/64 dev "$PLUGIN_BRIDGE" nodad || return
	plugin_resume
	plugin_pool dual '.families += [{"cluster":"fd00:5::/32","subnet":"fd00:5:1::/64","gateway":"fd00:5:1::1"}]'
	plugin_pool small ".families[0] |= (.subnet = \"$(host_gateway host1 | sed 's/1$/0/')/29\")"
}

plugin_pool() { # NAME FILTER
	mkdir -p "$LAB_DIR/host1/run/pool-$1/networks"
	jq "$2" "$LAB_DIR/host1/run/networks/default.json" \
		>"$LAB_DIR/host1/run/pool-$1/networks/default.json"
}

# The configuration of a call. Pools: default, dual, small (10.x.y.2 to .6).
plugin_conf() { # POOL
	local run=$LAB_DIR/host1/run
	[[ $1 == default ]] || run+=/pool-$1
	jq -n -c --arg run "$run" '{cniVersion: "1.0.0", name: "net", type: "weft", runDir: $run}'
}

# A running weftd would repair the faults that a test creates.
plugin_hold() { kill -s STOP "$(weftd_pid host1)"; }
plugin_resume() { kill -s CONT "$(weftd_pid host1)"; }

plugin_program() { echo "$WEFT_BIN_DIR/weft"; }
plugin_gateway() { host_gateway host1; }
plugin_subnet() { host_subnet host1; }

# Files of weftd, and files that are kept between attachments, do not count.
plugin_file_counts() { [[ $1 != */lock && $1 != */networks/* && $1 != */control.sock && $1 != */weftd.lock && $1 != */events && $1 != */events.1 && $1 != */last_reserved_ip.* ]]; }
