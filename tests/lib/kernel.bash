# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a host's kernel holds, beside what the leases in etcd say that it must
# hold (docs/design.md): for every other node an ARP or ND entry and a route for
# each of its subnets, the two halves of an FDB entry; and nothing else. Both sides
# are text, to be compared as text. Sourced by lab.bash.

KERNEL_BRIDGE=weft-br1
KERNEL_VXLAN=weft-vx1
KERNEL_SECOND=weft-v61

# As iproute2 prints them, sorted, each line led by its table's name. The bridge's
# own addresses ("permanent", not "static") and what it learned are not weft's.
kernel_have() { # HOST
	local device
	{
		ip -n "$LAB-$1" neigh show dev "$KERNEL_BRIDGE" nud permanent | sed 's/^/neigh /'
		for device in "$KERNEL_VXLAN" "$KERNEL_SECOND"; do
			bridge -n "$LAB-$1" fdb show dev "$device" 2>/dev/null |
				grep -E ' static$| self' | sed 's/^/fdb /'
		done
		ip -n "$LAB-$1" -4 route show dev "$KERNEL_BRIDGE" | sed 's/^/route /'
		ip -n "$LAB-$1" -6 route show dev "$KERNEL_BRIDGE" |
			sed '/^fe80::/d; s/^/route /; s/ pref medium$//'
	} | sed 's/ *$//' | sort
}

# The same text made from the leases: of each line of store_leases its key and value. A weft
# node's packets go to its PublicIP, where both have such an address, else to its PublicIPv6.
# Both halves of an FDB entry come from one message and so have one state, which cannot
# be "permanent": in the bridge's half that would mean an address of the port itself.
kernel_want() { # HOST
	local v4=true
	ip -n "$LAB-$1" -4 address show dev eth0 | grep -q inet || v4=false
	store_leases | jq -R -r --argjson own "$(host_network "$1" '[.families[].subnet]|tojson')" \
		--argjson gateways "$(host_network "$1" '[.families[].gateway]|tojson')" \
		--argjson v4 "$v4" --arg br "$KERNEL_BRIDGE" '
		def is6: test(":");
		def hex: reduce (explode[] | if . > 96 then . - 87 else . - 48 end) as $d (0; . * 16 + $d);
		# The number of a /24 in a /16, or of a /64 in a /48, which IPv6 counts from 1.
		def metric: if is6 then (sub("::$"; "") | split(":")[3] // "0" | hex) + 1
			else split(".")[2] end;
		split("\t") as [$key, $value]
		| [$key | split("&")[] | sub("-(?<l>[0-9]+)$"; "/\(.l)")] as $subnets
		| ($value | fromjson) as $lease
		| if $subnets == $own then
			range($own | length) | . as $i | $own[$i] |
			if is6 then "route \(.) proto kernel metric 256"
			else "route \(.) proto kernel scope link src \($gateways[$i])" end
		else
			([$subnets[] | . as $s | ($s | split("/")[0]) as $base
			| (if is6 and ($lease.Weft | not) then $lease.BackendV6Data
				else $lease.BackendData // $lease.BackendV6Data end).VtepMAC as $mac
			| (if $lease.Weft then
				(if $v4 and $lease.PublicIP != "0.0.0.0" and $lease.PublicIP then
				$lease.PublicIP else $lease.PublicIPv6 end)
				elif is6 then $lease.PublicIPv6 else $lease.PublicIP end) as $vtep
			| ($gateways[] | select(is6 == ($s | is6))) as $gw
			| "neigh \($base) lladdr \($mac) PERMANENT",
			  "fdb \($mac) dst \($vtep) self sticky static",
			  "fdb \($mac) sticky master \($br) static",
			  "route \($s) via \($base) proto 119 src \($gw) metric \($base | metric) onlink"
			] | unique[])
		end' | sort
}

# Whether the two are the same; says how they differ.
kernel_agrees() { # HOST
	diff -u --label "$1: wanted by the leases" --label "$1: in the kernel" \
		<(kernel_want "$1") <(kernel_have "$1")
}

kernel_settled() { # HOST...
	local host
	for host in "$@"; do
		wait_for 20 kernel_agrees "$host" || return
	done
}
