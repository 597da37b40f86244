#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # run sets output and lines; suite.bash reads the others
#
# ADD: the attachment, the optional parameters, and the rollback of a failed ADD.

load suite

added() { # CONTAINER [FILTER]
	run --separate-stderr add "$@"
	assert_success
}

not_added() { # CONTAINER [FILTER]
	run --separate-stderr add "$@"
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
	assert_json "$output" '.code > 0 and (.msg | length > 0)'
}

bridge_is() { ip_in host1 -j link show "$PLUGIN_BRIDGE" | jq -c '.[0] | [.ifindex, .address]'; }

@test "A2 an existing bridge is used and not changed" {
	local bridge
	bridge=$(bridge_is)
	added c1
	assert_equal "$(bridge_is)" "$bridge"
}

@test "A3 a device with the bridge's name that is not a bridge is refused" {
	plugin_hold
	ip_in host1 link set "$PLUGIN_BRIDGE" down
	ip_in host1 link set "$PLUGIN_BRIDGE" name kept
	ip_in host1 link add "$PLUGIN_BRIDGE" type veth peer name other
	run --separate-stderr add c1
	ip_in host1 link del "$PLUGIN_BRIDGE"
	ip_in host1 link set kept name "$PLUGIN_BRIDGE"
	ip_in host1 link set "$PLUGIN_BRIDGE" up
	restore_gateway6
	plugin_resume
	assert_failure
	assert_output --partial 'not a bridge'
	clean
}

@test "A4 both ends of the veth pair are up, and the port forwards" {
	added c1
	run ip_in c1 -d -j link show eth0
	assert_json "$output" '.[0].operstate == "UP" and .[0].linkinfo.info_kind == "veth"'
	assert_json "$(port_of c1)" '.state == "forwarding"'
	assert_equal "$(ip_in host1 -j link show "$(veth_of c1)" | jq -r '.[0].master')" "$PLUGIN_BRIDGE"
}

@test "A5 the container has exactly the addresses of the result" {
	local pool
	for pool in default dual; do
		added c1
		assert_equal \
			"$(ip_in c1 -j address show dev eth0 | jq -r '.[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"' | sort)" \
			"$(jq -r '.ips[].address' <<<"$output" | sort)"
		del c1
	done
}

@test "A6 each family has a default route via the gateway" {
	pool=dual
	added c1
	run ip_in c1 route show default
	assert_output --partial "default via $(plugin_gateway) dev eth0"
	refute_output --partial src
	run ip_in c1 -6 route show default
	assert_output --partial 'default via fd00:5:1::1 dev eth0'
}

@test "A7 the bridge has the gateway addresses" {
	added c1
	run ip_in host1 -j address show dev "$PLUGIN_BRIDGE"
	assert_json "$output" ".[0].addr_info | any(.local == \"$(plugin_gateway)\" and .prefixlen == 24)"
	assert_equal "$(jq -r '.ips[0].gateway' "$(cache_of c1)")" "$(plugin_gateway)"
}

@test "A8 adding and removing containers does not change the bridge's MAC" {
	local bridge n
	bridge=$(bridge_is)
	for n in 2 3 4; do
		ns_add c$n
		added c$n
		[[ $(bridge_is) != *"$(ip_in host1 -j link show "$(veth_of c$n)" | jq -r '.[0].address')"* ]]
	done
	for n in 3 2 4; do
		del c$n
		assert_equal "$(bridge_is)" "$bridge"
	done
}

@test "A9 an existing interface of that name is kept, ADD fails and allocates nothing" {
	ip_in c1 link add eth0 type veth peer name other
	ip_in c1 address add 192.0.2.1/24 dev eth0
	not_added c1
	run ip_in c1 -o address show dev eth0
	assert_output --partial 192.0.2.1/24
	clean
}

@test "A10 a missing namespace is refused" {
	netns=/run/netns/$LAB-absent
	not_added c1
	clean
}

@test "A11 an ADD that fails after the address allocation is rolled back" {
	# The kernel refuses the unreachable next hop after all other objects are created.
	not_added c1 '.routes = [{"dst":"10.77.0.0/16","gw":"192.0.2.1"}]
		| if .ipam then .ipam.routes = .routes else . end'
	run ip_in c1 link show eth0
	assert_failure
	clean
}

@test "A12 an exhausted pool: the error names the subnet, and no device is left" {
	local n between
	pool=small
	for n in 2 3 4 5 6; do
		ns_add c$n
		added c$n
	done
	between=$(traces)
	not_added c1
	assert_output --regexp '10\.5\.[0-9]+\.'
	traces_are "$between"
	for n in 2 3 4 5 6; do
		del c$n
	done
	clean
}

@test "A13 a requested MAC: runtimeConfig before args before CNI_ARGS" {
	args='IgnoreUnknown=1;MAC=02:00:00:00:01:01'
	added c1
	assert_equal "$(mac_in c1)" 02:00:00:00:01:01
	assert_json "$output" '.interfaces[-1].mac == "02:00:00:00:01:01"'
	del c1
	added c1 '.args.cni.mac = "02:00:00:00:01:02"'
	assert_equal "$(mac_in c1)" 02:00:00:00:01:02
	del c1
	added c1 '.args.cni.mac = "02:00:00:00:01:02" | .runtimeConfig.mac = "02:00:00:00:01:03"'
	assert_equal "$(mac_in c1)" 02:00:00:00:01:03
	reaches c1 "$(plugin_gateway)"
}

@test "A14 an invalid MAC is refused" {
	local mac
	for mac in 02:00:00:00:01 zz:00:00:00:00:00 ''; do
		[[ -n $mac ]] || continue
		not_added c1 ".runtimeConfig.mac = \"$mac\""
	done
	args='IgnoreUnknown=1;MAC=nonsense'
	not_added c1
	clean
}

@test "A15 a requested address is allocated, with each of the three ways to request it" {
	local net
	net=$(plugin_subnet)
	net=${net%.*}
	added c1 ".runtimeConfig.ips = [\"$net.77/24\"]"
	assert_equal "$(address_of c1)" "$net.77"
	reaches c1 "$(plugin_gateway)"
	ns_add c2
	not_added c2 ".args.cni.ips = [\"$net.77\"]" # in use
	not_added c2 ".args.cni.ips = [\"192.0.2.5\"]" # outside the subnet
	not_added c2 ".args.cni.ips = [\"$net.1\"]" # the gateway
	added c2 ".args.cni.ips = [\"$net.78\"]"
	assert_equal "$(address_of c2)" "$net.78"
	ns_add c3
	args="IgnoreUnknown=1;IP=$net.79"
	added c3
	assert_equal "$(address_of c3)" "$net.79"
}

@test "A17 hairpin mode of the port, on and off" {
	added c1
	assert_json "$(port_of c1)" '.hairpin == true'
	del c1
	added c1 '.hairpinMode = false'
	assert_json "$(port_of c1)" '.hairpin == false'
}

@test "A18 isolated ports reach the host but not each other" {
	ns_add c2
	added c1 '.portIsolation = true'
	added c2 '.portIsolation = true'
	assert_json "$(port_of c1)" '.isolated == true'
	run reaches c1 "$(address_of c2)"
	assert_failure
	reaches c1 "$(plugin_gateway)"
	del c2
	added c2
	assert_json "$(port_of c2)" '.isolated == false'
	reaches c1 "$(address_of c2)"
}

@test "A20 both ends of the veth pair have the configured MTU" {
	added c1 '.mtu = 1300'
	assert_equal "$(ip_in c1 -j link show eth0 | jq '.[0].mtu')" 1300
	assert_equal "$(ip_in host1 -j link show "$(veth_of c1)" | jq '.[0].mtu')" 1300
}

@test "A21 forwarding is enabled on the host" {
	added c1
	assert_equal "$(ns_run host1 sysctl -n net.ipv4.ip_forward)" 1
}

@test "A22 no address is tentative when ADD returns, or later" {
	local n
	pool=dual
	for n in 1 2 3 4 5; do
		added c1
		run ip_in c1 -6 address show dev eth0 scope global
		refute_output --partial tentative
		del c1
	done
	added c1
	assert_equal "$(ns_run c1 cat /proc/sys/net/ipv6/conf/eth0/accept_dad)" 0
}

@test "A23 IPv6 is enabled in a namespace that has it disabled if the container has an IPv6 address" {
	pool=dual
	ns_run c1 sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	added c1
	assert_equal "$(ns_run c1 cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6)" 0
	reaches c1 fd00:5:1::1
}

@test "A24 routes with metric, table, scope and MTU" {
	added c1 '.routes = [{"dst":"10.70.0.0/16"},{"dst":"10.71.0.0/16","priority":7,"table":77,"mtu":1300},
		{"dst":"10.72.0.0/16","scope":253,"gw":null}]
		| if .ipam then .ipam.routes = .routes else del(.routes[2].gw) end'
	run ip_in c1 route show 10.70.0.0/16
	assert_output --partial "via $(plugin_gateway)"
	run ip_in c1 route show table 77
	assert_output --partial "10.71.0.0/16 via $(plugin_gateway)"
	assert_output --partial 'metric 7 mtu 1300'
	run ip_in c1 route show 10.72.0.0/16
	assert_output --partial 'scope link'
}

@test "A24 two routes to one destination, by two gateways" {
	local routes='[{"dst":"10.88.0.0/16","gw":"10.5.1.8"},{"dst":"10.88.0.0/16","gw":"10.5.1.9"}]'
	routes=${routes//10.5.1./$(plugin_gateway | sed 's/[0-9]*$//')}
	added c1 ".routes = $routes | if .ipam then .ipam.routes = .routes else . end"
	run ip_in c1 route show 10.88.0.0/16
	assert_equal "${#lines[@]}" 2
	check c1
	ip_in c1 route del 10.88.0.0/16 via "$(plugin_gateway | sed 's/1$/9/')"
	run --separate-stderr check c1
	assert_failure
}

@test "A24 two IPv6 routes to one destination, and two routes of a delegated IPAM plugin" {
	pool=dual
	added c1 '.routes = [{"dst":"fd88::/16","gw":"fd00:5:1::8"},{"dst":"fd88::/16","gw":"fd00:5:1::9"}]
		| if .ipam then .ipam.routes = .routes else . end'
	assert_equal "$(ip_in c1 -6 route show fd88::/16 | grep -c 'via fd00:5:1::[89]')" 2
	check c1
	del c1
	pool=default
	added c1 "$(delegate) | .ipam.routes = [{dst: \"10.88.0.0/16\", gw: \"10.5.1.8\"}, {dst: \"10.88.0.0/16\", gw: \"10.5.1.9\"}]"
	run ip_in c1 route show 10.88.0.0/16
	assert_equal "${#lines[@]}" 2
	del c1 "$(delegate)"
	clean
}

@test "A27 the dns of a delegated IPAM plugin is in the result" {
	echo 'nameserver 192.0.2.7' >"$LAB_DIR/cache/resolv.conf"
	added c1 "$(delegate) | .ipam.resolvConf = \"$LAB_DIR/cache/resolv.conf\""
	assert_json "$output" '.dns.nameservers == ["192.0.2.7"]'
	[[ $(address_of c1) =~ ^10\.5\.1\.20[0-9]$ ]] # the delegate's next address
	del c1 "$(delegate)"
	clean
}

@test "A28 the host's own namespace is refused without side effects, and allowed by CNI_NETNS_OVERRIDE" {
	netns=$(ns_path host1)
	not_added c1
	run ip_in host1 -o link show eth0
	assert_output --partial 'eth0@'
	netns=$(ns_path host1) ifname=inhost
	traces_are "$before"
	override=1
	added c1
	ip_in host1 link show inhost
	del c1
	clean
}

@test "A29 a reused address is reachable at once under continuous traffic" {
	local address again n lost
	pool=small
	ns_add c2
	added c2
	added c1
	address=$(address_of c1)
	# Continuous traffic keeps the neighbour entries from becoming stale.
	flow_start sibling c2 "$address" 500
	flow_start host host1 "$address" 500
	for n in 1 2 3 4 5 6 7 8 9 10; do
		del c1
		added c1
		again=$(address_of c1)
		[[ $again != "$address" ]] || break
	done
	assert_equal "$again" "$address"
	flow_runs sibling
	flow_runs host
	flow_start sibling-again c2 "$address" 50
	flow_start host-again host1 "$address" 50
	for n in sibling host; do
		lost=$(flow_lost $n-again)
		[[ $lost != all ]] && ((lost <= 5)) || fail "$n: $lost of 50 packets were lost"
		proc_stop flow-$n INT
		proc_log flow-$n | grep -q ' [1-9][0-9]* received'
	done
}

@test "A30 containers and host reach each other in both families, with packets of the full MTU" {
	local family to mtu
	pool=dual
	ns_add c2
	added c1
	added c2
	mtu=$(ip_in c1 -j link show eth0 | jq '.[0].mtu')
	for to in $(jq -r '.ips[].address | split("/")[0]' "$(cache_of c2)") "$(plugin_gateway)" fd00:5:1::1; do
		family=28
		[[ $to != *:* ]] || family=48
		ping_once c1 "$to" -M "do" -s $((mtu - family))
	done
	for to in $(jq -r '.ips[].address | split("/")[0]' "$(cache_of c1)"); do
		reaches host1 "$to"
	done
}

@test "A33 frames with another source MAC are dropped" {
	local key=macSpoofCheck
	[[ $CNI_PLUGIN == weft ]] || key=macspoofchk
	# A table of the plugin may stay, without elements.
	added c1 ".$key = true"
	del c1
	before=$(traces)
	added c1 ".$key = true"
	reaches c1 "$(plugin_gateway)"
	ip_in c1 link set eth0 address 02:66:66:66:66:66
	run reaches c1 "$(plugin_gateway)"
	assert_failure
	del c1
	clean
}

@test "A35 an invalid result of a delegated IPAM plugin is refused" {
	local ips
	for ips in '[{"address":"10.5.1.9/24","interface":7}]' '[{"address":"nonsense"}]' '[]' '"x"'; do
		fake_plugin odd "cat >/dev/null; [[ \$CNI_COMMAND != ADD ]] || echo '{\"cniVersion\":\"1.0.0\",\"ips\":$ips}'"
		not_added c1 '.ipam = {"type":"odd"}'
		clean
	done
	fake_plugin odd 'cat >/dev/null; echo nonsense; exit 1'
	not_added c1 '.ipam = {"type":"odd"}'
	not_added c1 '.ipam = {"type":"absent"}'
	# A record may be kept, so that DEL calls the delegate; a device may not.
	run grep -v eth0 < <(ip_in host1 -o link show type veth)
	assert_output ''
}

@test "A36 a foreign device with the name of the host's veth is kept, and the error names it" {
	local name
	only_weft 'its names are random'
	added c1
	name=$(veth_of c1)
	del c1
	ip_in host1 link add "$name" type veth peer name other
	ip_in host1 link set "$name" alias foreign
	not_added c1
	assert_output --partial "$name"
	del c1
	run ip_in host1 link show "$name"
	assert_success
	assert_output --partial foreign
}
