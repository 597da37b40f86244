# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# A host's kernel entries, and the entries that the leases in the store require (docs/design.md):
# for each other node an ARP or ND entry and a route per subnet, the two halves of an FDB
# entry, and no others; and the VNI of the vxlan devices, which each lease names. Both are printed as
# text and compared as text. Sourced by lab.bash.

KERNEL_BRIDGE=weft-br1
KERNEL_VXLAN=weft-vx1
KERNEL_SECOND=weft-v61

# The output of iproute2, sorted, each line after the name of its table. The bridge's own
# addresses ("permanent", not "static") and learned entries are not weft's.
kernel_have() { # HOST
	local device
	{
		echo vni
		for device in "$KERNEL_VXLAN" "$KERNEL_SECOND"; do
			ip -n "$LAB-$1" -d -j link show dev "$device" 2>/dev/null |
				jq -r '.[].linkinfo.info_data.id | "id \(.)"' || true
		done | sort -u
		echo neigh
		ip -n "$LAB-$1" neigh show dev "$KERNEL_BRIDGE" nud permanent
		echo fdb
		bridge -n "$LAB-$1" fdb show dev "$KERNEL_VXLAN" 2>/dev/null || true
		bridge -n "$LAB-$1" fdb show dev "$KERNEL_SECOND" 2>/dev/null || true
		echo route
		ip -n "$LAB-$1" -4 route show dev "$KERNEL_BRIDGE"
		ip -n "$LAB-$1" -6 route show dev "$KERNEL_BRIDGE"
	} | awk '
		NF == 1 { table = $1; next }
		table == "fdb" && !/ static *$| self/ { next }
		table == "route" && /^fe80::/ { next }
		{ sub(/ pref medium *$/, ""); sub(/ *$/, ""); print table, $0 }' | sort
}

# The same text derived from the leases, that is, from each key and value of store_leases. Packets
# to a weft node go to its PublicIP if both nodes have an IPv4 address, else to its PublicIPv6.
# Both halves of an FDB entry come from one message and so have the same state, which cannot be
# "permanent": in the bridge's half that would mean an address of the port itself.
kernel_want() { # HOST
	local v4=true
	[[ $(ip -n "$LAB-$1" -4 address show dev eth0) ]] || v4=false
	store_leases | jq -R -r --argjson v4 "$v4" --arg br "$KERNEL_BRIDGE" \
		--slurpfile network "$LAB_DIR/$1/run/networks/$LAB_NETWORK.json" '
		def is6: test(":");
		def hex: reduce (explode[] | if . > 96 then . - 87 else . - 48 end) as $d (0; . * 16 + $d);
		# The number of a /24 in a /16, or of a /64 in a /48, which IPv6 counts from 1.
		def metric: if is6 then (sub("::$"; "") | split(":")[3] // "0" | hex) + 1
			else split(".")[2] end;
		[$network[0].families[] | .subnet] as $own
		| [$network[0].families[] | .gateway] as $gateways
		| $network[0].mtu as $mtu
		| split("\t") as [$key, $value]
		| [$key | split("&")[] | sub("-(?<l>[0-9]+)$"; "/\(.l)")] as $subnets
		| ($value | fromjson) as $lease
		| "vni id \(($lease.BackendData // $lease.BackendV6Data).VNI)",
		(($lease.Weft.MTU // 0) as $small
		| (if $small > 0 and $small < $mtu then " mtu \($small)" else "" end) as $limit
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
			  "route \($s) via \($base) proto 119 src \($gw) metric \($base | metric) onlink\($limit)"
			] | unique[])
		end)' | sort -u
}

# Succeeds if both are equal, else prints the difference.
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
