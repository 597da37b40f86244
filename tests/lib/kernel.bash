# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What a host's kernel holds, beside what the leases in etcd say that it must
# hold (docs/design.md): for every other node an ARP entry, the two halves of an
# FDB entry, a route; and nothing else. Both sides are text, to be compared as
# text. Sourced by lab.bash.

KERNEL_BRIDGE=weft-br1
KERNEL_VXLAN=weft-vx1

# As iproute2 prints them, sorted, each line led by its table's name. The bridge's
# own addresses ("permanent", not "static") and what it learned are not weft's.
kernel_have() { # HOST
	{
		ip -n "$LAB-$1" neigh show dev "$KERNEL_BRIDGE" nud permanent | sed 's/^/neigh /'
		bridge -n "$LAB-$1" fdb show dev "$KERNEL_VXLAN" |
			grep -E ' static$| self' | sed 's/^/fdb /'
		ip -n "$LAB-$1" -4 route show dev "$KERNEL_BRIDGE" | sed 's/^/route /'
	} | sed 's/ *$//' | sort
}

# The same text made from the leases: of each line of etcd_leases its key and value.
# Both halves of an FDB entry come from one message and so have one state, which cannot
# be "permanent": in the bridge's half that would mean an address of the port itself.
kernel_want() { # HOST
	local own
	own=$(host_subnet "$1")
	etcd_leases | jq -R -r --arg own "$own" --arg gw "$(host_gateway "$1")" \
		--arg br "$KERNEL_BRIDGE" '
		split("\t") as [$key, $value]
		| ($key | split("-")) as [$base, $len]
		| if "\($base)/\($len)" == $own then
			"route \($own) proto kernel scope link src \($gw)"
		else
			($value | fromjson) as $lease
			| $lease.BackendData.VtepMAC as $mac
			| ($base | split(".")[2]) as $index # of a /24 in a /16
			| "neigh \($base) lladdr \($mac) PERMANENT",
			  "fdb \($mac) dst \($lease.PublicIP) self sticky static",
			  "fdb \($mac) sticky master \($br) static",
			  "route \($base)/\($len) via \($base) proto 119 src \($gw) metric \($index) onlink"
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
